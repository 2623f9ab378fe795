"""Corruptions (notebook 16): eight ways to spoil an image of 28 × 28 pixels, at five strengths.

They are for testing: a network meets them after its training, as it would meet a bad camera. The
one distortion for training here is `GaussianNoise`, which teaches one of the eight on purpose.
"""

import itertools
import json
import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from helpers import data, models, pipeline, settings
from helpers.topics import budgets

STRENGTHS = (1, 2, 3, 4, 5)
CLEAN = ("clean", 0)
IMAGES = 2_500  # of the validation images, which every network sees in all states
FILE = "robustness.json"  # in a folder of results: what networks of several seeds reach


def gaussian_noise(images, strength, generator):
    """Add normal noise to every pixel, as too little light does."""
    deviation = 255 * (0.02, 0.04, 0.07, 0.11, 0.16)[strength - 1]
    return images + deviation * generator.standard_normal(images.shape, dtype=np.float32)


def salt_and_pepper(images, strength, generator):
    """Turn a share of the pixels black or white, as dead pixels are."""
    share = (0.01, 0.03, 0.06, 0.1, 0.16)[strength - 1]
    draws = generator.random(images.shape, dtype=np.float32)
    salt = generator.random(images.shape, dtype=np.float32) < 0.5
    return np.where(draws < share, np.where(salt, np.float32(255), 0), images)


def gaussian_blur(images, strength, generator):
    """Smear every pixel over its neighbours, as a lens out of focus does."""
    deviation = (0.5, 0.8, 1.1, 1.5, 2.0)[strength - 1]
    return ndimage.gaussian_filter(images, (0, deviation, deviation), mode="constant")


def pixelation(images, strength, generator):
    """Average over the cells of an ever coarser grid, as enlarging a small image does."""
    cells = (20, 14, 10, 7, 5)[strength - 1]
    height, width = (_cell_means(size, cells) for size in images.shape[1:])
    return height @ images @ width.T


def contrast(images, strength, generator):
    """Draw all pixels towards the mean of their image, as fog does."""
    kept = (0.9, 0.8, 0.65, 0.5, 0.3)[strength - 1]
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + kept * (images - mean)


def brightness(images, strength, generator):
    """Add the same amount to every pixel, as too long an exposure does."""
    return images + 255 * (0.02, 0.05, 0.1, 0.2, 0.3)[strength - 1]


def displacement(images, strength, generator):
    """Turn and shift the image by random amounts, as an unsteady hand does."""
    degrees, pixels = ((6, 1), (12, 2), (18, 3), (25, 4), (35, 5))[strength - 1]
    draws = generator.uniform(-1, 1, (len(images), 3))
    angles, offsets = np.radians(degrees) * draws[:, 0], pixels * draws[:, 1:]
    return np.stack([_moved(*each) for each in zip(images, angles, offsets, strict=True)])


def occlusion(images, strength, generator):
    """Cover a square with one grey, as a thumb before the lens does."""
    side = (6, 9, 12, 15, 18)[strength - 1]
    count, height, width = images.shape
    greys = generator.uniform(0, 255, (count, 1, 1)).astype(np.float32)
    centres = generator.random((2, count, 1))
    rows = np.abs(np.arange(height) + 0.5 - centres[0] * height) <= side / 2
    columns = np.abs(np.arange(width) + 0.5 - centres[1] * width) <= side / 2
    return np.where(rows[:, :, None] & columns[:, None, :], greys, images)


FAMILIES = {
    "noise": (gaussian_noise, salt_and_pepper),
    "blur": (gaussian_blur, pixelation),
    "light": (contrast, brightness),
    "place": (displacement, occlusion),
}
CORRUPTIONS = {each.__name__: each for family in FAMILIES.values() for each in family}
NAMES = tuple(CORRUPTIONS)
STATES = (CLEAN, *itertools.product(NAMES, STRENGTHS))


