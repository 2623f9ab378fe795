"""Tests of the figures of trust and of corruptions."""

import numpy as np
import pandas as pd
import pytest
from figures import picture, texts

from helpers import evaluation, plotting, settings

LABELS = np.arange(200) % 2
SURE = np.linspace(0.5, 1, 200)
ANSWERS = np.where(
    (LABELS == 0)[:, None], np.stack([SURE, 1 - SURE], 1), np.stack([1 - SURE, SURE], 1)
)
TABLE = pd.DataFrame(
    [
        {"model": model, "corruption": name, "strength": strength, "accuracy": 0.9 - strength / 10}
        for model in ("cnn_basic", "plain")
        for name in ("gaussian_noise", "occlusion", "contrast")
        for strength in range(3)
    ]
)
CURVE = pd.DataFrame({"false_alarms": [0.0, 0.5, 1.0], "recognised": [0.0, 0.96, 1.0]})


def test_confidence_states_the_calibration_error_of_each_side():
    table = evaluation.reliability(LABELS, ANSWERS)
    written = texts(plotting.confidence({"before": table, "after": table}))
    error = evaluation.calibration_error(LABELS, ANSWERS)
    assert written.count(f"calibration error {100 * error:.2f} %") == 2
    assert {"before", "after"} <= set(written)


def test_risk_coverage_ends_at_the_accuracy_of_all_answers():
    curve = evaluation.risk_coverage(LABELS, ANSWERS)
    figure = plotting.risk_coverage({"cnn_deep": curve})
    line = max(figure.axes[0].lines, key=lambda each: len(each.get_xdata()))
    assert line.get_xdata()[-1] == 1 and line.get_ydata()[-1] == curve["accuracy"].iloc[-1]
    assert "CNN deep" in texts(figure)


def test_corruption_grid_keeps_rows_and_order():
    images = np.arange(6, dtype=np.uint8).repeat(784).reshape(6, 28, 28)
    figure = plotting.corruption_grid({"a_b": images, "c": images[::-1]})
    assert picture(figure).shape[0] > 56 and {"a b", "c"} <= set(texts(figure))
    assert picture(figure)[0, 0] == 0 and picture(figure)[-1, 0] == 5


def test_robustness_has_a_panel_per_corruption_and_one_legend():
    figure = plotting.robustness(TABLE, columns=2)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in shown] == ["gaussian noise", "occlusion", "contrast"]
    assert texts(figure).count("CNN basic") == 1 and texts(figure).count("plain") == 1


def test_separation_states_the_area_of_each_kind():
    generator = np.random.default_rng(0)
    outside = {"noise": generator.random(50), "digits": generator.random(30)}
    curves = {"noise": (0.875, CURVE), "digits": (0.5, CURVE)}
    figure = plotting.separation(generator.random(40), outside, curves, "confidence")
    assert {"noise   AUROC 0.875", "digits   AUROC 0.500"} <= set(texts(figure))


REFUSED = {
    "no reliability": lambda: plotting.confidence({}),
    "empty bins": lambda: plotting.confidence(
        {"a": evaluation.reliability(LABELS, ANSWERS).assign(count=0)}
    ),
    "no curves": lambda: plotting.risk_coverage({}),
    "no interval": lambda: plotting.risk_coverage({"a": pd.DataFrame({"coverage": [1.0]})}),
    "no corruption": lambda: plotting.corruption_grid({}),
    "unequal strengths": lambda: plotting.corruption_grid(
        {"a": np.zeros((2, 4, 4)), "b": np.zeros((3, 4, 4))}
    ),
    "no accuracy": lambda: plotting.robustness(TABLE.drop(columns="accuracy")),
    "no strangers": lambda: plotting.separation(np.ones(3), {}, {}, "energy"),
    "other strangers": lambda: plotting.separation(
        np.ones(3), {"a": np.ones(3)}, {"b": (0.5, CURVE)}, "energy"
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_in_one_sentence(case):
    with pytest.raises(settings.UserError) as refusal:
        REFUSED[case]()
    assert str(refusal.value).endswith(".")
