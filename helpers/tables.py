"""Put results into words and tables: for notebooks, pages and terminals."""

import math

import numpy as np
import pandas as pd

from helpers import settings, significance
from helpers.results import VARIANT_MARK, conditions, load_all, read_all

COLUMNS = (
    "model", "family", "parameters", "mflops", "seeds", "validation_accuracy", "test_accuracy",
    "test_accuracy_low", "test_accuracy_high", "log_loss", "calibration_error",
    "reported_accuracy", "training_seconds",
)  # fmt: skip
MODEL_WIDTH = 23


def table(folder=None, variants=False):
    """Summarise the results of a folder, as `results.load_all` reads it, one row per model.

    The columns are `COLUMNS`: `mflops` is NaN where operations are not counted; `seeds` counts the
    runs; accuracies (0 to 1), `log_loss` and `calibration_error` are means over them, and
    `training_seconds` is their median. With two seeds or more, `test_accuracy_low` and `_high` are
    the 95 % interval of that mean; with one, Wilson's interval of the one measurement. Raises
    UserError if a file is damaged, or the seeds of a model were not run with the same recipe.
    """
    by_model = {}
    for result in load_all(folder, variants):
        by_model.setdefault(result.model, []).append(result)
    return pd.DataFrame([_row(results) for results in by_model.values()], columns=COLUMNS)


def by_seed(names, measure):
    """Return one figure of stored results as a table: a row for each name, a column for each seed.

    The names are those of models or of their arms (`ann_regularized__none`), shortened to the arm
    in the table; `measure` takes a `Result` and returns a number. Seeds that an arm lacks are NaN.
    Raises UserError if a name has no result.
    """
    stored = load_all(variants=True)
    rows = {name: {r.seed: measure(r) for r in stored if r.model == name} for name in names}
    for name, found in rows.items():
        if not found:
            raise settings.UserError(
                f"{name} has no stored result: get notebooks/results again, with git or by "
                "downloading the repository."
            )
    table = pd.DataFrame.from_dict(rows, orient="index").sort_index(axis="columns")
    return table.rename(index=lambda name: name.partition(VARIANT_MARK)[2] or name)


def paired_gain(table, arm, reference):
    """Return how much an arm gains over another, seed by seed: a `significance.SeedDifference`.

    The table is one of `by_seed`; seeds that only one of the two has do not count.
    """
    figures = (table.loc[name].dropna().to_dict() for name in (arm, reference))
    return significance.seed_difference(*figures)


def expected(model):
    """Say in one sentence what a full run of a model should give, or that none is published."""
    results = read_all(settings.PUBLISHED_RESULTS, f"{model}/seed_*.json")
    if not results:
        return f"No result of {model} is published yet: a run in the full profile makes one."
    row, machine = _row(results), results[0].machine
    seeds = "one seed" if row["seeds"] == 1 else f"mean of {row['seeds']} seeds"
    accuracy, low, high = (percent(row[f"test_accuracy{end}"]) for end in ("", "_low", "_high"))
    place = machine["accelerator"] or f"{machine['processor']} with {machine['cores']} cores"
    return (
        f"Published result of {model}: test accuracy {accuracy} % (95 % interval {low} to {high} "
        f"%, {seeds}) after {duration(row['training_seconds'])} of training on {place}."
    )


def terminal_table(results):
    """Render a table of results, as `table` returns it, as ASCII text of at most 120 columns.

    Variants stand indented under their model; long names are cut.
    """
    lines = [_terminal_line(row) for row in results.to_dict("records")]
    return aligned([lines[0].keys(), *(line.values() for line in lines)], left=1)


def aligned(lines, left):
    """Return lines of cells as text in columns, of which so many are flush left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
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
    """Say a time in words.

    >>> duration(0.02), duration(42), duration(187), duration(3900)
    ('0.02 s', '42 s', '3 min 07 s', '1 h 05 min')
    """
    if 0.0005 < seconds < 0.95:
        return f"{round(seconds, 3):.1g} s"
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def show_beside_published(result):
    """Print a reader's figure beside the published one, where there is one."""
    published = read_all(settings.PUBLISHED_RESULTS, f"{result.model}/seed_*.json")
    if published:
        row = _row(published)
        low, high = (percent(row[f"test_accuracy_{end}"]) for end in ("low", "high"))
        seeds = "one seed" if row["seeds"] == 1 else f"{row['seeds']} seeds"
        print(
            f"{result.model}: {percent(result.metrics['test_accuracy'])} % of the test images "
            f"are right here. Published, from all images and epochs: "
            f"{percent(row['test_accuracy'])} % ({seeds}, {low} to {high})."
        )


def _row(results):
    """Return one row of the table from the results of one model."""
    first = results[0]
    for result in results:
        if conditions(result) != conditions(first):
            raise settings.UserError(
                f"{first.file} and {result.file.name} beside it were not run with the same model "
                "and recipe, so they have no common mean: run the older one again, or delete it."
            )
    accuracies = [result.metrics["test_accuracy"] for result in results]
    mean, low, high = significance.seed_interval(accuracies)
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


def _mean(results, metric):
    return float(np.mean([result.metrics[metric] for result in results]))


def percent(share, unit=""):
    """Write a share as a percentage with two decimals, a dash for NaN."""
    return "–" if math.isnan(share) else f"{100 * share:.2f}{unit}"


def short(mflops):
    """Write a number of operations with as many decimals as it needs, a dash for NaN."""
    if math.isnan(mflops):
        return "–"
    decimals = 2 if mflops < 10 else 1 if mflops < 1000 else 0
    return f"{mflops:,.{decimals}f}"


def _terminal_line(row):
    model, _, arm = row["model"].partition(VARIANT_MARK)
    name = f"  {arm}" if arm else model
    line = {
        "model": name if len(name) <= MODEL_WIDTH else f"{name[: MODEL_WIDTH - 2]}..",
        "parameters": f"{row['parameters']:,}",
        "MFLOPs": short(row["mflops"]),
        "seeds": f"{row['seeds']}",
        "valid %": percent(row["validation_accuracy"]),
        "test %": percent(row["test_accuracy"]),
        "interval": "-".join(percent(row[f"test_accuracy_{side}"]) for side in ("low", "high")),
        "loss": f"{row['log_loss']:.3f}",
        "calib.": f"{row['calibration_error']:.3f}",
        "source %": percent(row["reported_accuracy"]),
        "time": duration(row["training_seconds"]),
    }
    return {heading: cell.replace("–", "-") for heading, cell in line.items()}
