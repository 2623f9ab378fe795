"""Training: repeatable, honest about the epoch it reports, and safe to interrupt."""

import contextlib
import io
import json

import numpy as np
import pytest
from cheap import cheaply

from helpers import data, evaluation, layers, models, pipeline, runs, settings, training
from helpers.layers import keras

ARGUMENTS = {"loss": "sparse_categorical_crossentropy", "batch_size": 32}


@pytest.fixture(scope="module")
def parts():
    train = data.load_sample().train.take(np.arange(0, 2000, 10))
    return data.split(train)


def fit(parts, name="ann_baseline", optimizer="adam", epochs=2, **arguments):
    return training.train(
        models.build(name), *parts, optimizer=optimizer, epochs=epochs, **(ARGUMENTS | arguments)
    )


def own(seed):
    """An unregistered network with every kind of layer that draws numbers or keeps statistics."""
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input((28, 28, 1))
    x = keras.layers.MaxPooling2D(4)(keras.layers.Conv2D(4, 3, activation="relu")(x))
    x = keras.layers.Flatten()(layers.Dropout(0.2)(layers.BatchNormalization()(x)))
    x = layers.BatchNormalization()(keras.layers.Dense(8)(x))
    outputs = keras.layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="own")


@pytest.fixture(scope="module")
def twice(parts):
    """Two trainings of one network by one recipe, and what the second one printed."""
    augment = (pipeline.Flip(), pipeline.Shift(1))
    told = ARGUMENTS | {"optimizer": "adam", "epochs": 2, "augment": augment, "seed": 5}
    first = training.train(own(5), *parts, **told)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        second = training.train(own(5), *parts, **told)
    return first, second, printed.getvalue()


def test_same_seed_gives_the_same_numbers_twice(twice):
    first, second, _ = twice
    for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert first.history[key] == second.history[key]
    for left, right in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        assert np.array_equal(left, right)


def test_unregistered_models_train_too(twice):
    run = twice[0]
    assert (run.name, run.variant_of, run.seed) == ("own", None, 5)
    assert run.pixel_range == (0.0, 1.0)
    assert run.recipe["optimizer"]["config"]["learning_rate"] == pytest.approx(1e-3)


def test_progress_is_one_line_that_updates_itself(twice):
    printed = twice[2]
    assert printed.count("\n") == 1 and "\b" not in printed
    last = printed.strip().split("\r")[-1]
    assert last.startswith("own: epoch 2/2 | loss ") and "0:00 remaining" in last
    assert "validation" in last and "accuracy" in last and "elapsed" in last


@cheaply()
def test_run_says_what_happened(parts):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    run = fit(
        parts,
        arm="check",
        loss="categorical_crossentropy",
        augment=(pipeline.Flip(),),
        optimizer=keras.optimizers.SGD(schedule),
    )
    assert (run.name, run.variant_of) == ("ann_baseline__check", "ann_baseline")
    assert (run.epoch, run.choice, run.trained_on) == (2, "last epoch", 160)
    assert {len(values) for values in run.history.values()} == {2}
    assert run.history["learning_rate"] == pytest.approx([0.05, 0.025])
    assert run.recipe["augment"] == ["Flip()"] and run.recipe["precision"] == "float32"
    json.dumps(run.recipe)
    assert 0 < run.training_seconds < 60


@cheaply()
def test_the_recipe_keeps_what_was_changed(parts, twice):
    arguments = ARGUMENTS | {"optimizer": "adam", "epochs": 1}
    own = data.load_sample().train.take(np.arange(20))
    for known in (None, own):
        network = models.build("ann_baseline", data=known, units=(8,))
        recipe = training.train(network, *parts, **arguments).recipe
        assert json.loads(json.dumps(recipe))["architecture"] == {"units": [8]}
    plain = training.train(models.build("ann_baseline"), *parts, **arguments).recipe
    assert plain["architecture"] == twice[0].recipe["architecture"] == {}


@cheaply()
def test_early_stopping_reports_the_epoch_that_validation_chose(parts):
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    spoilt = keras.optimizers.schedules.PiecewiseConstantDecay([5], [0.05, 1.0])
    run = fit(parts, epochs=4, optimizer=keras.optimizers.SGD(spoilt), callbacks=[stop])
    first, second = run.history["val_loss"]
    assert second > first and (run.epoch, run.choice) == (1, "epoch chosen on validation")
    answers = evaluation.predict(run.model, parts[1].images)
    kept = evaluation.metrics(parts[1].labels, answers)["log_loss"]
    assert kept == pytest.approx(first, rel=1e-3)
    assert run.recipe["callbacks"] == [
        "EarlyStopping(monitor='val_loss', patience=1, restore_best_weights=True)"
    ]


@cheaply()
def test_an_interrupted_run_names_itself_and_leaves_results_alone(parts, tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    before = tmp_path / "ann_baseline/seed_0.json"
    before.parent.mkdir()
    before.write_text("an earlier result")

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(training.TrainingInterrupted, match="interrupted in epoch 1 of 2.*again"):
        fit(parts, callbacks=[Interrupt()])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [before]
    assert before.read_text() == "an earlier result"


@cheaply()
def test_a_diverging_run_is_stopped_with_a_remedy(parts):
    with pytest.raises(settings.UserError, match="lower the learning rate"):
        fit(parts, optimizer=keras.optimizers.SGD(1e30))


def test_too_few_images_are_refused(parts):
    with pytest.raises(data.DataError, match="smaller batch_size"):
        fit(parts, batch_size=1000)


@pytest.mark.parametrize(
    ("steps", "expected"), [(375, 25), (1500, 25), (750, 25), (12, 12), (7, 7), (29, 1)]
)
def test_steps_per_execution_divides_the_epoch(steps, expected):
    assert training.steps_per_execution(steps) == expected


def test_clock():
    assert [training.clock(seconds) for seconds in (0, 59.6, 754)] == ["0:00", "1:00", "12:34"]


@cheaply()
def test_a_run_without_validation_images(parts, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    run = training.train(
        models.build("ann_baseline"), parts[0], None, optimizer="adam", epochs=2, **ARGUMENTS
    )
    assert "val_loss" not in run.history and "validation" not in capsys.readouterr().out
    test = data.load_sample().test.take(np.arange(100))
    result = runs.finish(run, test, views=pipeline.MIRRORED)
    assert np.isnan(result.metrics["validation_accuracy"])
    assert result.recipe["views"] == [repr(view) for view in pipeline.MIRRORED]
    assert runs.load("ann_baseline", 0, tmp_path) == result
