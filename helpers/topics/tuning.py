"""Hyperparameter search (notebook 09): KerasTuner proposes, `training.train` trains every trial.

Each trial is kept in a file of its own, so that an interrupted search goes on where it stopped. A
trial remembers which validation images it got right, which is what an honest account of the best of
many trials needs.
"""

import contextlib
import hashlib
import io
import json
import sys
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.ensemble import RandomForestRegressor

from helpers import definitions, evaluation, files, models, pipeline, settings, training
from helpers.layers import keras

with settings.quiet_import():
    import keras_tuner

OBJECTIVE = keras_tuner.Objective("validation_accuracy", direction="max")
AUGMENT = (pipeline.Flip(), pipeline.Shift(1))
WEIGHT_DECAY = 0.02
WARM_UP_SHARE = 0.1
# What a trial decides about the network; the rest of its values belong to the training.
ARCHITECTURE = {
    "ann_tuned": ("width", "depth", "activation", "dropout_rate"),
    "cnn_tuned": ("width", "depth", "dropout_rate"),
}


def space(name):
    """Return the search space of a tuned model; its defaults are the values known before.

    Raises UserError if the model has none.
    """
    found = keras_tuner.HyperParameters()
    if name == "ann_tuned":
        found.Choice("width", [128, 256, 512], default=256)
        found.Choice("depth", [1, 2, 3, 4], default=3)
        found.Choice("activation", ["leaky_relu", "relu", "silu"], default="leaky_relu")
        found.Choice("dropout_rate", [0.0, 0.1, 0.2, 0.3], default=0.1)
        found.Float("learning_rate", 3e-4, 1e-2, sampling="log", default=2e-3)
        found.Choice("batch_size", [64, 128, 256], default=128)
    elif name == "cnn_tuned":
        found.Choice("width", [16, 24, 32, 40], default=32)
        found.Choice("depth", [1, 2, 3], default=2)
        found.Choice("dropout_rate", [0.0, 0.1, 0.2], default=0.0)
        found.Float("learning_rate", 0.03, 0.6, sampling="log", default=0.2)
        found.Choice("label_smoothing", [0.0, 0.05, 0.1], default=0.05)
        found.Choice("batch_size", [64, 128, 256], default=128)
    else:
        raise settings.UserError(
            f"{name!r} has no search space: use one of {', '.join(ARCHITECTURE)}."
        )
    return found


def known_values(name):
    """Return the values known before the search, a dict by hyperparameter."""
    return {parameter.name: parameter.default for parameter in space(name).space}


def space_table(name):
    """Return a search space as a table of texts: the `values`, their `scale`, the one `known`
    before.
    """
    rows = {}
    for parameter in space(name).space:
        config = parameter.get_config()
        if "values" in config:
            values, scale = ", ".join(map(str, config["values"])), "a choice"
        else:
            values = f"{config['min_value']:g} to {config['max_value']:g}"
            scale = "logarithmic" if config["sampling"] == "log" else "even"
        rows[parameter.name] = {"values": values, "scale": scale, "known": f"{config['default']}"}
    return pd.DataFrame(rows).T


def train(name, values, images, validation, epochs, *, arm=None, seed=None, callbacks=()):
    """Train a network with one choice of values, one for each hyperparameter of the search space.

    `arm` names another choice than the tuned one. Raises UserError if a hyperparameter is unknown
    or missing, or the loss stops being a number.
    """
    expected = known_values(name)
    if set(values) != set(expected):
        raise settings.UserError(
            f"{name} is tuned by {', '.join(expected)}, not by {', '.join(values) or 'nothing'}: "
            "pass one value for each of these."
        )
    seed = settings.seed() if seed is None else seed
    steps = epochs * (len(images) // values["batch_size"])
    warm_up = min(max(1, round(WARM_UP_SHARE * steps)), max(1, steps - 1))
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=values["learning_rate"] / 10,
        warmup_target=values["learning_rate"],
        warmup_steps=warm_up,
        decay_steps=max(1, steps - warm_up),
    )
    if models.specification(name).family == "ANN":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    smoothing = values.get("label_smoothing", 0.0)
    architecture = {key: values[key] for key in ARCHITECTURE[name]}
    run = training.train(
        models.build(name, seed, **architecture),
        images,
        validation,
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
        epochs=epochs,
        batch_size=values["batch_size"],
        augment=AUGMENT,
        callbacks=callbacks,
        arm=arm,
        seed=seed,
    )
    return replace(run, recipe=run.recipe | {"architecture": architecture})


