"""Write and read results: what one training run achieved and what it cost.

A finished run becomes two files per model and seed, one JSON with every figure and one compressed
array with the test probabilities; tables, sentences and later comparisons read these files alone.
`python -m helpers.runs` prints the table of results.
"""

import argparse
import contextlib
import dataclasses
import datetime
import hashlib
import io
import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import evaluation, provenance, settings, stamp

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
COLUMNS = (
    "model",
    "family",
    "parameters",
    "mflops",
    "seeds",
    "validation_accuracy",
    "test_accuracy",
    "test_accuracy_low",
    "test_accuracy_high",
    "log_loss",
    "calibration_error",
    "reported_accuracy",
    "training_seconds",
)
TERMINAL_HEADINGS = (
    "model",
    "parameters",
    "MFLOPs",
    "seeds",
    "valid %",
    "test %",
    "interval",
    "loss",
    "calib.",
    "source %",
    "time",
)
MAY_BE_NAN = ("metrics", "history", "mflops")
MODEL_WIDTH = 23
VARIANT_MARK = "__"
HISTORY_DIGITS = 7
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
    made it, see `provenance.AT_START` and `stamp.of_model`; they are None in results from before
    that was kept.
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

    def probabilities(self):
        """Return the test probabilities, shape (N, classes), float32; each row sums to 1.

        Raises
        ------
        UserError
            If the file is missing, as that of an ablation's arm is in a fresh clone, or is not
            the one that was written with this result.
        """
        return _unpack(self._arrays())

    def labels(self):
        """Return the test labels the probabilities were judged by, shape (N,), uint8.

        Raises
        ------
        UserError
            As `probabilities`.
        """
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


def banner(notebook, dataset):
    """Print what a notebook's run works on: profile, data, seed, device and expected time.

    Parameters
    ----------
    notebook : str
        Stem of the notebook, which holds the minutes that each profile took when last measured.
    dataset : data.Dataset
    """
    from helpers import cost

    machine, profile = cost.machine(), settings.profile()
    device = machine["accelerator"] or f"{machine['processor']}, {machine['cores']} cores"
    print(f"profile  {profile}")
    print(f"data     {len(dataset.train):,} training, {len(dataset.test):,} test images")
    print(f"source   {dataset.source}")
    print(f"seed     {settings.seed()}")
    print(f"device   {device}")
    print(f"time     about {expected_minutes(notebook)[profile]:.2g} min on two CPU cores")


def expected_minutes(notebook):
    """Return the minutes that a notebook takes on two CPU cores, by profile.

    Parameters
    ----------
    notebook : str
        Stem of the notebook, whose metadata holds the times.

    Returns
    -------
    dict of str to float
        That of the `full` profile is measured whenever the notebook is published.
    """
    path = settings.NOTEBOOKS / f"{notebook}.ipynb"
    known = json.loads(path.read_text(encoding="utf-8"))["metadata"]["fashion"]
    measured = {"full": known["executed_seconds"] / 60} if "executed_seconds" in known else {}
    return known["minutes"] | measured


