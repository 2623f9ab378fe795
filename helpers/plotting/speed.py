"""Figures of speed: what each ingredient saves, how fast a machine computes, accuracy over time."""

import itertools
import statistics

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_histories, checked_table
from helpers.plotting.style import display_name, identities_of, panels, shade, styled
from helpers.settings import UserError

NUMBER_FORMATS = {"float32": "s", "bfloat16": "o"}


@styled
def seconds_per_epoch(ingredients, title="Seconds per epoch, one ingredient more each time"):
    """Show how long an epoch takes from plain Keras on, as ingredients are added one by one.

    As the benchmark writes them: entries of `model` and `steps`, each of these a `name` and the
    `seconds` of every round, plain Keras first.
    """
    _checked_entries(ingredients)
    counts = [len(entry["steps"]) for entry in ingredients]
    figure, grid = panels(
        30 * sum(counts) + 62 * len(counts), title,
        "Bar: the median of the rounds. Black line: from the fastest round to the slowest.",
        (len(counts), 1), height_ratios=counts,
    )  # fmt: skip
    for axes, entry in zip(grid[:, 0], ingredients, strict=True):
        _steps(axes, entry["steps"])
        axes.set_title(display_name(entry["model"]), weight="bold")
    grid[-1, 0].set_xlabel("seconds per epoch, validation included")
    return figure


def _checked_entries(entries):
    if not entries:
        raise UserError("The benchmark did not time this: run it again without --only.")


def _steps(axes, steps):
    """Draw one bar per step, from grey (plain) to blue (all ingredients)."""
    plain, texts = statistics.median(steps[0]["seconds"]), []
    for row, step in enumerate(steps):
        seconds = statistics.median(step["seconds"])
        share = row / max(len(steps) - 1, 1)
        hue = shade(style.RIGHT, 0.75 * (1 - share)) if row else style.FAINT
        axes.barh(row, seconds, height=0.66, color=hue)
        low, high = min(step["seconds"]), max(step["seconds"])
        axes.plot([low, high], [row, row], color=style.INK, linewidth=1.3, zorder=4)
        ratio = "" if row == 0 else f"   {plain / seconds:.1f} times as fast"
        texts.append(f"{seconds:.1f} s{ratio}")
    parts.named_rows(axes, [step["name"] for step in steps], texts)
    axes.set_xlim(left=0)


@styled
def speed_ratios(models, title="How many times faster the series trains each model"):
    """Show the ratio of plain Keras' time to the series' own, model by model.

    As the benchmark writes them: entries of `model`, `batch_size` and `ratio` (its `minimum`,
    `median` and `maximum` over the rounds).
    """
    _checked_entries(models)
    figure, axes = panels(
        66 + 30 * len(models), title,
        "Marker: the median of the rounds. Bar: from the least to the largest ratio.",
    )  # fmt: skip
    names = [entry["model"] for entry in models]
    identities = identities_of(names)
    ratios = [[entry["ratio"][key] for key in ("median", "minimum", "maximum")] for entry in models]
    texts = [
        f"{ratio:.2f}   batch of {entry['batch_size']}"
        for (ratio, _, _), entry in zip(ratios, models, strict=True)
    ]
    looks = [identities[name] for name in names]
    parts.forest(axes, [display_name(name) for name in names], ratios, looks, texts, reference=1)
    axes.set_xlim(0, 1.05 * np.max(ratios))
    axes.set_xlabel("time of plain Keras / time of the series (dashed: as fast)")
    return figure


@styled
def achieved_rates(
    benchmark, title="Arithmetic per second: what the machine can do, what training gets"
):
    """Show the rate each model's training sustains beside the machine's own rates.

    The benchmark as `python -m helpers benchmark --json` writes it: `rates` with the machine's
    matrix products and convolutions per shape, `models` with `gflops` of `plain` and `engine`.
    """
    models = benchmark["models"]
    _checked_entries(models)
    rows = _machine_rows(benchmark["rates"])
    figure, grid = panels(
        88 + 26 * (len(rows) + len(models)), title,
        "Above: the machine's own rates, one mark per shape of the residual network's layers "
        "(square: float32, circle: bfloat16). Below: training, from plain Keras (open) to the "
        "series (full).",
        (2, 1), sharex=True, height_ratios=[len(rows), len(models)],
    )  # fmt: skip
    above, below = grid[:, 0]
    for row, (dtype, values) in enumerate(rows.values()):
        above.plot([min(values), max(values)], [row, row], color="#c4c4c4", linewidth=3, zorder=1)
        parts.mark(above, values, [row] * len(values), style.SOFT, NUMBER_FORMATS[dtype], size=7)
    parts.named_rows(above, list(rows), [_range(values) for _, values in rows.values()])
    _sustained(below, models)
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


