"""Replication: a stored recipe is enough to train a model again, seed by seed."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from helpers import (
    classical,
    cost,
    data,
    models,
    optimizers,
    pipeline,
    provenance,
    replication,
    runs,
    settings,
    training,
    tuning,
)
from helpers.layers import keras


def ann(dataset, seed, **changes):
    """Train the baseline with all that a recipe can hold."""
    images, validation = data.split(dataset.train, seed=seed)
    settings_of_run = {
        "optimizer": optimizers.Muon(optimizers.Triangular(0.05, 4), sgd_ratio=3.0),
        "loss": keras.losses.CategoricalCrossentropy(label_smoothing=0.2),
        "epochs": 2,
        "batch_size": 100,
        "augment": (pipeline.Flip(), pipeline.Shift(2)),
        "callbacks": [
            keras.callbacks.EarlyStopping("val_loss", patience=7, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=1),
        ],
    }
    model = models.build("ann_baseline", seed)
    return training.train(model, images, validation, seed=seed, **settings_of_run | changes)


def test_repeats_the_training_that_the_notebook_would_do(smoke):
    first = runs.finish(ann(smoke, 0), smoke.test, views=pipeline.MIRRORED)
    # ReduceLROnPlateau cannot lower a schedule's rate and leaves it alone; the recipe keeps both.
    direct = runs.finish(ann(smoke, 3), smoke.test, views=pipeline.MIRRORED)
    expected = direct.probabilities()
    assert direct.mflops == 2 * cost.flops(models.build("ann_baseline")) / 1e6, "two views"
    again = replication.replicate(first, smoke, seed=3)
    assert (again.recipe, again.epoch, again.seed) == (direct.recipe, direct.epoch, 3)
    assert again.history["val_loss"] == direct.history["val_loss"]
    np.testing.assert_array_equal(again.probabilities(), expected)
    assert not np.array_equal(first.probabilities(), expected)


def test_the_command_knows_the_optimizers_of_the_series():
    # A process of its own: here other modules have made them known already.
    optimizer = optimizers.Muon(optimizers.Triangular(0.05, 4), sgd_ratio=3.0)
    program = (
        "import json, sys; from helpers import replication; "
        "from helpers.layers import keras; "
        "found = replication._optimizer(json.loads(sys.argv[1])); "
        "print(json.dumps(keras.optimizers.serialize(found)))"
    )
    words = json.dumps(keras.optimizers.serialize(optimizer))
    ran = subprocess.run(
        [sys.executable, "-c", program, words],
        capture_output=True,
        text=True,
        cwd=settings.REPOSITORY,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == json.loads(words)


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


def test_builds_what_a_search_has_chosen(smoke):
    values = tuning.known_values("ann_tuned") | {"width": 64, "depth": 2}
    run = tuning.train("ann_tuned", values, *data.split(smoke.train), 1)
    first = runs.finish(run, smoke.test)
    assert first.parameters < cost.parameters(models.build("ann_tuned"))
    again = replication.replicate(first, smoke, seed=1)
    assert (again.recipe, again.parameters) == (first.recipe, first.parameters)
    assert again.recipe["architecture"] == {
        "width": 64, "depth": 2, "activation": "leaky_relu", "dropout_rate": 0.1
    }  # fmt: skip
    assert (provenance.check([first, again])["verdict"] == "agrees").all()


def test_command_goes_on_where_it_stopped(smoke, capsys):
    plain = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "callbacks": []}
    runs.finish(ann(smoke, 0, **plain), smoke.test)
    assert replication.main(["ann_baseline", "--seed", "1"]) == 0
    assert replication.main(["--seed", "0", "1", "2"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "seed " in line]
    assert [line.split()[0] for line in lines] == ["new", "kept", "kept", "new"]
    assert runs.table(settings.results_folder())["seeds"].tolist() == [3], "one recipe for all"


def test_what_cannot_be_repeated_is_refused(smoke, capsys):
    result = runs.finish(ann(smoke, 0), smoke.test)
    student = dataclasses.replace(result, recipe=result.recipe | {"soft_labels": "ensemble_seeds"})
    with pytest.raises(settings.UserError, match="FASHION_SEED=4"):
        replication.replicate(student, smoke, 4)
    with pytest.raises(settings.UserError, match="parameters today"):
        replication.replicate(dataclasses.replace(result, parameters=7), smoke, 4)
    strange = result.recipe | {"callbacks": ["LambdaCallback()"]}
    with pytest.raises(settings.UserError, match="cannot be rebuilt"):
        replication.replicate(dataclasses.replace(result, recipe=strange), smoke, 4)
    assert replication.main(["cnn_plain"]) == 2
    assert "ann_baseline" in capsys.readouterr().err
