"""Optimizers and schedules: exact values, orthogonal steps, and that Keras saves and loads them."""

import numpy as np
import pytest
from cheap import cheaply

from helpers import data, models, optimizers, settings, training
from helpers.layers import keras


def test_triangle_rises_to_its_peak_and_falls_to_zero():
    rate = optimizers.Triangular(peak=0.4, steps=200, rise=0.25)
    steps = [0, 25, 50, 125, 200, 250]
    assert [float(rate(step)) for step in steps] == pytest.approx([0, 0.2, 0.4, 0.2, 0, 0])


@pytest.mark.parametrize(("steps", "rise"), [(0, 0.5), (10, 0.0), (10, 1.0)])
def test_impossible_triangles_are_refused(steps, rise):
    with pytest.raises(settings.UserError, match="between 0 and 1"):
        optimizers.Triangular(0.1, steps, rise)


@pytest.mark.parametrize("shape", [(144, 16), (16, 144), (32, 32)])
def test_newton_schulz_brings_singular_values_near_one(shape):
    left, _, right = np.linalg.svd(np.random.default_rng(0).normal(size=shape), full_matrices=False)
    values = np.geomspace(1.0, 0.02, min(shape))
    matrix = (left * values) @ right
    found = np.asarray(optimizers.orthogonalise(matrix.astype(np.float32)))
    inner = left.T @ found @ right.T
    assert np.all((np.diag(inner) > 0.6) & (np.diag(inner) < 1.25))
    assert inner - np.diag(np.diag(inner)) == pytest.approx(np.zeros(inner.shape), abs=1e-3)


def test_the_scale_of_the_gradient_does_not_matter_to_a_kernel():
    gradient = np.random.default_rng(1).normal(size=(3, 3, 4, 8)).astype(np.float32)
    moved = []
    for scale in (1.0, 1000.0):
        kernel = keras.Variable(np.ones((3, 3, 4, 8)), name="kernel")
        optimizer = optimizers.Muon(0.1)
        optimizer.build([kernel])
        optimizer.apply([scale * gradient], [kernel])
        moved.append(np.asarray(kernel))
    assert moved[0] == pytest.approx(moved[1], abs=1e-5)
    start = np.ones((36, 8)) * np.sqrt(8) / np.sqrt(36 * 8)
    step = (start - moved[0].reshape(36, 8)) / 0.1
    assert np.linalg.svd(step, compute_uv=False) == pytest.approx(np.ones(8), abs=0.35)


def test_biases_and_the_head_take_nesterov_steps():
    bias = keras.Variable(np.zeros(3), name="bias")
    head = keras.Variable(np.zeros((2, 3)), name="kernel")
    head._path = "probabilities/kernel"
    optimizer = optimizers.Muon(0.1, momentum=0.5, sgd_ratio=2.0)
    optimizer.build([bias, head])
    for _ in range(2):
        optimizer.apply([np.ones(3, np.float32), np.ones((2, 3), np.float32)], [bias, head])
    # Steps 1 + 0.5 · 1 and 1 + 0.5 · 1.5, each times the rate of 0.2.
    assert np.asarray(bias) == pytest.approx(-0.2 * (1.5 + 1.75) * np.ones(3))
    assert np.asarray(head) == pytest.approx(-0.2 * (1.5 + 1.75) * np.ones((2, 3)))


def test_both_survive_serialisation():
    rate = optimizers.Triangular(0.05, 30, rise=0.5)
    optimizer = optimizers.Muon(rate, momentum=0.8, sgd_ratio=3.0, exclude=("head",))
    copy = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(copy, optimizers.Muon) and copy.get_config() == optimizer.get_config()
    assert float(copy.learning_rate) == float(optimizer.learning_rate)


@cheaply()
def test_a_model_trained_with_them_learns_saves_and_loads(tmp_path):
    sample = data.load_sample().train.take(np.arange(0, 2000, 5))
    model = models.build("cnn_basic", filters=(4, 8), units=16)
    run = training.train(
        model,
        sample,
        None,
        optimizer=optimizers.Muon(optimizers.Triangular(0.1, 12)),
        loss="sparse_categorical_crossentropy",
        epochs=3,
        batch_size=100,
    )
    assert run.history["loss"][-1] < 0.8 * run.history["loss"][0]
    assert run.history["learning_rate"][-1] == 0
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, optimizers.Muon)
    assert isinstance(loaded.optimizer._learning_rate, optimizers.Triangular)
