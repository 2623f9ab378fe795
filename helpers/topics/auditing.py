"""Auditing (notebook 16): labels that look wrong, images unlike any that were learned."""

import numpy as np
import pandas as pd
from scipy import special
from sklearn import datasets, metrics, model_selection

from helpers import evaluation, settings, significance
from helpers.topics import transfer

RESAMPLES = 10_000
DIGIT_ZOOM = 3  # 8 x 8 pixels become 24 x 24, and a margin of two pixels makes 28 x 28


def out_of_fold(labelled, train, folds=4, seed=0):
    """Let every image be judged by a network that was trained without it.

    `train` takes the `LabelledImages` to learn from and the number of the fold, from 0, and returns
    the trained `training.Run`; each of the stratified folds is left out of the training of one
    network. Returns probabilities (N, classes) float32 and the list of runs. Raises UserError if a
    class has fewer images than there are folds.
    """
    fewest = np.unique(labelled.labels, return_counts=True)[1].min()
    if not 2 <= folds <= fewest:
        raise settings.UserError(
            f"{folds} folds of a class with {fewest} images cannot be: use from 2 to {fewest}."
        )
    parts = model_selection.StratifiedKFold(folds, shuffle=True, random_state=seed)
    networks, probabilities = [], None
    for fold, (kept, left_out) in enumerate(parts.split(labelled.images, labelled.labels)):
        run = train(labelled.take(kept), fold)
        judged = evaluation.predict(run.model, labelled.images[left_out], run.pixel_range)
        if probabilities is None:
            probabilities = np.empty((len(labelled), judged.shape[1]), judged.dtype)
        probabilities[left_out] = judged
        networks.append(run)
    return probabilities, networks


def confident_joint(labels, probabilities):
    """Count which class images with each label confidently belong to: (classes, classes), integer.

    An image counts for a class when its probability reaches the mean that the class has among the
    images labelled so, which makes up for classes about which the network is rarely sure; among
    several such classes the most probable one counts. Rows are the given labels, (N,); off the
    diagonal stand those in doubt. The probabilities, (N, classes), must be out of fold, as a
    network that has learned a label confirms it. Raises UserError if the arrays do not fit each
    other. Source: Northcutt, Jiang and Chuang, "Confident Learning", Journal of Artificial
    Intelligence Research 70, 2021.
    """
    labels, confident = _confident_classes(labels, probabilities)
    joint = np.zeros((probabilities.shape[1],) * 2, dtype=int)
    np.add.at(joint, (labels[confident >= 0], confident[confident >= 0]), 1)
    return joint


def label_issues(labels, probabilities):
    """Rank the labels that confident learning doubts, the most doubtful first.

    Takes what `confident_joint` takes. Returns a table with a row per image off its diagonal: its
    `index`, the `given` and the `suggested` class, and the probability of each
    (`given_probability`, `suggested_probability`), in ascending order of the former.
    """
    labels, confident = _confident_classes(labels, probabilities)
    doubtful = np.flatnonzero((confident >= 0) & (confident != labels))
    given, suggested = labels[doubtful], confident[doubtful]
    table = pd.DataFrame(
        {
            "index": doubtful,
            "given": given,
            "suggested": suggested,
            "given_probability": probabilities[doubtful, given],
            "suggested_probability": probabilities[doubtful, suggested],
        }
    )
    return table.sort_values("given_probability", ignore_index=True, kind="stable")


def _confident_classes(labels, probabilities):
    """Return the labels and each image's confident class, -1 where it has none."""
    labels, probabilities = evaluation.checked_predictions(labels, probabilities)
    own = np.arange(probabilities.shape[1])
    members = labels[:, None] == own
    # A class without images has no mean that an image could reach.
    counts = np.where(members.any(axis=0), members.sum(axis=0), np.nan)
    means = (probabilities * members).sum(axis=0) / counts
    reached = probabilities >= means
    candidates = np.where(reached, probabilities, -1.0)
    return labels, np.where(reached.any(axis=1), candidates.argmax(axis=1), -1)


def worth(right, left_out, seed=0):
    """Tell what leaving some images out does to an accuracy.

    `right`, (N,) bool, says which images a model classifies correctly, `left_out` which ones to do
    without. Returns gain, low and high: accuracy on the remaining images minus accuracy on all,
    with its 95 % bootstrap interval over the images. Raises UserError if the arrays do not fit or
    nothing remains. Source: Efron, "Bootstrap Methods", Annals of Statistics 7, 1979.
    """
    right, left_out = np.asarray(right, bool), np.asarray(left_out, bool)
    if right.ndim != 1 or right.shape != left_out.shape or left_out.all():
        raise settings.UserError(
            f"{left_out.sum()} images are to be left out of {right.size}: pass two flat arrays of "
            "one length that leave at least one image."
        )
    counts = np.bincount(2 * left_out + right, minlength=4)
    generator = np.random.default_rng(seed)
    # Only four kinds of images count, so drawing N of them with replacement is one multinomial.
    draws = generator.multinomial(len(right), counts / len(right), RESAMPLES)
    low, high = np.quantile(_gain_without(draws[draws[:, :2].any(axis=1)]), [0.025, 0.975])
    return float(_gain_without(counts[None])[0]), float(low), float(high)


def _gain_without(counts):
    """Return the gain of leaving out, from counts of (kept, left out) × (wrong, right) images."""
    kept_wrong, kept_right, out_wrong, out_right = counts.T
    everything = counts.sum(axis=1)
    return kept_right / (kept_wrong + kept_right) - (kept_right + out_right) / everything


