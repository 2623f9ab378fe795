"""How good a model is: predictions become accuracy, a report per class, calibration.

Labels have the shape (N,), integer, probabilities (N, classes). A function that takes both raises
UserError if they do not fit each other, or a row is no probability.
"""

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics as sklearn_metrics

from helpers import settings

# Notebooks ask this module for all of them.
from helpers.significance import (  # noqa: F401
    _check,
    _normalised,
    bootstrap_difference,
    cochran_q,
    holm,
    mcnemar,
    paired_gain,
    seed_difference,
    seed_interval,
    unpaired_gain,
    wilson_interval,
)


def inference_function(model):
    """Compile a model's forward pass, as it is used for prediction.

    The callable takes a batch as `pipeline.prepare_images` returns it, of any size, and returns the
    model's outputs, (B, classes) float32.
    """
    import keras

    def forward(batch):
        return model(batch, training=False)

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        forward = tf.function(forward, reduce_retracing=True)

    def infer(batch):
        outputs = forward(keras.ops.convert_to_tensor(batch))
        return keras.ops.convert_to_numpy(outputs).astype(np.float32)

    return infer


def predict(model, images, pixel_range=(0.0, 1.0), batch_size=500, views=None):
    """Return a model's class probabilities, (N, classes) float32; the model ends in a softmax.

    A plain loop over batches rather than `model.predict`, whose tf.data iterator waits for the
    autotuner's thread. `pixel_range` is what the pixel values 0 and 255 became when the model was
    trained; `batch_size` changes speed and memory only. With `views`, of `pipeline.View`, the
    probabilities of these views of each image are averaged (test-time augmentation). Raises
    UserError if `images` has another form or is empty, or the outputs are no probabilities.
    """
    from helpers import data, pipeline

    data.check_images(images)
    if len(images) == 0:
        raise settings.UserError("There are no images to predict: pass at least one.")
    infer = inference_function(model)

    def infer_all(seen):
        starts = range(0, len(seen), batch_size)
        batches = (seen[start : start + batch_size] for start in starts)
        prepared = (pipeline.prepare_images(batch, pixel_range) for batch in batches)
        return np.concatenate([infer(batch) for batch in prepared])

    views = pipeline.AS_IT_IS if views is None else views
    probabilities = np.mean([infer_all(view(images)) for view in views], axis=0)
    return _normalised(probabilities, "the model's outputs").astype(np.float32)


def reliability(labels, probabilities, bins=15):
    """Compare how sure a model is with how often it is right.

    Returns a table with a row per bin of the top class's probability, of equal width and closed on
    the right: its mean `confidence`, its `accuracy` (NaN where the bin is empty) and its `count`.
    """
    labels, probabilities = _check(labels, probabilities)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    return pd.DataFrame(
        {
            "confidence": np.bincount(place, confidence, minlength=bins) / filled,
            "accuracy": np.bincount(place, right, minlength=bins) / filled,
            "count": count,
        },
        index=pd.IntervalIndex.from_breaks(edges, closed="right", name="bin"),
    )


def calibration_error(labels, probabilities, bins=15):
    """Return the expected calibration error of the top class, from 0 (calibrated) to 1.

    That is the mean distance of confidence from accuracy, weighted by the images per bin. Source:
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    by_bin = reliability(labels, probabilities, bins)
    gaps = (by_bin["confidence"] - by_bin["accuracy"]).abs()
    return float((gaps * by_bin["count"]).sum() / by_bin["count"].sum())


def checked_predictions(labels, probabilities):
    """Return labels and float64 probabilities that fit each other; the error says what to pass."""
    return _check(labels, probabilities)


def risk_coverage(labels, probabilities):
    """Follow what happens as a model answers ever more images, the surest first.

    Returns a table with a row per number of images answered, from 1 to N: the `coverage` (a share
    of N), the `confidence` of the least sure answer among them, and their `accuracy` with its 95 %
    interval, `low` and `high` (Wilson). Source: Geifman and El-Yaniv, arXiv:1705.08500, 2017.
    """
    labels, probabilities = _check(labels, probabilities)
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    answered = np.arange(1, len(labels) + 1)
    accuracy = np.cumsum(right) / answered
    low, high = _wilson_limits(accuracy, answered)
    return pd.DataFrame(
        {
            "coverage": answered / len(labels),
            "confidence": confidence[order],
            "accuracy": accuracy,
            "low": low,
            "high": high,
        }
    )


def risk_coverage_area(labels, probabilities):
    """Return the mean error of a model over all shares of images that it may answer.

    `area` is that under the error of the images answered, surest first, against their share;
    `best`, what it would be if the wrong answers were the least sure ones; `chance`, what it is if
    confidence says nothing, which is the error itself. Less is better.
    """
    curve = risk_coverage(labels, probabilities)
    right = round(curve["accuracy"].iloc[-1] * len(curve))
    answered = np.arange(1, len(curve) + 1)
    best = np.maximum(answered - right, 0) / answered
    return float(1 - curve["accuracy"].mean()), float(best.mean()), 1 - right / len(curve)


def metrics(labels, probabilities):
    """Return the numbers that describe a set of predictions, by name.

    `accuracy` with its 95 % interval `accuracy_low` and `accuracy_high` (Wilson); `macro_f1`;
    `log_loss` (nats); `brier_score` (squared error summed over the classes, 0 to 2; Brier, Monthly
    Weather Review 78, 1950); `calibration_error`.
    """
    labels, probabilities = _check(labels, probabilities)
    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    low, high = wilson_interval(correct, len(labels))
    errors = probabilities - (labels[:, None] == classes)
    return {
        "accuracy": correct / len(labels),
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1": float(
            sklearn_metrics.f1_score(
                labels, predicted, labels=classes, average="macro", zero_division=0
            )
        ),
        "log_loss": float(sklearn_metrics.log_loss(labels, probabilities, labels=classes)),
        "brier_score": float((errors**2).sum(axis=1).mean()),
        "calibration_error": calibration_error(labels, probabilities),
    }


def report(labels, probabilities, class_names):
    """Return precision, recall and F1 of each class, by name.

    A table with a row per class: `precision`, `recall`, `f1` (0 to 1) and `support` (images).
    Raises UserError if the names do not fit either.
    """
    labels, probabilities = _check(labels, probabilities)
    classes = np.arange(probabilities.shape[1])
    if len(class_names) != len(classes):
        raise settings.UserError(
            f"There are {len(class_names)} class names for {len(classes)} columns of "
            "probabilities: pass one name per column."
        )
    scores = sklearn_metrics.precision_recall_fscore_support(
        labels, probabilities.argmax(axis=1), labels=classes, zero_division=0
    )
    columns = dict(zip(("precision", "recall", "f1", "support"), scores, strict=True))
    return pd.DataFrame(columns, index=pd.Index(class_names, name="class"))


def confusion(labels, probabilities):
    """Count which class was taken for which: rows are true classes, columns predicted ones."""
    labels, probabilities = _check(labels, probabilities)
    classes = np.arange(probabilities.shape[1])
    return sklearn_metrics.confusion_matrix(labels, probabilities.argmax(axis=1), labels=classes)


def _wilson_limits(shares, totals, confidence=0.95):
    """Return Wilson's limits of many shares at once; `wilson_interval` has those of one."""
    z = stats.norm.ppf((1 + confidence) / 2)
    middle = (shares + z**2 / (2 * totals)) / (1 + z**2 / totals)
    half = np.sqrt(shares * (1 - shares) / totals + z**2 / (4 * totals**2)) / (1 + z**2 / totals)
    return middle - z * half, middle + z * half
