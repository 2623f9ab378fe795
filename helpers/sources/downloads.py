"""Find the files of known data sets on this machine, or fetch them, and verify their content.

Whatever is found is accepted only if its SHA-256 is that of the published data set, so how it was
found can change no result: this module is no part of what a notebook's stamp follows.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np

from helpers import files, settings
from helpers.settings import DataError
from helpers.sources import idx

FILE_NAMES = idx.FILE_NAMES
NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")  # in the order of FILE_NAMES
SYSTEM_FOLDER = Path("/usr/share/datasets")
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class KnownSet:
    """Where a data set may be found, and what its files must be.

    `sha256` is of the decompressed files, as compression may differ between mirrors and the content
    may not. Where `compressed` is true, only digests of the .gz files are known, and only those are
    accepted. `keras` is the file or folder in Keras' cache, `package` Debian's.
    """

    name: str
    title: str
    sha256: dict
    addresses: tuple
    compressed: bool = False
    keras: str = ""
    package: str = ""

    @property
    def cache(self):
        """The folder that keeps the files which were fetched, a `pathlib.Path`."""
        folder = settings.cache_folder()
        return folder if self.name == FASHION_MNIST.name else folder / self.name

    @property
    def system(self):
        """The folder that the system's package fills, a `pathlib.Path`."""
        return SYSTEM_FOLDER / self.name.replace("_", "-")

    @property
    def remedies(self):
        """What a reader can do who lacks the files, as the end of a sentence."""
        ways = [
            f"put the four .gz files into a folder and set {settings.folder_variable(self.name)} "
            "to it",
            "connect to the internet and run again",
        ]
        if self.package:
            ways.insert(0, f"install Debian's package {self.package}")
        if self.name == FASHION_MNIST.name:
            ways.append("set FASHION_PROFILE=smoke to use the embedded sample")
        return "; or ".join(ways)


