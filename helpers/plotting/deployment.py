"""Figures of deployment: what exported files weigh and cost, photographs on their way to pixels."""

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from helpers.plotting.checks import checked_columns, checked_images, checked_length
from helpers.plotting.parts import interval, log_ticks, margin_text, mark, percent_axis
from helpers.plotting.style import (
    EDGE,
    FAINT,
    INK,
    RIGHT,
    SOFT,
    WIDTH,
    WRONG,
    identities_of,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

STEP_NAMES = (
    "photograph",
    "distance from\nthe background",
    "object",
    "on white,\ntrimmed",
    "longest edge\n28 pixels",
    "sharpened",
    "centred,\nnegated, grey",
)
CELL = 104
GAP = 10


@styled
def export_costs(table, title="What each file costs, and what it still gets right"):
    """Show size, time for one image and accuracy of exported files, one row per file.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: names of the files; columns: `kilobytes`, `zipped` (kilobytes too), `median_ms` and
        `slow_ms` (95th percentile) for one image, `accuracy`, `low`, `high` (0 to 1).

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    needed = ("kilobytes", "zipped", "median_ms", "slow_ms", "accuracy", "low", "high")
    checked_columns(table, needed, "The table of files")
    figure, _ = sheet(
        WIDTH, 78 + 34 * len(table), title,
        "Size: the dark part is what is left in a zip archive. Time: marker for the median, line "
        "to the 95th percentile. Accuracy: with its 95 % interval.",
    )  # fmt: skip
    sizes, times, accuracies = figure.subplots(1, 3, sharey=True)
    identities = identities_of(list(table.index))
    for row, (name, values) in enumerate(table.iterrows()):
        hue, shape = identities[name]
        sizes.barh(row, values["kilobytes"], height=0.6, color=shade(hue, 0.55))
        sizes.barh(row, values["zipped"], height=0.6, color=hue)
        sizes.text(values["kilobytes"], row, f"  {values['kilobytes']:.0f}", va="center", color=INK)
        span = [values["median_ms"], values["slow_ms"]]
        times.plot(span, [row, row], color=shade(hue, 0.4), linewidth=3, zorder=2)
        mark(times, values["median_ms"], row, hue, shape)
        interval(accuracies, row, *(values[["accuracy", "low", "high"]]), hue, shape)
    sizes.set_yticks(np.arange(len(table)), list(table.index), color=INK)
    sizes.set_ylim(len(table) - 0.4, -0.6)
    sizes.set_xlim(0, 1.22 * table["kilobytes"].max())
    sizes.set_xlabel("size (kB)")
    low, high = table["median_ms"].min(), table["slow_ms"].max()
    times.set_xscale("log")
    times.set_xlim(low / 1.6, high * 1.6)
    log_ticks(times.xaxis, low, high)
    times.set_xlabel("one image (ms, logarithmic)")
    accuracies.set_xlabel("accuracy (%)")
    percent_axis(accuracies.xaxis)
    for axes in (sizes, times, accuracies):
        axes.grid(axis="x")
    return figure


@styled
def changed_predictions(margins, changed, title="Where the smaller file changes its mind"):
    """Show how far the first class led on all images and on those whose class changed.

    Parameters
    ----------
    margins : array (N,)
        Lead of the most probable class over the next one, 0 to 1, before the change.
    changed : array (N,) of bool

    Raises
    ------
    UserError
        If the lengths differ or there is no image.
    """
    margins = np.asarray(margins, float)
    changed = np.asarray(checked_length(changed, len(margins), "flags"), bool)
    if not len(margins):
        raise UserError("There are no images: pass at least one margin.")
    figure, _ = sheet(
        WIDTH, 300, title,
        "Grey: all images. Vermilion, hatched: those for which another class came out. The scale "
        "is logarithmic.",
    )  # fmt: skip
    axes = figure.subplots()
    edges = np.linspace(0, 1, 21)
    counts, hit = np.histogram(margins, edges)[0], np.histogram(margins[changed], edges)[0]
    left, width = edges[:-1], 0.045
    axes.bar(left, counts, width, align="edge", color=shade(FAINT, 0.5))
    axes.bar(left, hit, width, align="edge", color=WRONG, hatch="///", edgecolor="white")
    axes.set_yscale("log")
    axes.set_ylim(0.7, 2 * max(counts.max(), 1))
    log_ticks(axes.yaxis, 1, max(counts.max(), 1000))
    axes.set_xlim(0, 1)
    axes.set_xlabel("lead of the first class over the second, before")
    axes.set_title("images", color=SOFT)
    axes.grid(axis="y")
    return figure


@styled
def photo_steps(photographs, title="From a photograph to what the network knows"):
    """Show every step that photographs take, one row each.

    Parameters
    ----------
    photographs : dict of str to photo.Steps
        From a name to its steps.

    Raises
    ------
    UserError
        If there is no photograph.
    """
    if not photographs:
        raise UserError("There are no photographs to show: pass a dict of at least one.")
    left, top = 74, 36
    width = left + len(STEP_NAMES) * (CELL + GAP)
    height = top + len(photographs) * (CELL + GAP)
    picture = np.full((height - top, width - left, 3), 255, np.uint8)
    for row, steps in enumerate(photographs.values()):
        for column, image in enumerate(_step_images(steps)):
            small = _fitted(image)
            y = row * (CELL + GAP) + (CELL - small.shape[0]) // 2
            x = column * (CELL + GAP) + (CELL - small.shape[1]) // 2
            picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    total = width + 2 * EDGE
    figure, heading = sheet(total, height + EDGE, title, constrained=False)
    whole = heading + height + EDGE
    axes = figure.add_axes(
        ((EDGE + left) / total, EDGE / whole, (width - left) / total, (height - top) / whole)
    )
    axes.imshow(picture, extent=(0, width - left, height - top, 0), aspect="auto")
    axes.set_axis_off()
    for column, name in enumerate(STEP_NAMES):
        x = column * (CELL + GAP) + CELL / 2
        axes.text(x, -6, name, ha="center", va="bottom", fontsize=8.5, color=SOFT)
    for row, name in enumerate(photographs):
        y = row * (CELL + GAP) + CELL / 2
        axes.text(-10, y, name, ha="right", va="center", fontsize=9, color=INK)
    return figure


def _step_images(steps):
    """Return the pictures of the steps as RGB arrays, frames around those that end in white."""
    distance = 255 - np.rint(255 * steps.distance / max(steps.distance.max(), 1e-9))
    grey = [distance.astype(np.uint8), np.where(steps.mask, 60, 255).astype(np.uint8)]
    colour = [steps.cut_out, steps.small, steps.sharpened]
    every = [steps.picture, *grey, *colour, steps.pixels]
    return [np.repeat(each[..., None], 3, axis=2) if each.ndim == 2 else each for each in every]


def _fitted(image, edge=CELL):
    """Scale an image so that its longest edge fills a cell, with its pixels visible; frame it."""
    height, width = image.shape[:2]
    scale = (edge - 2) / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    kind = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    framed = np.pad(np.asarray(Image.fromarray(image).resize(size, kind)), [(1, 1), (1, 1), (0, 0)])
    framed[[0, -1]] = framed[:, [0, -1]] = 200
    return framed


@styled
def photo_answers(
    pixels, probabilities, class_names, neighbours, warnings, names, title="What the network says"
):
    """Show the three most probable classes of photographs beside their nearest training images.

    Parameters
    ----------
    pixels : array (N, 28, 28), uint8
    probabilities : array (N, classes)
    class_names : sequence of str
    neighbours : array (N, K, 28, 28), uint8
        The nearest training images, nearest first.
    warnings : sequence of N str
        What is to be said against believing it; empty where there is nothing.
    names : sequence of N str

    Raises
    ------
    UserError
        If the shapes or lengths do not fit together.
    """
    pixels = checked_images(pixels)
    probabilities = np.asarray(probabilities, float)
    if probabilities.shape != (len(pixels), len(class_names)) or len(neighbours) != len(pixels):
        raise UserError(
            f"probabilities have the shape {probabilities.shape}, and there are {len(neighbours)} "
            f"rows of neighbours: pass one row per image, ({len(pixels)}, {len(class_names)})."
        )
    warnings = checked_length(warnings, len(pixels), "warnings")
    names = checked_length(names, len(pixels), "names")
    row_height = 96
    figure, _ = sheet(
        WIDTH, 26 + row_height * len(pixels), title,
        "Left: what the network sees. Middle: its three most probable classes. Right: the training "
        "images that are nearest to it.",
    )  # fmt: skip
    panels = figure.subplots(len(pixels), 3, squeeze=False, width_ratios=[1, 4, 4])
    for row, (seen, bars, near) in enumerate(panels):
        _picture(seen, pixels[row])
        seen.set_ylabel(names[row], rotation=0, ha="right", va="center", color=INK)
        _answer_bars(bars, probabilities[row], class_names, warnings[row])
        gaps = np.zeros((pixels.shape[1], 3), np.uint8)
        strip = [part for image in neighbours[row] for part in (image, gaps)][:-1]
        _picture(near, np.concatenate(strip, axis=1))
    return figure


def _picture(axes, image):
    axes.imshow(image, vmin=0, vmax=255, cmap="gray_r", aspect="equal", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _answer_bars(axes, row, class_names, warning):
    best = np.argsort(-row)[:3]
    hue = WRONG if warning else RIGHT
    for place, index in enumerate(best):
        axes.add_patch(Rectangle((0, place - 0.3), 1, 0.6, color="#ececec", linewidth=0))
        axes.add_patch(Rectangle((0, place - 0.3), row[index], 0.6, color=hue, linewidth=0))
        margin_text(axes, place, f"{100 * row[index]:.0f} %")
    axes.set_xlim(0, 1)
    axes.set_ylim(3.4, -0.6)
    axes.set_yticks(range(len(best)), [class_names[index] for index in best], color=INK)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    text, colour = (f"✗ {warning}", WRONG) if warning else ("✓ looks familiar", RIGHT)
    axes.text(0, 3.05, text, va="center", fontsize=8.5, color=colour)


@styled
def strangeness(distances, threshold, title="How far from anything seen in training?"):
    """Show how far kinds of images lie from the training images, and the threshold.

    Parameters
    ----------
    distances : dict of str to array (N,)
        From a kind to the distances of its images; a kind with one image is one marker.
    threshold : float
        Beyond it an image counts as strange.

    Raises
    ------
    UserError
        If there is no kind, or one without images.
    """
    if not distances or any(len(values) == 0 for values in distances.values()):
        raise UserError("A kind of images has no distances: pass at least one for each.")
    figure, _ = sheet(
        WIDTH, 70 + 27 * len(distances), title,
        "Marker: median. Line: from the 5th to the 95th percentile. Vermilion and cross: most lie "
        "beyond the threshold (dashed). At the right, the share that does.",
    )  # fmt: skip
    axes = figure.subplots()
    axes.axvline(threshold, color=FAINT, linewidth=1.4, linestyle=(0, (3, 2)), zorder=1)
    for row, values in enumerate(distances.values()):
        low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
        hue, shape = (WRONG, "X") if median > threshold else (RIGHT, "o")
        interval(axes, row, median, low, high, hue, shape)
        beyond = float(np.mean(np.asarray(values) > threshold))
        several = f"{100 * beyond:.0f} %"
        margin_text(axes, row, several if len(values) > 1 else "strange" if beyond else "familiar")
    axes.set_yticks(range(len(distances)), list(distances), color=INK)
    axes.set_ylim(len(distances) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("distance to the tenth nearest training image, in feature space")
    axes.grid(axis="x")
    return figure
