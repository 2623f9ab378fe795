"""The values that figures draw: lines, bars, markers, and the colour of a verdict."""

import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figures import MODELS, gains, history, lines, texts, tick_labels

from helpers import plotting
from helpers.plotting.style import FAINT, RIGHT, WRONG

VERDICTS = {("o", FAINT): 0.0, ("^", RIGHT): 1.2, ("v", WRONG): -2.0}
COUNTS = (20, 100, 1000)
JUDGED = {
    "gains": (0, lambda t: plotting.gains(t.assign(group="a"))),
    "strength": (1, lambda t: plotting.gain_by_strength(t, "pixels")),
    "labels": (1, lambda t: plotting.gain_by_labels(t.assign(labels=COUNTS, comparison="a - b"))),
    "amount": (1, lambda t: plotting.gain_by_amount(t.assign(**{"without": 1, "with": 1}), "ab")),
}


@pytest.mark.parametrize("case", JUDGED)
def test_gains_tell_profit_harm_and_doubt_apart(case):
    along, draw = JUDGED[case]
    axes = draw(gains()).axes[-1]
    marks = {
        (line.get_marker(), line.get_color()): round(float(line.get_xydata()[0, along]), 6)
        for line in axes.lines
        if line.get_marker() != "None"
    }
    assert marks == VERDICTS
    if case == "labels":
        single_seed = draw(gains(low=np.nan, high=np.nan)).axes[0]
        assert "^" not in {line.get_marker() for line in single_seed.lines}


def test_strangeness_is_judged_by_the_median():
    axes = plotting.strangeness({"garments": [0.1, 2.0, 5.0], "digits": [0.2, 0.3]}, 0.9).axes[0]
    colours = {line.get_marker(): line.get_color() for line in axes.lines}
    assert colours["X"] == WRONG and colours["o"] == RIGHT


def test_importance_parts_chance_from_more():
    numbers = {"share": [0.7, 0.2, 0.1], "chance": 0.4, "correlation": [0.8, -0.7, np.nan]}
    table = pd.DataFrame(numbers | {"low": [0.5, -0.9, np.nan], "high": [0.9, -0.2, np.nan]})
    left, right = plotting.importance({"ann_tuned": table}).axes
    faces = [patch.get_facecolor() for patch in left.patches]
    assert faces[0] != faces[1] == faces[2]
    assert {"^", "v"} <= {line.get_marker() for line in right.lines}


def test_intervals_span_from_low_to_high():
    numbers = {"kilobytes": [474.0, 134.0], "zipped": [435.0, 111.0]}
    numbers |= {"median_ms": [0.3, 0.1], "slow_ms": [0.5, 0.2]}
    numbers |= {"accuracy": [0.93, 0.92], "low": [0.92, 0.91], "high": [0.94, 0.93]}
    table = pd.DataFrame(numbers, index=["float32", "int8"])
    figure = plotting.export_costs(table)
    sizes, times, accuracies = figure.axes
    assert [bar.get_width() for bar in sizes.patches] == [474.0, 435.0, 134.0, 111.0]
    assert ([0.3, 0.5], [0, 0]) in lines(times) and ([0.1, 0.2], [1, 1]) in lines(times)
    assert ([0.91, 0.93], [1, 1]) in lines(accuracies) and ([0.93], [0]) in lines(accuracies)
    assert tick_labels(sizes)[0] == list(table.index)


def test_changed_predictions_count_both():
    margins = np.array([0.01, 0.02, 0.5, 0.99])
    figure = plotting.changed_predictions(margins, [True, False, False, False])
    bars = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(bars[:20]) == 4 and bars[0] == 2 and bars[20] == 1 and sum(bars[20:]) == 1