def finish(run, test, views=None):
    """Judge a trained model on validation and test images, once, and keep the result.

    The test metrics are computed from the probabilities as they are stored, rounded to a byte each,
    so that whoever reads the files later finds the same figures. Operations and latency are those
    of an answer, so each view of an image adds its own.

    Parameters
    ----------
    run : training.Run
        Of a registered model, or an arm of an ablation of one.
    test : data.LabelledImages
    views : sequence of pipeline.View, optional
        Test-time augmentation, on validation and test images alike; see `evaluation.predict`.

    Returns
    -------
    Result
        Written to `settings.results_folder()/<model>/seed_<seed>.json` and `.npz`, replacing an
        earlier result of the same model and seed.

    Raises
    ------
    UserError
        If the model is not registered, its outputs are no probabilities, or the files cannot be
        written; earlier results are then as they were.
    """
    from helpers import cost, models

    _check_name(run.name)
    registered = run.variant_of or run.name
    specification = models.specification(registered)
    if run.variant_of:
        arm = run.name.removeprefix(registered + VARIANT_MARK).replace("_", " ")
        specification = dataclasses.replace(
            specification,
            title=f"{specification.title}, {arm}",
            reported_accuracy=None,
            reported_note="",
        )
    looks = len(views) if views else 1
    return _keep(
        run.name,
        run.seed,
        specification,
        evaluation.predict(run.model, test.images, run.pixel_range, views=views),
        test.labels,
        _network_validation(run, views),
        order=models.names().index(registered),
        variant_of=run.variant_of,
        history={key: [_rounded(value) for value in run.history[key]] for key in run.history},
        recipe=run.recipe | ({"views": [repr(view) for view in views]} if views else {}),
        epoch=int(run.epoch),
        choice=run.choice,
        trained_on=int(run.trained_on),
        parameters=cost.parameters(run.model),
        mflops=looks * cost.flops(run.model) / 1e6,
        size_bytes=cost.size_bytes(run.model),
        latency_ms=_rounded(looks * cost.latency(run.model, test.images)),
        training_seconds=_rounded(run.training_seconds),
        reported_accuracy=specification.reported_accuracy,
        reported_note=specification.reported_note,
        machine=cost.machine(),
    )


def finish_ensemble(name, members, labels, validation_labels=None, seed=None):
    """Judge the mean of several networks' probabilities, once, and keep it as a result of its own.

    Parameters, operations, size, latency and training time are sums over the members, as each of
    them has to be trained, kept and asked.

    Parameters
    ----------
    name : str
        A key of `ensembling.ENSEMBLES`.
    members : sequence of ensembling.Member
        Two or more, all of which were asked about the same test images; their shares are equal.
    labels : numpy.ndarray, shape (N,), integer
        Of the test images.
    validation_labels : numpy.ndarray, shape (M,), integer, optional
        Of the validation images, where every member has been asked about them.
    seed : int, optional
        That of the settings by default.

    Returns
    -------
    Result
        Of the family `Ensemble`, with an empty history and the epoch 0; its recipe names the
        members. Written as by `finish`.

    Raises
    ------
    UserError
        If there is no ensemble of that name, there are fewer than two members, their arrays do not
        fit, or the files cannot be written.
    """
    from helpers import ensembling, models

    specification = ensembling.specification(name)
    if len(members) < 2:
        raise settings.UserError(f"{name} needs two members or more: train another one.")
    return _keep(
        name,
        settings.seed() if seed is None else seed,
        specification,
        ensembling.average([member.probabilities for member in members]),
        labels,
        _ensemble_validation(members, validation_labels),
        order=len(models.names()) + list(ensembling.ENSEMBLES).index(name),
        variant_of=None,
        history={},
        recipe={
            "members": [member.model for member in members],
            "member_seeds": [member.seed for member in members],
            "shares": "equal",
            "training": {member.model: member.recipe for member in members},
        },
        epoch=0,
        choice="mean of the members' probabilities",
        trained_on=max(int(member.trained_on) for member in members),
        parameters=sum(member.parameters for member in members),
        mflops=float(sum(member.mflops for member in members)),
        size_bytes=sum(member.size_bytes for member in members),
        latency_ms=_rounded(sum(member.latency_ms for member in members)),
        training_seconds=_rounded(sum(member.training_seconds for member in members)),
        reported_accuracy=None,
        reported_note="",
        machine=members[0].machine,
    )


def finish_classical(fit, test):
    """Judge a fitted classical baseline on validation and test images, once, and keep the result.

    Parameters
    ----------
    fit : classical.Fit
    test : data.LabelledImages

    Returns
    -------
    Result
        Of the family `Classical`, with an empty history and the epoch 0; `training_seconds` are
        those of the fit with its features, `size_bytes` those of the pickled pipeline. Written as
        by `finish`.

    Raises
    ------
    UserError
        If the outputs are no probabilities, or the files cannot be written.
    """
    from helpers import classical, cost

    specification = classical.specification(fit.name)
    probabilities, seconds = fit.timed_probabilities(test.images)
    variant_of = specification.variant_of
    return _keep(
        VARIANT_MARK.join([variant_of, fit.name]) if variant_of else fit.name,
        fit.seed,
        specification,
        probabilities,
        test.labels,
        _validation(fit.validation.labels, fit.validation_probabilities),
        order=classical.names().index(variant_of or fit.name),
        variant_of=variant_of,
        history={},
        recipe=fit.recipe,
        epoch=0,
        choice="fitted once",
        trained_on=fit.trained_on,
        parameters=classical.kept_numbers(fit.estimator),
        mflops=classical.operations(fit.estimator) / 1e6,
        size_bytes=classical.size_bytes(fit.estimator),
        latency_ms=_rounded(classical.latency(fit, test.images)),
        training_seconds=_rounded(fit.seconds),
        reported_accuracy=specification.reported_accuracy,
        reported_note=specification.reported_note,
        machine=cost.machine(),
        prediction_seconds=_rounded(seconds),
    )


