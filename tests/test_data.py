"""Data: what is found is verified, what is wrong is named, and splits do not leak."""

import dataclasses
import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import data, settings
from helpers.sources import downloads

FIRST_FILE = "train-images-idx3-ubyte.gz"
PLACES = [downloads.FASHION_MNIST.system, downloads.FASHION_MNIST.cache, settings.data_folder()]
REAL_FOLDER = next((folder for folder in PLACES if folder and (folder / FIRST_FILE).exists()), None)
as_idx = downloads._idx
needs_real_files = pytest.mark.skipif(
    REAL_FOLDER is None, reason="the real Fashion-MNIST files are not on this machine"
)


@pytest.fixture(scope="module")
def contents():
    """Small files of the right form, as a data set of the same form would have them."""
    generator = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": as_idx(generator.integers(0, 256, (40, 28, 28))),
        "train-labels-idx1-ubyte": as_idx(np.arange(40) % 10),
        "t10k-images-idx3-ubyte": as_idx(generator.integers(0, 256, (20, 28, 28))),
        "t10k-labels-idx1-ubyte": as_idx(np.arange(20) % 10),
    }


@pytest.fixture
def folder(tmp_path, contents, monkeypatch):
    """A folder with verified files: the hashes of the small files stand in for the real ones."""
    for name, content in contents.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    stand_in(monkeypatch, {name: sha256(content) for name, content in contents.items()})
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path))
    return tmp_path


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def stand_in(monkeypatch, digests, name="fashion_mnist", **changes):
    """Let other digests, and other addresses where given, be those of a known data set."""
    known = dataclasses.replace(downloads.KNOWN[name], sha256=digests, **changes)
    monkeypatch.setitem(downloads.KNOWN, name, known)


@pytest.fixture
def empty_machine(tmp_path_factory, monkeypatch):
    """A home and a system without any data; returns the home."""
    home = tmp_path_factory.mktemp("home")
    for name in (*map(settings.folder_variable, downloads.KNOWN), "KERAS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setattr(downloads, "SYSTEM_FOLDER", home / "absent")
    monkeypatch.setattr(downloads.shutil, "which", lambda name: None)
    for known in list(downloads.KNOWN.values()):
        mirror = ((home / "mirror").as_uri() + "/",)
        monkeypatch.setitem(
            downloads.KNOWN, known.name, dataclasses.replace(known, addresses=mirror)
        )
    return home


def assert_clear(error, *words):
    message = str(error.value)
    assert all(word in message for word in words), message
    assert ": " in message, "what is wrong, a colon, and the remedy"


def test_load_returns_verified_arrays(folder, contents):
    dataset = data.load()
    assert dataset.train.images.shape == (40, 28, 28) and dataset.train.images.dtype == np.uint8
    assert dataset.test.labels.tolist() == [number % 10 for number in range(20)]
    assert dataset.class_names == data.CLASS_NAMES
    assert dataset.source == str(folder)


def test_uncompressed_files_load_too(folder, contents):
    for name, content in contents.items():
        (folder / f"{name}.gz").unlink()
        (folder / name).write_bytes(content)
    assert len(data.load().train) == 40


def test_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "t10k-labels-idx1-ubyte", str(folder), "missing", "Remedy")


def test_missing_folder_is_named(folder, monkeypatch):
    monkeypatch.setenv("FASHION_MNIST_DIR", str(folder / "nowhere"))
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "nowhere", "does not exist", "Remedy")


def test_truncated_file_is_named(folder):
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "train-images-idx3-ubyte.gz", "truncated", "Remedy")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x1f\x8bno gzip"])
def test_file_that_is_not_gzip_is_named(folder, content):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "train-labels-idx1-ubyte.gz", "Remedy")


def test_a_file_without_rights_is_named(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(data.DataError, match="ubyte.gz cannot be read .Permission denied.*rights"):
        data.load()


@pytest.mark.parametrize("position", [0.3, 0.6, 0.9])
def test_bit_flip_in_the_compressed_file_is_found(folder, position):
    path = folder / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[int(len(content) * position)] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "train-images-idx3-ubyte", "Remedy")


def test_bit_flip_in_the_content_is_found(folder, contents):
    name = "train-labels-idx1-ubyte"
    content = bytearray(contents[name])
    content[-1] ^= 1
    (folder / f"{name}.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, name, "SHA-256", "Remedy")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"),
        ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"),
    ],
)
def test_swapped_files_are_recognised(folder, contents, first, second):
    (folder / f"{first}.gz").write_bytes(gzip.compress(contents[second]))
    (folder / f"{second}.gz").write_bytes(gzip.compress(contents[first]))
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "swapped", first, second, "Remedy")


