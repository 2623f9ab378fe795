"""Results on disk: each file whole or not at all, read back as written, damage is named."""

import errno
import json
import os
import shutil

import pytest
from conftest import BASELINE as MODEL
from conftest import noise

from helpers import evaluation, results, runs, settings, tables
from helpers.settings import UserError

IMAGES = 60


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestInterruptedWrites:
    """A full disk leaves the earlier result; a stop between two files is noticed when reading."""

    @pytest.fixture
    def earlier(self, folder, make_run, test_images):
        runs.finish(make_run(), test_images)
        return files_in(folder)

    def finish_anew(self, make_run):
        runs.finish(make_run(training_seconds=1.0), noise(IMAGES, seed=3))

    def test_full_disk(self, folder, earlier, make_run, monkeypatch):
        def full(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="No space left.*FASHION_RESULTS_DIR") as caught:
            self.finish_anew(make_run)
        assert str(folder / MODEL) in str(caught.value)
        assert files_in(folder) == earlier

    @pytest.mark.parametrize("cause", [KeyboardInterrupt, PermissionError(13, "Permission denied")])
    def test_stopped_before_the_first_move(self, folder, earlier, make_run, monkeypatch, cause):
        def stop(source, target):
            raise cause

        monkeypatch.setattr(os, "replace", stop)
        with pytest.raises((KeyboardInterrupt, UserError)):
            self.finish_anew(make_run)
        assert files_in(folder) == earlier

    def test_stopped_between_the_moves(self, folder, earlier, make_run, monkeypatch):
        replace = os.replace

        def stop(source, target):
            if str(target).endswith(".json"):
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            self.finish_anew(make_run)
        with pytest.raises(UserError, match="not of the same run"):
            results.load(MODEL, 0, folder).probabilities()

    def test_finishing_again_after_the_disk_has_room(
        self, folder, earlier, make_run, test_images, monkeypatch
    ):
        with monkeypatch.context() as patch:
            patch.setattr(
                os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "full"))
            )
            with pytest.raises(UserError):
                self.finish_anew(make_run)
        self.finish_anew(make_run)
        assert results.load(MODEL, 0, folder).training_seconds == 1.0

    def test_folder_that_cannot_be_made(self, tmp_path, make_run, test_images, monkeypatch):
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        monkeypatch.setenv("FASHION_RESULTS_DIR", str(blocked))
        with pytest.raises(UserError, match="could not be written"):
            runs.finish(make_run(), test_images)
        assert blocked.read_text() == "in the way"

    def test_left_over_temporary_files_are_no_results(self, folder, earlier):
        (folder / MODEL / "seed_1.json.1.tmp").write_text("{")
        assert len(results.load_all(folder)) == 1


class TestDamagedFiles:
    def test_unknown_model_and_seed(self, stored, tmp_path):
        stored()
        with pytest.raises(UserError, match="no result of 'cnn_x' with seed 0.*ann_baseline"):
            results.load("cnn_x", folder=tmp_path)
        with pytest.raises(UserError, match="with seed 7"):
            results.load(MODEL, 7, tmp_path)

    @pytest.mark.parametrize("content", ["", "{", "[1]", "null", "{}", '{"metrics": {}}', "\x00"])
    def test_unreadable_document(self, stored, tmp_path, content):
        file = stored()
        file.write_text(content)
        with pytest.raises(UserError, match="seed_0.json cannot be used.*delete it"):
            results.load_all(tmp_path)

    def test_bytes_that_are_no_text(self, stored, tmp_path):
        stored().write_bytes(b"\xff\xfe{")
        with pytest.raises(UserError, match="cannot be used"):
            tables.table(tmp_path)

    @pytest.mark.parametrize(
        "changes",
        [
            {"parameters": "many"},
            {"recipe": None},
            {"surprise": 1},
            {"metrics": {"test_accuracy": "good"}},
            {"metrics": {"surprise": 1.0}},
        ],
    )
    def test_entries_of_the_wrong_kind(self, stored, tmp_path, changes):
        stored(**changes)
        with pytest.raises(UserError, match="cannot be used"):
            tables.table(tmp_path)

    def test_document_without_probabilities(self, stored, tmp_path):
        stored().with_suffix(".npz").unlink()
        with pytest.raises(UserError, match="seed_0.npz.*is missing"):
            results.load_all(tmp_path)

    def test_an_arm_without_probabilities_keeps_its_figures(self, stored, tmp_path):
        file = stored()
        arm = tmp_path / f"{MODEL}__arm" / file.name
        arm.parent.mkdir()
        changes = {"model": f"{MODEL}__arm", "variant_of": MODEL, "notebook": "03_x"}
        arm.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes))
        (found,) = (one for one in results.load_all(tmp_path, variants=True) if one.variant_of)
        assert found.metrics == results.load(MODEL, folder=tmp_path).metrics
        with pytest.raises(UserError, match="run 03_x"):
            found.probabilities()

    def test_probabilities_without_document_are_no_result(self, stored, tmp_path):
        stored().unlink()
        assert results.load_all(tmp_path) == []

    def test_one_flipped_bit_in_the_probabilities(self, stored, tmp_path):
        file = stored().with_suffix(".npz")
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(UserError, match="damaged or not of the same run"):
            results.load(MODEL, folder=tmp_path).probabilities()

    def test_copy_under_another_name(self, stored, tmp_path):
        file = stored()
        shutil.copy(file, file.with_name("seed_1.json"))
        shutil.copy(file.with_suffix(".npz"), file.with_name("seed_1.npz"))
        with pytest.raises(UserError, match="seed_1.json.*result of ann_baseline with seed 0"):
            results.load_all(tmp_path)


