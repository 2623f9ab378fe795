"""Wrong input is refused in one sentence: missing columns, empty tables, unequal lengths."""

import numpy as np
import pandas as pd
import pytest
from figures import CLASSES, fake_model, gains

from helpers import plotting
from helpers.settings import UserError

GOOD = np.zeros((4, 28, 28), np.uint8)
LABELS = np.zeros(4, int)
NEAR = {"pixels": (GOOD[None], np.ones((1, 2), bool))}
ONE_ARM = pd.DataFrame({"accuracy": [0.9], "low": [0.8], "high": [1.0]})
SPLIT = pd.DataFrame({"members": [0.15], "ensemble": [0.11], "ambiguity": [0.03]})
REFUSED = {
    "no images": lambda t: plotting.image_grid(GOOD[:0]),
    "one flat image": lambda t: plotting.image_grid(GOOD[0]),
    "too few titles": lambda t: plotting.image_grid(GOOD, titles=["a"]),
    "too few flags": lambda t: plotting.image_grid(GOOD, correct=[True]),
    "too few labels": lambda t: plotting.class_samples(GOOD, LABELS[:3], CLASSES),
    "one-hot labels": lambda t: plotting.class_samples(GOOD, np.eye(4, 3, dtype=int), CLASSES),
    "float labels": lambda t: plotting.class_samples(GOOD, np.zeros(4), CLASSES),
    "label out of range": lambda t: plotting.class_samples(GOOD, LABELS + 3, CLASSES),
    "a class without images": lambda t: plotting.class_statistics(GOOD, LABELS, CLASSES),
    "unequal pairs": lambda t: plotting.image_pairs(GOOD, GOOD[:2], ["a"] * 4),
    "unequal rows": lambda t: plotting.distortions({"none": GOOD, "flip": GOOD[:2]}),
    "too few responses": lambda t: plotting.filters(GOOD, GOOD[:3]),
    "too little heat": lambda t: plotting.explanations(GOOD, {"a": GOOD[:1]}, list("abcd")),
    "too few neighbours": lambda t: plotting.neighbours(GOOD, list("abcd"), NEAR),
    "too few class images": lambda t: plotting.class_images({"drawn": GOOD}, CLASSES),
    "oblong confusion": lambda t: plotting.confusion(np.zeros((3, 2)), CLASSES),
    "other classes": lambda t: plotting.class_gains(gains(), gains()[["low"]] > 0),
    "other models": lambda t: plotting.paired_tests(ONE_ARM, ONE_ARM),
    "no sum": lambda t: plotting.ambiguity(SPLIT),
    "no histories": lambda t: plotting.learning_curves({}),
    "no validation": lambda t: plotting.generalisation_gap({"a": {"loss": [1.0]}}),
    "unknown arm": lambda t: plotting.ablation(ONE_ARM, "plain"),
    "missing column": lambda t: plotting.accuracy_bars(t.drop(columns="test_accuracy")),
    "empty table": lambda t: plotting.accuracy_bars(t.iloc[:0]),
    "no curves": lambda t: plotting.reliability({}),
    "a curve without bins": lambda t: plotting.reliability({"a": t}),
    "unknown cost": lambda t: plotting.accuracy_against(t, "price", "price"),
    "unmeasured cost": lambda t: plotting.accuracy_against(t.assign(mflops=np.nan), "mflops", "M"),
    "nothing timed": lambda t: plotting.speed_ratios([]),
    "unbuilt model": lambda t: plotting.architecture(fake_model("empty")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_in_one_sentence(case, table):
    with pytest.raises(UserError) as refusal:
        REFUSED[case](table)
    message = str(refusal.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 250
