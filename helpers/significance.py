"""How sure we may be of an accuracy, and of a difference between two models.

Intervals of one measurement and of several seeds, tests on the same images, corrections for many.
What a model said of each image is either its class, shape (N,), or probabilities, (N, classes).
Arrays that do not fit each other raise UserError.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from helpers import settings

# Softmax in bfloat16 misses a sum of one by less than this; outputs that are no probabilities by
# far more.
SUM_TOLERANCE = 0.02
FEWEST_RESAMPLES = 100


def wilson_interval(correct, total, confidence=0.95):
    """Return the interval of a share, of which `correct` of `total` were right: low and high.

    Raises UserError if not 0 ≤ `correct` ≤ `total` and 1 ≤ `total`. Source: Wilson, "Probable
    Inference", Journal of the American Statistical Association 22, 1927.

    >>> low, high = wilson_interval(9300, 10_000)
    >>> f"{low:.4f} to {high:.4f}"
    '0.9248 to 0.9348'
    """
    if not 0 <= correct <= total or total < 1:
        raise settings.UserError(
            f"{correct} of {total} is no share: pass 0 ≤ correct ≤ total with total at least 1."
        )
    test = stats.binomtest(int(correct), int(total))
    interval = test.proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


class McNemar(NamedTuple):
    """Images that only one of two models classified correctly, and the test's p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(labels, first, second):
    """Test whether two trained models differ in accuracy, image by image; exact and two-sided.

    Of the images on which just one of the two is right, a fair coin would give each model half. The
    p-value is 1 where they are right on the same images. Sources: McNemar, Psychometrika 12, 1947;
    Dietterich, "Approximate Statistical Tests", Neural Computation 10, 1998.
    """
    first_right = _right(labels, first)
    second_right = _right(labels, second)
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    disagreements = only_first + only_second
    p_value = stats.binomtest(only_first, disagreements).pvalue if disagreements else 1.0
    return McNemar(only_first, only_second, float(p_value))


def paired_gain(right_with, right_without):
    """Return the gain in accuracy of one model over another on the same images: gain, low, high.

    Image by image, the difference is 1, 0 or -1. Images that both classify alike cancel, which
    makes the 95 % interval (normal approximation) narrower than that of a difference of two
    accuracies from different images. It is about other images of the same kind, for these two
    trained models. The arrays, (N,), say which images each of the two classified correctly, or
    which share of several networks did.

    >>> gain, low, high = paired_gain([1, 1, 1, 0], [1, 0, 1, 0])
    >>> float(gain)
    0.25
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

    Gain, low and high: the hybrid of two Wilson intervals, which also holds for few images and for
    accuracies near one. The arrays, (N,) and (M,) bool, say which images were classified correctly;
    UserError if one is empty. Source: Newcombe, Statistics in Medicine 17, 1998 (method 10).
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

    Reject where the result is below the level: the chance of even one false rejection stays below.
    Raises UserError if a value is not between 0 and 1. Source: Holm, "A Simple Sequentially
    Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
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

    `discordant` counts the images that some of the models classified correctly and others did not.
    """

    statistic: float
    degrees: int
    p_value: float
    discordant: int


def cochran_q(labels, predictions):
    """Test whether several trained models differ in accuracy at all, image by image.

    One test for all models together, before pairs are compared: if they were equally good, each
    image would be classified correctly by as many of them as it is, but by any of them alike. It
    does not say which ones differ (compare pairs with `mcnemar` and `holm`). The p-value is that of
    the chi-square distribution, which the statistic follows where some dozens of images are
    discordant. Raises UserError if there are fewer than two models. Source: Cochran, "The
    Comparison of Percentages in Matched Samples", Biometrika 37, 1950.
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
        return CochranQ(0.0, models - 1, 1.0, 0)
    by_image, by_model = discordant.sum(axis=1), discordant.sum(axis=0)
    spread = float(models * by_image.sum() - (by_image**2).sum())
    between = float(models * (by_model**2).sum() - by_model.sum() ** 2)
    statistic = between * (models - 1) / spread
    p_value = float(stats.chi2.sf(statistic, models - 1))
    return CochranQ(statistic, models - 1, p_value, len(discordant))


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
    the middle of the differences so found (percentile bootstrap; Efron and Tibshirani, "An
    Introduction to the Bootstrap", 1993, chapters 8 and 13). It is about other test images of the
    same kind for these two trained models; how much training again changes is told by
    `seed_difference`. `metric` takes labels and predictions of the drawn images and returns a
    number; accuracy, the default, is drawn all at once, as the images that only one of the two
    classified correctly are multinomial counts. Raises UserError if there are fewer than 100
    resamples.
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
    """Compare two models that were trained with the same seeds: Student's t over the differences.

    `first` and `second` hold the figure of one model, such as its test accuracy, by seed; only
    common seeds count. It is about training again with other seeds, on the same images. The pairing
    helps where a seed does the same to both models. With one common seed, interval and p-value are
    NaN. Raises UserError if there is no common seed, or a figure is not finite. Sources: Student,
    Biometrika 6, 1908; Bouthillier et al., "Accounting for Variance in Machine Learning
    Benchmarks", MLSys 2021.
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
    """Return mean, low and high of a figure measured once per seed: Student's t interval.

    `low` and `high` are NaN for a single value, of which no spread can be known. Raises UserError
    if there is no value, or one is not finite.
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