def test_another_data_set_under_the_same_names_is_refused(folder, contents):
    digits = np.random.default_rng(1).integers(0, 256, (40, 28, 28))
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(as_idx(digits)))
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "train-images-idx3-ubyte", "MNIST", "Remedy")


def test_unknown_data_set_is_named():
    with pytest.raises(data.DataError, match="'fashion'.*fashion_mnist.*from_folder"):
        data.load("fashion")


@pytest.mark.parametrize("name", downloads.KNOWN)
def test_nothing_found_says_what_was_tried(name, empty_machine):
    with pytest.raises(data.DataError) as error:
        data.load(name)
    assert_clear(error, "not found", "download", "failed", f"{name.upper()}_DIR", "Remedy")
    assert ("FASHION_PROFILE=smoke" in str(error.value)) == (name == "fashion_mnist")


def test_download_fills_the_cache(folder, empty_machine, monkeypatch):
    addresses = ((empty_machine / "nowhere").as_uri() + "/", folder.as_uri() + "/")
    stand_in(monkeypatch, downloads.KNOWN["fashion_mnist"].sha256, addresses=addresses)
    assert len(data.load().train) == 40
    assert sorted(path.name for path in settings.cache_folder().iterdir()) == sorted(
        f"{name}.gz" for name in downloads.FILE_NAMES
    )


def test_damaged_cache_is_replaced_by_a_download(folder, empty_machine, monkeypatch):
    stand_in(
        monkeypatch, downloads.KNOWN["fashion_mnist"].sha256, addresses=(folder.as_uri() + "/",)
    )
    settings.cache_folder().mkdir(parents=True)
    (settings.cache_folder() / "train-images-idx3-ubyte.gz").write_bytes(b"broken")
    assert len(data.load().test) == 20


@pytest.fixture
def mirror(folder, empty_machine, monkeypatch):
    """A machine that finds the data set at an address alone."""
    digests = downloads.KNOWN["fashion_mnist"].sha256
    stand_in(monkeypatch, digests, addresses=(folder.as_uri() + "/",))
    return folder


def test_two_that_download_at_once_both_succeed(mirror, monkeypatch):
    """The second starts and ends while the first is between its download and its writing."""
    write, loaded = downloads.files.write, []

    def write_late(*arguments):
        monkeypatch.setattr(downloads.files, "write", write)
        loaded.append(data.load())
        write(*arguments)

    monkeypatch.setattr(downloads.files, "write", write_late)
    assert len(data.load().train) == len(loaded[0].train) == 40
    assert sorted(path.name for path in settings.cache_folder().iterdir()) == sorted(
        f"{name}.gz" for name in downloads.FILE_NAMES
    ), "nothing half written is left"


def test_a_cache_that_cannot_be_written_is_no_failed_download(mirror, capsys):
    settings.cache_folder().parent.write_text("a file where a folder should be")
    dataset = data.load()
    assert len(dataset.train) == 40 and dataset.source == mirror.as_uri() + "/"
    words = capsys.readouterr().err
    assert "could not be written" in words and "used all the same" in words
    assert words.count("\n") == 1 and "internet" not in words


def test_what_is_downloaded_is_verified_before_it_is_kept(mirror):
    (mirror / "t10k-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(b"a page of a hotel's network")
    )
    with pytest.raises(data.DataError, match="not found.*t10k-images.*SHA-256 differs"):
        data.load()
    assert not settings.cache_folder().exists()


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "USERPROFILE"])
@pytest.mark.parametrize("value", [None, "", "relative", "~unknown-user"])
def test_there_is_a_cache_folder_without_a_home(variable, value, empty_machine, monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "USERPROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "pwd", None)  # where the user's number has no entry
    if value is not None:
        monkeypatch.setenv(variable, value)
    assert settings.cache_folder().is_absolute()
    if variable != "HOME" or value is None:
        assert settings.cache_folder().is_relative_to(settings.OUTPUTS)
    assert settings.keras_folder().name == ".keras"


def test_a_data_folder_in_an_unknown_home_is_named(monkeypatch):
    monkeypatch.setenv("FASHION_MNIST_DIR", "~unknown-user/data")
    with pytest.raises(data.DataError, match="~unknown-user/data does not exist"):
        data.load()


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name,
        lambda name: name.replace("-idx", ".idx"),
        lambda name: f"raw/FashionMNIST/{name}",
        lambda name: f"{name} (1).gz",
    ],
)
def test_files_of_other_names_load_too(folder, contents, rename):
    for name, content in contents.items():
        (folder / f"{name}.gz").unlink()
        target = folder / rename(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(content) if target.suffix == ".gz" else content)
    assert len(data.load().train) == 40


# The other known data sets.