def unfamiliar(labelled, seed=0):
    """Return images of 28 × 28 pixels that belong to none of the classes, or to no single one.

    By kind: `noise` is uniform pixels; `digits`, scikit-learn's handwritten ones, enlarged;
    `inverted` and `quarter turn`, the images themselves; `blend`, the mean of two images of
    different classes. As many of each as there are images, of the digits at most 1,797. Raises
    UserError if the images have another size, or all of them one class.
    """
    images, labels = labelled.images, labelled.labels
    if images.shape[1:] != (28, 28) or len(np.unique(labels)) < 2:
        raise settings.UserError(
            f"Images of the shape {images.shape[1:]} in {len(np.unique(labels))} class do not do: "
            "pass images of 28 × 28 pixels of two classes or more."
        )
    generator = np.random.default_rng(seed)
    return {
        "noise": generator.integers(0, 256, images.shape, dtype=np.uint8),
        "digits": handwritten_digits()[: len(images)],
        "inverted": 255 - images,
        "quarter turn": np.ascontiguousarray(np.rot90(images, axes=(1, 2))),
        "blend": _blends(images, labels, generator),
    }


def handwritten_digits():
    """Return scikit-learn's 1,797 digits of 8 × 8 pixels, enlarged to (1797, 28, 28) uint8.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998.
    """
    small = np.rint(datasets.load_digits().images * (255 / 16)).astype(np.uint8)
    large = small.repeat(DIGIT_ZOOM, axis=1).repeat(DIGIT_ZOOM, axis=2)
    return np.pad(large, [(0, 0), (2, 2), (2, 2)])


def _blends(images, labels, generator):
    """Return the mean of each image and a random one of another class."""
    partners = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        others = np.flatnonzero(labels != label)
        partners[labels == label] = generator.choice(others, int(np.sum(labels == label)))
    return ((images.astype(np.uint16) + images[partners]) // 2).astype(np.uint8)


def logits(model, images, pixel_range=(0.0, 1.0), batch_size=500):
    """Return what a model's last layer computes before its softmax, (N, classes) float32.

    Raises UserError if the last layer is no dense layer, or the images have another form.
    """
    features = transfer.features(model, images, pixel_range, batch_size)
    kernel, bias = model.layers[-1].get_weights()
    return features @ kernel + bias


def familiarity(outputs):
    """Score how much each image looks like one of the classes, in two ways.

    From logits, (N, classes): `probability` is that of the class in front, 0 to 1; `energy` is the
    logarithm of the sum of the exponentials of the logits, without limits. More means more familiar
    in both. Sources: Hendrycks and Gimpel, arXiv:1610.02136, 2016; Liu, Wang, Owens and Li,
    arXiv:2010.03759, 2020.
    """
    return {
        "probability": special.softmax(outputs, axis=1).max(axis=1),
        "energy": special.logsumexp(outputs, axis=1),
    }


def separation(inside, outside):
    """Return how well a score tells familiar images from others, and the curve behind it.

    `area` (AUROC) is the chance that a familiar image, of the scores `inside`, scores higher than
    another one, of `outside`: 1 is perfect, one half says nothing. `curve` is a table of
    `false_alarms`, the share of other images taken for familiar, and `recognised`, that of the
    familiar ones, at every threshold. Raises UserError if one of the two is empty.
    """
    if not len(inside) or not len(outside):
        raise settings.UserError("There is nothing to tell apart: pass scores of both kinds.")
    familiar = np.repeat([1, 0], [len(inside), len(outside)])
    scores = np.concatenate([inside, outside])
    alarms, recognised, _ = metrics.roc_curve(familiar, scores)
    curve = pd.DataFrame({"false_alarms": alarms, "recognised": recognised})
    return float(metrics.roc_auc_score(familiar, scores)), curve


def separation_difference(first, second, resamples=2_000, seed=0):
    """Return by how much one score tells familiar images from others better than a second one.

    `first` and `second` are pairs (inside, outside) of scores of the same images in the same order.
    Familiar and other images are drawn with replacement, and each brings both of its scores; the
    `Difference` of the areas has the percentile bootstrap interval. Raises UserError if
    the scores are not of the same images, or there are none of a kind. Source: Efron and
    Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13.
    """
    sizes = [tuple(len(scores) for scores in pair) for pair in (first, second)]
    if sizes[0] != sizes[1] or 0 in sizes[0]:
        raise settings.UserError(
            f"Scores of {sizes[0]} and of {sizes[1]} familiar and other images cannot be compared: "
            "pass two scores of the same images, at least one image of each kind."
        )
    areas = [_area_of_draws(*pair) for pair in (first, second)]
    generator, found = np.random.default_rng(seed), []
    for _ in range(resamples):
        drawn = [
            np.bincount(generator.integers(0, size, size), minlength=size) for size in sizes[0]
        ]
        found.append(areas[0](*drawn) - areas[1](*drawn))
    low, high = np.quantile(found, [0.025, 0.975])
    once = [np.ones(size, dtype=int) for size in sizes[0]]
    return significance.Difference(
        float(areas[0](*once) - areas[1](*once)), float(low), float(high)
    )


def _area_of_draws(inside, outside):
    """Return a function from how often each image was drawn to the area under the curve.

    Sorting once is enough for all draws, and makes them many times faster.
    """
    order = np.argsort(outside)
    below, up_to = (np.searchsorted(outside, inside, side, order) for side in ("left", "right"))

    def area(times_inside, times_outside):
        passed = np.concatenate([[0], np.cumsum(times_outside[order])])
        # Equal scores count one half.
        lower = (passed[below] + passed[up_to]) / 2
        return times_inside @ lower / (times_inside.sum() * passed[-1])

    return area
