"""Models: the registry, and every builder trains a step, saves and loads."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from helpers import data, evaluation, models, pipeline, settings, training
from helpers.layers import fastest_precision, keras

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
    assert [name for name in models.names() if name in EXPECTED] == list(EXPECTED)
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


def test_a_network_knows_what_was_changed():
    own = dataset((20, 16, 3), 3)
    assert models.build("ann_baseline").changes == {}
    assert models.build("ann_baseline", units=(8,)).changes == {"units": (8,)}
    assert models.build("ann_baseline", data=own).changes == {}
    arm = models.build("cnn_dropout", 4, own, pooling=False, dropout_rate=0.0)
    assert arm.changes == {"pooling": False, "dropout_rate": 0.0}


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
from helpers.layers import fastest_precision, keras
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


def dataset(shape, classes, count=12):
    """Return a data set of noise whose labels lack the last class."""
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    labelled = data.LabelledImages(images, (np.arange(count) % (classes - 1)).astype(np.uint8))
    return data.Dataset(labelled, labelled, tuple(map(str, range(classes))), "noise")


@pytest.mark.parametrize("name", models.names())
def test_every_model_fits_three_classes_in_colour(name, tmp_path):
    own = dataset((16, 14, 3), 3)
    model, again = models.build(name, 5, data=own), models.build(name, 5, data=own)
    assert model.name == name and model.input_shape == (None, 16, 14, 3)
    assert model.output_shape == (None, 3)
    before = model.get_weights()
    assert all(np.array_equal(*pair) for pair in zip(before, again.get_weights(), strict=True))
    expected = fastest_precision() if models.specification(name).family == "CNN" else "float32"
    assert {layer.dtype_policy.name for layer in model.layers[1:-1]} == {expected}
    assert model.layers[-1].dtype_policy.name == "float32"
    images = pipeline.prepare_images(own.train.images)
    one_step(model, images, own.train.labels)
    after = model.get_weights()
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    predicted = np.asarray(model(images, training=False))
    assert predicted.dtype == np.float32
    assert predicted.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(predicted, np.asarray(loaded(images, training=False)))


def one_step(model, images, labels):
    """One step of gradient descent, without the seconds that compiling a graph takes."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = keras.losses.sparse_categorical_crossentropy(labels, outputs)
    weights = model.trainable_variables
    keras.optimizers.Adam().apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))


def test_images_in_colour_are_trained_on_and_judged():
    own = dataset((20, 16, 3), 3)
    model = models.build("cnn_basic", data=own)
    arguments = {"optimizer": "adam", "loss": "categorical_crossentropy", "batch_size": 6}
    augment = (pipeline.Flip(), pipeline.Shift(1))
    training.train(model, own.train, own.test, epochs=1, augment=augment, **arguments)
    views = (*pipeline.MIRRORED, pipeline.View(down=1))
    assert evaluation.predict(model, own.test.images, views=views).shape == (12, 3)


def test_the_form_of_the_known_images_changes_nothing():
    plain = models.build("resnet_fast", 7)
    for own in (data.load_sample(), data.load_sample().train):
        fitted = models.build("resnet_fast", 7, data=own)
        assert [layer.name.rstrip("0123456789_") for layer in fitted.layers] == [
            layer.name.rstrip("0123456789_") for layer in plain.layers
        ]
        for left, right in zip(plain.get_weights(), fitted.get_weights(), strict=True):
            assert np.array_equal(left, right)


def test_labels_tell_the_number_of_classes_where_there_are_no_names():
    own = dataset((28, 28), 5)
    assert models.build("ann_baseline", data=own).output_shape == (None, 5)
    assert models.build("ann_baseline", data=own.train).output_shape == (None, 4)


def test_the_size_of_the_images_goes_before_that_of_a_change():
    own = dataset((28, 28), 10)
    assert models.build("resnet_fast", size=20).input_shape == (None, 20, 20, 1)
    assert models.build("resnet_fast", data=own, size=20).input_shape == (None, 28, 28, 1)


def test_other_seeds_and_arms_for_other_images():
    own = dataset((20, 20), 3)
    kernels = [
        [weight for weight in model.get_weights() if weight.ndim > 1]
        for model in (
            models.build("cnn_dropout", 4, own),
            models.build("cnn_dropout", 4, own, dropout_rate=0.0),
            models.build("cnn_dropout", 5, own),
        )
    ]
    for first, arm, other in zip(*kernels, strict=True):
        assert np.array_equal(first, arm) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("name", "size"), [("cnn_plain", 6), ("cnn_deep", 7), ("cnn_dropout", 8), ("cnn_advanced", 5)]
)
def test_images_that_are_too_small_are_named(name, size):
    with pytest.raises(settings.UserError, match=f"{name} .* {size} × {size} pixels.*larger") as e:
        models.build(name, data=dataset((size, size), 3))
    assert "\n" not in str(e.value)
    assert models.build("resnet_fast", data=dataset((8, 8), 3)).output_shape == (None, 3)


EMPTY = data.LabelledImages(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))


@pytest.mark.parametrize("own", ["mnist", 3, np.zeros((3, 28, 28)), (1, 2), EMPTY])
def test_what_is_no_data_set_is_refused(own):
    with pytest.raises(settings.UserError, match="built for a Dataset or for LabelledImages"):
        models.build("ann_baseline", data=own)


def test_settings_that_another_course_left_do_not_matter():
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    model = models.build("cnn_basic")
    assert model.input_shape == (None, 28, 28, 1) and model.layers[-2].units == 64
    assert model.input.dtype == "float32"