def test_digests_are_of_different_files():
    digests = [digest for known in downloads.KNOWN.values() for digest in known.sha256.values()]
    assert len(set(digests)) == 12
    assert all(len(digest) == 64 and int(digest, 16) for digest in digests)
    assert all(tuple(known.sha256) == downloads.FILE_NAMES for known in downloads.KNOWN.values())


@pytest.mark.parametrize(
    "spelling",
    ["Fashion-MNIST", "fashion mnist", "fashion_mnist", "FashionMNIST", " FASHION-Mnist"],
)
def test_spellings(folder, spelling):
    assert len(data.load(spelling).train) == 40


def test_mnist_has_a_folder_digests_and_class_names_of_its_own(
    folder, contents, monkeypatch, tmp_path_factory
):
    monkeypatch.setenv("MNIST_DIR", str(folder))
    with pytest.raises(data.DataError, match="is not MNIST's train-images.*MNIST_DIR"):
        data.load("mnist")
    stand_in(monkeypatch, downloads.KNOWN["fashion_mnist"].sha256, "mnist")
    dataset = data.load("mnist")
    assert dataset.class_names == tuple("0123456789") and len(dataset.test) == 20


def keras_file(home, contents, **changes):
    arrays = {
        key: data._parse_idx(contents[name], name)
        for key, name in zip(downloads.NPZ_NAMES, downloads.FILE_NAMES, strict=True)
    }
    path = home / ".keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    np.savez_compressed(path, **(arrays | changes))
    return path


def test_mnist_is_read_from_the_cache_of_keras(contents, empty_machine, monkeypatch):
    digests = {name: sha256(content) for name, content in contents.items()}
    stand_in(monkeypatch, digests, "mnist")
    path = keras_file(empty_machine, contents)
    dataset = data.load("mnist")
    assert dataset.source == str(path)
    assert np.array_equal(
        dataset.train.images, data._parse_idx(contents[downloads.FILE_NAMES[0]], "")
    )


def test_an_altered_cache_of_keras_is_refused(contents, empty_machine, monkeypatch):
    stand_in(monkeypatch, {name: sha256(content) for name, content in contents.items()}, "mnist")
    keras_file(empty_machine, contents, y_test=np.zeros(20, np.uint8))
    with pytest.raises(data.DataError, match="mnist.npz is not MNIST's t10k-labels"):
        data.load("mnist")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_cache_of_keras_is_named(empty_machine, content):
    path = empty_machine / ".keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(data.DataError, match="mnist.npz cannot be read"):
        data.load("mnist")


def test_the_folder_of_keras_is_where_keras_says(contents, empty_machine, monkeypatch):
    stand_in(monkeypatch, {name: sha256(content) for name, content in contents.items()}, "mnist")
    path = keras_file(empty_machine, contents)
    path.parent.parent.rename(empty_machine / "elsewhere")
    with pytest.raises(data.DataError, match="MNIST was not found"):
        data.load("mnist")
    monkeypatch.setenv("KERAS_HOME", str(empty_machine / "elsewhere"))
    assert data.load("mnist").source == str(empty_machine / "elsewhere" / "datasets" / "mnist.npz")


def test_kmnist_is_verified_by_its_compressed_files(folder, contents, monkeypatch):
    monkeypatch.setenv("KMNIST_DIR", str(folder))
    files = {name: (folder / f"{name}.gz").read_bytes() for name in contents}
    stand_in(monkeypatch, {name: sha256(content) for name, content in files.items()}, "kmnist")
    assert data.load("kmnist").class_names[:3] == ("o", "ki", "su")
    name = "t10k-labels-idx1-ubyte"
    (folder / f"{name}.gz").write_bytes(gzip.compress(contents[name], compresslevel=1))
    with pytest.raises(data.DataError, match="is not KMNIST's t10k-labels"):
        data.load("kmnist")
    (folder / f"{name}.gz").unlink()
    (folder / name).write_bytes(contents[name])
    with pytest.raises(data.DataError, match="ubyte cannot be verified.*compressed files alone"):
        data.load("kmnist")


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((3, 28, 28), np.float32), np.zeros(3, np.uint8), "float32"),
        (np.zeros((3, 784), np.uint8), np.zeros(3, np.uint8), r"\(3, 784\)"),
        (np.zeros((3, 8, 8, 1), np.uint8), np.zeros(3, np.uint8), r"\(3, 8, 8, 1\)"),
        (np.zeros((3, 3, 8, 8), np.uint8), np.zeros(3, np.uint8), "in colour"),
        ([[0]], np.zeros(1, np.uint8), "list"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(4, np.uint8), "3 images but 4 labels"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(3), "float64"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros((3, 10), np.uint8), r"\(3, 10\)"),
    ],
)
def test_wrong_arrays_are_refused(images, labels, words):
    with pytest.raises(data.DataError, match=words):
        data.LabelledImages(images, labels)


