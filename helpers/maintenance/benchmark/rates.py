"""What the machine can do at best: matrix products and convolutions at a network's own shapes.

Each rate is that of the fastest of many repeats, in GFLOP/s, a multiplication and an addition
counting as two. The first layer, with one input channel, is bound by memory and left out.
"""

import time

from helpers import cost, models
from helpers.layers import fastest_precision

FORMATS = ("float32", "bfloat16")
REPEATS = 40


def formats():
    """Return the number formats worth measuring: bfloat16 only where training gains by it."""
    return FORMATS[:1] if fastest_precision() == "float32" else FORMATS


def convolution_shapes(name, batch_size):
    """Return the distinct 3 × 3 convolutions of a model, with how often it has each.

    Returns
    -------
    dict
        From (batch_size, size, channels_in, channels_out) to a count.
    """
    found = {}
    for _, layer, inputs, _ in cost.layer_uses(models.build(name)):
        if type(layer).__name__ == "Conv2D" and inputs[0][-1] > 1:
            shape = (batch_size, inputs[0][0], inputs[0][-1], layer.filters)
            found[shape] = found.get(shape, 0) + 1
    return found


def measure(name, batch_size):
    """Measure the rates that bound a model's training.

    Returns
    -------
    dict
        `matrix_product` and `convolution`, each a list of one entry per shape with its `share` of
        the model's operations and a rate per number format of `formats`.
    """
    shapes = convolution_shapes(name, batch_size)
    operations = {shape: count * _operations(*shape) for shape, count in shapes.items()}
    total = sum(operations.values())
    products, convolutions = [], []
    for shape in shapes:
        batch, size, channels_in, channels_out = shape
        share = operations[shape] / total
        rows, inner = batch * size * size, 9 * channels_in
        sides = {"rows": rows, "inner": inner, "columns": channels_out, "share": share}
        for library, product in products_by_library().items():
            rates = {
                dtype: _rate(shape, product(dtype, rows, inner, channels_out))
                for dtype in formats()
            }
            products.append({**sides, "library": library, **rates})
        rates = {dtype: _rate(shape, _convolution(dtype, *shape)) for dtype in formats()}
        convolutions.append(
            {
                "batch_size": batch,
                "size": size,
                "channels_in": channels_in,
                "channels_out": channels_out,
                "share": share,
                **rates,
            }
        )
    return {"matrix_product": products, "convolution": convolutions}


def overall(entries, dtype):
    """Return the rate of doing all shapes in turn, each as often as the model does."""
    return sum(entry["share"] for entry in entries) / sum(
        entry["share"] / entry[dtype] for entry in entries
    )


def best_product_rate(entries, dtype):
    """Return the overall rate of matrix products of the fastest library."""
    by_library = {}
    for entry in entries:
        by_library.setdefault(entry["library"], []).append(entry)
    return max(overall(found, dtype) for found in by_library.values())


def products_by_library():
    """Return a matrix product for TensorFlow and, where it is installed, for PyTorch."""
    found = {"TensorFlow": _tensorflow_product}
    try:
        import torch  # noqa: F401
    except ImportError:
        return found
    return found | {"PyTorch": _pytorch_product}


def _operations(batch, size, channels_in, channels_out):
    return 2 * batch * size * size * 9 * channels_in * channels_out


def _rate(shape, compute):
    seconds = []
    for _ in range(REPEATS + 2):
        start = time.perf_counter()
        compute()
        seconds.append(time.perf_counter() - start)
    return _operations(*shape) / min(seconds[2:]) / 1e9


def _tensorflow_product(dtype, rows, inner, columns):
    import tensorflow as tf

    left = tf.cast(tf.random.stateless_normal((rows, inner), (0, 0)), dtype)
    right = tf.cast(tf.random.stateless_normal((inner, columns), (0, 1)), dtype)
    product = tf.function(lambda: tf.matmul(left, right))
    return lambda: product()[0, 0].numpy()


def _pytorch_product(dtype, rows, inner, columns):
    import torch

    left = torch.randn(rows, inner).to(getattr(torch, dtype))
    right = torch.randn(inner, columns).to(getattr(torch, dtype))
    return lambda: left @ right


def _convolution(dtype, batch, size, channels_in, channels_out):
    import tensorflow as tf

    images = tf.random.stateless_normal((batch, size, size, channels_in), (0, 0))
    kernel = tf.random.stateless_normal((3, 3, channels_in, channels_out), (0, 1))
    images, kernel = tf.cast(images, dtype), tf.cast(kernel, dtype)
    convolve = tf.function(lambda: tf.nn.conv2d(images, kernel, strides=1, padding="SAME"))
    return lambda: convolve()[0, 0, 0, 0].numpy()
