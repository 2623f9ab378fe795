"""Checks of what a figure is given: each says in one sentence what is wrong."""

import numpy as np

from helpers.settings import UserError


def checked_images(images, what="images"):
    """Return images as an array (N, height, width), or say what is wrong with their shape."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or 0 in images.shape:
        raise UserError(
            f"{what} have the shape {images.shape}: pass at least one grey image as an array "
            "(N, height, width)."
        )
    return images


def checked_labels(labels, count, class_names):
    """Return labels as an array (N,) of class indices, or say what is wrong with them."""
    labels = np.asarray(labels)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"labels are {labels.dtype} of the shape {labels.shape}: pass one class index, a whole "
            f"number, for each of the {count} images or points."
        )
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise UserError(
            f"labels run from {labels.min()} to {labels.max()}, but there are "
            f"{len(class_names)} class names: pass one name per class."
        )
    return labels


def checked_length(values, count, what):
    """Return values as a list, or say that their number is not `count`."""
    values = list(values)
    if len(values) != count:
        raise UserError(f"There are {len(values)} {what} for {count} images: pass one for each.")
    return values


def checked_square(matrix, class_names):
    """Return a matrix of classes by classes as an array, or say that it does not fit the names."""
    matrix, count = np.asarray(matrix), len(class_names)
    if matrix.shape != (count, count):
        raise UserError(
            f"The matrix has the shape {matrix.shape}: pass one row and one column for each of the "
            f"{count} class names."
        )
    return matrix


def checked_table(table, *columns, what="The table"):
    """Say which of the needed columns a table lacks, or that it is empty."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(f"{what} lacks {', '.join(missing)}: pass a table with these columns.")
    if table.size == 0:
        raise UserError(f"{what} has no rows: train a model first, so that there is a result.")


def checked_tables(tables, *columns):
    """Say that there is no table in a dict, or what one of them lacks."""
    if not tables:
        raise UserError("There is nothing to show: pass a dict from a name to a table.")
    for name, table in tables.items():
        checked_table(table, *columns, what=f"The table of {name}")


def checked_histories(histories, *keys):
    """Say that there is no history in a dict, or what one of them lacks."""
    if not histories:
        raise UserError("histories is empty: pass a dict from a model's name to its history.")
    for name, history in histories.items():
        missing = [key for key in keys if len(history.get(key, ())) == 0]
        if missing:
            raise UserError(
                f"The history of {name} lacks {', '.join(missing)}: train it with validation "
                "images, or leave that quantity out."
            )
