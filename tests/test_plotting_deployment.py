"""Tests of the figures of deployment."""

import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, texts
from matplotlib.patches import Rectangle

from helpers import plotting, settings
from helpers.plotting.style import RIGHT, WRONG
from helpers.topics import photo


@pytest.fixture
def files():
    numbers = {"kilobytes": [474.0, 134.0], "zipped": [435.0, 111.0]}
    numbers |= {"median_ms": [0.3, 0.1], "slow_ms": [0.5, 0.2]}
    numbers |= {"accuracy": [0.93, 0.92], "low": [0.92, 0.91], "high": [0.94, 0.93]}
    return pd.DataFrame(numbers, index=["float32", "int8"])


def steps(height=40, width=30):
    picture = np.full((height, width, 3), 200, np.uint8)
    plane = np.zeros((height, width))
    small = picture[:28, :20]
    square = np.zeros((28, 28), np.uint8)
    return photo.Steps(
        picture, plane, plane > 0, picture, small, small, picture[:28, :28], square, False
    )


def test_export_costs_draw_what_is_measured(files):
    sizes, times, accuracies = plotting.export_costs(files).axes
    assert [bar.get_width() for bar in sizes.patches] == [474.0, 435.0, 134.0, 111.0]
    spans = [list(line.get_xdata()) for line in times.lines]
    assert [0.3, 0.5] in spans and [0.1, 0.2] in spans
    assert [0.91, 0.93] in [list(line.get_xdata()) for line in accuracies.lines]


def test_changed_predictions_count_both():
    margins = np.array([0.01, 0.02, 0.5, 0.99])
    figure = plotting.changed_predictions(margins, [True, False, False, False])
    bars = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(bars[:20]) == 4 and bars[0] == 2 and bars[20] == 1 and sum(bars[20:]) == 1


def test_photo_steps_name_rows_and_columns():
    figure = plotting.photo_steps({"shirt": steps(), "bag": steps(50, 60)})
    written = set(texts(figure))
    assert {"shirt", "bag", "photograph", "sharpened"} <= written
    (picture,) = [image for axes in figure.axes for image in axes.get_images()]
    assert picture.get_array().shape[2] == 3


def test_photo_answers_warn_in_words_and_in_colour():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])
    images = np.zeros((2, 28, 28), np.uint8)
    near = np.zeros((2, 3, 28, 28), np.uint8)
    figure = plotting.photo_answers(
        images, probabilities, CLASSES, near, ["", "strange"], ["shirt", "scissors"]
    )
    assert {"✓ looks familiar", "✗ strange", "70 %", "60 %"} <= set(texts(figure))
    first, second = figure.axes[1], figure.axes[4]
    for axes, hue, share in ((first, RIGHT, 0.7), (second, WRONG, 0.6)):
        bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        assert bars[1].get_width() == pytest.approx(share)
        assert plotting.style.to_hex(bars[1].get_facecolor()) == hue.lower()


def test_strangeness_tells_shares_and_single_images():
    distances = {"garments": np.linspace(0, 1, 101), "digits": [2.0, 3.0], "moon": [4.0]}
    figure = plotting.strangeness(distances, 0.955)
    assert {"5 %", "100 %", "strange"} <= set(texts(figure))
    colours = {line.get_marker(): line.get_color() for line in figure.axes[0].lines}
    assert colours["X"] == WRONG and colours["o"] == RIGHT


def test_what_is_missing_is_said(files):
    images = np.zeros((2, 28, 28), np.uint8)
    near = np.zeros((2, 3, 28, 28), np.uint8)
    for call in (
        lambda: plotting.export_costs(files.drop(columns="zipped")),
        lambda: plotting.changed_predictions([0.1, 0.2], [True]),
        lambda: plotting.changed_predictions([], []),
        lambda: plotting.photo_steps({}),
        lambda: plotting.photo_answers(images, np.eye(3), CLASSES, near, ["", ""], ["a", "b"]),
        lambda: plotting.photo_answers(
            images, np.full((2, 3), 1 / 3), CLASSES, near, [""], ["a", "b"]
        ),
        lambda: plotting.strangeness({}, 0.5),
        lambda: plotting.strangeness({"none": []}, 0.5),
    ):
        with pytest.raises(settings.UserError):
            call()
