"""Figures of images: grids, classes, pairs, predictions and the hardest ones."""

import numpy as np
from matplotlib.patches import Rectangle

from helpers.plotting.checks import checked_images, checked_labels, checked_length
from helpers.plotting.mosaic import Mosaic, marked
from helpers.plotting.style import SOFT, readable, styled
from helpers.settings import UserError


@styled
def image_grid(images, titles=None, columns=10, title="", correct=None):
    """Show many images as one mosaic, with `titles` under them, where these are given.

    `uint8` is shown from 0 (white) to 255 (black), any other type from its least to its greatest
    value. Flags whether predictions are `correct` give a blue frame and a tick, or a vermilion one
    and a cross.
    """
    images = checked_images(images)
    captions = [""] * len(images) if titles is None else titles
    captions = [str(text) for text in checked_length(captions, len(images), "titles")]
    hues = [SOFT] * len(images)
    if correct is not None:
        captions, hues = marked(captions, checked_length(correct, len(images), "flags"))
    mosaic = Mosaic(images, columns, title, captions=captions, gap=4 if any(captions) else 2)
    if correct is not None:
        mosaic.frame(hues)
    if any(captions):
        mosaic.caption(captions, [readable(hue) for hue in hues])
    return mosaic.figure


@styled
def class_samples(images, labels, class_names, per_class=10, title="Ten images of each class"):
    """Show the first images of every class, one row per class, its name at the left."""
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    if title == "Ten images of each class" and per_class != 10:
        title = f"The first {per_class} images of each class"
    rows = _by_class(images, labels, len(class_names), per_class)
    mosaic = Mosaic(rows.reshape(-1, *images.shape[1:]), per_class, title, left=90)
    mosaic.name_rows(class_names, per_class)
    return mosaic.figure


def _by_class(images, labels, classes, per_class):
    """Return the first images of each class; one with fewer leaves the rest of its row white."""
    rows = np.full((classes, per_class, *images.shape[1:]), images.min(), images.dtype)
    for index in range(classes):
        found = images[labels == index][:per_class]
        rows[index, : len(found)] = found
    return rows


@styled
def class_strip(images, labels, class_names, per_class=2, title=""):
    """Show the first images of every class side by side, one column per class, its name below."""
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    rows = _by_class(images, labels, len(class_names), per_class)
    columns = np.pad(rows, ((0, 0), (0, 0), (0, 2), (0, 0)), constant_values=images.min())
    columns = columns.reshape(len(rows), -1, images.shape[2])[:, :-2]
    mosaic = Mosaic(columns, len(rows), title, captions=list(class_names), gap=2)
    mosaic.caption(class_names)
    return mosaic.figure


@styled
def class_statistics(images, labels, class_names, title="The mean garment of each class"):
    """Show the mean image (top) and the standard-deviation image (bottom) of each class."""
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    absent = [name for index, name in enumerate(class_names) if not (labels == index).any()]
    if absent:
        raise UserError(f"No image is labelled {', '.join(absent)}: pass images of every class.")
    groups = [images[labels == index].astype(float) for index in range(len(class_names))]
    means = np.stack([group.mean(axis=0) for group in groups])
    deviations = np.stack([group.std(axis=0) for group in groups])
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else (images.min(), images.max())
    # One mosaic has one grey scale: the deviations are stretched so that their greatest is black.
    stretched = low + (high - low) * deviations / max(deviations.max(), 1e-9)
    names = list(class_names)
    mosaic = Mosaic(
        np.concatenate([means, stretched]), len(names), title,
        f"Top: mean. Bottom: standard deviation, white = 0, black = {deviations.max():.3g} "
        f"(pixels run from {low:g} to {high:g}).",
        captions=names, left=70,
    )  # fmt: skip
    mosaic.name_rows(("mean", "standard\ndeviation"), len(names))
    mosaic.caption(names)
    return mosaic.figure


@styled
def image_pairs(left, right, captions, title="", columns=5):
    """Show pairs of images side by side, such as near duplicates, with a caption under each pair.

    `left` and `right` are arrays (N, height, width); a row holds so many `columns` of pairs.
    """
    left, right = checked_images(left, "left images"), checked_images(right, "right images")
    right = np.asarray(checked_length(right, len(left), "right images"))
    captions = [str(text) for text in checked_length(captions, len(left), "captions")]
    mosaic = Mosaic(np.concatenate([left, right], axis=2), columns, title, captions=captions, gap=8)
    mosaic.frame("#cfcfcf")
    mosaic.caption(captions, [SOFT] * len(captions))
    return mosaic.figure


@styled
def predictions(images, probabilities, labels, class_names, columns=6, title="Predictions"):
    """Show images with the predicted class, its probability, and the truth where it is another.

    `probabilities` has one row per image and one column per class.
    """
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    probabilities = checked_length(probabilities, len(images), "rows of probabilities")
    probabilities = np.asarray(probabilities, float)
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    captions = [
        f"{class_names[guess]} {100 * row[guess]:.0f} %"
        + ("" if guess == label else f"\nis {class_names[label]}")
        for row, guess, label in zip(probabilities, predicted, labels, strict=True)
    ]
    captions, hues = marked(captions, right)
    subtitle = "✓ right. " * bool(right.any())
    subtitle += "✗ wrong, with the true class below. The bar is the probability."
    zoom = 4 if columns <= 6 else None
    mosaic = Mosaic(images, columns, title, subtitle, captions, gap=6, drop=14, zoom=zoom)
    mosaic.frame(hues)
    mosaic.caption(captions, [readable(hue) for hue in hues])
    height, width = mosaic.size
    confidence = probabilities.max(axis=1)
    for (x, y), share, hue in zip(mosaic.corners, confidence, hues, strict=True):
        bar = {"height": 3 / mosaic.zoom, "linewidth": 0}
        corner = (x, y + height + 6 / mosaic.zoom)
        mosaic.axes.add_patch(Rectangle(corner, width, color="#e4e4e4", **bar))
        mosaic.axes.add_patch(Rectangle(corner, width * share, color=hue, **bar))
    return mosaic.figure