def corrupt(images, name, strength, seed=0):
    """Return corrupted copies of images, (N, height, width) uint8.

    `name` is one of `NAMES`, `strength` one of `STRENGTHS`, 1 to 5. The random numbers of an image
    depend on the seed and the corruption but not on the strength: a stronger corruption is the same
    one, only more of it. Raises UserError if the images have another form, or there is no such
    corruption or strength. Source of the idea, for larger photographs: Hendrycks and Dietterich,
    arXiv:1903.12261, 2019.
    """
    data.check_images(images)
    if name not in CORRUPTIONS:
        raise settings.UserError(f"{name!r} is no corruption: use one of {', '.join(NAMES)}.")
    if strength not in STRENGTHS:
        raise settings.UserError(f"{strength!r} is no strength: use a whole number from 1 to 5.")
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    spoiled = CORRUPTIONS[name](images.astype(np.float32), strength, generator)
    return np.clip(np.rint(spoiled), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class GaussianNoise:
    """Add normal noise to a batch in training, at a strength of its own for each image.

    The standard deviation is uniform between 0 and `largest`, a share of the range of the pixels,
    so that the network goes on seeing images that are nearly clean. Source: Rusak et al., "A Simple
    Way to Make Neural Networks Robust Against Diverse Image Corruptions", arXiv:2001.06057, 2020.
    """

    largest: float = 0.2

    def __call__(self, images, seed):
        import tensorflow as tf

        share = tf.random.stateless_uniform((tf.shape(images)[0], 1, 1), seed)
        noise = tf.random.stateless_normal(tf.shape(images), [seed[0], seed[1] + 1000])
        noisy = tf.cast(images, tf.float32) + 255 * self.largest * share * noise
        return tf.cast(tf.clip_by_value(tf.round(noisy), 0, 255), tf.uint8)


ARMS = {
    "plain": (),
    "flip_and_shift": budgets.FLIP_AND_SHIFT,
    "cutout": (pipeline.Cutout(8),),
    "cutmix": (pipeline.CutMix(),),
    "noise": (GaussianNoise(0.2),),
}


def train_arm(arm, images, seed):
    """Train the network of one minute for three epochs, with the distortion of an arm of `ARMS`."""
    recipe = budgets.Recipe(epochs=3, augment=ARMS[arm])
    return recipe.train(models.build("resnet_1min", seed), images, None, arm, seed)


def seen(validation):
    """Return the stratified validation images that every network sees in all states."""
    share = settings.sample_size(IMAGES) / len(validation)
    return validation.take(data.stratified_indices(validation.labels, share))


def versions(images, seed=0):
    """Return images in every state of `STATES`: (41 * N, height, width) uint8, state by state.

    What `corrupt` refuses raises UserError here too.
    """
    spoiled = [corrupt(images, *state, seed) for state in STATES[1:]]
    return np.concatenate([images, *spoiled])


def accuracies(answers, labels):
    """Return the accuracy on images as they are, and under each corruption at each strength.

    `answers` are the probabilities, (41 * N, classes), that a network gives to `versions` of N
    images with these `labels`. The result is a pandas Series of 41 shares, 0 to 1, with the index
    levels `corruption` and `strength`.
    """
    right = answers.argmax(axis=1).reshape(len(STATES), -1) == labels
    return pd.Series(right.mean(axis=1), _index())


def networks(file):
    """Return what `python -m helpers robustness` has written of each network, none without a file.

    Raises UserError if the file cannot be read.
    """
    if not file.is_file():
        return []
    try:
        return json.loads(file.read_text(encoding="utf-8"))["networks"]
    except (ValueError, KeyError) as error:
        raise settings.UserError(
            f"{file} is damaged: restore it with `git checkout -- {file}`, or delete it."
        ) from error


def stored(folder=None):
    """Return what the networks of several seeds reach: a row a state, columns by arm and seed.

    Read from `FILE` in a folder of results, by default the published ones. Raises UserError if it
    holds nothing, or cannot be read.
    """
    file = (folder or settings.reference_results()) / FILE
    columns = {
        (network["arm"], network["seed"]): list(
            itertools.chain.from_iterable(network["accuracies"].values())
        )
        for network in networks(file)
    }
    if not columns:
        raise settings.UserError(f"{file} is missing: make it by `python -m helpers robustness`.")
    return pd.DataFrame(columns, _index()).rename_axis(columns=["arm", "seed"])


def _index():
    return pd.MultiIndex.from_tuples(STATES, names=["corruption", "strength"])


def _cell_means(size, cells):
    """Return the matrix that replaces `size` values by the means of `cells` cells of them."""
    owner = np.arange(size) * cells // size
    same = (owner[:, None] == owner[None, :]).astype(np.float32)
    return same / same.sum(axis=1, keepdims=True)


def _moved(image, angle, offset):
    """Turn an image about its centre and shift it; what comes in from outside is black."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    centre = (np.array(image.shape) - 1) / 2
    start = centre - turn @ (centre + offset)
    return ndimage.affine_transform(image, turn, start, order=1)