def load(model, seed=0, folder=None):
    """Read one result.

    Parameters
    ----------
    model : str
        Name of a model, or of a variant as `<model>__<arm>`.
    seed : int
    folder : path, optional
        Default: the published results.

    Returns
    -------
    Result

    Raises
    ------
    UserError
        If there is no such result, or its files are damaged.
    """
    folder = settings.reference_results() if folder is None else Path(folder)
    path = _file(folder, model, seed)
    if not path.exists():
        known = sorted({file.parent.name for file in folder.glob("*/seed_*.json")})
        raise settings.UserError(
            f"{folder} holds no result of {model!r} with seed {seed}: run its notebook in the full "
            f"profile, or choose a model that has one ({', '.join(known) or 'there is none yet'})."
        )
    return _read(path)


def load_all(folder=None, variants=False):
    """Read all results of a folder, in the order of the series, then by seed.

    Parameters
    ----------
    folder : path, optional
        Default: the published results, and in the `full` profile beside them the reader's own of
        other models, or of other seeds by the same recipe. A folder that does not exist holds none.
    variants : bool
        Whether to include the arms of ablations, each after the model it varies.

    Returns
    -------
    list of Result

    Raises
    ------
    UserError
        If a file is damaged.
    """
    results = _read_all(settings.reference_results() if folder is None else Path(folder))
    if folder is None:
        results = sorted([*results, *_own(results)], key=_place)
    return [result for result in results if variants or result.variant_of is None]


def table(folder=None, variants=False):
    """Summarise the results of a folder, one row per model.

    Parameters
    ----------
    folder : path, optional
        As `load_all`.
    variants : bool
        Whether to include the arms of ablations.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, in the order of the series: `mflops` is NaN where operations are not
        counted; `seeds` counts the runs; accuracies (0 to 1), `log_loss` and `calibration_error`
        are means over them, and `training_seconds` is their median. With two seeds or more,
        `test_accuracy_low` and `_high` are the 95 % interval of that mean; with one, Wilson's
        interval of the one measurement. `reported_accuracy` is NaN where there is none.

    Raises
    ------
    UserError
        If a file is damaged, or the seeds of a model were not run with the same recipe.
    """
    by_model = {}
    for result in load_all(folder, variants):
        by_model.setdefault(result.model, []).append(result)
    return pd.DataFrame([_row(results) for results in by_model.values()], columns=COLUMNS)


def expected(model):
    """Say in one sentence what a full run of a model is expected to give.

    Parameters
    ----------
    model : str

    Returns
    -------
    str
        The published test accuracy with its interval, the number of seeds and the training time,
        or that nothing is published yet.

    Raises
    ------
    UserError
        If a published file of the model is damaged.
    """
    results = _read_all(settings.PUBLISHED_RESULTS, f"{model}/seed_*.json")
    if not results:
        return f"No result of {model} is published yet: a run in the full profile makes one."
    row, machine = _row(results), results[0].machine
    seeds = "one seed" if row["seeds"] == 1 else f"mean of {row['seeds']} seeds"
    accuracy, low, high = (_percent(row[f"test_accuracy{end}"]) for end in ("", "_low", "_high"))
    place = machine["accelerator"] or f"{machine['processor']} with {machine['cores']} cores"
    return (
        f"Published result of {model}: test accuracy {accuracy} % (95 % interval {low} to {high} "
        f"%, {seeds}) after {duration(row['training_seconds'])} of training on {place}."
    )


