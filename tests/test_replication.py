"""Replication: a stored recipe is enough to train a model again, seed by seed."""

import copy
import dataclasses

import numpy as np
import pytest
from cheap import cheaply

from helpers import cost, data, models, optimizers, pipeline, runs, settings, training
from helpers.layers import keras
from helpers.maintenance import provenance, replication
from helpers.topics import classical, tuning


def ann(images, seed):
    """Train the baseline with all that a recipe can hold."""
    images, validation = data.split(images, seed=seed)
    return training.train(
        models.build("ann_baseline", seed),
        images,
        validation,
        seed=seed,
        optimizer=optimizers.Muon(optimizers.Triangular(0.05, 4), sgd_ratio=3.0),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.2),
        epochs=2,
        batch_size=100,
        augment=(pipeline.Flip(), pipeline.Shift(2)),
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=7, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=1),
        ],
    )


@pytest.fixture(scope="module")
@cheaply()
def trained():
    return ann(data.load_sample().train.take(np.arange(0, 2000, 5)), 0)


@pytest.fixture
@cheaply()
def first(smoke, trained):
    """The stored result that the others replicate."""
    return runs.finish(trained, smoke.test, views=pipeline.MIRRORED)


@cheaply()
def test_command_repeats_the_training_that_the_notebook_would_do(first, smoke, capsys):
    # ReduceLROnPlateau cannot lower a schedule's rate and leaves it alone; the recipe keeps both.
    direct = runs.finish(ann(smoke.train, 3), smoke.test, views=pipeline.MIRRORED)
    expected = direct.probabilities()
    assert direct.mflops == 2 * cost.flops(models.build("ann_baseline")) / 1e6, "two views"
    direct.file.unlink()
    assert replication.main(["ann_baseline", "--seed", "3"]) == 0
    again = runs.load("ann_baseline", 3, settings.results_folder())
    assert (again.recipe, again.epoch, again.seed) == (direct.recipe, direct.epoch, 3)
    assert again.history["val_loss"] == direct.history["val_loss"]
    np.testing.assert_array_equal(again.probabilities(), expected)
    assert not np.array_equal(first.probabilities(), expected)
    # The command goes on where it stopped, with every model that has a result.
    assert replication.main(["--seed", "0", "3"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "seed " in line]
    assert [line.split()[0] for line in lines] == ["new", "kept", "kept"]
    assert runs.table(settings.results_folder())["seeds"].tolist() == [2], "one recipe for all"


def test_the_command_knows_the_optimizers_of_the_series(monkeypatch):
    # Here other modules have made them known to Keras, in a process of the command nothing has.
    optimizer = optimizers.Muon(optimizers.Triangular(0.05, 4), sgd_ratio=3.0)
    words = keras.optimizers.serialize(optimizer)
    known = keras.saving.get_custom_objects()
    for name in [name for name in known if name.startswith("fashion>")]:
        monkeypatch.delitem(known, name)
    with pytest.raises(TypeError, match="could not be deserialized"):
        keras.optimizers.deserialize(copy.deepcopy(words))
    assert keras.optimizers.serialize(replication._optimizer(words)) == words


def test_repeats_a_fit_with_the_arguments_that_were_chosen(smoke):
    def fitted(seed):
        parts = data.split(smoke.train, seed=seed)
        fit = classical.fit("nearest_neighbours", *parts, seed, neighbours=3, components=20)
        return runs.finish_classical(fit, smoke.test)

    first, expected = fitted(0), fitted(2).probabilities()
    again = replication.replicate(first, smoke, seed=2)
    assert (again.recipe, again.seed) == (first.recipe, 2)
    np.testing.assert_array_equal(again.probabilities(), expected)
    assert not np.array_equal(first.probabilities(), expected)


@cheaply()
def test_builds_what_a_search_has_chosen(smoke):
    values = tuning.known_values("ann_tuned") | {"width": 16, "depth": 1, "batch_size": 300}
    run = tuning.train("ann_tuned", values, *data.split(smoke.train), 1)
    first = runs.finish(run, smoke.test)
    assert first.parameters < cost.parameters(models.build("ann_tuned"))
    again = replication.replicate(first, smoke, seed=1)
    assert (again.recipe, again.parameters) == (first.recipe, first.parameters)
    assert again.recipe["architecture"] == {
        "width": 16, "depth": 1, "activation": "leaky_relu", "dropout_rate": 0.1
    }  # fmt: skip
    assert (provenance.check([first, again])["verdict"] == "agrees").all()


def test_what_cannot_be_repeated_is_refused(first, smoke, capsys):
    student = dataclasses.replace(first, recipe=first.recipe | {"soft_labels": "ensemble_seeds"})
    with pytest.raises(settings.UserError, match="FASHION_SEED=4"):
        replication.replicate(student, smoke, 4)
    with pytest.raises(settings.UserError, match="parameters today"):
        replication.replicate(dataclasses.replace(first, parameters=7), smoke, 4)
    strange = first.recipe | {"callbacks": ["LambdaCallback()"]}
    with pytest.raises(settings.UserError, match="cannot be rebuilt"):
        replication.replicate(dataclasses.replace(first, recipe=strange), smoke, 4)
    assert replication.main(["cnn_plain"]) == 2
    assert "ann_baseline" in capsys.readouterr().err
