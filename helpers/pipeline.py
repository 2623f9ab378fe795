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

    Source: DeVries and Taylor, arXiv:1708.04552, 2017.
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


@dataclass(frozen=True)
class RandomErasing:
    """Overwrite a rectangle of noise in each image, with probability one half.

    The rectangle covers a random share of the image between 2 % and `largest_share`, at a random
    aspect ratio between 1:3 and 3:1, and is cut off at the border. Source: Zhong, Zheng, Kang, Li
    and Yang, arXiv:1708.04896, 2017.
    """

    largest_share: float = 0.25

    def __call__(self, images, seed):
        import tensorflow as tf

        count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
        draws = tf.random.stateless_uniform((5, count), seed)
        share = 0.02 + draws[0] * (self.largest_share - 0.02)
        ratio = 3.0 ** (2.0 * draws[1] - 1.0)
        rows = _within(draws[2] * height, tf.sqrt(share * ratio) * height, height)
        columns = _within(draws[3] * width, tf.sqrt(share / ratio) * width, width)
        erased = rows[:, :, None] & columns[:, None, :] & (draws[4] < 0.5)[:, None, None]
        noise = tf.random.stateless_uniform(
            tf.shape(images), [seed[0], seed[1] + 1000], maxval=256, dtype=tf.int32
        )
        return tf.where(erased, tf.cast(noise, tf.uint8), images)


@dataclass(frozen=True)
class Mixup:
    """Blend each image and its label with those of another of the batch.

    The weight of the first of the two is drawn from a beta distribution, once per image. Source:
    Zhang, Cisse, Dauphin and Lopez-Paz, arXiv:1710.09412, 2017.
    """

    alpha: float = 0.2
    mixes_labels = True

    def __call__(self, images, targets, seed):
        import tensorflow as tf

        draws = tf.random.stateless_gamma((2, tf.shape(images)[0]), seed, self.alpha) + 1e-7
        weight = draws[0] / (draws[0] + draws[1])
        # Batches come shuffled, so the batch in reverse order is a random partner for each image.
        return _blend(images, weight[:, None, None, None]), _blend(targets, weight[:, None])


@dataclass(frozen=True)
class CutMix:
    """Paste a rectangle of another image of the batch, and share the label by area.

    The share of the rectangle is uniform between 0 and 1; its centre lies anywhere in the image.
    Source: Yun et al., arXiv:1905.04899, 2019.
    """

    mixes_labels = True

    def __call__(self, images, targets, seed):
        import tensorflow as tf

        count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
        draws = tf.random.stateless_uniform((3, count), seed)
        side = tf.sqrt(draws[0])
        rows = _within(draws[1] * height, side * height, height)
        columns = _within(draws[2] * width, side * width, width)
        kept = 1.0 - tf.cast(rows[:, :, None] & columns[:, None, :], images.dtype)
        weight = tf.reduce_mean(kept, axis=(1, 2))
        return _blend(images, kept[..., None]), _blend(targets, weight[:, None])


def _within(centres, lengths, size):
    """Return which of `size` positions lie in each interval, shape (N, size), bool."""
    import tensorflow as tf

    positions = tf.range(size, dtype=tf.float32)[None, :] + 0.5
    return tf.abs(positions - centres[:, None]) <= lengths[:, None] / 2


def _blend(values, weight):
    return values * weight + values[::-1] * (1.0 - weight)


@dataclass(frozen=True)
class View:
    """One fixed way to look at an image at test time: mirrored, or moved by some pixels.

    Predictions for several views of one image may be averaged; see `evaluation.predict`.
    """

    mirrored: bool = False
    down: int = 0
    right: int = 0

    def __call__(self, images):
        images = images[:, :, ::-1] if self.mirrored else images
        reach = max(abs(self.down), abs(self.right))
        height, width = images.shape[1:3]
        margins = [(0, 0), (reach, reach), (reach, reach), (0, 0)]
        padded = np.pad(images, margins[: images.ndim])
        top, left = reach - self.down, reach - self.right
        return padded[:, top : top + height, left : left + width]