class _KnownFirst:
    """Lets a search begin with the known values instead of a proposal."""

    def populate_space(self, trial_id):
        if self.trials:
            return super().populate_space(trial_id)
        known = {parameter.name: parameter.default for parameter in self.hyperparameters.space}
        return {"status": "RUNNING", "values": known}


class RandomSearch(_KnownFirst, keras_tuner.oracles.RandomSearchOracle):
    """The known values, then independent random ones."""


class BayesianSearch(_KnownFirst, keras_tuner.oracles.BayesianOptimizationOracle):
    """The known values, random ones for the first half, then where a Gaussian process points."""

    def __init__(self, max_trials, **options):
        super().__init__(max_trials=max_trials, num_initial_points=(max_trials + 1) // 2, **options)


METHODS = {"random": RandomSearch, "bayesian": BayesianSearch}


@dataclass(frozen=True)
class Search:
    """A finished search.

    `trials` has one row per trial, counted from 1 (the known values): its hyperparameters, the
    `accuracy` on the validation images (0 to 1) and the `seconds` of its training. `right` says
    which validation images it got right, shape (trials, images), bool.
    """

    name: str
    trials: pd.DataFrame
    right: np.ndarray

    @property
    def best(self):
        """The number of the best trial; the earliest of equals."""
        return int(self.trials["accuracy"].idxmax())

    def values(self, number):
        """Return the hyperparameters of one trial, a dict as `train` takes it."""
        row = self.trials.loc[number]
        kinds = {key: type(value) for key, value in known_values(self.name).items()}
        return {key: kind(row[key]) for key, kind in kinds.items()}


def search(name, images, validation, *, trials, epochs, method="random", seed=None):
    """Try out values, the known ones first, and keep every trial; return the `Search`.

    The same call goes on where an interrupted one stopped: KerasTuner proposes the same values
    again, and a trial that was finished is read instead of trained. Trials lie under
    `settings.OUTPUTS / 'searches'`, in a folder that belongs to this model, space, method, seed,
    profile, these images and epochs, and this state of the code.

    `name` is 'ann_tuned' or 'cnn_tuned', `method` 'random' or 'bayesian'. Each trial is judged on
    the validation images once, after its last epoch. A larger number of `trials` adds to a finished
    search at random; a Bayesian one draws half of its trials first, so another number is another
    search. Raises TrainingInterrupted if the reader interrupts, where finished trials are kept, and
    UserError if a name is unknown, the number is too small, or a trial cannot be written.
    """
    if method not in METHODS:
        raise settings.UserError(f"{method!r} is no method: use one of {', '.join(METHODS)}.")
    if trials < 1:
        raise settings.UserError(f"A search of {trials} trials finds nothing: ask for one or more.")
    seed = settings.seed() if seed is None else seed
    hyperparameters = space(name)
    folder = _folder(name, images, validation, epochs, method, seed, hyperparameters)
    study = _Study(name, images, validation, epochs, seed, trials, folder)
    oracle = METHODS[method](
        objective=OBJECTIVE,
        max_trials=trials,
        hyperparameters=hyperparameters,
        # KerasTuner takes 0 for no seed, and neighbouring seeds draw nearly the same numbers.
        seed=1 + zlib.crc32(f"{name} {seed}".encode()) % 10**6,
    )
    with tempfile.TemporaryDirectory() as scratch:
        try:
            _Tuner(study, oracle, directory=scratch).search(verbose=0)
        except keras_tuner.errors.FatalError as error:
            raise error.__cause__ from None
    table = pd.DataFrame([trial.row() for trial in study.finished])
    table.index = pd.RangeIndex(1, len(table) + 1, name="trial")
    return Search(name, table, np.stack([trial.right for trial in study.finished]))


class _Tuner(keras_tuner.Tuner):
    """Hands KerasTuner's proposals to a study; its own files are of no use afterwards."""

    def __init__(self, study, oracle, directory):
        super().__init__(oracle, directory=directory, project_name="search")
        self.study = study

    def run_trial(self, trial, **ignored):
        try:
            done = self.study.run(dict(trial.hyperparameters.values))
        except Exception as error:
            # KerasTuner would count any other error as a failed trial, and carry on.
            raise keras_tuner.errors.FatalError(str(error)) from error
        return {OBJECTIVE.name: done.accuracy}


@dataclass(frozen=True)
class _Trial:
    values: dict
    seconds: float
    right: np.ndarray

    @property
    def accuracy(self):
        return float(self.right.mean())

    def row(self):
        return self.values | {"accuracy": self.accuracy, "seconds": self.seconds}


class _Study:
    """Runs or reads one trial after the other, and writes one line for each."""

    def __init__(self, name, images, validation, epochs, seed, trials, folder):
        self.name, self.images, self.validation = name, images, validation
        self.epochs, self.seed, self.trials, self.folder = epochs, seed, trials, folder
        self.finished = []

    def run(self, values):
        number = len(self.finished) + 1
        path = self.folder / f"trial_{number:03d}.npz"
        line = _TrialLine(sys.stdout)
        trial = _stored(path, values)
        if trial is None:
            trial = self._train(values, number, line)
            _store(path, trial)
        self.finished.append(trial)
        best = max(done.accuracy for done in self.finished)
        line.end(
            f"{number:2}/{self.trials}  {trial.accuracy:.2%}  best {best:.2%}  "
            f"{trial.seconds:3.0f} s  {words(values)}"
        )
        return trial

    def _train(self, values, number, line):
        loss = _LastLoss()
        start = time.perf_counter()
        try:
            with contextlib.redirect_stdout(line):
                run = train(
                    self.name, values, self.images, None, self.epochs,
                    arm=f"trial_{number}", seed=self.seed, callbacks=[loss],
                )  # fmt: skip
        except training.TrainingInterrupted:
            raise training.TrainingInterrupted(
                f"The search was interrupted in trial {number} of {self.trials}; the {number - 1} "
                "finished before are kept: run the cell again to go on."
            ) from None
        except settings.UserError:
            if np.isfinite(loss.last):
                raise
            # Training that explodes is an outcome too: as good as always naming the first class.
            right = self.validation.labels == 0
        else:
            images = self.validation.images
            predicted = evaluation.predict(run.model, images, run.pixel_range)
            right = predicted.argmax(axis=1) == self.validation.labels
        return _Trial(values, time.perf_counter() - start, right)


class _LastLoss(keras.callbacks.Callback):
    last = 0.0

    def on_epoch_end(self, epoch, logs=None):
        self.last = logs["loss"]


class _TrialLine(io.TextIOBase):
    """Shows the progress line of a training and at its end overwrites it by that of the trial."""

    def __init__(self, stream):
        self.stream, self.width = stream, 0

    def write(self, text):
        self.width = max(self.width, len(text))
        self.stream.write(text.replace("\n", ""))
        return len(text)

    def flush(self):
        self.stream.flush()

    def end(self, text):
        self.stream.write(("\r" if self.width else "") + text.ljust(self.width) + "\n")
        self.flush()


def words(values):
    """Write values in one short line, numbers with three digits: `width 256, relu`."""
    return ", ".join(
        value if isinstance(value, str) else f"{key.replace('_', ' ')} {value:.3g}"
        for key, value in values.items()
    )


def _folder(name, images, validation, epochs, method, seed, hyperparameters):
    """Return the folder of a search: another one as soon as anything that decides it differs."""
    decides = hashlib.sha256()
    for part in (images, validation):
        decides.update(part.images.tobytes() + part.labels.tobytes())
    decides.update("".join(definitions.texts().values()).encode())
    configuration = [parameter.get_config() for parameter in hyperparameters.space]
    versions = keras.__version__, keras_tuner.__version__
    rest = [settings.profile(), epochs, method, configuration, versions]
    decides.update(json.dumps(rest).encode())
    digest = decides.hexdigest()[:12]
    return settings.OUTPUTS / "searches" / f"{name}_{settings.profile()}_seed_{seed}_{digest}"


def _stored(path, values):
    """Return a trial that was finished before, or None if there is none with these values."""
    try:
        with np.load(path) as file:
            kept = json.loads(str(file["values"]))
            trial = _Trial(values, float(file["seconds"]), file["right"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return trial if kept == values else None


def _store(path, trial):
    remedy = "make room there and run the cell again; the trials finished before are kept."
    with files.replacing(path, remedy) as temporary:
        np.savez_compressed(
            temporary, values=json.dumps(trial.values), seconds=trial.seconds, right=trial.right
        )


def best_of_many(right, draws=500, seed=0):
    """Say how much the best of many trials flatters itself.

    The validation images are halved at random. One half chooses the best of some trials; the other
    half, which had no part in the choice, judges the same trial. Then the halves change places.
    `right`, (trials, images) bool, says which images each trial got right. Returns a table by the
    number of trials to choose from: `chosen_by` and `unseen`, the accuracy of the best on the half
    that chose it and on the other, means over the draws. Raises UserError if there are fewer than
    two images, or no trial. Source: Cawley and Talbot, "On Over-fitting in Model Selection",
    Journal of Machine Learning Research 11, 2010.
    """
    right = np.asarray(right)
    if right.ndim != 2 or len(right) < 1 or right.shape[1] < 2:
        raise settings.UserError(
            f"An array of shape {right.shape} holds no trials to choose from: pass `right` of a "
            "search, shape (trials, images)."
        )
    generator = np.random.default_rng(seed)
    count, images = right.shape
    halves = generator.permuted(np.tile(np.arange(images) % 2, (draws, 1)), axis=1).T
    one, other = (right.astype(float) @ half / half.sum(axis=0) for half in (halves, 1 - halves))
    # Every trial comes first equally often, or the luck of the order would hide a small bias.
    order = generator.permuted(np.tile(np.arange(count)[:, None], draws), axis=0)
    order = np.hstack([np.roll(order, places, axis=0) for places in range(count)])
    one, other = (
        np.take_along_axis(np.tile(score, count), order, axis=0) for score in (one, other)
    )
    chosen_by, unseen = np.hstack([one, other]), np.hstack([other, one])
    rows = {}
    for number in range(1, count + 1):
        best = chosen_by[:number].argmax(axis=0)[None]
        pair = (np.take_along_axis(score, best, axis=0).mean() for score in (chosen_by, unseen))
        rows[number] = dict(zip(("chosen_by", "unseen"), map(float, pair), strict=True))
    return pd.DataFrame(rows).T.rename_axis("trials")


def importance(search, shuffles=100, seed=0):
    """Say which hyperparameters the accuracy of the trials depends on, and how sure that is.

    A random forest predicts the accuracy from the values. The share of the variance that its splits
    on a hyperparameter explain is that one's importance (Hutter, Hoos and Leyton-Brown, ICML 2014);
    forests on shuffled accuracies show how much importance chance alone gives it. Beside it stands
    the rank correlation, which has a sign and an interval (Fieller, Hartley and Pearson, Biometrika
    44, 1957), but sees only what rises or falls throughout.

    Returns a table with a row per hyperparameter: `share` (0 to 1), `chance` (what 95 % of the
    shuffled forests stay below), `correlation` (-1 to 1) with its 95 % interval `low` and `high`;
    these three are NaN for values without an order, or that did not vary. Raises UserError if there
    are fewer than three trials.
    """
    if len(search.trials) < 3:
        raise settings.UserError("Importance needs three trials or more: search longer.")
    names = list(known_values(search.name))
    coded = search.trials[names].apply(
        lambda column: column if column.dtype.kind in "if" else pd.factorize(column)[0]
    )
    accuracy = search.trials["accuracy"].to_numpy()
    generator = np.random.default_rng(seed)
    by_chance = [
        _forest_shares(coded, generator.permutation(accuracy), seed) for _ in range(shuffles)
    ]
    table = pd.DataFrame(
        {
            "share": _forest_shares(coded, accuracy, seed),
            "chance": np.quantile(by_chance, 0.95, axis=0),
        },
        index=names,
    )
    correlations = [_rank_correlation(search.trials[name], accuracy) for name in names]
    table[["correlation", "low", "high"]] = correlations
    return table


def _forest_shares(values, accuracy, seed):
    forest = RandomForestRegressor(n_estimators=50, random_state=seed)
    return forest.fit(values.to_numpy(float), accuracy).feature_importances_


def _rank_correlation(values, accuracy):
    """Return Spearman's correlation and its interval by Fisher's transformation."""
    if values.dtype.kind not in "if" or values.nunique() < 2 or len(set(accuracy)) < 2:
        return np.nan, np.nan, np.nan
    correlation = float(stats.spearmanr(values, accuracy).statistic)
    if len(values) < 5:
        return correlation, -1.0, 1.0
    half = stats.norm.ppf(0.975) * np.sqrt(1.06 / (len(values) - 3))
    middle = np.arctanh(np.clip(correlation, -0.999, 0.999))
    return correlation, float(np.tanh(middle - half)), float(np.tanh(middle + half))
