"""Tests of the figures of data augmentation."""

import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, in_order, picture, texts, tick_labels

from helpers import plotting, settings
from helpers.plotting.style import FAINT, RIGHT, WRONG


@pytest.fixture
def rows():
    first = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    return {"none": first, "random_erasing": first[::-1] + 100}


@pytest.fixture
def gains():
    return pd.DataFrame(
        {"gain": [0.0, 0.012, -0.02], "low": [-0.01, 0.01, -0.03], "high": [0.01, 0.014, -0.01]},
        index=[0, 1, 4],
    )


def drawn(axes):
    """Return the colour of each marker that is drawn once, by its y."""
    lines = (line for line in axes.lines if len(line.get_ydata()) == 1)
    return {round(float(line.get_ydata()[0]), 6): line.get_color() for line in lines}


def test_distortions_stand_in_rows_under_each_other(rows):
    figure = plotting.distortions(rows, copies=3)
    shown = picture(figure)
    assert shown.shape == (4 + 3 + 4, 6 * 4 + 5 * 3)
    assert np.array_equal(shown[:4, 7:11], rows["none"][1])
    assert np.array_equal(shown[7:, -4:], rows["random_erasing"][-1])
    assert {"none", "random erasing"} <= set(texts(figure))
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[19.5, 19.5]]


def test_memorised_writes_the_gap_of_each_arm():
    table = pd.DataFrame(
        {"training": [0.99, 0.93], "validation": [0.90, 0.935]}, index=["none", "flip_and_shift"]
    )
    figure = plotting.memorised(table)
    assert {"+9.0", "−0.5", "flip and shift"} <= set(texts(figure))
    places = {float(line.get_xdata()[0]) for line in figure.axes[0].lines}
    assert {0.99, 0.90, 0.93, 0.935} <= places


def test_class_gains_set_certain_ones_in_bold():
    gains = pd.DataFrame([[0.031, -0.012, 0.0]], index=["flip"], columns=CLASSES)
    figure = plotting.class_gains(gains, gains.abs() > 0.02)
    assert tick_labels(figure.axes[0]) == [["flip"], list(CLASSES)]
    assert in_order(figure, ("+3.1", "−1.2", "±0.0")) == ["+3.1", "−1.2", "±0.0"]
    weights = {text.get_text(): text.get_weight() for text in figure.axes[0].texts}
    assert weights == {"+3.1": "bold", "−1.2": "normal", "±0.0": "normal"}


def test_class_gains_of_nothing_are_drawn():
    gains = pd.DataFrame([[0.0, 0.0, 0.0]], index=["flip"], columns=CLASSES)
    assert texts(plotting.class_gains(gains, gains > 1)).count("±0.0") == 3


def test_gain_by_strength_tells_profit_harm_and_doubt_apart(gains):
    axes = plotting.gain_by_strength(gains, "pixels").axes[0]
    assert drawn(axes) == {0.0: FAINT, 1.2: RIGHT, -2.0: WRONG}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "4"]


def test_gain_by_amount_shows_both_arms_and_the_gain(gains):
    table = gains.set_index(pd.Index([4800, 16000, 48000]))
    table["without"], table["with"] = [0.86, 0.90, 0.93], [0.86, 0.912, 0.91]
    figure = plotting.gain_by_amount(table, ("none", "flip_and_shift"))
    left, right = figure.axes
    assert [list(line.get_ydata()) for line in left.lines] == [
        list(table["without"]),
        list(table["with"]),
    ]
    assert drawn(right) == {0.0: FAINT, 1.2: RIGHT, -2.0: WRONG}
    assert {"48,000", "flip and shift", "+1.20"} <= set(texts(figure))


def test_what_does_not_fit_is_said(rows, gains):
    heat = pd.DataFrame([[0.1]], index=["flip"], columns=["Bag"])
    for call in (
        lambda: plotting.distortions({}),
        lambda: plotting.distortions(rows | {"flip": rows["none"][:3]}),
        lambda: plotting.distortions(rows, copies=4),
        lambda: plotting.memorised(pd.DataFrame({"training": [0.9]})),
        lambda: plotting.class_gains(heat, heat.rename(columns={"Bag": "Coat"}) > 0),
        lambda: plotting.class_gains(heat.iloc[:0], heat.iloc[:0] > 0),
        lambda: plotting.gain_by_strength(gains.drop(columns="low"), "pixels"),
        lambda: plotting.gain_by_amount(gains, ("none", "flip")),
        lambda: plotting.gain_by_amount(gains.assign(**{"without": 0.9, "with": 0.9}), ("none",)),
    ):
        with pytest.raises(settings.UserError):
            call()
