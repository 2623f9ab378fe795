"""Figures of speed: what each ingredient saves, how fast a machine computes, accuracy over time."""

import itertools
import statistics

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from helpers.plotting.checks import checked_columns, checked_histories
from helpers.plotting.parts import (
    interval,
    margin_text,
    mark,
    percent_axis,
    place_labels,
    signed,
    verdict,
)
from helpers.plotting.style import (
    FAINT,
    INK,
    RIGHT,
    SOFT,
    WIDTH,
    display_name,
    identities_of,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

NUMBER_FORMATS = {"float32": "s", "bfloat16": "o"}


@styled
def seconds_per_epoch(ingredients, title="Seconds per epoch, one ingredient more each time"):
    """Show how long an epoch takes from plain Keras on, as ingredients are added one by one.

    Parameters
    ----------
    ingredients : list of dict
        As the benchmark writes it: one entry per `model`, with its `steps`, each of them a `name`
        and the `seconds` of every round, plain Keras first.

    Raises
    ------
    UserError
        If there is no entry, or one has no steps.
    """
    if not ingredients or not all(entry["steps"] for entry in ingredients):
        raise UserError("The benchmark timed no ingredients: run it again without --only.")
    counts = [len(entry["steps"]) for entry in ingredients]
    figure, _ = sheet(
        WIDTH, 30 * sum(counts) + 62 * len(counts), title,
        "Bar: the median of the rounds. Black line: from the fastest round to the slowest.",
    )  # fmt: skip
    panels = figure.subplots(len(counts), 1, squeeze=False, height_ratios=counts)[:, 0]
    for axes, entry in zip(panels, ingredients, strict=True):
        _steps(axes, entry["steps"])
        axes.set_title(display_name(entry["model"]), weight="bold")
    panels[-1].set_xlabel("seconds per epoch, validation included")
    return figure


def _steps(axes, steps):
    """Draw one bar per step, from grey (plain) to blue (all ingredients)."""
    plain = statistics.median(steps[0]["seconds"])
    for row, step in enumerate(steps):
        seconds = statistics.median(step["seconds"])
        share = row / max(len(steps) - 1, 1)
        hue = shade(RIGHT, 0.75 * (1 - share)) if row else FAINT
        axes.barh(row, seconds, height=0.66, color=hue)
        low, high = min(step["seconds"]), max(step["seconds"])
        axes.plot([low, high], [row, row], color=INK, linewidth=1.3, zorder=4)
        ratio = "" if row == 0 else f"   {plain / seconds:.1f} times as fast"
        margin_text(axes, row, f"{seconds:.1f} s{ratio}")
    axes.set_yticks(range(len(steps)), [step["name"] for step in steps], color=INK)
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(axis="x")


@styled
def speed_ratios(models, title="How many times faster the series trains each model"):
    """Show the ratio of plain Keras' time to the series' own, model by model.

    Parameters
    ----------
    models : list of dict
        As the benchmark writes it: entries with `model`, `batch_size` and `ratio` (a dict of
        `minimum`, `median` and `maximum` over the rounds).

    Raises
    ------
    UserError
        If there is no entry.
    """
    _checked_models(models)
    figure, _ = sheet(
        WIDTH, 66 + 30 * len(models), title,
        "Marker: the median of the rounds. Bar: from the least to the largest ratio.",
    )  # fmt: skip
    axes = figure.subplots()
    axes.axvline(1, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
    identities = identities_of([entry["model"] for entry in models])
    for row, entry in enumerate(models):
        ratio = entry["ratio"]
        values = ratio["median"], ratio["minimum"], ratio["maximum"]
        interval(axes, row, *values, *identities[entry["model"]])
        margin_text(axes, row, f"{ratio['median']:.2f}   batch of {entry['batch_size']}")
    _model_rows(axes, models)
    axes.set_xlim(0, 1.05 * max(entry["ratio"]["maximum"] for entry in models))
    axes.set_xlabel("time of plain Keras / time of the series (dashed: as fast)")
    axes.grid(axis="x")
    return figure


def _checked_models(models):
    if not models:
        raise UserError("The benchmark timed no models: run it again without --only.")


def _model_rows(axes, models, first=0):
    names = [display_name(entry["model"]) for entry in models]
    axes.set_yticks(np.arange(first, first + len(names)), names, color=INK)
    axes.set_ylim(first + len(names) - 0.4, first - 0.6)


@styled
def achieved_rates(
    benchmark, title="Arithmetic per second: what the machine can do, what training gets"
):
    """Show the rate each model's training sustains beside the machine's own rates.

    Parameters
    ----------
    benchmark : dict
        As `python -m helpers.benchmark --json` writes it: `rates` with the machine's matrix
        products and convolutions per shape, `models` with `gflops` of `plain` and `engine`, and
        `pytorch` (None, or the same of the residual network in PyTorch).

    Raises
    ------
    UserError
        If it timed no models.
    """
    models = benchmark["models"]
    _checked_models(models)
    rows = _machine_rows(benchmark["rates"])
    figure, _ = sheet(
        WIDTH, 88 + 26 * (len(rows) + len(models)), title,
        "Above: the machine's own rates, one mark per shape of the residual network's layers "
        "(square: float32, circle: bfloat16). Below: training, from plain Keras (open) to the "
        "series (full).",
    )  # fmt: skip
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[len(rows), len(models)])
    for row, (dtype, values) in enumerate(rows.values()):
        above.plot([min(values), max(values)], [row, row], color="#c4c4c4", linewidth=3, zorder=1)
        for value in values:
            mark(above, value, row, SOFT, NUMBER_FORMATS[dtype], size=7)
        margin_text(above, row, _range(values))
    above.set_yticks(range(len(rows)), list(rows), color=INK)
    above.set_ylim(len(rows) - 0.4, -0.6)
    above.grid(axis="x")
    _sustained(below, benchmark)
    below.set_xlabel("GFLOP/s: thousand million operations per second")
    below.set_xlim(left=0)
    return figure


def _machine_rows(rates):
    """Return one row per operation and number format: its format and the rate of every shape."""
    products = {}
    for entry in rates["matrix_product"]:
        products.setdefault((entry["rows"], entry["inner"], entry["columns"]), []).append(entry)
    rows = {}
    formats = [dtype for dtype in NUMBER_FORMATS if dtype in rates["convolution"][0]]
    for dtype in formats:
        # Of several libraries the machine's rate is that of the faster one.
        best = [max(entry[dtype] for entry in entries) for entries in products.values()]
        rows[f"matrix product, {dtype}"] = dtype, best
    for dtype in formats:
        rows[f"convolution, {dtype}"] = dtype, [entry[dtype] for entry in rates["convolution"]]
    return rows


def _range(values):
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return low if low == high else f"{low} to {high}"


def _sustained(axes, benchmark):
    """Draw plain Keras and the series as the two ends of a line per model, PyTorch as triangles."""
    models = benchmark["models"]
    identities = identities_of([entry["model"] for entry in models])
    for row, entry in enumerate(models):
        plain, engine = entry["plain"]["gflops"], entry["engine"]["gflops"]
        hue, shape = identities[entry["model"]]
        axes.plot([plain, engine], [row, row], color=shade(hue, 0.45), linewidth=2, zorder=2)
        axes.plot(plain, row, "o", color=hue, markerfacecolor="white", markersize=6, zorder=4)
        mark(axes, engine, row, hue, shape)
        margin_text(axes, row, f"{plain:.0f} → {engine:.0f}")
    _model_rows(axes, models)
    axes.grid(axis="x")


@styled
def gains(table, title="What each ingredient gives"):
    """Show the gain in accuracy that each ingredient brings, with its interval and cost in time.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: ingredients; columns: `gain`, `low`, `high` (shares, the gain with its 95 %
        interval), `group` (a heading; rows of one group stand together) and, where times say
        something, `seconds` (what it adds to the training time, negative where it saves).

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    checked_columns(table, ("gain", "low", "high", "group"), "The table of gains")
    groups = list(dict.fromkeys(table["group"]))
    figure, _ = sheet(
        WIDTH, 70 + 28 * len(table) + 44 * len(groups), title,
        "Bars are 95 % intervals of the paired difference. Blue triangle up: it pays. Orange "
        "triangle down: it harms. Grey circle: this experiment cannot tell.",
    )  # fmt: skip
    sizes = [int((table["group"] == group).sum()) for group in groups]
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=sizes)
    for axes, group in zip(panels[:, 0], groups, strict=True):
        rows = table[table["group"] == group]
        axes.axvline(0, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
        for row, (gain, low, high) in enumerate(
            rows[["gain", "low", "high"]].itertuples(index=False)
        ):
            interval(axes, row, 100 * gain, 100 * low, 100 * high, *verdict(low, high))
            text = f"{signed(100 * gain, 2)} points"
            if "seconds" in rows:
                text += f"   {signed(rows['seconds'].iloc[row], 0)} s"
            margin_text(axes, row, text)
        axes.set_yticks(range(len(rows)), [display_name(name) for name in rows.index], color=INK)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_title(group, weight="bold")
        axes.grid(axis="x")
    panels[-1, 0].set_xlabel("gain in validation accuracy (percentage points)")
    return figure


@styled
def accuracy_over_time(histories, finished, title="Accuracy against training time"):
    """Show the validation accuracy that models have reached so far, and finished budgets.

    Parameters
    ----------
    histories : dict of str to dict of str to sequence of float
        A model's name to its history with `val_accuracy` and the `seconds` of each epoch.
    finished : pandas.DataFrame
        Index: names of budgets; columns: `seconds` of training and `accuracy` on test images with
        its interval `low`, `high` (NaN where there is none). May be empty.

    Raises
    ------
    UserError
        If a history or the table lacks what is drawn.
    """
    checked_histories(histories, ("val_accuracy", "seconds"))
    if len(finished):
        checked_columns(finished, ("seconds", "accuracy", "low", "high"), "The table of budgets")
    figure, _ = sheet(
        WIDTH, 470, title,
        "Thin lines: the best validation accuracy so far. Large markers on the black line: test "
        "accuracy of a finished budget, with its 95 % interval.",
    )  # fmt: skip
    axes = figure.subplots()
    identities = identities_of([*histories, *finished.index])
    points, names = [], []
    for name, history in histories.items():
        hue, shape = identities[name]
        seconds = np.cumsum(history["seconds"])
        # Single epochs jump up and down; a dozen such curves hide each other.
        accuracy = np.maximum.accumulate(history["val_accuracy"])
        axes.plot(seconds, accuracy, color=shade(hue, 0.45), linewidth=1.3, zorder=2)
        mark(axes, seconds[-1], accuracy[-1], hue, shape, size=6)
        points.append((seconds[-1], accuracy[-1]))
        names.append(name)
    _budgets(axes, finished.sort_values("seconds") if len(finished) else finished, identities)
    for name, row in finished.iterrows():
        points.append((row["seconds"], row["accuracy"]))
        names.append(name)
    _time_axis(axes, [x for x, _ in points], histories)
    axes.set_ylim(_lowest_accuracy(histories, finished), None)
    axes.set_title("accuracy (%)", color=SOFT)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    percent_axis(axes.yaxis)
    axes.grid(axis="y")
    hues = [identities[name][0] for name in names]
    labels = [display_name(name) for name in names]
    place_labels(axes, points, labels, hues, obstacles=_occupied(finished))
    return figure


def _occupied(finished, pieces=12):
    """Return the boxes of the black line, piece by piece, and of the intervals on it."""
    if not len(finished):
        return []
    bars = finished.dropna(subset=["low", "high"])
    boxes = [(row.seconds, row.low, row.seconds, row.high) for row in bars.itertuples()]
    ordered = finished.sort_values("seconds")
    for first, second in itertools.pairwise(ordered[["seconds", "accuracy"]].to_numpy()):
        seconds = np.geomspace(first[0], second[0], pieces + 1)  # the axis is logarithmic
        corners = zip(seconds, np.linspace(first[1], second[1], pieces + 1), strict=True)
        boxes += [(*left, *right) for left, right in itertools.pairwise(corners)]
    return boxes


def _budgets(axes, finished, identities):
    if not len(finished):
        return
    axes.plot(finished["seconds"], finished["accuracy"], color=INK, linewidth=1.8, zorder=3)
    for name, row in finished.iterrows():
        if np.isfinite(row["low"]):
            x = [row["seconds"]] * 2
            axes.plot(x, [row["low"], row["high"]], color=INK, linewidth=2, zorder=3)
        mark(axes, row["seconds"], row["accuracy"], *identities[name], size=12)


CLOCK = (1, 2, 5, 10, 20, 60, 120, 300, 600, 1200, 3600, 7200)


def _time_axis(axes, ends, histories):
    starts = [history["seconds"][0] for history in histories.values()]
    axes.set_xscale("log")
    axes.set_xlim(min(starts) / 1.15, max(ends) * 1.6)
    axes.xaxis.set_major_locator(FixedLocator(CLOCK))
    axes.xaxis.set_minor_locator(FixedLocator([]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:g} s" if value < 60 else f"{value / 60:g} min")
    )
    axes.set_xlabel("training time (logarithmic)")


def _lowest_accuracy(histories, finished):
    """Return where the axis starts: below every end, however low the first epochs lie."""
    ends = [history["val_accuracy"][-1] for history in histories.values()]
    return min([*ends, *finished["accuracy"]] if len(finished) else ends) - 0.02
