"""Figures of images: grids, classes, pairs, predictions and the hardest ones."""

import numpy as np
from matplotlib.patches import Rectangle

from helpers.plotting.checks import checked_images, checked_labels, checked_length
from helpers.plotting.mosaic import Mosaic, marked
from helpers.plotting.style import INK, SOFT, readable, styled
from helpers.settings import UserError


@styled
def image_grid(images, titles=None, columns=10, title="", correct=None):
    """Show many images as one mosaic.

    Parameters
    ----------
    images : array (N, height, width) or (N, height, width, 1)
        `uint8` is shown from 0 (white) to 255 (black), any other type from its least to its
        greatest value.
    titles : sequence of N str, optional
        Captions under the images; a line break starts a second line.
    columns : int
    title : str
    correct : sequence of N bool, optional
        Whether each prediction is right: a blue frame and a tick, or a vermilion one and a cross.

    Raises
    ------
    UserError
        If the shapes or lengths do not fit together.
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
    """Show the first images of every class, one row per class, its name at the left.

    Parameters
    ----------
    images : array (N, height, width)
    labels : array (N,) of class indices
    class_names : sequence of str
    per_class : int
        Images per class; a class with fewer leaves the rest of its row white.

    Raises
    ------
    UserError
        If the shapes do not fit together.
    """
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    if title == "Ten images of each class" and per_class != 10:
        title = f"The first {per_class} images of each class"
    rows = np.zeros((len(class_names) * per_class, *images.shape[1:]), images.dtype)
    rows += images.min()
    for index in range(len(class_names)):
        found = images[labels == index][:per_class]
        rows[index * per_class : index * per_class + len(found)] = found
    mosaic = Mosaic(rows, per_class, title, left=90)
    mosaic.name_rows(class_names, per_class)
    return mosaic.figure


@styled
def class_strip(images, labels, class_names, per_class=2, title=""):
    """Show the first images of every class side by side, one column per class, its name below.

    Parameters
    ----------
    images : array (N, height, width)
    labels : array (N,) of class indices
    class_names : sequence of str
    per_class : int
        Images per class; a class with fewer leaves the rest of its column white.

    Raises
    ------
    UserError
        If the shapes do not fit together.
    """
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    height, width = images.shape[1:]
    shape = len(class_names), per_class * (height + 2) - 2, width
    columns = np.full(shape, images.min(), images.dtype)
    for index in range(len(class_names)):
        for place, image in enumerate(images[labels == index][:per_class]):
            top = place * (height + 2)
            columns[index, top : top + height] = image
    names = list(class_names)
    mosaic = Mosaic(columns, len(names), title, captions=names, gap=2)
    mosaic.caption(names, [INK] * len(names))
    return mosaic.figure


@styled
def class_statistics(images, labels, class_names, title="The mean garment of each class"):
    """Show the mean image (top) and the standard-deviation image (bottom) of each class.

    Parameters
    ----------
    images : array (N, height, width)
    labels : array (N,) of class indices
    class_names : sequence of str

    Raises
    ------
    UserError
        If the shapes do not fit together, or a class has no image.
    """
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
        np.concatenate([means, stretched]),
        len(names),
        title,
        f"Top: mean. Bottom: standard deviation, white = 0, black = {deviations.max():.3g} "
        f"(pixels run from {low:g} to {high:g}).",
        captions=names,
        left=70,
    )
    mosaic.name_rows(("mean", "standard\ndeviation"), len(names))
    mosaic.caption(names, [INK] * len(names))
    return mosaic.figure


@styled
def image_pairs(left, right, captions, title="", columns=5):
    """Show pairs of images side by side, such as near duplicates, with a caption under each pair.

    Parameters
    ----------
    left, right : arrays (N, height, width) of equal shape
    captions : sequence of N str
    columns : int
        Pairs per row.

    Raises
    ------
    UserError
        If the shapes or lengths do not fit together.
    """
    left, right = checked_images(left, "left images"), checked_images(right, "right images")
    if left.shape != right.shape:
        raise UserError(f"left is {left.shape} and right {right.shape}: pass equally many images.")
    captions = [str(text) for text in checked_length(captions, len(left), "captions")]
    mosaic = Mosaic(np.concatenate([left, right], axis=2), columns, title, captions=captions, gap=8)
    mosaic.frame("#cfcfcf")
    mosaic.caption(captions, [SOFT] * len(captions))
    return mosaic.figure


@styled
def predictions(images, probabilities, labels, class_names, columns=6, title="Predictions"):
    """Show images with the predicted class, its probability, and the truth where it is another.

    Parameters
    ----------
    images : array (N, height, width)
    probabilities : array (N, classes), in [0, 1]
    labels : array (N,) of class indices
    class_names : sequence of str
    columns : int

    Raises
    ------
    UserError
        If the shapes do not fit together.
    """
    images = checked_images(images)
    labels = checked_labels(labels, len(images), class_names)
    probabilities = np.asarray(probabilities, float)
    if probabilities.shape != (len(images), len(class_names)):
        raise UserError(
            f"probabilities have the shape {probabilities.shape}: pass one row per image and one "
            f"column per class, ({len(images)}, {len(class_names)})."
        )
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
