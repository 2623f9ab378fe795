"""Layers: fused ones compute what Keras' own compute; the precision is that of faster training."""

import itertools
import math
import os
import sys
import types

import numpy as np
import pytest

from helpers import layers, settings
from helpers.layers import keras


def pair(**arguments):
    """The fused layer and Keras' own with the same random weights."""
    fused = layers.BatchNormalization(dtype="float32", **arguments)
    plain = keras.layers.BatchNormalization(dtype="float32", **arguments)
    generator = np.random.default_rng(1)
    for layer in (fused, plain):
        layer.build((None, 5, 6, 4))
    weights = [generator.uniform(0.5, 1.5, weight.shape) for weight in plain.get_weights()]
    fused.set_weights(weights)
    plain.set_weights(weights)
    return fused, plain


@pytest.fixture
def feature_maps():
    return np.random.default_rng(0).normal(2.0, 3.0, (8, 5, 6, 4)).astype(np.float32)


@pytest.mark.parametrize("arguments", [{}, {"momentum": 0.9, "epsilon": 0.01}])
@pytest.mark.parametrize("training", [True, False])
def test_fused_equals_keras(feature_maps, arguments, training):
    fused, plain = pair(**arguments)
    outputs = [np.asarray(layer(feature_maps, training=training)) for layer in (fused, plain)]
    assert outputs[0] == pytest.approx(outputs[1], abs=1e-5)
    for left, right in zip(fused.get_weights(), plain.get_weights(), strict=True):
        assert left == pytest.approx(right, abs=1e-5)


@pytest.mark.parametrize("arguments", [{"scale": False}, {"center": False}])
def test_fused_without_scale_or_offset(feature_maps, arguments):
    fused, plain = pair(**arguments)
    outputs = [np.asarray(layer(feature_maps, training=True)) for layer in (fused, plain)]
    assert outputs[0] == pytest.approx(outputs[1], abs=1e-5)


def test_gradients_equal_those_of_keras(feature_maps):
    import tensorflow as tf

    gradients = []
    for layer in pair():
        inputs = tf.constant(feature_maps)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs, training=True)) * inputs)
        gradients.append(tape.gradient(loss, [inputs, *layer.trainable_variables]))
    for left, right in zip(*gradients, strict=True):
        scale = np.abs(right.numpy()).max()
        assert left.numpy() / scale == pytest.approx(right.numpy() / scale, abs=1e-4)


def test_frozen_layer_uses_and_keeps_its_statistics(feature_maps):
    fused, _ = pair()
    fused.trainable = False
    before = fused.get_weights()
    frozen = np.asarray(fused(feature_maps, training=True))
    assert frozen == pytest.approx(np.asarray(fused(feature_maps, training=False)), abs=1e-6)
    assert all(map(np.array_equal, before, fused.get_weights()))


def test_dense_features_take_keras_path():
    inputs = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
    fused, plain = layers.BatchNormalization(), keras.layers.BatchNormalization()
    assert np.asarray(fused(inputs, training=True)) == pytest.approx(
        np.asarray(plain(inputs, training=True)), abs=1e-6
    )


def test_bfloat16_feature_maps(feature_maps, bfloat16):
    fused = layers.BatchNormalization(dtype="mixed_bfloat16")
    outputs = fused(keras.ops.cast(feature_maps, bfloat16), training=True)
    assert outputs.dtype == bfloat16
    assert all(weight.dtype == "float32" for weight in fused.weights)


@pytest.mark.parametrize(
    ("float32", "bfloat16", "expected"),
    [
        (1.8, 1.0, "mixed_bfloat16"),
        (1.2, 1.0, "mixed_bfloat16"),
        (1.19, 1.0, "float32"),
        (0.07, 1.0, "float32"),
        (0.0, math.inf, "float32"),
    ],
)
def test_the_precision_is_the_faster_one_by_a_fifth(monkeypatch, float32, bfloat16, expected):
    seconds = {"float32": float32, "bfloat16": bfloat16}
    monkeypatch.setattr(layers, "_convolution_seconds", lambda: seconds)
    assert layers.fastest_precision() == expected


def test_a_chosen_precision_is_not_measured(monkeypatch):
    monkeypatch.setattr(layers, "_convolution_seconds", lambda: pytest.fail("it was measured"))
    for name in ("float32", "mixed_bfloat16"):
        monkeypatch.setenv("FASHION_PRECISION", name)
        assert layers.fastest_precision() == name
    monkeypatch.setenv("FASHION_PRECISION", "bfloat16")
    with pytest.raises(settings.UserError, match="'bfloat16': .*float32 or mixed_bfloat16"):
        layers.fastest_precision()


@pytest.fixture
def measure(monkeypatch):
    """Measure anew, on a clock that gives each convolution the next of some seconds."""
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(layers.sys, "platform", "linux")

    def measured(seconds, turns):
        ticks = itertools.accumulate(x for second in seconds for x in (0, second))
        monkeypatch.setattr(layers.time, "process_time", lambda: next(ticks))
        return layers._convolution_seconds.__wrapped__(turns), len(list(ticks))

    return measured


def test_the_least_of_several_turns_counts(measure, bfloat16):
    # Two warm-ups, then the formats in turns.
    least, left = measure([9, 9, 4, 2, 3, 5, 7, 1], turns=3)
    assert least == {"float32": 3, "bfloat16": 1} and left == 0


