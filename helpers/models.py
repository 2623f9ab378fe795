"""Every architecture of the series as one plainly named builder, and the registry of them.

A builder returns an uncompiled functional Keras model. It is registered with what a fair
comparison needs to know about it: its family, its preprocessing and the figure its source reported.
"""

import inspect
from dataclasses import dataclass

from helpers import adapting, settings
from helpers.layers import BatchNormalization, Dropout, fastest_precision, keras, precision

kl = keras.layers

IMAGE_SHAPE = (28, 28, 1)
CLASSES = 10  # of Fashion-MNIST, as is the shape
# Keras' default of 0.99 needs hundreds of steps before validation sees usable statistics.
NORMALIZATION_MOMENTUM = 0.9
# A global maximum is large from the start; unscaled, the first logits would be too sure of a guess.
HEAD_SCALE = 1 / 8


@dataclass(frozen=True)
class Specification:
    """What the registry knows of a model besides its builder."""

    name: str
    title: str
    family: str
    notebook: str
    pixel_range: tuple
    reported_accuracy: float | None
    reported_note: str


_BUILDERS = {}
_SPECIFICATIONS = {}


def register(
    title,
    family,
    notebook,
    *,
    pixel_range=(0.0, 1.0),
    reported_accuracy=None,
    reported_note="",
):
    """Return a decorator that adds a builder to the registry under the function's own name.

    `family` is 'ANN' or 'CNN', `notebook` the stem of the notebook that trains it, `pixel_range`
    what the pixel values 0 and 255 become; `reported_accuracy` is what its source reported, from 0
    to 1, and `reported_note` on which data.
    """

    def add(builder):
        name = builder.__name__
        _BUILDERS[name] = builder
        _SPECIFICATIONS[name] = Specification(
            name, title, family, notebook, pixel_range, reported_accuracy, reported_note
        )
        return builder

    return add


def names():
    """Return the names of all registered models, in the order of the series."""
    return list(_BUILDERS)


def specification(name):
    """Return the `Specification` of a registered model, or raise UserError."""
    if name not in _SPECIFICATIONS:
        raise settings.UserError(
            f"{name!r} is no registered model: use one of {', '.join(_SPECIFICATIONS)}."
        )
    return _SPECIFICATIONS[name]


def source(name):
    """Return the source text of a registered model's builder, without its decorator."""
    specification(name)
    lines = inspect.getsource(_BUILDERS[name]).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("def "))
    return "\n".join(lines[first:])


def build(name, seed=0, data=None, **changes):
    """Build a registered model, uncompiled, with reproducible starting weights.

    The same call gives the same weights, and so does one that only changes dropout, normalisation
    or activations: the arms of an ablation start alike. Convolutional networks compute in bfloat16
    where this processor gains by it; dense networks are bound by memory, gain nothing, and stay in
    float32.

    Parameters
    ----------
    name : str
    seed : int
        Sets the starting weights and the dropout masks.
    data : Dataset or LabelledImages, optional
        What the model is for: its images give the input's shape, its class names or labels the
        number of outputs. By default those of Fashion-MNIST.
    **changes
        Arguments of the builder that differ from its defaults.

    Returns
    -------
    keras.Model
        Takes (B, height, width, channels) float32 and returns (B, classes) float32 probabilities.

    Raises
    ------
    UserError
        If the model or one of its arguments is unknown, or `data` does not suit it.
    """
    family = specification(name).family
    known = inspect.signature(_BUILDERS[name]).parameters
    for change in changes:
        if change not in known:
            raise settings.UserError(
                f"{name} has no argument {change!r}: it takes {', '.join(known) or 'none'}."
            )
    form = None if data is None else adapting.form(data)
    # Another course may have left other words in Keras' own settings, in the user's home.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.utils.set_random_seed(seed)
    with precision(fastest_precision() if family == "CNN" else "float32"):
        network = _BUILDERS[name](**changes)
        if form not in (None, (network.input_shape[1:], network.output_shape[-1])):
            keras.utils.set_random_seed(seed)
            network = adapting.adapted(network, *form)
    network.changes = changes  # for the recipe, so that an arm can be built again from it
    return network


