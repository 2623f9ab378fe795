"""Tests of the figures of speed and of accuracy over time."""

import numpy as np
import pandas as pd
import pytest
from figures import MODELS, history, texts

from helpers import plotting, settings
from helpers.plotting.style import WRONG

STEPS = [
    {"name": "plain Keras", "seconds": [9.0, 8.0, 12.0]},
    {"name": "fused normalisation", "seconds": [3.0, 3.1, 2.9]},
]


def timed(name, ratio):
    speeds = {key: {"gflops": rate} for key, rate in (("plain", 80.0), ("engine", 80.0 * ratio))}
    limits = {"minimum": ratio - 0.2, "median": ratio, "maximum": ratio + 0.3}
    return {"model": name, "batch_size": 64, "ratio": limits, **speeds}


@pytest.fixture
def benchmark():
    sides = {"rows": 100, "inner": 9, "columns": 8}
    products = [
        {**sides, "library": "TensorFlow", "float32": 150.0, "bfloat16": 300.0},
        {**sides, "library": "PyTorch", "float32": 170.0, "bfloat16": 290.0},
    ]
    shape = {"batch_size": 8, "size": 7, "channels_in": 4, "channels_out": 8}
    rates = {
        "matrix_product": products,
        "convolution": [{**shape, "float32": 120.0, "bfloat16": 250.0}],
    }
    models = [timed("ann_baseline", 1.1), timed("cnn_deep", 2.5), timed("resnet_fast", 4.0)]
    return {"rates": rates, "models": models}


@pytest.fixture
def budgets():
    numbers = {"seconds": [300.0, 60.0], "accuracy": [0.94, 0.92], "low": np.nan, "high": np.nan}
    return pd.DataFrame(numbers, index=["resnet_5min", "resnet_1min"])


def over_time(names):
    return {name: history(3) | {"seconds": [5.0 + i] * 3} for i, name in enumerate(names)}


def test_seconds_per_epoch_compare_medians_with_plain_keras():
    entries = [{"model": name, "steps": STEPS} for name in ("cnn_deep", "resnet_fast")]
    figure = plotting.seconds_per_epoch(entries)
    assert texts(figure).count("3.0 s   3.0 times as fast") == 2 and "9.0 s" in texts(figure)
    assert [axes.get_title("left") for axes in figure.axes] == ["CNN deep", "ResNet fast"]


def test_speed_ratios_name_model_ratio_and_batch(benchmark):
    written = texts(plotting.speed_ratios(benchmark["models"]))
    assert {"CNN deep", "2.50   batch of 64"} <= set(written)


def test_achieved_rates_take_the_faster_library(benchmark):
    written = texts(plotting.achieved_rates(benchmark))
    assert {"matrix product, float32", "170", "300", "250", "80 → 320"} <= set(written)


def test_gains_tell_profit_harm_and_doubt_apart():
    table = pd.DataFrame(
        {
            "gain": [0.01, -0.004, 0.001],
            "low": [0.008, -0.006, -0.002],
            "high": [0.012, -0.002, 0.004],
            "seconds": [3.2, -12.0, 0.1],
            "group": ["kept", "tried", "tried"],
        },
        index=["flip", "muon", "cutout"],
    )
    figure = plotting.gains(table)
    assert {"+1.00 points   +3 s", "−0.40 points   −12 s", "+0.10 points   ±0 s"} <= set(
        texts(figure)
    )
    above, below = figure.axes
    markers = {
        line.get_marker(): line.get_color() for axes in (above, below) for line in axes.lines
    }
    assert {"^", "v", "o"} <= set(markers) and markers["v"] == WRONG


def test_gains_without_times_name_none():
    table = pd.DataFrame({"gain": [0.01], "low": [0.008], "high": [0.012], "group": ["kept"]})
    assert "+1.00 points" in texts(plotting.gains(table))


def test_accuracy_over_time_joins_budgets_by_time(budgets):
    figure = plotting.accuracy_over_time(over_time(MODELS[:3]), budgets)
    joined = [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert [60.0, 300.0] in joined and [5.0, 10.0, 15.0] in joined
    assert {"ResNet 1 min", "ANN baseline"} <= set(texts(figure))


def test_accuracy_over_time_without_any_budget(budgets):
    figure = plotting.accuracy_over_time(over_time(MODELS[:1]), budgets.iloc[:0])
    assert figure.axes[0].get_xscale() == "log"


def test_what_is_missing_is_said(benchmark, budgets):
    for call in (
        lambda: plotting.seconds_per_epoch([]),
        lambda: plotting.speed_ratios([]),
        lambda: plotting.achieved_rates(benchmark | {"models": []}),
        lambda: plotting.gains(pd.DataFrame({"gain": [0.1]})),
        lambda: plotting.accuracy_over_time({"cnn_deep": history(2)}, budgets),
        lambda: plotting.accuracy_over_time(over_time(MODELS[:1]), budgets.drop(columns="low")),
    ):
        with pytest.raises(settings.UserError):
            call()
