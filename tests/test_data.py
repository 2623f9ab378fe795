"""Data: what is found is verified, what is wrong is named, and splits do not leak."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import data, settings

FIRST_FILE = "train-images-idx3-ubyte.gz"
PLACES = [data.DEBIAN_FOLDER, settings.cache_folder(), settings.data_folder()]
REAL_FOLDER = next((folder for folder in PLACES if folder and (folder / FIRST_FILE).exists()), None)
needs_real_files = pytest.mark.skipif(
    REAL_FOLDER is None, reason="the real Fashion-MNIST files are not on this machine"
)


def idx(array):
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture(scope="module")
def contents():
    """Small files of the right form, as a data set of the same form would have them."""
    generator = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": idx(generator.integers(0, 256, (40, 28, 28))),
        "train-labels-idx1-ubyte": idx(np.arange(40) % 10),
        "t10k-images-idx3-ubyte": idx(generator.integers(0, 256, (20, 28, 28))),
        "t10k-labels-idx1-ubyte": idx(np.arange(20) % 10),
    }


@pytest.fixture
def folder(tmp_path, contents, monkeypatch):
    """A folder with verified files: the hashes of the small files stand in for the real ones."""
    import hashlib

    for name, content in contents.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(data, "FASHION_MNIST_SHA256", hashes)
    monkeypatch.setenv("FASHION_MNIST_DIR", str(tmp_path))
    return tmp_path


def assert_clear(error, *words):
    message = str(error.value)
    assert all(word in message for word in words), message
    assert "Remedy" in message or ":" in message


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


def test_file_that_is_not_gzip_is_named(folder):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"<html>not found</html>")
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "train-labels-idx1-ubyte.gz", "cannot be read", "Remedy")


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
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(digits)))
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "train-images-idx3-ubyte", "MNIST", "Remedy")


def test_unknown_data_set_is_named():
    with pytest.raises(data.DataError, match="'fashion'.*fashion_mnist.*load_folder"):
        data.load("fashion")


def test_nothing_found_says_what_was_tried(tmp_path, monkeypatch):
    monkeypatch.delenv("FASHION_MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "absent")
    monkeypatch.setattr(data, "DOWNLOAD_ADDRESS", (tmp_path / "mirror").as_uri() + "/")
    monkeypatch.setattr(data.shutil, "which", lambda name: None)
    with pytest.raises(data.DataError) as error:
        data.load()
    assert_clear(error, "not found", "download failed", "FASHION_PROFILE=smoke", "Remedy")


def test_download_fills_the_cache(folder, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.delenv("FASHION_MNIST_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(data, "DEBIAN_FOLDER", home / "absent")
    monkeypatch.setattr(data, "DOWNLOAD_ADDRESS", folder.as_uri() + "/")
    assert len(data.load().train) == 40
    assert sorted(path.name for path in settings.cache_folder().iterdir()) == sorted(
        f"{name}.gz" for name in data.FILE_NAMES
    )


def test_damaged_cache_is_replaced_by_a_download(folder, tmp_path_factory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.delenv("FASHION_MNIST_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(data, "DEBIAN_FOLDER", home / "absent")
    monkeypatch.setattr(data, "DOWNLOAD_ADDRESS", folder.as_uri() + "/")
    settings.cache_folder().mkdir(parents=True)
    (settings.cache_folder() / "train-images-idx3-ubyte.gz").write_bytes(b"broken")
    assert len(data.load().test) == 20


def test_load_folder_takes_other_data_of_the_same_form(tmp_path, contents):
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    dataset = data.load_folder(tmp_path)
    assert dataset.class_names == tuple("0123456789")
    with pytest.raises(data.DataError, match="does not exist"):
        data.load_folder(tmp_path / "nowhere")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"abcdefgh")
    with pytest.raises(data.DataError, match="not an IDX file"):
        data.load_folder(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (np.zeros((3, 28, 28), np.float32), np.zeros(3, np.uint8), "float32"),
        (np.zeros((3, 784), np.uint8), np.zeros(3, np.uint8), r"\(3, 784\)"),
        ([[0]], np.zeros(1, np.uint8), "list"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(4, np.uint8), "3 images but 4 labels"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(3), "float64"),
        (np.zeros((3, 28, 28), np.uint8), np.zeros((3, 10), np.uint8), r"\(3, 10\)"),
    ],
)
def test_wrong_arrays_are_refused(images, labels, words):
    with pytest.raises(data.DataError, match=words):
        data.LabelledImages(images, labels)


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
    quick = data.load_profile()
    assert np.bincount(quick.train.labels).tolist() == [1] * 10
    assert "20%" in quick.source
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
