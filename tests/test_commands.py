"""The command line: results as tables, one sentence and a status where something is wrong."""

import subprocess
import sys

import pandas as pd
import pytest
from cheap import cheaply
from conftest import BASELINE as MODEL

from helpers import settings, tables
from helpers.maintenance import commands


class TestCommand:
    def test_csv_reads_back(self, stored, tmp_path, capsys):
        stored()
        stored(f"{MODEL}__arm", variant_of=MODEL)
        assert commands.main(["results", "--csv", "--variants", "--folder", str(tmp_path)]) == 0
        text = capsys.readouterr().out
        (tmp_path / "table.csv").write_text(text)
        found = pd.read_csv(tmp_path / "table.csv")
        assert tuple(found.columns) == tables.COLUMNS
        pd.testing.assert_frame_equal(
            found, tables.table(tmp_path, variants=True), check_dtype=False, rtol=1e-5
        )

    def test_damaged_results_end_in_one_sentence(self, stored, tmp_path, capsys):
        stored().write_text("{")
        assert commands.main(["results", "--folder", str(tmp_path)]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1

    def test_folder_that_does_not_exist(self, tmp_path, capsys):
        assert commands.main(["results", "--folder", str(tmp_path / "none")]) == 2
        assert "is no folder" in capsys.readouterr().err

    def test_no_results(self, tmp_path, capsys):
        assert commands.main(["results", "--folder", str(tmp_path)]) == 0
        assert "yet" in capsys.readouterr().out

    def test_as_a_program_it_needs_no_tensorflow(self, stored, tmp_path):
        stored()
        program = (
            "import sys; from helpers.maintenance.commands import main\n"
            "assert main(['results', '--folder', sys.argv[1]]) == 0\n"
            "import helpers.evaluation\n"
            "assert not {'tensorflow', 'keras'} & set(sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            cwd=settings.REPOSITORY,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert MODEL in done.stdout and max(map(len, done.stdout.splitlines())) <= 120

    def test_all_are_listed_and_each_has_help(self, capsys):
        assert commands.main([]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]] == list(
            commands.COMMANDS
        )
        for name in commands.COMMANDS:
            with pytest.raises(SystemExit, match="0"):
                commands.main([name, "--help"])
            assert f"python -m helpers {name}" in capsys.readouterr().out

    def test_an_unknown_one_is_refused(self, capsys):
        assert commands.main(["retrain"]) == 2
        assert "There is no command 'retrain'." in capsys.readouterr().out

    def test_a_new_model_is_trained_and_stands_in_table_and_figure(
        self, smoke, monkeypatch, tmp_path, capsys
    ):
        monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path / "results"))
        with cheaply():
            assert commands.main(["train", MODEL, "--epochs", "1"]) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith(f"{MODEL}, seed 0: test")
        words = ["--folder", str(tmp_path / "results"), "--figure", str(tmp_path / "figure.png")]
        assert commands.main(["results", *words]) == 0
        assert MODEL in capsys.readouterr().out
        assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
        assert commands.main(["train", "cnn_gone"]) == 2
        assert "cnn_gone" in capsys.readouterr().err
