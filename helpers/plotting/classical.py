"""Figures of classical baselines: what they see and learn, how they are tuned, what they cost."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import hsv_to_rgb
from matplotlib.ticker import FuncFormatter, NullLocator

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_images, checked_length, checked_table, checked_tables
from helpers.plotting.comparing import RESULT_COLUMNS, cost_scatter
from helpers.plotting.mosaic import Mosaic
from helpers.plotting.style import display_name, identities_of, panels, shade, styled

ROWS = ("the image", "gradient", "histograms")
NIGHT = "#10131a"


@styled
def oriented_gradients(images, strength, direction, histograms, captions, title=""):
    """Show images, their gradients and their histograms of oriented gradients, row by row.

    Takes what `classical.gradients` and `classical.cell_histograms` return of the images.
    """
    images = checked_images(images)
    count = len(images)
    captions = checked_length(captions, count, "captions")
    strength = checked_length(strength, count, "gradients")
    side = (style.WIDTH - 90) // count
    figure, grid = panels(
        3 * side + 30, title or "What is left of an image in oriented gradients",
        "Middle: the hue is the direction of an edge, the brightness its strength. Below: in each "
        "cell, strokes along the edges, the longer and brighter, the more of them.",
        (3, count),
    )  # fmt: skip
    for number, (top, middle, bottom) in enumerate(grid.T):
        top.imshow(images[number])
        middle.imshow(_hues(strength[number], direction[number]))
        _strokes(bottom, histograms[number])
        top.set_title(captions[number], color=style.INK)
    for row, axes in zip(ROWS, grid[:, 0], strict=True):
        axes.set_ylabel(row, color=style.SOFT)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def _hues(strength, direction):
    """Return a picture whose hue is the direction and whose brightness is the strength."""
    brightness = np.sqrt(strength / max(strength.max(), 1e-9))
    hues = np.stack([direction / np.pi % 1, np.full_like(strength, 0.75), brightness], axis=-1)
    return hsv_to_rgb(hues)


def _strokes(axes, histograms):
    """Draw a star of strokes in each cell; an edge runs across its gradient."""
    rows, columns, orientations = histograms.shape
    axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", facecolor=NIGHT)
    share = histograms / max(histograms.max(), 1e-9)
    y, x, orientation = np.indices(histograms.shape)
    angle = np.pi * orientation / orientations + np.pi / 2
    reach = 0.48 * np.sqrt(share)
    offset = np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=-1)
    centre = np.stack([x + 0.5, y + 0.5], axis=-1)
    lines = np.stack([centre - offset, centre + offset], axis=-2).reshape(-1, 2, 2)
    hues = hsv_to_rgb(
        np.stack([orientation / orientations, np.full(share.shape, 0.55), np.ones(share.shape)], -1)
    )
    paint = np.concatenate([hues, np.sqrt(share)[..., None]], axis=-1).reshape(-1, 4)
    order = np.argsort(share.ravel())
    axes.add_collection(LineCollection(lines[order], colors=paint[order], linewidths=1.8))


@styled
def class_templates(weights, class_names, title="What speaks for a class, and what against it"):
    """Show one weight per pixel and class as images: blue speaks for the class, orange against it.

    `weights` is an array (classes, height, width).
    """
    weights = checked_images(weights, "weights").astype(float)
    names = checked_length(class_names, len(weights), "class names")
    mosaic = Mosaic(
        weights, 5, title,
        "Bright pixels on blue places speak for the class, on orange places against it.",
        captions=names, gap=6, zoom=5,
    )  # fmt: skip
    mosaic.caption(names)
    (shown,) = mosaic.axes.get_images()
    values = np.zeros(shown.get_array().shape)
    height, width = weights.shape[1:]
    for (x, y), image in zip(mosaic.corners, weights, strict=True):
        values[y : y + height, x : x + width] = image
    # A few large weights at the rim would make all others pale.
    limit = max(np.quantile(np.abs(weights), 0.995), 1e-9)
    shown.set(data=values, cmap=style.DIVERGING, clim=(-limit, limit))
    mosaic.frame(["#d0d0d0"] * len(names))
    return mosaic.figure


@styled
def validation_curves(curves, title="Validation chooses"):
    """Show validation accuracy against one setting, in one panel per baseline.

    `curves` has, by baseline, the name of the setting and what `classical.validation_curve`
    returns: a table of `value`, `accuracy`, `low`, `high`.
    """
    tables = {name: table for name, (_, table) in curves.items()}
    checked_tables(tables, "value", "accuracy", "low", "high")
    columns = min(len(curves), 4)
    rows = -(-len(curves) // columns)
    figure, grid = panels(
        205 * rows + 10, title,
        "Validation accuracy (%) with 95 % intervals; the filled point is the best value. "
        "Each panel has a scale of its own.",
        (rows, columns), count=len(curves),
    )  # fmt: skip
    identities = identities_of(curves)
    for axes, (name, (setting, table)) in zip(grid.flat, curves.items(), strict=False):
        _curve(axes, table, identities[name][1])
        axes.set_title(display_name(name), weight="bold", color=style.INK)
        axes.set_xlabel(setting.replace("_", " "))
    return figure


def _curve(axes, table, shape):
    values, accuracy = table["value"].to_numpy(float), table["accuracy"].to_numpy(float)
    best = int(accuracy.argmax())
    axes.vlines(values, table["low"], table["high"], color=shade(style.RIGHT, 0.65), linewidth=3)
    axes.plot(values, accuracy, color=style.RIGHT, linewidth=1.4, zorder=3)
    hollow = {"markerfacecolor": "white", "markeredgecolor": style.RIGHT, "markersize": 6}
    axes.plot(values, accuracy, "o", zorder=4, **hollow)
    parts.mark(axes, values[best], accuracy[best], style.RIGHT, shape, size=10)
    axes.set_xscale("log")
    axes.margins(x=0.09)
    long_labels = values.min() < 0.001
    shown = values[::2] if long_labels or len(values) > 5 else values
    axes.set_xticks(shown)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _setting(value)))
    parts.value_axis(axes, percent=True)


def _setting(value):
    return parts.plain_number(value) if value >= 0.001 else f"{value:.0e}".replace("e-0", "e−")


@styled
def fit_and_prediction(table, title="What accuracy costs: before, and every time"):
    """Show test accuracy against the time of the fit and against that of 10,000 predictions.

    The table is what `tables.table` returns, with a column `prediction_seconds`.
    """
    costs = {"training_seconds": "fit", "prediction_seconds": "prediction of 10,000 images"}
    checked_table(table, *RESULT_COLUMNS, *costs)
    figure, grid = panels(
        400, title,
        "Grey line: the Pareto front, the best accuracy up to each time. Vertical bars: 95 % "
        "intervals. Both axes of time are logarithmic.",
        (1, 2), sharey=True,
    )  # fmt: skip
    for axes, (cost, label) in zip(grid[0], costs.items(), strict=True):
        cost_scatter(axes, table, cost, label)
        axes.tick_params(labelleft=True)
    return figure
