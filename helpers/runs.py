"""Judge a finished training run, once, and write down what it achieved and what it cost."""

import dataclasses
import datetime
import hashlib
import json
import math

import numpy as np

from helpers import definitions, evaluation, results, settings, tables

# Notebooks ask this module for all of them.
from helpers.results import VARIANT_MARK, Result, load, load_all  # noqa: F401
from helpers.tables import (  # noqa: F401
    by_seed,
    duration,
    expected,
    paired_gain,
    summary,
    table,
    terminal_table,
)

HISTORY_DIGITS = 7


def banner(notebook, dataset):
    """Print what a notebook's run works on: profile, data, seed, device, engine, expected time."""
    from helpers import cost

    definitions.remember()
    machine, profile = cost.machine(), settings.profile()
    device = machine["accelerator"] or f"{machine['processor']}, {machine['cores']} cores"
    print(f"profile  {profile}")
    print(f"data     {len(dataset.train):,} training, {len(dataset.test):,} test images")
    print(f"source   {dataset.source}")
    print(f"seed     {settings.seed()}")
    print(f"device   {device}")
    print(f"engine   {cost.engine(machine)}")
    print(f"time     about {expected_minutes(notebook)[profile]:.2g} min on two CPU cores")


def expected_minutes(notebook):
    """Return the minutes that a notebook takes on two CPU cores, by profile.

    They lie in its metadata; those of the `full` profile are measured whenever it is published.
    """
    path = settings.NOTEBOOKS / f"{notebook}.ipynb"
    known = json.loads(path.read_text(encoding="utf-8"))["metadata"]["fashion"]
    measured = {"full": known["executed_seconds"] / 60} if "executed_seconds" in known else {}
    return known["minutes"] | measured


def finish(run, test, views=None):
    """Judge a trained model on validation and test images, once, and keep the result.

    The test metrics are computed from the probabilities as they are stored, rounded to a byte each,
    so that whoever reads the files later finds the same figures. Operations and latency are those
    of an answer, so each view of an image adds its own. `run` is of a registered model, or an arm
    of an ablation of one; `views` are for validation and test images alike, see
    `evaluation.predict`.

    The `Result` is written to `settings.results_folder()/<model>/seed_<seed>.json` and `.npz`,
    replacing an earlier one. Raises UserError if the model is not registered, its outputs are no
    probabilities, or the files cannot be written.
    """
    from helpers import cost, models

    results.check_name(run.name)
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
    them has to be trained, kept and asked; their shares are equal. `labels` are those of the test
    images, `validation_labels` those of the validation images, where every member has been asked
    about them. Raises UserError if there is no ensemble of that name, there are fewer than two
    members, or their arrays do not fit.
    """
    from helpers import models
    from helpers.topics import ensembling

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

    It is of the family `Classical`, with an empty history; `training_seconds` are those of the fit
    with its features, `size_bytes` those of the pickled pipeline.
    """
    from helpers import cost
    from helpers.topics import classical

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


def _keep(name, seed, specification, probabilities, labels, validation, *, recipe, **known):
    """Judge test probabilities and write them with what is known of the run as one result."""
    from helpers import cost

    content, stored = results.pack(probabilities, np.asarray(labels))
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
        file=results.file_of(settings.results_folder(), name, seed),
        **known,
    )
    result = results.write(result, content)
    if not settings.publishing():
        tables.show_beside_published(result)
    return result


def _network_validation(run, views):
    if run.validation is None:
        return _validation(None, None)
    images = run.validation.images
    probabilities = evaluation.predict(run.model, images, run.pixel_range, views=views)
    return _validation(run.validation.labels, probabilities)


def _ensemble_validation(members, labels):
    if labels is None:
        return _validation(None, None)
    from helpers.topics import ensembling

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


def _rounded(value):
    """Cut a measured value to the digits that mean something; NaN stays NaN."""
    return float(f"{float(value):.{HISTORY_DIGITS}g}")
