"""Preprocessing and augmentation: arrays in, batches out.

Images stay in memory as uint8 and are gathered, distorted and scaled one whole batch at a time.
tf.data's autotuner is switched off: destroying an iterator waits for the autotuner's thread, which
sleeps in doubling steps, and so it rounds every epoch's wall time up.
"""

from dataclasses import dataclass

import numpy as np

from helpers import data

BATCHES_AHEAD = 4


@dataclass(frozen=True)
class Flip:
    """Mirror each image left to right with probability one half."""

    def __call__(self, images, seed):
        import tensorflow as tf

        chosen = tf.random.stateless_uniform(tf.shape(images)[:1], seed) < 0.5
        return tf.where(chosen[:, None, None], tf.reverse(images, axis=[2]), images)


@dataclass(frozen=True)
class Shift:
    """Move each image by up to `pixels` in both directions; uncovered pixels become 0."""

    pixels: int = 1

    def __call__(self, images, seed):
        import tensorflow as tf

        count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
        offsets = tf.random.stateless_uniform(
            (2, count), seed, maxval=2 * self.pixels + 1, dtype=tf.int32
        )
        padded = tf.pad(images, [[0, 0], [self.pixels] * 2, [self.pixels] * 2])
        rows = offsets[0][:, None] + tf.range(height)
        columns = offsets[1][:, None] + tf.range(width)
        moved = tf.gather(padded, rows, axis=1, batch_dims=1)
        moved = tf.gather(tf.transpose(moved, [0, 2, 1]), columns, axis=1, batch_dims=1)
        return tf.transpose(moved, [0, 2, 1])


@dataclass(frozen=True)
class Cutout:
    """Blacken a square of `size` pixels whose centre lies anywhere in the image.

    References
    ----------
    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    arXiv:1708.04552, 2017.
    """

    size: int = 8

    def __call__(self, images, seed):
        import tensorflow as tf

        count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
        centres = tf.random.stateless_uniform((2, count), seed, maxval=1.0)
        hidden_rows = self._covered(centres[0], height)
        hidden_columns = self._covered(centres[1], width)
        hidden = hidden_rows[:, :, None] & hidden_columns[:, None, :]
        return tf.where(hidden, tf.zeros_like(images), images)

    def _covered(self, centres, length):
        import tensorflow as tf

        first = tf.cast(centres * length, tf.int32)[:, None] - self.size // 2
        positions = tf.range(length)[None, :]
        return (positions >= first) & (positions < first + self.size)


def prepare_images(images, pixel_range=(0.0, 1.0)):
    """Scale images for a network.

    Parameters
    ----------
    images : numpy.ndarray, shape (N, height, width), dtype uint8
    pixel_range : tuple of float
        What 0 and 255 become.

    Returns
    -------
    numpy.ndarray, shape (N, height, width, 1), dtype float32

    Raises
    ------
    DataError
        If `images` has another shape or dtype.
    """
    data.check_images(images)
    low, high = pixel_range
    scaled = images.astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)
    return scaled[..., np.newaxis]


def batches(
    labelled,
    batch_size,
    *,
    pixel_range=(0.0, 1.0),
    one_hot=False,
    classes=10,
    augment=(),
    shuffle_seed=None,
):
    """Return a tf.data.Dataset of (images, labels) batches.

    Parameters
    ----------
    labelled : LabelledImages
    batch_size : int
    pixel_range : tuple of float
        What the pixel values 0 and 255 become.
    one_hot : bool
        Labels as rows of length `classes` (for categorical cross-entropy) instead of indices.
    classes : int
    augment : sequence of callables
        Each takes a uint8 batch of shape (B, height, width) and a seed of shape (2,) and returns a
        batch of the same form; applied in order. See `Flip`, `Shift` and `Cutout`.
    shuffle_seed : int, optional
        With a seed the data is reshuffled every epoch and an incomplete last batch is dropped, so
        that all batches weigh the same; without one every image comes once, in order.

    Returns
    -------
    tf.data.Dataset
        Images float32 (B, height, width, 1); labels int32 (B,) or float32 (B, classes).

    Raises
    ------
    DataError
        If there are fewer images than one batch holds.
    """
    import tensorflow as tf

    shuffled = shuffle_seed is not None
    if shuffled and len(labelled) < batch_size:
        raise data.DataError(
            f"{len(labelled)} images do not fill one batch of {batch_size}: use a smaller "
            "batch_size or more images."
        )
    images = tf.constant(labelled.images)
    labels = tf.constant(labelled.labels, tf.int32)
    low, high = pixel_range

    def make_batch(indices, seed):
        batch = tf.gather(images, indices)
        for number, distort in enumerate(augment):
            batch = distort(batch, [seed, number])
        batch = tf.cast(batch[..., None], tf.float32) * ((high - low) / 255.0) + low
        targets = tf.gather(labels, indices)
        return batch, tf.one_hot(targets, classes) if one_hot else targets

    indices = tf.data.Dataset.range(len(labelled))
    if shuffled:
        indices = indices.shuffle(len(labelled), seed=shuffle_seed)
    seeds = tf.data.Dataset.random(shuffle_seed or 0, rerandomize_each_iteration=True)
    stream = tf.data.Dataset.zip(indices.batch(batch_size, drop_remainder=shuffled), seeds)
    stream = stream.map(make_batch).prefetch(BATCHES_AHEAD)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    return stream.with_options(options)
