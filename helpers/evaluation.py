"""How good a model is, and how sure we may be of it.

Predictions become accuracy with its interval, a report and a confusion matrix per class,
calibration, and tests that compare two models on the same images or on several seeds.
"""

import collections
import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn import metrics as sklearn_metrics

from helpers import settings

# Softmax in bfloat16 misses a sum of one by less than this; outputs that are no probabilities by
# far more.
SUM_TOLERANCE = 0.02
# From so many answers on discordant images, Cochran's statistic follows chi-square closely enough.
LEAST_FOR_CHI_SQUARE = 24
FEWEST_RESAMPLES = 100


def inference_function(model):
    """Compile a model's forward pass, as it is used for prediction.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    callable
        Takes a batch as `pipeline.prepare_images` returns it (any batch size) and returns the
        model's outputs as a NumPy array, shape (B, classes), dtype float32.
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
    """Return a model's class probabilities.

    A plain loop over batches rather than `model.predict`, whose tf.data iterator waits for the
    autotuner's thread.

    Parameters
    ----------
    model : keras.Model
        Ends in a softmax.
    images : numpy.ndarray, shape (N, height, width), dtype uint8
    pixel_range : tuple of float
        What the pixel values 0 and 255 became when the model was trained.
    batch_size : int
        Images per step; changes speed and memory only.
    views : sequence of pipeline.View, optional
        Test-time augmentation: the probabilities of these views of each image are averaged.

    Returns
    -------
    numpy.ndarray, shape (N, classes), dtype float32
        Probabilities; each row sums to 1.

    Raises
    ------
    UserError
        If `images` has another form or is empty, or the outputs are no probabilities.
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


def wilson_interval(correct, total, confidence=0.95):
    """Return the interval of an accuracy measured on one set of images.

    It tells where the accuracy over all images of the same kind may lie, for this one trained
    model; that on another set of as many images is scattered more widely. How much training again
    changes is told by `seed_interval`.

    Parameters
    ----------
    correct, total : int
        Images classified correctly, and all of them.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    low, high : float
        Between 0 and 1.

    Raises
    ------
    UserError
        If not 0 ≤ `correct` ≤ `total` and 1 ≤ `total`.

    References
    ----------
    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
    American Statistical Association 22, 1927.
    """
    if not 0 <= correct <= total or total < 1:
        raise settings.UserError(
            f"{correct} of {total} is no share: pass 0 ≤ correct ≤ total with total at least 1."
        )
    test = stats.binomtest(int(correct), int(total))
    interval = test.proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def reliability(labels, probabilities, bins=15):
    """Compare how sure a model is with how often it is right.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)
    bins : int
        Number of bins of equal width, each closed on the right.

    Returns
    -------
    pandas.DataFrame
        One row per bin of the top class's probability: its mean `confidence`, its `accuracy` (both
        0 to 1; NaN where the bin is empty) and its `count`.

    Raises
    ------
    UserError
        If the arrays do not fit each other.
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
    """Return the expected calibration error of the top class.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)
    bins : int
        Number of bins of equal width.

    Returns
    -------
    float
        Mean distance of confidence from accuracy, weighted by the images per bin; 0 (calibrated)
        to 1.

    Raises
    ------
    UserError
        If the arrays do not fit each other.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    by_bin = reliability(labels, probabilities, bins)
    gaps = (by_bin["confidence"] - by_bin["accuracy"]).abs()
    return float((gaps * by_bin["count"]).sum() / by_bin["count"].sum())


def checked_predictions(labels, probabilities):
    """Return labels and probabilities that fit each other.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes), dtype float64
        Each row sums to 1.

    Raises
    ------
    UserError
        If they do not fit, or a row holds no probabilities; the message says what to pass.
    """
    return _check(labels, probabilities)


def risk_coverage(labels, probabilities):
    """Follow what happens as a model answers ever more images, the surest first.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    pandas.DataFrame
        One row per number of images answered, from 1 to N: the `coverage` (that number as a share
        of N), the `confidence` of the least sure answer among them, and their `accuracy` with its
        95 % interval, `low` and `high` (Wilson).

    Raises
    ------
    UserError
        If the arrays do not fit each other.

    References
    ----------
    Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks", arXiv:1705.08500,
    2017.
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


def _wilson_limits(shares, totals, confidence=0.95):
    """Return Wilson's limits of many shares at once; `wilson_interval` has those of one."""
    z = stats.norm.ppf((1 + confidence) / 2)
    middle = (shares + z**2 / (2 * totals)) / (1 + z**2 / totals)
    half = np.sqrt(shares * (1 - shares) / totals + z**2 / (4 * totals**2)) / (1 + z**2 / totals)
    return middle - z * half, middle + z * half


def risk_coverage_area(labels, probabilities):
    """Return the mean error of a model over all shares of images that it may answer.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    area, best, chance : float
        The area under the error of the images answered, surest first, against their share; what
        it would be if the wrong answers were the least sure ones; and what it is in the mean if
        confidence says nothing, which is the error itself. Each from 0 to 1, less is better.

    Raises
    ------
    UserError
        If the arrays do not fit each other.
    """
    curve = risk_coverage(labels, probabilities)
    right = round(curve["accuracy"].iloc[-1] * len(curve))
    answered = np.arange(1, len(curve) + 1)
    best = np.maximum(answered - right, 0) / answered
    return float(1 - curve["accuracy"].mean()), float(best.mean()), 1 - right / len(curve)


def metrics(labels, probabilities):
    """Return the numbers that describe a set of predictions.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    dict of str to float
        `accuracy` with its 95 % interval `accuracy_low` and `accuracy_high` (Wilson); `macro_f1`;
        `log_loss` (nats); `brier_score` (squared error summed over the classes, 0 to 2);
        `calibration_error`.

    Raises
    ------
    UserError
        If the arrays do not fit each other.

    References
    ----------
    Brier, "Verification of Forecasts Expressed in Terms of Probability", Monthly Weather Review
    78, 1950 (the multi-class score).
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
    """Return precision, recall and F1 of each class.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)
    class_names : sequence of str, length classes

    Returns
    -------
    pandas.DataFrame
        One row per class name: `precision`, `recall`, `f1` (0 to 1) and `support` (images).

    Raises
    ------
    UserError
        If the arrays or the names do not fit each other.
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
    """Count which class was taken for which.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    numpy.ndarray, shape (classes, classes), integer
        Rows are true classes, columns predicted ones.

    Raises
    ------
    UserError
        If the arrays do not fit each other.
    """
    labels, probabilities = _check(labels, probabilities)
    classes = np.arange(probabilities.shape[1])
    return sklearn_metrics.confusion_matrix(labels, probabilities.argmax(axis=1), labels=classes)


class McNemar(NamedTuple):
    """Images that only one of two models classified correctly, and the test's p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(labels, first, second):
    """Test whether two trained models differ in accuracy, image by image.

    Exact and two-sided: of the images on which just one of the two is right, a fair coin would
    give each model half.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    first, second : numpy.ndarray
        Predicted classes, shape (N,), or probabilities, shape (N, classes).

    Returns
    -------
    McNemar
        `p_value` is 1 where the models are right on the same images.

    Raises
    ------
    UserError
        If the arrays do not fit each other.

    References
    ----------
    McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, 1947. Dietterich, "Approximate Statistical Tests for Comparing
    Supervised Classification Learning Algorithms", Neural Computation 10, 1998.
    """
    first_right = _right(labels, first)
    second_right = _right(labels, second)
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    disagreements = only_first + only_second
    p_value = stats.binomtest(only_first, disagreements).pvalue if disagreements else 1.0
    return McNemar(only_first, only_second, float(p_value))


def paired_gain(right_with, right_without):
    """Return the gain in accuracy of one model over another on the same images.

    Image by image, the difference is 1, 0 or -1. Images that both classify alike cancel, which
    makes the interval narrower than that of a difference of two accuracies from different images.
    It is about other images of the same kind, for these two trained models.

    Parameters
    ----------
    right_with, right_without : numpy.ndarray, shape (N,), bool or float
        Which images each of the two classified correctly, or which share of several networks did,
        0 to 1; at least two images.

    Returns
    -------
    gain, low, high : float
        Mean difference and its 95 % interval (normal approximation), each from about -1 to 1.

    Raises
    ------
    UserError
        If the arrays do not fit each other.
    """
    first, second = np.asarray(right_with, dtype=float), np.asarray(right_without, dtype=float)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise settings.UserError(
            f"Answers of the shapes {first.shape} and {second.shape} make no pairs: pass whether "
            "each of the same two or more images was classified correctly."
        )
    difference = first - second
    gain, half = float(difference.mean()), float(stats.norm.ppf(0.975) * stats.sem(difference))
    return gain, gain - half, gain + half


def unpaired_gain(right_first, right_second):
    """Return the difference of two accuracies that were measured on different images.

    The hybrid of two Wilson intervals, which also holds for few images and for accuracies near
    one. For the same images there is `paired_gain`, whose interval is narrower.

    Parameters
    ----------
    right_first, right_second : numpy.ndarray, shape (N,) and (M,), bool
        Which images of each set were classified correctly; at least one image each.

    Returns
    -------
    gain, low, high : float
        First accuracy less the second, and its 95 % interval, each from -1 to 1.

    Raises
    ------
    UserError
        If a set is empty or no flat array.

    References
    ----------
    Newcombe, "Interval Estimation for the Difference Between Independent Proportions: Comparison of
    Eleven Methods", Statistics in Medicine 17, 1998 (method 10).
    """
    shares = []
    for right in (right_first, right_second):
        right = np.asarray(right, dtype=bool)
        if right.ndim != 1 or not len(right):
            raise settings.UserError(
                f"Answers of the shape {right.shape} have no accuracy: pass whether each image of "
                "a set was classified correctly, one image at least."
            )
        shares.append((float(right.mean()), *wilson_interval(right.sum(), len(right))))
    (first, first_low, first_high), (second, second_low, second_high) = shares
    gain = first - second
    low = gain - np.hypot(first - first_low, second_high - second)
    high = gain + np.hypot(first_high - first, second - second_low)
    return gain, float(low), float(high)


def holm(p_values):
    """Adjust p-values for having made several tests, in their order.

    Parameters
    ----------
    p_values : sequence of float, length tests
        Each from 0 to 1.

    Returns
    -------
    numpy.ndarray, shape (tests,), float
        Reject where this is below the level: the chance of even one false rejection stays below.

    Raises
    ------
    UserError
        If a value is not between 0 and 1.

    References
    ----------
    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of
    Statistics 6, 1979.
    """
    p_values = np.asarray(p_values, dtype=float)
    if p_values.ndim != 1 or not np.all((p_values >= 0) & (p_values <= 1)):
        raise settings.UserError("Each p-value must be a number from 0 to 1: pass a flat list.")
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


class CochranQ(NamedTuple):
    """Cochran's statistic of several models, its degrees of freedom, and the test's p-value.

    `discordant` counts the images that some of the models classified correctly and others did not;
    `method` is `exact` or `chi-square`.
    """

    statistic: float
    degrees: int
    p_value: float
    discordant: int
    method: str


def cochran_q(labels, predictions):
    """Test whether several trained models differ in accuracy at all, image by image.

    One test for all models together, before pairs are compared: if they were equally good, each
    image would be classified correctly by as many of them as it is, but by any of them alike. A
    small p-value says that not all models are equally accurate on images of this kind; it does not
    say which ones differ (compare pairs with `mcnemar` and `holm`), nor by how much, nor how the
    models would do after another training.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    predictions : sequence or dict of numpy.ndarray
        Of two models or more: predicted classes, shape (N,), or probabilities, shape (N, classes).

    Returns
    -------
    CochranQ
        The p-value is that of the chi-square distribution where discordant images times models are
        at least `LEAST_FOR_CHI_SQUARE`, and otherwise exact: the share of all ways to deal each
        image's right answers to the models that lead to a statistic as large. With two models the
        exact one equals that of `mcnemar`. Without any discordant image the statistic is 0 and the
        p-value 1.

    Raises
    ------
    UserError
        If there are fewer than two models, or the arrays do not fit each other.

    References
    ----------
    Cochran, "The Comparison of Percentages in Matched Samples", Biometrika 37, 1950. Tate and
    Brown, "Note on the Cochran Q Test", Journal of the American Statistical Association 65, 1970
    (when the approximation holds, and the exact test).
    """
    given = list(predictions.values() if isinstance(predictions, dict) else predictions)
    if len(given) < 2:
        raise settings.UserError(
            f"Cochran's test needs two models or more, not {len(given)}: pass one array each."
        )
    right = np.stack([_right(labels, each) for each in given], axis=1)
    models = right.shape[1]
    counts = right.sum(axis=1)
    discordant = right[(counts > 0) & (counts < models)]
    if not len(discordant):
        return CochranQ(0.0, models - 1, 1.0, 0, "exact")
    by_image, by_model = discordant.sum(axis=1), discordant.sum(axis=0)
    spread = float(models * by_image.sum() - (by_image**2).sum())
    statistic = _spread_of_totals(by_model) * (models - 1) / spread
    if len(discordant) * models >= LEAST_FOR_CHI_SQUARE:
        p_value, method = float(stats.chi2.sf(statistic, models - 1)), "chi-square"
    else:
        p_value, method = _exact_cochran(by_image, by_model), "exact"
    return CochranQ(statistic, models - 1, p_value, len(discordant), method)


class Difference(NamedTuple):
    """A difference of two models with its interval."""

    difference: float
    low: float
    high: float


def bootstrap_difference(
    labels, first, second, metric=None, confidence=0.95, resamples=10_000, seed=0
):
    """Return by how much one trained model is better than another, with a bootstrap interval.

    Images are drawn with replacement, each with the answers of both models, and the interval holds
    the middle of the differences so found (percentile bootstrap). It is about other test images of
    the same kind for these two trained models; how much training again changes is told by
    `seed_difference`. For accuracies it agrees with `paired_gain`, which is enough there; for a
    metric of which no formula is known, such as macro F1, it is the way to an interval.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    first, second : numpy.ndarray
        Predicted classes, shape (N,), or probabilities, shape (N, classes).
    metric : callable, optional
        Takes labels and predictions of the drawn images and returns a number. Accuracy by default,
        which is drawn all at once: the images that only one of the two classified correctly are
        multinomial counts.
    confidence : float
        Between 0 and 1.
    resamples : int
        How often to draw, at least 100; a metric of your own is computed twice for each.
    seed : int
        The same seed gives the same interval.

    Returns
    -------
    Difference
        Of `first` less `second`.

    Raises
    ------
    UserError
        If the arrays do not fit each other, or there are fewer than 100 resamples.

    References
    ----------
    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile
    interval) and 8 (what to draw: here whole images, so that pairs stay together).
    """
    first_right, second_right = _right(labels, first), _right(labels, second)
    if resamples < FEWEST_RESAMPLES:
        raise settings.UserError(
            f"{resamples} resamples give no interval: draw at least {FEWEST_RESAMPLES}."
        )
    labels, first, second = (np.asarray(each) for each in (labels, first, second))
    count, generator = len(labels), np.random.default_rng(seed)
    if metric is None:
        only_first = (first_right & ~second_right).sum()
        only_second = (second_right & ~first_right).sum()
        shares = np.array([only_first, only_second, count - only_first - only_second]) / count
        drawn = generator.multinomial(count, shares, size=resamples)
        difference, found = (only_first - only_second) / count, (drawn[:, 0] - drawn[:, 1]) / count
    else:
        rows = (generator.integers(0, count, count) for _ in range(resamples))
        found = [metric(labels[at], first[at]) - metric(labels[at], second[at]) for at in rows]
        difference = metric(labels, first) - metric(labels, second)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(float(difference), float(low), float(high))


class SeedDifference(NamedTuple):
    """A mean difference over seeds with its interval, the test's p-value, and the seeds in it."""

    difference: float
    low: float
    high: float
    p_value: float
    seeds: tuple


def seed_difference(first, second, confidence=0.95):
    """Compare two models that were trained with the same seeds.

    Student's t over the differences, seed by seed. It is about training again with other seeds, on
    the same training and test images; that other test images would come out differently is told by
    `bootstrap_difference` and `mcnemar`. The pairing helps where a seed does the same to both
    models, for instance through their starting weights, and costs little where it does not. With
    few seeds the interval is wide, and it trusts that differences scatter as a normal distribution.

    Parameters
    ----------
    first, second : dict
        The figure of one model, such as its test accuracy, by seed. Only common seeds count.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    SeedDifference
        Of `first` less `second`. With one common seed, interval and p-value are NaN, as of one
        difference no spread can be known.

    Raises
    ------
    UserError
        If there is no common seed, or a figure is not finite.

    References
    ----------
    Student, "The Probable Error of a Mean", Biometrika 6, 1908. Bouthillier et al., "Accounting for
    Variance in Machine Learning Benchmarks", MLSys 2021 (which sources of variance to average
    over).
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        raise settings.UserError(
            "The two models have no seed in common: train both with the same seeds."
        )
    differences = [first[seed] - second[seed] for seed in seeds]
    mean, low, high = seed_interval(differences, confidence)
    p_value = float("nan")
    if len(seeds) > 1:
        error = float(stats.sem(differences))
        p_value = float(mean == 0.0)
        if error > 0:
            p_value = float(2 * stats.t.sf(abs(mean) / error, len(seeds) - 1))
    return SeedDifference(mean, low, high, p_value, seeds)


def seed_interval(values, confidence=0.95):
    """Return mean and interval of a figure measured once per seed.

    Parameters
    ----------
    values : sequence of float
        One value per seed.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    mean, low, high : float
        Student's t interval of the mean; `low` and `high` are NaN for a single value, of which
        no spread can be known.

    Raises
    ------
    UserError
        If there is no value, or one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise settings.UserError("Pass one finite value per seed, and at least one.")
    mean = float(values.mean())
    if len(values) == 1:
        return mean, float("nan"), float("nan")
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1) * stats.sem(values))
    return mean, mean - half, mean + half


def _check(labels, probabilities):
    """Return labels and float64 probabilities that fit each other, or raise UserError."""
    probabilities = _normalised(probabilities, "the probabilities")
    labels = _check_classes(labels, "labels")
    if len(labels) != len(probabilities):
        raise settings.UserError(
            f"There are {len(labels)} labels but {len(probabilities)} rows of probabilities: "
            "pass those of the same images."
        )
    if labels.max() >= probabilities.shape[1]:
        raise settings.UserError(
            f"Label {labels.max()} has no column among {probabilities.shape[1]}: pass class "
            "indices from 0 and one column of probabilities per class."
        )
    return labels, probabilities


def _check_classes(classes, what):
    classes = np.asarray(classes)
    if classes.ndim != 1 or not len(classes) or classes.dtype.kind not in "iu" or classes.min() < 0:
        raise settings.UserError(
            f"The {what} must be class indices from 0 in an integer array of shape (N,), not "
            f"shape {classes.shape} of {classes.dtype}: turn one-hot rows into indices with "
            "`.argmax(axis=1)`."
        )
    return classes


def _normalised(probabilities, what):
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or not len(probabilities):
        raise settings.UserError(
            f"Of {what} one row per image is needed, shape (N, classes), not shape "
            f"{probabilities.shape}."
        )
    sums = probabilities.sum(axis=1, keepdims=True)
    # Written so that NaN, which compares false with everything, is refused too.
    if not (np.all(probabilities >= 0) and np.all(np.abs(sums - 1) <= SUM_TOLERANCE)):
        raise settings.UserError(
            f"In {what} not every row holds numbers from 0 that sum to 1: end the model in a "
            "softmax, and lower the learning rate if training diverged to NaN."
        )
    return probabilities / sums


def _spread_of_totals(totals):
    """Return the sum of squared deviations of the models' totals, times the number of models."""
    totals = np.asarray(totals)
    return float(len(totals) * (totals**2).sum() - totals.sum() ** 2)


def _exact_cochran(by_image, by_model):
    """Return the share of all ways to deal right answers that spread the totals as widely.

    Image after image, each set of models that may have been right on it is equally likely. Totals
    are kept in order, as which model has which does not matter to their spread.
    """
    models = len(by_model)
    first, *others = map(int, by_image)
    chances = {(0,) * (models - first) + (1,) * first: 1.0}
    for count in others:
        ways = list(itertools.combinations(range(models), count))
        following = collections.defaultdict(float)
        for totals, chance in chances.items():
            for way in ways:
                gained = tuple(sorted(total + (place in way) for place, total in enumerate(totals)))
                following[gained] += chance / len(ways)
        chances = following
    observed = _spread_of_totals(by_model)
    as_wide = [
        chance for totals, chance in chances.items() if _spread_of_totals(totals) >= observed
    ]
    return min(sum(as_wide), 1.0)


def _right(labels, predictions):
    """Return which images were classified correctly, shape (N,), from classes or probabilities."""
    predictions = np.asarray(predictions)
    if predictions.ndim == 2:
        labels, predictions = _check(labels, predictions)
        return predictions.argmax(axis=1) == labels
    labels = _check_classes(labels, "labels")
    predictions = _check_classes(predictions, "predicted classes")
    if len(labels) != len(predictions):
        raise settings.UserError(
            f"There are {len(labels)} labels but {len(predictions)} predictions: pass those of "
            "the same images."
        )
    return predictions == labels
