"""Classical baselines (notebook 02): what methods from before deep learning reach.

A builder returns a scikit-learn pipeline that takes raw images, so that computing its features is
part of its time. `fit` measures that time and turns what an estimator says into probabilities.
"""

import inspect
import math
import pickle
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, softmax
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from helpers import cost, data, evaluation, settings
from helpers.topics.oriented_gradients import cell_histograms, gradients, hog  # noqa: F401

NOTEBOOK = "02_classical_baselines"
FAMILY = "Classical"
PAPER = "test, data set's paper"
JOBS = 2
# The chance of winning a duel is even at a margin of 0, and 0.98 at 1, where an SVM is content.
DUEL_STEEPNESS = 4.0
# How an estimator's scores become probabilities, and where the one number for it is looked for.
MADE_PROBABILITIES = {
    "probabilities": "the estimator's own",
    "votes": "shares of the votes, a part of them spread evenly as validation images ask for",
    "margins": "softmax of margins, at the temperature that validation images ask for",
}
RANGES = {"votes": (1e-5, 0.5), "margins": (1e-3, 100.0)}


@dataclass(frozen=True)
class Baseline:
    """What tables and figures have to know of a baseline besides its builder.

    `scores` says what its estimator returns for an image, a key of `MADE_PROBABILITIES`;
    `variant_of` names the baseline that it is an arm of.
    """

    name: str
    title: str
    scores: str
    reported_accuracy: float | None
    reported_note: str
    variant_of: str | None
    notebook: str = NOTEBOOK
    family: str = FAMILY


_BUILDERS = {}
_BASELINES = {}


def register(title, scores, reported_accuracy=None, reported_note=PAPER, variant_of=None):
    """Return a decorator that adds a builder to the baselines under the function's own name.

    `scores` is what its estimator says of an image: 'probabilities', 'votes' or 'margins'. The
    others are as in `Baseline`; reported accuracies are from 0 to 1.
    """

    def add(builder):
        name, note = builder.__name__, reported_note if reported_accuracy else ""
        _BUILDERS[name] = builder
        _BASELINES[name] = Baseline(name, title, scores, reported_accuracy, note, variant_of)
        return builder

    return add


def names():
    """Return the names of all baselines, in the order of the notebook."""
    return list(_BUILDERS)


def specification(name):
    """Return the `Baseline` of that name, or raise UserError."""
    if name not in _BASELINES:
        raise settings.UserError(f"{name!r} is no baseline: use one of {', '.join(_BASELINES)}.")
    return _BASELINES[name]


def build(name, seed=0, **changes):
    """Build a baseline: a pipeline, not fitted, that takes images (N, height, width) uint8.

    `seed` is for estimators that draw random numbers, `changes` are arguments of the builder.
    Raises UserError if the baseline or one of its arguments is unknown.
    """
    specification(name)
    known = list(inspect.signature(_BUILDERS[name]).parameters)
    for argument in changes:
        if argument not in known:
            raise settings.UserError(
                f"{name} has no argument {argument!r}: use one of {', '.join(known)}."
            )
    return _BUILDERS[name](seed, **changes)


def pixels(images):
    """Return the pixels as one row per image, (N, height · width) float32 from 0 to 1."""
    data.check_images(images)
    return images.reshape(len(images), -1).astype(np.float32) / 255


