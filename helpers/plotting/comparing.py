"""Figures that compare models: accuracy with intervals, ablations, accuracy against cost."""

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter

from helpers import tables
from helpers.plotting import parts, style
from helpers.plotting.checks import checked_table
from helpers.plotting.style import display_name, identities_of, panels, readable, shade, styled
from helpers.settings import UserError


@styled
def ablation(table, reference=None, title="What each ingredient changes"):
    """Show the accuracy of each arm of an ablation with its interval, beside the `reference` arm.

    The table has the arms as its index and the columns `accuracy`, `low` and `high` (0 to 1; an
    interval may be missing).
    """
    columns = ["accuracy", "low", "high"]
    checked_table(table, *columns)
    if reference is not None and reference not in table.index:
        raise UserError(
            f"{reference!r} is no arm of the ablation: name one of {list(table.index)}."
        )
    subtitle = "The bar is the 95 % interval." if table["low"].notna().any() else ""
    figure, axes = panels(60 + 32 * len(table), title, subtitle)
    base = None if reference is None else table["accuracy"][reference]
    identities = identities_of(table.index) | {reference: (style.INK, "o")}
    texts = [f"{100 * accuracy:.2f} %" for accuracy in table["accuracy"]]
    if base is not None:
        gains = [f"{parts.points(100 * gain, 2)} points" for gain in table["accuracy"] - base]
        gains[list(table.index).index(reference)] = "reference"
        texts = [f"{text}   {gain}" for text, gain in zip(texts, gains, strict=True)]
    names = [display_name(arm) for arm in table.index]
    looks = [identities[arm] for arm in table.index]
    parts.forest(axes, names, table[columns].to_numpy(float), looks, texts, base)
    parts.accuracy_axis(axes)
    return figure


@styled
def seed_strips(table, reference, title, label="validation accuracy", percent=True, own=None):
    """Show a figure of each arm, a dot a seed and a bar at their mean, and each arm's paired gain.

    The table is what `runs.by_seed` returns. `reference` is the arm that the gains are over, and
    `own` may hold the figures of a reader's run by arm, which become rings. With `percent`, shares
    are shown in percent, and gains in points; without, less is better, as it is of a loss.
    """
    if reference not in table.index:
        raise UserError(f"{reference!r} is no arm: name one of {', '.join(table.index)}.")
    scale, unit, digits = (100, " %", 2) if percent else (1, "", 4)
    figure, axes = panels(
        64 + 34 * len(table), title,
        "A dot is a seed, the bar their mean. Right: mean and paired gain with its 95 % interval."
        + " Rings: this run." * (own is not None),
    )  # fmt: skip
    axes.axvline(table.loc[reference].mean(), **parts.REFERENCE)
    said, texts = [], []
    for row, (arm, values) in enumerate(table.iterrows()):
        gain = tables.paired_gain(table, arm, reference)
        hue, words = style.INK, "reference"
        if arm != reference:
            better = (gain.low, gain.high) if percent else (-gain.high, -gain.low)
            hue = parts.verdict(*better)[0]
            words = parts.interval(*(scale * each for each in gain[:3]), digits)
        axes.plot(values, [row] * len(values), "o", color=hue, markersize=6, alpha=0.45, mew=0)
        axes.plot(values.mean(), row, "|", color=hue, markersize=20, markeredgewidth=2.5)
        if own is not None:
            axes.plot(own[arm], row, "o", mfc="none", color=style.INK, markersize=9)
        texts.append(f"{scale * values.mean():.{digits}f}{unit}  {words}")
        said.append(f"{display_name(arm)} {texts[-1]}")
    parts.named_rows(axes, [display_name(arm) for arm in table.index], texts)
    axes.set_xlabel(f"{label} (%)" if percent else label)
    parts.round_ticks(axes.xaxis, 7)
    if percent:
        parts.percent_axis(axes.xaxis)
    figure.alt = f"{title}, a dot a seed: {'; '.join(said)}."
    return figure


