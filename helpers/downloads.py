"""Find the files of known data sets on this machine, or fetch them, and verify their content.

Whatever is found is accepted only if its SHA-256 is that of the published data set, so how it was
found can change no result: this module is no part of what a notebook's stamp follows.
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
from http.client import HTTPException
from pathlib import Path

import numpy as np

from helpers import settings
from helpers.settings import DataError

FILE_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
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
        return folder if self.name == settings.FASHION_MNIST else folder / self.name

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
        if self.name == settings.FASHION_MNIST:
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
    """Return the verified files of a known data set, fetching them first where they are not here.

    Looked for in this order: the folder that the set's environment variable names (and nowhere else
    when that is set), the system's folder, this project's cache, Keras' cache, a download, and
    Debian's package unpacked into the cache.

    Parameters
    ----------
    name : str
        A key of `KNOWN`.

    Returns
    -------
    contents : list of bytes
        The four files, decompressed, in the order of `FILE_NAMES`.
    source : str
        Where they were found.

    Raises
    ------
    DataError
        If no place has the files, or those that were found are not the published ones; the message
        names the file, what is wrong and the remedy.
    """
    known = KNOWN[name]
    chosen = settings.data_folder(name)
    if chosen is not None:
        return _verified(known, chosen), str(chosen)
    problems = []
    for places in (_local_places, _downloaded, _unpacked):
        for place in places(known, problems):
            try:
                return _verified(known, place), str(place)
            except DataError as error:
                if place.exists():
                    problems.append(str(error))
    reasons = f" (tried: {'; '.join(problems)})" if problems else ""
    raise DataError(
        f"{known.title} was not found on this machine{reasons}. Remedy: {known.remedies}."
    )


def holds_idx(folder):
    """Say whether a folder holds at least one of the four files, compressed or not."""
    return any((folder / f"{name}{end}").is_file() for name in FILE_NAMES for end in ("", ".gz"))


def read(folder, name, remedies):
    """Read one of the four files, compressed or not.

    Parameters
    ----------
    folder : pathlib.Path
    name : str
        One of `FILE_NAMES`.
    remedies : str
        What a reader can do who lacks the file.

    Returns
    -------
    content : bytes
        Decompressed.
    path : pathlib.Path
        The file it was read from.

    Raises
    ------
    DataError
        If the file is missing or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"The folder {folder} does not exist. Remedy: {remedies}.")
    for path, opener in ((folder / f"{name}.gz", gzip.open), (folder / name, open)):
        if path.is_file():
            try:
                with opener(path, "rb") as file:
                    return file.read(), path
            except EOFError as error:
                raise DataError(
                    f"{path} is truncated. Remedy: delete it, then {remedies}."
                ) from error
            except (OSError, zlib.error) as error:
                raise DataError(
                    f"{path} cannot be read or decompressed ({error}). Remedy: delete it, then "
                    f"{remedies}."
                ) from error
    raise DataError(f"{name}.gz is missing in {folder}. Remedy: {remedies}.")


def _verified(known, place):
    """Return the contents of a place, a folder or one of Keras' .npz files, if they are genuine."""
    if place.suffix == ".npz":
        contents = _read_npz(known, place)
        for name, content in zip(FILE_NAMES, contents, strict=True):
            _verify(known, hashlib.sha256(content).hexdigest(), name, place)
        return contents
    contents = []
    for name in FILE_NAMES:
        content, path = read(place, name, known.remedies)
        if known.compressed and path.suffix != ".gz":
            raise DataError(
                f"{path} cannot be verified, as digests of {known.title} are published for its "
                f"compressed files alone. Remedy: {known.remedies}."
            )
        examined = path.read_bytes() if known.compressed else content
        _verify(known, hashlib.sha256(examined).hexdigest(), name, path)
        contents.append(content)
    return contents


def _verify(known, digest, name, path):
    if digest == known.sha256[name]:
        return
    for other, expected in known.sha256.items():
        if digest == expected:
            raise DataError(
                f"{path} holds the content of {other}: the files are swapped. Remedy: "
                "rename them, or fetch the data set again."
            )
    raise DataError(
        f"{path} is not {known.title}'s {name} (its SHA-256 differs): it is altered, truncated or "
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


def _local_places(known, problems):
    keras = [Path.home() / ".keras" / "datasets" / known.keras] if known.keras else []
    return [known.system, known.cache, *keras]


def _downloaded(known, problems):
    """Yield the cache once for every address that all four files could be fetched from."""
    for address in known.addresses:
        try:
            known.cache.mkdir(parents=True, exist_ok=True)
            for name in FILE_NAMES:
                _download(f"{address}{name}.gz", known.cache / f"{name}.gz")
        except (OSError, HTTPException) as error:
            problems.append(f"the download from {address} failed ({error})")
        else:
            yield known.cache


def _download(address, target):
    partial = target.with_name(target.name + ".part")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
            with open(partial, "wb") as file:
                shutil.copyfileobj(response, file)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _unpacked(known, problems):
    """Return the cache, filled from Debian's package, where that can be fetched."""
    if not (known.package and shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return ()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            _run(["apt-get", "download", "-qq", known.package], scratch)
            (package,) = Path(scratch).glob("*.deb")
            _run(["dpkg-deb", "-x", str(package), "unpacked"], scratch)
            unpacked = Path(scratch) / "unpacked" / known.system.relative_to("/")
            known.cache.mkdir(parents=True, exist_ok=True)
            for name in FILE_NAMES:
                shutil.copyfile(unpacked / f"{name}.gz", known.cache / f"{name}.gz")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problems.append(f"Debian's package could not be fetched ({type(error).__name__})")
            return ()
    return (known.cache,)


def _run(command, folder):
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
