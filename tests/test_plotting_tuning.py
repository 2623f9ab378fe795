"""Tests of the figures of a search for hyperparameters."""

import numpy as np
import pandas as pd
import pytest
from figures import texts

from helpers import plotting, settings


@pytest.fixture
def trials():
    accuracy = [0.84, 0.82, 0.86, 0.10, 0.85]
    return pd.DataFrame(
        {
            "width": [128, 256, 128, 512, 256],
            "activation": ["relu", "silu", "relu", "silu", "relu"],
            "learning_rate": [1e-3, 2e-3, 5e-4, 1e-2, 3e-3],
            "batch_size": 64,
            "accuracy": accuracy,
        },
        index=range(1, 6),
    )


def shapes(axes):
    return {line.get_marker() for line in axes.lines}


def test_progress_marks_known_best_and_hidden_trials(trials):
    figure = plotting.search_progress({"ann_tuned": trials, "cnn_tuned": trials[:2]})
    left, right = figure.axes
    assert {"D", "*", "v", "o"} <= shapes(left) and "v" not in shapes(right)
    steps = [list(line.get_ydata()) for line in left.lines if len(line.get_ydata()) == 5]
    assert steps == [[0.84, 0.84, 0.86, 0.86, 0.86]]
    assert left.get_ylim()[0] > 0.5 and "ANN tuned: accuracy (%)" in texts(figure)


def test_progress_of_a_search_that_found_nothing_better(trials):
    figure = plotting.search_progress({"ann_tuned": trials[:2]})
    assert {"D", "*"} <= shapes(figure.axes[0])


def test_values_have_one_panel_each_and_a_median_per_choice(trials):
    names = ["width", "activation", "learning_rate", "batch_size"]
    figure = plotting.search_values(trials, names, ["learning_rate"])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in shown] == [
        "width", "activation", "learning rate", "batch size"
    ]  # fmt: skip
    assert shown[2].get_xscale() == "log" and shown[0].get_xscale() == "linear"
    assert [label.get_text() for label in shown[1].get_xticklabels()] == ["relu", "silu"]
    bars = [line for line in shown[0].lines if len(line.get_xdata()) == 2]
    assert bars[0].get_ydata()[0] == pytest.approx(0.85)


def test_importance_shows_chance_and_direction():
    table = pd.DataFrame(
        {
            "share": [0.7, 0.2, 0.1],
            "chance": [0.4, 0.4, 0.4],
            "correlation": [0.8, -0.7, np.nan],
            "low": [0.5, -0.9, np.nan],
            "high": [0.9, -0.2, np.nan],
        },
        index=["learning_rate", "width", "activation"],
    )
    figure = plotting.importance({"ann_tuned": table})
    left, right = figure.axes
    faces = [patch.get_facecolor() for patch in left.patches]
    assert faces[0] != faces[1] == faces[2]
    assert {"^", "v"} <= shapes(right) and "  no order" in texts(figure)


def test_best_of_many_names_the_gap():
    curve = pd.DataFrame({"chosen_by": [0.8, 0.83], "unseen": [0.8, 0.82]}, index=[1, 2])
    figure = plotting.best_of_many({"ann_tuned": curve})
    assert "ANN tuned: 1.00 points of flattery" in texts(figure)


def test_gains_have_a_panel_per_model():
    table = pd.DataFrame(
        {
            "model": ["ann_tuned", "ann_tuned", "cnn_tuned"],
            "measured": ["in the search", "test", "test"],
            "gain": [0.012, -0.001, 0.0],
            "low": [0.01, -0.004, 0.0],
            "high": [0.014, 0.002, 0.0],
            "flattered": [True, False, False],
        }
    )
    figure = plotting.tuning_gains(table)
    assert [axes.get_title("left") for axes in figure.axes] == ["ANN tuned", "CNN tuned"]
    assert {"+1.20 points", "−0.10 points", "in the search"} <= set(texts(figure))


def test_what_is_missing_is_said(trials):
    for call in (
        lambda: plotting.search_progress({}),
        lambda: plotting.search_progress({"ann_tuned": trials.drop(columns="accuracy")}),
        lambda: plotting.search_values(trials[:0], ["width"]),
        lambda: plotting.search_values(trials, ["depth"]),
        lambda: plotting.importance({"ann_tuned": trials}),
        lambda: plotting.best_of_many({"ann_tuned": trials}),
        lambda: plotting.tuning_gains(trials),
    ):
        with pytest.raises(settings.UserError):
            call()
