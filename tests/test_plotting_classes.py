"""Classes, models and distortions stand where their numbers are: rows, columns and cells."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, in_order, picture, texts, tick_labels
from matplotlib.collections import LineCollection

from helpers import plotting
from helpers.topics import classical

ACCURACIES = pd.DataFrame({"cnn_deep": [0.9], "cnn_plain": [0.8]}, index=["Bag"])
PAIRS = np.array([[1, 0, 0], [0.91, 1, 0], [0.82, 0.73, 1]])
GAINS = pd.DataFrame([[0.031, -0.012, 0.0]], index=["flip"], columns=CLASSES)
HEATMAPS = {
    "confusion": (lambda: plotting.confusion(np.array([[8, 2], [0, 10]]), CLASSES[:2]),
                  [list(CLASSES[:2])] * 2, ["8", "2", "10"]),
    "class_accuracy": (lambda: plotting.class_accuracy(ACCURACIES),
                       [["CNN deep", "CNN plain"], ["Bag"]], ["90.0", "80.0"]),
    "class_gains": (lambda: plotting.class_gains(GAINS, GAINS.abs() > 0.02),
                    [["flip"], list(CLASSES)], ["+3.1", "−1.2", "±0.0"]),
    "pair_difficulty": (lambda: plotting.pair_difficulty(PAIRS, CLASSES, chosen=[(0, 2)]),
                        [list(CLASSES[1:]), list(CLASSES[:2])], ["91", "82", "73"]),
}  # fmt: skip


@pytest.mark.parametrize("case", HEATMAPS)
def test_heatmaps_name_the_rows_and_columns_of_their_cells(case):
    draw, names, written = HEATMAPS[case]
    axes = draw().axes[0]
    assert tick_labels(axes) == names
    top_first = axes.get_ylim()[0] > axes.get_ylim()[1]
    cells = {(text.get_position()[::-1]): text.get_text() for text in axes.texts}
    inside = [cells[place] for place in sorted(cells) if place[1] < len(names[1])]
    assert top_first and [text for text in inside if text in written] == written


def test_confusion_gives_the_recall_of_each_row():
    figure = plotting.confusion(np.array([[8, 2], [0, 10]]), CLASSES[:2])
    assert in_order(figure, ("80.0 %", "100.0 %"), axis=1) == ["80.0 %", "100.0 %"]
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert "0" not in texts(figure)


@pytest.mark.parametrize(
    ("case", "weights"),
    [("class_accuracy", ["bold", "normal"]), ("class_gains", ["bold", "normal", "normal"])],
)
def test_certain_and_best_values_are_bold(case, weights):
    assert [text.get_weight() for text in HEATMAPS[case][0]().axes[0].texts] == weights


def test_chosen_pairs_are_framed_below_the_diagonal():
    frames = [patch.get_xy() for patch in HEATMAPS["pair_difficulty"][0]().axes[0].patches
              if isinstance(patch, matplotlib.patches.Rectangle)]  # fmt: skip
    assert frames == [(0, 1)], "the row of class 2 is the second one"


def test_class_balance_has_a_bar_per_class():
    counts = pd.DataFrame({"training": [4800, 10], "test": [1000, 0]}, index=CLASSES[:2])
    figure = plotting.class_balance(counts)
    assert tick_labels(figure.axes[0])[0] == list(CLASSES[:2])
    assert in_order(figure, (" 4,800", " 10"), axis=1) == [" 4,800", " 10"]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [4800, 10]


def test_embeddings_draw_every_point_and_name_every_class(labels):
    points = np.random.default_rng(0).normal(size=(12, 2))
    figure = plotting.embeddings({"PCA": points, "t-SNE": -points}, labels, CLASSES)
    assert [len(axes.collections[0].get_offsets()) for axes in figure.axes] == [12, 12]
    assert texts(figure).count("Trouser") == 2
    apart = points / 10 + labels[:, None]
    figure = plotting.embeddings({"PCA": apart}, labels, CLASSES)
    assert in_order(figure, CLASSES) == list(CLASSES)
    (drawn,) = figure.axes[0].collections
    hue = drawn.get_facecolor()[np.argmin(drawn.get_offsets()[:, 0])]
    assert matplotlib.colors.to_hex(hue) == plotting.CLASS_COLORS[0].lower()


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


def test_strokes_run_along_the_edge():
    image = np.zeros((1, 8, 8), np.uint8)
    image[..., 4:] = 255
    histograms = classical.cell_histograms(image)
    figure = plotting.oriented_gradients(image, *classical.gradients(image), histograms, ["edge"])
    assert figure.axes[0].get_title("left") == "edge"
    assert (picture(figure) == image[0]).all()
    (strokes,) = figure.axes[2].findobj(LineCollection)
    lengths = np.array([np.ptp(path.vertices, axis=0) for path in strokes.get_paths()])
    longest = lengths[lengths.sum(axis=1) > 0.5]
    assert len(longest) == 4, "one stroke in each of the four cells"
    np.testing.assert_allclose(longest, [[0, 0.96]] * 4, atol=1e-6)
