"""What notebooks show of arms and seeds, of weights and of sources, and what figures say of it."""

import re

import numpy as np
import pandas as pd
import pytest
from figures import lines, picture, texts, tick_labels

from helpers import plotting
from helpers.plotting.style import DIVERGING, FAINT, INK, RIGHT, WRONG
from helpers.settings import UserError

# Differences of 0.01 and 0.03: their mean is 0.02, its interval 12.706 · 0.01 to both sides.
ARMS = pd.DataFrame({0: [0.80, 0.81], 1: [0.80, 0.83]}, ["none", "with_dropout"])
GAIN = "+2.00 (−10.71 to +14.71)"


def unbroken(text):
    return " ".join(text.split())


def test_strips_say_means_and_paired_gains():
    figure = plotting.seed_strips(ARMS, "none", "Arms")
    assert figure.alt == (
        f"Arms, a dot a seed: none 80.00 %  reference; with dropout 82.00 %  {GAIN}."
    )
    assert {"80.00 %  reference", f"82.00 %  {GAIN}", "Arms", "validation accuracy (%)"} <= set(
        texts(figure)
    )
    assert not any("Rings" in text for text in texts(figure))


def test_strips_of_plain_numbers():
    figure = plotting.seed_strips(ARMS, "with_dropout", "Arms", "log loss", percent=False)
    assert figure.alt == (
        "Arms, a dot a seed: none 0.8000  −0.0200 (−0.1471 to +0.1071); "
        "with dropout 0.8200  reference."
    )
    assert "log loss" in texts(figure) and not any("%)" in text for text in texts(figure))


def test_strips_have_a_dot_a_seed_and_a_bar_at_the_mean():
    (axes,) = plotting.seed_strips(ARMS, "none", "Arms").axes
    drawn = lines(axes)
    dots = [pair for pair in drawn if len(pair[0]) == 2]
    assert dots[1:] == [([0.80, 0.80], [0, 0]), ([0.81, 0.83], [1, 1])]
    assert dots[0] == ([0.80, 0.80], [0, 1]), "a line down from the reference"
    bars = [(*xs, *ys) for xs, ys in drawn if len(xs) == 1]
    assert bars == [(pytest.approx(0.80), 0), (pytest.approx(0.82), 1)]
    assert tick_labels(axes)[0] == ["none", "with dropout"] and axes.yaxis_inverted()


def test_strips_tell_profit_harm_and_doubt_apart():
    gains = {"none": [0, 0], "up": [0.020, 0.021], "down": [-0.020, -0.021], "open": [0.01, 0.03]}
    table = 0.8 + pd.DataFrame.from_dict(gains, orient="index")
    (axes,) = plotting.seed_strips(table, "none", "Arms").axes
    colours = [line.get_color() for line in axes.lines if line.get_marker() == "|"]
    assert colours == [INK, RIGHT, WRONG, FAINT]


def test_a_run_of_ones_own_adds_a_ring_to_each_arm():
    figure = plotting.seed_strips(ARMS, "none", "Arms", own={"with_dropout": 0.79, "none": 0.78})
    (axes,) = figure.axes
    rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in rings] == [(0.78, 0), (0.79, 1)]
    assert any(text.endswith("Rings: this run.") for text in map(unbroken, texts(figure)))


def test_a_single_seed_has_no_interval():
    figure = plotting.seed_strips(ARMS[[0]], "none", "Arms")
    assert figure.alt.endswith("none 80.00 %  reference; with dropout 81.00 %  +1.00.")
    assert not any("nan" in text for text in texts(figure))


def test_a_gain_is_over_the_seeds_that_both_arms_have():
    table = ARMS.join(pd.DataFrame({2: [0.95, np.nan]}, ARMS.index))
    figure = plotting.seed_strips(table, "none", "Arms")
    assert figure.alt.endswith(f"none 85.00 %  reference; with dropout 82.00 %  {GAIN}.")


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed: its data by their kinds, and the options."""
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda data, **told: calls.append((data, told)))
    return calls


def doubled(number):
    """Return twice a number.

    It may be of any kind
    that has a product.
    """
    return 2 * number


DOUBLED = 'def doubled(number):\n    """Return twice a number."""\n    return 2 * number'


@pytest.mark.parametrize("code", [doubled, DOUBLED, f"\n{DOUBLED}\n"])
def test_show_source_displays_python_with_one_line_of_docstring(displayed, code):
    plotting.show_source(code)
    expected = {"text/markdown": f"```python\n{DOUBLED}\n```", "text/plain": DOUBLED}
    assert displayed == [(expected, {"raw": True})]


def test_show_source_leaves_code_without_a_docstring_alone(displayed):
    plotting.show_source("a = 1\n\n\nb = 2")
    assert displayed[0][0]["text/plain"] == "a = 1\n\n\nb = 2"


def test_weights_have_a_tile_a_unit_on_a_scale_of_its_own():
    images = np.zeros((3, 4, 5))
    images[0, 0, 0], images[1, 0, 0], images[2, 3, 4] = 4.0, -0.5, 2.0
    figure = plotting.weight_images(images, columns=2, title="Two of three")
    shown = picture(figure)
    assert shown.shape == (4 + 2 + 4, 5 + 2 + 5, 3)
    assert shown[0, 0] == pytest.approx(DIVERGING(1.0)[:3], abs=0.01)
    assert shown[0, 7] == pytest.approx(DIVERGING(0.0)[:3], abs=0.01)
    assert shown[6 + 3, 4] == pytest.approx(DIVERGING(1.0)[:3], abs=0.01)
    assert (shown[6:, 7:] == 1).all(), "no fourth unit"
    assert {"Two of three", "weight", "−", "+"} <= set(texts(figure))


def test_weights_that_are_no_images_are_refused():
    with pytest.raises(UserError, match=re.escape("weights have the shape (784, 16)")):
        plotting.weight_images(np.zeros((784, 16)))
