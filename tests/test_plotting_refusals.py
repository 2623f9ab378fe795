"""Tests that every figure refuses wrong input in one sentence."""

import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, fake_model, history

from helpers import plotting
from helpers.settings import UserError

GOOD = np.zeros((4, 28, 28), np.uint8)


REFUSED = {
    "no images": lambda t: plotting.image_grid(GOOD[:0]),
    "one flat image": lambda t: plotting.image_grid(GOOD[0]),
    "colour images": lambda t: plotting.image_grid(np.zeros((4, 28, 28, 3))),
    "too few titles": lambda t: plotting.image_grid(GOOD, titles=["a"]),
    "no columns": lambda t: plotting.image_grid(GOOD, columns=0),
    "too few flags": lambda t: plotting.image_grid(GOOD, correct=[True]),
    "too few labels": lambda t: plotting.class_samples(GOOD, np.zeros(3, int), CLASSES),
    "a strip of too few labels": lambda t: plotting.class_strip(GOOD, np.zeros(3, int), CLASSES),
    "one-hot labels": lambda t: plotting.class_samples(GOOD, np.eye(4, 3, dtype=int), CLASSES),
    "float labels": lambda t: plotting.class_samples(GOOD, np.zeros(4), CLASSES),
    "label out of range": lambda t: plotting.class_samples(GOOD, np.full(4, 3), CLASSES),
    "unequal pairs": lambda t: plotting.image_pairs(GOOD, GOOD[:2], ["a"] * 4),
    "float pixels": lambda t: plotting.pixel_histogram(GOOD / 255),
    "empty balance": lambda t: plotting.class_balance(pd.DataFrame()),
    "points in space": lambda t: plotting.embeddings(
        {"a": np.zeros((4, 3))}, np.zeros(4, int), CLASSES
    ),
    "no embedding": lambda t: plotting.embeddings({}, np.zeros(4, int), CLASSES),
    "shares above one": lambda t: plotting.explained_variance([0.9, 0.9]),
    "probabilities": lambda t: plotting.predictions(
        GOOD, np.zeros((4, 2)), np.zeros(4, int), CLASSES
    ),
    "no histories": lambda t: plotting.learning_curves({}),
    "no validation": lambda t: plotting.generalisation_gap({"a": {"loss": [1.0]}}),
    "no such epoch": lambda t: plotting.learning_curves({"a": history(3)}, chosen_epochs={"a": 4}),
    "rate of zero": lambda t: plotting.learning_rate({"a": {"learning_rate": [0.0]}}),
    "oblong confusion": lambda t: plotting.confusion(np.zeros((3, 2)), CLASSES),
    "report without f1": lambda t: plotting.report_heatmap(pd.DataFrame({"precision": [1.0]})),
    "no accuracies": lambda t: plotting.class_accuracy(pd.DataFrame()),
    "unknown arm": lambda t: plotting.ablation(
        pd.DataFrame({"accuracy": [0.9], "low": [0.8], "high": [1.0]}), "plain"
    ),
    "missing column": lambda t: plotting.accuracy_bars(t.drop(columns="test_accuracy")),
    "empty table": lambda t: plotting.accuracy_bars(t.iloc[:0]),
    "unknown cost": lambda t: plotting.accuracy_against(t, "price", "price"),
    "unmeasured cost": lambda t: plotting.accuracy_against(
        t.assign(mflops=np.nan), "mflops", "MFLOP"
    ),
    "one model alone": lambda t: plotting.paired_tests(*[pd.DataFrame([[0.0]], ["a"], ["a"])] * 2),
    "no curves": lambda t: plotting.reliability({}),
    "unbuilt model": lambda t: plotting.architecture(fake_model("empty")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_in_one_sentence(case, table):
    with pytest.raises(UserError) as refusal:
        REFUSED[case](table)
    message = str(refusal.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 250
