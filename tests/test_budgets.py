"""Budgets: their networks, and that one function trains them for notebooks and for the command."""

import dataclasses
import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from cheap import cheaply

from helpers import cost, data, models, runs, settings, training
from helpers.maintenance import commands
from helpers.topics import budgets, infobatch

NAMES = [
    name
    for name in models.names()
    if models.specification(name).notebook == "13_accuracy_per_minute"
]


def test_every_budget_is_a_registered_model_of_its_notebook():
    assert set(NAMES) == {*budgets.RECIPES, "resnet_fast"}


@pytest.mark.parametrize("name", NAMES)
def test_networks_bear_their_names_and_add_branches(name):
    model = models.build(name)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert model.name == name and kinds.count("Add") >= 2
    assert model.output_shape == (None, 10)


def test_the_tiny_network_is_tiny():
    assert cost.parameters(models.build("cnn_tiny")) < 100_000


def test_weights_serve_images_of_another_size():
    large = models.build("resnet_fast", filters=(4, 8, 8))
    small = models.build("resnet_fast", filters=(4, 8, 8), size=20)
    assert small.input_shape == (None, 20, 20, 1)
    small.set_weights(large.get_weights())
    assert cost.flops(small) < 0.6 * cost.flops(large)


def test_network_without_normalisation_has_biases():
    model = models.build("resnet_fast", filters=(4, 8, 8), batch_normalization=False)
    assert len(model.get_weights()) == 2 * 8


@pytest.fixture
def narrow(monkeypatch):
    """Budgets train a narrow form of their networks; each one built, with its seed."""
    build, built = models.build, []

    def narrower(name, seed=0):
        built.append((name, seed))
        return build(name, seed, filters=(4, 4, 4))

    monkeypatch.setattr(models, "build", narrower)
    return built


@pytest.fixture
def told(monkeypatch):
    """What the two ways to train are told, without a training."""
    told = {"all": [], "pruned": []}

    def listen(module, kind):
        signature = inspect.signature(module.train)

        def train(*parts, **arguments):
            told[kind].append(SimpleNamespace(**signature.bind(*parts, **arguments).arguments))

        monkeypatch.setattr(module, "train", train)

    listen(training, "all")
    listen(infobatch, "pruned")
    return told


def test_training_uses_all_images_unless_some_are_held_out(smoke, narrow, told):
    budgets.train("resnet_1min", smoke, seed=3)
    budgets.train("resnet_1min", smoke, hold_out=True)
    assert narrow == [("resnet_1min", 3), ("resnet_1min", 0)] and not told["pruned"]
    whole, part = told["all"]
    assert whole.model.name == "resnet_1min"
    assert whole.training is smoke.train and whole.validation is None
    assert (whole.arm, whole.seed, part.arm, part.seed) == (None, 3, "held_out", 0)
    for images, expected in zip(
        (part.training, part.validation), data.split(smoke.train), strict=True
    ):
        np.testing.assert_array_equal(images.images, expected.images)


def test_easy_images_are_left_out_where_the_recipe_says_so(smoke, narrow, told, capsys):
    budgets.train("resnet_5min", smoke, hold_out=True)
    budgets.train("resnet_5min", smoke, hold_out=True, whole=True)
    (pruned,), (whole,) = told["pruned"], told["all"]
    assert pruned.share == budgets.RECIPES["resnet_5min"].left_out > 0
    assert (pruned.arm, whole.arm) == ("held_out", "held_out_whole")
    assert pruned.epochs == whole.epochs and pruned.batch_size == whole.batch_size
    assert commands.main(["budget", "resnet_5min", "--whole"]) == 2
    assert "held out" in capsys.readouterr().err


def test_unknown_budget_is_refused(smoke):
    with pytest.raises(settings.UserError, match="resnet_7min.*resnet_5min"):
        budgets.train("resnet_7min", smoke)


@cheaply()
def test_command_trains_what_is_missing_and_keeps_the_rest(smoke, narrow, monkeypatch, capsys):
    run = budgets.train("resnet_1min", smoke, seed=0)
    assert (run.name, run.trained_on, run.history["learning_rate"][-1]) == ("resnet_1min", 400, 0)

    def train(name, dataset, seed, hold_out, whole):
        assert (name, dataset, hold_out, whole) == ("resnet_1min", smoke, False, False)
        return dataclasses.replace(run, seed=seed)

    monkeypatch.setattr(budgets, "train", train)
    assert commands.main(["budget", "resnet_1min", "--seed", "0"]) == 0
    first = runs.load("resnet_1min", 0, settings.results_folder())
    assert first.recipe["views"] == ["View(mirrored=False, down=0, right=0)",
                                     "View(mirrored=True, down=0, right=0)"]  # fmt: skip
    assert commands.main(["budget", "resnet_1min", "--seed", "0", "1"]) == 0
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "seed " in line]
    assert printed == ["new", "kept", "new"]
    again = runs.load("resnet_1min", 0, settings.results_folder())
    assert again.written == first.written