RESULT_COLUMNS = (
    "model", "validation_accuracy", "test_accuracy", "test_accuracy_low", "test_accuracy_high",
    "reported_accuracy",
)  # fmt: skip


@styled
def accuracy_bars(table, title="Validation and test accuracy of every model"):
    """Show each model's test accuracy with its interval, validation and reported accuracy with it.

    The table is what `tables.table` returns.
    """
    checked_table(table, *RESULT_COLUMNS)
    figure, axes = panels(96 + 30 * len(table), title)
    identities = identities_of(table["model"])
    symbols = _result_symbols()
    for row, result in enumerate(table.itertuples()):
        axes.plot(result.validation_accuracy, row, **symbols["validation"])
        if result.reported_accuracy is not None:
            axes.plot(result.reported_accuracy, row, **symbols["reported by the model's source"])
    test = table[["test_accuracy", "test_accuracy_low", "test_accuracy_high"]].to_numpy(float)
    texts = [f"{100 * accuracy:.2f} %" for accuracy in table["test_accuracy"]]
    names = [display_name(name) for name in table["model"]]
    parts.forest(axes, names, test, [identities[name] for name in table["model"]], texts)
    parts.accuracy_axis(axes)
    if table["reported_accuracy"].isna().all():
        del symbols["reported by the model's source"]
    handles = [axes.plot([], [], **symbol)[0] for symbol in symbols.values()]
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1.01), "ncols": 3, "columnspacing": 2}
    axes.legend(handles, list(symbols), **place)
    font = {"fontsize": 8.5, "color": style.SOFT, "style": "italic"}
    axes.text(1.02, 1.02, "test", transform=axes.transAxes, **font)
    return figure


def _result_symbols():
    """Return how each quantity of `accuracy_bars` is drawn, by the words of the key."""
    shared = {"linestyle": "none", "color": style.INK, "zorder": 3}
    return {
        "test, with its 95 % interval": {
            "marker": "o", "color": style.FAINT, "markeredgecolor": "white", "markersize": 9.5,
        },
        "validation": shared | {"marker": "|", "zorder": 6, "markersize": 13, "mew": 1.8},
        "reported by the model's source": shared
        | {"marker": "D", "markerfacecolor": "none", "markersize": 7, "markeredgewidth": 1.1},
    }  # fmt: skip


def pareto_front(cost, accuracy):
    """Return the indices, by cost, of the models that no other beats in both cost and accuracy.

    Less cost and more accuracy are better; a model with a missing value is left out.
    """
    cost, accuracy = np.asarray(cost, float), np.asarray(accuracy, float)
    front, best = [], -np.inf
    for index in np.lexsort((-accuracy, cost)):
        if np.isfinite(cost[index]) and accuracy[index] > best:
            front.append(int(index))
            best = accuracy[index]
    return front


@styled
def accuracy_against(table, cost, label, title="", reported=False, height=420):
    """Show test accuracy against a cost, with the Pareto front: the models no other one dominates.

    The table is what `tables.table` returns, `cost` one of its columns and `label` its name with
    its unit; what the models' sources `reported` is marked on request.
    """
    checked_table(table, *RESULT_COLUMNS, cost)
    marks = reported and bool(table["reported_accuracy"].notna().any())
    figure, axes = panels(
        height, title or f"Test accuracy against {label.split(' (')[0].strip()}",
        "Grey line: the Pareto front, the best accuracy up to each cost. "
        "Vertical bars: 95 % intervals."
        + " Open diamonds: what the model's source reported." * marks
        + " Names off the front are left out where there is no room." * (len(table) > MOST_NAMED),
    )  # fmt: skip
    cost_scatter(axes, table, cost, label, reported)
    return figure