def pooled(images, size=2):
    """Return the means of `size` × `size` pixels as one row per image, float32 from 0 to 1."""
    data.check_images(images)
    count, height, width = images.shape
    if height % size or width % size:
        raise settings.UserError(
            f"Images of {height} × {width} pixels do not divide into squares of {size}: choose a "
            "size that divides both."
        )
    squares = images.reshape(count, height // size, size, width // size, size)
    return squares.mean(axis=(2, 4), dtype=np.float32).reshape(count, -1) / 255


@register("Majority class", "probabilities", variant_of="logistic_regression")
def majority_class(seed=0):
    """Look at no pixel: the class shares of the training images, whatever is asked."""
    return make_pipeline(FunctionTransformer(pixels), DummyClassifier(strategy="prior"))


@register("Logistic regression", "probabilities", reported_accuracy=0.842)
def logistic_regression(seed=0, C=0.1):
    """Give every pixel a weight for every class."""
    return make_pipeline(
        FunctionTransformer(pixels), LogisticRegression(C=C, tol=1e-3, max_iter=1000)
    )


@register("Nearest neighbours", "votes", reported_accuracy=0.854)
def nearest_neighbours(seed=0, neighbours=7, components=60):
    """Let the most similar training images vote, the nearer the more."""
    return make_pipeline(
        FunctionTransformer(pixels),
        PCA(components, svd_solver="covariance_eigh"),
        KNeighborsClassifier(neighbours, weights="distance", algorithm="brute"),
    )


@register("Random forest", "votes", reported_accuracy=0.873)
def random_forest(seed=0, trees=100, features=28):
    """Average many trees, each grown on a resample and with few pixels to choose from."""
    forest = RandomForestClassifier(trees, max_features=features, n_jobs=JOBS, random_state=seed)
    return make_pipeline(FunctionTransformer(pixels), forest)


@register("Gradient boosting", "probabilities", reported_accuracy=0.880)
def gradient_boosting(seed=0, rounds=100, learning_rate=0.2, l2_regularization=1.0):
    """Add one small tree per class and round, each against the errors of those before it."""
    boosting = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=rounds,
        l2_regularization=l2_regularization,
        max_features=0.2,
        early_stopping=False,
        random_state=seed,
    )
    return make_pipeline(FunctionTransformer(pooled), boosting)


@register("SVM, RBF kernel", "margins", reported_accuracy=0.897)
def svm_rbf(seed=0, C=10.0, components=60):
    """Separate every two classes by the widest margin, with similarity fading with distance."""
    return make_pipeline(
        FunctionTransformer(pixels),
        PCA(components, svd_solver="covariance_eigh"),
        SVC(C=C, decision_function_shape="ovo", cache_size=1000),
    )


@register("HOG and linear SVM", "margins")
def hog_svm(seed=0, alpha=1e-5, epochs=10):
    """Separate each class from the rest by a plane, in the space of oriented gradients."""
    machine = SGDClassifier(
        loss="hinge",
        alpha=alpha,
        average=True,
        max_iter=epochs,
        tol=None,
        n_jobs=JOBS,
        random_state=seed,
    )
    return make_pipeline(FunctionTransformer(hog), machine)


@register(
    "HOG and SVM, RBF kernel",
    "margins",
    reported_accuracy=0.926,
    reported_note="test, list in the data set's repository",
)
def hog_svm_rbf(seed=0, C=10.0, gamma=0.12, components=120):
    """Do what `svm_rbf` does, with oriented gradients instead of pixels."""
    return make_pipeline(
        FunctionTransformer(hog),
        PCA(components, svd_solver="covariance_eigh"),
        SVC(C=C, gamma=gamma, decision_function_shape="ovo", cache_size=1000),
    )


def source(name):
    """Return the source text of a baseline's builder, without its decorator."""
    specification(name)
    text = inspect.getsource(_BUILDERS[name])
    return text[text.index("def ") :].rstrip()


@dataclass(frozen=True)
class Fit:
    """A fitted baseline: what it is, what it cost, and what it says of the validation images.

    `softness` is the one number that turns scores into probabilities (see `soften`), NaN where the
    estimator returns probabilities; `validation_probabilities` has the shape (M, classes).
    """

    name: str
    estimator: Pipeline
    softness: float
    seed: int
    recipe: dict
    seconds: float
    trained_on: int
    validation: data.LabelledImages
    validation_probabilities: np.ndarray

    def probabilities(self, images):
        """Return the class probabilities of images, shape (N, classes); each row sums to 1."""
        return soften(_scores(self.name, self.estimator, images), self._kind, self.softness)

    def timed_probabilities(self, images):
        """Return the probabilities, and the seconds that 10,000 images take at this rate."""
        start = time.perf_counter()
        probabilities = self.probabilities(images)
        return probabilities, (time.perf_counter() - start) * 10_000 / len(images)

    @property
    def _kind(self):
        return specification(self.name).scores