def _finish(inputs, features, name):
    """Add the softmax layer, in float32 so that small probabilities survive."""
    outputs = kl.Dense(CLASSES, activation="softmax", dtype="float32", name="probabilities")(
        features
    )
    return keras.Model(inputs, outputs, name=name)


@register("ANN, baseline", "ANN", "03_ann_baseline")
def ann_baseline(units=(256, 128)):
    """Two dense layers on the flattened pixels."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = kl.Flatten()(inputs)
    for width in units:
        x = kl.Dense(width, activation="relu")(x)
    return _finish(inputs, x, "ann_baseline")


@register(
    "ANN, regularised",
    "ANN",
    "04_ann_regularized",
    reported_accuracy=0.90,
    reported_note="target of its source: above 90 %",
)
def ann_regularized(
    units=(256, 128, 64), activation="leaky_relu", batch_normalization=True, dropout_rate=0.1
):
    """Three dense layers, each followed by normalisation, an activation and dropout."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = kl.Flatten()(inputs)
    for width in units:
        x = kl.Dense(width, use_bias=not batch_normalization)(x)
        if batch_normalization:
            x = BatchNormalization(momentum=NORMALIZATION_MOMENTUM)(x)
        x = kl.LeakyReLU(0.1)(x) if activation == "leaky_relu" else kl.Activation(activation)(x)
        if dropout_rate:
            x = Dropout(dropout_rate)(x)
    return _finish(inputs, x, "ann_regularized")


