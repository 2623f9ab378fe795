"""Tests of the figures of a training."""

import pytest
from figures import MODELS, history
from matplotlib.figure import Figure

from helpers import plotting


@pytest.mark.parametrize(("models", "panels"), [(1, 2), (3, 6), (6, 2)])
def test_learning_curves_use_panels_for_few_models(models, panels):
    histories = {name: history(4) for name in MODELS[:models]}
    figure = plotting.learning_curves(histories, chosen_epochs={MODELS[0]: 2})
    assert len(figure.axes) == panels
    dashed = [line for axes in figure.axes for line in axes.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 2 * models


def test_learning_curves_mark_the_reported_epoch():
    figure = plotting.learning_curves({"cnn_deep": history(5)}, ("loss",), {"cnn_deep": 3})
    (mark,) = [line for line in figure.axes[0].lines if line.get_marker() == "P"]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (3, history(5)["val_loss"][2])


@pytest.mark.parametrize("epochs", [1, 2])
def test_figures_of_very_short_trainings(epochs):
    histories = {"ann_baseline": history(epochs)}
    for draw in (plotting.learning_curves, plotting.generalisation_gap, plotting.learning_rate):
        assert isinstance(draw(histories), Figure)


def test_generalisation_gap_is_validation_minus_training():
    figure = plotting.generalisation_gap({"cnn_plain": history(4)})
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([0.05] * 4)
