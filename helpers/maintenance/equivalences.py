"""Declare that definitions have changed and no number with them, once a retraining has proved it.

    python -m helpers declare "why no number can change" --retrain cnn_basic:0 ann_baseline:0

trains stored results again from their recipes, into a folder of its own. If they come out the same
to the last digit, on the same kind of processor, what they prove is written beside the published
results, where `python -m helpers check` and the tests of the notebooks read it. A result
proves the step of a definition from one hash to another if it went through the one when it was
stored and goes through the other now. Every retraining loads the images, and so proves what does.
"""

import argparse
import datetime
import fnmatch
import json
import tempfile

import nbformat

from helpers import cost, data, definitions, files, runs, settings
from helpers.maintenance import provenance, replication

PACKAGES = ("tensorflow", "keras", "numpy")
# All else that is known of a machine says which kind of processor it has.
MAY_DIFFER = ("cores", "memory_gib", "os", "python")


def declare(reason, chosen, only=()):
    """Train stored results again and declare the changed definitions that they prove equivalent.

    `reason` says in half a sentence why no number can have changed; `chosen` are pairs of a model
    and a seed to train again; `only`, shell-style patterns (`layers.*`) of definitions, all of
    which have to be proved. Declarations whose evidence fails are dropped; `provenance.check` names
    them.

    Returns the definitions that have changed and are still not covered. Raises UserError if there
    is nothing to declare, or a result does not go through what has changed, cannot be trained again
    here, or comes out otherwise. Nothing is written then.
    """
    declared, _ = provenance.equivalences()
    of_results, of_notebooks = _results_behind(declared), _notebooks_behind(declared)
    steps = of_results | of_notebooks
    wanted = {step for step in steps if any(fnmatch.fnmatch(step[0], each) for each in only or "*")}
    if not wanted or not reason.strip():
        raise settings.UserError(
            f"There is nothing to declare: no definition{' of that name' if only else ''} has "
            "changed, or the reason is empty."
        )
    evidence = [_stored(model, seed) for model, seed in chosen]
    proved = _proved(evidence, wanted, declared, only)
    print(f"to declare  {', '.join(_names(proved))}", flush=True)
    dataset = data.load_profile()
    for each in evidence:
        _retrain(each, dataset)
        print(f"same again  {runs.summary(each)}", flush=True)
    declaration = {
        "reason": reason,
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": definitions.commit_at_start(),
        "changed": {
            name: sorted([step[1:] for step in proved if step[0] == name], key=str)
            for name in _names(proved)
        },
        "notebooks_only": sorted(set(_names(proved)) - set(_names(of_results))),
        "evidence": [_described(each) for each in evidence],
    }
    declared.append(declaration)
    content = json.dumps(declared, indent=1, ensure_ascii=False) + "\n"
    path = settings.PUBLISHED_RESULTS / provenance.EQUIVALENCES
    files.write(path, content, "make room there and declare again.")
    return _names(step for step in steps if step[2] not in provenance.chains(*step[:2], declared))


def _names(steps):
    return sorted({name for name, *_ in steps})


def _results_behind(declared):
    """Return the steps (definition, hash before, hash now) between published results and today."""
    steps = set()
    for result in runs.load_all(settings.PUBLISHED_RESULTS, variants=True):
        if result.definitions is not None:
            before, today = result.definitions, _today(result)
            changed = provenance.compare(before, today, declared)[1]
            steps |= {(key, before.get(key), today.get(key)) for key in changed}
    return steps


def _notebooks_behind(declared):
    """Return the same of notebooks, except those that need a new run for their own code."""
    steps = set()
    for path in settings.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        changed = provenance.changed_since(notebook, declared)
        if changed and provenance.OWN_CODE not in changed:
            before, today = notebook.metadata.fashion.definitions, definitions.of_notebook(notebook)
            steps |= {(key, before.get(key), today.get(key)) for key in changed}
    return steps


def _today(result):
    return definitions.of_model(result.registered, result.recipe)


def _stored(model, seed):
    """Return a published result that can be trained again on this machine to compare."""
    result = runs.load(model, seed, settings.PUBLISHED_RESULTS)
    result.probabilities()  # or a sentence that they are damaged
    if result.definitions is None or not replication.replicable(result):
        raise settings.UserError(
            f"{model}, seed {seed} keeps no definitions, or takes more than its recipe to be made "
            "again: choose another result."
        )
    here = {"profile": settings.profile(), **cost.machine(), **cost.versions()}
    there = {"profile": result.profile, **result.machine}
    there |= {package: result.versions.get(package) for package in PACKAGES}
    for key in there:
        if key not in MAY_DIFFER and there[key] != here.get(key):
            raise settings.UserError(
                f"{model}, seed {seed} was made with the {key} {there[key]} and this is "
                f"{here.get(key)}: prove it where they are the same, or choose another result."
            )
    return result


def _proved(evidence, wanted, declared, only):
    """Return the steps that the results prove; raise UserError where they do not fit."""
    loading = definitions.of_loading()
    proved = set()
    for result in evidence:
        today = _today(result)
        found = {step for step in wanted if _proves(result, today, loading, step, declared)}
        if not found:
            raise settings.UserError(
                f"{result.model}, seed {result.seed} does not go through what has changed "
                f"({', '.join(_names(wanted))}): leave it out or choose another result."
            )
        proved |= found
    if only and wanted - proved:
        raise settings.UserError(
            f"{', '.join(_names(wanted - proved))} cannot be proved by these results: add one that "
            "goes through it or, where only notebooks do, leave it out and publish them again."
        )
    return proved


def _proves(result, today, loading, step, declared):
    name, before, after = step
    if name not in result.definitions and after == loading.get(name):
        if after or name.startswith("data."):
            return True
    reached = provenance.chains(name, result.definitions.get(name), declared)
    return before in (None, *reached) and after in (None, today.get(name))


def _retrain(stored, dataset):
    """Train a result again, without keeping it; raise UserError where it comes out otherwise."""
    with tempfile.TemporaryDirectory() as folder, settings.results_in(folder):
        again = _outcome(replication.replicate(stored, dataset, stored.seed))
    before = _outcome(stored)
    # As text, NaN is like itself.
    differing = [key for key in before | again if str(before.get(key)) != str(again.get(key))]
    if differing:
        raise settings.UserError(
            f"{stored.model}, seed {stored.seed} came out otherwise ({', '.join(differing)}): the "
            "code changes numbers, or this machine does, and nothing was declared."
        )


def _outcome(result):
    """Return all of a result that must not change, by what it is called."""
    epochs = {f"{key} by epoch": result.history[key] for key in result.history if key != "seconds"}
    return {
        "precision": result.recipe.get("precision"),
        "epoch": result.epoch,
        **epochs,
        **result.metrics,
        "probabilities": result.probabilities_sha256,
    }


def _described(result):
    return {
        "model": result.model,
        "seed": result.seed,
        "processor": result.machine["accelerator"] or result.machine["processor"],
        "precision": result.recipe.get("precision"),
        "probabilities_sha256": result.probabilities_sha256,
        "versions": {package: result.versions[package] for package in PACKAGES},
    }


def model_and_seed(text):
    """Return the model and the seed that `cnn_basic:0` names, for argparse."""
    model, _, seed = text.rpartition(":")
    if not model or not (seed.isascii() and seed.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no MODEL:SEED, as cnn_basic:0 is")
    return model, int(seed)
