"""Tests of the figures of classical baselines."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, in_order, picture, texts
from matplotlib.collections import LineCollection

from helpers import plotting
from helpers.settings import UserError
from helpers.topics import classical


@pytest.fixture
def gradients(images):
    return (images[:3], *classical.gradients(images[:3]), classical.cell_histograms(images[:3]))


@pytest.fixture
def curve():
    accuracy = [0.80, 0.84, 0.82]
    return pd.DataFrame(
        {"value": [0.01, 0.1, 1.0], "accuracy": accuracy, "low": 0.79, "high": 0.85}
    )


@pytest.fixture
def times():
    names = ["logistic_regression", "nearest_neighbours", "svm_rbf"]
    accuracy = np.array([0.84, 0.86, 0.90])
    return pd.DataFrame(
        {
            "model": names,
            "validation_accuracy": accuracy,
            "test_accuracy": accuracy,
            "test_accuracy_low": accuracy - 0.01,
            "test_accuracy_high": accuracy + 0.01,
            "reported_accuracy": np.nan,
            "training_seconds": [5.0, 1.0, 60.0],
            "prediction_seconds": [0.01, 9.0, 20.0],
        }
    )


def test_gradients_are_drawn_in_three_rows(gradients):
    figure = plotting.oriented_gradients(*gradients, CLASSES)
    figure.draw_without_rendering()
    assert isinstance(figure, matplotlib.figure.Figure) and len(figure.axes) == 9
    assert [axes.get_title("left") for axes in figure.axes[:3]] == list(CLASSES)
    np.testing.assert_array_equal(figure.axes[0].get_images()[0].get_array(), gradients[0][0])


def test_strokes_run_along_the_edge():
    image = np.zeros((1, 8, 8), np.uint8)
    image[..., 4:] = 255
    histograms = classical.cell_histograms(image)
    figure = plotting.oriented_gradients(image, *classical.gradients(image), histograms, ["edge"])
    (strokes,) = figure.axes[2].findobj(LineCollection)
    lengths = np.array([np.ptp(path.vertices, axis=0) for path in strokes.get_paths()])
    longest = lengths[lengths.sum(axis=1) > 0.5]
    assert len(longest) == 4, "one stroke in each of the four cells"
    np.testing.assert_allclose(longest, [[0, 0.96]] * 4, atol=1e-6)


def test_templates_are_white_where_a_weight_is_zero():
    weights = np.zeros((3, 4, 4))
    weights[0, 0, 0], weights[1, 1, 1] = 2.0, -1.0
    figure = plotting.class_templates(weights, CLASSES)
    shown = picture(figure)
    assert (shown != 0).sum() == 2 and {shown.max(), shown.min()} == {2.0, -1.0}
    (image,) = figure.axes[0].get_images()
    low, high = image.get_clim()
    assert low == -high
    assert image.cmap(image.norm(0.0))[:3] == pytest.approx((1, 1, 1), abs=0.02)
    assert in_order(figure, CLASSES) == list(CLASSES)


def test_the_best_value_is_marked(curve):
    figure = plotting.validation_curves({"svm_rbf": ("C", curve), "hog_svm": ("alpha", curve)})
    first, second = figure.axes
    assert (first.get_title("left"), first.get_xlabel()) == ("SVM RBF", "C")
    assert second.get_xlabel() == "alpha"
    marked = [line for line in first.lines if line.get_marker() == plotting.marker("svm_rbf")]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in marked] == [(0.1, 0.84)]


def test_times_stand_side_by_side(times):
    figure = plotting.fit_and_prediction(times)
    fit, prediction = figure.axes
    assert fit.get_xscale() == prediction.get_xscale() == "log"
    assert texts(figure).count("logistic regression") == 2
    figure.draw_without_rendering()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert 2 <= len(ticks) <= 8


REFUSED = {
    "other images": (lambda g, c, t: plotting.oriented_gradients(g[0][:2], *g[1:], CLASSES[:2]),
                     "the same images"),
    "captions": (lambda g, c, t: plotting.oriented_gradients(*g, CLASSES[:1]), "captions"),
    "flat weights": (lambda g, c, t: plotting.class_templates(np.zeros((3, 16)), CLASSES), "shape"),
    "class names": (lambda g, c, t: plotting.class_templates(np.zeros((2, 4, 4)), CLASSES),
                    "class names"),
    "no curve": (lambda g, c, t: plotting.validation_curves({}), "curves is empty"),
    "no interval": (lambda g, c, t: plotting.validation_curves({"a": ("C", c.drop(columns="low"))}),
                    "table of a lacks low"),
    "no time": (lambda g, c, t: plotting.fit_and_prediction(t.drop(columns="prediction_seconds")),
                "lacks prediction_seconds"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said(case, gradients, curve, times):
    call, words = REFUSED[case]
    with pytest.raises(UserError, match=words):
        call(gradients, curve, times)
