"""Figures of a search for hyperparameters: its course, its values, what mattered, what it gave."""

import numpy as np

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_table, checked_tables
from helpers.plotting.style import display_name, identities_of, panels, readable, shade, styled

KNOWN_SHAPE, BEST_SHAPE = "D", "*"


@styled
def search_progress(searches, title="Accuracy against trials"):
    """Show the accuracy of every trial of some searches, and the best so far.

    `searches` has, by model, the trials in order, the known values first, with a column `accuracy`
    (0 to 1).
    """
    checked_tables(searches, "accuracy")
    figure, grid = panels(
        300, title,
        "Dots: trials. Line: the best so far. Star: the best. Diamond and dashed line: the values "
        "known before. Triangle: further down than the axis goes.",
        (1, len(searches)),
    )  # fmt: skip
    identities = identities_of(searches)
    for axes, (name, trials) in zip(grid[0], searches.items(), strict=True):
        accuracy = trials["accuracy"].to_numpy()
        numbers = np.arange(1, len(accuracy) + 1)
        hue = identities[name][0]
        shown = _accuracy_axis(axes, accuracy)
        axes.axhline(shown[0], **parts.REFERENCE)
        best = np.maximum.accumulate(shown)
        axes.step(numbers, best, where="post", color=shade(hue, 0.2), linewidth=1.8, zorder=2)
        _trials(axes, numbers, shown, accuracy, hue)
        parts.epoch_axis(axes, len(accuracy))
        axes.set_xlabel("trial")
        axes.set_title(f"{display_name(name)}: accuracy (%)", weight="bold")
    return figure


def _accuracy_axis(axes, accuracy):
    """Leave room for the best half of the trials; return heights with the worst at the edge."""
    best, middle = accuracy.max(), np.median(accuracy)
    reach = max(3 * (best - middle), 0.004)
    lowest = max(accuracy.min(), middle - reach)
    margin = 0.08 * max(best - lowest, 0.004)
    axes.set_ylim(lowest - 1.5 * margin, best + 1.5 * margin)
    parts.value_axis(axes, percent=True, ticks=5)
    return np.maximum(accuracy, lowest)


def _trials(axes, x, shown, accuracy, hue):
    """Mark trials: the known values, the best, those below the axis, and the others."""
    best = int(np.argmax(accuracy))
    for number, (place, height) in enumerate(zip(x, shown, strict=True)):
        if number not in (0, best):
            below = accuracy[number] < height
            parts.mark(axes, place, height, shade(hue, 0.25), "v" if below else "o", 7)
    parts.mark(axes, x[best], shown[best], hue, BEST_SHAPE, 11)
    size, edge = (10, style.INK) if best == 0 else (8, readable(hue))
    face = "none" if best == 0 else "white"
    axes.plot(
        x[0], shown[0], KNOWN_SHAPE, markersize=size, markerfacecolor=face, markeredgecolor=edge,
        markeredgewidth=1.5, zorder=6,
    )  # fmt: skip


