"""Figures of deployment: what exported files weigh and cost, photographs on their way to pixels."""

import numpy as np
from PIL import Image

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_length, checked_table
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
def strangeness(energies, threshold, title="Does it look like anything in the data set?"):
    """Show the energy of kinds of images, and the threshold below which an image is strange.

    `energies` has, by kind, those of its images.
    """
    figure, axes = panels(
        70 + 27 * len(energies), title,
        "Marker: median. Line: from the 5th to the 95th percentile. Vermilion and cross: most lie "
        "below the threshold (dashed). At the right, the share that does.",
    )  # fmt: skip
    axes.axvline(threshold, **parts.REFERENCE | {"linewidth": 1.4})
    rows, looks, texts = [], [], []
    for values in energies.values():
        low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
        rows.append((median, low, high))
        looks.append((style.WRONG, "X") if median < threshold else (style.RIGHT, "o"))
        below = float(np.mean(np.asarray(values) < threshold))
        several = f"{100 * below:.0f} %"
        texts.append(several if len(values) > 1 else "strange" if below else "familiar")
    parts.forest(axes, list(energies), rows, looks, texts)
    axes.set_xlabel("energy of the logits")
    return figure
