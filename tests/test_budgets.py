"""Budgets: their networks, and that one function trains them for notebooks and for the command."""

import pytest

from helpers import budgets, cost, data, models, runs, settings

NAMES = [name for name in models.names() if models.specification(name).notebook == "12_fast_resnet"]


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


def test_training_uses_all_images_unless_some_are_held_out(smoke):
    run = budgets.train("resnet_1min", smoke, seed=3)
    assert (run.name, run.seed, run.trained_on, run.validation) == ("resnet_1min", 3, 400, None)
    assert run.history["learning_rate"][-1] == 0 and "val_loss" not in run.history
    held_out = budgets.train("resnet_1min", smoke, hold_out=True)
    training_images, validation_images = data.split(smoke.train)
    assert (held_out.name, held_out.trained_on) == ("resnet_1min__held_out", len(training_images))
    assert len(held_out.validation) == len(validation_images) > 0


def test_easy_images_are_left_out_where_the_recipe_says_so(smoke, capsys):
    held_out = budgets.train("resnet_5min", smoke, hold_out=True)
    whole = budgets.train("resnet_5min", smoke, hold_out=True, whole=True)
    assert held_out.recipe["left_out"] == budgets.RECIPES["resnet_5min"].left_out > 0
    assert whole.name == "resnet_5min__held_out_whole" and "left_out" not in whole.recipe
    assert len(whole.history["loss"]) == len(held_out.history["loss"])
    assert budgets.main(["resnet_5min", "--whole"]) == 2
    assert "held out" in capsys.readouterr().err


def test_unknown_budget_is_refused(smoke):
    with pytest.raises(settings.UserError, match="resnet_7min.*resnet_5min"):
        budgets.train("resnet_7min", smoke)
    assert budgets.main(["resnet_7min"]) == 2


def test_command_trains_what_is_missing_and_keeps_the_rest(smoke, capsys):
    assert budgets.main(["resnet_1min", "--seed", "0"]) == 0
    first = runs.load("resnet_1min", 0, settings.results_folder())
    assert first.recipe["views"] == ["View(mirrored=False, down=0, right=0)",
                                     "View(mirrored=True, down=0, right=0)"]  # fmt: skip
    assert budgets.main(["resnet_1min", "--seed", "0", "1"]) == 0
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "seed " in line]
    assert printed == ["new", "kept", "new"]
    again = runs.load("resnet_1min", 0, settings.results_folder())
    assert again.written == first.written
