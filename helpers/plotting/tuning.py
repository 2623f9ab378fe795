"""Figures of a search for hyperparameters: its course, its values, what mattered, what it gave."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from helpers.plotting.checks import checked_columns
from helpers.plotting.parts import (
    epoch_axis,
    interval,
    log_ticks,
    margin_text,
    mark,
    percent_axis,
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
    readable,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

KNOWN_SHAPE, BEST_SHAPE = "D", "*"


@styled
def search_progress(searches, title="Accuracy against trials"):
    """Show the accuracy of every trial of some searches, and the best so far.

    Parameters
    ----------
    searches : dict of str to pandas.DataFrame
        A model's name to its trials in order, the known values first, with a column `accuracy` (0
        to 1).

    Raises
    ------
    UserError
        If there is no search, or one has no trials.
    """
    _checked_tables(searches, ("accuracy",), "search")
    figure, _ = sheet(
        WIDTH, 300, title,
        "Dots: trials. Line: the best so far. Star: the best. Diamond and dashed line: the values "
        "known before. Triangle: further down than the axis goes.",
    )  # fmt: skip
    panels = figure.subplots(1, len(searches), squeeze=False)[0]
    identities = identities_of(searches)
    for axes, (name, trials) in zip(panels, searches.items(), strict=True):
        accuracy = trials["accuracy"].to_numpy()
        numbers = np.arange(1, len(accuracy) + 1)
        hue = identities[name][0]
        shown = _accuracy_axis(axes, accuracy)
        axes.axhline(shown[0], color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
        best = np.maximum.accumulate(shown)
        axes.step(numbers, best, where="post", color=shade(hue, 0.2), linewidth=1.8, zorder=2)
        _trials(axes, numbers, shown, accuracy, hue)
        epoch_axis(axes, len(accuracy))
        axes.set_xlabel("trial")
        axes.set_title(f"{display_name(name)}: accuracy (%)", weight="bold")
    return figure


def _checked_tables(tables, columns, what):
    if not isinstance(tables, dict) or not tables:
        raise UserError(f"There is no {what} to show: pass a dict from a model's name to its own.")
    for name, table in tables.items():
        checked_columns(table, columns, f"The {what} of {name}")


def _accuracy_axis(axes, accuracy):
    """Leave room for the best half of the trials; return heights with the worst at the edge."""
    best, middle = accuracy.max(), np.median(accuracy)
    reach = max(3 * (best - middle), 0.004)
    lowest = max(accuracy.min(), middle - reach)
    margin = 0.08 * max(best - lowest, 0.004)
    axes.set_ylim(lowest - 1.5 * margin, best + 1.5 * margin)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    percent_axis(axes.yaxis)
    axes.grid(axis="y")
    return np.maximum(accuracy, lowest)


def _trials(axes, x, shown, accuracy, hue):
    """Mark trials: the known values, the best, those below the axis, and the others."""
    best = int(np.argmax(accuracy))
    for number, (place, height) in enumerate(zip(x, shown, strict=True)):
        if number not in (0, best):
            below = accuracy[number] < height
            mark(axes, place, height, shade(hue, 0.25), "v" if below else "o", 7)
    mark(axes, x[best], shown[best], hue, BEST_SHAPE, 11)
    size, edge = (10, INK) if best == 0 else (8, readable(hue))
    face = "none" if best == 0 else "white"
    axes.plot(
        x[0], shown[0], KNOWN_SHAPE, markersize=size, markerfacecolor=face, markeredgecolor=edge,
        markeredgewidth=1.5, zorder=6,
    )  # fmt: skip


@styled
def search_values(trials, names, logarithmic=(), title="What the trials say about each value"):
    """Show the accuracy of all trials against each hyperparameter.

    Parameters
    ----------
    trials : pandas.DataFrame
        In order, the known values first: a column `accuracy` (0 to 1), one per hyperparameter.
    names : sequence of str
        The hyperparameters to show.
    logarithmic : sequence of str
        Those of them with a logarithmic axis; the others are choices among few values.

    Raises
    ------
    UserError
        If a column is missing, or there are no trials.
    """
    names = list(names)
    checked_columns(trials, ("accuracy", *names), "The search")
    rows = -(-len(names) // 3)
    figure, _ = sheet(
        WIDTH, 215 * rows, title,
        "Accuracy (%) of each trial. Star: the best. Diamond: the values known before. Bar: the "
        "median of a choice. Triangle: further down than the axis goes.",
    )  # fmt: skip
    panels = figure.subplots(rows, min(3, len(names)), squeeze=False, sharey=True).ravel()
    accuracy = trials["accuracy"].to_numpy()
    for axes, name in zip(panels, names, strict=False):
        shown = _accuracy_axis(axes, accuracy)
        values = trials[name]
        if name in logarithmic:
            x = values.to_numpy(float)
            axes.set_xscale("log")
            log_ticks(axes.xaxis, x.min(), x.max())
            axes.margins(x=0.08)
        else:
            x = _choices(axes, values, accuracy, shown.min())
        _trials(axes, x, shown, accuracy, RIGHT)
        axes.set_title(display_name(name))
    for axes in panels[len(names) :]:
        axes.set_visible(False)
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
            axes.plot([number - 0.36, number + 0.36], [height] * 2, color=FAINT, linewidth=2.2)
    axes.set_xticks(range(len(known)), [display_name(value) for value in known], color=INK)
    axes.set_xlim(-0.6, len(known) - 0.4)
    return places


@styled
def importance(tables, title="Which hyperparameter mattered"):
    """Show the importance of each hyperparameter beside what chance would give, and its direction.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        A model's name to a table with one row per hyperparameter and the columns `share`, `chance`
        (0 to 1), `correlation`, `low` and `high` (-1 to 1, NaN where no order can be seen).

    Raises
    ------
    UserError
        If there is no table, or one lacks a column.
    """
    _checked_tables(tables, ("share", "chance", "correlation", "low", "high"), "importance")
    counts = [len(table) for table in tables.values()]
    figure, _ = sheet(
        WIDTH, 26 * sum(counts) + 52 * len(counts) + 20, title,
        "Left: share of the variance that a random forest explains by it; black stroke: what 95 % "
        "of forests on shuffled accuracies stay below. Right: rank correlation with accuracy, 95 % "
        "interval.",
    )  # fmt: skip
    panels = figure.subplots(len(counts), 2, squeeze=False, height_ratios=counts, sharex="col")
    for (left, right), (name, table) in zip(panels, tables.items(), strict=True):
        for row, entry in enumerate(table.itertuples()):
            beyond = entry.share > entry.chance
            left.barh(row, 100 * entry.share, 0.62, color=RIGHT if beyond else "#b9c3cb")
            left.plot([100 * entry.chance] * 2, [row - 0.36, row + 0.36], color=INK, linewidth=2)
            _direction(right, row, entry)
        for axes in (left, right):
            axes.set_ylim(len(table) - 0.4, -0.6)
            axes.grid(axis="x")
        left.set_yticks(range(len(table)), [display_name(key) for key in table.index], color=INK)
        right.set_yticks([])
        right.axvline(0, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
        right.set_xlim(-1.05, 1.05)
        left.set_title(display_name(name), weight="bold")
    panels[0, 0].set_xlim(left=0)
    panels[-1, 0].set_xlabel("share of the explained variance (%)")
    panels[-1, 1].set_xlabel("smaller is better  ←  rank correlation  →  larger is better")
    return figure


def _direction(axes, row, entry):
    if not np.isfinite(entry.correlation):
        axes.text(0, row, "  no order", va="center", fontsize=8.5, color=SOFT)
        return
    hue, shape = verdict(entry.low, entry.high)
    interval(axes, row, entry.correlation, entry.low, entry.high, hue, shape)


@styled
def best_of_many(curves, title="The best of many flatters itself"):
    """Show the score of the best trial on the images that chose it, and on others.

    Parameters
    ----------
    curves : dict of str to pandas.DataFrame
        A model's name to a table indexed by the number of trials, with the columns `chosen_by` and
        `unseen` (0 to 1).

    Raises
    ------
    UserError
        If there is no curve, or one lacks a column.
    """
    _checked_tables(curves, ("chosen_by", "unseen"), "curve")
    figure, _ = sheet(
        WIDTH, 290, title,
        "Mean accuracy (%) of the best of some trials. Solid: on the images that chose it. Dashed: "
        "the same network on as many others.",
    )  # fmt: skip
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    identities = identities_of(curves)
    for axes, (name, curve) in zip(panels, curves.items(), strict=True):
        hue = identities[name][0]
        numbers = curve.index.to_numpy()
        axes.fill_between(
            numbers, curve["chosen_by"], curve["unseen"], color=shade(hue, 0.8), linewidth=0
        )
        axes.plot(numbers, curve["chosen_by"], color=hue, label="images that chose it")
        axes.plot(numbers, curve["unseen"], color=hue, linestyle=(0, (4, 2)), label="other images")
        gap = 100 * (curve["chosen_by"] - curve["unseen"]).iloc[-1]
        axes.set_title(f"{display_name(name)}: {gap:.2f} points of flattery", weight="bold")
        epoch_axis(axes, int(numbers[-1]))
        axes.set_xlabel("trials to choose from")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        percent_axis(axes.yaxis)
        axes.grid(axis="y")
        axes.legend(loc="lower right")
    return figure


@styled
def tuning_gains(table, title="How much was left on the table"):
    """Show what tuning gave over the known values, by every way of measuring it.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per model and measurement: `model`, `measured` (in words), `gain`, `low`, `high`
        (shares, with 95 % interval) and `flattered` (whether the images chose the winner as well).

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    columns = ("model", "measured", "gain", "low", "high", "flattered")
    checked_columns(table, columns, "The table of gains")
    models = list(dict.fromkeys(table["model"]))
    figure, _ = sheet(
        WIDTH, 30 * len(table) + 44 * len(models) + 40, title,
        "Accuracy of the tuned network minus that of the untuned one, with 95 % paired intervals. "
        "Open marker: measured on the very images that chose the winner, so it flatters.",
    )  # fmt: skip
    counts = [int((table["model"] == model).sum()) for model in models]
    panels = figure.subplots(len(models), 1, squeeze=False, height_ratios=counts, sharex=True)[:, 0]
    identities = identities_of(models)
    for axes, model in zip(panels, models, strict=True):
        rows = table[table["model"] == model]
        # Not the model's own marker: a triangle would look like a verdict.
        hue, shape = identities[model][0], "o"
        axes.axvline(0, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
        for row, entry in enumerate(rows.itertuples()):
            interval(axes, row, 100 * entry.gain, 100 * entry.low, 100 * entry.high, hue, shape)
            if entry.flattered:
                axes.plot(
                    100 * entry.gain, row, shape, markersize=9, markerfacecolor="white",
                    markeredgecolor=hue, markeredgewidth=1.6, zorder=6,
                )  # fmt: skip
            margin_text(axes, row, f"{100 * entry.gain:+.2f} points".replace("-", "−"))
        axes.set_yticks(range(len(rows)), list(rows["measured"]), color=INK)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_title(display_name(model), weight="bold")
        axes.grid(axis="x")
    panels[-1].set_xlabel("gain in accuracy (percentage points)")
    return figure
