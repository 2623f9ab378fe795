"""Shipped: the network in the repository is the one its result describes, and damage is named."""

import subprocess
import sys

import numpy as np
import pytest

from helpers import data, evaluation, layers, models, runs, settings
from helpers.topics import budgets, calibration, shipped


@pytest.fixture(scope="module")
def sample():
    return data.load_sample()


def test_the_network_keeps_what_its_result_promises(sample):
    result = runs.load(shipped.PLACE.parent.name, shipped.SEED, settings.PUBLISHED_RESULTS)
    probabilities = evaluation.predict(shipped.load(sample), sample.test.images)
    correct = int((probabilities.argmax(1) == sample.test.labels).sum())
    low, high = evaluation.wilson_interval(correct, len(sample.test), confidence=0.999)
    assert low <= result.metrics["test_accuracy"] <= high
    assert (settings.PUBLISHED_RESULTS / shipped.PLACE).stat().st_size < 2e6


def test_a_fresh_process_needs_one_import():
    """README and the module say which; Keras finds the layers of the network by it."""
    file = settings.PUBLISHED_RESULTS / shipped.PLACE
    code = "import sys; from helpers import layers; import keras; "
    code += "print(keras.models.load_model(sys.argv[1], compile=False).output_shape)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        capture_output=True, text=True, cwd=settings.REPOSITORY, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "(None, 10)"


def test_the_network_computes_in_float32(sample):
    model = shipped.load(sample)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert [tuple(weight.shape) for weight in model.weights] == [
        tuple(weight.shape) for weight in models.build(shipped.NAME).weights
    ]


def test_its_temperature_is_that_of_the_validation_images(sample):
    model = models.build("ann_baseline")
    validation = data.split(sample.train)[1]
    expected = calibration.fit_temperature(
        validation.labels, evaluation.predict(model, validation.images)
    )
    assert shipped.temperature(model, sample) == expected != 1


def test_saved_and_loaded_predicts_the_same(sample, tmp_path):
    model = layers.in_float32(models.build(shipped.NAME, seed=3))
    shipped.save(model, tmp_path / "new" / "model.keras")
    loaded = shipped.load(sample, tmp_path / "new" / "model.keras")
    images = sample.test.images[:8]
    np.testing.assert_array_equal(
        evaluation.predict(model, images), evaluation.predict(loaded, images)
    )


def test_it_learns_by_the_recipe_of_its_budget_but_from_hard_labels(smoke):
    run = shipped.train(smoke)
    fitting, validation = data.split(smoke.train)
    assert run.name == shipped.PLACE.parent.name and run.variant_of == shipped.NAME
    assert run.recipe["label_smoothing"] == 0.0 != budgets.RECIPES[shipped.NAME].label_smoothing
    assert run.recipe["left_out"] == budgets.RECIPES[shipped.NAME].left_out
    assert (run.trained_on, len(run.validation)) == (len(fitting), len(validation))


def test_a_missing_file_means_a_training(sample, tmp_path, monkeypatch, capsys):
    asked = []

    def train(dataset):
        asked.append(dataset)
        return type("Run", (), {"model": models.build(shipped.NAME, shipped.SEED)})

    monkeypatch.setattr(shipped, "train", train)
    shipped.load(sample, tmp_path / "absent.keras")
    assert asked == [sample]
    assert "trained now" in capsys.readouterr().out


def test_a_damaged_file_is_named(sample, tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK no archive")
    with pytest.raises(settings.UserError, match="git checkout"):
        shipped.load(sample, tmp_path / "model.keras")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file, no folder")
    with pytest.raises(settings.UserError, match="could not be written"):
        shipped.save(models.build(shipped.NAME), tmp_path / "taken" / "model.keras")