def test_growth_draws_the_mean_of_every_size():
    numbers = {"size": [1, 1, 2], "accuracy": [0.90, 0.92, 0.94], "log_loss": [0.30, 0.28, 0.22]}
    curve = pd.DataFrame(numbers)
    figure = plotting.ensemble_growth({"seeds": curve}, {"one_longer": (0.93, 0.25)})
    accuracy, loss = figure.axes
    xs, ys = lines(accuracy)[1]
    assert xs == [1, 2] and ys == pytest.approx([0.91, 0.94])
    assert lines(loss)[1][1] == pytest.approx([0.29, 0.22])
    assert ([0, 1], [0.93, 0.93]) in lines(accuracy) and ([0, 1], [0.25, 0.25]) in lines(loss)
    assert texts(figure).count("one longer") == 2


def test_lines_hold_the_values_that_were_passed():
    ways = {"two seeds": ([0, 0.5, 1], [0.9, 0.2, 0.9]), "snapshots": ([0, 1], [0.9, 0.91])}
    (axes,) = plotting.between_weights(ways).axes
    assert ([0, 0.5, 1], [0.9, 0.2, 0.9]) in lines(axes)
    (axes,) = plotting.cyclic_rate({"cycles": [0.1, 0.0, 0.1, 0.0]}, 2, [1, 2]).axes
    assert lines(axes)[0] == ([0.0, 0.5, 1.0, 1.5], [0.1, 0.0, 0.1, 0.0])
    table = pd.DataFrame({"members": [0.14], "ensemble": [0.11], "ambiguity": [0.03]})
    bars = plotting.ambiguity(table).axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([0.11, 0.03])
    assert [bar.get_hatch() for bar in bars] == [None, "////"]
    table = pd.DataFrame({"training": [0.99, 0.93], "validation": [0.90, 0.935]}, ["none", "flip"])
    (axes,) = plotting.memorised(table).axes
    drawn = lines(axes)
    assert ([0.99], [0]) in drawn and ([0.935], [1]) in drawn
    assert tick_labels(axes)[0] == ["none", "flip"] and axes.yaxis_inverted(), "from the top"


def test_gain_by_amount_shows_both_arms():
    amounts = gains(**{"without": [0.86, 0.90, 0.93], "with": [0.86, 0.912, 0.91]})
    amounts.index = [4800, 16000, 48000]
    figure = plotting.gain_by_amount(amounts, ("none", "flip_and_shift"))
    expected = [list(amounts["without"]), list(amounts["with"])]
    assert [ys for _, ys in lines(figure.axes[0])] == expected
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["none", "flip and shift"] and "48,000" in texts(figure)


def test_the_best_value_is_marked():
    curve = pd.DataFrame({"value": [0.01, 0.1, 1.0], "accuracy": [0.80, 0.84, 0.82]})
    curve = curve.assign(low=0.79, high=0.85)
    figure = plotting.validation_curves({"svm_rbf": ("C", curve), "hog_svm": ("alpha", curve)})
    first, second = figure.axes
    assert (first.get_title("left"), first.get_xlabel()) == ("SVM RBF", "C")
    assert second.get_xlabel() == "alpha"
    marked = [line for line in first.lines if line.get_marker() == plotting.marker("svm_rbf")]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in marked] == [(0.1, 0.84)]


def test_accuracy_over_time_joins_budgets_by_time():
    numbers = {"seconds": [300.0, 60.0], "accuracy": [0.94, 0.92], "low": np.nan, "high": np.nan}
    budgets = pd.DataFrame(numbers, index=["resnet_5min", "resnet_1min"])
    histories = {name: history(3) | {"seconds": [5.0] * 3} for name in MODELS[:3]}
    (axes,) = plotting.accuracy_over_time(histories, budgets).axes
    assert ([60.0, 300.0], [0.92, 0.94]) in lines(axes)
    assert [5.0, 10.0, 15.0] in [xs for xs, _ in lines(axes)]
    assert plotting.accuracy_over_time(histories, budgets.iloc[:0]).axes[0].get_xscale() == "log"


def test_risk_coverage_ends_at_the_accuracy_of_all_answers():
    coverage = np.linspace(0.01, 1, 100)
    curve = pd.DataFrame({"coverage": coverage, "accuracy": 1 - coverage / 10})
    (axes,) = plotting.risk_coverage({"cnn_deep": curve.assign(low=0.8, high=1.0)}).axes
    xs, ys = max(lines(axes), key=lambda line: len(line[0]))
    assert (xs[-1], ys[-1]) == (1, 0.9)