FASHION_MNIST = KnownSet(
    "fashion_mnist",
    "Fashion-MNIST",
    dict(
        zip(
            FILE_NAMES,
            (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            strict=True,
        )
    ),
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",),
    keras="fashion-mnist",
    package="dataset-fashion-mnist",
)
# Several projects that publish digests of the decompressed files agree on these four.
MNIST = KnownSet(
    "mnist",
    "MNIST",
    dict(
        zip(
            FILE_NAMES,
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            strict=True,
        )
    ),
    (
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    keras="mnist.npz",
)
# Of the compressed files, as TensorFlow Datasets (url_checksums/kmnist.txt) and others state them;
# no digest of the decompressed ones is published.
KMNIST = KnownSet(
    "kmnist",
    "KMNIST",
    dict(
        zip(
            FILE_NAMES,
            (
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
            strict=True,
        )
    ),
    (
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
    compressed=True,
)
KNOWN = {known.name: known for known in (FASHION_MNIST, MNIST, KMNIST)}


def find(name):
    """Return the four verified files of a known data set, fetched first where they are not here.

    Looked for in this order: the folder that the set's environment variable names (and nowhere else
    when that is set), the system's folder, this project's cache, Keras' cache, a download, and
    Debian's package unpacked into the cache. Returns the contents, decompressed, in the order of
    `FILE_NAMES`, and where they were found. Raises DataError if no place has the files, or they are
    not the published ones; the message names the file, what is wrong and the remedy.
    """
    known = KNOWN[name]
    chosen = settings.data_folder(name)
    if chosen is not None:
        place = idx.locate(chosen)[0] if os.path.isdir(chosen) else chosen
        return _verified(known, place), str(chosen)
    problems = []
    for place in _local_places(known):
        try:
            return _verified(known, place), str(place)
        except DataError as error:
            if os.path.exists(place):
                problems.append(str(error))
    for fetched, source in _fetched(known, problems):
        try:
            contents = [
                _genuine(known, name, stored, f"{source}{name}.gz")
                for name, stored in zip(FILE_NAMES, fetched, strict=True)
            ]
        except DataError as error:
            problems.append(str(error))
        else:
            return contents, str(known.cache) if _kept(known, fetched) else source
    reasons = f" (tried: {'; '.join(problems)})" if problems else ""
    raise DataError(
        f"{known.title} was not found on this machine{reasons}. Remedy: {known.remedies}."
    )


def _local_places(known):
    """Return the folders of this machine that may hold a data set, and Keras' .npz file of it."""
    keras = [settings.keras_folder() / "datasets" / known.keras] if known.keras else []
    return [known.system, known.cache, *keras]


def _verified(known, place):
    """Return the contents of a place, a folder or one of Keras' .npz files, if they are genuine."""
    if place.suffix == ".npz":
        contents = _read_npz(known, place)
        for name, content in zip(FILE_NAMES, contents, strict=True):
            _verify(known, content, name, place)
        return contents
    if not os.path.isdir(place):
        raise DataError(f"The folder {place} does not exist. Remedy: {known.remedies}.")
    found = idx.find(place)
    for name in FILE_NAMES:
        if name not in found:
            raise DataError(f"{name}.gz is missing in {place}. Remedy: {known.remedies}.")
    return [
        _genuine(known, name, idx.stored(found[name], known.remedies), found[name])
        for name in FILE_NAMES
    ]


def _genuine(known, name, stored, place):
    """Return the content of a file, decompressed, if it is the published one."""
    if known.compressed and not stored.startswith(idx.GZIP):
        raise DataError(
            f"{place} cannot be verified, as digests of {known.title} are published for its "
            f"compressed files alone. Remedy: {known.remedies}."
        )
    content = idx.decompressed(stored, place, known.remedies)
    _verify(known, stored if known.compressed else content, name, place)
    return content


def _verify(known, examined, name, place):
    digest = hashlib.sha256(examined).hexdigest()
    if digest == known.sha256[name]:
        return
    for other, expected in known.sha256.items():
        if digest == expected:
            raise DataError(
                f"{place} holds the content of {other}: the files are swapped. Remedy: "
                "rename them, or fetch the data set again."
            )
    raise DataError(
        f"{place} is not {known.title}'s {name} (its SHA-256 differs): it is altered, truncated or "
        "of another data set whose files have the same names. Remedy: delete it, then "
        f"{known.remedies}."
    )


def _read_npz(known, path):
    """Return the arrays of an .npz file of Keras as the IDX files that they were made from."""
    try:
        with np.load(path) as stored:
            return [_idx(stored[name]) for name in NPZ_NAMES]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read ({error}). Remedy: delete it, then {known.remedies}."
        ) from error


def _idx(array):
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def _fetched(known, problems):
    """Yield the four compressed files from each place that has them, and the place's address."""
    for address in known.addresses:
        try:
            yield [_download(f"{address}{name}.gz") for name in FILE_NAMES], address
        except (OSError, HTTPException) as error:
            problems.append(f"the download from {address} failed ({error})")
    if known.package and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        try:
            yield _unpacked(known), f"Debian's package {known.package}, "
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problems.append(f"Debian's package could not be fetched ({type(error).__name__})")


def _download(address):
    with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
        return response.read()


def _unpacked(known):
    """Return the four compressed files of Debian's package."""
    with tempfile.TemporaryDirectory() as scratch:
        _run(["apt-get", "download", "-qq", known.package], scratch)
        (package,) = Path(scratch).glob("*.deb")
        _run(["dpkg-deb", "-x", str(package), "unpacked"], scratch)
        unpacked = Path(scratch) / "unpacked" / known.system.relative_to("/")
        return [(unpacked / f"{name}.gz").read_bytes() for name in FILE_NAMES]


def _run(command, folder):
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)


def _kept(known, fetched):
    """Keep verified files in the cache for the next time, and say where that cannot be."""
    try:
        for name, stored in zip(FILE_NAMES, fetched, strict=True):
            remedy = f"{known.title} is used all the same, and will be fetched again next time."
            files.write(known.cache / f"{name}.gz", stored, remedy)
    except settings.UserError as error:
        print(error, file=sys.stderr)
        return False
    return True