@register("ANN, tuned", "ANN", "09_hyperparameter_tuning")
def ann_tuned(width=256, depth=3, activation="leaky_relu", dropout_rate=0.1):
    """The regularised network with what a search may change; each layer is half as wide as before.

    The defaults are the values of `ann_regularized`, with which the search begins.
    """
    units = [width // 2**number for number in range(depth)]
    network = ann_regularized(units, activation, dropout_rate=dropout_rate)
    return _renamed(network, "ann_tuned")


@register(
    "CNN, plain",
    "CNN",
    "05_cnn_overfitting",
    pixel_range=(-0.5, 0.5),
    reported_accuracy=0.906,
    reported_note="validation",
)
def cnn_plain(filters=(16, 32, 32), units=128):
    """Three convolutions and two dense layers, nothing against overfitting."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for count in filters:
        x = kl.Conv2D(count, 3, activation="relu")(x)
    x = kl.Flatten()(x)
    x = kl.Dense(units, activation="relu")(x)
    return _finish(inputs, x, "cnn_plain")


@register(
    "CNN, pooling and dropout",
    "CNN",
    "05_cnn_overfitting",
    pixel_range=(-0.5, 0.5),
    reported_accuracy=0.91,
    reported_note="validation",
)
def cnn_dropout(filters=(16, 32, 32), units=128, pooling=True, dropout_rate=0.2):
    """The plain network with max pooling, and dropout around its dense layer."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for number, count in enumerate(filters):
        x = kl.Conv2D(count, 3, activation="relu")(x)
        if pooling and number == 0:
            x = kl.MaxPooling2D()(x)
    x = kl.Flatten()(x)
    if dropout_rate:
        x = Dropout(dropout_rate)(x)
    x = kl.Dense(units, activation="relu")(x)
    if dropout_rate:
        x = Dropout(dropout_rate)(x)
    return _finish(inputs, x, "cnn_dropout")


@register("CNN, shallow", "CNN", "06_cnn_depth")
def cnn_shallow(filters=(32, 64), units=128, dropout_rate=0.5):
    """Two convolutions with pooling, one dropout layer."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for count in filters:
        x = kl.Conv2D(count, 3, padding="same", activation="relu")(x)
        x = kl.MaxPooling2D()(x)
    x = kl.Flatten()(x)
    x = kl.Dense(units, activation="relu")(x)
    x = Dropout(dropout_rate)(x)
    return _finish(inputs, x, "cnn_shallow")


@register("CNN, deep", "CNN", "06_cnn_depth")
def cnn_deep(filters=(32, 64, 128), units=128, dropout_rate=0.5):
    """Three blocks of two convolutions and a pooling each."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for count in filters:
        x = kl.Conv2D(count, 3, padding="same", activation="relu")(x)
        x = kl.Conv2D(count, 3, padding="same", activation="relu")(x)
        x = kl.MaxPooling2D()(x)
    x = kl.Flatten()(x)
    x = kl.Dense(units, activation="relu")(x)
    x = Dropout(dropout_rate)(x)
    return _finish(inputs, x, "cnn_deep")


@register("CNN, batch normalisation", "CNN", "07_cnn_batch_normalization")
def cnn_batch_normalization(
    filters=((32,), (48, 48), (96, 96)), units=128, batch_normalization=True, dropout_rate=0.1
):
    """Five convolutions in three blocks, with batch normalisation and dropout."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for block in filters:
        for count in block:
            x = _convolution(x, count, batch_normalization)
        x = kl.MaxPooling2D()(x)
        if dropout_rate:
            x = Dropout(dropout_rate)(x)
    x = kl.Flatten()(x)
    x = kl.Dense(units, activation="relu")(x)
    if dropout_rate:
        x = Dropout(dropout_rate)(x)
    return _finish(inputs, x, "cnn_batch_normalization")


def _convolution(x, filters, batch_normalization=True, pooling=False):
    """A 3 × 3 convolution, normalised or with a bias, then ReLU.

    Pooling comes directly after the convolution, so that the rest has a quarter of the work.
    """
    x = kl.Conv2D(filters, 3, padding="same", use_bias=not batch_normalization)(x)
    if pooling:
        x = kl.MaxPooling2D()(x)
    if batch_normalization:
        x = BatchNormalization(momentum=NORMALIZATION_MOMENTUM)(x)
    return kl.ReLU()(x)


@register(
    "CNN, basic",
    "CNN",
    "08_cnn_three_versions",
    reported_accuracy=0.9120,
    reported_note="test",
)
def cnn_basic(filters=(32, 64), units=64):
    """Two convolutions with pooling and one dense layer."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for count in filters:
        x = kl.Conv2D(count, 3, padding="same", activation="relu")(x)
        x = kl.MaxPooling2D()(x)
    x = kl.Flatten()(x)
    x = kl.Dense(units, activation="relu")(x)
    return _finish(inputs, x, "cnn_basic")


@register(
    "CNN, advanced",
    "CNN",
    "08_cnn_three_versions",
    reported_accuracy=0.8986,
    reported_note="test",
)
def cnn_advanced(filters=(32, 64, 128), units=256, dropout_rate=0.2):
    """Three normalised convolutions with pooling and dropout, and a wide dense layer."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for count in filters:
        x = _convolution(x, count)
        x = kl.MaxPooling2D()(x)
        x = Dropout(dropout_rate)(x)
    x = kl.Flatten()(x)
    x = kl.Dense(units, activation="relu")(x)
    x = Dropout(2 * dropout_rate)(x)
    return _finish(inputs, x, "cnn_advanced")


@register(
    "CNN, optimum",
    "CNN",
    "08_cnn_three_versions",
    reported_accuracy=0.9031,
    reported_note="test",
)
def cnn_optimum(filters=((32,), (48, 48), (96, 96))):
    """Five normalised convolutions and global average pooling in place of wide dense layers."""
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for number, block in enumerate(filters):
        if number:
            x = kl.MaxPooling2D()(x)
        for count in block:
            x = _convolution(x, count)
    x = kl.GlobalAveragePooling2D()(x)
    return _finish(inputs, x, "cnn_optimum")


@register("CNN, tuned", "CNN", "09_hyperparameter_tuning")
def cnn_tuned(width=32, depth=2, dropout_rate=0.0):
    """A convolution, two pooled blocks of `depth` convolutions, and global average pooling.

    The defaults give the network of `cnn_optimum`, with which the search begins.
    """
    inputs = keras.Input(IMAGE_SHAPE)
    x = _convolution(inputs, width)
    for filters in (3 * width // 2, 3 * width):
        x = kl.MaxPooling2D()(x)
        if dropout_rate:
            x = Dropout(dropout_rate)(x)
        for _ in range(depth):
            x = _convolution(x, filters)
    x = kl.GlobalAveragePooling2D()(x)
    return _finish(inputs, x, "cnn_tuned")


@register("CNN, augmented", "CNN", "10_data_augmentation")
def cnn_augmented(filters=(32, 48, 64, 96), units=256):
    """Four normalised convolutions and a wide dense layer, nothing against overfitting.

    Most of its parameters stand in the dense layer: many to learn by heart with, and cheap.
    """
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for number, count in enumerate(filters):
        x = _convolution(x, count, pooling=number % 2 == 0)
    x = kl.Flatten()(x)
    x = kl.Dense(units, use_bias=False)(x)
    x = BatchNormalization(momentum=NORMALIZATION_MOMENTUM)(x)
    return _finish(inputs, kl.ReLU()(x), "cnn_augmented")


@register("ResNet, fast", "CNN", "13_accuracy_per_minute")
def resnet_fast(filters=(16, 32, 64), batch_normalization=True, size=28, head_scale=HEAD_SCALE):
    """A convolution, then two stages of a pooled convolution and a residual block.

    Global pooling makes the weights independent of the `size` of the images in pixels.

    References
    ----------
    He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, 2015;
    the short form and the scaled head follow Page, "How to Train Your ResNet", 2018.
    """
    inputs = keras.Input((size, size, 1))
    x = _convolution(inputs, filters[0], batch_normalization)
    for count in filters[1:]:
        x = _convolution(x, count, batch_normalization, pooling=True)
        x = _residual_block(x, count, batch_normalization)
    x = kl.GlobalMaxPooling2D()(x)
    x = kl.Rescaling(head_scale)(x)
    return _finish(inputs, x, "resnet_fast")


def _residual_block(x, filters, batch_normalization=True):
    """Two convolutions whose result is added to their input."""
    branch = _convolution(x, filters, batch_normalization)
    branch = _convolution(branch, filters, batch_normalization)
    return kl.Add()([x, branch])


@register("CNN, tiny", "CNN", "13_accuracy_per_minute")
def cnn_tiny(filters=(16, 32, 48), blocks=(2, 1, 1)):
    """A residual network with fewer than 100,000 parameters.

    The parameters go where they are shared most: `blocks` residual blocks at each resolution, more
    of them while the images are large and the channels few.
    """
    inputs = keras.Input(IMAGE_SHAPE)
    x = inputs
    for number, (count, repeats) in enumerate(zip(filters, blocks, strict=True)):
        x = _convolution(x, count, pooling=number > 0)
        for _ in range(repeats):
            x = _residual_block(x, count)
    x = kl.GlobalMaxPooling2D()(x)
    x = kl.Rescaling(HEAD_SCALE)(x)
    return _finish(inputs, x, "cnn_tiny")


def _renamed(network, name):
    return keras.Model(network.input, network.output, name=name)


@register("ResNet, 1 minute", "CNN", "13_accuracy_per_minute")
def resnet_1min(filters=(16, 32, 64)):
    """`resnet_fast` at the width for a training of one minute on two cores."""
    return _renamed(resnet_fast(filters), "resnet_1min")


@register("ResNet, 5 minutes", "CNN", "13_accuracy_per_minute")
def resnet_5min(filters=(16, 32, 64)):
    """`resnet_fast` at the width for a training of five minutes on two cores."""
    return _renamed(resnet_fast(filters), "resnet_5min")


@register("ResNet, 15 minutes", "CNN", "13_accuracy_per_minute")
def resnet_15min(filters=(32, 64, 128)):
    """`resnet_fast` with twice the channels, for a training of fifteen minutes on two cores.

    Multiples of 16 fill the processor's vectors; other numbers of channels waste part of them.
    """
    return _renamed(resnet_fast(filters), "resnet_15min")


@register("ResNet, 30 minutes", "CNN", "13_accuracy_per_minute")
def resnet_30min(filters=(32, 64, 128)):
    """The network of `resnet_15min`, for a training of thirty minutes on two cores."""
    return _renamed(resnet_fast(filters), "resnet_30min")


@register("ResNet, 60 minutes", "CNN", "13_accuracy_per_minute")
def resnet_60min(filters=(32, 64, 128), blocks=(1, 1, 1)):
    """The same channels and one more residual block, at full resolution, for sixty minutes."""
    return _renamed(cnn_tiny(filters, blocks), "resnet_60min")


@register("CNN, distilled", "CNN", "14_ensembling")
def cnn_distilled(filters=(16, 32, 64)):
    """The layers of `resnet_fast`, to learn from the probabilities of an ensemble."""
    return _renamed(resnet_fast(filters), "cnn_distilled")