def test_images_in_colour_are_taken_and_split():
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), np.uint8)
    labelled = data.LabelledImages(images, (np.arange(20) % 2).astype(np.uint8))
    training, validation = data.split(labelled)
    assert training.images.shape == (16, 4, 4, 3) and validation.images.shape == (4, 4, 4, 3)
    doubled = np.concatenate([images[:2], images[1:2]])
    assert data.near_duplicates(doubled, least_similarity=0.9999)["second"].tolist() == [2]


def test_sample_is_stratified_and_small():
    sample = data.load_sample()
    assert np.bincount(sample.train.labels).tolist() == [200] * 10
    assert np.bincount(sample.test.labels).tolist() == [100] * 10
    assert data.SAMPLE_FILE.stat().st_size < 2_000_000


def test_damaged_sample_names_the_remedy(tmp_path, monkeypatch):
    broken = tmp_path / "sample.npz"
    broken.write_bytes(data.SAMPLE_FILE.read_bytes()[:1000])
    monkeypatch.setattr(data, "SAMPLE_FILE", broken)
    with pytest.raises(data.DataError, match="git checkout"):
        data.load_sample()


def test_split_is_disjoint_stratified_and_repeatable():
    train = data.load_sample().train
    marked = data.LabelledImages(train.images, train.labels)
    training, validation = data.split(marked)
    again, _ = data.split(marked)
    assert (len(training), len(validation)) == (1600, 400)
    assert np.bincount(training.labels).tolist() == [160] * 10
    assert np.array_equal(training.images, again.images)
    chosen = data.stratified_indices(train.labels, 0.2)
    assert len(np.unique(chosen)) == 400
    assert np.array_equal(validation.images, train.images[chosen])
    assert np.array_equal(training.images, np.delete(train.images, chosen, axis=0))
    assert not np.array_equal(chosen, data.stratified_indices(train.labels, 0.2, seed=1))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 1e-9])
def test_split_refuses_an_empty_part(fraction):
    with pytest.raises(data.DataError, match="validation_fraction"):
        data.split(data.load_sample().train, fraction)


def test_split_does_not_depend_on_the_seed_of_the_run(monkeypatch):
    train = data.load_sample().train
    first, _ = data.split(train)
    monkeypatch.setenv("FASHION_SEED", "7")
    second, _ = data.split(train)
    assert np.array_equal(first.images, second.images)


def test_near_duplicates_within_and_across():
    generator = np.random.default_rng(0)
    images = generator.integers(0, 200, (30, 28, 28)).astype(np.uint8)
    images[17] = images[4]
    images[9] = images[2] + 20
    table = data.near_duplicates(images, block=8)
    assert {tuple(row) for row in table[["first", "second"]].to_numpy()} == {(4, 17), (2, 9)}
    assert table["similarity"].to_numpy() == pytest.approx([1.0, 1.0], abs=1e-5)
    across = data.near_duplicates(images[:5], images[10:], block=2)
    assert across[["first", "second"]].to_numpy().tolist() == [[4, 7]]


def test_profiles_choose_the_images(folder, monkeypatch):
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    assert len(data.load_profile().train) == 2000
    monkeypatch.setenv("FASHION_PROFILE", "quick")
    monkeypatch.setattr(data, "FEWEST_IMAGES", {"train": 1, "test": 1})
    monkeypatch.setitem(settings.IMAGE_SHARE, "quick", 0.25)
    quick = data.load_profile()
    assert np.bincount(quick.train.labels).tolist() == [1] * 10
    assert len(quick.test) == 0, "a quarter of two images is less than one"
    assert "25%" in quick.source
    monkeypatch.setenv("FASHION_PROFILE", "full")
    assert len(data.load_profile().train) == 40


@needs_real_files
def test_real_files_load_and_hold_the_sample(monkeypatch):
    monkeypatch.setenv("FASHION_MNIST_DIR", str(REAL_FOLDER))
    dataset = data.load()
    assert np.bincount(dataset.train.labels).tolist() == [6000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    sample = data.load_sample()
    train = dataset.train.take(data.stratified_indices(dataset.train.labels, 1 / 30))
    test = dataset.test.take(data.stratified_indices(dataset.test.labels, 1 / 10))
    assert np.array_equal(sample.train.images, train.images)
    assert np.array_equal(sample.train.labels, train.labels)
    assert np.array_equal(sample.test.images, test.images)


def test_data_does_not_import_tensorflow():
    program = "import sys, helpers.data; sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=settings.REPOSITORY).returncode == 0
