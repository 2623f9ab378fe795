"""Finishing a run: judged once, the stored figures are those of the stored probabilities."""

import io

import numpy as np
import pytest
from conftest import BASELINE as MODEL

from helpers import evaluation, plotting, results, runs, settings, tables
from helpers.maintenance import pages
from helpers.settings import UserError
from helpers.topics import ensembling

IMAGES = 60


class TestFinish:
    def test_reads_back_what_it_returned(self, folder, make_run, test_images):
        result = runs.finish(make_run(), test_images)
        again = results.load(MODEL, 0, folder)
        np.testing.assert_equal(vars(again), vars(result))
        assert (result.profile, result.epoch, result.choice) == ("smoke", 2, "last epoch")
        assert result.training_seconds == 75.25 and result.trained_on == 100
        assert result.history["loss"] == [1.0, 0.1234568]
        assert np.isnan(again.history["val_loss"][1])
        assert set(result.metrics) == set(results.METRICS)
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
        assert np.isnan(results.load(MODEL, 0, folder).metrics["validation_accuracy"])
        assert "NaN" not in (folder / MODEL / "seed_0.json").read_text()
        assert "| – |" in pages.markdown_table(tables.table(folder))

    def test_variants_stand_beside_their_model(self, folder, make_run, test_images):
        runs.finish(make_run(), test_images)
        arm = f"{MODEL}__wide"
        result = runs.finish(make_run(name=arm, variant_of=MODEL), test_images)
        assert (result.model, result.variant_of, result.family) == (arm, MODEL, "ANN")
        assert result.title == "ANN, baseline, wide"
        assert [found.model for found in results.load_all(folder)] == [MODEL]
        assert [found.model for found in results.load_all(folder, variants=True)] == [MODEL, arm]

    def test_what_a_source_reported_of_a_model_is_not_said_of_its_variants(
        self, folder, make_run, test_images
    ):
        for name, variant_of in (("cnn_basic", None), ("cnn_basic__wide", "cnn_basic")):
            runs.finish(make_run(name=name, variant_of=variant_of), test_images)
        assert results.load("cnn_basic", 0, folder).reported_accuracy == 0.9120
        assert results.load("cnn_basic__wide", 0, folder).reported_accuracy is None

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
        content, restored = results.pack(probabilities, np.zeros(1, np.uint8))
        roots = np.load(io.BytesIO(content))["fifth_roots"]
        np.testing.assert_array_equal(roots, np.round(127 * probabilities**0.2))
        np.testing.assert_allclose(restored, probabilities, rtol=0.05)
        _, restored = results.pack(np.array([[1.0, 0.0]]), np.zeros(1, np.uint8))
        np.testing.assert_allclose(restored, [[1.0, (0.25 / 127) ** 5]], rtol=1e-6)

    def test_storing_keeps_the_class_in_front_and_rounds_the_rest(self):
        generator = np.random.default_rng(0)
        probabilities = generator.dirichlet(np.full(10, 0.2), size=2000)
        probabilities[0] = 0.1  # where all are alike, the first stays in front
        probabilities[1, :2] = probabilities[1, :2].max() * np.array([1.0, 1 + 1e-9])
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        content, restored = results.pack(probabilities, np.zeros(2000, np.uint8))
        np.testing.assert_array_equal(restored.argmax(axis=1), probabilities.argmax(axis=1))
        np.testing.assert_allclose(restored[0], 0.1, rtol=1e-6)
        # Half a step by rounding, another for the row's sum and for staying in front.
        assert np.abs(restored**0.2 - probabilities**0.2).max() < 1 / 127
        again = results._unpack(np.load(io.BytesIO(content)))
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
        again = results.load("ensemble_seeds", 0, folder)
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
        table = tables.table(folder)
        assert table["model"].tolist() == [MODEL, "ensemble_seeds"]
        assert table["family"].tolist() == ["ANN", "Ensemble"]
        assert "ensemble_seeds" in tables.terminal_table(table)
        assert "| ensemble_seeds | 3,000 | 7.50 |" in pages.markdown_table(table)
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", folder)
        assert "after 33 s of training on a processor" in tables.expected("ensemble_seeds")
        assert len(plotting.accuracy_bars(table).axes) == 1

    def test_other_members_of_the_same_recipe_have_a_common_mean(
        self, folder, make_member, test_images
    ):
        self.finish(make_member, test_images.labels)
        self.finish(make_member, test_images.labels, seeds=(100, 101, 102), seed=1)
        assert tables.table(folder)["seeds"].tolist() == [2]
        self.finish(make_member, test_images.labels, seeds=(200, 201), seed=2)
        with pytest.raises(UserError, match="no common mean"):
            tables.table(folder)

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