class TestOwnRuns:
    """A reader's own runs stand beside the published ones, and never in their place."""

    @pytest.fixture
    def own(self, stored, tmp_path, monkeypatch):
        """Store a result among the reader's own; those that `stored` leaves are the published."""
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path)

        def store(model=MODEL, seed=0, **changes):
            made = stored(model, seed, **{"profile": "full"} | changes)
            place = tmp_path / "results" / model
            place.mkdir(parents=True, exist_ok=True)
            for file in (made, made.with_suffix(".npz")):
                file.rename(place / file.name)

        return store

    def pairs(self):
        return [(result.model, result.seed) for result in results.load_all()]

    def test_models_and_seeds_of_ones_own_are_added(self, own, stored):
        own("my_network", order=5)
        own(seed=7)
        own(seed=0, metrics={"test_accuracy": 0.1})
        stored(profile="full")
        assert self.pairs() == [(MODEL, 0), (MODEL, 7), ("my_network", 0)]
        assert results.load(MODEL).metrics["test_accuracy"] != 0.1
        assert tables.table()["seeds"].tolist() == [2, 1]

    def test_another_recipe_or_a_part_of_the_images_is_not(self, own, stored, monkeypatch):
        own(seed=7, recipe={"epochs": 3})
        own("my_network", profile="smoke")
        stored(profile="full")
        assert self.pairs() == [(MODEL, 0)]

    def test_only_full_runs_compare_with_what_is_published(self, own, stored, monkeypatch):
        own("my_network")
        stored(profile="full")
        monkeypatch.setenv("FASHION_PROFILE", "quick")
        assert self.pairs() == [(MODEL, 0)]

    def test_the_published_figure_stands_beside_ones_own(
        self, folder, stored, make_run, test_images, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path / "published")
        runs.finish(make_run(), test_images)
        assert capsys.readouterr().out == "", "nothing is published of it"
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", folder)
        monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path / "own"))
        for seed, accuracy in enumerate((0.90, 0.92)):
            stored(seed=seed, metrics={"test_accuracy": accuracy})
        result = runs.finish(make_run(), test_images)
        said = capsys.readouterr().out
        assert f"{result.metrics['test_accuracy']:.2%}".replace("%", " %") in said
        assert "91.00 % (2 seeds, 78.29 to 103.71)" in said

    def test_nothing_is_said_when_it_is_published(
        self, stored, monkeypatch, make_run, test_images, capsys
    ):
        monkeypatch.setenv("FASHION_PUBLISH", "1")
        runs.finish(make_run(), test_images)
        assert capsys.readouterr().out == ""


def test_published_results_are_whole():
    """Every published result reads, matches its probabilities, and states their metrics."""
    for result in results.load_all(variants=True):
        assert result.profile == "full", result.file
        if result.variant_of and not result.file.with_suffix(".npz").exists():
            continue  # the repository keeps the figures of arms, not their probabilities
        found = evaluation.metrics(result.labels(), result.probabilities())
        for key, value in found.items():
            stated = result.metrics[f"test_{key}" if key.startswith("accuracy") else key]
            assert stated == pytest.approx(value, rel=1e-6), (result.file, key)
    tables.table(variants=True)


def test_published_results_stay_small_enough_to_clone():
    sizes = {
        file: file.stat().st_size
        for file in settings.PUBLISHED_RESULTS.rglob("*")
        if file.is_file()
        and not (results.VARIANT_MARK in file.parent.name and file.suffix == ".npz")
    }
    assert sum(sizes.values()) < 15e6, sorted(sizes, key=sizes.get)[-5:]
