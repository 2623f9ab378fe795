"""Several networks asked together: their mean, why it helps, and how to get members cheaply.

Arrays in, numbers out: a stack of probabilities has the shape (members, images, classes).
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
    """Return the `Ensemble` of that name.

    Raises
    ------
    UserError
        If there is none.
    """
    if name not in ENSEMBLES:
        raise settings.UserError(f"{name!r} is no ensemble: use one of {', '.join(ENSEMBLES)}.")
    return ENSEMBLES[name]


def member(run, test, validation=None):
    """Describe a trained network as a member, and ask it about the test images.

    Parameters
    ----------
    run : training.Run
    test : data.LabelledImages
    validation : numpy.ndarray, shape (M, classes), optional
        What it said about the validation images.

    Returns
    -------
    Member
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
    """Describe a stored result as a member.

    Parameters
    ----------
    result : runs.Result

    Returns
    -------
    Member

    Raises
    ------
    UserError
        If the file of its probabilities is missing or damaged.
    """
    same = ("model", "seed", "recipe", "trained_on", "parameters", "mflops", "size_bytes")
    same += ("latency_ms", "training_seconds", "machine")
    copied = {key: getattr(result, key) for key in same}
    return Member(probabilities=result.probabilities(), validation=None, **copied)


def average(stack, shares=None):
    """Return the mean of the members' probabilities.

    Parameters
    ----------
    stack : sequence of numpy.ndarray, shape (members, N, classes)
    shares : sequence of float, length members, optional
        The weight of each member, not negative; equal by default. Only their ratio matters.

    Returns
    -------
    numpy.ndarray, shape (N, classes), float64
        Each row sums to 1.

    Raises
    ------
    UserError
        If the stack is empty, its members differ in shape, or a share is missing or negative.
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

    Image by image: whether the ensemble is right, minus the share of the members that are.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    stack : sequence of numpy.ndarray, shape (members, N, classes)

    Returns
    -------
    mean, low, high : float
        The gain in accuracy and its 95 % interval over images, each from −1 to 1.

    Raises
    ------
    UserError
        If the arrays do not fit each other.
    """
    stack = _checked(stack, labels)
    right = stack.argmax(axis=2) == labels
    together = stack.mean(axis=0).argmax(axis=1) == labels
    return evaluation.paired_gain(together, right.mean(axis=0))


def subset_scores(labels, stack, most=60, seed=0):
    """Judge ensembles of every size that can be formed from some members.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    stack : sequence of numpy.ndarray, shape (members, N, classes)
    most : int
        Subsets per size: all of them where there are no more than that, random ones otherwise.
    seed : int
        Of the random subsets.

    Returns
    -------
    pandas.DataFrame
        One row per subset: `size`, `accuracy` (0 to 1) and `log_loss` (nats).

    Raises
    ------
    UserError
        If the arrays do not fit each other.
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

    Parameters
    ----------
    stack : sequence of numpy.ndarray, shape (members, N, classes)

    Returns
    -------
    numpy.ndarray, shape (members, members)
        From 0 to 1; symmetric, with a diagonal of 0.
    """
    said = _checked(stack).argmax(axis=2)
    return (said[:, None] != said[None, :]).mean(axis=2)


def error_correlation(labels, stack):
    """Return how strongly the errors of every pair of members go together.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    stack : sequence of numpy.ndarray, shape (members, N, classes)

    Returns
    -------
    numpy.ndarray, shape (members, members)
        Correlation of being wrong: 1 on the same images, 0 independently. NaN for a member that is
        always right or always wrong.
    """
    wrong = _checked(stack, labels).argmax(axis=2) != labels
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.corrcoef(wrong.astype(float))


