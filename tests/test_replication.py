"""Replication: a stored recipe is enough to train a model again, seed by seed."""

import copy
import dataclasses
import json
import os
import shutil
import signal
import sys
import threading
import time

import numpy as np
import pytest
from cheap import cheaply

from helpers import cost, data, models, optimizers, pipeline, runs, settings, training
from helpers.layers import keras
from helpers.maintenance import commands, provenance, replication
from helpers.topics import classical, ensembling, tuning


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
    assert commands.main(["replicate", "ann_baseline", "--seed", "3"]) == 0
    again = runs.load("ann_baseline", 3, settings.results_folder())
    assert (again.recipe, again.epoch, again.seed) == (direct.recipe, direct.epoch, 3)
    assert again.history["val_loss"] == direct.history["val_loss"]
    np.testing.assert_array_equal(again.probabilities(), expected)
    assert not np.array_equal(first.probabilities(), expected)
    # The command goes on where it stopped, with every model that has a result.
    assert commands.main(["replicate", "--seed", "0", "3"]) == 0
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


def arm(images, seed):
    """Train an arm of the baseline that is built and trained in a way of its own."""
    return training.train(
        models.build("ann_baseline", seed, units=(8,)),
        *data.split(images, seed=seed),
        optimizer="sgd",
        loss="sparse_categorical_crossentropy",
        epochs=1,
        batch_size=100,
        augment=(pipeline.Flip(),),
        arm="narrow__and_short",
        seed=seed,
    )


ARM = "ann_baseline__narrow__and_short"


@pytest.fixture
@cheaply()
def stored_arm(smoke):
    """The result of an arm, as its file holds it."""
    runs.finish(arm(smoke.train, 0), smoke.test)
    return runs.load(ARM, 0, settings.results_folder())


@cheaply()
def test_repeats_an_arm_with_its_changes(stored_arm, smoke):
    expected = runs.finish(arm(smoke.train, 2), smoke.test).probabilities()
    again = replication.replicate(stored_arm, smoke, 2)
    assert (again.model, again.variant_of, again.seed) == (ARM, "ann_baseline", 2)
    assert again.parameters == 784 * 8 + 8 + 8 * 10 + 10
    assert again.recipe == stored_arm.recipe
    np.testing.assert_array_equal(again.probabilities(), expected)
    assert not np.array_equal(stored_arm.probabilities(), expected)


@cheaply()
def test_an_arm_is_repeated_where_it_is_named(first, stored_arm, capsys):
    def said():
        lines = [line for line in capsys.readouterr().out.splitlines() if "seed " in line]
        return [line.partition(":")[0] for line in lines]

    replication.replicate_missing([], [0])
    assert said() == ["kept  ann_baseline, seed 0"]
    replication.replicate_missing([ARM, "ann_baseline"], [0])
    assert said() == [f"kept  {ARM}, seed 0", "kept  ann_baseline, seed 0"]
    replication.replicate_missing([ARM], [1])
    assert said() == [f"new   {ARM}, seed 1"]
    assert commands.main(["replicate", "ann_baseline__wide"]) == 2
    assert f"use one of ann_baseline, {ARM}" in capsys.readouterr().err


def test_what_cannot_be_repeated_is_refused(first, smoke, capsys):
    student = dataclasses.replace(first, recipe=first.recipe | {"soft_labels": "ensemble_seeds"})
    with pytest.raises(settings.UserError, match="FASHION_SEED=4"):
        replication.replicate(student, smoke, 4)
    with pytest.raises(settings.UserError, match="parameters today"):
        replication.replicate(dataclasses.replace(first, parameters=7), smoke, 4)
    strange = first.recipe | {"callbacks": ["LambdaCallback()"]}
    with pytest.raises(settings.UserError, match="cannot be rebuilt"):
        replication.replicate(dataclasses.replace(first, recipe=strange), smoke, 4)
    assert commands.main(["replicate", "cnn_plain"]) == 2
    assert "ann_baseline" in capsys.readouterr().err


