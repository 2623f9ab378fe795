"""Running the notebooks headless: copies, what is kept, failures, interruptions, pages."""

import json
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from conftest import PROFILE

from helpers import data, settings
from helpers.maintenance import commands, execution, notebooks, publishing, site, stamp

pytestmark = pytest.mark.usefixtures("no_real_data", "no_pages")
REPOSITORY = settings.REPOSITORY
LOAD = data.load


@pytest.fixture
def no_pages(monkeypatch):
    """Runs build no pages, which takes seconds; tests/test_site.py builds those of one run."""
    monkeypatch.setattr(site, "build_of_run", lambda folder, *_: folder / "this_run.html")


def passing(results_path):
    """Cells that note in a file that they ran."""
    return [PROFILE, f"open({str(results_path)!r}, 'a').write('ran ')", "print(3)"]


# Running.


def test_copies_are_executed_and_kept(small_series, tmp_path, capsys):
    folder = small_series(n01_first=passing(tmp_path / "log"), n02_second=["print(4)"])
    assert execution.run("smoke", seed=7) == 0
    said = capsys.readouterr().out
    assert "[1/2] 01_first: passed in" in said and "2 of 2 notebooks passed" in said
    outputs = tmp_path / "outputs" / "smoke"
    executed = nbformat.read(outputs / "executed" / "01_first.ipynb", as_version=4)
    assert stamp.code_cells(executed)[1].outputs[0].text == "smoke 7\n"
    assert "outputs" not in json.dumps(
        [cell.get("outputs") or None for cell in notebooks.read("01_first").cells]
    )
    names = sorted(path.name for path in folder.glob("*.ipynb"))
    assert names == ["01_first.ipynb", "02_second.ipynb"]


def test_what_is_finished_is_not_run_again(small_series, tmp_path, capsys):
    log = tmp_path / "log"
    small_series(n01_first=passing(log))
    for arguments in ({}, {}, {"fresh": True}, {"seed": 1}):
        assert execution.run("smoke", **arguments) == 0
    assert log.read_text() == "ran " * 3
    assert "Finished before and unchanged, so not run again: 01_first" in capsys.readouterr().out
    small_series(n01_first=[*passing(log), "print(5)"])
    assert execution.run("smoke") == 0
    assert log.read_text() == "ran " * 4


def test_a_failing_notebook_is_named_and_the_others_run(small_series, tmp_path, capsys):
    small_series(
        n01_first=["print(1)", "raise ValueError('first line\\nlast line')"],
        n02_second=["print(2)"],
    )
    assert execution.run("smoke") == 1
    said = capsys.readouterr().out
    assert re.search(r"01_first: FAILED after .* in cell 3 of 3: ValueError: last line", said)
    assert "02_second: passed" in said and "1 of 2 notebooks passed" in said
    record = json.loads((tmp_path / "outputs/smoke/record.json").read_text("utf-8"))
    assert "ValueError: last line" in record["01_first"]["failure"]
    assert execution.run("smoke") == 1, "a notebook that failed runs again"


def test_a_kernel_that_dies_is_named(small_series, capsys):
    small_series(n01_first=["import os", "os._exit(1)"])
    assert execution.run("smoke") == 1
    assert "cell 3 of 3: the kernel died" in capsys.readouterr().out


def test_a_change_anywhere_in_helpers_means_running_again(small_series, tmp_path):
    small_series(n01_first=None)
    found = [execution._sources("01_first", "smoke", 0)]
    (tmp_path / "helpers" / "plotting" / "__pycache__").mkdir(parents=True)
    for name in ("style.py", "style.mplstyle", "__pycache__/style.pyc"):
        (tmp_path / "helpers" / "plotting" / name).write_text(name)
        found.append(execution._sources("01_first", "smoke", 0))
    assert len(set(found)) == 3 and found[2] == found[3]


def test_interruption_keeps_what_is_finished(small_series, tmp_path):
    log, started = tmp_path / "log", tmp_path / "started"
    wait = f"Path({str(started)!r}).touch()\ntime.sleep(600)"
    folder = small_series(
        n01_first=passing(log), n02_second=["import time; from pathlib import Path", wait]
    )
    program = (
        "import sys; from pathlib import Path; from helpers import settings\n"
        "from helpers.maintenance import commands\n"
        f"settings.NOTEBOOKS, settings.OUTPUTS = Path({str(folder)!r}), Path({str(tmp_path)!r})\n"
        "sys.exit(commands.main(['run', '--profile', 'smoke']))"
    )
    # A shell's background job ignores Ctrl-C, and so would the tests of a build that is one.
    command = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{program}"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", command],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)[0].partition("02_second: running")[2]
    said = said.partition("\n")[2]
    assert process.returncode == 130
    assert "Interrupted: 1 of 2 notebooks are finished and kept" in said
    assert len(said.strip().splitlines()) == 1, "one sentence, no traceback"
    assert (tmp_path / "smoke" / "executed" / "01_first.ipynb").exists()


