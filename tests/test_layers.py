"""Layers: the fused normalisation computes what Keras' own computes."""

import numpy as np
import pytest

from helpers import layers
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


def test_bfloat16_feature_maps(feature_maps):
    fused = layers.BatchNormalization(dtype="mixed_bfloat16")
    outputs = fused(keras.ops.cast(feature_maps, "bfloat16"), training=True)
    assert outputs.dtype == "bfloat16"
    assert all(weight.dtype == "float32" for weight in fused.weights)


def test_precision_is_measured_once_and_restored():
    layers.fastest_precision.cache_clear()
    assert layers.fastest_precision() == layers.fastest_precision()
    assert layers.fastest_precision.cache_info().misses == 1
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
