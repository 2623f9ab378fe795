"""Find, verify and load images and labels, and split them without leaking."""

import operator
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import settings
from helpers.settings import DataError
from helpers.sources import downloads, folders, idx

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
OTHER_CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}
SAMPLE_FILE = Path(__file__).with_name("sample.npz")
# No profile uses fewer images than the embedded sample has, where there are that many.
FEWEST_IMAGES = {"train": 2000, "test": 1000}
IMAGE_SIZE = (28, 28)  # of the known data sets
TEST_SHARE = 0.2


@dataclass(frozen=True)
class LabelledImages:
    """Images, in grey or in colour, and their class labels.

    `images` has the shape (N, height, width) or (N, height, width, 3), uint8 from 0 (background) to
    255; `labels`, (N,) uint8, are class indices. Raises DataError if an array has another shape or
    dtype, or the lengths differ.
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        check_images(self.images)
        labels = self.labels
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype != np.uint8:
            raise DataError(
                f"Labels must be a NumPy array of shape (N,) and dtype uint8, not "
                f"{_describe(labels)}: pass class indices, as `labels.astype('uint8')`."
            )
        if len(labels) != len(self.images):
            raise DataError(
                f"There are {len(self.images)} images but {len(labels)} labels: pass arrays "
                "of equal length."
            )

    def __len__(self):
        return len(self.labels)

    def take(self, indices):
        """Return the images and labels at `indices`, in that order."""
        return LabelledImages(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """A training set and a test set with their class names and where they came from."""

    train: LabelledImages
    test: LabelledImages
    class_names: tuple
    source: str


def check_images(images):
    """Raise DataError unless `images` is a uint8 array of grey or of coloured images.

    Their shape is (N, height, width) or, in colour, (N, height, width, 3).
    """
    if (
        not isinstance(images, np.ndarray)
        or (images.ndim != 3 and (images.ndim != 4 or images.shape[3] != 3))
        or images.dtype != np.uint8
    ):
        raise DataError(
            f"Images must be a NumPy array of shape (N, height, width), or (N, height, width, 3) "
            f"in colour, and dtype uint8 (0 to 255), not {_describe(images)}: pass raw pixels, the "
            "pipeline scales them."
        )


def load(name="fashion_mnist"):
    """Return a known data set, verified, fetching it first where it is not on this machine.

    `name` is `fashion_mnist`, `mnist` or `kmnist`, with 60,000 training and 10,000 test images of
    28 × 28 pixels in ten classes. Looked for in the folder that `FASHION_MNIST_DIR` (`MNIST_DIR`,
    `KMNIST_DIR`) names, and nowhere else when that is set; then in the system's folder, the
    project's cache, Keras' cache, by a download, and for Fashion-MNIST in Debian's package. Raises
    DataError if `name` is unknown, no source has the files, or those found are not the published
    ones, by their SHA-256; the message names the file, what is wrong and the remedy.

    Sources: Xiao, Rasul and Vollgraf, arXiv:1708.07747, 2017; LeCun, Cortes and Burges, "The MNIST
    Database", 1998; Clanuwat et al., arXiv:1812.01718, 2018 (KMNIST).
    """
    spelt = re.sub(r"[\W_]", "", str(name).lower())
    known = next((each for each in downloads.KNOWN if each.replace("_", "") == spelt), None)
    if known is None:
        raise DataError(
            f"{name!r} is no data set of this project: use one of {', '.join(downloads.KNOWN)}, "
            "or from_folder() for your own images."
        )
    contents, source = downloads.find(known)
    arrays = [
        _parse_idx(content, file_name)
        for content, file_name in zip(contents, downloads.FILE_NAMES, strict=True)
    ]
    return _assemble(arrays, OTHER_CLASS_NAMES.get(known, CLASS_NAMES), source)


def from_folder(folder, size=IMAGE_SIZE, class_names=None, colour=False):
    """Return a data set made of your own images.

    The folder holds either PNG or JPEG files in one folder per class, or four IDX files named as
    MNIST's are, compressed or not. Class folders lie in `train/` and `test/`, where other words for
    these, capitals and a folder for validation are understood; or in the folder itself, and then a
    fifth of each class becomes the test set, always the same one. Links are followed. Images become
    grey unless `colour` is asked for; what is transparent becomes black, and a drawing in one dark
    colour on a transparent ground becomes white on black. Shifts and cutouts of the series fill
    with black, as is right for bright objects on a black ground.

    `size`, one number or height and width, is what every image is brought to; None keeps the size,
    which then must be the same in all images. `class_names` has one name per class, in the order of
    the labels; by default those of the class folders in alphabetical order, numbers in them by
    their value, or the numbers in IDX files. Raises DataError if the folder has another layout, a
    class has too few images to learn from and to judge by, or a file is missing, damaged or of a
    wrong form; the message names the file and the remedy.
    """
    size, place = _checked_size(size), _checked_path(folder)
    place, files = idx.locate(place)
    if files:
        arrays, names = idx.read(place, files, size, colour, class_names)
    else:
        parts, names = folders.read(place, size, colour, class_names)
        whole = parts.get("all")
        arrays = _parted(*whole) if whole else [*parts["train"], *parts["test"]]
    return _assemble(arrays, names, str(folder))


def load_sample():
    """Return the embedded sample: 2,000 training and 1,000 test images of the real data set.

    Every class has the same number of images. Fashion-MNIST is Zalando's, under the MIT licence.
    """
    try:
        with np.load(SAMPLE_FILE) as stored:
            arrays = [stored[name] for name in downloads.FILE_NAMES]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{SAMPLE_FILE} is missing or damaged: restore it with `git checkout -- {SAMPLE_FILE}`."
        ) from error
    return _assemble(arrays, CLASS_NAMES, "embedded sample of Fashion-MNIST")


def load_profile():
    """Return the images that the active profile works on.

    `full` takes all of Fashion-MNIST, `quick` a stratified tenth of it, and `smoke` the embedded
    sample. No profile takes fewer images than the sample has.
    """
    if settings.profile() == "smoke":
        return load_sample()
    dataset = load()
    train, train_share = _part(dataset.train, FEWEST_IMAGES["train"])
    test, _ = _part(dataset.test, FEWEST_IMAGES["test"])
    words = "" if train_share == 1.0 else f" (a stratified {train_share:.0%} of it)"
    return Dataset(train, test, dataset.class_names, f"{dataset.source}{words}")


def _part(labelled, fewest):
    """Return the active profile's part of a set of images, and its share."""
    share = max(settings.IMAGE_SHARE[settings.profile()], min(1.0, fewest / len(labelled)))
    if share == 1.0:
        return labelled, share
    return labelled.take(stratified_indices(labelled.labels, share)), share


