"""Figures of data augmentation: what distortions do to images, and what they do to accuracy."""

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from helpers.plotting.checks import checked_columns, checked_images
from helpers.plotting.mosaic import Mosaic
from helpers.plotting.parts import (
    cell_names,
    heatmap,
    margin_text,
    mark,
    percent_axis,
    signed,
    verdict,
)
from helpers.plotting.style import (
    DIVERGING,
    FAINT,
    INK,
    RIGHT,
    SOFT,
    WIDTH,
    display_name,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

VERDICTS = (
    "Bars are 95 % intervals of the paired difference. Blue triangle up: it pays. Orange triangle "
    "down: it harms. Grey circle: this experiment cannot tell."
)


@styled
def distortions(rows, copies=1, title="What each distortion does"):
    """Show the same images under several distortions, one row each, its name at the left.

    Parameters
    ----------
    rows : dict of str to array (N, height, width)
        A distortion's name to the distorted images, equally many in every row.
    copies : int
        How many neighbouring images stem from one original; a thin line parts the originals.

    Raises
    ------
    UserError
        If there is no row, the shapes differ, or `copies` does not divide N.
    """
    stacked = [checked_images(images, f"images of {name}") for name, images in rows.items()]
    if len({images.shape for images in stacked}) != 1:
        raise UserError("Rows of distortions must be alike: pass equally many images in each.")
    count = len(stacked[0])
    if copies < 1 or count % copies:
        raise UserError(f"{count} images are no groups of {copies}: pass copies that divide them.")
    mosaic = Mosaic(np.concatenate(stacked), count, title, left=110, gap=3)
    mosaic.name_rows([display_name(name) for name in rows], count)
    bottom = mosaic.corners[-1][1] + mosaic.size[0]
    for x, _ in mosaic.corners[copies:count:copies]:
        mosaic.axes.plot([x - 1.5] * 2, [0, bottom], color=SOFT, linewidth=1.2)
    return mosaic.figure


@styled
def memorised(table, title="What is learned, and what is learned by heart"):
    """Show the accuracy of each arm on the images it learned from beside that on unseen ones.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: arms; columns: `training` and `validation`, accuracies in [0, 1].

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    checked_columns(table, ("training", "validation"), "The table of accuracies")
    figure, _ = sheet(
        WIDTH, 62 + 28 * len(table), title,
        "Full circle: unseen validation images. Open square: the training images, undistorted. "
        "The line between them is the generalisation gap, given at the right in points.",
    )  # fmt: skip
    axes = figure.subplots()
    for row, (training, validation) in enumerate(
        table[["training", "validation"]].itertuples(index=False)
    ):
        axes.plot([validation, training], [row, row], color=shade(RIGHT, 0.6), linewidth=3)
        axes.plot(training, row, "s", color=SOFT, markerfacecolor="white", markersize=7, zorder=4)
        mark(axes, validation, row, RIGHT, "o")
        margin_text(axes, row, signed(100 * (training - validation), 1))
    axes.set_yticks(range(len(table)), [display_name(name) for name in table.index], color=INK)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlabel("accuracy (%)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    percent_axis(axes.xaxis)
    axes.grid(axis="x")
    return figure


@styled
def class_gains(gains, certain, title="Which classes gain by which distortion"):
    """Show the gain in accuracy per distortion and class as a heatmap.

    Parameters
    ----------
    gains : pandas.DataFrame
        Index: distortions; columns: class names; values: gain in accuracy, in [-1, 1].
    certain : pandas.DataFrame of bool
        Of the same form: whether the gain's interval leaves zero out; these stand in bold.

    Raises
    ------
    UserError
        If the tables are empty or do not match.
    """
    same = gains.index.equals(certain.index) and gains.columns.equals(certain.columns)
    if gains.size == 0 or not same:
        raise UserError(
            "gains and certain must be tables of the same distortions by classes, at least one."
        )
    figure, _ = sheet(
        WIDTH, 70 + 32 * len(gains), title,
        "Gain in percentage points over the arm without distortions. Blue: better, orange: worse. "
        "Bold: the 95 % interval leaves zero out.",
    )  # fmt: skip
    values = 100 * gains.to_numpy(float)
    texts = [[signed(value, 1) for value in row] for row in values]
    limit = 1.15 * max(np.abs(values).max(), 0.1)
    axes = figure.subplots()
    heatmap(axes, values, texts, DIVERGING, -limit, limit, bold=certain.to_numpy(bool))
    cell_names(axes, [display_name(name) for name in gains.index], list(gains.columns))
    return figure


@styled
def gain_by_strength(table, label, title="How strong should it be?"):
    """Show the gain in accuracy against the strength of one distortion.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: strengths in ascending order; columns: `gain`, `low`, `high` (shares).
    label : str
        What the strength is, with its unit.

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    checked_columns(table, ("gain", "low", "high"), "The table of gains")
    figure, _ = sheet(640, 270, title, VERDICTS)
    _gain_panel(figure.subplots(), table, label)
    return figure


@styled
def gain_by_amount(table, names, title="The more images, the smaller the gain?"):
    """Show the accuracy with and without distortions, and the gain, against the amount of data.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: numbers of training images in ascending order; columns: `without`, `with` (accuracy
        in [0, 1]) and `gain`, `low`, `high` (shares).
    names : sequence of 2 str
        What to call the arm without and the arm with distortions.

    Raises
    ------
    UserError
        If a column is missing, the table is empty, or there are not two names.
    """
    checked_columns(table, ("without", "with", "gain", "low", "high"), "The table of gains")
    if len(names) != 2:
        raise UserError(f"There are {len(names)} names: pass one for each of the two arms.")
    figure, _ = sheet(WIDTH, 300, title, VERDICTS)
    left, right = figure.subplots(1, 2)
    places = np.arange(len(table))
    arms = zip(("without", "with"), names, (FAINT, RIGHT), ("o", "s"), strict=True)
    for column, name, hue, shape in arms:
        style = {"marker": shape, "markersize": 8, "markeredgecolor": "white"}
        left.plot(places, table[column], color=hue, label=display_name(name), **style)
    left.legend(loc="lower right")
    left.set_title("accuracy (%)", color=SOFT)
    percent_axis(left.yaxis)
    label = "training images"
    _strength_axis(left, table, label)
    _gain_panel(right, table, label)
    return figure


def _gain_panel(axes, table, label):
    """Draw gains with their intervals, evenly spaced, whatever the distances of the strengths."""
    axes.axhline(0, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
    axes.plot(range(len(table)), 100 * table["gain"], color="#c4c4c4", linewidth=1.4, zorder=1)
    for place, (gain, low, high) in enumerate(100 * table[["gain", "low", "high"]].to_numpy(float)):
        hue, shape = verdict(low, high)
        axes.plot([place] * 2, [low, high], color=shade(hue, 0.4), linewidth=3, zorder=2)
        mark(axes, place, gain, hue, shape)
        axes.annotate(
            signed(gain, 2), (place, gain), (9, 0), textcoords="offset points", va="center",
            fontsize=8.5, color=SOFT, path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip
    axes.set_title("gain in validation accuracy (percentage points)", color=SOFT)
    _strength_axis(axes, table, label)


def _strength_axis(axes, table, label):
    axes.set_xticks(range(len(table)), [f"{value:,}" for value in table.index])
    axes.set_xlim(-0.35, len(table) - 0.4)
    axes.set_xlabel(label)
    axes.grid(axis="y")