class TestThreeHours:
    """The command averages the probabilities of stored results, and says what is missing."""

    @pytest.fixture
    def store(self, first):
        """Store a result of a member beside the first one."""
        folder = first.file.parent.parent

        def write(model, seed, seconds=600.0):
            document = json.loads(first.file.read_text())
            document |= {"model": model, "seed": seed, "training_seconds": seconds}
            file = folder / model / f"seed_{seed}.json"
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(document))
            shutil.copy(first.file.with_suffix(".npz"), file.with_suffix(".npz"))

        return write

    def test_sums_and_means(self, store, capsys):
        for model, seed in ensembling.THREE_HOURS:
            store(model, seed)
        assert commands.main(["budget", "ensemble_3h"]) == 0
        result = runs.load("ensemble_3h", 0, settings.results_folder())
        one = runs.load(*ensembling.THREE_HOURS[0], settings.results_folder())
        assert result.training_seconds == 600.0 * len(ensembling.THREE_HOURS)
        assert result.recipe["members"] == [model for model, _ in ensembling.THREE_HOURS]
        np.testing.assert_allclose(result.probabilities(), one.probabilities(), rtol=5e-3)
        assert "40 min 00 s of training" in capsys.readouterr().out

    def test_ensembles_of_other_seeds_share_no_member(self, store):
        members = [ensembling.members_of_three_hours(seed) for seed in range(3)]
        assert members[0] == list(ensembling.THREE_HOURS)
        assert len({pair for pairs in members for pair in pairs}) == 3 * len(members[0])
        for model, seed in members[2]:
            store(model, seed)
        assert commands.main(["budget", "ensemble_3h", "--seed", "2"]) == 0
        result = runs.load("ensemble_3h", 2, settings.results_folder())
        assert result.recipe["member_seeds"] == [4, 5, 4, 5]

    def test_missing_members_are_named_in_one_sentence(self, store, capsys):
        for model, seed in ensembling.THREE_HOURS[1:-1]:
            store(model, seed)
        assert commands.main(["budget", "ensemble_3h"]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1
        first, last = (" with seed ".join(map(str, ensembling.THREE_HOURS[i])) for i in (0, -1))
        assert f"{first}, {last}:" in captured.err
        assert not (settings.results_folder() / "ensemble_3h").exists()

    def test_more_than_three_hours_are_refused(self, store, capsys):
        for model, seed in ensembling.THREE_HOURS:
            store(model, seed, seconds=2701.0)
        assert commands.main(["budget", "ensemble_3h"]) == 2
        assert "more than three hours" in capsys.readouterr().err


def test_spread_over_workers_of_which_one_dies(first, monkeypatch, tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    monkeypatch.undo()  # workers load the whole sample, as this process does then
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(first.file.parent.parent))
    killed = []

    def kill(cluster):
        with distributed.Client(cluster) as client:
            pids = client.run(os.getpid)
            while not (busy := [name for name, jobs in client.processing().items() if jobs]):
                time.sleep(0.1)
            time.sleep(1)
            os.kill(pids[busy[0]], signal.SIGKILL)
            killed.append(busy[0])

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        killer = threading.Thread(target=kill, args=(cluster,))
        killer.start()
        words = ["replicate", "ann_baseline", "--seed", "0", "1", "2"]
        assert commands.main([*words, "--scheduler", cluster.scheduler_address]) == 0
        killer.join()
    lines = [line for line in capsys.readouterr().out.splitlines() if "seed " in line]
    assert killed and sorted(line.split()[0] for line in lines) == ["kept", "new", "new"]
    spread = runs.load("ann_baseline", 2, first.file.parent.parent)
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path / "embedded"))
    alone = replication.replicate(first, data.load_profile(), 2)
    np.testing.assert_array_equal(spread.probabilities(), alone.probabilities())


def test_a_scheduler_that_does_not_answer_or_dask_that_is_missing_is_said(
    first, monkeypatch, capsys
):
    words = ["replicate", "ann_baseline", "--seed", "1", "--scheduler", "tcp://127.0.0.1:1"]
    monkeypatch.setattr(replication, "SECONDS_TO_CONNECT", 0.2)
    assert commands.main(words) == 2
    said = capsys.readouterr().err
    assert "pip install distributed" in said or "No Dask scheduler answers" in said
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert commands.main(words) == 2
    assert "pip install distributed" in capsys.readouterr().err
