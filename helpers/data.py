"""Find, verify and load images and labels, and split them without leaking.

The four files of Fashion-MNIST are looked for on this machine, then fetched; whatever is found is
accepted only if the SHA-256 of its decompressed bytes is the published data set's.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import settings

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
# SHA-256 of the decompressed files: compression may differ between mirrors, the content may not.
FASHION_MNIST_SHA256 = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FILE_NAMES = tuple(FASHION_MNIST_SHA256)
DATA_SETS = ("fashion_mnist",)
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
DOWNLOAD_ADDRESS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
DOWNLOAD_TIMEOUT_SECONDS = 10
SAMPLE_FILE = Path(__file__).with_name("sample.npz")
REMEDIES = (
    f"install Debian's package {DEBIAN_PACKAGE}; or put the four .gz files into a folder and set "
    "FASHION_MNIST_DIR to it; or connect to the internet and run again; or set "
    "FASHION_PROFILE=smoke to use the embedded sample"
)


class DataError(settings.UserError):
    """The data is missing, damaged, of the wrong shape, or not the data set it claims to be."""


@dataclass(frozen=True)
class LabelledImages:
    """Greyscale images and their class labels.

    Parameters
    ----------
    images : numpy.ndarray, shape (N, height, width), dtype uint8
        Pixel intensities from 0 (background) to 255.
    labels : numpy.ndarray, shape (N,), dtype uint8
        Class indices.

    Raises
    ------
    DataError
        If an array has another shape or dtype, or the lengths differ.
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
    """Raise DataError unless `images` is a uint8 array of shape (N, height, width)."""
    if not isinstance(images, np.ndarray) or images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(
            f"Images must be a NumPy array of shape (N, height, width) and dtype uint8 (0 to "
            f"255), not {_describe(images)}: pass raw pixels, the pipeline scales them."
        )


def load(name="fashion_mnist"):
    """Return the verified data set, fetching it first where it is not on this machine.

    Looked for in this order: the folder in `FASHION_MNIST_DIR` (and nowhere else when that is
    set), Debian's folder, the project's cache, Keras' cache, a download from the address that
    Keras uses, and Debian's package unpacked into the cache.

    Parameters
    ----------
    name : str
        `fashion_mnist`.

    Returns
    -------
    Dataset
        60,000 training and 10,000 test images of 28 × 28 pixels in ten classes.

    Raises
    ------
    DataError
        If `name` is unknown, if no source has the files, or if the files that were found are not
        the published ones; the message names the file, what is wrong and the remedy.

    References
    ----------
    Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms", arXiv:1708.07747, 2017.
    """
    if name not in DATA_SETS:
        raise DataError(
            f"{name!r} is no data set of this project: use one of {', '.join(DATA_SETS)}, or "
            "load_folder() for your own files."
        )
    chosen = settings.data_folder()
    if chosen is not None:
        return _load_verified(chosen)
    problems = []
    for find in (_local_folders, _downloaded_folder, _debian_package_folder):
        for folder in find(problems):
            try:
                return _load_verified(folder)
            except DataError as error:
                if folder.is_dir():
                    problems.append(str(error))
    reasons = f" (tried: {'; '.join(problems)})" if problems else ""
    raise DataError(f"Fashion-MNIST was not found on this machine{reasons}. Remedy: {REMEDIES}.")


def load_folder(folder, class_names=None):
    """Return a data set of the same form from four IDX files, which may be gzip-compressed.

    The files bear MNIST's names (`train-images-idx3-ubyte` and so on); their form is checked, but
    no hash, so MNIST, KMNIST or your own images load as well.

    Parameters
    ----------
    folder : str or pathlib.Path
    class_names : sequence of str, optional
        One name per class; the class indices by default.

    Raises
    ------
    DataError
        If a file is missing, damaged or not in IDX form.
    """
    folder = Path(folder)
    arrays = [_parse_idx(_read_file(folder, name), folder / name) for name in FILE_NAMES]
    if class_names is None:
        class_names = [str(label) for label in range(int(arrays[1].max()) + 1)]
    return _assemble(arrays, tuple(class_names), str(folder))


def load_sample():
    """Return the embedded sample: 2,000 training and 1,000 test images of the real data set.

    Every class has the same number of images. Fashion-MNIST is Zalando's, under the MIT licence.
    """
    try:
        with np.load(SAMPLE_FILE) as stored:
            arrays = [stored[name] for name in FILE_NAMES]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{SAMPLE_FILE} is missing or damaged: restore it with `git checkout -- {SAMPLE_FILE}`."
        ) from error
    return _assemble(arrays, CLASS_NAMES, "embedded sample of Fashion-MNIST")


def load_profile():
    """Return the images that the active profile works on.

    `smoke` takes the embedded sample, `quick` a stratified fifth of the verified data set, and
    `full` all of it.
    """
    profile = settings.profile()
    if profile == "smoke":
        return load_sample()
    dataset = load()
    share = settings.IMAGE_SHARE[profile]
    if share == 1.0:
        return dataset
    return Dataset(
        dataset.train.take(stratified_indices(dataset.train.labels, share)),
        dataset.test.take(stratified_indices(dataset.test.labels, share)),
        dataset.class_names,
        f"{dataset.source} (a stratified {share:.0%} of it)",
    )


