"""What the figures write: names, numbers with their signs and units, headings."""

import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, MODELS, gains, history, texts

from helpers import evaluation, plotting
from helpers.topics import photo

LABELS = np.arange(200) % 2
SURE = np.linspace(0.5, 1, 200)
ANSWERS = np.where(
    (LABELS == 0)[:, None], np.stack([SURE, 1 - SURE], 1), np.stack([1 - SURE, SURE], 1)
)
BINS = evaluation.reliability(LABELS, ANSWERS)
ERROR = f"calibration error {100 * evaluation.calibration_error(LABELS, ANSWERS):.2f} %"
PASSED = pd.DataFrame({"false_alarms": [0.0, 0.5, 1.0], "recognised": [0.0, 0.96, 1.0]})
COUNTS = pd.DataFrame({"training": [4800, 10], "test": [1000, 0]}, index=CLASSES[:2])
ARMS = pd.DataFrame({"accuracy": [0.9, 0.88], "low": np.nan, "high": np.nan}, ["all", "none"])
BRIER = pd.DataFrame({"members": [0.14], "ensemble": [0.11], "ambiguity": [0.03]}, ["five_seeds"])
LEARNED = pd.DataFrame({"training": [0.99, 0.93], "validation": [0.90, 0.935]}, ["none", "a_b"])
CORRUPTED = pd.DataFrame(
    [(model, kind, strength, 0.9 - strength / 10) for model in ("cnn_basic", "plain")
     for kind in ("gaussian_noise", "contrast") for strength in range(3)],
    columns=["model", "corruption", "strength", "accuracy"],
)  # fmt: skip
MATTERED = pd.DataFrame(
    {"share": [0.7, 0.3], "chance": 0.4, "correlation": [0.8, np.nan], "low": [0.5, np.nan],
     "high": [0.9, np.nan]}, ["learning_rate", "activation"],
)  # fmt: skip
STEPS = [
    {"name": "plain Keras", "seconds": [9.0, 8.0, 12.0]},
    {"name": "fused normalisation", "seconds": [3.0, 3.1, 2.9]},
]


def timed(name, ratio):
    speeds = {key: {"gflops": rate} for key, rate in (("plain", 80.0), ("engine", 80.0 * ratio))}
    limits = {"minimum": ratio - 0.2, "median": ratio, "maximum": ratio + 0.3}
    return {"model": name, "batch_size": 64, "ratio": limits, **speeds}


TIMED = [timed("ann_baseline", 1.1), timed("cnn_deep", 2.5), timed("resnet_fast", 4.0)]
SIDES = {"rows": 100, "inner": 9, "columns": 8}
RATES = {
    "matrix_product": [{**SIDES, "float32": 150.0, "bfloat16": 300.0},
                       {**SIDES, "float32": 170.0, "bfloat16": 290.0}],
    "convolution": [{"float32": 120.0, "bfloat16": 250.0}],
}  # fmt: skip
BUDGETS = pd.DataFrame(
    {"seconds": [300.0, 60.0], "accuracy": [0.94, 0.92], "low": np.nan, "high": np.nan},
    ["resnet_5min", "resnet_1min"],
)


def steps(height, width):
    image, plane = np.full((height, width, 3), 200, np.uint8), np.zeros((height, width))
    small, square = image[:28, :20], np.zeros((28, 28), np.uint8)
    return photo.Steps(image, plane, plane > 0, image, small, small, image[:28, :28], square, False)