def fit(name, images, validation, seed=None, **changes):
    """Fit a baseline to training images, and what makes its scores probabilities to the others.

    Every class must occur among both; `changes` are arguments of the builder. The `seconds` of the
    `Fit` are those of features and fit, without the validation images. Raises UserError if the
    baseline or an argument is unknown, or a class has no images.
    """
    seed = settings.seed() if seed is None else seed
    estimator = build(name, seed, **changes)
    for part in (images, validation):
        _check_classes(part.labels)
    start = time.perf_counter()
    estimator.fit(images.images, images.labels)
    seconds = time.perf_counter() - start
    kind = specification(name).scores
    scores = _scores(name, estimator, validation.images)
    softness = fitted_softness(scores, validation.labels, kind)
    return Fit(
        name=name,
        estimator=estimator,
        softness=softness,
        seed=int(seed),
        recipe=_recipe(name, changes),
        seconds=seconds,
        trained_on=len(images),
        validation=validation,
        validation_probabilities=soften(scores, kind, softness),
    )


def soften(scores, kind, softness):
    """Turn an estimator's scores, (N, classes), into probabilities.

    Probabilities stay as they are. Of votes, shares of 1 with zeros among them, a part, the
    softness, is spread evenly over the classes. Margins are divided by a temperature, the softness,
    and go through a softmax (Guo, Pleiss, Sun and Weinberger, ICML 2017). The order of the classes
    stays.
    """
    if kind == "votes":
        return (1 - softness) * scores + softness / scores.shape[1]
    return (
        softmax(np.asarray(scores) / softness, axis=1) if kind == "margins" else np.asarray(scores)
    )


def fitted_softness(scores, labels, kind):
    """Return the softness with the lowest log loss, NaN where the scores are probabilities."""
    if kind == "probabilities":
        return math.nan
    found = minimize_scalar(
        lambda logarithm: log_loss(labels, soften(scores, kind, math.exp(logarithm))),
        bounds=np.log(RANGES[kind]),
        method="bounded",
    )
    return math.exp(found.x)


def validation_curve(name, argument, values, images, validation, **changes):
    """Fit a baseline once for each value of one argument, and judge it on validation images.

    With the seed 0 in every run, so that runs with other seeds choose the same value. Returns a
    table with a row per value: `value`, `accuracy` and its 95 % interval `low`, `high`, from 0 to
    1.
    """
    rows = []
    for value in values:
        estimator = build(name, **changes | {argument: value})
        estimator.fit(images.images, images.labels)
        said = _scores(name, estimator, validation.images).argmax(axis=1)
        right = int((said == validation.labels).sum())
        interval = evaluation.wilson_interval(right, len(validation))
        rows.append((value, right / len(validation), *interval))
    return pd.DataFrame(rows, columns=["value", "accuracy", "low", "high"])


def kept_numbers(estimator):
    """Count the numbers that a fitted baseline keeps for its predictions.

    Coefficients and intercepts; components and means of a PCA; the training images of nearest
    neighbours, as it stores them, with their labels; support vectors and their coefficients; of a
    tree a pixel and a threshold per branching, and what its leaves say.
    """
    return sum(_step_costs(step)[0] for _, step in estimator.steps)


def operations(estimator):
    """Count the floating-point operations of classifying one image with a fitted baseline.

    A multiplication and an addition count as two, as in `cost.flops`; a squared distance is three
    per number, and an exponential is one. NaN with trees, which compare rather than compute, and
    with oriented gradients.
    """
    return float(sum(_step_costs(step)[1] for _, step in estimator.steps))