def test_bins_with_few_images_do_not_bend_the_line_of_reliability():
    numbers = {"confidence": [0.2, 0.5, 0.9], "accuracy": [0.0, 0.5, 0.8], "count": [2, 98, 300]}
    figure = plotting.reliability({"cnn_plain": pd.DataFrame(numbers)})
    (line,) = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    assert list(line.get_xdata()) == [0.5, 0.9]
    assert any("Faint" in text for text in texts(figure))


def test_trials_mark_the_known_the_best_and_the_hidden_ones():
    trials = pd.DataFrame(
        {
            "width": [128, 256, 128, 512, 256],
            "activation": ["relu", "silu", "relu", "silu", "relu"],
            "learning_rate": [1e-3, 2e-3, 5e-4, 1e-2, 3e-3],
            "accuracy": [0.84, 0.82, 0.86, 0.10, 0.85],
        }
    )
    left, right = plotting.search_progress({"ann_tuned": trials, "cnn_tuned": trials[:2]}).axes
    marks = [{line.get_marker() for line in axes.lines} for axes in (left, right)]
    assert {"D", "*", "v", "o"} <= marks[0] and "v" not in marks[1] and {"D", "*"} <= marks[1]
    assert [0.84, 0.84, 0.86, 0.86, 0.86] in [ys for _, ys in lines(left)]
    assert left.get_ylim()[0] > 0.5 and left.get_title("left") == "ANN tuned: accuracy (%)"
    figure = plotting.search_values(trials, list(trials.columns[:3]), ["learning_rate"])
    width, activation, rate = figure.axes
    assert rate.get_xscale() == "log" and width.get_xscale() == "linear"
    assert [label.get_text() for label in activation.get_xticklabels()] == ["relu", "silu"]
    medians = [ys for xs, ys in lines(width) if len(xs) == 2]
    assert medians[0] == pytest.approx([0.85, 0.85])


@pytest.fixture
def accuracies():
    rows = [
        (task, arm, count, height + 0.02 * place)
        for task in ("hard pair", "easy pair")
        for arm, height in (("scratch", 0.7), ("frozen", 0.75), ("my_arm", 0.8))
        for place, count in enumerate(COUNTS)
    ]
    table = pd.DataFrame(rows, columns=["task", "arm", "labels", "accuracy"])
    return table.assign(low=table["accuracy"] - 0.01, high=table["accuracy"] + 0.01)


def test_label_efficiency_has_a_panel_per_task_and_a_line_per_arm(accuracies):
    figure = plotting.label_efficiency(accuracies)
    assert [axes.get_title("left") for axes in figure.axes] == ["hard pair", "easy pair"]
    assert texts(figure).count("scratch") == 2 and texts(figure).count("my arm") == 2
    drawn = [line for line in figure.axes[0].lines if line.get_linestyle() in ("-", "--")]
    assert [line.get_linestyle() for line in drawn] == ["-", "--", "-"]
    assert list(drawn[0].get_ydata()) == pytest.approx([0.7, 0.72, 0.74])
    chosen = accuracies[(accuracies["task"] == "hard pair") | (accuracies["arm"] == "scratch")]
    assert texts(plotting.label_efficiency(chosen)).count("frozen") == 1


def test_label_efficiency_shows_shares_however_wide_the_intervals(accuracies):
    figure = plotting.label_efficiency(accuracies.assign(low=-3.0, high=4.0))
    bottom, top = figure.axes[0].get_ylim()
    assert 0.5 < bottom < accuracies["accuracy"].min() and top <= 1.01


def test_names_at_line_ends_do_not_overlap(accuracies):
    figure = plotting.label_efficiency(accuracies.assign(accuracy=0.8))
    figure.draw_without_rendering()
    names = [text for text in figure.axes[0].findobj(matplotlib.text.Text)
             if text.get_text() in ("scratch", "frozen", "my arm")]  # fmt: skip
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 3
    assert not any(a.overlaps(b.shrunk(1, 0.8)) for a, b in itertools.combinations(boxes, 2))
