"""Figures for a first look at the data: balance, pixel values, embeddings, variance."""

import numpy as np
from matplotlib.colors import to_rgb

from helpers.plotting import parts
from helpers.plotting.checks import checked_labels, checked_table
from helpers.plotting.style import CLASS_COLORS, INK, SOFT, WIDTH, panels, readable, styled


@styled
def class_balance(counts_by_split, title="How many images each class has"):
    """Show the number of images of each class (row of the table), one panel per split (column)."""
    checked_table(counts_by_split)
    names, splits = list(counts_by_split.index), list(counts_by_split.columns)
    width = min(WIDTH, 180 + 240 * len(splits))
    height = 60 + 22 * len(names)
    figure, grid = panels(height, title, "", (1, len(splits)), width, sharey=True)
    for axes, split in zip(grid[0], splits, strict=True):
        values = counts_by_split[split].to_numpy()
        axes.barh(np.arange(len(names)), values, height=0.62, color="#7fb1d3")
        for row, value in enumerate(values):
            axes.text(value, row, f" {value:,.0f}", va="center", fontsize=8.5, color=SOFT)
        axes.set_title(f"{split}: {values.sum():,.0f} images", weight="bold")
        axes.set(xlim=(0, max(values.max(), 1) * 1.25), xticks=[])
        axes.spines["bottom"].set_visible(False)
    grid[0, 0].set_yticks(np.arange(len(names)), names, color=INK)
    grid[0, 0].set_ylim(len(names) - 0.5, -0.5)
    return figure


@styled
def embeddings(points_by_method, labels, class_names, title="The same images in two planes"):
    """Show several planar embeddings of the same images side by side.

    `points_by_method` has, by the name of the method, an array (N, 2).
    """
    count = len(points_by_method)
    height, width = (560, 640) if count == 1 else (30 + (WIDTH - 30) // count, WIDTH)
    figure, grid = panels(height, title, "", (1, count), width)
    labels = np.asarray(labels)
    order = np.random.default_rng(0).permutation(len(labels))
    for axes, (method, points) in zip(grid[0], points_by_method.items(), strict=True):
        points = np.asarray(points, float)
        checked_labels(labels, len(points), class_names)
        hues = np.array([to_rgb(CLASS_COLORS[label % 10]) for label in labels])
        size = 7 if len(points) <= 2500 else 3
        axes.scatter(*points[order].T, s=size, c=hues[order], alpha=0.55, linewidths=0)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(method, weight="bold")
    for axes, points in zip(grid[0], points_by_method.values(), strict=True):
        _class_labels(axes, np.asarray(points, float), labels, class_names)
    return figure


def _class_labels(axes, points, labels, class_names):
    """Write class names at the medians of their points, moved up or down where they collide."""
    present = [index for index in range(len(class_names)) if (labels == index).any()]
    axes.figure.draw_without_rendering()
    boxes = []
    for index in present:
        x, y = axes.transData.transform(np.median(points[labels == index], axis=0))
        artist = axes.annotate(
            class_names[index], (0, 0), (x, y), textcoords="figure pixels", ha="center",
            va="center", fontsize=9.5, weight="bold", color=readable(CLASS_COLORS[index % 10]),
            path_effects=parts.halo(), zorder=5,
            annotation_clip=False,
        )  # fmt: skip
        artist.set_in_layout(False)
        width = artist.get_window_extent().width
        x = np.clip(x, width / 2 + 4, axes.figure.bbox.width - width / 2 - 4)
        shifts = [step * sign for step in range(0, 200, 4) for sign in (1, -1)]
        half = (width / 2 + 2, 9)
        y += next(
            shift
            for shift in shifts
            if all(
                abs(x - bx) >= half[0] + bw or abs(y + shift - by) >= 2 * half[1]
                for bx, by, bw in boxes
            )
        )
        artist.set_position((x, y))
        boxes.append((x, y, half[0]))