def _sustained(axes, models):
    """Draw plain Keras and the series as the two ends of a line per model."""
    names, texts = [entry["model"] for entry in models], []
    identities = identities_of(names)
    for row, entry in enumerate(models):
        plain, engine = entry["plain"]["gflops"], entry["engine"]["gflops"]
        hue, shape = identities[entry["model"]]
        axes.plot([plain, engine], [row, row], color=shade(hue, 0.45), linewidth=2, zorder=2)
        axes.plot(plain, row, "o", color=hue, markerfacecolor="white", markersize=6, zorder=4)
        parts.mark(axes, engine, row, hue, shape)
        texts.append(f"{plain:.0f} → {engine:.0f}")
    parts.named_rows(axes, [display_name(name) for name in names], texts)


@styled
def gains(table, title="What each ingredient gives"):
    """Show the gain in accuracy that each ingredient brings, with its interval and cost in time.

    The table has the ingredients as its index and the columns `gain`, `low`, `high` (shares),
    `group` (a heading; rows of one group stand together) and, where times say something, `seconds`
    (what it adds to the training time, negative where it saves).
    """
    columns = ["gain", "low", "high"]
    checked_table(table, *columns, "group")
    groups = dict(tuple(table.groupby("group", sort=False)))
    figure, grid = panels(
        70 + 28 * len(table) + 44 * len(groups), title,
        f"Bars are 95 % intervals of the paired difference. {parts.VERDICTS}this experiment cannot "
        "tell.",
        (len(groups), 1), sharex=True, height_ratios=[len(rows) for rows in groups.values()],
    )  # fmt: skip
    for axes, (group, rows) in zip(grid[:, 0], groups.items(), strict=True):
        values = 100 * rows[columns].to_numpy(float)
        texts = [f"{parts.signed(gain, 2)} points" for gain in values[:, 0]]
        if "seconds" in rows:
            seconds = [parts.signed(value, 0) for value in rows["seconds"]]
            texts = [f"{text}   {value} s" for text, value in zip(texts, seconds, strict=True)]
        looks = [parts.verdict(low, high) for _, low, high in values]
        names = [display_name(name) for name in rows.index]
        parts.forest(axes, names, values, looks, texts, reference=0)
        axes.set_title(group, weight="bold")
    grid[-1, 0].set_xlabel("gain in validation accuracy (percentage points)")
    return figure


@styled
def accuracy_over_time(histories, finished, title="Accuracy against training time"):
    """Show the validation accuracy that models have reached so far, and finished budgets.

    The histories need `val_accuracy` and the `seconds` of each epoch; the table `finished`, which
    may be empty, has the budgets as its index and the columns `seconds` of training and `accuracy`
    on test images with its interval `low`, `high` (may be missing).
    """
    checked_histories(histories, "val_accuracy", "seconds")
    if len(finished):
        checked_table(finished, "seconds", "accuracy", "low", "high")
    figure, axes = panels(
        470, title,
        "Thin lines: the best validation accuracy so far. Large markers on the black line: test "
        "accuracy of a finished budget, with its 95 % interval.",
    )  # fmt: skip
    identities = identities_of([*histories, *finished.index])
    points, names = [], [*histories, *finished.index]
    for name, history in histories.items():
        hue, shape = identities[name]
        seconds = np.cumsum(history["seconds"])
        # Single epochs jump up and down; a dozen such curves hide each other.
        accuracy = np.maximum.accumulate(history["val_accuracy"])
        axes.plot(seconds, accuracy, color=shade(hue, 0.45), linewidth=1.3, zorder=2)
        parts.mark(axes, seconds[-1], accuracy[-1], hue, shape, size=6)
        points.append((seconds[-1], accuracy[-1]))
    if len(finished):
        _budgets(axes, finished.sort_values("seconds"), identities)
    points += [(row["seconds"], row["accuracy"]) for _, row in finished.iterrows()]
    _time_axis(axes, [x for x, _ in points], histories)
    # Below every end, however low the first epochs lie.
    ends = [history["val_accuracy"][-1] for history in histories.values()]
    axes.set_ylim(min([*ends, *finished["accuracy"]] if len(finished) else ends) - 0.02, None)
    parts.value_axis(axes, "accuracy (%)", percent=True, ticks=8)
    hues = [identities[name][0] for name in names]
    labels = [display_name(name) for name in names]
    parts.place_labels(axes, points, labels, hues, _occupied(finished))
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
    axes.plot(finished["seconds"], finished["accuracy"], color=style.INK, linewidth=1.8, zorder=3)
    for name, row in finished.iterrows():
        if np.isfinite(row["low"]):
            x = [row["seconds"]] * 2
            axes.plot(x, [row["low"], row["high"]], color=style.INK, linewidth=2, zorder=3)
        parts.mark(axes, row["seconds"], row["accuracy"], *identities[name], size=12)


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
