"""Figures of deployment: what exported files weigh and cost, photographs on their way to pixels."""

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_images, checked_length, checked_table
from helpers.plotting.mosaic import to_scale
from helpers.plotting.style import identities_of, panels, shade, styled

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

    The table has the names of the files as its index and the columns `kilobytes`, `zipped`
    (kilobytes too), `median_ms` and `slow_ms` (95th percentile) for one image, and `accuracy` with
    its interval `low`, `high` (0 to 1).
    """
    shares = ["accuracy", "low", "high"]
    checked_table(table, "kilobytes", "zipped", "median_ms", "slow_ms", *shares)
    figure, grid = panels(
        78 + 34 * len(table), title,
        "Size: the dark part is what is left in a zip archive. Time: marker for the median, line "
        "to the 95th percentile. Accuracy: with its 95 % interval.",
        (1, 3), sharey=True,
    )  # fmt: skip
    sizes, times, accuracies = grid[0]
    names = list(table.index)
    identities = identities_of(names)
    for row, each in enumerate(table.itertuples()):
        hue, shape = identities[each.Index]
        sizes.barh(row, each.kilobytes, height=0.6, color=shade(hue, 0.55))
        sizes.barh(row, each.zipped, height=0.6, color=hue)
        sizes.text(each.kilobytes, row, f"  {each.kilobytes:.0f}", va="center", color=style.INK)
        span = [each.median_ms, each.slow_ms]
        times.plot(span, [row, row], color=shade(hue, 0.4), linewidth=3, zorder=2)
        parts.mark(times, each.median_ms, row, hue, shape)
    looks = [identities[name] for name in names]
    parts.forest(accuracies, names, table[shares].to_numpy(float), looks)
    parts.named_rows(sizes, names)
    sizes.set_xlim(0, 1.22 * table["kilobytes"].max())
    sizes.set_xlabel("size (kB)")
    low, high = table["median_ms"].min(), table["slow_ms"].max()
    times.set_xscale("log")
    times.set_xlim(low / 1.6, high * 1.6)
    parts.log_ticks(times.xaxis, low, high)
    times.set_xlabel("one image (ms, logarithmic)")
    accuracies.set_xlabel("accuracy (%)")
    parts.percent_axis(accuracies.xaxis)
    times.grid(axis="x")
    return figure


@styled
def changed_predictions(margins, changed, title="Where the smaller file changes its mind"):
    """Show how far the first class led (0 to 1) on all images and on those whose class changed."""
    margins = np.asarray(margins, float)
    changed = np.asarray(checked_length(changed, len(margins), "flags"), bool)
    figure, axes = panels(
        300, title,
        "Grey: all images. Vermilion, hatched: those for which another class came out. The scale "
        "is logarithmic.",
    )  # fmt: skip
    edges = np.linspace(0, 1, 21)
    counts, hit = np.histogram(margins, edges)[0], np.histogram(margins[changed], edges)[0]
    left, width = edges[:-1], 0.045
    axes.bar(left, counts, width, align="edge", color=shade(style.FAINT, 0.5))
    axes.bar(left, hit, width, align="edge", color=style.WRONG, hatch="///", edgecolor="white")
    axes.set_yscale("log")
    axes.set_ylim(0.7, 2 * max(counts.max(), 1))
    parts.log_ticks(axes.yaxis, 1, max(counts.max(), 1000))
    axes.set_xlim(0, 1)
    axes.set_xlabel("lead of the first class over the second, before")
    parts.value_axis(axes, "images")
    return figure


@styled
def photo_steps(photographs, title="From a photograph to what the network knows"):
    """Show every step that photographs take, one row each: a dict from names to `photo.Steps`."""
    shape = len(photographs) * (CELL + GAP), len(STEP_NAMES) * (CELL + GAP), 3
    picture = np.full(shape, 255, np.uint8)
    for row, steps in enumerate(photographs.values()):
        for column, image in enumerate(_step_images(steps)):
            small = _fitted(image)
            y = row * (CELL + GAP) + (CELL - small.shape[0]) // 2
            x = column * (CELL + GAP) + (CELL - small.shape[1]) // 2
            picture[y : y + small.shape[0], x : x + small.shape[1]] = small
    figure, axes = to_scale(picture, 1, title, "", (style.EDGE + 74, style.EDGE, 36))
    for column, name in enumerate(STEP_NAMES):
        x = column * (CELL + GAP) + CELL / 2
        axes.text(x, -6, name, ha="center", va="bottom", fontsize=8.5, color=style.SOFT)
    for row, name in enumerate(photographs):
        y = row * (CELL + GAP) + CELL / 2
        axes.text(-10, y, name, ha="right", va="center", fontsize=9, color=style.INK)
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

    Photographs are `pixels` (N, 28, 28) and `neighbours` (N, K, 28, 28), nearest first; `warnings`
    say what is to be said against believing an answer and are empty where there is nothing.
    """
    pixels = checked_images(pixels)
    count = len(pixels)
    probabilities = checked_length(probabilities, count, "rows of probabilities")
    probabilities = np.asarray(probabilities, float)
    neighbours = checked_length(neighbours, count, "rows of neighbours")
    warnings = checked_length(warnings, count, "warnings")
    names = checked_length(names, count, "names")
    figure, grid = panels(
        26 + 96 * count, title,
        "Left: what the network sees. Middle: its three most probable classes. Right: the training "
        "images that are nearest to it.",
        (count, 3), width_ratios=[1, 4, 4],
    )  # fmt: skip
    for row, (seen, bars, near) in enumerate(grid):
        _picture(seen, pixels[row])
        seen.set_ylabel(names[row], rotation=0, ha="right", va="center", color=style.INK)
        _answer_bars(bars, probabilities[row], class_names, warnings[row])
        gaps = np.zeros((pixels.shape[1], 3), np.uint8)
        strip = [part for image in neighbours[row] for part in (image, gaps)][:-1]
        _picture(near, np.concatenate(strip, axis=1))
    return figure


