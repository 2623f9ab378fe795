"""Tests of the figures of what a network has learned: exact colours, marks, and what is refused."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, picture, texts

from helpers import plotting
from helpers.plotting.style import DIVERGING

HEAT = matplotlib.colormaps["inferno"]
GOOD = np.zeros((2, 28, 28), np.uint8)


def tile(figure, row, column, below=0):
    """Return the pixels of one tile of a figure without colour bars."""
    y, x = row * (30 + below), column * 30
    return picture(figure)[y : y + 28, x : x + 28]


def stages():
    rows = [("pixels", "trained", 0.8), ("block 1", "trained", 0.9), ("pixels", "other", 0.8)]
    table = pd.DataFrame(rows, columns=["stage", "arm", "value"])
    return table.assign(low=table["value"] - 0.02, high=table["value"] + 0.02)


def removed():
    shares = np.linspace(0, 1, 5)
    return pd.concat(
        pd.DataFrame({"share": shares, "probability": 1 - shares**power, "order": order})
        for order, power in (("Grad-CAM", 0.5), ("random", 2.0))
    ).assign(low=lambda t: t["probability"] - 0.05, high=lambda t: t["probability"] + 0.05)


def test_heat_has_a_scale_of_its_own_for_every_image(images):
    maps = np.zeros((2, 28, 28))
    maps[0, 3, 4], maps[0, 5, 5], maps[1, 7, 7] = 10.0, 5.0, 0.1
    figure = plotting.explanations(images[:2], {"Grad-CAM": maps}, ["a", "b"])
    shown = picture(figure)
    assert shown[30 + 3, 4] == pytest.approx(HEAT(1.0)[:3], abs=0.01)
    assert shown[30 + 5, 5] == pytest.approx(HEAT(0.5)[:3], abs=0.01)
    assert shown[30 + 7, 30 + 7] == pytest.approx(HEAT(1.0)[:3], abs=0.01)
    assert (shown[:, 28:30] == 1).all() and (shown[28:30] == 1).all(), "white between the tiles"
    assert {"image", "Grad-CAM", "a", "b", "most"} <= set(texts(figure))


def test_heat_with_a_sign_has_its_zero_in_the_middle(images):
    maps = np.zeros((1, 28, 28))
    maps[0, 0, 0], maps[0, 0, 1] = -2.0, 1.0
    figure = plotting.explanations(images[:1], {"occlusion": maps}, ["a"])
    expected = [matplotlib.colormaps["berlin"](value)[:3] for value in (0.0, 0.75, 0.5)]
    assert picture(figure)[30, :3] == pytest.approx(np.array(expected), abs=0.01)
    assert {"against", "for"} <= set(texts(figure))


def test_explanations_mark_right_and_wrong_answers(images):
    heat = {"Grad-CAM": np.ones((2, 28, 28))}
    figure = plotting.explanations(images[:2], heat, ["Bag", "Coat"], correct=[True, False])
    assert {"✓ Bag", "✗ Coat"} <= set(texts(figure))


def test_filters_are_enlarged_around_their_sign():
    kernels = np.zeros((2, 3, 3))
    kernels[0, 0, 0], kernels[1, 2, 2] = 4.0, -2.0
    figure = plotting.filters(kernels, np.ones((2, 28, 28)))
    shown = picture(figure)
    expected = np.broadcast_to(DIVERGING(1.0)[:3], (9, 9, 3))
    assert shown[:9, :9] == pytest.approx(expected, abs=0.01)
    assert shown[26, 56] == pytest.approx(DIVERGING(0.0)[:3], abs=0.01), "a scale of its own"
    assert (shown[27, :28] == 1).all(), "three times nine leaves a white line"
    assert {"filter", "map"} <= set(texts(figure))


def test_feature_maps_show_the_strongest_in_their_order():
    maps = np.zeros((14, 14, 3))
    maps[..., 0], maps[..., 2] = 1.0, 2.0
    figure = plotting.feature_maps(GOOD[0] + 1, {"block 1": maps}, columns=2)
    shown = picture(figure)
    assert shown[0, 30] == pytest.approx(HEAT(0.5)[:3], abs=0.01)
    assert shown[0, 60] == pytest.approx(HEAT(1.0)[:3], abs=0.01)
    assert "block 1\n14 × 14, 3 maps" in texts(figure)


def test_neighbours_of_another_class_are_crossed(images):
    same = np.array([[True, False], [True, True]])
    found = images[2:6].reshape(2, 2, 28, 28)
    figure = plotting.neighbours(images[:2], ["Bag", "Coat"], {"pixels": (found, same)})
    assert texts(figure).count("✗") == 1
    assert {"Bag", "Coat", "asked", "pixels"} <= set(texts(figure))
    assert tile(figure, 0, 2)[..., 0] == pytest.approx(
        matplotlib.colormaps["gray_r"](found[0, 0] / 255)[..., 0], abs=0.01
    )


def test_class_images_are_stretched_one_by_one():
    faint = np.zeros((3, 28, 28), np.uint8)
    faint[:, 0, 0] = (255, 128, 10)
    figure = plotting.class_images({"drawn": faint}, CLASSES, {"drawn": ["99 %", "7 %", "1 %"]})
    shown = picture(figure)
    assert [shown[0, 30 * column].tolist() for column in range(3)] == [[0.0] * 3] * 3
    assert {"drawn", "99 %", *CLASSES} <= set(texts(figure))


def test_deletion_names_its_orders():
    figure = plotting.deletion(removed())
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "Grad-CAM first",
        "random order",
    ]
    assert len(axes.collections) == 2, "one band for each"


def test_stages_keep_their_order_and_arms_their_names():
    figure = plotting.along_network(stages(), "title", "accuracy (%)", percent=True)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["pixels", "block 1"]
    assert {"trained", "other", "accuracy (%)"} <= set(texts(figure))
