"""Layers and numeric precision that make training fast without changing what is computed.

Importing this module is all that a fresh process needs to load a model saved by the series, with
`compile=False` where its optimizer is one of `optimizers`.
"""

import functools
import logging
import math
import random
import sys
import time
from contextlib import contextmanager, suppress

from helpers import settings

with settings.quiet_import():
    import keras

# TensorFlow warns of repeated tracing whenever one process trains several models, as notebooks do.
logging.getLogger("tensorflow").setLevel(logging.ERROR)

# Another course may have left other choices in ~/.keras/keras.json.
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)

if keras.backend.backend() == "tensorflow":
    with settings.quiet_import():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with suppress(RuntimeError):  # in use already
            # Otherwise TensorFlow takes all of the memory, and a second notebook finds none.
            tf.config.experimental.set_memory_growth(gpu, True)

# A gain below this is within the noise of the measurement, and float32 is the safer choice.
LEAST_GAIN = 1.2
BYTE_VALUES = 256


@keras.saving.register_keras_serializable(package="fashion")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation, computed by TensorFlow's fused operation where that applies.

    Same arguments, weights and results as `keras.layers.BatchNormalization`. Keras 3 computes the
    mean, the variance and the scaling as separate passes over the feature maps; the fused operation
    needs one. It applies to feature maps (B, height, width, channels) on TensorFlow; any other
    input or backend takes Keras' own path. Source: Ioffe and Szegedy, arXiv:1502.03167, 2015.
    """

    def call(self, inputs, training=None, mask=None):
        if not self._fusible(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            return self._call_training(inputs)
        return self._fused(inputs, is_training=False)[0]

    def _fusible(self, inputs, mask):
        return (
            keras.backend.backend() == "tensorflow"
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and not getattr(self, "synchronized", False)
        )

    def _call_training(self, inputs):
        outputs, mean, variance = self._fused(inputs, is_training=True)
        shape = keras.ops.shape(inputs)
        count = keras.ops.cast(shape[0] * shape[1] * shape[2], variance.dtype)
        # The fused operation reports the sample variance; Keras keeps the population variance.
        variance = variance * (count - 1.0) / count
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        return outputs

    def _fused(self, inputs, is_training):
        import tensorflow as tf

        ones = keras.ops.ones_like(self.moving_mean)
        moving = {} if is_training else {"mean": self.moving_mean, "variance": self.moving_variance}
        return tf.compat.v1.nn.fused_batch_norm(
            inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else ones,
            offset=tf.convert_to_tensor(self.beta) if self.center else keras.ops.zeros_like(ones),
            epsilon=self.epsilon,
            is_training=is_training,
            **{name: tf.convert_to_tensor(value) for name, value in moving.items()},
        )


@keras.saving.register_keras_serializable(package="fashion")
class Dropout(keras.layers.Dropout):
    """Keras' dropout, with one random byte per element where TensorFlow computes.

    Same arguments as `keras.layers.Dropout`. Random numbers are the dearest part of dropout on a
    processor, and one byte is enough to decide. The rate is rounded to the nearest 256th and the
    scale follows the rounded rate, so that the expected output is still the input. Creating the
    layer draws nothing from the stream of seeds that other layers take their starting weights from:
    networks with and without dropout start alike. Source: Srivastava et al., "Dropout", Journal of
    Machine Learning Research 15, 2014.
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        stream = random.getstate()
        super().__init__(rate, noise_shape, seed, **kwargs)
        random.setstate(stream)

    def call(self, inputs, training=False):
        dropped = round(self.rate * BYTE_VALUES)
        plain = keras.backend.backend() != "tensorflow" or self.noise_shape is not None
        if not training or plain or not 0 < dropped < BYTE_VALUES:
            return super().call(inputs, training=training)
        kept = keras.ops.cast(self._random_bytes(inputs) >= dropped, inputs.dtype)
        return inputs * (kept * (BYTE_VALUES / (BYTE_VALUES - dropped)))

    def _random_bytes(self, inputs):
        import tensorflow as tf

        size = tf.size(inputs)
        seed = tf.cast(self.seed_generator.next(), tf.uint64)
        words = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[(size + 7) // 8],
            key=seed[:1],
            counter=tf.stack([tf.zeros((), tf.uint64), seed[1]]),
            alg=tf.random.Algorithm.PHILOX.value,
            dtype=tf.uint64,
        )
        return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], tf.shape(inputs))


def fastest_precision():
    """Say in which number format this machine trains convolutional networks faster.

    What `FASHION_PRECISION` asks for, else `mixed_bfloat16` where a 3 × 3 convolution, forward and
    backward, gains at least a fifth by it, and `float32` elsewhere: processors without instructions
    for bfloat16 take ten times as long with it. Measured once per process, in a fraction of a
    second.
    """
    chosen = settings.precision()
    if chosen or keras.backend.backend() != "tensorflow":
        return chosen or "float32"
    seconds = _convolution_seconds()
    gain = seconds["float32"] / seconds["bfloat16"]
    return "mixed_bfloat16" if gain >= LEAST_GAIN else "float32"


@functools.cache
def _convolution_seconds(turns=5):
    """Return the least time that a convolution, forward and backward, takes in each format."""
    import tensorflow as tf

    def train(dtype, images):
        shapes = (images, 28, 28, 32), (3, 3, 32, 32)
        given = [tf.cast(tf.random.stateless_normal(shape, (0, 0)), dtype) for shape in shapes]
        start = clock()
        with tf.GradientTape() as tape:
            tape.watch(given)
            outputs = tf.nn.conv2d(*given, strides=1, padding="SAME")
        for gradient in tape.gradient(outputs, given):
            gradient[0, 0, 0, 0].numpy()  # waits for a GPU
        return clock() - start

    # A busy machine takes time from this process, but charges it none. Of the work of a GPU such an
    # account knows nothing, and on Windows it moves in steps of 16 ms.
    gpus = tf.config.list_physical_devices("GPU")
    clock = time.perf_counter if gpus or sys.platform == "win32" else time.process_time
    least = {"float32": math.inf, "bfloat16": math.inf}
    try:
        for dtype in least:
            train(dtype, images=32 if gpus else 1)  # makes threads and kernels
        for _ in range(turns):
            for dtype in least:
                least[dtype] = min(least[dtype], train(dtype, images=32))
            if least["bfloat16"] > 5 * least["float32"]:
                break
    except tf.errors.OpError:  # where oneDNN is told to leave the instructions alone
        least["float32"] = 0.0
    return least


@contextmanager
def precision(policy):
    """Build layers under a dtype policy (`float32`, `mixed_bfloat16`), then restore the old one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def in_float32(model):
    """Return an uncompiled copy of a model, weights included, that computes in float32 anywhere.

    The model is functional or sequential, without models inside it.
    """

    def clone(layer):
        return layer.__class__.from_config(layer.get_config() | {"dtype": "float32"})

    with precision("float32"):
        copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy
