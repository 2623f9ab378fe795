"""Figures of learning from few labels: accuracy and gain by number of labels, pairs of classes."""

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_square, checked_table
from helpers.plotting.style import INK, REDS, display_name, panels, shade, styled

# An arm keeps its colour and marker in all figures of this topic.
ARMS = {
    "pixels": ("#8a8a8a", "s"),
    "random_features": ("#B8B832", "v"),
    "scratch": ("#D55E00", "o"),
    "frozen": ("#35BBF5", "D"),
    "fine_tuned": ("#161A85", "^"),
    "rotation_frozen": ("#0A8644", "P"),
    "rotation_fine_tuned": ("#770065", "X"),
    "imagenet_frozen": ("#17351A", "*"),
}
# Their features stay fixed: dashed lines.
FIXED = ("pixels", "random_features", "frozen", "rotation_frozen", "imagenet_frozen")


@styled
def label_efficiency(table, title="What more labels buy, and what they are worth"):
    """Show accuracy against the number of labels, one line per arm and one panel per task.

    The table has the columns `task` (heading of the panel), `arm`, `labels` (their number),
    `accuracy` and its interval `low`, `high` (shares; may be missing).
    """
    checked_table(table, "task", "arm", "labels", "accuracy", "low", "high")
    tasks, arms = table["task"].unique(), list(table["arm"].unique())
    # Each panel has an axis of its own, or the curves of an easy task would lie on each other.
    figure, grid = panels(
        430, title,
        "Bars: 95 % intervals over seeds. Solid lines: the whole network is trained. Dashed lines: "
        "logistic regression.",
        (1, len(tasks)),
    )  # fmt: skip
    looks = style.looks_of(arms, ARMS)
    labelled = []
    for axes, task in zip(grid[0], tasks, strict=True):
        rows = table[table["task"] == task]
        ends = [_line(axes, arm, rows[rows["arm"] == arm], looks, arms) for arm in arms]
        _label_axis(axes, sorted(set(rows["labels"])))
        axes.set_title(task, weight="bold")
        parts.value_axis(axes, percent=True, ticks=8)
        # With two seeds an interval can be wider than all that there is to see.
        bottom, top = axes.get_ylim()
        axes.set_ylim(max(bottom, rows["accuracy"].min() - 0.1), min(top, 1.003))
        labelled.append((axes, [end for end in ends if end is not None]))
    grid[0, 0].set_ylabel("accuracy on validation images (%)")
    parts.label_ends(figure, *labelled)
    return figure


def _line(axes, arm, rows, looks, arms):
    """Draw one arm, a little beside the others, and return the label for its end."""
    if rows.empty:
        return None
    rows = rows.sort_values("labels")
    hue, shape = looks[arm]
    aside = 1.03 ** (arms.index(arm) - (len(arms) - 1) / 2)
    labels, accuracy = rows["labels"].to_numpy() * aside, rows["accuracy"].to_numpy()
    axes.plot(labels, accuracy, color=hue, linewidth=1.7, linestyle="--" if arm in FIXED else "-")
    axes.vlines(labels, rows["low"], rows["high"], color=shade(hue, 0.35), linewidth=2, zorder=2)
    parts.mark(axes, labels, accuracy, hue, shape, size=7)
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

    The table has the columns `comparison` (heading of the panel), `labels` (their number), `gain`
    and its interval `low`, `high` (shares; may be missing).
    """
    checked_table(table, "comparison", "labels", "gain", "low", "high")
    comparisons = table["comparison"].unique()
    figure, grid = panels(
        330, title,
        f"Bars: 95 % intervals over seeds. {parts.VERDICTS}cannot tell.",
        (1, len(comparisons)), sharey=True,
    )  # fmt: skip
    for axes, comparison in zip(grid[0], comparisons, strict=True):
        rows = table[table["comparison"] == comparison].sort_values("labels")
        gains = 100 * rows[["gain", "low", "high"]].to_numpy(float)
        texts = [parts.points(gain, 1) for gain in gains[:, 0]]
        parts.upright_gains(axes, gains, texts, 8, zorder=6)
        axes.set_xticks(range(len(rows)), [f"{count:,}" for count in rows["labels"]])
        axes.set_xlim(-0.4, len(rows) - 0.3)
        axes.set_xlabel("labelled images")
        axes.set_title(comparison, weight="bold")
        axes.grid(axis="y")
    grid[0, 0].set_ylabel("gain (percentage points)")
    return figure


@styled
def pair_difficulty(accuracy, class_names, chosen=(), title="Which pairs are hard to tell apart"):
    """Show how well each pair of classes is told apart, as a triangle of accuracies in percent.

    Only what is below the diagonal of the square `accuracy` (shares) is read; the pairs of class
    indices in `chosen` are framed.
    """
    accuracy, count = checked_square(accuracy, class_names), len(class_names)
    errors = parts.triangle(1 - accuracy.astype(float))
    figure, axes = panels(
        90 + 36 * count, title,
        "Accuracy in percent; the darker, the harder. A black frame marks the pairs that are used.",
        width=170 + 62 * count,
    )  # fmt: skip
    texts = parts.cells(errors, lambda error: f"{100 * (1 - error):.0f}")
    names = list(class_names)
    look = REDS, (0, max(np.nanmax(errors), 0.01)), (names[1:], names[:-1])
    parts.heatmap(axes, errors, texts, *look, on_top=False)
    for pair in chosen:
        row, column = max(pair) - 1, min(pair)
        axes.add_patch(
            Rectangle((column, row), 1, 1, fill=False, edgecolor=INK, linewidth=2.2, zorder=4)
        )
    return figure