def markdown_table(results):
    """Render a table of results for a Markdown page.

    Parameters
    ----------
    results : pandas.DataFrame
        As `table` returns it.

    Returns
    -------
    str
        Lines of a Markdown table; percentages with two decimals.
    """
    headings = (
        "Model",
        "Parameters",
        "MFLOPs per image",
        "Seeds",
        "Validation accuracy",
        "Test accuracy (95 % interval)",
        "Reported elsewhere",
        "Training time",
    )
    lines = [headings, ("---", *["---:"] * (len(headings) - 1))]
    for row in results.to_dict("records"):
        low, high = _percent(row["test_accuracy_low"]), _percent(row["test_accuracy_high"])
        lines.append(
            (
                row["model"],
                f"{row['parameters']:,}",
                _short(row["mflops"]),
                f"{row['seeds']}",
                _percent(row["validation_accuracy"], " %"),
                f"{_percent(row['test_accuracy'])} % ({low}–{high})",
                _percent(row["reported_accuracy"], " %"),
                duration(row["training_seconds"]),
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def terminal_table(results):
    """Render a table of results as plain ASCII text of at most 120 columns.

    Parameters
    ----------
    results : pandas.DataFrame
        As `table` returns it.

    Returns
    -------
    str
        Variants stand indented under their model; long names are cut.
    """
    lines = [TERMINAL_HEADINGS, *(_terminal_line(row) for row in results.to_dict("records"))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def summary(result):
    """Say in half a sentence what a run achieved and what it cost, for the lines of commands."""
    validation = result.metrics["validation_accuracy"]
    held_out = "" if np.isnan(validation) else f", validation accuracy {validation:.2%}"
    return (
        f"{result.model}, seed {result.seed}: test accuracy {result.metrics['test_accuracy']:.2%}"
        f"{held_out}, {duration(result.training_seconds)} of training on "
        f"{result.machine['accelerator'] or result.machine['processor']}"
    )


def duration(seconds):
    """Say a time in words: `0.02 s`, `42 s`, `3 min 07 s` or `1 h 05 min`."""
    if 0.0005 < seconds < 0.95:
        return f"{round(seconds, 3):.1g} s"
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def main(arguments=None):
    """Print the table of results, or compare them with the code of today.

    Returns
    -------
    int
        Exit status: 1 where a result contradicts the code, 2 where a sentence says what is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m helpers.runs", description="Print the table of results."
    )
    parser.add_argument("--csv", action="store_true", help="comma-separated values, for machines")
    parser.add_argument("--folder", type=Path, help="read another folder than notebooks/results")
    parser.add_argument("--variants", action="store_true", help="include the arms of ablations")
    parser.add_argument(
        "--check",
        action="store_true",
        help="say which results, arms included, no longer match the code that claims them",
    )
    options = parser.parse_args(arguments)
    try:
        if options.folder and not options.folder.is_dir():
            raise settings.UserError(f"{options.folder} is no folder: name one that holds results.")
        if options.check:
            folder = options.folder or settings.reference_results()
            return _check(load_all(folder, variants=True), options.csv)
        results = table(options.folder, options.variants)
    except settings.UserError as error:
        print(error, file=sys.stderr)
        return 2
    if options.csv:
        _print_csv(results)
    elif results.empty:
        print("There are no results yet: run a notebook to make one.")
    else:
        print(terminal_table(results))
    return 0


def _check(results, csv):
    checked = provenance.check(results)
    if csv:
        _print_csv(checked)
    else:
        print(provenance.report(checked))
    return int((checked["verdict"] == provenance.CONTRADICTS).any())


def _print_csv(table):
    print(table.to_csv(index=False, float_format="%.6g", lineterminator="\n"), end="")


def _check_name(name):
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise settings.UserError(
            f"{name!r} cannot name the folder of a result: use letters without accents, digits and "
            "underscores."
        )


def _keep(name, seed, specification, probabilities, labels, validation, *, recipe, **known):
    """Judge test probabilities and write them with what is known of the run as one result."""
    from helpers import cost

    content, stored = _pack(probabilities, np.asarray(labels))
    result = Result(
        model=name,
        title=specification.title,
        family=specification.family,
        notebook=specification.notebook,
        seed=int(seed),
        profile=settings.profile(),
        metrics=validation | _test_metrics(labels, stored),
        recipe=json.loads(json.dumps(recipe)),
        versions=cost.versions(),
        written=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        probabilities_sha256=hashlib.sha256(content).hexdigest(),
        file=_file(settings.results_folder(), name, seed),
        **known,
    )
    result = _write(result, content)
    if not settings.publishing():
        _show_beside_published(result)
    return result


def _show_beside_published(result):
    """Print a reader's figure beside the published one, where there is one."""
    published = _read_all(settings.PUBLISHED_RESULTS, f"{result.model}/seed_*.json")
    if published:
        row = _row(published)
        low, high = (_percent(row[f"test_accuracy_{end}"]) for end in ("low", "high"))
        seeds = "one seed" if row["seeds"] == 1 else f"{row['seeds']} seeds"
        print(
            f"{result.model}: {_percent(result.metrics['test_accuracy'])} % of the test images "
            f"are right here. Published, from all images and epochs: "
            f"{_percent(row['test_accuracy'])} % ({seeds}, {low} to {high})."
        )


def _network_validation(run, views):
    if run.validation is None:
        return _validation(None, None)
    images = run.validation.images
    probabilities = evaluation.predict(run.model, images, run.pixel_range, views=views)
    return _validation(run.validation.labels, probabilities)


def _ensemble_validation(members, labels):
    if labels is None:
        return _validation(None, None)
    from helpers import ensembling

    if any(member.validation is None for member in members):
        raise settings.UserError(
            "Not every member was asked about the validation images: predict them with each "
            "member, or leave out validation_labels."
        )
    return _validation(labels, ensembling.average([member.validation for member in members]))


def _validation(labels, probabilities):
    """Return the figures on validation images, NaN where there are none."""
    if labels is None:
        return {"validation_accuracy": math.nan, "validation_log_loss": math.nan}
    found = evaluation.metrics(labels, probabilities)
    return {
        "validation_accuracy": found["accuracy"],
        "validation_log_loss": found["log_loss"],
    }


def _test_metrics(labels, probabilities):
    found = evaluation.metrics(labels, probabilities)
    return {f"test_{key}" if key.startswith("accuracy") else key: found[key] for key in found}


def _pack(probabilities, labels):
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


def _rounded(value):
    """Cut a measured value to the digits that mean something; NaN stays NaN."""
    return float(f"{float(value):.{HISTORY_DIGITS}g}")


def _read_all(folder, pattern="*/seed_*.json"):
    return sorted((_read(path) for path in folder.glob(pattern)), key=_place)


def _own(published):
    """Return the reader's full runs that can stand beside published ones.

    Those are models of their own, and other seeds of published ones by the same recipe.
    """
    folder = settings.results_folder()
    if settings.profile() != "full" or folder == settings.reference_results():
        return []
    seeds = {(result.model, result.seed) for result in published}
    conditions = {result.model: _conditions(result) for result in published}
    return [
        result
        for result in _read_all(folder)
        if result.profile == "full"
        and (result.model, result.seed) not in seeds
        and conditions.get(result.model, _conditions(result)) == _conditions(result)
    ]


def _file(folder, model, seed):
    return folder / model / f"seed_{seed}.json"


def _write(result, arrays):
    """Write both files whole or not at all; return the result with the code that made it."""
    definitions = stamp.of_model(result.variant_of or result.model, result.recipe)
    result = dataclasses.replace(result, commit=provenance.AT_START, definitions=definitions)
    files = {
        result.file.with_suffix(".npz"): arrays,
        result.file: (json.dumps(_document(result), indent=1, allow_nan=False) + "\n").encode(),
    }
    temporary = {path: path.with_name(f"{path.name}.{os.getpid()}.tmp") for path in files}
    try:
        result.file.parent.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            _write_through(temporary[path], content)
        _replace_both(temporary)
    except OSError as error:
        raise settings.UserError(
            f"The result of {result.model} could not be written to {result.file.parent} "
            f"({error.strerror or error}): make room there, or set FASHION_RESULTS_DIR to another "
            "folder, and run this cell again; earlier results are untouched."
        ) from error
    finally:
        for path in temporary.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return result


def _write_through(path, content):
    """Write a file and wait until the disk holds it, so that a full disk is noticed here."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace_both(temporary):
    """Move the temporary files into place; if that stops between the two, undo the first."""
    (arrays, new_arrays), (document, new_document) = temporary.items()
    earlier = arrays.read_bytes() if arrays.exists() else None
    try:
        os.replace(new_arrays, arrays)
        os.replace(new_document, document)
    except BaseException:
        if new_document.exists():
            _put_back(arrays, new_arrays, earlier)
        raise


def _put_back(path, temporary, earlier):
    if earlier is None:
        path.unlink(missing_ok=True)
    else:
        _write_through(temporary, earlier)
        os.replace(temporary, path)


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
    if path != _file(path.parent.parent, result.model, result.seed):
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


def _row(results):
    """Return one row of the table from the results of one model."""
    first = results[0]
    for result in results:
        if _conditions(result) != _conditions(first):
            raise settings.UserError(
                f"{first.file} and {result.file.name} beside it were not run with the same model "
                "and recipe, so they have no common mean: run the older one again, or delete it."
            )
    accuracies = [result.metrics["test_accuracy"] for result in results]
    mean, low, high = evaluation.seed_interval(accuracies)
    reported = first.reported_accuracy
    if len(results) == 1:
        low, high = (first.metrics[f"test_accuracy_{side}"] for side in ("low", "high"))
    return {
        "model": first.model,
        "family": first.family,
        "parameters": first.parameters,
        "mflops": first.mflops,
        "seeds": len(results),
        "validation_accuracy": _mean(results, "validation_accuracy"),
        "test_accuracy": mean,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "log_loss": _mean(results, "log_loss"),
        "calibration_error": _mean(results, "calibration_error"),
        "reported_accuracy": math.nan if reported is None else reported,
        # One run on a slow day would move the mean of a few by a great deal.
        "training_seconds": float(np.median([result.training_seconds for result in results])),
    }


def _conditions(result):
    # What a classical baseline keeps comes out of its fit: trees of another seed have other sizes.
    parameters = None if result.family == "Classical" else result.parameters
    return result.profile, parameters, result.trained_on, _comparable(result.recipe)


def _comparable(recipe):
    """Return a recipe without what may differ between seeds of the same one.

    The precision is the machine's choice, Keras numbers the names of objects as it makes them, and
    the members of an ensemble have seeds of their own.
    """
    if isinstance(recipe, dict):
        kept = recipe.keys() - {"precision", "name", "member_seeds"}
        return {key: _comparable(recipe[key]) for key in kept}
    return [_comparable(entry) for entry in recipe] if isinstance(recipe, list) else recipe


def _mean(results, metric):
    return float(np.mean([result.metrics[metric] for result in results]))


def _percent(share, unit=""):
    return "–" if math.isnan(share) else f"{100 * share:.2f}{unit}"


def _short(mflops):
    if math.isnan(mflops):
        return "–"
    decimals = 2 if mflops < 10 else 1 if mflops < 1000 else 0
    return f"{mflops:,.{decimals}f}"


def _terminal_line(row):
    model, _, arm = row["model"].partition(VARIANT_MARK)
    name = f"  {arm}" if arm else model
    interval = "-".join(_percent(row[f"test_accuracy_{side}"]) for side in ("low", "high"))
    line = (
        name if len(name) <= MODEL_WIDTH else f"{name[: MODEL_WIDTH - 2]}..",
        f"{row['parameters']:,}",
        _short(row["mflops"]),
        f"{row['seeds']}",
        _percent(row["validation_accuracy"]),
        _percent(row["test_accuracy"]),
        interval,
        f"{row['log_loss']:.3f}",
        f"{row['calibration_error']:.3f}",
        _percent(row["reported_accuracy"]),
        duration(row["training_seconds"]),
    )
    return tuple(cell.replace("–", "-") for cell in line)


if __name__ == "__main__":
    sys.exit(main())