def _picture(axes, image):
    axes.imshow(image, vmin=0, vmax=255, cmap="gray_r", aspect="equal", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _answer_bars(axes, row, class_names, warning):
    best = np.argsort(-row)[:3]
    hue = style.WRONG if warning else style.RIGHT
    for place, index in enumerate(best):
        axes.add_patch(Rectangle((0, place - 0.3), 1, 0.6, color="#ececec", linewidth=0))
        axes.add_patch(Rectangle((0, place - 0.3), row[index], 0.6, color=hue, linewidth=0))
    names = [class_names[index] for index in best]
    parts.named_rows(axes, names, [f"{100 * row[index]:.0f} %" for index in best])
    axes.set(xlim=(0, 1), ylim=(3.4, -0.6), xticks=[])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    text, colour = (f"✗ {warning}", style.WRONG) if warning else ("✓ looks familiar", style.RIGHT)
    axes.text(0, 3.05, text, va="center", fontsize=8.5, color=colour)


@styled
def strangeness(distances, threshold, title="How far from anything seen in training?"):
    """Show how far kinds of images lie from the training images, and the threshold.

    `distances` has, by kind, those of its images; beyond the threshold an image counts as strange.
    """
    figure, axes = panels(
        70 + 27 * len(distances), title,
        "Marker: median. Line: from the 5th to the 95th percentile. Vermilion and cross: most lie "
        "beyond the threshold (dashed). At the right, the share that does.",
    )  # fmt: skip
    axes.axvline(threshold, **parts.REFERENCE | {"linewidth": 1.4})
    rows, looks, texts = [], [], []
    for values in distances.values():
        low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
        rows.append((median, low, high))
        looks.append((style.WRONG, "X") if median > threshold else (style.RIGHT, "o"))
        beyond = float(np.mean(np.asarray(values) > threshold))
        several = f"{100 * beyond:.0f} %"
        texts.append(several if len(values) > 1 else "strange" if beyond else "familiar")
    parts.forest(axes, list(distances), rows, looks, texts)
    axes.set_xlim(left=0)
    axes.set_xlabel("distance to the tenth nearest training image, in feature space")
    return figure
