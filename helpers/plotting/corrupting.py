"""Figures of corruptions: what they do to an image, and what they do to accuracy."""

import numpy as np
from matplotlib.lines import Line2D

from helpers.plotting.checks import checked_columns, checked_images
from helpers.plotting.mosaic import Mosaic
from helpers.plotting.parts import MARKER_SCALE, mark, percent_axis
from helpers.plotting.style import WIDTH, display_name, identities_of, sheet, styled
from helpers.settings import UserError


@styled
def corruption_grid(rows, title="Eight ways to spoil an image, at five strengths"):
    """Show an image and what each corruption makes of it, one row per corruption.

    Parameters
    ----------
    rows : dict of str to array (1 + strengths, height, width)
        A corruption's name to the original and its versions of rising strength.

    Raises
    ------
    UserError
        If there is no row, or the rows differ in shape.
    """
    stacked = [checked_images(images, f"images of {name}") for name, images in rows.items()]
    if len({images.shape for images in stacked}) != 1:
        raise UserError("Rows of corruptions must be alike: pass the same strengths in each.")
    count = len(stacked[0])
    subtitle = "At the left the original, then the strengths in rising order."
    mosaic = Mosaic(np.concatenate(stacked), count, title, subtitle, left=118, gap=3, zoom=3)
    mosaic.name_rows([display_name(name) for name in rows], count)
    return mosaic.figure


@styled
def robustness(table, columns=4, title="Accuracy as each corruption grows"):
    """Show accuracy against strength, one panel per corruption and one line per model.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns `model`, `corruption`, `strength` (0: clean) and `accuracy` (0 to 1).
    columns : int
        Panels per row.

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    needed = ("model", "corruption", "strength", "accuracy")
    checked_columns(table, needed, "The table of corruptions")
    panels, names = (list(dict.fromkeys(table[key])) for key in ("corruption", "model"))
    rows = -(-len(panels) // columns)
    figure, _ = sheet(WIDTH, 60 + 240 * rows, title, "Strength 0 is the clean image.")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    identities = identities_of(names)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        for name in reversed(names):  # the first one, to which others are compared, lies on top
            chosen = table[(table["corruption"] == panel) & (table["model"] == name)]
            hue, shape = identities[name]
            axes.plot(chosen["strength"], chosen["accuracy"], color=hue, linewidth=1.3)
            for x, y in zip(chosen["strength"], chosen["accuracy"], strict=True):
                mark(axes, x, y, hue, shape, size=5.5)
        axes.set_title(display_name(panel), weight="bold")
        axes.set_xticks(sorted(table["strength"].unique()))
        percent_axis(axes.yaxis)
        axes.grid(axis="y")
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (%)")
    for axes in grid.flat[max(0, len(panels) - columns) : len(panels)]:
        axes.set_xlabel("strength")
    figure.legend(
        handles=[_legend_line(name, *identities[name]) for name in names],
        loc="outside lower center", ncols=min(len(names), 4),
    )  # fmt: skip
    return figure


def _legend_line(name, hue, shape):
    return Line2D(
        [], [], color=hue, marker=shape, markeredgecolor="white",
        markersize=8 * MARKER_SCALE.get(shape, 1), label=display_name(name),
    )  # fmt: skip
