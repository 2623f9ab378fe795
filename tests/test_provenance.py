"""Provenance: the commit is the checkout's, and a result names the definitions it went through."""

import ast
import dataclasses
import json
import re
import shutil
import subprocess

import nbformat
import pandas as pd
import pytest

from helpers import definitions, runs, settings
from helpers.maintenance import commands, provenance


@pytest.fixture
def checkout(tmp_path):
    """A folder under git with two committed files; call it to run git there."""

    def git(*arguments):
        options = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *options, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    if shutil.which("git") is None:
        pytest.skip("there is no git on this machine")
    git("init", "-q")
    results = tmp_path / "notebooks" / "results"
    results.mkdir(parents=True)
    (results / "seed_0.json").write_text("{}")
    (tmp_path / "code.py").write_text("one = 1")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return git


class TestCommit:
    def test_is_that_of_the_checkout(self, checkout, tmp_path):
        assert definitions.commit(tmp_path) == checkout("rev-parse", "HEAD")

    def test_changed_files_are_marked(self, checkout, tmp_path):
        (tmp_path / "code.py").write_text("one = 2")
        assert definitions.commit(tmp_path) == checkout("rev-parse", "HEAD") + "+"
        checkout("add", ".")
        assert definitions.commit(tmp_path).endswith("+")
        checkout("commit", "-q", "-m", "second")
        assert definitions.commit(tmp_path) == checkout("rev-parse", "HEAD")

    def test_a_checkout_that_cannot_be_compared_counts_as_changed(self, checkout, tmp_path):
        head = checkout("rev-parse", "HEAD")
        (tmp_path / ".git" / "index").write_bytes(b"damaged")
        assert definitions.commit(tmp_path) == head + "+"

    def test_new_files_and_results_are_no_change(self, checkout, tmp_path):
        (tmp_path / "new.py").write_text("two = 2")
        (tmp_path / "notebooks" / "results" / "seed_0.json").write_text("[]")
        assert definitions.commit(tmp_path) == checkout("rev-parse", "HEAD")

    def test_a_folder_in_another_checkout_has_none(self, checkout, tmp_path):
        assert definitions.commit(tmp_path / "notebooks") is None

    def test_without_a_checkout_or_git_there_is_none(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        assert definitions.commit(tmp_path) is None
        monkeypatch.setenv("PATH", "")
        assert definitions.commit() is None

    def test_an_empty_checkout_has_none(self, tmp_path):
        if shutil.which("git") is None:
            pytest.skip("there is no git on this machine")
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        assert definitions.commit(tmp_path) is None


RECIPE = {
    "optimizer": {"class_name": "Muon", "config": {"learning_rate": {"class_name": "Triangular"}}},
    "augment": ["Flip()", "Shift(pixels=2)"],
    "epochs": 2,
}


class TestDefinitions:
    def test_of_a_model(self):
        found = definitions.of_model("resnet_5min", RECIPE)
        expected = {
            "models.resnet_5min", "models.resnet_fast", "models._residual_block", "models.build",
            "training.train", "pipeline.batches", "evaluation.metrics", "data.split",
            "optimizers.Muon", "optimizers.Triangular", "optimizers.orthogonalise",
            "pipeline.Flip", "pipeline.Shift",
        }  # fmt: skip
        assert expected <= set(found)
        strangers = {"models.cnn_basic", "pipeline.Cutout", "data.near_duplicates", "data.load"}
        assert not strangers & set(found)
        assert not {key for key in found if key.startswith(("runs.", "cost."))}

    def test_of_a_classical_baseline(self):
        found = set(definitions.of_model("svm_rbf", {"C": 10.0}))
        expected = {
            "classical.svm_rbf", "classical.fit", "classical.soften", "classical.fitted_softness",
            "classical.duel_scores", "evaluation.metrics", "data.split",
        }  # fmt: skip
        assert expected <= found
        assert not {"classical.random_forest", "training.train", "models.build"} & found

    def test_are_those_that_the_process_began_with(self, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "REPOSITORY", tmp_path)
        assert "training.train" in definitions.of_model("cnn_basic", RECIPE)

    def test_of_an_ensemble(self):
        members = {
            "members": ["resnet_fast", "cnn_basic__arm"],
            "training": {"resnet_fast": RECIPE},
        }
        found = set(definitions.of_model("ensemble_mixed", members))
        assert {"models.resnet_fast", "models.cnn_basic", "ensembling.average"} <= found
        assert {"optimizers.Muon", "pipeline.Shift"} <= found
        assert "ensembling.average" not in definitions.of_model("cnn_basic", RECIPE)

    def test_of_what_loads_the_images(self):
        found = set(definitions.of_loading())
        assert {"data.load_profile", "data.load", "data._parse_idx", "data.LabelledImages"} <= found
        assert not {"data.load_sample", "data.near_duplicates", "data.split"} & found

    def test_a_module_or_a_definition_that_is_gone_is_an_error(self, tmp_path):
        folder = tmp_path / "helpers"
        shutil.copytree(settings.REPOSITORY / "helpers", folder)
        text = (folder / "topics" / "infobatch.py").read_text(encoding="utf-8")
        (folder / "topics" / "infobatch.py").write_text(
            text.replace("def train(", "def train_pruned(")
        )
        assert definitions.of_model("cnn_basic", RECIPE, folder)
        with pytest.raises(settings.UserError, match="infobatch.train, which stamps begin with"):
            definitions.of_model("resnet_5min", RECIPE | {"left_out": 0.5}, folder)
        (folder / "topics" / "photo.py").rename(folder / "photographs.py")
        with pytest.raises(
            settings.UserError, match=r"helpers/ has no topics/photo\.py, which stamps"
        ):
            definitions.of_model("cnn_basic", RECIPE, folder)

    @pytest.mark.parametrize(
        ("module", "pattern", "replacement", "changed"),
        [
            ("models", r"(def cnn_basic\(.*units=)\d+", r"\g<1>7", {"models.cnn_basic"}),
            ("models", r"(def cnn_deep\(.*units=)\d+", r"\g<1>7", set()),
            ("optimizers", r"(class Triangular(?:.|\n)*?rise=)[\d.]+", r"\g<1>0.1", {
                "optimizers.Triangular"
            }),
            ("pipeline", r"(class Cutout(?:.|\n)*?: int = )\d+", r"\g<1>9", set()),
        ],
    )  # fmt: skip
    def test_follow_the_code(self, tmp_path, module, pattern, replacement, changed):
        folder = tmp_path / "helpers"
        ignored = shutil.ignore_patterns("*.npz", "__pycache__")
        shutil.copytree(settings.REPOSITORY / "helpers", folder, ignore=ignored)
        before = definitions.of_model("cnn_basic", RECIPE, folder)
        assert before == definitions.of_model("cnn_basic", RECIPE)
        path = folder / f"{module}.py"
        edited, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
        assert count == 1
        path.write_text(edited, encoding="utf-8")
        after = definitions.of_model("cnn_basic", RECIPE, folder)
        assert {key for key in before | after if before.get(key) != after.get(key)} == changed


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


class TestFollowing:
    """Packages, re-exports and figures are followed; what cannot be is an error."""

    def test_a_name_that_another_module_passes_on(self):
        found = definitions.of_notebook(notebook("from helpers import evaluation\nevaluation.holm"))
        assert list(found) == ["significance.holm"]

    @pytest.mark.parametrize(
        "cell",
        [
            "from helpers.topics import ensembling\nensembling.average",
            "from helpers import ensembling\nensembling.average",
            "from helpers.topics.ensembling import average\naverage",
        ],
    )
    def test_a_module_in_a_folder_however_it_is_imported(self, cell):
        assert "ensembling.average" in definitions.of_notebook(notebook(cell))

    @pytest.mark.parametrize("cell", ["from helpers import models_2", "import helpers.models"])
    def test_what_cannot_be_followed_is_an_error(self, cell):
        with pytest.raises(settings.UserError, match="helpers"):
            definitions.of_notebook(notebook(cell))

    def test_the_folder_of_an_import_inside_a_function_is_no_part_of_its_hash(self):
        trees = [
            ast.parse(f"def f():\n    from helpers{folder} import transfer\n    transfer.draw()")
            for folder in ("", ".topics")
        ]
        assert definitions._plain(trees[0]) == definitions._plain(trees[1])

    @pytest.mark.parametrize(
        ("file", "addition", "stale"),
        [
            ("plotting/judging.py", "\n\ndef confusion():\n    pass\n", ["confusion"]),
            ("plotting/style.py", "\n\ndef sheet():\n    pass\n", ["confusion", "learning_curves"]),
            ("plotting/style.mplstyle", "\nlines.linewidth: 9\n", ["confusion", "learning_curves"]),
            ("plotting/inside.py", "\n\ndef sheet():\n    pass\n", []),
            ("models.py", "\n\ndef build():\n    pass\n", []),
        ],
    )
    def test_a_changed_figure_makes_its_pictures_stale(self, tmp_path, file, addition, stale):
        folder = tmp_path / "helpers"
        shutil.copytree(settings.REPOSITORY / "helpers", folder)
        drawn = notebook(
            "from helpers import plotting\nplotting.confusion, plotting.learning_curves"
        )
        figures, numbers = definitions.of_figures(drawn), definitions.of_notebook(drawn)
        assert definitions.of_figures(drawn, folder) == figures
        with (folder / file).open("a", encoding="utf-8") as text:
            text.write(addition)
        after = definitions.of_figures(drawn, folder)
        assert [name for name in figures if figures[name] != after[name]] == stale
        assert definitions.of_notebook(drawn, folder) == numbers


def test_published_results_do_not_contradict_the_code():
    checked = provenance.check(runs.load_all(settings.PUBLISHED_RESULTS, variants=True))
    assert checked.columns.tolist() == list(provenance.COLUMNS)
    against = checked[checked["verdict"] == provenance.CONTRADICTS]
    assert against.empty, provenance.report(against)


def declaration(reason="a reason", sha256="0" * 64, **changed):
    """Return a declared equivalence; `models__f=("a", "b")` stands for models.f: from a to b."""
    pairs = {name.replace("__", "."): [pair] for name, pair in changed.items()}
    return {
        "reason": reason,
        "written": "2027-01-01T00:00:00+00:00",
        "commit": "f" * 40,
        "changed": pairs,
        "notebooks_only": [],
        "evidence": [{"model": "cnn_proof", "seed": 1, "probabilities_sha256": sha256}],
    }


ONE = declaration("one", models__f=("a", "b"), models__gone=("g", None), models__new=(None, "n"))
TWO = declaration("two", models__f=("b", "c"))
BACK = declaration("back", models__f=("b", "a"))


class TestCompare:
    @pytest.mark.parametrize(
        ("before", "today", "declared", "covered", "changed"),
        [
            ({"models.f": "a"}, {"models.f": "a"}, [], {}, []),
            ({"models.f": "a"}, {"models.f": "b"}, [], {}, ["models.f"]),
            ({"models.f": "a"}, {"models.f": "b"}, [ONE], {"models.f": ("one",)}, []),
            ({"models.f": "b"}, {"models.f": "a"}, [ONE], {}, ["models.f"]),
            ({"models.f": "a"}, {"models.f": "c"}, [ONE], {}, ["models.f"]),
            ({"models.f": "a"}, {"models.f": "c"}, [TWO], {}, ["models.f"]),
            ({"models.f": "a"}, {"models.f": "c"}, [TWO, ONE], {"models.f": ("one", "two")}, []),
            ({"models.f": "a"}, {"models.f": "d"}, [ONE, BACK], {}, ["models.f"]),
            ({"models.f": "x"}, {"models.f": "b"}, [ONE], {}, ["models.f"]),
            ({"models.g": "a"}, {"models.g": "b"}, [ONE], {}, ["models.g"]),
            ({"models.gone": "g"}, {}, [ONE], {"models.gone": ("one",)}, []),
            ({}, {"models.gone": "g"}, [ONE], {}, ["models.gone"]),
            ({}, {"models.new": "n"}, [ONE], {"models.new": ("one",)}, []),
            ({}, {"models.new": "m"}, [ONE], {}, ["models.new"]),
            (
                {"models.f": "a", "models.g": "1"},
                {"models.f": "b", "models.h": "1"},
                [ONE],
                {"models.f": ("one",)},
                ["models.g", "models.h"],
            ),
            # Moved to another module: the same name and tree, also by way of a declaration.
            ({"old.f": "a"}, {"new.f": "a"}, [], {}, []),
            ({"old.f": "a"}, {"new.g": "a"}, [], {}, ["new.g", "old.f"]),
            ({"old.f": "a"}, {"new.f": "b"}, [], {}, ["new.f", "old.f"]),
            ({"models.f": "a"}, {"new.f": "b"}, [ONE], {}, []),
        ],
    )
    def test_exactly(self, before, today, declared, covered, changed):
        assert provenance.compare(before, today, declared) == (covered, changed)


class TestEquivalences:
    """What a file of declared equivalences, and its evidence, make of the verdicts."""

    @pytest.fixture
    def declare(self, tmp_path, monkeypatch):
        """Publish declarations, with a stored result as evidence, instead of the real ones."""
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path)

        def write(*declarations):
            (tmp_path / "cnn_proof").mkdir(exist_ok=True)
            (tmp_path / "cnn_proof/seed_1.json").write_text(
                json.dumps({"probabilities_sha256": "0" * 64})
            )
            (tmp_path / provenance.EQUIVALENCES).write_text(json.dumps(declarations))

        return write

    @pytest.fixture
    def result(self):
        """A published result as if it had been made with other code of one definition."""
        found = runs.load("nearest_neighbours", 0, settings.PUBLISHED_RESULTS)
        today = definitions.of_model(found.model, found.recipe)
        return dataclasses.replace(found, definitions=today | {"classical.fit": "a"})

    @pytest.fixture
    def proof(self, result):
        """The declaration that covers the change."""
        today = definitions.of_model(result.model, result.recipe)
        return declaration("only faster", classical__fit=("a", today["classical.fit"]))

    def test_there_need_be_none(self, result, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path)
        assert provenance.equivalences() == ([], [])
        assert provenance.check([result])["verdict"].tolist() == ["contradicts"]

    def test_a_declared_change_is_equivalent(self, result, declare, proof):
        declare(proof)
        honest = dataclasses.replace(
            result, definitions=definitions.of_model(result.model, result.recipe)
        )
        checked = provenance.check([result, honest])
        assert checked["verdict"].tolist() == ["equivalent", "agrees"]
        assert checked["why"].tolist() == ["changed, declared: classical.fit", ""]
        counts = "2 results: 1 agree, 1 equivalent by declaration, 0 unknown, 0 contradict."
        assert counts in provenance.report(checked)

    def test_many_are_named_briefly(self, result, declare, proof):
        names = sorted(set(result.definitions) - {"classical.fit"})[:4]
        changed = {name: [("old", result.definitions[name])] for name in names}
        definitions = result.definitions | dict.fromkeys(names, "old")
        declare(proof, declaration() | {"changed": changed})
        found = provenance.check([dataclasses.replace(result, definitions=definitions)])
        assert found["why"][0].startswith("changed, declared: ")
        assert found["why"][0].endswith(", and 2 more")

    def test_an_undeclared_change_beside_it_contradicts(self, result, declare, proof):
        declare(proof)
        definitions = result.definitions | {"classical.Fit": "0"}
        found = provenance.check([dataclasses.replace(result, definitions=definitions)])
        assert found.iloc[0][["verdict", "why"]].tolist() == [
            "contradicts",
            "changed since: classical.Fit",
        ]

    @pytest.mark.parametrize("failure", ["missing", "other"])
    def test_evidence_that_fails_counts_for_nothing(
        self, result, declare, proof, failure, tmp_path, capsys
    ):
        declare(declaration("sound"), proof)
        evidence = tmp_path / "cnn_proof" / "seed_1.json"
        if failure == "missing":
            evidence.unlink()
        else:
            evidence.write_text(json.dumps({"probabilities_sha256": "1" * 64}))
        checked = provenance.check([result])
        assert checked["model"].tolist() == ["nearest_neighbours", "cnn_proof", "cnn_proof"]
        assert checked["verdict"].tolist() == ["contradicts"] * 3
        assert checked["why"].tolist() == [
            "changed since: classical.fit",
            "it no longer proves 'sound', so that this declaration does not count",
            "it no longer proves 'only faster', so that this declaration does not count",
        ]
        shutil.rmtree(evidence.parent)
        assert commands.main(["check", "--csv"]) == 1
        (tmp_path / "check.csv").write_text(capsys.readouterr().out)
        assert pd.read_csv(tmp_path / "check.csv")["seed"].tolist() == [1, 1]

    @pytest.mark.parametrize("damage", [{"evidence": []}, {"note": ""}, {"changed": {"f": "a"}}])
    def test_a_damaged_file_is_refused(self, declare, damage, capsys):
        declare(declaration() | damage)
        assert commands.main(["check"]) == 2
        assert "restore it with git" in capsys.readouterr().err
