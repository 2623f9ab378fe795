"""Tests of the figures of learning from few labels."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, texts, tick_labels

from helpers import plotting, settings
from helpers.plotting.style import FAINT, RIGHT, WRONG

COUNTS = (20, 100, 1000)


@pytest.fixture
def accuracies():
    rows = [
        {"task": task, "arm": arm, "labels": count, "accuracy": height + 0.02 * place}
        for task in ("hard pair", "easy pair")
        for height, arm in enumerate_from(0.7, ("scratch", "frozen", "my_arm"))
        for place, count in enumerate(COUNTS)
    ]
    table = pd.DataFrame(rows)
    return table.assign(low=table["accuracy"] - 0.01, high=table["accuracy"] + 0.01)


def enumerate_from(start, names):
    return [(start + 0.05 * number, name) for number, name in enumerate(names)]


@pytest.fixture
def gained():
    numbers = {"gain": [0.05, -0.02, 0.001], "low": [0.03, -0.03, -0.01]}
    table = pd.DataFrame(numbers | {"high": [0.07, -0.01, 0.012], "labels": COUNTS})
    return table.assign(comparison="fine-tuned minus scratch")


def test_label_efficiency_has_a_panel_per_task_and_a_line_per_arm(accuracies):
    figure = plotting.label_efficiency(accuracies)
    assert [axes.get_title() or axes.get_title("left") for axes in figure.axes] == [
        "hard pair",
        "easy pair",
    ]
    written = texts(figure)
    assert written.count("scratch") == 2 and written.count("my arm") == 2
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert {line.get_linestyle() for line in lines} == {"-", "--"}
    heights = {tuple(np.round(line.get_ydata(), 2)) for line in lines}
    assert (0.7, 0.72, 0.74) in heights


def test_label_efficiency_names_do_not_overlap(accuracies):
    accuracies["accuracy"] = 0.8
    figure = plotting.label_efficiency(accuracies)
    figure.draw_without_rendering()
    boxes = [
        text.get_window_extent()
        for text in figure.axes[0].findobj(matplotlib.text.Text)
        if text.get_text() in ("scratch", "frozen", "my arm")
    ]
    bottoms = sorted(box.y0 for box in boxes)
    assert len(boxes) == 3 and np.diff(bottoms).min() > 10


def test_label_efficiency_shows_shares_however_wide_the_intervals(accuracies):
    figure = plotting.label_efficiency(accuracies.assign(low=-3.0, high=4.0))
    bottom, top = figure.axes[0].get_ylim()
    assert 0.5 < bottom < accuracies["accuracy"].min() and top <= 1.01


def test_an_arm_may_be_missing_in_a_panel(accuracies):
    chosen = accuracies[(accuracies["task"] == "hard pair") | (accuracies["arm"] == "scratch")]
    assert texts(plotting.label_efficiency(chosen)).count("frozen") == 1


def test_gain_by_labels_tells_profit_harm_and_doubt_apart(gained):
    figure = plotting.gain_by_labels(gained)
    found = {line.get_marker(): line.get_color() for line in figure.axes[0].lines}
    assert (found["^"], found["v"], found["o"]) == (RIGHT, WRONG, FAINT)
    assert {"+5.0", "−2.0", "+0.1", "1,000"} <= set(texts(figure))


def test_gain_of_a_single_seed_is_in_doubt(gained):
    figure = plotting.gain_by_labels(gained.assign(low=np.nan, high=np.nan))
    assert "^" not in {line.get_marker() for line in figure.axes[0].lines}


def test_pair_difficulty_reads_below_the_diagonal():
    accuracy = np.array([[1, 0, 0], [0.91, 1, 0], [0.82, 0.73, 1]])
    figure = plotting.pair_difficulty(accuracy, CLASSES, chosen=[(0, 2)])
    assert {"91", "82", "73"} <= set(texts(figure))
    assert tick_labels(figure.axes[0]) == [list(CLASSES[1:]), list(CLASSES[:2])]
    frames = [
        patch.get_xy()
        for patch in figure.axes[0].patches
        if isinstance(patch, matplotlib.patches.Rectangle)
    ]
    assert frames == [(0, 1)], "the row of class 2 is the second one"


def test_what_is_missing_is_said(accuracies, gained):
    for call in (
        lambda: plotting.label_efficiency(accuracies.drop(columns="low")),
        lambda: plotting.label_efficiency(accuracies.iloc[:0]),
        lambda: plotting.gain_by_labels(gained.drop(columns="comparison")),
        lambda: plotting.pair_difficulty(np.ones((2, 3)), CLASSES),
    ):
        with pytest.raises(settings.UserError):
            call()