@styled
def search_values(trials, names, logarithmic=(), title="What the trials say about each value"):
    """Show the accuracy of all trials against each hyperparameter of some `names`.

    The table has the trials in order, the known values first: a column `accuracy` (0 to 1) and one
    per hyperparameter, each a choice among few values or, where `logarithmic`, on such an axis.
    """
    names = list(names)
    checked_table(trials, "accuracy", *names)
    rows = -(-len(names) // 3)
    figure, grid = panels(
        215 * rows, title,
        "Accuracy (%) of each trial. Star: the best. Diamond: the values known before. Bar: the "
        "median of a choice. Triangle: further down than the axis goes.",
        (rows, min(3, len(names))), count=len(names), sharey=True,
    )  # fmt: skip
    accuracy = trials["accuracy"].to_numpy()
    for axes, name in zip(grid.flat, names, strict=False):
        shown = _accuracy_axis(axes, accuracy)
        values = trials[name]
        if name in logarithmic:
            x = values.to_numpy(float)
            axes.set_xscale("log")
            parts.log_ticks(axes.xaxis, x.min(), x.max())
            axes.margins(x=0.08)
        else:
            x = _choices(axes, values, accuracy, shown.min())
        _trials(axes, x, shown, accuracy, style.RIGHT)
        axes.set_title(display_name(name))
    return figure


def _choices(axes, values, accuracy, lowest):
    """Give each choice a column, spread its trials in it, draw their median; return places."""
    known = sorted(set(values))
    column = np.array([known.index(value) for value in values])
    places = column.astype(float)
    for number in range(len(known)):
        members = np.flatnonzero(column == number)
        places[members] += (
            0.16 * (np.arange(len(members)) - (len(members) - 1) / 2) / max(1, len(members) / 4)
        )
        height = np.median(accuracy[members])
        if height >= lowest:
            axes.plot(
                [number - 0.36, number + 0.36], [height] * 2, color=style.FAINT, linewidth=2.2
            )
    axes.set_xticks(range(len(known)), [display_name(value) for value in known], color=style.INK)
    axes.set_xlim(-0.6, len(known) - 0.4)
    return places


@styled
def importance(tables, title="Which hyperparameter mattered"):
    """Show the importance of each hyperparameter beside what chance would give, and its direction.

    `tables` has, by model, one row per hyperparameter and the columns `share`, `chance` (0 to 1),
    `correlation`, `low` and `high` (−1 to 1, NaN where no order can be seen).
    """
    checked_tables(tables, "share", "chance", "correlation", "low", "high")
    counts = [len(table) for table in tables.values()]
    figure, grid = panels(
        26 * sum(counts) + 52 * len(counts) + 20, title,
        "Left: share of the variance that a random forest explains by it; black stroke: what 95 % "
        "of forests on shuffled accuracies stay below. Right: rank correlation with accuracy, 95 % "
        "interval.",
        (len(counts), 2), height_ratios=counts, sharex="col",
    )  # fmt: skip
    for (left, right), (name, table) in zip(grid, tables.items(), strict=True):
        for row, entry in enumerate(table.itertuples()):
            beyond = entry.share > entry.chance
            left.barh(row, 100 * entry.share, 0.62, color=style.RIGHT if beyond else "#b9c3cb")
            left.plot(
                [100 * entry.chance] * 2, [row - 0.36, row + 0.36], color=style.INK, linewidth=2
            )
            if not np.isfinite(entry.correlation):
                right.text(0, row, "  no order", va="center", fontsize=8.5, color=style.SOFT)
        names = [display_name(key) for key in table.index]
        parts.named_rows(left, names)
        values = table[["correlation", "low", "high"]].to_numpy(float)
        looks = [parts.verdict(low, high) for _, low, high in values]
        parts.forest(right, names, values, looks, reference=0)
        right.set_yticks([])
        right.set_xlim(-1.05, 1.05)
        left.set_title(display_name(name), weight="bold")
    grid[0, 0].set_xlim(left=0)
    grid[-1, 0].set_xlabel("share of the explained variance (%)")
    grid[-1, 1].set_xlabel("smaller is better  ←  rank correlation  →  larger is better")
    return figure


@styled
def best_of_many(curves, title="The best of many flatters itself"):
    """Show the score of the best trial on the images that chose it, and on others.

    `curves` has, by model, a table indexed by the number of trials, with the columns `chosen_by`
    and `unseen` (0 to 1).
    """
    checked_tables(curves, "chosen_by", "unseen")
    figure, grid = panels(
        290, title,
        "Mean accuracy (%) of the best of some trials. Solid: on the images that chose it. Dashed: "
        "the same network on as many others.",
        (1, len(curves)),
    )  # fmt: skip
    identities = identities_of(curves)
    for axes, (name, curve) in zip(grid[0], curves.items(), strict=True):
        hue = identities[name][0]
        numbers = curve.index.to_numpy()
        axes.fill_between(
            numbers, curve["chosen_by"], curve["unseen"], color=shade(hue, 0.8), linewidth=0
        )
        axes.plot(numbers, curve["chosen_by"], color=hue, label="images that chose it")
        axes.plot(numbers, curve["unseen"], color=hue, linestyle=(0, (4, 2)), label="other images")
        gap = 100 * (curve["chosen_by"] - curve["unseen"]).iloc[-1]
        axes.set_title(f"{display_name(name)}: {gap:.2f} points of flattery", weight="bold")
        parts.epoch_axis(axes, int(numbers[-1]))
        axes.set_xlabel("trials to choose from")
        parts.value_axis(axes, percent=True, ticks=5)
        axes.legend(loc="lower right")
    return figure


@styled
def tuning_gains(table, title="How much was left on the table"):
    """Show what tuning gave over the known values, by every way of measuring it.

    The table has one row per model and measurement: `model`, `measured` (in words), `gain`, `low`,
    `high` (shares) and `flattered` (whether the images chose the winner as well).
    """
    checked_table(table, "model", "measured", "gain", "low", "high", "flattered")
    models = dict(tuple(table.groupby("model", sort=False)))
    figure, grid = panels(
        30 * len(table) + 44 * len(models) + 40, title,
        "Accuracy of the tuned network minus that of the untuned one, with 95 % paired intervals. "
        "Open marker: measured on the very images that chose the winner, so it flatters.",
        (len(models), 1), height_ratios=[len(rows) for rows in models.values()], sharex=True,
    )  # fmt: skip
    identities = identities_of(models)
    for axes, (model, rows) in zip(grid[:, 0], models.items(), strict=True):
        # Not the model's own marker: a triangle would look like a verdict.
        hue, shape = identities[model][0], "o"
        values = 100 * rows[["gain", "low", "high"]].to_numpy(float)
        texts = [f"{parts.points(gain, 2)} points" for gain in values[:, 0]]
        looks = [(hue, shape)] * len(rows)
        parts.forest(axes, list(rows["measured"]), values, looks, texts, reference=0)
        open_marker = {"markerfacecolor": "white", "markeredgecolor": hue, "markeredgewidth": 1.6}
        for row in np.flatnonzero(rows["flattered"]):
            axes.plot(values[row, 0], row, shape, markersize=9, zorder=6, **open_marker)
        axes.set_title(display_name(model), weight="bold")
    grid[-1, 0].set_xlabel("gain in accuracy (percentage points)")
    return figure
