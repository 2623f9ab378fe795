"""Figures of data augmentation: what distortions do to images, and what they do to accuracy."""

import numpy as np

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_table
from helpers.plotting.mosaic import named_mosaic
from helpers.plotting.style import display_name, panels, shade, styled
from helpers.settings import UserError

VERDICTS = (
    f"Bars are 95 % intervals of the paired difference. {parts.VERDICTS}this experiment cannot "
    "tell."
)


@styled
def distortions(rows, copies=1, title="What each distortion does"):
    """Show the same images under several distortions, given by their names, one row each.

    A thin line parts the groups of so many neighbouring `copies` that stem from one original.
    """
    mosaic = named_mosaic(rows, title, left=110)
    count = len(mosaic.corners) // len(rows)
    bottom = mosaic.corners[-1][1] + mosaic.size[0]
    for x, _ in mosaic.corners[copies:count:copies]:
        mosaic.axes.plot([x - 1.5] * 2, [0, bottom], color=style.SOFT, linewidth=1.2)
    return mosaic.figure


@styled
def memorised(table, title="What is learned, and what is learned by heart"):
    """Show the accuracy of each arm on the images it learned from beside that on unseen ones.

    The table has the arms as its index and the columns `training` and `validation` (0 to 1).
    """
    checked_table(table, "training", "validation")
    figure, axes = panels(
        62 + 28 * len(table), title,
        "Full circle: unseen validation images. Open square: the training images, undistorted. "
        "The line between them is the generalisation gap, given at the right in points.",
    )  # fmt: skip
    for row, (training, validation) in enumerate(table[["training", "validation"]].to_numpy()):
        axes.plot([validation, training], [row, row], color=shade(style.RIGHT, 0.6), linewidth=3)
        axes.plot(
            training, row, "s", color=style.SOFT, markerfacecolor="white", markersize=7, zorder=4
        )
        parts.mark(axes, validation, row, style.RIGHT, "o")
    gaps = [parts.signed(100 * gap, 1) for gap in table["training"] - table["validation"]]
    parts.named_rows(axes, [display_name(name) for name in table.index], gaps)
    parts.accuracy_axis(axes)
    return figure


@styled
def class_gains(gains, certain, title="Which classes gain by which distortion"):
    """Show the gain in accuracy per distortion (row) and class (column) as a heatmap.

    The second table says of each gain whether its interval leaves zero out; these stand in bold.
    """
    checked_table(gains)
    if not (gains.index.equals(certain.index) and gains.columns.equals(certain.columns)):
        raise UserError("gains and certain must be tables of the same distortions by classes.")
    figure, axes = panels(
        70 + 32 * len(gains), title,
        "Gain in percentage points over the arm without distortions. Blue: better, orange: worse. "
        "Bold: the 95 % interval leaves zero out.",
    )  # fmt: skip
    values = 100 * gains.to_numpy(float)
    texts = parts.cells(values, lambda value: parts.signed(value, 1))
    limit = 1.15 * max(np.abs(values).max(), 0.1)
    names = [display_name(name) for name in gains.index], list(gains.columns)
    bold = certain.to_numpy(bool)
    parts.heatmap(axes, values, texts, style.DIVERGING, (-limit, limit), names, bold)
    return figure


@styled
def gain_by_strength(table, label, title="How strong should it be?"):
    """Show the gain in accuracy against the strength of one distortion, which `label` names.

    The table has the strengths as its index and the columns `gain`, `low`, `high` (shares).
    """
    checked_table(table, "gain", "low", "high")
    figure, axes = panels(270, title, VERDICTS, width=640)
    _gain_panel(axes, table, label)
    return figure


@styled
def gain_by_amount(table, names, title="The more images, the smaller the gain?"):
    """Show the accuracy with and without distortions, and the gain, against the amount of data.

    The table has the numbers of training images as its index and the columns `without`, `with`
    (accuracy, 0 to 1), which `names` names, and `gain`, `low`, `high` (shares).
    """
    checked_table(table, "without", "with", "gain", "low", "high")
    figure, grid = panels(300, title, VERDICTS, (1, 2))
    left, right = grid[0]
    places = np.arange(len(table))
    arms = zip(("without", "with"), names, (style.FAINT, style.RIGHT), ("o", "s"), strict=True)
    for column, name, hue, shape in arms:
        look = {"marker": shape, "markersize": 8, "markeredgecolor": "white"}
        left.plot(places, table[column], color=hue, label=display_name(name), **look)
    left.legend(loc="lower right")
    parts.value_axis(left, "accuracy (%)", percent=True)
    label = "training images"
    _strength_axis(left, table, label)
    _gain_panel(right, table, label)
    return figure


def _gain_panel(axes, table, label):
    """Draw gains with their intervals, evenly spaced, whatever the distances of the strengths."""
    gains = 100 * table[["gain", "low", "high"]].to_numpy(float)
    parts.upright_gains(axes, gains, [parts.signed(gain, 2) for gain in gains[:, 0]], 9)
    axes.plot(range(len(table)), gains[:, 0], color="#c4c4c4", linewidth=1.4, zorder=1)
    parts.value_axis(axes, "gain in validation accuracy (percentage points)")
    _strength_axis(axes, table, label)


def _strength_axis(axes, table, label):
    axes.set_xticks(range(len(table)), [f"{value:,}" for value in table.index])
    axes.set_xlim(-0.35, len(table) - 0.4)
    axes.set_xlabel(label)
