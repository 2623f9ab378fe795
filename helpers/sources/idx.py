"""Find and read IDX files, the format of MNIST: an array of numbers behind a short header.

They are recognised under the names that downloads, unpacking and other projects give them, and
whether they are compressed is judged by their content.
"""

import gzip
import math
import re
import zlib

import numpy as np

from helpers.settings import DataError
from helpers.sources import folders

FILE_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
GZIP = b"\x1f\x8b"
TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
# What browsers, file managers and wget add to the name of a second copy.
COPY = re.compile(r" ?\(\d+\)| - copy|\.\d$")
NAME = re.compile(
    r"(?P<set>.*[-_. ])??(?P<part>train|training|t10k|test|testing)[-_. ]?(?P<kind>image|label)s?"
    r"([-_. ]?idx\d?)?([-_. ]?(ubyte|int|float))?"
)
DEEPEST = 5  # folders around the one that holds the files
WHOLE = "copy it again from where it came"


def find(folder):
    """Return which of the four files a folder holds: paths by the name of `FILE_NAMES`.

    A compressed file goes before an unpacked one, and the published name before any other. Raises
    DataError if the folder cannot be read, or holds files of several data sets.
    """
    sets = {}
    for path in folders.entries(folder):
        name, own_set = _role(path.name)
        if name and path.is_dir():  # as some archives wrap each file in a folder of its name
            inner = [each for each in folders.entries(path) if _role(each.name)[0] == name]
            path = inner[0] if inner else path
        if name and path.is_file():
            sets.setdefault(own_set, {}).setdefault(name, []).append(path)
    if len(sets) > 1 and None not in sets:
        raise DataError(
            f"{folder} holds files of several data sets, {' and '.join(map(repr, sets))}: move "
            "those of one into a folder of their own."
        )
    found = sets.get(None) or next(iter(sets.values()), {})
    return {name: min(paths, key=_rank) for name, paths in found.items()}


def locate(folder):
    """Return the folder that holds IDX files or class folders, and the IDX files there, as `find`.

    Folders that hold nothing but that one are looked through, as archives leave them.
    """
    for _ in range(DEEPEST):
        files, within = find(folder), folders.inner(folder)
        if files or len(within) != 1 or not (find(within[0]) or folders.inner(within[0])):
            break
        folder = within[0]
    return folder, files


def _role(file_name):
    """Return which of `FILE_NAMES` a file is by its name, and the words before that."""
    plain = COPY.sub("", COPY.sub("", file_name.lower()).removesuffix(".gz"))
    match = NAME.fullmatch(plain)
    if not match:
        return None, None
    part = "train" if match["part"].startswith("train") else "t10k"
    return next(each for each in FILE_NAMES if f"{part}-{match['kind']}" in each), match["set"]


def _rank(path):
    packed = path.name.lower().endswith(".gz")
    return not packed, path.name.removesuffix(".gz") not in FILE_NAMES, path.name


def stored(path, remedy=WHOLE):
    """Return the bytes of a file as they are stored, or raise DataError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}). Remedy: mend its rights, or {remedy}."
        ) from error


def decompressed(content, place, remedy=WHOLE):
    """Return bytes, decompressed where they are compressed; `place` is for messages."""
    try:
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except EOFError as error:
        raise DataError(f"{place} is truncated. Remedy: delete it, then {remedy}.") from error
    except (OSError, zlib.error) as error:
        raise DataError(
            f"{place} cannot be decompressed ({error}). Remedy: delete it, then {remedy}."
        ) from error


def read(folder, files, size=None, colour=False, class_names=None):
    """Read the four files of a reader's own data set, as `find` returns them.

    Returns training images and labels, test images and labels, uint8, and the names of the classes.
    Labels count from 0, in the order of the numbers in the files, whichever these are; `size`,
    `colour` and `class_names` are as for `folders.read`. Raises DataError if a file is missing,
    damaged or of another form; the message names it and the remedy.
    """
    for name in FILE_NAMES:
        if name not in files:
            raise DataError(f"{name}.gz is missing in {folder}: put all four files there.")
    paths = [files[name] for name in FILE_NAMES]
    arrays = [parse(decompressed(stored(path), path), path) for path in paths]
    for place in (0, 2):
        images, labels = arrays[place : place + 2]
        arrays[place] = _images(images, paths[place])
        arrays[place + 1] = _labels(labels, paths[place + 1])
        if len(images) != len(labels):
            raise DataError(
                f"{paths[place]} has {len(images)} images but {paths[place + 1].name} "
                f"{len(labels)} labels: put two files there that belong together."
            )
    shapes = [images.shape[1:3] for images in arrays[::2]]
    if size is None and shapes[0] != shapes[1]:
        raise DataError(
            f"In {folder}, training images have {folders.words(shapes[0])} pixels and test images "
            f"{folders.words(shapes[1])}: make them equally large, or pass a size."
        )
    numbers = [np.unique(labels) for labels in arrays[1::2]]
    for number in np.setxor1d(*numbers):
        raise DataError(
            f"In {folder}, the label {number} stands among the labels of one part only, training "
            "or test: put images of every class into both."
        )
    names = folders.chosen_names([str(number) for number in numbers[0]], class_names, folder)
    arrays[1::2] = [np.searchsorted(numbers[0], each).astype(np.uint8) for each in arrays[1::2]]
    folders.check_counts(np.bincount(arrays[1]), names, paths[1], folders.FEWEST["train"])
    arrays[::2] = [folders.resized_stack(each, size, colour) for each in arrays[::2]]
    return arrays, names


def parse(content, path):
    """Return the array in the bytes of an IDX file, in the type of number that its header names.

    The header is two zero bytes, a type, the rank and that many sizes of four bytes. Raises
    DataError if the bytes are no whole IDX file.
    """
    kind = TYPES.get(content[2]) if len(content) >= 4 and content[:2] == b"\0\0" else None
    if kind is None:
        raise DataError(f"{path} is not an IDX file, whatever its name: {WHOLE}.")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise DataError(f"{path} ends within its header: {WHOLE}.")
    shape = tuple(int(each) for each in np.frombuffer(content[4:header], dtype=">u4"))
    expected = math.prod(shape) * np.dtype(kind).itemsize
    if len(content) - header != expected:
        raise DataError(
            f"{path} should hold {expected} bytes after its header but holds "
            f"{len(content) - header}, so it is truncated or damaged: {WHOLE}."
        )
    return np.frombuffer(content, dtype=kind, offset=header).reshape(shape)


def _images(array, path):
    """Return images as bytes, shape (N, height, width), and (N, height, width, 3) in colour."""
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3 and array.shape[3:] != (3,) or not array.size:
        raise DataError(
            f"{path} holds an array of shape {array.shape}, which are no images: put a file with "
            "(N, height, width) pixels there."
        )
    low, high = array.min(), array.max()
    if not (0 <= low and high <= 255 and high != 1) or _fractions(array):
        raise DataError(
            f"{path} holds pixels from {low:g} to {high:g}: store them as whole numbers from 0 "
            "(black) to 255."
        )
    return array.astype(np.uint8)


def _labels(array, path):
    """Return labels as whole numbers, shape (N,)."""
    if array.ndim == 0 or not array.size or array.size != len(array):
        raise DataError(
            f"{path} holds an array of shape {array.shape}, which are no labels: put a file with N "
            "labels there."
        )
    if _fractions(array):
        raise DataError(f"{path} holds fractions: number the classes with whole numbers.")
    return array.reshape(-1).astype(np.int64)


def _fractions(array):
    return array.dtype.kind == "f" and not (np.isfinite(array).all() and (array % 1 == 0).all())
