"""Adapt a network to images of another shape and to another number of classes.

Builders are written, and printed in the notebooks, for Fashion-MNIST. For a reader's own images
their layers are built anew, with fresh weights, on another input and with another last layer.
"""

from helpers.layers import keras
from helpers.settings import UserError


def form(data):
    """Return the shape (height, width, channels) of a data set's images and its number of classes.

    Where there are no class names, labels count from 0 to the highest. Raises UserError if `data`
    is no `Dataset` or `LabelledImages`, or has no images.
    """
    labelled = getattr(data, "train", data)
    try:
        size = tuple(labelled.images.shape[1:])
        names = getattr(data, "class_names", None)
        classes = int(labelled.labels.max()) + 1 if names is None else len(names)
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(
            f"A model is built for a Dataset or for LabelledImages, not for a "
            f"{type(data).__name__} like this: pass what data.load, data.from_folder or data.split "
            "return."
        ) from error
    return size if len(size) == 3 else (*size, 1), classes


def adapted(network, shape, classes):
    """Return a network of the same layers, weights drawn anew, for other images and classes.

    The network is functional, without models inside it, and its last layer has one unit per class.
    Raises UserError if the images, of a shape (height, width, channels), are too small for it.
    """

    def fresh(layer):
        last = {"units": classes} if layer.output is network.output else {}
        return type(layer).from_config(layer.get_config() | last)

    try:
        copy = keras.models.clone_model(network, keras.Input(shape), clone_function=fresh)
        empty = any(0 in layer.output.shape for layer in copy.layers)
    except ValueError:
        empty = True
    if empty:
        raise UserError(
            f"{network.name} cannot be built for images of {shape[0]} × {shape[1]} pixels, as too "
            "few are left after its convolutions and poolings: make the images larger, as "
            "data.from_folder(folder, size=(28, 28)) does, or use another model."
        )
    return copy