AS_IT_IS = (View(),)
MIRRORED = (View(), View(mirrored=True))


def prepare_images(images, pixel_range=(0.0, 1.0)):
    """Scale images, uint8, for a network: float32, with a last axis for grey or for the colours.

    `pixel_range` is what 0 and 255 become. Raises DataError if `images` has another shape or dtype.

    >>> prepare_images(np.uint8([[[0, 255]]]), (-0.5, 0.5)).ravel().tolist()
    [-0.5, 0.5]
    """
    data.check_images(images)
    low, high = pixel_range
    scaled = images.astype(np.float32) * np.float32((high - low) / 255.0) + np.float32(low)
    return scaled if scaled.ndim == 4 else scaled[..., np.newaxis]


def batches(
    labelled,
    batch_size,
    *,
    pixel_range=(0.0, 1.0),
    one_hot=False,
    classes=10,
    soft_labels=None,
    augment=(),
    shuffle_seed=None,
):
    """Return a tf.data.Dataset of (images, labels) batches.

    Images are float32, (B, height, width, 1) or in colour (B, height, width, 3); labels int32 (B,)
    or, with `one_hot`, float32 (B, classes). Raises DataError if images to shuffle are fewer than
    one batch holds, labels to mix are not one-hot, or soft labels have another shape or stand
    beside class indices.

    Parameters
    ----------
    soft_labels : numpy.ndarray, shape (N, classes), optional
        Probabilities to learn from instead of the labels, for instance those of another model.
    augment : sequence of callables
        Each takes a uint8 batch of shape (B, height, width) and a seed of shape (2,) and returns a
        batch of the same form; applied in order, and to red, green and blue alike. Those with
        `mixes_labels` come after the others: they take and return the finished batch, images and
        one-hot labels. See `Flip`, `Shift`, `Cutout`, `RandomErasing`; `Mixup` and `CutMix`.
    shuffle_seed : int, optional
        With a seed the data is reshuffled every epoch and an incomplete last batch is dropped, so
        that all batches weigh the same; without one every image comes once, in order.
    """
    import tensorflow as tf

    distortions, mixers = _in_turn(augment, one_hot)
    shuffled = shuffle_seed is not None
    if shuffled and len(labelled) < batch_size:
        raise data.DataError(
            f"{len(labelled)} images do not fill one batch of {batch_size}: use a smaller "
            "batch_size or more images."
        )
    images = tf.constant(labelled.images)
    labels = tf.constant(labelled.labels, tf.int32)
    if soft_labels is not None:
        labels = tf.constant(_checked(soft_labels, (len(labelled), classes), one_hot), tf.float32)
    low, high = pixel_range

    def make_batch(indices, seed):
        batch = tf.gather(images, indices)
        channels = tf.unstack(batch, axis=-1) if batch.shape.rank == 4 else [batch]
        for number, distort in enumerate(distortions):
            channels = [distort(channel, [seed, number]) for channel in channels]
        batch = tf.stack(channels, axis=-1)
        batch = tf.cast(batch, tf.float32) * ((high - low) / 255.0) + low
        targets = tf.gather(labels, indices)
        if one_hot and soft_labels is None:
            targets = tf.one_hot(targets, classes)
        for number, mix in enumerate(mixers, len(distortions)):
            batch, targets = mix(batch, targets, [seed, number])
        return batch, targets

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


def _in_turn(augment, one_hot):
    """Part augmentations into those that distort images and those that mix labels as well."""
    mixers = [step for step in augment if getattr(step, "mixes_labels", False)]
    if mixers and not one_hot:
        raise data.DataError(
            f"{mixers[0]} mixes labels, which class indices cannot hold: use a loss with one-hot "
            "labels, such as keras.losses.CategoricalCrossentropy()."
        )
    return [step for step in augment if step not in mixers], mixers


def _checked(soft_labels, shape, one_hot):
    if np.shape(soft_labels) != shape or not one_hot:
        raise data.DataError(
            f"Soft labels must have the shape {shape} and a loss that takes one-hot labels, such "
            "as keras.losses.CategoricalCrossentropy(): pass one row of probabilities per image."
        )
    return soft_labels
