"""The picture at the head of the series."""

import numpy as np

from helpers.plotting.checks import checked_columns, checked_images, checked_labels
from helpers.plotting.comparing import RESULT_COLUMNS, cost_scatter
from helpers.plotting.mosaic import compose, draw_mosaic
from helpers.plotting.style import EDGE, SOFT, sheet, styled


@styled
def cover(images, labels, class_names, table, title="Fashion-MNIST, model by model", subtitle=""):
    """Draw the series' cover: the ten classes at the left, accuracy against training time right.

    Parameters
    ----------
    images : array (N, height, width)
        The first images of each class are shown.
    labels : array (N,) of class indices
    class_names : sequence of str
    table : pandas.DataFrame
        As `runs.table()` returns it.

    Raises
    ------
    UserError
        If the shapes do not fit together or the table lacks a column.
    """
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    checked_columns(table, (*RESULT_COLUMNS, "training_seconds"), "The results table")
    strips = np.stack([_strip(images[labels == index], 3) for index in range(len(class_names))])
    mosaic, corners = compose(strips, 2, gap=8, below=2)
    height, width = 2 * mosaic.shape[0], 2 * mosaic.shape[1]
    body = height + 2 * EDGE
    figure, heading = sheet(1000, body, title, subtitle, constrained=False)
    whole = heading + body
    pictures = figure.add_axes((EDGE / 1000, EDGE / whole, width / 1000, height / whole))
    draw_mosaic(pictures, mosaic, images)
    for name, (x, y) in zip(class_names, corners, strict=True):
        pictures.text(x, y + 29.5, name, va="top", fontsize=8, color=SOFT)
    left = 2 * EDGE + width + 50
    panel = (left, EDGE + 44, 1000 - left - 2 * EDGE, height - 64)
    axes = figure.add_axes([part / (1000, whole)[i % 2] for i, part in enumerate(panel)])
    cost_scatter(axes, table, "training_seconds", "training time on two processor cores")
    return figure


def _strip(images, count):
    """Join the first images side by side; places that are left over stay white."""
    height, width = images.shape[1:]
    strip = np.full((height, count * (width + 2) - 2), images.min(initial=0), images.dtype)
    for index, image in enumerate(images[:count]):
        strip[:, index * (width + 2) : index * (width + 2) + width] = image
    return strip