def split(train, validation_fraction=0.2, seed=0):
    """Split a training set into a part to fit and a part to choose by, stratified.

    It is the same for every run: it depends on `seed` alone, not on the seed of the run, so that
    all models are compared on the same validation images. Raises DataError if the fraction, between
    0 and 1, leaves a part empty.
    """
    if not 0.0 < validation_fraction < 1.0:
        raise DataError(
            f"validation_fraction is {validation_fraction}: choose a share between 0 and 1."
        )
    chosen = stratified_indices(train.labels, validation_fraction, seed)
    kept = np.setdiff1d(np.arange(len(train)), chosen)
    if not len(chosen) or not len(kept):
        raise DataError(
            f"validation_fraction {validation_fraction} of {len(train)} images leaves a part "
            "empty: use more images or another fraction."
        )
    return train.take(kept), train.take(chosen)


def stratified_indices(labels, share, seed=0):
    """Return sorted indices of a random `share`, 0 to 1, of each class, rounded to whole images.

    >>> labels = np.repeat([0, 1], 4)
    >>> labels[stratified_indices(labels, 0.5)].tolist()
    [0, 0, 1, 1]
    """
    generator = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen.append(generator.permutation(members)[: round(len(members) * share)])
    return np.sort(np.concatenate(chosen))


def near_duplicates(images, others=None, least_similarity=0.99, block=2000):
    """Find each image's most similar other image by cosine similarity of the centred pixels.

    Looked for among `others`, or among the images themselves, (N, height, width) uint8, where each
    pair is listed once. Pairs below `least_similarity` are left out; 1 means equal up to brightness
    and contrast. Returns a table with the indices `first` and `second` and their `similarity`, most
    similar first. So many rows as `block` are compared at a time, which bounds the memory.
    """
    within = others is None
    left = _unit_rows(images)
    right = left if within else _unit_rows(others)
    found = []
    for start in range(0, len(left), block):
        similarity = left[start : start + block] @ right.T
        rows = np.arange(len(similarity))
        if within:
            similarity[rows, start + rows] = -1.0
        nearest = similarity.argmax(axis=1)
        best = similarity[rows, nearest]
        hits = best >= least_similarity
        found.append(np.stack([start + rows[hits], nearest[hits], best[hits]]))
    first, second, similarity = np.concatenate(found, axis=1)
    table = pd.DataFrame(
        {"first": first.astype(int), "second": second.astype(int), "similarity": similarity}
    )
    if within:
        ordered = np.sort(table[["first", "second"]].to_numpy(), axis=1)
        table["first"], table["second"] = ordered[:, 0], ordered[:, 1]
        table = table.drop_duplicates(["first", "second"])
    return table.sort_values("similarity", ascending=False, ignore_index=True, kind="stable")


def _unit_rows(images):
    check_images(images)
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def _describe(value):
    if isinstance(value, np.ndarray):
        return f"shape {value.shape} and dtype {value.dtype}"
    return f"a {type(value).__name__}"


def _checked_path(folder):
    """Return where a reader's images are, as a `pathlib.Path` of a folder."""
    if not isinstance(folder, (str, os.PathLike)) or not str(folder).strip():
        raise DataError(f"{folder!r} is no path: pass that of the folder with your images.")
    path = Path(os.path.expanduser(folder))
    if not os.path.isdir(path):
        raise folders.no_folder(path)
    return path


def _checked_size(size):
    """Return the height and width to bring images to, or None."""
    if size is None:
        return None
    try:
        height, width = map(operator.index, (size, size) if np.ndim(size) == 0 else size)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise DataError(
            f"The size is {size!r}: pass height and width in pixels, as size=(28, 28), or None."
        )
    return height, width


def _parted(images, labels):
    """Divide images that came in one part into four arrays, those of training and of test."""
    chosen = stratified_indices(labels, TEST_SHARE)
    kept = np.setdiff1d(np.arange(len(labels)), chosen)
    return images[kept], labels[kept], images[chosen], labels[chosen]


def _parse_idx(content, path):
    """Parse the IDX format: two zero bytes, type 8 (unsigned byte), rank, sizes, then the data."""
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(f"{path} is not an IDX file of unsigned bytes: fetch the data set again.")
    rank = content[3]
    header = 4 + 4 * rank
    shape = tuple(int(size) for size in np.frombuffer(content[4:header], dtype=">u4"))
    if len(content) - header != np.prod(shape, dtype=np.int64):
        raise DataError(
            f"{path} should hold {shape} bytes after its header but holds {len(content) - header}: "
            "it is truncated or damaged, fetch the data set again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _assemble(arrays, class_names, source):
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        LabelledImages(train_images, train_labels),
        LabelledImages(test_images, test_labels),
        class_names,
        source,
    )