WRITTEN = {
    "ablation": (lambda: plotting.ablation(ARMS, reference="all"),
                 ["90.00 %   reference", "88.00 %   −2.00 points"]),
    "class_balance": (lambda: plotting.class_balance(COUNTS),
                      [" 4,800", " 10", " 1,000", " 0", "training: 4,810 images"]),
    "memorised": (lambda: plotting.memorised(LEARNED), ["+9.0", "−0.5", "a b"]),
    "gains": (lambda: plotting.gains(gains(group=list("aab"), seconds=[0.1, 3.2, -12])),
              ["±0.00 points   ±0 s", "+1.20 points   +3 s", "−2.00 points   −12 s", "a", "b"]),
    "gains without times": (lambda: plotting.gains(gains(group="a")), ["+1.20 points"]),
    "gain_by_labels": (lambda: plotting.gain_by_labels(
        gains(labels=[20, 100, 1000], comparison="fine-tuned minus scratch")),
        ["+0.0", "+1.2", "−2.0", "1,000", "fine-tuned minus scratch"]),
    "tuning_gains": (lambda: plotting.tuning_gains(
        gains(model=["ann_tuned"] * 2 + ["cnn_tuned"], measured=list("xyz"), flattered=True)),
        ["+1.20 points", "−2.00 points", "ANN tuned", "CNN tuned", "x", "y", "z"]),
    "importance": (lambda: plotting.importance({"ann_tuned": MATTERED}),
                   ["  no order", "learning rate", "ANN tuned"]),
    "best_of_many": (lambda: plotting.best_of_many({"ann_tuned": pd.DataFrame(
        {"chosen_by": [0.8, 0.83], "unseen": [0.8, 0.82]}, index=[1, 2])}),
        ["ANN tuned: 1.00 points of flattery"]),
    "seconds_per_epoch": (
        lambda: plotting.seconds_per_epoch([{"model": "cnn_deep", "steps": STEPS}]),
        ["CNN deep", "9.0 s", "3.0 s   3.0 times as fast"]),
    "speed_ratios": (lambda: plotting.speed_ratios(TIMED), ["CNN deep", "2.50   batch of 64"]),
    "achieved_rates": (lambda: plotting.achieved_rates({"rates": RATES, "models": TIMED}),
                       ["matrix product, float32", "170", "300", "250", "80 → 320"]),
    "accuracy_over_time": (lambda: plotting.accuracy_over_time(
        {"ann_baseline": history(3) | {"seconds": [5.0] * 3}}, BUDGETS),
        ["ResNet 1 min", "ANN baseline"]),
    "ambiguity": (lambda: plotting.ambiguity(BRIER), ["0.1400 = 0.1100 + 0.0300   (21%)"]),
    "cyclic_rate": (lambda: plotting.cyclic_rate({"cycles": [0.1, 0.0], "once": [0.1]}, 2, [1, 2]),
                    ["1", "2", "cycles", "once"]),
    "reliability": (lambda: plotting.reliability({"cnn_plain": pd.DataFrame(
        {"confidence": [0.5, 0.9], "accuracy": [0.5, 0.8], "count": [10, 30]})}),
        ["calibration error\n7.5 %", "CNN plain"]),
    "confidence": (lambda: plotting.confidence({"before": BINS, "after": BINS}),
                   ["before", "after", ERROR]),
    "separation": (lambda: plotting.separation(
        SURE, {"noise": SURE, "digits": SURE}, {"noise": (0.875, PASSED), "digits": (0.5, PASSED)},
        "energy"), ["noise   AUROC 0.875", "digits   AUROC 0.500", "energy"]),
    "robustness": (lambda: plotting.robustness(CORRUPTED, columns=2),
                   ["CNN basic", "plain", "gaussian noise", "contrast"]),
    "photo_steps": (lambda: plotting.photo_steps({"shirt": steps(40, 30), "bag": steps(50, 60)}),
                    ["shirt", "bag", "photograph", "sharpened"]),
    "strangeness": (lambda: plotting.strangeness(
        {"garments": np.linspace(0, 1, 101), "digits": [-2.0, -3.0], "moon": [-4.0]}, 0.045),
        ["garments", "5 %", "100 %", "strange"]),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITTEN)
def test_figures_write_names_and_numbers(case):
    draw, words = WRITTEN[case]
    written = texts(draw())
    assert set(words) <= set(written)


@pytest.mark.parametrize(
    ("draw", "word"),
    [
        (lambda t: plotting.ensemble_growth({"a": t}), "Dashed"),
        (lambda t: plotting.accuracy_bars(t.iloc[:1]), "reported by the model's source"),
        (lambda t: plotting.accuracy_against(t, "mflops", "MFLOPs"), "Open diamonds"),
        (lambda t: plotting.reliability({"a": t}), "Faint"),
    ],
)
def test_keys_do_not_explain_what_is_not_drawn(table, draw, word):
    columns = {"size": 1, "accuracy": 0.9, "log_loss": 0.3, "confidence": 0.9, "count": 10}
    assert not any(word in text for text in texts(draw(table.assign(**columns))))


def test_keys_explain_what_is_drawn(table):
    reported = plotting.accuracy_against(table, "mflops", "MFLOPs", reported=True)
    (point,) = [line for line in reported.axes[0].lines if line.get_marker() == "D"
                and line.get_markerfacecolor() == "white"]  # fmt: skip
    assert point.get_ydata()[0] == 0.9031
    assert any("Open diamonds" in text for text in texts(reported))
    assert "reported by the model's source" in texts(plotting.accuracy_bars(table))


def test_paired_tests_show_each_pair_once():
    differences = pd.DataFrame([[0, -0.02], [0.02, 0]], MODELS[:2], MODELS[:2])
    written = texts(plotting.paired_tests(differences, differences * 0 + 0.004))
    assert written.count("+2.00\n**") == 1 and not any("−2.00" in text for text in written)
    names = [f"cnn_{number}" for number in range(15)]
    zeros = pd.DataFrame(0.0, names, names)
    figure = plotting.paired_tests(zeros + 0.0213, zeros + 0.004)
    assert "+2.1\n**" in texts(figure) and "+2.13\n**" not in texts(figure)
    assert {label.get_rotation() for label in figure.axes[0].get_xticklabels()} == {90.0}


def test_error_correlation_shows_each_pair_once():
    names = ["seed_0", "seed_1", "cnn_basic"]
    values = np.array([[1, 0.71, 0.42], [0.71, 1, 0.43], [0.42, 0.43, 1]])
    written = texts(plotting.error_correlation(pd.DataFrame(values, names, names)))
    assert [written.count(text) for text in ("0.71", "0.42", "0.43", "1.00")] == [1, 1, 1, 0]
    assert {"seed 1", "CNN basic"} <= set(written)
