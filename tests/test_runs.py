"""Results on disk: written whole or not at all, read back as written, summarised correctly."""

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from helpers import data, definitions, evaluation, plotting, runs, settings
from helpers.maintenance import provenance, stamp
from helpers.settings import UserError
from helpers.topics import ensembling

MODEL = "ann_baseline"
IMAGES = 60


def labelled(count, seed):
    generator = np.random.default_rng(seed)
    return data.LabelledImages(
        generator.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        generator.integers(0, 10, count).astype(np.uint8),
    )


@pytest.fixture(scope="module")
def test_images():
    return labelled(IMAGES, seed=1)


@pytest.fixture(scope="module")
def model():
    from helpers import models

    return models.build(MODEL, seed=0, units=(8,))


@pytest.fixture(scope="module")
def make_run(model):
    from helpers import training

    validation = labelled(40, seed=2)

    def make(**changes):
        values = {
            "model": model,
            "name": MODEL,
            "variant_of": None,
            "seed": 0,
            "history": {"loss": [1.0, 0.123456789012], "val_loss": [1.5, float("nan")]},
            "epoch": 2,
            "choice": "last epoch",
            "training_seconds": 75.25,
            "recipe": {"optimizer": "adam", "epochs": 2, "precision": "float32"},
            "trained_on": 100,
            "validation": validation,
            "pixel_range": (0.0, 1.0),
        }
        return training.Run(**(values | changes))

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that `finish` writes to."""
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def finished(make_run, test_images, tmp_path_factory):
    """A folder with one result, made once; copied by `stored`, never changed."""
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHION_PROFILE", "smoke")
        patch.setenv("FASHION_RESULTS_DIR", str(place))
        runs.finish(make_run(), test_images)
    return place / MODEL


@pytest.fixture
def stored(finished, tmp_path):
    """Store a result like the finished one, with some entries changed; returns the JSON file."""

    def store(model=MODEL, seed=0, metrics=None, **changes):
        document = json.loads((finished / "seed_0.json").read_text())
        document |= {"model": model, "seed": seed, **changes}
        document["metrics"] |= metrics or {}
        file = tmp_path / model / f"seed_{seed}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(document))
        shutil.copy(finished / "seed_0.npz", file.with_suffix(".npz"))
        return file

    return store


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestFinish:
    def test_reads_back_what_it_returned(self, folder, make_run, test_images):
        result = runs.finish(make_run(), test_images)
        again = runs.load(MODEL, 0, folder)
        np.testing.assert_equal(vars(again), vars(result))
        assert (result.profile, result.epoch, result.choice) == ("smoke", 2, "last epoch")
        assert result.training_seconds == 75.25 and result.trained_on == 100
        assert result.history["loss"] == [1.0, 0.1234568]
        assert np.isnan(again.history["val_loss"][1])
        assert set(result.metrics) == set(runs.METRICS)
        assert result.latency_ms > 0 and result.size_bytes == 4 * result.parameters
        assert {path.name for path in (folder / MODEL).iterdir()} == {"seed_0.json", "seed_0.npz"}

    def test_stored_probabilities_are_the_models(self, folder, make_run, model, test_images):
        result = runs.finish(make_run(), test_images)
        predicted = evaluation.predict(model, test_images.images)
        assert result.probabilities().dtype == np.float32
        np.testing.assert_allclose(result.probabilities(), predicted, rtol=0.08)
        np.testing.assert_allclose(result.probabilities().sum(axis=1), 1.0, rtol=1e-6)
        np.testing.assert_array_equal(result.labels(), test_images.labels)

    def test_metrics_are_those_of_the_stored_probabilities(self, folder, make_run, test_images):
        result = runs.finish(make_run(), test_images)
        found = evaluation.metrics(result.labels(), result.probabilities())
        assert result.metrics["test_accuracy"] == found["accuracy"]
        assert result.metrics["test_accuracy_low"] == found["accuracy_low"]
        for name in ("macro_f1", "log_loss", "brier_score", "calibration_error"):
            assert result.metrics[name] == found[name]

    def test_validation_is_judged_in_the_runs_pixel_range(self, folder, make_run, test_images):
        run = make_run(pixel_range=(-0.5, 0.5))
        probabilities = evaluation.predict(run.model, run.validation.images, (-0.5, 0.5))
        found = evaluation.metrics(run.validation.labels, probabilities)
        result = runs.finish(run, test_images)
        assert result.metrics["validation_accuracy"] == found["accuracy"]
        assert result.metrics["validation_log_loss"] == found["log_loss"]

    def test_same_run_gives_the_same_bytes(self, folder, make_run, test_images):
        runs.finish(make_run(), test_images)
        first = (folder / MODEL / "seed_0.npz").read_bytes()
        runs.finish(make_run(), test_images)
        assert (folder / MODEL / "seed_0.npz").read_bytes() == first

    def test_training_on_all_images_leaves_no_validation_figure(
        self, folder, make_run, test_images
    ):
        runs.finish(make_run(validation=None), test_images)
        assert np.isnan(runs.load(MODEL, 0, folder).metrics["validation_accuracy"])
        assert "NaN" not in (folder / MODEL / "seed_0.json").read_text()
        assert "| – |" in runs.markdown_table(runs.table(folder))

    def test_variants_stand_beside_their_model(self, folder, make_run, test_images):
        runs.finish(make_run(), test_images)
        arm = f"{MODEL}__wide"
        result = runs.finish(make_run(name=arm, variant_of=MODEL), test_images)
        assert (result.model, result.variant_of, result.family) == (arm, MODEL, "ANN")
        assert result.title == "ANN, baseline, wide"
        assert [found.model for found in runs.load_all(folder)] == [MODEL]
        assert [found.model for found in runs.load_all(folder, variants=True)] == [MODEL, arm]

    def test_what_a_source_reported_of_a_model_is_not_said_of_its_variants(
        self, folder, make_run, test_images
    ):
        for name, variant_of in (("cnn_basic", None), ("cnn_basic__wide", "cnn_basic")):
            runs.finish(make_run(name=name, variant_of=variant_of), test_images)
        assert runs.load("cnn_basic", 0, folder).reported_accuracy == 0.9120
        assert runs.load("cnn_basic__wide", 0, folder).reported_accuracy is None

    def test_unknown_model_is_refused_and_nothing_is_written(self, folder, make_run, test_images):
        with pytest.raises(UserError, match="no registered model.*ann_baseline"):
            runs.finish(make_run(name="resnet_9000"), test_images)
        assert not list(folder.iterdir())

    def test_names_that_would_leave_the_folder_are_refused(self, folder, make_run, test_images):
        with pytest.raises(UserError, match="cannot name"):
            runs.finish(make_run(name=f"{MODEL}__../x", variant_of=MODEL), test_images)
        assert not list(folder.iterdir())

    def test_storing_rounds_the_fifth_root_and_no_probability_becomes_zero(self):
        kept = np.array([[126, 64, 32, 1]]) / 127
        probabilities = kept**5 / np.sum(kept**5)
        content, restored = runs._pack(probabilities, np.zeros(1, np.uint8))
        roots = np.load(io.BytesIO(content))["fifth_roots"]
        np.testing.assert_array_equal(roots, np.round(127 * probabilities**0.2))
        np.testing.assert_allclose(restored, probabilities, rtol=0.05)
        _, restored = runs._pack(np.array([[1.0, 0.0]]), np.zeros(1, np.uint8))
        np.testing.assert_allclose(restored, [[1.0, (0.25 / 127) ** 5]], rtol=1e-6)

    def test_storing_keeps_the_class_in_front_and_rounds_the_rest(self):
        generator = np.random.default_rng(0)
        probabilities = generator.dirichlet(np.full(10, 0.2), size=2000)
        probabilities[0] = 0.1  # where all are alike, the first stays in front
        probabilities[1, :2] = probabilities[1, :2].max() * np.array([1.0, 1 + 1e-9])
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        content, restored = runs._pack(probabilities, np.zeros(2000, np.uint8))
        np.testing.assert_array_equal(restored.argmax(axis=1), probabilities.argmax(axis=1))
        np.testing.assert_allclose(restored[0], 0.1, rtol=1e-6)
        # Half a step by rounding, another for the row's sum and for staying in front.
        assert np.abs(restored**0.2 - probabilities**0.2).max() < 1 / 127
        again = runs._unpack(np.load(io.BytesIO(content)))
        np.testing.assert_array_equal(again, restored)


class TestFinishEnsemble:
    @pytest.fixture
    def make_member(self):
        def make(seed, **changes):
            generator = np.random.default_rng(seed)
            values = {
                "model": MODEL,
                "seed": seed,
                "probabilities": generator.dirichlet(np.ones(10), IMAGES),
                "validation": generator.dirichlet(np.ones(10), 40),
                "recipe": {"epochs": 2, "precision": "float32"},
                "trained_on": 100,
                "parameters": 1000,
                "mflops": 2.5,
                "size_bytes": 4000,
                "latency_ms": 0.5,
                "training_seconds": 10.0 + seed,
                "machine": {"accelerator": None, "processor": "a processor", "cores": 2},
            }
            return ensembling.Member(**(values | changes))

        return make

    def finish(self, make_member, labels, seeds=(0, 1, 2), **changes):
        validation = np.arange(40) % 10
        members = [make_member(seed) for seed in seeds]
        return runs.finish_ensemble("ensemble_seeds", members, labels, validation, **changes)

    def test_reads_back_the_mean_and_the_sums(self, folder, make_member, test_images):
        result = self.finish(make_member, test_images.labels)
        again = runs.load("ensemble_seeds", 0, folder)
        np.testing.assert_equal(vars(again), vars(result))
        mean = np.mean([make_member(seed).probabilities for seed in range(3)], axis=0)
        np.testing.assert_allclose(again.probabilities(), mean, rtol=0.08)
        assert (again.parameters, again.mflops, again.size_bytes) == (3000, 7.5, 12000)
        assert (again.latency_ms, again.training_seconds) == (1.5, 33.0)
        assert (again.family, again.epoch, again.history) == ("Ensemble", 0, {})
        assert again.recipe["members"] == [MODEL] * 3 and again.recipe["member_seeds"] == [0, 1, 2]

    def test_metrics_are_those_of_the_means(self, folder, make_member, test_images):
        result = self.finish(make_member, test_images.labels)
        found = evaluation.metrics(test_images.labels, result.probabilities())
        assert result.metrics["test_accuracy"] == found["accuracy"]
        assert result.metrics["log_loss"] == found["log_loss"]
        mean = np.mean([make_member(seed).validation for seed in range(3)], axis=0)
        expected = evaluation.metrics(np.arange(40) % 10, mean)["accuracy"]
        assert result.metrics["validation_accuracy"] == expected

    def test_stands_in_tables_and_sentences_beside_models(
        self, folder, make_run, make_member, test_images, monkeypatch
    ):
        runs.finish(make_run(), test_images)
        self.finish(make_member, test_images.labels)
        table = runs.table(folder)
        assert table["model"].tolist() == [MODEL, "ensemble_seeds"]
        assert table["family"].tolist() == ["ANN", "Ensemble"]
        assert "ensemble_seeds" in runs.terminal_table(table)
        assert "| ensemble_seeds | 3,000 | 7.50 |" in runs.markdown_table(table)
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", folder)
        assert "after 33 s of training on a processor" in runs.expected("ensemble_seeds")
        assert len(plotting.accuracy_bars(table).axes) == 1

    def test_other_members_of_the_same_recipe_have_a_common_mean(
        self, folder, make_member, test_images
    ):
        self.finish(make_member, test_images.labels)
        self.finish(make_member, test_images.labels, seeds=(100, 101, 102), seed=1)
        assert runs.table(folder)["seeds"].tolist() == [2]
        self.finish(make_member, test_images.labels, seeds=(200, 201), seed=2)
        with pytest.raises(UserError, match="no common mean"):
            runs.table(folder)

    def test_members_without_validation_leave_no_validation_figure(
        self, folder, make_member, test_images
    ):
        members = [make_member(seed, validation=None) for seed in (0, 1)]
        result = runs.finish_ensemble("ensemble_3h", members, test_images.labels)
        assert np.isnan(result.metrics["validation_accuracy"])
        with pytest.raises(UserError, match="Not every member"):
            runs.finish_ensemble("ensemble_3h", members, test_images.labels, np.arange(40) % 10)

    def test_what_is_no_ensemble_is_refused(self, folder, make_member, test_images):
        with pytest.raises(UserError, match="no ensemble.*ensemble_seeds"):
            runs.finish_ensemble("ensemble_of_one", [make_member(0)] * 2, test_images.labels)
        with pytest.raises(UserError, match="two members or more"):
            runs.finish_ensemble("ensemble_seeds", [make_member(0)], test_images.labels)
        assert not list(folder.iterdir())


class TestInterruptedWrites:
    """Whatever stops the writing, the earlier result of the same model and seed stays whole."""

    @pytest.fixture
    def earlier(self, folder, make_run, test_images):
        runs.finish(make_run(), test_images)
        return files_in(folder)

    def finish_anew(self, make_run):
        runs.finish(make_run(training_seconds=1.0), labelled(IMAGES, seed=3))

    def test_full_disk(self, folder, earlier, make_run, monkeypatch):
        def full(descriptor):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="No space left.*FASHION_RESULTS_DIR") as caught:
            self.finish_anew(make_run)
        assert str(folder / MODEL) in str(caught.value)
        assert files_in(folder) == earlier

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is full")
    @pytest.mark.parametrize("kind", ["npz", "json"])
    def test_really_full_disk(self, folder, earlier, make_run, kind):
        # What is written through this link reaches a device that has no room.
        (folder / MODEL / f"seed_0.{kind}.{os.getpid()}.tmp").symlink_to("/dev/full")
        with pytest.raises(UserError, match="No space left"):
            self.finish_anew(make_run)
        assert files_in(folder) == earlier

    @pytest.mark.parametrize("cause", [KeyboardInterrupt, PermissionError(13, "Permission denied")])
    @pytest.mark.parametrize("call", [1, 2])
    def test_stopped_while_moving_into_place(
        self, folder, earlier, make_run, monkeypatch, cause, call
    ):
        replace, calls = os.replace, []

        def stop(source, target):
            calls.append(target)
            if len(calls) == call:
                raise cause
            replace(source, target)

        monkeypatch.setattr(os, "replace", stop)
        with pytest.raises((KeyboardInterrupt, UserError)):
            self.finish_anew(make_run)
        assert files_in(folder) == earlier

    def test_stopped_before_the_first_result_leaves_none(
        self, folder, make_run, test_images, monkeypatch
    ):
        replace = os.replace

        def stop(source, target):
            if str(target).endswith(".json"):
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr(os, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            runs.finish(make_run(), test_images)
        assert files_in(folder) == {}

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
        assert runs.load(MODEL, 0, folder).training_seconds == 1.0

    def test_folder_that_cannot_be_made(self, tmp_path, make_run, test_images, monkeypatch):
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        monkeypatch.setenv("FASHION_RESULTS_DIR", str(blocked))
        with pytest.raises(UserError, match="could not be written"):
            runs.finish(make_run(), test_images)
        assert blocked.read_text() == "in the way"

    def test_left_over_temporary_files_are_no_results(self, folder, earlier):
        (folder / MODEL / "seed_1.json.1.tmp").write_text("{")
        assert len(runs.load_all(folder)) == 1


class TestDamagedFiles:
    def test_unknown_model_and_seed(self, stored, tmp_path):
        stored()
        with pytest.raises(UserError, match="no result of 'cnn_x' with seed 0.*ann_baseline"):
            runs.load("cnn_x", folder=tmp_path)
        with pytest.raises(UserError, match="with seed 7"):
            runs.load(MODEL, 7, tmp_path)

    @pytest.mark.parametrize("content", ["", "{", "[1]", "null", "{}", '{"metrics": {}}', "\x00"])
    def test_unreadable_document(self, stored, tmp_path, content):
        file = stored()
        file.write_text(content)
        with pytest.raises(UserError, match="seed_0.json cannot be used.*delete it"):
            runs.load_all(tmp_path)

    def test_bytes_that_are_no_text(self, stored, tmp_path):
        stored().write_bytes(b"\xff\xfe{")
        with pytest.raises(UserError, match="cannot be used"):
            runs.table(tmp_path)

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
            runs.table(tmp_path)

    def test_document_without_probabilities(self, stored, tmp_path):
        stored().with_suffix(".npz").unlink()
        with pytest.raises(UserError, match="seed_0.npz.*is missing"):
            runs.load_all(tmp_path)

    def test_an_arm_without_probabilities_keeps_its_figures(self, stored, tmp_path):
        file = stored()
        arm = tmp_path / f"{MODEL}__arm" / file.name
        arm.parent.mkdir()
        changes = {"model": f"{MODEL}__arm", "variant_of": MODEL, "notebook": "03_x"}
        arm.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes))
        (found,) = (one for one in runs.load_all(tmp_path, variants=True) if one.variant_of)
        assert found.metrics == runs.load(MODEL, folder=tmp_path).metrics
        with pytest.raises(UserError, match="run 03_x"):
            found.probabilities()

    def test_probabilities_without_document_are_no_result(self, stored, tmp_path):
        stored().unlink()
        assert runs.load_all(tmp_path) == []

    def test_one_flipped_bit_in_the_probabilities(self, stored, tmp_path):
        file = stored().with_suffix(".npz")
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(UserError, match="damaged or not of the same run"):
            runs.load(MODEL, folder=tmp_path).probabilities()

    def test_copy_under_another_name(self, stored, tmp_path):
        file = stored()
        shutil.copy(file, file.with_name("seed_1.json"))
        shutil.copy(file.with_suffix(".npz"), file.with_name("seed_1.npz"))
        with pytest.raises(UserError, match="seed_1.json.*result of ann_baseline with seed 0"):
            runs.load_all(tmp_path)


class TestTable:
    def test_one_seed_has_the_interval_of_its_test_set(self, stored, tmp_path):
        stored()
        (row,) = runs.table(tmp_path).to_dict("records")
        (result,) = runs.load_all(tmp_path)
        assert tuple(row) == runs.COLUMNS
        assert row["seeds"] == 1
        assert (row["test_accuracy_low"], row["test_accuracy_high"]) == evaluation.wilson_interval(
            round(IMAGES * row["test_accuracy"]), IMAGES
        )
        assert row["log_loss"] == result.metrics["log_loss"]
        assert np.isnan(row["reported_accuracy"])

    def test_several_seeds_have_the_interval_of_their_mean(self, stored, tmp_path):
        for seed, accuracy in enumerate((0.90, 0.91, 0.92)):
            stored(
                seed=seed,
                metrics={"test_accuracy": accuracy, "log_loss": 0.1 * seed},
                training_seconds=10.0 * seed,
                reported_accuracy=0.906,
            )
        (row,) = runs.table(tmp_path).to_dict("records")
        expected = evaluation.seed_interval([0.90, 0.91, 0.92])
        found = [row[f"test_accuracy{end}"] for end in ("", "_low", "_high")]
        assert found == pytest.approx(expected)
        assert row["seeds"] == 3
        assert row["log_loss"] == pytest.approx(0.1)
        assert row["training_seconds"] == pytest.approx(10.0)
        assert row["reported_accuracy"] == 0.906

    def test_rows_follow_the_series(self, stored, tmp_path):
        stored("cnn_b", notebook="06_cnn_depth", order=4)
        stored("cnn_a__x", notebook="05_cnn_overfitting", order=3, variant_of="cnn_a")
        stored("cnn_a", notebook="05_cnn_overfitting", order=3, seed=1)
        stored("cnn_a", notebook="05_cnn_overfitting", order=3, seed=0)
        stored("cnn_c", notebook="05_cnn_overfitting", order=2)
        assert runs.table(tmp_path)["model"].tolist() == ["cnn_c", "cnn_a", "cnn_b"]
        everything = runs.load_all(tmp_path, variants=True)
        assert [(result.model, result.seed) for result in everything] == [
            ("cnn_c", 0),
            ("cnn_a", 0),
            ("cnn_a", 1),
            ("cnn_a__x", 0),
            ("cnn_b", 0),
        ]

    @pytest.mark.parametrize(
        "change",
        [
            {"parameters": 1},
            {"profile": "full"},
            {"trained_on": 1},
            {"recipe": {"optimizer": "adam", "epochs": 9}},
        ],
    )
    def test_seeds_of_different_recipes_have_no_mean(self, stored, tmp_path, change):
        stored(seed=0)
        stored(seed=1, **change)
        with pytest.raises(UserError, match="no common mean"):
            runs.table(tmp_path)

    def test_seeds_may_differ_in_precision_and_in_names_that_keras_numbers(self, stored, tmp_path):
        for seed, precision in enumerate(("float32", "mixed_bfloat16")):
            optimizer = {"class_name": "Adam", "config": {"name": f"adam_{seed}", "beta_1": 0.9}}
            stored(seed=seed, recipe={"optimizer": optimizer, "precision": precision})
        assert runs.table(tmp_path)["seeds"].tolist() == [2]

    def test_no_results_yet(self, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path / "none")
        assert runs.load_all() == []
        assert tuple(runs.table().columns) == runs.COLUMNS
        assert len(runs.table()) == 0
        assert len(runs.markdown_table(runs.table()).splitlines()) == 2


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
        return [(result.model, result.seed) for result in runs.load_all()]

    def test_models_and_seeds_of_ones_own_are_added(self, own, stored):
        own("my_network", order=5)
        own(seed=7)
        own(seed=0, metrics={"test_accuracy": 0.1})
        stored(profile="full")
        assert self.pairs() == [(MODEL, 0), (MODEL, 7), ("my_network", 0)]
        assert runs.load(MODEL).metrics["test_accuracy"] != 0.1
        assert runs.table()["seeds"].tolist() == [2, 1]

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


class TestSentencesAndTables:
    @pytest.fixture
    def results(self):
        row = {
            "model": "cnn_batch_normalization",
            "family": "CNN",
            "parameters": 36_500_000,
            "mflops": 10_482.4,
            "seeds": 5,
            "validation_accuracy": 0.93456,
            "test_accuracy": 0.9312,
            "test_accuracy_low": 0.9286,
            "test_accuracy_high": 0.9338,
            "log_loss": 0.19876,
            "calibration_error": 0.01234,
            "reported_accuracy": 0.906,
            "training_seconds": 723.4,
        }
        arm = {
            "model": "cnn_batch_normalization__without_any_learning_rate_schedule",
            "reported_accuracy": float("nan"),
            "mflops": 1.234,
        }
        return pd.DataFrame([row, row | arm])

    def test_terminal_table_fits(self, results):
        lines = runs.terminal_table(results).splitlines()
        assert max(map(len, lines)) <= 120
        assert "".join(lines).isascii()
        assert " ".join(lines[1].split()) == (
            "cnn_batch_normalization 36,500,000 10,482 5 93.46 93.12 92.86-93.38 0.199 0.012 "
            "90.60 12 min 03 s"
        )
        assert lines[2].startswith("  without_any") and ".. " in lines[2]

    def test_markdown_table(self, results):
        lines = runs.markdown_table(results).splitlines()
        assert lines[0] == (
            "| Model | Parameters | MFLOPs per image | Seeds | Validation accuracy | "
            "Test accuracy (95 % interval) | Reported elsewhere | Training time |"
        )
        assert lines[2] == (
            "| cnn_batch_normalization | 36,500,000 | 10,482 | 5 | 93.46 % | "
            "93.12 % (92.86–93.38) | 90.60 % | 12 min 03 s |"
        )
        assert lines[3].endswith("| – | 12 min 03 s |")
        assert {line.count("|") for line in lines} == {9}

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "0 s"),
            (0.0123, "0.01 s"),
            (0.4, "0.4 s"),
            (0.96, "1 s"),
            (59.4, "59 s"),
            (59.6, "1 min 00 s"),
            (187, "3 min 07 s"),
            (3599.7, "1 h 00 min"),
            (3900, "1 h 05 min"),
            (7199, "2 h 00 min"),
        ],
    )
    def test_duration(self, seconds, words):
        assert runs.duration(seconds) == words

    def test_expected(self, stored, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path)
        assert runs.expected(MODEL).startswith("No result of ann_baseline is published yet")
        figures = {
            "test_accuracy": 0.9,
            "test_accuracy_low": 0.89,
            "test_accuracy_high": 0.91,
        }
        stored(metrics=figures)
        sentence = runs.expected(MODEL)
        assert "90.00 % (95 % interval 89.00 to 91.00 %, one seed) after 1 min 15 s" in sentence
        assert "cores" in sentence
        stored(seed=1, metrics=figures)
        assert "mean of 2 seeds" in runs.expected(MODEL)
        stored("cnn_a", machine={"accelerator": "Tesla T4"})
        assert runs.expected("cnn_a").endswith("of training on Tesla T4.")

    def test_summary(self, stored, tmp_path):
        figures = {"test_accuracy": 0.9, "validation_accuracy": None}
        stored(metrics=figures, machine={"accelerator": "Tesla T4"})
        result = runs.load(MODEL, 0, tmp_path)
        words = f"{MODEL}, seed 0: test accuracy 90.00%, 1 min 15 s of training on Tesla T4"
        assert runs.summary(result) == words
        result.metrics["validation_accuracy"] = 0.95
        assert "90.00%, validation accuracy 95.00%, 1 min" in runs.summary(result)


class TestCommand:
    def test_csv_reads_back(self, stored, tmp_path, capsys):
        stored()
        stored(f"{MODEL}__arm", variant_of=MODEL)
        assert runs.main(["--csv", "--variants", "--folder", str(tmp_path)]) == 0
        text = capsys.readouterr().out
        (tmp_path / "table.csv").write_text(text)
        found = pd.read_csv(tmp_path / "table.csv")
        assert tuple(found.columns) == runs.COLUMNS
        pd.testing.assert_frame_equal(
            found, runs.table(tmp_path, variants=True), check_dtype=False, rtol=1e-5
        )

    def test_damaged_results_end_in_one_sentence(self, stored, tmp_path, capsys):
        stored().write_text("{")
        assert runs.main(["--folder", str(tmp_path)]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1

    def test_folder_that_does_not_exist(self, tmp_path, capsys):
        assert runs.main(["--folder", str(tmp_path / "none")]) == 2
        assert "is no folder" in capsys.readouterr().err

    def test_no_results(self, tmp_path, capsys):
        assert runs.main(["--folder", str(tmp_path)]) == 0
        assert "yet" in capsys.readouterr().out

    def test_as_a_program_it_needs_no_tensorflow(self, stored, tmp_path):
        stored()
        program = (
            "import runpy, sys; sys.argv = ['runs', '--folder', sys.argv[1]]\n"
            "try: runpy.run_module('helpers.runs', run_name='__main__')\n"
            "except SystemExit as end: assert not end.code\n"
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


class TestCheck:
    """`--check`: results that today's code contradicts are named."""

    @pytest.fixture
    def store(self, stored, tmp_path, monkeypatch):
        """Store a result of the model as it is built today; returns what `--check` finds of it."""
        from helpers import cost, models

        network = models.build(MODEL)
        honest = {
            "parameters": cost.parameters(network),
            "mflops": cost.flops(network) / 1e6,
        }

        def check(**changes):
            stored(**(honest | changes))
            checked = provenance.check(runs.load_all(tmp_path, variants=True))
            return checked.iloc[-1][["commit", "verdict", "why"]].tolist()

        return check

    def test_a_new_result_agrees(self, store):
        commit, verdict, why = store()
        assert (verdict, why) == ("agrees", "")
        assert commit == "-" or len(commit.rstrip("+")) == 10

    def test_a_result_from_before_is_unknown(self, store):
        found = store(commit=None, definitions=None)
        assert found == ["-", "unknown", "made before provenance was kept"]

    def test_a_result_without_the_fields_still_reads(self, stored, tmp_path):
        file = stored()
        document = json.loads(file.read_text())
        for key in ("commit", "definitions"):
            del document[key]
        file.write_text(json.dumps(document))
        result = runs.load(MODEL, folder=tmp_path)
        assert result.commit is None and result.definitions is None

    def test_changed_definitions_are_named(self, store, monkeypatch):
        of_model = definitions.of_model

        def changed(*arguments):
            return of_model(*arguments) | {"models.ann_baseline": "0", "models.new": "1"}

        monkeypatch.setattr(stamp, "of_model", changed)
        *_, verdict, why = store()
        assert (verdict, why) == (
            "contradicts",
            "changed since: models.ann_baseline, models.new",
        )

    def test_another_network_of_the_same_name(self, store):
        assert store(parameters=8)[1:] == [
            "contradicts",
            "it has 8 parameters, today's model 235,146",
        ]
        assert "today's model 0.469938" in store(mflops=1.5)[2]

    def test_a_model_that_is_gone(self, store):
        assert "no model of the name cnn_gone" in store(model="cnn_gone")[2]

    def test_an_arm_is_judged_without_its_cost(self, store):
        found = store(model=f"{MODEL}__arm", variant_of=MODEL, parameters=8)
        assert found[1] == "agrees"

    def test_an_ensemble_costs_what_its_members_do(self, store):
        recipe = {"members": [MODEL, MODEL], "member_seeds": [0, 1], "training": {}}
        found = definitions.of_model("ensemble_seeds", recipe)
        ensemble = {"model": "ensemble_seeds", "recipe": recipe, "definitions": found}
        assert "today's model 470,292" in store(**ensemble)[2]
        costs = {"parameters": 470_292, "mflops": 2 * 0.469938}
        assert store(**ensemble, **costs)[1] == "agrees"

    def test_every_view_costs_operations(self, store):
        def of_recipe(recipe):
            return {"recipe": recipe, "definitions": definitions.of_model(MODEL, recipe)}

        mirrored = of_recipe({"views": ["None", "flip"]})
        assert store(**mirrored, mflops=2 * 0.469938)[1] == "agrees"
        assert "today's model 0.939876" in store(**mirrored, mflops=0.469938)[2]

    def test_damaged_probabilities(self, store):
        assert "probabilities are damaged" in store(probabilities_sha256="0")[2]

    def test_a_notebook_that_changed_or_is_gone(self, store, published, monkeypatch):
        path, notebook = published
        before = {"definitions": None, "notebook": path.stem}
        assert store(**before)[2] == "its notebook 01_first holds no full run"
        nbformat.write(notebook, path)
        assert store(**before)[1] == "unknown"
        stamp.code_cells(notebook)[1].source += "\n1"
        nbformat.write(notebook, path)
        assert store(**before)[1:] == [
            "contradicts",
            "its notebook 01_first has changed since its stored run",
        ]
        assert "99_gone does not exist" in store(definitions=None, notebook="99_gone")[2]

    def test_the_command(self, store, stored, tmp_path, capsys):
        store(definitions=None)
        assert runs.main(["--check", "--folder", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert "unknown  made before provenance was kept" in said
        assert "1 results: 0 agree, 1 unknown, 0 contradict." in said
        stored("cnn_gone", seed=3)
        assert runs.main(["--check", "--csv", "--folder", str(tmp_path)]) == 1
        (tmp_path / "check.csv").write_text(capsys.readouterr().out)
        found = pd.read_csv(tmp_path / "check.csv")
        assert found["verdict"].tolist() == ["unknown", "contradicts"]


def test_published_results_are_whole():
    """Every published result reads, matches its probabilities, and states their metrics."""
    for result in runs.load_all(variants=True):
        assert result.profile == "full", result.file
        if result.variant_of and not result.file.with_suffix(".npz").exists():
            continue  # the repository keeps the figures of arms, not their probabilities
        found = evaluation.metrics(result.labels(), result.probabilities())
        for key, value in found.items():
            stated = result.metrics[f"test_{key}" if key.startswith("accuracy") else key]
            assert stated == pytest.approx(value, rel=1e-6), (result.file, key)
    runs.table(variants=True)


def test_published_results_stay_small_enough_to_clone():
    sizes = {
        file: file.stat().st_size
        for file in settings.PUBLISHED_RESULTS.rglob("*")
        if file.is_file() and not (runs.VARIANT_MARK in file.parent.name and file.suffix == ".npz")
    }
    assert sum(sizes.values()) < 15e6, sorted(sizes, key=sizes.get)[-5:]
