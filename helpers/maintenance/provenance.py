"""Say which code a result came from, and whether the code of today still claims it.

A result keeps the commit of the checkout that made it and hashes of the definitions it went
through. Results from before that was kept are checked by what they do hold. Where a definition had
to change and no number did, `equivalences` declares it.
"""

import functools
import json
import math

import pandas as pd

from helpers import cost, definitions, models, settings, tables
from helpers.maintenance import stamp
from helpers.topics import ensembling

VERDICTS = AGREES, EQUIVALENT, UNKNOWN, CONTRADICTS = (
    "agrees",
    "equivalent",
    "unknown",
    "contradicts",
)
BEFORE = "made before provenance was kept"
LEGEND = (
    "Of an unknown one, what could be checked is in order: the stamp of its notebook, its stored "
    "probabilities, and the cost of its model. Why a declared change is none stands in "
    "notebooks/results/equivalences.json."
)
FAMILIES = ("ANN", "CNN", "Ensemble")
COLUMNS = ("model", "seed", "commit", "verdict", "why")
EQUIVALENCES = "equivalences.json"  # beside the published results
FIELDS = {"reason", "written", "commit", "changed", "notebooks_only", "evidence"}
MOST_NAMES = 3
OWN_CODE = "its own code"


def check(results):
    """Compare results with the code of today: a table with the columns `COLUMNS`.

    The verdict is `agrees` where every definition that the result went through is as it was,
    `equivalent` where that holds but for declared changes, `contradicts` where something speaks
    against it, and `unknown` where nothing does but no definitions were kept; `why` says more. A
    declaration whose evidence fails has a row more, which `contradicts` in the name of that
    evidence.
    """
    declared, failing = equivalences()
    rows = [
        (each.model, each.seed, _short(each.commit), *_judge(each, declared)) for each in results
    ]
    rows += [(model, seed, _short(made), CONTRADICTS, why) for model, seed, made, why in failing]
    return pd.DataFrame(rows, columns=COLUMNS)


def report(checked):
    """Render a table of `check` as plain text, with a line that counts the verdicts."""
    found = [int((checked["verdict"] == verdict).sum()) for verdict in VERDICTS]
    words = ("agree", "equivalent by declaration", "unknown", "contradict")
    counts = [f"{n} {v}" for n, v in zip(found, words, strict=True) if n or v != words[1]]
    lines = [COLUMNS, *checked.astype(str).itertuples(index=False)]
    table = tables.aligned(lines, left=len(COLUMNS))
    return f"{table}\n\n{len(checked)} results: {', '.join(counts)}. {LEGEND}"


def equivalences():
    """Read the declared equivalences: those that count, and the evidence that fails.

    Of those that count, oldest first, `changed` maps a definition to pairs of hashes, before and
    after; None stands for a definition that was not reached before, or is no longer. Evidence
    fails, as (model, seed, commit, sentence), where the stored result is missing or has other
    probabilities than the retraining. Raises UserError if the file is damaged.
    """
    path = settings.PUBLISHED_RESULTS / EQUIVALENCES
    holding, failing = [], []
    try:
        for each in json.loads(path.read_text(encoding="utf-8")) if path.exists() else ():
            if each.keys() != FIELDS or not each["evidence"]:
                raise KeyError(*FIELDS)
            for name, pairs in each["changed"].items():
                each["changed"][name] = [(before, after) for before, after in pairs]
            why = f"it no longer proves {each['reason']!r}, so that this declaration does not count"
            lost = [one for one in each["evidence"] if not _holds(one)]
            failing += [(one["model"], one["seed"], each["commit"], why) for one in lost]
            holding += [] if lost else [each]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise settings.UserError(
            f"{path} is not what `python -m helpers declare` writes: restore it with git."
        ) from error
    return holding, failing


def _holds(evidence):
    """Say whether the stored result is the one that a retraining came out like."""
    file = settings.PUBLISHED_RESULTS / evidence["model"] / f"seed_{evidence['seed']}.json"
    if not file.is_file():
        return False
    stored = json.loads(file.read_text(encoding="utf-8"))
    return stored["probabilities_sha256"] == evidence["probabilities_sha256"]


def compare(before, today, declared):
    """Sort out in which definitions two states of the code, hashes by definition, differ.

    What has only moved to another module, with its name and its syntax tree, does not differ.
    Returns the reasons for each definition that a chain of declarations covers, and the other
    definitions, sorted.
    """
    keys = (before.keys() | today.keys()) - definitions.WITHOUT_EFFECT
    new = {(_bare(key), today[key]): key for key in keys - before.keys()}
    covered, changed, moved = {}, [], set()
    for key in sorted(keys, key=lambda key: (key in today, key)):
        found = chains(key, before.get(key), declared)
        place = {new[_bare(key), each] for each in found if (_bare(key), each) in new}
        if key not in today and place:
            moved |= place
        elif before.get(key) != today.get(key) and key not in moved:
            reasons = found.get(today.get(key))
            changed += [] if reasons else [key]
            covered |= {key: reasons} if reasons else {}
    return covered, sorted(changed)