def cost_scatter(axes, table, cost, label, reported=False):
    """Draw the models of a results table as labelled points of cost and accuracy."""
    table = table[table[cost].notna() & (table[cost] > 0)]
    if len(table) == 0:
        raise UserError(f"No model has a known {cost}: pass the table of runs that measured it.")
    costs, accuracies = table[cost].to_numpy(float), table["test_accuracy"].to_numpy(float)
    front = pareto_front(costs, accuracies)
    corners = list(zip(costs[front], accuracies[front], strict=True))
    obstacles = []
    for (x, y), (later, higher) in zip(corners, corners[1:], strict=False):
        obstacles += [(x, y, later, y), (later, y, later, higher)]
    identities = identities_of(table["model"])
    for x, result in zip(costs, table.itertuples(), strict=True):
        hue, shape = identities[result.model]
        low, high = result.test_accuracy_low, result.test_accuracy_high
        axes.plot([x, x], [low, high], color=shade(hue, 0.45), linewidth=2, zorder=2)
        parts.mark(axes, x, result.test_accuracy, hue, shape, size=10)
        obstacles += [(x, low, x, high)] if np.isfinite(low) else []
        if reported and np.isfinite(result.reported_accuracy):
            obstacles.append(_reported_mark(axes, x, result, hue))
    _cost_axis(axes, costs, cost)
    obstacles.append(_draw_front(axes, costs[front], accuracies[front]))
    axes.set_xlabel(label)
    parts.value_axis(axes, "test accuracy (%)", percent=True, ticks=7)
    texts = [display_name(name) for name in table["model"]]
    hues = [identities[name][0] for name in table["model"]]
    # Among many models, those on the front are named in any case and others where there is room.
    needed = np.isin(np.arange(len(table)), front) | (len(table) <= MOST_NAMED)
    parts.place_labels(axes, np.column_stack([costs, accuracies]), texts, hues, obstacles, needed)


def _draw_front(axes, costs, accuracies):
    """Draw the Pareto front and its level continuation; return the box of the latter."""
    right = axes.get_xlim()[1]
    axes.plot(
        [*costs, right], [*accuracies, accuracies[-1]], color="#a4a4a4", linewidth=1.4,
        linestyle=(0, (3, 1.5)), drawstyle="steps-post", zorder=2.5,
    )  # fmt: skip
    axes.set_xlim(right=right)
    return costs[-1], accuracies[-1], right, accuracies[-1]


def _reported_mark(axes, x, result, hue):
    """Mark what a model's source reported, tied to the model's point; return what it covers."""
    ends = sorted((result.test_accuracy, result.reported_accuracy))
    axes.plot([x, x], ends, color=shade(hue, 0.3), linewidth=1, linestyle=(0, (1, 2)), zorder=2)
    axes.plot(
        x, result.reported_accuracy, "D", markerfacecolor="white", markeredgecolor=readable(hue),
        markersize=6, markeredgewidth=1.2, zorder=4,
    )  # fmt: skip
    return x, ends[0], x, ends[1]


DURATIONS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000)
FEW_DURATIONS = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000)
MOST_NAMED = 12  # models whose names find room in any case
MANY_TIMES = 400  # costs that differ more than this leave no room for every duration


def _cost_axis(axes, costs, cost):
    """Scale the cost axis: logarithmic where the costs span more than a factor of eight."""
    low, high = costs.min(), costs.max()
    if high / low <= 8:
        axes.set_xlim(0, high * 1.2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: parts.plain_number(value)))
        return
    axes.set_xscale("log")
    axes.set_xlim(low / (high / low) ** 0.1, high * (high / low) ** 0.12)
    parts.log_ticks(axes.xaxis, low, high)
    if cost.endswith("seconds"):
        axes.xaxis.set_major_locator(
            FixedLocator(DURATIONS if high / low < MANY_TIMES else FEW_DURATIONS)
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _duration(value)))


def _duration(seconds):
    """Write a time briefly: 30 s, 5 min, 2 h."""
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"
