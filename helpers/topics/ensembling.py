"""Ensembles (notebook 14): why a mean of several networks helps, and how to get members cheaply.

Arrays in, numbers out: a stack of probabilities has the shape (members, N, classes).
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from helpers import cost, evaluation, optimizers, pipeline, settings
from helpers.layers import keras

# Enough to measure means and variances of feature maps, and a matter of seconds.
STATISTICS_IMAGES = 10_000
SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Ensemble:
    """What tables and figures have to know about an ensemble."""

    name: str
    title: str
    notebook: str
    family: str = "Ensemble"


ENSEMBLES = {
    name: Ensemble(name, title, "14_ensembling")
    for name, title in (
        ("ensemble_seeds", "Ensemble of seeds"),
        ("ensemble_mixed", "Ensemble of architectures"),
        ("ensemble_snapshots", "Ensemble of snapshots"),
        ("ensemble_3h", "Ensemble, three hours"),
    )
}
# Fixed before any of them was seen together: the two longest budgets, which fill three hours.
THREE_HOURS = (
    ("resnet_60min", 0),
    ("resnet_60min", 1),
    ("resnet_30min", 0),
    ("resnet_30min", 1),
)


@dataclass(frozen=True)
class Member:
    """One network of an ensemble: what it says about the test images, and what it costs.

    `probabilities` has the shape (N, classes); `validation` has that of the validation images, and
    is None for a network that kept none.
    """

    model: str
    seed: int
    probabilities: np.ndarray
    validation: np.ndarray | None
    recipe: dict
    trained_on: int
    parameters: int
    mflops: float
    size_bytes: int
    latency_ms: float
    training_seconds: float
    machine: dict


def specification(name):
    """Return the `Ensemble` of that name, or raise UserError."""
    if name not in ENSEMBLES:
        raise settings.UserError(f"{name!r} is no ensemble: use one of {', '.join(ENSEMBLES)}.")
    return ENSEMBLES[name]


def member(run, test, validation=None):
    """Describe a trained network as a member, and ask it about the test images.

    `validation`, (M, classes), is what it said about the validation images, where it has been
    asked.
    """
    return Member(
        model=run.model.name,
        seed=int(run.seed),
        probabilities=evaluation.predict(run.model, test.images, run.pixel_range),
        validation=validation,
        recipe=run.recipe,
        trained_on=run.trained_on,
        parameters=cost.parameters(run.model),
        mflops=cost.flops(run.model) / 1e6,
        size_bytes=cost.size_bytes(run.model),
        latency_ms=cost.latency(run.model, test.images),
        training_seconds=run.training_seconds,
        machine=cost.machine(),
    )


def stored_member(result):
    """Describe a stored result as a member; UserError if its probabilities are damaged."""
    same = ("model", "seed", "recipe", "trained_on", "parameters", "mflops", "size_bytes")
    same += ("latency_ms", "training_seconds", "machine")
    copied = {key: getattr(result, key) for key in same}
    return Member(probabilities=result.probabilities(), validation=None, **copied)


def average(stack, shares=None):
    """Return the mean of the members' probabilities, (N, classes) float64; each row sums to 1.

    `shares` are weights of the members, not negative, of which only the ratio matters; equal by
    default. Raises UserError if the stack is empty, its members differ in shape, or a share is
    missing or negative.

    >>> average([[[0.9, 0.1]], [[0.5, 0.5]]]).round(2).tolist()
    [[0.7, 0.3]]
    """
    stack = _checked(stack)
    if shares is None:
        return stack.mean(axis=0)
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (len(stack),) or (shares < 0).any() or not shares.sum() > 0:
        raise settings.UserError(
            f"{len(stack)} members need as many shares from 0 upwards, not all 0: pass one for "
            "each."
        )
    return np.average(stack, axis=0, weights=shares)


def gain(labels, stack):
    """Return by how much the mean of the members is more often right than a member on average.

    Image by image: whether the ensemble is right, minus the share of the members that are. Returns
    mean, low and high, the 95 % interval over images. Raises UserError if the arrays do not fit.
    """
    stack = _checked(stack, labels)
    right = stack.argmax(axis=2) == labels
    together = stack.mean(axis=0).argmax(axis=1) == labels
    return evaluation.paired_gain(together, right.mean(axis=0))


def subset_scores(labels, stack, most=60, seed=0):
    """Judge ensembles of every size that can be formed from some members.

    Of each size all subsets count where there are no more than `most`, random ones otherwise.
    Returns a table with a row per subset: `size`, `accuracy` (0 to 1) and `log_loss` (nats). Raises
    UserError if the arrays do not fit each other.
    """
    import pandas as pd

    stack = _checked(stack, labels)
    generator = np.random.default_rng(seed)
    rows = []
    for size in range(1, len(stack) + 1):
        for subset in _subsets(len(stack), size, most, generator):
            mean = stack[list(subset)].mean(axis=0)
            accuracy = float((mean.argmax(axis=1) == labels).mean())
            rows.append({"size": size, "accuracy": accuracy, "log_loss": log_loss(labels, mean)})
    return pd.DataFrame(rows)


def _subsets(count, size, most, generator):
    if math.comb(count, size) <= most:
        return list(itertools.combinations(range(count), size))
    chosen = set()
    while len(chosen) < most:
        chosen.add(tuple(sorted(generator.choice(count, size, replace=False).tolist())))
    return sorted(chosen)


def disagreement(stack):
    """Return for every pair of members the share of images to which they give different classes.

    The result, (members, members), is symmetric, with a diagonal of 0.
    """
    said = _checked(stack).argmax(axis=2)
    return (said[:, None] != said[None, :]).mean(axis=2)


def error_correlation(labels, stack):
    """Return how strongly the errors of every pair of members go together, (members, members).

    Correlation of being wrong: 1 on the same images, 0 independently. NaN for a member that is
    always right or always wrong.
    """
    wrong = _checked(stack, labels).argmax(axis=2) != labels
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.corrcoef(wrong.astype(float))


def ambiguity(labels, stack):
    """Split the squared error of the members into that of their mean and their spread about it.

    `members` is the mean Brier score of the members, `ensemble` that of their mean, `ambiguity` the
    mean squared distance of the members from it. The first is exactly the sum of the other two, so
    the ensemble is never worse than its average member. Source: Krogh and Vedelsby, "Neural Network
    Ensembles, Cross Validation, and Active Learning", NIPS 1994.
    """
    stack = _checked(stack, labels)
    truth = np.eye(stack.shape[2])[labels]
    mean = stack.mean(axis=0)
    return {
        "members": float(((stack - truth) ** 2).sum(axis=2).mean()),
        "ensemble": float(((mean - truth) ** 2).sum(axis=1).mean()),
        "ambiguity": float(((stack - mean) ** 2).sum(axis=2).mean()),
    }


def greedy_selection(labels, stack, rounds=20):
    """Choose members one by one, each time the one that helps the mean most; return their shares.

    Members may be chosen again, which gives them a larger share; the best of the means on the way
    counts. The images must be some that no member was trained on, and that judge nothing else
    afterwards. Source: Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004.
    """
    stack = _checked(stack, labels)
    counts = np.zeros(len(stack))
    best_loss, best = math.inf, counts
    total = np.zeros(stack.shape[1:])
    for number in range(1, rounds + 1):
        losses = [log_loss(labels, (total + each) / number) for each in stack]
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total += stack[chosen]
        if losses[chosen] < best_loss:
            best_loss, best = losses[chosen], counts / number
    return best


def log_loss(labels, probabilities):
    """Return the mean negative logarithm of the probability of the true class, in nats.

    As `evaluation.metrics` has it, without its checks and as quick as a search needs.
    """
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


def soften(probabilities, temperature):
    """Divide the logarithms of probabilities, (N, classes), by a temperature and normalise again.

    Above 1 it evens the probabilities out, below 1 it sharpens them; the order in a row is kept.
    Raises UserError if it is not positive. Source: Hinton, Vinyals and Dean, "Distilling the
    Knowledge in a Neural Network", arXiv:1503.02531, 2015.
    """
    if not temperature > 0:
        raise settings.UserError(f"A temperature of {temperature} is none: pass a positive one.")
    logarithms = np.log(np.maximum(np.asarray(probabilities, float), SMALLEST_PROBABILITY))
    logarithms /= temperature
    powers = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@keras.saving.register_keras_serializable(package="fashion")
class Cycles(optimizers.Triangular):
    """A triangle of the learning rate that begins anew whenever it has come down to zero.

    `peak` is the highest rate, `steps` the batches of one cycle, `rise` the share of a cycle until
    its peak, between 0 and 1. Source: Garipov et al., "Loss Surfaces, Mode Connectivity, and Fast
    Ensembling of DNNs", NeurIPS 2018.
    """

    def __call__(self, step):
        return super().__call__(keras.ops.mod(keras.ops.cast(step, "float32"), self.steps))


class Snapshots(keras.callbacks.Callback):
    """Keep a copy of the weights after every so many epochs, in `weights`.

    Source: Huang et al., "Snapshot Ensembles: Train 1, get M for free", ICLR 2017.
    """

    def __init__(self, every):
        super().__init__()
        self.every = every
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            self.weights.append(self.model.get_weights())


def with_weights(run, weights):
    """Return a copy of a run whose network has other weights; the run itself stays as it is."""
    model = keras.models.clone_model(run.model)
    model.set_weights(weights)
    return replace(run, model=model)


def averaged(run, weights, images, shares=None):
    """Return a copy of a run whose network has the mean of several sets of weights.

    The means and variances of batch normalisation belong to the features of one network and not to
    a mean of networks, so they are measured anew, on the first ten thousand of the training images
    (N, height, width) uint8. `shares` weigh the sets; equal by default. Sources: Izmailov et al.,
    "Averaging Weights Leads to Wider Optima", UAI 2018; Wortsman et al., "Model soups", ICML 2022.
    """
    mean = [np.average(parts, axis=0, weights=shares) for parts in zip(*weights, strict=True)]
    made = with_weights(run, mean)
    refresh_statistics(made.model, images[:STATISTICS_IMAGES], run.pixel_range)
    return made


def refresh_statistics(model, images, pixel_range=(0.0, 1.0), batch_size=500):
    """Measure the means and variances of a network's batch normalisation anew, in place.

    They become the mean over batches of `batch_size` of the images, (N, height, width) uint8.
    """
    layers = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for number, start in enumerate(range(0, len(images), batch_size)):
        for layer in layers:
            layer.momentum = number / (number + 1)  # so that all batches weigh the same
        prepared = pipeline.prepare_images(images[start : start + batch_size], pixel_range)
        model(prepared, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def members_of_three_hours(seed=0):
    """Return the members of the ensemble of three hours, as pairs of a model and its seed.

    With the seed 0 those of `THREE_HOURS`. Ensembles of other seeds share no member, as their
    spread would say too little otherwise.
    """
    apart = 1 + max(first for _, first in THREE_HOURS)
    return [(model, first + apart * seed) for model, first in THREE_HOURS]


def _checked(stack, labels=None):
    """Return a stack of probabilities as one float64 array, or say what is wrong with it."""
    shapes = {np.shape(each) for each in stack}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise settings.UserError(
            "The members' probabilities must be arrays of one shape (images, classes), and there "
            "must be at least one: predict the same images with all of them."
        )
    stack = np.asarray(stack, dtype=float)
    if labels is not None and np.shape(labels) != stack.shape[1:2]:
        raise settings.UserError(
            f"There are {np.size(labels)} labels for {stack.shape[1]} rows of probabilities: pass "
            "those of the same images."
        )
    return stack
