"""Tests of the figures of ensembles."""

import numpy as np
import pandas as pd
import pytest
from figures import texts

from helpers import plotting
from helpers.settings import UserError


@pytest.fixture
def curve():
    return pd.DataFrame(
        {"size": [1, 1, 2], "accuracy": [0.90, 0.92, 0.94], "log_loss": [0.30, 0.28, 0.22]}
    )


@pytest.fixture
def split():
    numbers = {"members": [0.14, 0.13], "ensemble": [0.11, 0.12], "ambiguity": [0.03, 0.01]}
    return pd.DataFrame(numbers, index=["five_seeds", "snapshots"])


def line_data(axes):
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def test_growth_draws_the_mean_of_every_size(curve):
    figure = plotting.ensemble_growth({"seeds": curve}, {"one_longer": (0.93, 0.25)})
    accuracy, loss = figure.axes
    (xs, ys) = line_data(accuracy)[1]
    assert xs == [1, 2] and ys == pytest.approx([0.91, 0.94])
    assert line_data(loss)[1][1] == pytest.approx([0.29, 0.22])
    assert ([0, 1], [0.93, 0.93]) in line_data(accuracy)
    assert texts(figure).count("one longer") == 2


def test_growth_says_nothing_of_lines_that_are_not_there(curve):
    assert not any("Dashed" in text for text in texts(plotting.ensemble_growth({"a": curve})))


def test_error_correlation_shows_each_pair_once():
    names = ["seed_0", "seed_1", "cnn_basic"]
    values = np.array([[1, 0.71, 0.42], [0.71, 1, 0.43], [0.42, 0.43, 1]])
    written = texts(plotting.error_correlation(pd.DataFrame(values, names, names)))
    assert [written.count(text) for text in ("0.71", "0.42", "0.43", "1.00")] == [1, 1, 1, 0]
    assert {"seed 1", "CNN basic"} <= set(written)


def test_ambiguity_states_the_sum_and_the_share(split):
    figure = plotting.ambiguity(split)
    assert "0.1400 = 0.1100 + 0.0300   (21%)" in texts(figure)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == pytest.approx([0.11, 0.03, 0.12, 0.01])
    hatched = [bar.get_hatch() for bar in figure.axes[0].patches]
    assert hatched == [None, "////", None, "////"]


def test_cyclic_rate_numbers_the_snapshots():
    figure = plotting.cyclic_rate({"cycles": [0.1, 0.0, 0.1, 0.0], "once": [0.1] * 4}, 2, [1, 2])
    (axes,) = figure.axes
    assert line_data(axes)[0][0] == [0.0, 0.5, 1.0, 1.5]
    assert {"1", "2", "cycles", "once"} <= set(texts(figure))


def test_between_weights_draws_every_line():
    lines = {"two seeds": ([0, 0.5, 1], [0.9, 0.2, 0.9]), "snapshots": ([0, 1], [0.9, 0.91])}
    (axes,) = plotting.between_weights(lines).axes
    assert ([0, 0.5, 1], [0.9, 0.2, 0.9]) in line_data(axes)


REFUSED = {
    "no curve": (lambda c, s: plotting.ensemble_growth({}), "curves is empty"),
    "no loss": (lambda c, s: plotting.ensemble_growth({"a": c.drop(columns="log_loss")}), "of a"),
    "one network": (lambda c, s: plotting.error_correlation(s.iloc[:1, :1]), "two or more"),
    "not square": (lambda c, s: plotting.error_correlation(s), "two or more"),
    "no split": (lambda c, s: plotting.ambiguity(s.iloc[:0]), "no rows"),
    "no sum": (lambda c, s: plotting.ambiguity(s + 0.01), "must be the sum"),
    "no rates": (lambda c, s: plotting.cyclic_rate({}, 1, []), "no learning rate"),
    "no lines": (lambda c, s: plotting.between_weights({}), "one line"),
    "uneven": (lambda c, s: plotting.between_weights({"a": ([0, 1], [0.9])}), "as many"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said(case, curve, split):
    call, words = REFUSED[case]
    with pytest.raises(UserError, match=words):
        call(curve, split)
