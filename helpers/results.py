"""What one training run achieved and what it cost, written down and read again.

A finished run becomes two files per model and seed, one JSON with every figure and one compressed
array with the test probabilities; tables, sentences and later comparisons read these files alone.
"""

import dataclasses
import hashlib
import io
import json
import math
import re
from pathlib import Path

import numpy as np

from helpers import definitions, files, settings

METRICS = (
    "validation_accuracy",
    "validation_log_loss",
    "test_accuracy",
    "test_accuracy_low",
    "test_accuracy_high",
    "macro_f1",
    "log_loss",
    "brier_score",
    "calibration_error",
)
MAY_BE_NAN = ("metrics", "history", "mflops")
VARIANT_MARK = "__"
# Probabilities are kept as whole numbers of steps of their fifth root. That spends the steps where
# they count: one is 4 % of a probability near 1, 10 % at 1/100, 60 % at one in a million.
ROOT = 5
STEPS = 127


@dataclasses.dataclass(frozen=True)
class Result:
    """One finished run of one model with one seed, as its JSON file holds it.

    Accuracies, `macro_f1` and `calibration_error` in `metrics` are from 0 to 1, log losses in nats;
    validation figures are NaN where the run kept no validation images. `history` maps Keras' names
    to one value per epoch; `recipe` is what `training.train` was told; `epoch` is the one, counted
    from 1, whose weights are reported, and `choice` how it was chosen. `order` is the place of the
    model in the series. `mflops` and `latency_ms` are those of one answer, with all its views;
    `mflops` is NaN where operations are not counted; `prediction_seconds` are those of 10,000
    images, where they were measured. `written` is in UTC. `commit` and `definitions` say which code
    made it; they are None in results from before that was kept.
    """

    model: str
    title: str
    family: str
    notebook: str
    order: int
    variant_of: str | None
    seed: int
    profile: str
    metrics: dict
    history: dict
    recipe: dict
    epoch: int
    choice: str
    trained_on: int
    parameters: int
    mflops: float
    size_bytes: int
    latency_ms: float
    training_seconds: float
    reported_accuracy: float | None
    reported_note: str
    versions: dict
    machine: dict
    written: str
    probabilities_sha256: str
    file: Path = dataclasses.field(metadata={"stored": False})
    prediction_seconds: float | None = None
    commit: str | None = None
    definitions: dict | None = None

    @property
    def registered(self):
        """The name of the registered model that this result is of, itself or by one of its arms."""
        return self.variant_of or self.model

    def probabilities(self):
        """Return the test probabilities, shape (N, classes), float32; each row sums to 1.

        Raises UserError if the file is missing, as that of an ablation's arm is in a fresh clone,
        or is not the one that was written with this result.
        """
        return _unpack(self._arrays())

    def labels(self):
        """Return the test labels the probabilities were judged by, shape (N,), uint8."""
        return self._arrays()["labels"]

    def _arrays(self):
        path = self.file.with_suffix(".npz")
        if self.variant_of and not path.exists():
            raise settings.UserError(
                f"The probabilities of {self.model} are not part of the repository, which keeps "
                f"those of models and not of their arms: run {self.notebook} to have them."
            )
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _unusable(path, error.strerror) from error
        if hashlib.sha256(content).hexdigest() != self.probabilities_sha256:
            raise _unusable(path, f"it is damaged or not of the same run as {self.file.name}")
        return np.load(io.BytesIO(content))


def load(model, seed=0, folder=None):
    """Read one result of a model, or of a variant as `<model>__<arm>`, by default a published one.

    Raises UserError if there is no such result, or its files are damaged.
    """
    folder = settings.reference_results() if folder is None else Path(folder)
    path = file_of(folder, model, seed)
    if not path.exists():
        known = sorted({file.parent.name for file in folder.glob("*/seed_*.json")})
        raise settings.UserError(
            f"{folder} holds no result of {model!r} with seed {seed}: run its notebook in the full "
            f"profile, or choose a model that has one ({', '.join(known) or 'there is none yet'})."
        )
    return _read(path)


def load_all(folder=None, variants=False):
    """Read all results of a folder, in the order of the series, then by seed.

    By default that is the published ones, and in the `full` profile beside them the reader's own of
    other models, or of other seeds by the same recipe. A folder that does not exist holds none.
    With `variants` the arms of ablations are among them, each after the model it varies. Raises
    UserError if a file is damaged.
    """
    results = read_all(settings.reference_results() if folder is None else Path(folder))
    if folder is None:
        results = sorted([*results, *_own(results)], key=_place)
    return [result for result in results if variants or result.variant_of is None]


def check_name(name):
    """Raise UserError unless a name can be that of a folder everywhere."""
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise settings.UserError(
            f"{name!r} cannot name the folder of a result: use letters without accents, digits and "
            "underscores."
        )


def pack(probabilities, labels):
    """Return the content of the array file, and the probabilities as they are read from it."""
    roots = _roots(np.asarray(probabilities, np.float64))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, fifth_roots=roots, labels=labels)
    return buffer.getvalue(), _unpack({"fifth_roots": roots})