def _bare(key):
    return key.partition(".")[2]


def chains(definition, before, declared):
    """Return the reasons by hash for all hashes that declarations lead to, `before` among them."""
    found = {before: ()}
    waiting = [before]
    for current in waiting:
        for each in declared:
            for start, end in each["changed"].get(definition, ()):
                if start == current and end not in found:
                    found[end] = (*found[current], each["reason"])
                    waiting.append(end)
    return found


def changed_since(notebook, declared):
    """Return the definitions that differ, undeclared, from those of a notebook's stored run.

    `OWN_CODE` comes first where its cells, or the definitions in its stamp, were altered.
    """
    stored = notebook.metadata.get("fashion", {})
    before = stored.get("definitions", {})
    _, changed = compare(before, definitions.of_notebook(notebook), declared)
    intact = stored.get("sources") == stamp.sources(notebook, known=before)
    return changed if intact else [OWN_CODE, *changed]


def _short(found):
    changed = definitions.CHANGED if found and found.endswith(definitions.CHANGED) else ""
    return "-" if found is None else found[:10] + changed


def _judge(result, declared):
    """Return the verdict on a result and the reason for it."""
    covered, code = _code(result, declared)
    faults = [fault for fault in (_probabilities(result), _model(result), code) if fault]
    if faults:
        return CONTRADICTS, "; ".join(faults)
    if result.definitions is None:
        return UNKNOWN, BEFORE
    return (EQUIVALENT, _words(covered)) if covered else (AGREES, "")


def _words(covered):
    """Name the first few definitions that declarations cover."""
    more = [f"and {len(covered) - MOST_NAMES} more"] if len(covered) > MOST_NAMES else []
    return f"changed, declared: {', '.join([*list(covered)[:MOST_NAMES], *more])}"


def _probabilities(result):
    if result.variant_of and not result.file.with_suffix(".npz").exists():
        return None  # the repository keeps the figures of arms, not their probabilities
    try:
        result.probabilities()
    except settings.UserError:
        return "its probabilities are damaged or of another run"
    return None


def _model(result):
    """Say that a model is gone or built differently today.

    Only what is built by its name and recipe alone can be compared, which arms of ablations whose
    recipe lacks the architecture are not. What is no network has another registry.
    """
    if result.family not in FAMILIES:
        return None

    name = result.registered
    built = result.recipe.get("members") or [name]
    gone = {name, *built} - {*models.names(), *ensembling.ENSEMBLES}
    if gone:
        return f"no model of the name {' or '.join(sorted(gone))} is registered any more"
    if result.variant_of is not None and "architecture" not in result.recipe:
        return None
    costs = [_cost(each, _architecture(result.recipe, each)) for each in built]
    parameters = sum(cost[0] for cost in costs)
    mflops = sum(
        cost[1] * _views(result.recipe, each) for each, cost in zip(built, costs, strict=True)
    )
    if parameters != result.parameters:
        return f"it has {result.parameters:,} parameters, today's model {parameters:,}"
    if not math.isclose(mflops, result.mflops, rel_tol=1e-9):
        return f"it needs {result.mflops:.6g} MFLOPs, today's model {mflops:.6g}"
    return None


def _views(recipe, name):
    """Return how many views of an image a model, or a member of an ensemble, looks at."""
    return len(_told(recipe, name).get("views", (None,)))


def _architecture(recipe, name):
    """Return the arguments with which a model, or a member of an ensemble, was built."""
    return json.dumps(_told(recipe, name).get("architecture", {}))


def _told(recipe, name):
    return recipe.get("training", {}).get(name, recipe)


@functools.cache
def _cost(name, architecture):
    model = models.build(name, **json.loads(architecture))
    return cost.parameters(model), cost.flops(model) / 1e6


def _code(result, declared):
    """Return the changes that are declared, and say which are not.

    A result without definitions has its notebook's stamp asked.
    """
    if result.definitions is None:
        return {}, _notebook(result.notebook, declared)
    today = definitions.of_model(result.registered, result.recipe)
    covered, changed = compare(result.definitions, today, declared)
    return covered, f"changed since: {', '.join(changed)}" if changed else None


def _notebook(name, declared):
    """Say that a notebook's stored run is not of today's code."""
    path = settings.NOTEBOOKS / f"{name}.ipynb"
    if not path.is_file():
        return f"its notebook {name} does not exist"
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    if notebook.metadata.get("fashion", {}).get("profile") != "full":
        return f"its notebook {name} holds no full run"
    changed = changed_since(notebook, declared)
    return f"its notebook {name} has changed since its stored run" if changed else None