def test_what_is_many_times_slower_is_not_measured_again(measure, bfloat16):
    least, left = measure([9, 9, 1, 6, 1, 1], turns=2)
    assert least == {"float32": 1, "bfloat16": 6} and left == 4


def test_instructions_that_are_hidden_from_onednn_are_not_used(monkeypatch):
    import tensorflow as tf

    convolve = tf.nn.conv2d

    def refuse(images, *given, **arguments):
        if images.dtype == tf.bfloat16:
            raise tf.errors.AbortedError(None, None, "could not create a primitive descriptor")
        return convolve(images, *given, **arguments)

    monkeypatch.setattr(tf.nn, "conv2d", refuse)
    assert layers._convolution_seconds.__wrapped__()["float32"] == 0.0


def test_precision_is_measured_once_and_restored():
    seconds = layers._convolution_seconds()
    assert set(seconds) == {"float32", "bfloat16"} and min(seconds.values()) >= 0
    assert layers._convolution_seconds() is seconds
    assert layers.fastest_precision() in settings.PRECISIONS
    with layers.precision("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(("rate", "rounded"), [(0.5, 0.5), (0.1, 26 / 256), (0.2, 51 / 256)])
def test_dropout_drops_its_share_and_keeps_the_mean(rate, rounded, dtype):
    keras.utils.set_random_seed(3)
    layer = layers.Dropout(rate, dtype=dtype)
    ones = np.ones((20, 31, 17, 10), np.float32)
    outputs = keras.ops.convert_to_numpy(keras.ops.cast(layer(ones, training=True), "float32"))
    assert np.mean(outputs == 0) == pytest.approx(rounded, abs=0.006)
    assert np.unique(outputs[outputs != 0]) == pytest.approx([1 / (1 - rounded)], rel=0.004)
    assert np.mean(outputs) == pytest.approx(1.0, abs=0.01)


def test_dropout_draws_anew_at_each_step_and_the_same_for_the_same_seed():
    ones = np.ones((4, 100), np.float32)
    first, second = layers.Dropout(0.5, seed=1), layers.Dropout(0.5, seed=1)
    steps = [np.asarray(first(ones, training=True)) for _ in range(2)]
    assert not np.array_equal(*steps)
    assert np.array_equal(steps[0], np.asarray(second(ones, training=True)))
    other = layers.Dropout(0.5, seed=2)(ones, training=True)
    assert not np.array_equal(steps[0], np.asarray(other))


def test_dropout_does_nothing_outside_training_and_passes_gradients_of_what_it_kept():
    import tensorflow as tf

    layer, inputs = layers.Dropout(0.5, seed=1), tf.ones((3, 40))
    assert np.array_equal(layer(inputs), inputs)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
    assert np.array_equal(tape.gradient(outputs, inputs), outputs)


@pytest.mark.parametrize(("rate", "share"), [(0.0, 0.0), (0.001, 0.001), (0.999, 0.999)])
def test_dropout_at_rates_that_a_byte_cannot_hold(rate, share):
    outputs = np.asarray(layers.Dropout(rate, seed=1)(np.ones((500, 500)), training=True))
    assert np.mean(outputs == 0) == pytest.approx(share, abs=0.001)


def test_dropout_with_a_noise_shape_keeps_it():
    outputs = np.asarray(
        layers.Dropout(0.5, noise_shape=(8, 1, 6), seed=1)(np.ones((8, 5, 6)), training=True)
    )
    assert np.array_equal(outputs, np.repeat(outputs[:, :1], 5, axis=1))


def test_what_another_course_set_is_set_back_and_gpus_are_shared(monkeypatch):
    import tensorflow as tf

    growing, registered = [], keras.saving.get_custom_objects()

    def grow(gpu, wanted):
        growing.append((gpu, wanted))
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", grow)
    for name, value in list(registered.items()):
        monkeypatch.setitem(registered, name, value)  # a second import registers its own
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(0.1)
    layers.__spec__.loader.exec_module(types.ModuleType("helpers.layers"))
    found = keras.config.image_data_format(), keras.config.floatx(), keras.config.epsilon()
    assert found == ("channels_last", "float32", 1e-7)
    assert growing == [("first", True), ("second", True)]


def test_the_engine_is_set_up_where_the_reader_set_nothing(monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with settings.quiet_import():
        found = {name: os.environ[name] for name in settings.ENGINE}
    assert found == {"TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "jax"}


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ValueError("Invalid `epsilon` configuration."), "epsilon.*delete the file keras.json in"),
        (IsADirectoryError(21, "Is a directory"), "directory.*delete the file keras.json in"),
        (ModuleNotFoundError("", name="torch"), "'torch', which is not installed: install it, or"),
    ],
)
def test_settings_that_keras_refuses_are_named(monkeypatch, error, remedy):
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(settings.UserError, match=remedy), settings.quiet_import():
        raise error


def test_other_errors_of_an_import_stay_what_they_are():
    with pytest.raises(ValueError, match="something else"), settings.quiet_import():
        raise ValueError("something else")
    with pytest.raises(ModuleNotFoundError), settings.quiet_import():
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
