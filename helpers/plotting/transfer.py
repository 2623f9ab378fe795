"""Figures of learning from few labels: accuracy and gain by number of labels, pairs of classes."""

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from helpers.plotting.checks import checked_columns
from helpers.plotting.parts import (
    cell_names,
    end_labels,
    heatmap,
    mark,
    percent_axis,
    spread,
    verdict,
)
from helpers.plotting.style import (
    FAINT,
    INK,
    REDS,
    SOFT,
    WIDTH,
    display_name,
    identities_of,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

# An arm keeps its colour and marker in all figures of this topic. Dashed: the features stay fixed.
ARMS = {
    "pixels": ("#8a8a8a", "s", True),
    "random_features": ("#B8B832", "v", True),
    "scratch": ("#D55E00", "o", False),
    "frozen": ("#35BBF5", "D", True),
    "fine_tuned": ("#161A85", "^", False),
    "rotation_frozen": ("#0A8644", "P", True),
    "rotation_fine_tuned": ("#770065", "X", False),
    "imagenet_frozen": ("#17351A", "*", True),
}


@styled
def label_efficiency(table, title="What more labels buy, and what they are worth"):
    """Show accuracy against the number of labels, one line per arm and one panel per task.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns: `task` (heading of the panel), `arm`, `labels` (their number), `accuracy` and its
        interval `low`, `high` (shares; NaN where there is none).

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    columns = ("task", "arm", "labels", "accuracy", "low", "high")
    checked_columns(table, columns, "The table of accuracies")
    tasks, arms = list(dict.fromkeys(table["task"])), list(dict.fromkeys(table["arm"]))
    figure, _ = sheet(
        WIDTH, 430, title,
        "Bars: 95 % intervals over seeds. Solid lines: the whole network is trained. Dashed lines: "
        "logistic regression.",
    )  # fmt: skip
    # Each panel has an axis of its own, or the curves of an easy task would lie on each other.
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    looks = _looks(arms)
    labelled = []
    for axes, task in zip(panels, tasks, strict=True):
        rows = table[table["task"] == task]
        ends = [_line(axes, arm, rows[rows["arm"] == arm], looks, arms) for arm in arms]
        _label_axis(axes, sorted(set(rows["labels"])))
        axes.set_title(task, weight="bold")
        axes.grid(axis="y")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
        # With two seeds an interval can be wider than all that there is to see.
        bottom, top = axes.get_ylim()
        axes.set_ylim(max(bottom, rows["accuracy"].min() - 0.1), min(top, 1.003))
        percent_axis(axes.yaxis)
        labelled.append(end_labels(axes, [end for end in ends if end is not None]))
    panels[0].set_ylabel("accuracy on validation images (%)")
    spread(figure, labelled)
    return figure


def _looks(arms):
    """Return colour, marker and whether a line is dashed for every arm."""
    others = identities_of([arm for arm in arms if arm not in ARMS])
    return {arm: ARMS.get(arm) or (*others[arm], False) for arm in arms}


def _line(axes, arm, rows, looks, arms):
    """Draw one arm, a little beside the others, and return the label for its end."""
    if rows.empty:
        return None
    rows = rows.sort_values("labels")
    hue, shape, dashed = looks[arm]
    aside = 1.03 ** (arms.index(arm) - (len(arms) - 1) / 2)
    labels, accuracy = rows["labels"].to_numpy() * aside, rows["accuracy"].to_numpy()
    axes.plot(labels, accuracy, color=hue, linewidth=1.7, linestyle="--" if dashed else "-")
    axes.vlines(labels, rows["low"], rows["high"], color=shade(hue, 0.35), linewidth=2, zorder=2)
    for x, y in zip(labels, accuracy, strict=True):
        mark(axes, x, y, hue, shape, size=7)
    return accuracy[-1], display_name(arm), hue


def _label_axis(axes, labels):
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(labels))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlim(labels[0] / 1.25, labels[-1] * 1.25)
    axes.set_xlabel("labelled images (logarithmic)")


@styled
def gain_by_labels(table, title="What pretraining adds to the same number of labels"):
    """Show a paired difference in accuracy for every number of labels, one panel per comparison.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns: `comparison` (heading of the panel), `labels` (their number), `gain` and its
        interval `low`, `high` (shares; NaN where there is none).

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    columns = ("comparison", "labels", "gain", "low", "high")
    checked_columns(table, columns, "The table of gains")
    comparisons = list(dict.fromkeys(table["comparison"]))
    figure, _ = sheet(
        WIDTH, 330, title,
        "Bars: 95 % intervals over seeds. Blue triangle up: it pays. Orange triangle down: it "
        "harms. Grey circle: cannot tell.",
    )  # fmt: skip
    panels = figure.subplots(1, len(comparisons), sharey=True, squeeze=False)[0]
    for axes, comparison in zip(panels, comparisons, strict=True):
        rows = table[table["comparison"] == comparison].sort_values("labels")
        axes.axhline(0, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
        for place, row in enumerate(rows.itertuples()):
            hue, shape = verdict(row.low, row.high)
            ends = [100 * row.low, 100 * row.high]
            axes.plot([place] * 2, ends, color=shade(hue, 0.4), linewidth=3, zorder=2)
            mark(axes, place, 100 * row.gain, hue, shape)
            axes.annotate(
                f"{100 * row.gain:+.1f}".replace("-", "−"), (place, 100 * row.gain), (8, 0),
                textcoords="offset points", va="center", fontsize=8.5, color=SOFT, zorder=6,
                path_effects=[withStroke(linewidth=3, foreground="white")],
            )  # fmt: skip
        axes.set_xticks(range(len(rows)), [f"{count:,}" for count in rows["labels"]])
        axes.set_xlim(-0.4, len(rows) - 0.3)
        axes.set_xlabel("labelled images")
        axes.set_title(comparison, weight="bold")
        axes.grid(axis="y")
    panels[0].set_ylabel("gain (percentage points)")
    return figure


@styled
def pair_difficulty(accuracy, class_names, chosen=(), title="Which pairs are hard to tell apart"):
    """Show how well each pair of classes is told apart, as a triangle of accuracies in percent.

    Parameters
    ----------
    accuracy : array (classes, classes)
        Shares; only the entries below the diagonal are read.
    class_names : sequence of str
    chosen : sequence of (int, int)
        Pairs of classes to frame.

    Raises
    ------
    UserError
        If the matrix does not fit the names.
    """
    accuracy, count = np.asarray(accuracy, float), len(class_names)
    if accuracy.shape != (count, count) or count < 2:
        raise UserError(
            f"The accuracies have the shape {accuracy.shape}: pass one row and one column for "
            f"each of the {count} class names (two or more)."
        )
    below = np.tril(np.ones((count, count), bool), -1)
    # The first class has no row of its own and the last no column.
    errors = np.where(below, 1 - accuracy, np.nan)[1:, :-1]
    texts = [[f"{100 * (1 - error):.0f}" if error == error else "" for error in row]
             for row in errors]  # fmt: skip
    figure, _ = sheet(
        170 + 62 * count, 90 + 36 * count, title,
        "Accuracy in percent; the darker, the harder. A black frame marks the pairs that are used.",
    )  # fmt: skip
    axes = figure.subplots()
    heatmap(axes, errors, texts, REDS, 0, max(np.nanmax(errors), 0.01))
    cell_names(axes, list(class_names)[1:], list(class_names)[:-1], on_top=False)
    for pair in chosen:
        row, column = max(pair) - 1, min(pair)
        axes.add_patch(
            Rectangle((column, row), 1, 1, fill=False, edgecolor=INK, linewidth=2.2, zorder=4)
        )
    return figure