def _roots(probabilities):
    """Return roots as whole numbers of steps; the class in front stays in front."""
    roots = np.round(STEPS * probabilities ** (1 / ROOT)).astype(np.uint8)
    first = probabilities.argmax(axis=1)
    overtaken = np.flatnonzero(roots.argmax(axis=1) != first)
    roots[overtaken, first[overtaken]] += 1
    return roots


def _unpack(arrays):
    """Return the probabilities of an array file."""
    # What was rounded to no step at all is small, not impossible: a quarter stands for it.
    probabilities = (np.maximum(arrays["fifth_roots"], 0.25) / STEPS) ** ROOT
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


def read_all(folder, pattern="*/seed_*.json"):
    """Return the results whose files match a pattern, in the order of the series."""
    return sorted((_read(path) for path in folder.glob(pattern)), key=_place)


def _own(published):
    """Return the reader's full runs that can stand beside published ones.

    Those are models of their own, and other seeds of published ones by the same recipe.
    """
    folder = settings.results_folder()
    if settings.profile() != "full" or folder == settings.reference_results():
        return []
    seeds = {(result.model, result.seed) for result in published}
    told = {result.model: conditions(result) for result in published}
    return [
        result
        for result in read_all(folder)
        if result.profile == "full"
        and (result.model, result.seed) not in seeds
        and told.get(result.model, conditions(result)) == conditions(result)
    ]


def file_of(folder, model, seed):
    """Return the path of the JSON file of a result."""
    return folder / model / f"seed_{seed}.json"


def write(result, arrays):
    """Write both files of a result, each whole; return it with the code that made it."""
    code = definitions.of_model(result.registered, result.recipe)
    result = dataclasses.replace(result, commit=definitions.commit_at_start(), definitions=code)
    content = json.dumps(_document(result), indent=1, allow_nan=False) + "\n"
    remedy = (
        "make room there, or set FASHION_RESULTS_DIR to another folder, and run this cell again; "
        "results of other models are untouched."
    )
    # Both are written before one takes its place; each of the two moves is whole in itself.
    with (
        files.replacing(result.file, remedy) as document,
        files.replacing(result.file.with_suffix(".npz"), remedy) as array,
    ):
        document.write_text(content, encoding="utf-8", newline="\n")
        array.write_bytes(arrays)
    return result


def _document(result):
    """Return what the JSON file holds; it knows no NaN, so null stands for it."""
    stored = {
        field.name: getattr(result, field.name)
        for field in dataclasses.fields(result)
        if field.metadata.get("stored", True)
    }
    for key in MAY_BE_NAN:
        stored[key] = _replaced(stored[key], lambda value: not np.isfinite(value), None)
    return stored


def _replaced(values, chosen, by):
    """Return nested dictionaries and lists with the chosen numbers replaced."""
    if isinstance(values, dict):
        return {key: _replaced(value, chosen, by) for key, value in values.items()}
    if isinstance(values, list):
        return [_replaced(value, chosen, by) for value in values]
    return by if chosen(values) else values


def _read(path):
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        for key in MAY_BE_NAN:
            document[key] = _replaced(document[key], lambda value: value is None, math.nan)
        result = Result(**document, file=path)
        _check_types(result)
    except OSError as error:
        raise _unusable(path, error.strerror) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unusable(path, "it is not a result as this version writes it") from error
    if path != file_of(path.parent.parent, result.model, result.seed):
        raise _unusable(path, f"it holds the result of {result.model} with seed {result.seed}")
    if not result.variant_of and not path.with_suffix(".npz").exists():
        raise _unusable(path, f"{path.stem}.npz with its probabilities is missing beside it")
    return result


def _check_types(result):
    """Raise TypeError unless every field, and every metric, holds what `Result` declares."""
    for field in dataclasses.fields(result):
        if not isinstance(getattr(result, field.name), field.type):
            raise TypeError(field.name)
    if set(result.metrics) != set(METRICS):
        raise TypeError("metrics")
    if not all(isinstance(value, float) for value in result.metrics.values()):
        raise TypeError("metrics")


def _unusable(path, reason):
    return settings.UserError(
        f"{path} cannot be used because {reason}: restore it with git, or delete it and run the "
        "notebook of this model again."
    )


def _place(result):
    # By notebook first, as a model added to the registry later shifts the numbers after it.
    return result.notebook, result.order, result.variant_of is not None, result.model, result.seed


def conditions(result):
    """Return what the results of one model must have in common to be averaged."""
    # What a classical baseline keeps comes out of its fit: trees of another seed have other sizes.
    parameters = None if result.family == "Classical" else result.parameters
    return result.profile, parameters, result.trained_on, _comparable(result.recipe)


def _comparable(recipe):
    """Return a recipe without what may differ between seeds of the same one.

    The precision is the machine's choice, Keras numbers the names of objects as it makes them, a
    class may move to another module, the members of an ensemble have seeds of their own, and older
    recipes leave out an architecture that is the builder's own.
    """
    if isinstance(recipe, dict):
        kept = recipe.keys() - {"precision", "name", "module", "member_seeds"}
        kept -= set() if recipe.get("architecture") else {"architecture"}
        return {key: _comparable(recipe[key]) for key in kept}
    return [_comparable(entry) for entry in recipe] if isinstance(recipe, list) else recipe
