"""Pruning: what is left out and weighed up, and a training that costs what it says."""

import numpy as np
import pytest
from cheap import cheaply

from helpers import data, evaluation, models, runs, settings, training
from helpers.layers import keras
from helpers.topics import infobatch


@pytest.fixture
def few():
    sample = data.load_sample()
    return sample.train.take(np.arange(0, 2000, 5))


def pruned(labelled, seed=0, **changes):
    chosen = {
        "optimizer": keras.optimizers.SGD(0.05),
        "loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        "epochs": 4,
        "batch_size": 100,
    } | changes
    return infobatch.train(models.build("ann_baseline", seed), labelled, seed=seed, **chosen)


def test_easy_images_are_left_out_and_weighed_up():
    losses = np.array([0.1, 0.2, 5.0, 0.3, 0.4, 6.0])
    chosen, weights = infobatch.select(losses, 0.5, np.random.default_rng(0))
    by_image = dict(zip(chosen.tolist(), weights.tolist(), strict=True))
    assert len(chosen) == 4 and by_image[2] == by_image[5] == 1.0
    assert sorted(by_image.values()) == [1.0, 1.0, 2.0, 2.0]
    assert weights.dtype == np.float32


def test_expected_weight_of_every_image_is_one():
    losses = np.random.default_rng(1).exponential(size=40)
    generator, total = np.random.default_rng(2), np.zeros(40)
    for _ in range(2000):
        chosen, weights = infobatch.select(losses, 0.6, generator)
        assert weights.sum() == pytest.approx(40, rel=1e-6)
        total[chosen] += weights
    np.testing.assert_allclose(total / 2000, 1.0, atol=0.12)


@pytest.mark.parametrize(("losses", "share"), [(np.ones(7), 0.5), (np.array([0.1, 3.0, 0.2]), 0.0)])
def test_nothing_is_left_out_where_all_are_alike_or_none_should_be(losses, share):
    chosen, weights = infobatch.select(losses, share, np.random.default_rng(0))
    assert sorted(chosen) == list(range(len(losses))) and (weights == 1).all()


@cheaply()
def test_a_step_weighs_the_losses_of_its_images_and_remembers_them(few):
    images, model = few.take(np.arange(9)), models.build("ann_baseline")
    model.compile(keras.optimizers.SGD(0.0), keras.losses.CategoricalCrossentropy())
    answers = evaluation.predict(model, images.images)
    expected = -np.log(answers[np.arange(9), images.labels])
    step = infobatch._Step(model, images, ())
    loss, _ = step(np.array([3, 7]), np.float32([2.0, 0.5]), 0)
    assert loss == pytest.approx((2.0 * expected[3] + 0.5 * expected[7]) / 2, rel=1e-5)
    unseen = np.setdiff1d(np.arange(9), [3, 7])
    assert step.losses.numpy()[[3, 7]] == pytest.approx(expected[[3, 7]], rel=1e-5)
    assert (step.losses.numpy()[unseen] == 1).all()


@cheaply()
def test_without_pruning_it_learns_what_fit_learns(few):
    """One step on one batch of all images: the order does not matter, so the weights agree."""
    one = {"epochs": 1, "batch_size": len(few), "share": 0.0}
    ours = pruned(few, **one).model
    theirs = training.train(
        models.build("ann_baseline", 0),
        few,
        None,
        optimizer=keras.optimizers.SGD(0.05),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        epochs=1,
        batch_size=len(few),
    ).model
    for first, second in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_costs_what_it_says_and_is_repeatable(few):
    first, again, other = pruned(few), pruned(few), pruned(few, seed=1)
    assert int(first.model.optimizer.iterations.numpy()) == 4 * 4
    assert first.history["loss"] == again.history["loss"] != other.history["loss"]
    assert len(first.history["loss"]) == first.epoch == 4
    assert first.history["accuracy"][-1] > first.history["accuracy"][0]
    assert first.recipe["left_out"] == 0.5
    assert np.isfinite(evaluation.predict(first.model, few.images)).all()


def test_a_pass_that_would_not_fill_a_batch_shows_every_image(few):
    assert pruned(few, batch_size=len(few), share=0.9).model.optimizer.iterations.numpy() == 4


def test_failures_say_what_to_do(few, monkeypatch):
    with pytest.raises(data.DataError, match="smaller"):
        pruned(few, batch_size=401)
    with pytest.raises(settings.UserError, match="lower the learning rate"):
        pruned(few, optimizer=keras.optimizers.SGD(1e30))

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(infobatch._Step, "__call__", interrupted)
    with pytest.raises(training.TrainingInterrupted, match="epoch 1 of 4"):
        pruned(few)
    assert runs.load_all(settings.results_folder()) == []
