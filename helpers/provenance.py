"""Say which code a result came from, and whether the code of today still claims it.

A result keeps the commit of the checkout that made it and hashes of the definitions it went
through. Results from before that was kept are checked by what they do hold.
"""

import functools
import math
import subprocess

import pandas as pd

from helpers import settings, stamp

VERDICTS = AGREES, UNKNOWN, CONTRADICTS = "agrees", "unknown", "contradicts"
BEFORE = "made before provenance was kept"
LEGEND = (
    "Of an unknown one, what could be checked is in order: the stamp of its notebook, its stored "
    "probabilities, and the cost of its model."
)
FAMILIES = ("ANN", "CNN", "Ensemble")
CHANGED = "+"  # behind the commit: tracked files had been changed since
SECONDS = 20
COLUMNS = ("model", "seed", "commit", "verdict", "why")


def commit(repository=None):
    """Return the git commit of a checkout, with "+" where tracked files were changed.

    Stored results do not count as changed, since every run writes some.

    Parameters
    ----------
    repository : pathlib.Path, optional
        This project's own by default.

    Returns
    -------
    str or None
        None where there is no git, or the folder is not the top of a checkout.
    """
    repository = (repository or settings.REPOSITORY).resolve()
    top = _git(repository, "rev-parse", "--show-toplevel")
    found = _git(repository, "rev-parse", "HEAD")
    if not found or not top or not repository.samefile(top):
        return None
    results = settings.PUBLISHED_RESULTS.relative_to(settings.REPOSITORY).as_posix()
    pathspec = ("--", ".", f":(exclude){results}")
    changes = _git(repository, "status", "--porcelain", "--untracked-files=no", *pathspec)
    # Where git cannot say, it is not known to be unchanged.
    return found + (CHANGED if changes != "" else "")


def check(results):
    """Compare results with the code of today.

    Parameters
    ----------
    results : sequence of runs.Result

    Returns
    -------
    pandas.DataFrame
        One row per result with the columns `COLUMNS`. The verdict is `agrees` where every
        definition that the result went through is as it was, `contradicts` where something speaks
        against it, and `unknown` where nothing does but no definitions were kept; `why` says more.
    """
    rows = [(each.model, each.seed, _short(each.commit), *_judge(each)) for each in results]
    return pd.DataFrame(rows, columns=COLUMNS)


def report(checked):
    """Render a table of `check` as plain text, with a line that counts the verdicts."""
    lines = [COLUMNS, *checked.astype(str).itertuples(index=False)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    found = [int((checked["verdict"] == verdict).sum()) for verdict in VERDICTS]
    counts = (f"{n} {v}" for n, v in zip(found, ("agree", "unknown", "contradict"), strict=True))
    table = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return f"{table}\n\n{len(checked)} results: {', '.join(counts)}. {LEGEND}"


def _git(folder, *arguments):
    """Return what git says, or None where it is missing or refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _short(found):
    return "-" if found is None else found[:10] + (CHANGED if found.endswith(CHANGED) else "")


def _judge(result):
    """Return the verdict on a result and the reason for it."""
    faults = [
        fault for find in (_probabilities, _model, _code) if (fault := find(result)) is not None
    ]
    if faults:
        return CONTRADICTS, "; ".join(faults)
    return (UNKNOWN, BEFORE) if result.definitions is None else (AGREES, "")


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

    Only what is built by its name and recipe alone can be compared: neither the arms of ablations,
    nor the network whose size a command line decides. What is no network has another registry.
    """
    from helpers import ensembling, models, record

    if result.family not in FAMILIES:
        return None

    name = result.variant_of or result.model
    built = result.recipe.get("members") or [name]
    gone = {name, *built} - {*models.names(), *ensembling.ENSEMBLES}
    if gone:
        return f"no model of the name {' or '.join(sorted(gone))} is registered any more"
    if result.variant_of is not None or record.wide_resnet_gpu.__name__ in built:
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
    return tuple(_told(recipe, name).get("architecture", {}).items())


def _told(recipe, name):
    return recipe.get("training", {}).get(name, recipe)


@functools.cache
def _cost(name, architecture):
    from helpers import cost, models

    model = models.build(name, **dict(architecture))
    return cost.parameters(model), cost.flops(model) / 1e6


def _code(result):
    """Say that definitions have changed; for a result without any, ask its notebook's stamp."""
    if result.definitions is None:
        return _notebook(result.notebook)
    today = stamp.of_model(result.variant_of or result.model, result.recipe)
    before = result.definitions
    changed = sorted(key for key in today | before if today.get(key) != before.get(key))
    return f"changed since: {', '.join(changed)}" if changed else None


def _notebook(name):
    """Say that a notebook's stored run is not of today's code."""
    path = settings.NOTEBOOKS / f"{name}.ipynb"
    if not path.is_file():
        return f"its notebook {name} does not exist"
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    stored = notebook.metadata.get("fashion", {})
    if stored.get("profile") != "full":
        return f"its notebook {name} holds no full run"
    if stored.get("sources") != stamp.sources(notebook):
        return f"its notebook {name} has changed since its stored run"
    return None


# Asked when the process starts: a long training may outlive the checkout that it began with.
AT_START = commit()
