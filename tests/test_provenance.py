"""Provenance: the commit is the checkout's, and a result names the definitions it went through."""

import re
import shutil
import subprocess

import pytest

from helpers import provenance, runs, settings, stamp


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
        assert provenance.commit(tmp_path) == checkout("rev-parse", "HEAD")

    def test_changed_files_are_marked(self, checkout, tmp_path):
        (tmp_path / "code.py").write_text("one = 2")
        assert provenance.commit(tmp_path) == checkout("rev-parse", "HEAD") + "+"
        checkout("add", ".")
        assert provenance.commit(tmp_path).endswith("+")
        checkout("commit", "-q", "-m", "second")
        assert provenance.commit(tmp_path) == checkout("rev-parse", "HEAD")

    def test_a_checkout_that_cannot_be_compared_counts_as_changed(self, checkout, tmp_path):
        head = checkout("rev-parse", "HEAD")
        (tmp_path / ".git" / "index").write_bytes(b"damaged")
        assert provenance.commit(tmp_path) == head + "+"

    def test_new_files_and_results_are_no_change(self, checkout, tmp_path):
        (tmp_path / "new.py").write_text("two = 2")
        (tmp_path / "notebooks" / "results" / "seed_0.json").write_text("[]")
        assert provenance.commit(tmp_path) == checkout("rev-parse", "HEAD")

    def test_a_folder_in_another_checkout_has_none(self, checkout, tmp_path):
        assert provenance.commit(tmp_path / "notebooks") is None

    def test_without_a_checkout_or_git_there_is_none(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        assert provenance.commit(tmp_path) is None
        monkeypatch.setenv("PATH", "")
        assert provenance.commit() is None

    def test_an_empty_checkout_has_none(self, tmp_path):
        if shutil.which("git") is None:
            pytest.skip("there is no git on this machine")
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
        assert provenance.commit(tmp_path) is None


RECIPE = {
    "optimizer": {"class_name": "Muon", "config": {"learning_rate": {"class_name": "Triangular"}}},
    "augment": ["Flip()", "Shift(pixels=2)"],
    "epochs": 2,
}


class TestDefinitions:
    def test_of_a_model(self):
        found = stamp.of_model("resnet_5min", RECIPE)
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
        found = set(stamp.of_model("svm_rbf", {"C": 10.0}))
        expected = {
            "classical.svm_rbf", "classical.fit", "classical.soften", "classical.fitted_softness",
            "classical.duel_scores", "evaluation.metrics", "data.split",
        }  # fmt: skip
        assert expected <= found
        assert not {"classical.random_forest", "training.train", "models.build"} & found

    def test_are_those_that_the_process_began_with(self, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "REPOSITORY", tmp_path)
        assert "training.train" in stamp.of_model("cnn_basic", RECIPE)

    def test_of_an_ensemble(self):
        members = {
            "members": ["resnet_fast", "cnn_basic__arm"],
            "training": {"resnet_fast": RECIPE},
        }
        found = set(stamp.of_model("ensemble_mixed", members))
        assert {"models.resnet_fast", "models.cnn_basic", "ensembling.average"} <= found
        assert {"optimizers.Muon", "pipeline.Shift"} <= found
        assert "ensembling.average" not in stamp.of_model("cnn_basic", RECIPE)

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
        before = stamp.of_model("cnn_basic", RECIPE, folder)
        assert before == stamp.of_model("cnn_basic", RECIPE)
        path = folder / f"{module}.py"
        edited, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1)
        assert count == 1
        path.write_text(edited, encoding="utf-8")
        after = stamp.of_model("cnn_basic", RECIPE, folder)
        assert {key for key in before | after if before.get(key) != after.get(key)} == changed


def test_published_results_do_not_contradict_the_code():
    checked = provenance.check(runs.load_all(settings.PUBLISHED_RESULTS, variants=True))
    assert checked.columns.tolist() == list(provenance.COLUMNS)
    against = checked[checked["verdict"] == provenance.CONTRADICTS]
    assert against.empty, provenance.report(against)