def ambiguity(labels, stack):
    """Split the squared error of the members into that of their mean and their spread about it.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    stack : sequence of numpy.ndarray, shape (members, N, classes)

    Returns
    -------
    dict of str to float
        `members` (mean Brier score of the members), `ensemble` (Brier score of the mean) and
        `ambiguity` (mean squared distance of the members from the mean). The first is exactly the
        sum of the other two, so the ensemble is never worse than its average member.

    References
    ----------
    Krogh and Vedelsby, "Neural Network Ensembles, Cross Validation, and Active Learning", NIPS
    1994.
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
    """Choose members one by one, each time the one that helps the mean most.

    Members may be chosen again, which gives them a larger share.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
        Of images that no member was trained on, and that judge nothing else afterwards.
    stack : sequence of numpy.ndarray, shape (members, N, classes)
    rounds : int
        Choices to make; the best of the means on the way is returned.

    Returns
    -------
    numpy.ndarray, shape (members,), float
        The share of each member; they sum to 1.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models", ICML
    2004.
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

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    float
    """
    given = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean())


def soften(probabilities, temperature):
    """Divide the logarithms of probabilities by a temperature and normalise again.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (N, classes)
    temperature : float
        Above 1 evens the probabilities out, below 1 sharpens them; positive.

    Returns
    -------
    numpy.ndarray, shape (N, classes), float64
        Each row sums to 1, its order is kept.

    Raises
    ------
    UserError
        If the temperature is not positive.

    References
    ----------
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531,
    2015.
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

    Parameters
    ----------
    peak : float
        The highest rate.
    steps : int
        Batches of one cycle.
    rise : float
        Share of a cycle until its peak, between 0 and 1, exclusive.

    References
    ----------
    Garipov, Izmailov, Podoprikhin, Vetrov and Wilson, "Loss Surfaces, Mode Connectivity, and Fast
    Ensembling of DNNs", NeurIPS 2018.
    """

    def __call__(self, step):
        return super().__call__(keras.ops.mod(keras.ops.cast(step, "float32"), self.steps))


class Snapshots(keras.callbacks.Callback):
    """Keep a copy of the weights after every so many epochs, in `weights`.

    References
    ----------
    Huang, Li, Pleiss, Liu, Hopcroft and Weinberger, "Snapshot Ensembles: Train 1, get M for free",
    ICLR 2017.
    """

    def __init__(self, every):
        super().__init__()
        self.every = every
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0:
            self.weights.append(self.model.get_weights())


def with_weights(run, weights):
    """Return a copy of a run whose network has other weights; the run itself stays as it is.

    Parameters
    ----------
    run : training.Run
    weights : list of numpy.ndarray
        As `model.get_weights()` returns them.
    """
    model = keras.models.clone_model(run.model)
    model.set_weights(weights)
    return replace(run, model=model)


def averaged(run, weights, images, shares=None):
    """Return a copy of a run whose network has the mean of several sets of weights.

    The means and variances of batch normalisation belong to the features of one network and not
    to a mean of networks, so they are measured anew.

    Parameters
    ----------
    run : training.Run
    weights : sequence of list of numpy.ndarray
        As `model.get_weights()` returns them, of the same architecture.
    images : numpy.ndarray, shape (N, height, width), dtype uint8
        Training images to measure on; the first ten thousand are used.
    shares : sequence of float, optional
        The weight of each set; equal by default.

    Returns
    -------
    training.Run

    References
    ----------
    Izmailov, Podoprikhin, Garipov, Vetrov and Wilson, "Averaging Weights Leads to Wider Optima and
    Better Generalization", UAI 2018. Wortsman and others, "Model soups", ICML 2022.
    """
    mean = [np.average(parts, axis=0, weights=shares) for parts in zip(*weights, strict=True)]
    made = with_weights(run, mean)
    refresh_statistics(made.model, images[:STATISTICS_IMAGES], run.pixel_range)
    return made


def refresh_statistics(model, images, pixel_range=(0.0, 1.0), batch_size=500):
    """Measure the means and variances of a network's batch normalisation anew, in place.

    Parameters
    ----------
    model : keras.Model
    images : numpy.ndarray, shape (N, height, width), dtype uint8
    pixel_range : tuple of float
        What the pixel values 0 and 255 became when the model was trained.
    batch_size : int
        The statistics are the mean over batches of this size.
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

    Parameters
    ----------
    seed : int
        0 for the members of `THREE_HOURS`. Ensembles of other seeds share no member, as their
        spread would say too little otherwise.

    Returns
    -------
    list of tuple (str, int)
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
