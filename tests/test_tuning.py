"""Searches for hyperparameters: kept and continued, the same again, and what is said of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from cheap import cheaply

from helpers import data, models, settings, training
from helpers.topics import tuning

EPOCHS = 1


@pytest.fixture
def parts(monkeypatch, tmp_path):
    """A few images to learn from and to judge by, and a folder for the trials."""
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path)
    sample = data.load_sample().train
    return sample.take(np.arange(0, 2000, 10)), sample.take(np.arange(5, 2000, 20))


@pytest.fixture
def tiny(monkeypatch):
    """A search space of one very small dense network."""

    def space(name):
        found = tuning.keras_tuner.HyperParameters()
        found.Choice("width", [8, 12, 16], default=12)
        found.Choice("depth", [1], default=1)
        found.Choice("activation", ["relu", "silu"], default="relu")
        found.Choice("dropout_rate", [0.0], default=0.0)
        found.Float("learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)
        found.Choice("batch_size", [64], default=64)
        return found

    monkeypatch.setattr(tuning, "space", space)


@pytest.fixture
def trainings(monkeypatch, tiny):
    """Every training that would take place, by its arm; `stop` names one that is interrupted.

    The networks stay as they were built, which is enough to tell their values apart.
    """
    seen = []

    def train(name, values, images, validation, epochs, *, arm, seed, callbacks):
        seen.append(arm)
        if arm == train.stop:
            raise training.TrainingInterrupted("stopped")
        model = models.build(name, seed + round(1e4 * values["learning_rate"]), width=8, depth=1)
        return SimpleNamespace(model=model, pixel_range=(0.0, 1.0))

    train.stop = None
    monkeypatch.setattr(tuning, "train", train)
    return seen, train


def search(parts, trials=3, **changes):
    return tuning.search("ann_tuned", *parts, trials=trials, epochs=EPOCHS, **changes)


def made(accuracies, **columns):
    """Return a search of the dense network with these accuracies, all values known but some."""
    values = tuning.known_values("ann_tuned") | columns | {"accuracy": accuracies, "seconds": 1.0}
    table = pd.DataFrame(values, index=range(len(accuracies)))
    table.index += 1
    return tuning.Search("ann_tuned", table, np.zeros((len(accuracies), 4), bool))


def test_networks_with_known_values_are_those_of_the_earlier_notebooks():
    for name, earlier in (("ann_tuned", "ann_regularized"), ("cnn_tuned", "cnn_optimum")):
        known = {key: tuning.known_values(name)[key] for key in tuning.ARCHITECTURE[name]}
        pair = models.build(name, 3, **known), models.build(earlier, 3)
        assert pair[0].name == name
        for left, right in zip(*(model.get_weights() for model in pair), strict=True):
            assert np.array_equal(left, right)


def test_width_depth_and_dropout_reach_the_networks():
    wide = models.build("ann_tuned", width=64, depth=4, activation="silu", dropout_rate=0.0)
    assert [layer.units for layer in wide.layers if hasattr(layer, "units")] == [64, 32, 16, 8, 10]
    deep = models.build("cnn_tuned", width=8, depth=3, dropout_rate=0.2)
    filters = [layer.filters for layer in deep.layers if hasattr(layer, "filters")]
    assert filters == [8, 12, 12, 12, 24, 24, 24]
    assert sum(type(layer).__name__ == "Dropout" for layer in deep.layers) == 2


def test_space_table_shows_every_hyperparameter():
    table = tuning.space_table("cnn_tuned")
    assert list(table.index) == list(tuning.known_values("cnn_tuned"))
    assert tuple(table.loc["learning_rate"]) == ("0.03 to 0.6", "logarithmic", "0.2")
    assert table.loc["depth", "values"] == "1, 2, 3"


@cheaply()
def test_search_starts_with_the_known_values_and_repeats_itself(parts, tiny, capsys):
    first = search(parts, trials=2, seed=0)
    printed = capsys.readouterr().out
    assert first.values(1) == tuning.known_values("ann_tuned")
    assert first.right.shape == (2, len(parts[1]))
    assert first.right.mean(axis=1) == pytest.approx(first.trials["accuracy"])
    assert first.trials["accuracy"].loc[first.best] == first.trials["accuracy"].max() > 0.15
    assert printed.count("\n") == 2 and " 2/2  " in printed and "Trial" not in printed
    (last,) = settings.OUTPUTS.rglob("trial_002.npz")
    last.unlink()
    again = search(parts, trials=2, seed=0)
    assert np.array_equal(first.right, again.right)
    kept = first.trials["seconds"] == again.trials["seconds"]
    assert kept.tolist() == [True, False], "the second one was trained again"
    pd.testing.assert_frame_equal(
        first.trials.drop(columns="seconds"), again.trials.drop(columns="seconds")
    )


def test_interrupted_search_goes_on_where_it_stopped(parts, trainings):
    seen, train = trainings
    whole = search(parts, seed=4)
    for path in settings.OUTPUTS.rglob("*.npz"):
        path.unlink()
    del seen[:]
    train.stop = "trial_3"
    with pytest.raises(training.TrainingInterrupted, match="trial 3 of 3; the 2 finished"):
        search(parts, seed=4)
    train.stop = None
    resumed = search(parts, seed=4)
    assert seen == ["trial_1", "trial_2", "trial_3", "trial_3"]
    assert np.array_equal(whole.right, resumed.right)
    longer = search(parts, trials=4, seed=4)
    assert seen[4:] == ["trial_4"] and np.array_equal(longer.right[:3], whole.right)


def test_damaged_trial_is_trained_again(parts, trainings):
    seen, _ = trainings
    search(parts, trials=2)
    (second,) = settings.OUTPUTS.rglob("trial_002.npz")
    second.write_bytes(second.read_bytes()[:50])
    search(parts, trials=2)
    assert seen == ["trial_1", "trial_2", "trial_2"]
    assert not list(settings.OUTPUTS.rglob(".*.npz")), "nothing temporary is left"


def test_searches_are_not_mixed_up(parts, tiny, monkeypatch):
    def folder(epochs=1, method="random", seed=0, images=parts[0]):
        found = tuning.space("ann_tuned")
        return tuning._folder("ann_tuned", images, parts[1], epochs, method, seed, found)

    folders = [
        folder(),
        folder(epochs=2),
        folder(method="bayesian"),
        folder(seed=1),
        folder(images=parts[1]),
    ]
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    folders.append(folder())
    monkeypatch.setattr(tuning, "space", lambda name: tuning.keras_tuner.HyperParameters())
    folders.append(folder())
    assert len(set(folders)) == len(folders)


def test_other_seeds_propose_other_values(parts, monkeypatch, tiny):
    def succeed(self, values, *_):
        return tuning._Trial(values, 1.0, np.ones(4, bool))

    monkeypatch.setattr(tuning._Study, "_train", succeed)
    rates = [set(search(parts, 6, seed=seed).trials["learning_rate"][1:]) for seed in (0, 1)]
    assert len(rates[0]) == 5 and not rates[0] & rates[1]


def test_bayesian_search_learns_from_its_trials(parts, monkeypatch, tiny):
    def reward(self, values, *_):
        score = int(100 - 20 * abs(np.log10(values["learning_rate"]) + 1.5))
        return tuning._Trial(values, 1.0, np.arange(100) < score)

    monkeypatch.setattr(tuning._Study, "_train", reward)
    found = search(parts, 8, method="bayesian")
    assert len(found.trials) == 8
    assert found.trials["accuracy"][4:].mean() > found.trials["accuracy"][:4].mean()


def test_training_that_explodes_counts_as_guessing(parts, tiny, monkeypatch):
    def explode(*args, callbacks, **options):
        callbacks[0].on_epoch_end(0, {"loss": float("nan")})
        raise settings.UserError("The loss is no longer a number.")

    monkeypatch.setattr(tuning, "train", explode)
    found = search(parts, trials=2)
    assert np.array_equal(found.right[0], parts[1].labels == 0)


def test_other_errors_stop_the_search(parts, tiny, monkeypatch):
    def fail(*args, **options):
        raise settings.UserError("no room")

    monkeypatch.setattr(tuning, "train", fail)
    with pytest.raises(settings.UserError, match="no room"):
        search(parts)


def test_unwritable_folder_is_named(parts, trainings, monkeypatch):
    (settings.OUTPUTS / "searches").write_text("a file where a folder should be")
    with pytest.raises(settings.UserError, match="searches.* could not be written"):
        search(parts)


def test_unknown_names_are_refused(parts):
    for call, words in (
        (lambda: tuning.space("cnn_basic"), "'cnn_basic'.*ann_tuned"),
        (lambda: tuning.search("cnn_basic", *parts, trials=1, epochs=1), "'cnn_basic'"),
        (lambda: search(parts, method="grid"), "'grid'.*random, bayesian"),
        (lambda: search(parts, trials=0), "0 trials"),
        (lambda: tuning.train("ann_tuned", {"widht": 3}, *parts, 1), "width.*not by widht"),
        (lambda: tuning.train("cnn_tuned", {}, *parts, 1), "nothing"),
    ):
        with pytest.raises(settings.UserError, match=words):
            call()


def test_recipe_follows_the_values(parts, monkeypatch):
    fitted = SimpleNamespace(history={"loss": [1.0]})
    monkeypatch.setattr(training.keras.Model, "fit", lambda *parts, **options: fitted)
    values = tuning.known_values("cnn_tuned") | {"width": 4, "depth": 1, "learning_rate": 0.05}
    run = tuning.train("cnn_tuned", values, *parts, 1, arm="untuned", seed=2)
    for own, same in zip(
        run.model.get_weights(),
        models.build("cnn_tuned", 2, width=4, depth=1).get_weights(),
        strict=True,
    ):
        assert np.array_equal(own, same), "it starts where its seed says"
    assert (run.name, run.variant_of, run.seed) == ("cnn_tuned__untuned", "cnn_tuned", 2)
    assert run.recipe["label_smoothing"] == 0.05 and run.recipe["batch_size"] == 128
    rate = run.recipe["optimizer"]["config"]["learning_rate"]["config"]
    assert rate["warmup_target"] == 0.05 and run.recipe["optimizer"]["class_name"] == "SGD"


def test_best_of_equal_trials_is_flattered():
    right = np.random.default_rng(0).random((10, 2000)) < 0.8
    curve = tuning.best_of_many(right)
    gap = curve["chosen_by"] - curve["unseen"]
    assert list(curve.index) == list(range(1, 11))
    assert gap.loc[1] == pytest.approx(0) and gap.loc[10] > 0.01 and (gap > -1e-12).all()
    assert curve["chosen_by"].is_monotonic_increasing
    pd.testing.assert_frame_equal(curve, tuning.best_of_many(right))


def test_best_of_clearly_different_trials_is_not():
    right = np.zeros((2, 100), bool)
    right[1] = True
    curve = tuning.best_of_many(right)
    assert tuple(curve.loc[2]) == pytest.approx((1.0, 1.0))
    assert tuple(curve.loc[1]) == pytest.approx((0.5, 0.5)), "each comes first as often"
    with pytest.raises(settings.UserError, match="no trials"):
        tuning.best_of_many(right[0])


def test_importance_finds_what_matters():
    generator = np.random.default_rng(1)
    rates, widths = 10 ** generator.uniform(-3, -1, 30), generator.choice([128, 256, 512], 30)
    found = made(list(np.log(rates)), learning_rate=rates, width=widths)
    table = tuning.importance(found, shuffles=10)
    assert table["share"].sum() == pytest.approx(1) and table["share"].idxmax() == "learning_rate"
    rate = table.loc["learning_rate"]
    assert rate["share"] > rate["chance"] and rate["correlation"] == pytest.approx(1)
    assert table.loc["width", "low"] < 0 < table.loc["width", "high"]
    assert table.loc[["activation", "depth"], "correlation"].isna().all()


def test_interval_of_a_rank_correlation():
    values, accuracy = pd.Series([1.0, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 6, 5]
    correlation, low, high = tuning._rank_correlation(values, accuracy)
    assert correlation == pytest.approx(1 - 6 * 2 / (6 * 35))
    half = 1.959964 * np.sqrt(1.06 / 3)
    assert np.arctanh([low, high]) == pytest.approx(np.arctanh(correlation) + [-half, half])
    assert tuning._rank_correlation(values[:4], accuracy[:4])[1:] == (-1.0, 1.0)


def test_importance_of_two_trials_is_refused():
    with pytest.raises(settings.UserError, match="three trials"):
        tuning.importance(made([0.1, 0.2]))


def test_the_earliest_of_equal_trials_is_best_and_values_keep_their_kinds():
    found = made([0.1, 0.3, 0.3], learning_rate=[0.1, 0.123456789012345, 0.3])
    assert found.best == 2
    assert found.values(2) == tuning.known_values("ann_tuned") | {
        "learning_rate": 0.123456789012345
    }
    assert type(found.values(2)["width"]) is int