def size_bytes(estimator):
    """Return the size of a fitted baseline in bytes, pickled, an int."""
    return len(pickle.dumps(estimator, protocol=pickle.HIGHEST_PROTOCOL))


def latency(fit, images):
    """Return the median milliseconds that one image takes alone, a float; see `cost.latency`.

    One process works at a time: for a single image, starting a second takes longer than it saves.
    """
    jobs = {key: 1 for key in fit.estimator.get_params() if key.endswith("__n_jobs")}
    before = {key: fit.estimator.get_params()[key] for key in jobs}
    fit.estimator.set_params(**jobs)
    try:
        return cost.median_milliseconds(fit.probabilities, images)
    finally:
        fit.estimator.set_params(**before)


def _check_classes(labels):
    found = np.unique(labels)
    if not np.array_equal(found, np.arange(len(found))) or len(found) < 4:
        raise settings.UserError(
            f"The labels are {found.tolist()}: pass images of every class, numbered from 0, and of "
            "four classes or more."
        )


def _scores(name, estimator, images):
    if specification(name).scores != "margins":
        return estimator.predict_proba(images)
    margins = estimator.decision_function(images)
    classes = len(estimator.classes_)
    return margins if margins.shape[1] == classes else duel_scores(margins, classes)


def duel_scores(margins, classes):
    """Turn the margins of every two classes into one score per class, (N, classes), at most 0.

    A margin becomes the chance of winning that duel, by a logistic curve; the score of a class is
    the logarithm of the chance of winning all its duels, as if they were independent. The columns
    are in scikit-learn's order: 0 against 1, 0 against 2, …, above 0 in favour of the first. There
    must be four classes or more, so that there are more pairs than classes.
    """
    first, second = (np.eye(classes)[members] for members in np.triu_indices(classes, 1))
    steep = DUEL_STEEPNESS * margins
    return log_expit(steep) @ first + log_expit(-steep) @ second


def _recipe(name, changes):
    """Describe a baseline so that its fits with other seeds have the same description."""
    arguments = inspect.signature(_BUILDERS[name]).bind_partial(**changes)
    arguments.apply_defaults()
    chosen = {key: value for key, value in arguments.arguments.items() if key != "seed"}
    return chosen | {"probabilities": MADE_PROBABILITIES[specification(name).scores]}


def _step_costs(step):
    """Return the numbers that a fitted step keeps, and its operations for one image."""
    if isinstance(step, FunctionTransformer):
        return 0, math.nan if step.func is hog else 0
    if isinstance(step, PCA):
        return step.components_.size + step.mean_.size, 2 * step.components_.size
    if isinstance(step, LogisticRegression | SGDClassifier):
        return step.coef_.size + step.intercept_.size, 2 * step.coef_.size
    if isinstance(step, KNeighborsClassifier):
        images, numbers = step._fit_X.shape
        return images * (numbers + 1), 3 * images * numbers
    if isinstance(step, SVC):
        vectors, numbers = step.support_vectors_.shape
        kernel = vectors * (3 * numbers + 2)
        kept = vectors * numbers + step.dual_coef_.size + step.intercept_.size
        return kept, kernel + 2 * step.dual_coef_.size
    if isinstance(step, RandomForestClassifier):
        trees = [tree.tree_ for tree in step.estimators_]
        leaves = sum(tree.n_leaves for tree in trees)
        nodes = sum(tree.node_count for tree in trees)
        return int(2 * (nodes - leaves) + step.n_classes_ * leaves), math.nan
    if isinstance(step, HistGradientBoostingClassifier):
        trees = [tree for round_ in step._predictors for tree in round_]
        leaves = sum(tree.get_n_leaf_nodes() for tree in trees)
        nodes = sum(len(tree.nodes) for tree in trees)
        return int(2 * (nodes - leaves) + leaves + step._baseline_prediction.size), math.nan
    return step.class_prior_.size, 0