def test_only_chooses_by_number_or_stem(small_series):
    small_series(n01_first=None, n05_fifth=None)
    assert notebooks.choose(["5"]) == notebooks.choose(["05"]) == notebooks.choose(["05_fifth"])
    assert notebooks.choose(None) == ["01_first", "05_fifth"]
    with pytest.raises(settings.UserError, match="no notebook '07': choose among 01_first"):
        notebooks.choose(["07"])


def test_readers_of_results_run_again_when_results_may_have_changed(small_series, tmp_path):
    log = tmp_path / "log"
    reader = [f"# runs.table()\nopen({str(log)!r}, 'a').write('read ')"]
    small_series(n01_first=["print(1)"], n17_table=reader)
    for _ in range(2):
        assert execution.run("smoke") == 0
    assert log.read_text() == "read "
    small_series(n01_first=["print(2)"], n17_table=reader)
    assert execution.run("smoke") == 0
    assert log.read_text() == "read read "
    result = tmp_path / "notebooks" / "results" / "model" / "seed_0.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    assert execution.run("smoke") == 0
    assert log.read_text() == "read read read "


def test_a_series_whose_notebooks_write_results_settles(small_series, tmp_path, capsys):
    log, place = tmp_path / "log", tmp_path / "outputs" / "smoke" / "results"

    def writes(name):
        content = f'{{{{"notebook": "{name}", "written": {{time.time()}}}}}}'
        return [
            "import pathlib, time  # runs.table()",
            f"place = pathlib.Path({str(place)!r}) / {name!r}\n"
            "place.mkdir(parents=True, exist_ok=True)\n"
            f"(place / 'seed_0.json').write_text(f{content!r})\n"
            f"open({str(log)!r}, 'a').write({name!r} + ' ')",
        ]

    small_series(n01_first=writes("01_first"), n02_second=writes("02_second"))
    for _ in range(3):
        assert execution.run("smoke") == 0
    assert log.read_text() == "01_first 02_second "
    assert "cannot be used" in capsys.readouterr().out, "a bad result does not end the series"
    small_series(n01_first=[*writes("01_first"), "1"], n02_second=writes("02_second"))
    assert execution.run("smoke") == 0
    assert log.read_text() == "01_first 02_second " * 2


def test_without_real_data_the_sample_runs_loudly(small_series, monkeypatch, capsys):
    def missing(name=None):
        raise data.DataError("Fashion-MNIST was not found on this machine.")

    monkeypatch.setattr(data, "load", missing)
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    small_series(n01_first=[PROFILE])
    assert execution.run("quick") == 0
    said = capsys.readouterr().out
    assert "THE REAL DATA CANNOT BE HAD, SO THE SMOKE PROFILE RUNS INSTEAD OF QUICK" in said
    assert "Profile smoke, seed 0" in said
    with pytest.raises(data.DataError):
        publishing.publish()


def test_a_wrong_data_folder_is_an_error(small_series, monkeypatch):
    monkeypatch.setattr(data, "load", LOAD)
    monkeypatch.setenv("FASHION_MNIST_DIR", "nowhere")
    small_series(n01_first=[PROFILE])
    with pytest.raises(data.DataError, match="nowhere does not exist"):
        execution.run("quick")


def test_remaining_time_follows_the_speed_of_the_machine():
    progress = execution._Progress(["a", "b", "c"], {"a": 10.0, "b": 20.0, "c": None})
    progress.begin("a")
    assert progress.remaining(0.0) is None, "nothing is known of c yet"
    progress.taken["a"] = 30.0
    progress.begin("b")
    assert progress.remaining(15.0) == pytest.approx(45.0 + 30.0)
    assert progress.remaining(100.0) == pytest.approx(30.0)


def test_the_line_of_a_terminal_shows_what_the_cell_prints(small_series, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    small_series(n01_first=["import time\nprint('a', end='\\repoch 1/2')\ntime.sleep(2)"])
    assert execution.run("smoke") == 0
    said = capsys.readouterr().out
    assert re.search(r"\r\[1/1\] 01_first: cell 2 of 2, .* elapsed.* \| epoch 1/2 ", said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--only", "99"], "no notebook '99'"),
        (["address", "no address"], "is no repository on GitHub"),
    ],
)
def test_errors_are_one_sentence(arguments, words, capsys):
    assert commands.main(arguments) == 2
    assert words in capsys.readouterr().err


def test_importing_what_runs_notebooks_imports_no_tensorflow():
    program = "import sys, helpers.maintenance.publishing; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)
