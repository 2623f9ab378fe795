"""Models: the registry, and every builder trains a step, saves and loads."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from helpers import data, models, pipeline, settings, training
from helpers.layers import keras

EXPECTED = {
    "ann_baseline": "03_ann_baseline",
    "ann_regularized": "04_ann_regularized",
    "ann_tuned": "09_hyperparameter_tuning",
    "cnn_plain": "05_cnn_overfitting",
    "cnn_dropout": "05_cnn_overfitting",
    "cnn_shallow": "06_cnn_depth",
    "cnn_deep": "06_cnn_depth",
    "cnn_batch_normalization": "07_cnn_batch_normalization",
    "cnn_basic": "08_cnn_three_versions",
    "cnn_advanced": "08_cnn_three_versions",
    "cnn_optimum": "08_cnn_three_versions",
    "cnn_tuned": "09_hyperparameter_tuning",
    "cnn_augmented": "10_data_augmentation",
}


def test_registry_holds_the_source_models_in_order():
    assert models.names()[: len(EXPECTED)] == list(EXPECTED)
    for name, notebook in EXPECTED.items():
        known = models.specification(name)
        assert known.notebook == notebook
        assert known.family == name[:3].upper()


def test_unknown_model_and_argument_are_named():
    with pytest.raises(settings.UserError, match="'cnn_huge'.*ann_baseline"):
        models.build("cnn_huge")
    with pytest.raises(settings.UserError, match="'cnn_huge'"):
        models.source("cnn_huge")
    with pytest.raises(settings.UserError, match="dropout.*dropout_rate"):
        models.build("cnn_dropout", dropout=0.5)


def test_source_is_the_builder_without_its_decorator():
    text = models.source("cnn_plain")
    assert text.startswith("def cnn_plain(") and "register" not in text


@pytest.mark.parametrize("name", EXPECTED)
def test_builder_trains_a_step_saves_and_loads(name, tmp_path):
    sample = data.load_sample().train.take(np.arange(0, 2000, 31))
    model = models.build(name)
    assert model.name == name and model.input_shape == (None, 28, 28, 1)
    before = [weight.copy() for weight in model.get_weights()]
    run = training.train(
        model,
        sample,
        sample,
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        epochs=1,
        batch_size=64,
    )
    changed = [
        not np.array_equal(left, right)
        for left, right in zip(before, model.get_weights(), strict=True)
    ]
    assert all(changed)
    assert run.pixel_range == models.specification(name).pixel_range
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).uniform(0, 1, (5, 28, 28, 1)).astype(np.float32)
    predicted = np.asarray(model(images, training=False))
    assert predicted.dtype == np.float32
    assert predicted.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert np.array_equal(predicted, np.asarray(loaded(images, training=False)))


def test_same_seed_same_weights_other_seed_other_weights():
    first, second, third = (models.build("ann_baseline", seed) for seed in (1, 1, 2))
    weights = [model.get_weights()[0] for model in (first, second, third)]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_dense_networks_stay_in_float32():
    assert {layer.compute_dtype for layer in models.build("ann_regularized").layers} == {"float32"}


def test_changes_reach_the_builder():
    kinds = [type(layer).__name__ for layer in models.build("cnn_dropout", pooling=False).layers]
    assert "MaxPooling2D" not in kinds and "Dropout" in kinds


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("cnn_dropout", {"dropout_rate": 0.0}),
        ("cnn_batch_normalization", {"dropout_rate": 0.0}),
        ("ann_regularized", {"dropout_rate": 0.0, "activation": "relu"}),
    ],
)
def test_arms_of_an_ablation_start_alike(name, changes):
    kernels = [
        [weight for weight in model.get_weights() if weight.ndim > 1]
        for model in (models.build(name, 4), models.build(name, 4, **changes))
    ]
    for left, right in zip(*kernels, strict=True):
        assert np.array_equal(left, right)


READ_ELSEWHERE = """
import sys
import numpy as np
from helpers.layers import keras
assert keras.backend.backend() == sys.argv[1]
folder = sys.argv[2]
model = keras.models.load_model(folder + "/model.keras")
outputs = model(np.load(folder + "/images.npy"), training=False)
np.save(folder + "/outputs.npy", keras.ops.convert_to_numpy(outputs))
"""


@pytest.mark.parametrize("backend", ["tensorflow", "torch", "jax"])
@pytest.mark.parametrize("name", ["cnn_batch_normalization", "resnet_fast"])
def test_a_trained_model_predicts_the_same_in_a_process_that_knows_only_the_layers(
    backend, name, tmp_path
):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    sample = data.load_sample().train.take(np.arange(0, 2000, 31))
    model = models.build(name)
    arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    training.train(model, sample, None, epochs=1, batch_size=32, **arguments)
    images = pipeline.prepare_images(data.load_sample().test.images[:20])
    np.save(tmp_path / "images.npy", images)
    model.save(tmp_path / "model.keras")
    command = [sys.executable, "-c", READ_ELSEWHERE, backend, str(tmp_path)]
    subprocess.run(
        command, cwd=settings.REPOSITORY, env=os.environ | {"KERAS_BACKEND": backend}, check=True
    )
    here, there = np.asarray(model(images, training=False)), np.load(tmp_path / "outputs.npy")
    # bfloat16 has three significant digits, and libraries add in different orders.
    assert there == pytest.approx(here, abs=1e-6 if backend == "tensorflow" else 0.03)


def test_networks_tell_the_classes_of_the_readers_images_apart(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    assert models.build("cnn_basic").output_shape == (None, 10)
    monkeypatch.setenv("FASHION_DATA_SET", str(tmp_path))
    assert models.classes() == 3
    assert all(
        models.build(name).output_shape == (None, 3) for name in ("ann_baseline", "cnn_tiny")
    )
