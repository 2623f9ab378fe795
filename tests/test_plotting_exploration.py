"""Tests of the figures for a first look at the data."""

import numpy as np
import pandas as pd
from figures import CLASSES, in_order, texts, tick_labels

from helpers import plotting


def test_pixel_histogram_states_the_share_of_zeros(images):
    images[:6] = 0
    share = (images == 0).mean()
    figure = plotting.pixel_histogram(images)
    assert f"{100 * share:.1f} % of all pixels are exactly 0" in texts(figure)
    assert len(figure.axes[0].patches) == 256


def test_class_balance_writes_every_count():
    counts = pd.DataFrame({"training": [4800, 10], "test": [1000, 0]}, index=CLASSES[:2])
    figure = plotting.class_balance(counts)
    assert len(figure.axes) == 2
    assert {" 4,800", " 10", " 1,000", " 0", "training: 4,810 images"} <= set(texts(figure))
    assert tick_labels(figure.axes[0])[0] == list(CLASSES[:2])
    assert in_order(figure, (" 4,800", " 10"), axis=1) == [" 4,800", " 10"]


def test_embeddings_draw_every_point_and_name_every_class(labels):
    points = np.random.default_rng(0).normal(size=(12, 2))
    figure = plotting.embeddings({"PCA": points, "t-SNE": -points}, labels, CLASSES)
    assert [len(axes.collections[0].get_offsets()) for axes in figure.axes] == [12, 12]
    assert texts(figure).count("Trouser") == 2
    apart = points / 10 + labels[:, None]
    figure = plotting.embeddings({"PCA": apart}, labels, CLASSES)
    assert len(figure.axes) == 1 and in_order(figure, CLASSES) == list(CLASSES)


def test_explained_variance_counts_the_components_needed():
    figure = plotting.explained_variance(np.array([0.4, 0.3, 0.2, 0.1]))
    assert {"2 hold 70 %", "3 hold 90 %", "4 hold 100 %"} <= set(texts(figure))