def split(train, validation_fraction=0.2, seed=0):
    """Split a training set into a part to fit and a part to choose by.

    The split is stratified, and the same for every run: it depends on `seed` alone, not on the
    seed of the run, so that all models are compared on the same validation images.

    Parameters
    ----------
    train : LabelledImages
    validation_fraction : float
        Between 0 and 1, exclusive.
    seed : int

    Returns
    -------
    training, validation : LabelledImages
        Disjoint; together they are `train`.

    Raises
    ------
    DataError
        If the fraction leaves a part empty.
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
    """Return sorted indices of a random `share` of each class.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
    share : float
        Between 0 and 1; each class gives its share, rounded to whole images.
    seed : int

    Returns
    -------
    numpy.ndarray, shape (n,), dtype int64
    """
    generator = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen.append(generator.permutation(members)[: round(len(members) * share)])
    return np.sort(np.concatenate(chosen))


def near_duplicates(images, others=None, least_similarity=0.99, block=2000):
    """Find each image's most similar other image by cosine similarity of the centred pixels.

    Parameters
    ----------
    images : numpy.ndarray, shape (N, height, width), dtype uint8
    others : numpy.ndarray, shape (M, height, width), dtype uint8, optional
        Where to look; `images` itself by default, and then each pair is listed once.
    least_similarity : float
        Pairs below it are left out; 1 means equal up to brightness and contrast.
    block : int
        Rows compared at a time, which bounds the memory.

    Returns
    -------
    pandas.DataFrame
        Columns `first`, `second` (indices) and `similarity`, most similar first.
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


def _local_folders(problems):
    return (
        DEBIAN_FOLDER,
        settings.cache_folder(),
        Path.home() / ".keras" / "datasets" / "fashion-mnist",
    )


def _downloaded_folder(problems):
    folder = settings.cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILE_NAMES:
            _download(DOWNLOAD_ADDRESS + name + ".gz", folder / f"{name}.gz")
    except OSError as error:
        problems.append(f"the download failed ({error})")
        return ()
    return (folder,)


def _download(address, target):
    partial = target.with_name(target.name + ".part")
    try:
        with urllib.request.urlopen(address, timeout=DOWNLOAD_TIMEOUT_SECONDS) as response:
            with open(partial, "wb") as file:
                shutil.copyfileobj(response, file)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _debian_package_folder(problems):
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return ()
    folder = settings.cache_folder()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            _run(["apt-get", "download", "-qq", DEBIAN_PACKAGE], scratch)
            (package,) = Path(scratch).glob("*.deb")
            _run(["dpkg-deb", "-x", str(package), "unpacked"], scratch)
            unpacked = Path(scratch) / "unpacked" / DEBIAN_FOLDER.relative_to("/")
            folder.mkdir(parents=True, exist_ok=True)
            for name in FILE_NAMES:
                shutil.copyfile(unpacked / f"{name}.gz", folder / f"{name}.gz")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problems.append(f"Debian's package could not be fetched ({type(error).__name__})")
            return ()
    return (folder,)


def _run(command, folder):
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)


def _load_verified(folder):
    arrays = []
    for name in FILE_NAMES:
        content = _read_file(folder, name)
        _verify(content, name, folder)
        arrays.append(_parse_idx(content, folder / name))
    return _assemble(arrays, CLASS_NAMES, str(folder))


def _read_file(folder, name):
    if not folder.is_dir():
        raise DataError(f"The folder {folder} does not exist. Remedy: {REMEDIES}.")
    for path, opener in ((folder / f"{name}.gz", gzip.open), (folder / name, open)):
        if path.is_file():
            try:
                with opener(path, "rb") as file:
                    return file.read()
            except EOFError as error:
                raise DataError(
                    f"{path} is truncated. Remedy: delete it, then {REMEDIES}."
                ) from error
            except (OSError, zlib.error) as error:
                raise DataError(
                    f"{path} cannot be read or decompressed ({error}). Remedy: delete it, then "
                    f"{REMEDIES}."
                ) from error
    raise DataError(f"{name}.gz is missing in {folder}. Remedy: {REMEDIES}.")


def _verify(content, name, folder):
    digest = hashlib.sha256(content).hexdigest()
    if digest == FASHION_MNIST_SHA256[name]:
        return
    for other, expected in FASHION_MNIST_SHA256.items():
        if digest == expected:
            raise DataError(
                f"{folder / name} holds the content of {other}: the files are swapped. Remedy: "
                "rename them, or fetch the data set again."
            )
    raise DataError(
        f"{folder / name} is not Fashion-MNIST's (its SHA-256 differs): it is altered, truncated "
        "or of another data set with the same file names, such as MNIST. Remedy: delete it, then "
        f"{REMEDIES}."
    )


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
