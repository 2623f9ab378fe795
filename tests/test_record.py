"""The record attempt in miniature: distortions, optimizer, resuming, and the whole command."""

import dataclasses
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from helpers import cost, data, ensembling, models, record, runs, settings, training
from helpers.layers import keras

TINY = record.Recipe(depth=10, width=1, epochs=2, batch_size=32)
TINY_OPTIONS = ["--depth", "10", "--width", "1", "--epochs", "2", "--batch-size", "32"]


def few_images():
    sample = data.load_sample()
    return data.Dataset(
        sample.train.take(np.arange(0, 2000, 31)[:64]),
        sample.test.take(np.arange(0, 1000, 50)),
        sample.class_names,
        "a few images",
    )


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Sixty-four training and twenty test images, and folders of its own."""
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path / "outputs")
    dataset = few_images()
    monkeypatch.setattr(data, "load_profile", lambda: dataset)
    return dataset


class TestDistortions:
    @pytest.mark.parametrize("distort", record.DISTORTIONS)
    def test_form_stays_and_the_seed_repeats(self, distort, images):
        before = images.copy()
        first, again, other = (distort(images, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert first.shape == images.shape and first.dtype == np.uint8
        assert np.array_equal(first, again) and not np.array_equal(first, other)
        assert np.array_equal(images, before)

    def test_mirror_turns_about_half_of_the_images(self):
        images = np.tile(np.array([[1, 2, 3]], np.uint8), (1000, 1, 1))
        mirrored = record.mirror(images, np.random.default_rng(0))
        turned = (mirrored == [[3, 2, 1]]).all(axis=(1, 2))
        assert (turned | (mirrored == [[1, 2, 3]]).all(axis=(1, 2))).all()
        assert 400 < turned.sum() < 600

    def test_shift_reaches_every_offset_and_fills_with_black(self):
        images = np.zeros((2000, 7, 7), np.uint8)
        images[:, 3, 3] = 9
        moved = record.shift(images, np.random.default_rng(0), largest=2)
        assert (moved.sum(axis=(1, 2)) == 9).all()
        places = np.argwhere(moved)[:, 1:]
        assert {tuple(place) for place in places.tolist()} == {
            (row, column) for row in range(1, 6) for column in range(1, 6)
        }
        full = record.shift(np.full((50, 7, 7), 5, np.uint8), np.random.default_rng(0), largest=2)
        left = (full == 5).sum(axis=(1, 2))
        assert set(left.tolist()) <= {rows * columns for rows in (5, 6, 7) for columns in (5, 6, 7)}

    def test_cutout_hides_a_square_cut_off_at_the_border(self):
        white = np.full((3000, 28, 28), 255, np.uint8)
        hidden = record.cutout(white, np.random.default_rng(0)) == 0
        rows, columns = hidden.any(axis=2).sum(axis=1), hidden.any(axis=1).sum(axis=1)
        assert np.array_equal(hidden.sum(axis=(1, 2)), rows * columns)
        assert rows.min() == columns.min() == record.CUTOUT // 2
        assert rows.max() == columns.max() == record.CUTOUT
        assert (record.cutout(white[:9, :3, :3], np.random.default_rng(0), size=1) == 0).sum() == 9


class TestBatches:
    def test_an_epoch_holds_every_image_once_and_epochs_differ(self, few, monkeypatch):
        monkeypatch.setattr(record, "DISTORTIONS", ())
        batches = record.Batches(few.train, 16, seed=0)
        assert len(batches) == 4
        images, labels = batches[0]
        assert images.shape == (16, 28, 28, 1) and images.dtype == np.float32
        assert labels.dtype == np.int32
        seen = np.concatenate([batches[number][0] for number in range(4)])
        sums = np.sort(few.train.images.sum(axis=(1, 2)))
        assert np.sort(seen.sum(axis=(1, 2, 3))) * 255 == pytest.approx(sums, rel=1e-4)
        batches.begin(1)
        assert not np.array_equal(batches[0][0], images)

    def test_a_batch_depends_on_seed_epoch_and_number_alone(self, few):
        first, again = (record.Batches(few.train, 16, seed=3) for _ in range(2))
        first[0], first.begin(5), again.begin(5)
        assert np.array_equal(first[2][0], again[2][0])
        assert not np.array_equal(first[2][0], record.Batches(few.train, 16, seed=3)[2][0])

    def test_too_few_images_are_refused(self, few):
        with pytest.raises(settings.UserError, match="64 images.*--batch-size"):
            record.Batches(few.train, 65, seed=0)


def test_learning_rate_rises_to_its_peak_and_falls_to_zero():
    rate = record.learning_rate(400)
    at = {step: float(rate(step)) for step in (0, 10, 205, 400)}
    assert at == pytest.approx({0: 0.01, 10: 0.1, 205: 0.05, 400: 0.0}, abs=1e-6)


def test_network_has_the_published_form():
    model = record.wide_resnet_gpu(16, 2)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Add") == 6 and kinds.count("Conv2D") == 16
    assert [layer.output.shape[1:] for layer in model.layers if type(layer).__name__ == "Add"][
        ::2
    ] == [(28, 28, 32), (14, 14, 64), (7, 7, 128)]
    assert "Dropout" not in kinds
    assert "Dropout" in [
        type(layer).__name__ for layer in record.wide_resnet_gpu(10, 1, 0.3).layers
    ]
    assert cost.flops(model) > cost.parameters(model)
    for depth, width in ((27, 10), (4, 10), (10, 0)):
        with pytest.raises(settings.UserError, match=f"depth {depth} and width {width}.*28"):
            record.wide_resnet_gpu(depth, width)


def test_only_kernels_are_decayed():
    model = record.wide_resnet_gpu(10, 1)
    optimizer = record.optimizer(model, 400)
    optimizer.build(model.trainable_variables)
    before = [weight.numpy() for weight in model.trainable_variables]
    optimizer.apply([keras.ops.zeros_like(weight) for weight in model.trainable_variables])
    for old, weight in zip(before, model.trainable_variables, strict=True):
        factor = 1 - 0.01 * record.WEIGHT_DECAY if old.ndim > 1 else 1.0
        assert weight.numpy() == pytest.approx(old * np.float32(factor), rel=1e-6)


def test_an_interrupted_training_goes_on_where_it_stopped(few, tmp_path, monkeypatch):
    whole = record.train(TINY, few.train, seed=1)
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path / "others")

    def stop(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(training.TrainingInterrupted, match="seed 1.*same command"):
        record.train(
            TINY, few.train, 1, callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=stop)]
        )
    begun = []
    watch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    resumed = record.train(TINY, few.train, 1, callbacks=[watch])
    assert begun == [1]
    assert len(resumed.history["loss"]) == 2
    assert resumed.history["loss"] == pytest.approx(whole.history["loss"], rel=1e-3)
    assert resumed.history["learning_rate"] == whole.history["learning_rate"]
    assert whole.history["learning_rate"][-1] == pytest.approx(0, abs=1e-6)
    for left, right in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        assert left == pytest.approx(right, rel=1e-2, abs=1e-4)


def test_command_trains_each_seed_once_and_averages_them(few, capsys):
    assert record.main([*TINY_OPTIONS, "--seed", "0"]) == 0
    assert record.main([*TINY_OPTIONS, "--seed", "0", "1"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "test accuracy" in line]
    assert [line.split()[:2] for line in lines] == [
        ["new", "wide_resnet_gpu,"],
        ["kept", "wide_resnet_gpu,"],
        ["new", "wide_resnet_gpu,"],
        ["new", "ensemble_gpu,"],
    ]
    folder = settings.results_folder()
    singles = [runs.load("wide_resnet_gpu", seed, folder) for seed in (0, 1)]
    together = runs.load("ensemble_gpu", 0, folder)
    mean = ensembling.average([single.probabilities() for single in singles])
    assert together.probabilities() == pytest.approx(mean, abs=1e-2)
    assert together.recipe["member_seeds"] == [0, 1]
    assert singles[0].recipe["backend"] == "tensorflow" and singles[0].trained_on == 64
    assert len(singles[0].recipe["views"]) == 2 and singles[0].epoch == 2
    log = singles[0].file.with_suffix(".csv").read_text().splitlines()
    assert len(log) == 3 and "learning_rate" in log[0]
    assert runs.table(folder)["seeds"].tolist() == [2, 1]
    assert not list((settings.OUTPUTS / "record").iterdir())
    assert record.main([*TINY_OPTIONS, "--width", "2"]) == 2
    assert "other options" in capsys.readouterr().err


def test_minutes_shorten_the_training(few):
    endless = dataclasses.replace(TINY, epochs=10**9)
    assert 1 < record.epochs_within(10, endless, few.train) < 10**9


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--sam"], "There is no option '--sam'"),
        (["--depth", "27", "--batch-size", "32"], "depth 27"),
        (["--epochs", "0"], "0 epochs"),
        (["--minutes", "0"], "0.0 minutes"),
        (["--batch-size", "65"], "--batch-size"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(few, capsys, options, sentence):
    assert record.main(options) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1


def test_names_are_apart_from_those_of_two_cores():
    assert models.specification("wide_resnet_gpu").family == "CNN"
    assert ensembling.specification("ensemble_gpu").family == "Ensemble"


ELSEWHERE = f"""
import sys
sys.modules["tensorflow"] = None  # as if it were not installed
sys.path[:0] = ["tests", "."]
import test_record
from helpers import data, record, settings
settings.OUTPUTS = settings.results_folder() / "outputs"
data.load_profile = test_record.few_images
sys.exit(record.main({[*TINY_OPTIONS, "--seed", "0", "1"]!r}))
"""


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_command_needs_no_tensorflow(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    settings_there = {"KERAS_BACKEND": backend, "FASHION_PROFILE": "smoke"}
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=settings.REPOSITORY,
        env=os.environ | settings_there,
        check=True,
    )
    result = runs.load("ensemble_gpu", 0, settings.results_folder())
    member = result.recipe["training"]["wide_resnet_gpu"]
    assert member["backend"] == backend and backend in result.versions
    assert np.isfinite(result.probabilities()).all()
