"""Data: what is found is verified, what is wrong is named, and splits do not leak."""

import dataclasses
import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import data, downloads, folders, settings

FIRST_FILE = "train-images-idx3-ubyte.gz"
PLACES = [downloads.FASHION_MNIST.system, downloads.FASHION_MNIST.cache, settings.data_folder()]
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
    for name in settings.DATA_SETS:
        monkeypatch.delenv(settings.folder_variable(name), raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setattr(Path, "home", lambda: home)
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
    with pytest.raises(data.DataError, match="'fashion'.*fashion_mnist.*from_folder"):
        data.load("fashion")


@pytest.mark.parametrize("name", settings.DATA_SETS)
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


# The other known data sets.


def test_digests_are_of_different_files():
    digests = [digest for known in downloads.KNOWN.values() for digest in known.sha256.values()]
    assert len(set(digests)) == 12
    assert all(len(digest) == 64 and int(digest, 16) for digest in digests)
    assert all(tuple(known.sha256) == downloads.FILE_NAMES for known in downloads.KNOWN.values())
    assert tuple(downloads.KNOWN) == settings.DATA_SETS


@pytest.mark.parametrize("spelling", ["Fashion-MNIST", "fashion-mnist", "fashion_mnist"])
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


# A reader's own images.


@pytest.fixture
def write_image(tmp_path):
    """Write an image of one shade under a name below `own`; returns its path."""

    def write(name, shade=100, size=(28, 28), mode="L", **options):
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size[::-1], shade).save(path, **options)
        return path

    return write


@pytest.fixture
def own(write_image, tmp_path):
    """A folder with the classes `a` and `b` in one part, ten images each."""
    for number in range(10):
        write_image(f"a/{number}.png", number)
        write_image(f"b/{number}.jpg", 100 + number, quality=100)
    return tmp_path / "own"


def test_class_folders_are_divided_always_alike(own):
    dataset, again = data.from_folder(own), data.from_folder(str(own))
    assert dataset.class_names == ("a", "b") and dataset.source == str(own)
    assert dataset.train.images.shape == (16, 28, 28)
    assert np.bincount(dataset.test.labels).tolist() == [2, 2]
    shades = np.concatenate([part.images[:, 0, 0] for part in (dataset.train, dataset.test)])
    assert sorted(shades.tolist()) == [*range(10), *range(100, 110)]
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert np.array_equal(labels, shades >= 100)
    assert np.array_equal(dataset.test.images, again.test.images)


def test_train_and_test_folders_are_kept(write_image, tmp_path):
    for part, shades in (("train", (1, 2, 3)), ("test", (4,))):
        for name in ("boot", "Shoe"):
            for shade in shades:
                write_image(f"{part}/{name}/{shade}.PNG", shade)
    dataset = data.from_folder(tmp_path / "own", class_names=["Stiefel", "Schuh"])
    assert dataset.class_names == ("Stiefel", "Schuh")
    assert dataset.train.images[:, 0, 0].tolist() == [1, 2, 3, 1, 2, 3]
    assert dataset.test.images[:, 5, 5].tolist() == [4, 4]
    assert dataset.test.labels.tolist() == [0, 1]
    with pytest.raises(data.DataError, match="has 2 classes but 3 names"):
        data.from_folder(tmp_path / "own", class_names="abc")


def test_images_become_grey_upright_and_opaque(own, write_image):
    write_image("a/0.png", (255, 0, 0), mode="RGB")
    write_image("a/1.png", (255, 255, 255, 0), mode="RGBA")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    picture = Image.new("L", (28, 28))
    picture.paste(255, (0, 0, 28, 14))
    picture.save(own / "a" / "2.jpg", exif=exif, quality=100)
    dataset = data.from_folder(own)
    images = np.concatenate([dataset.train.images, dataset.test.images])
    means = images.mean(axis=(1, 2))
    assert 76 in means, "red in grey"
    (turned,) = images[(images.min(axis=(1, 2)) < 5) & (images.max(axis=(1, 2)) > 250)]
    assert turned[:, 14:].min() > 250 and turned[:, :14].max() < 5
    assert not (images == 255).all(axis=(1, 2)).any(), "what is transparent is black"


def test_images_are_brought_to_a_size_on_request(own, write_image):
    path = write_image("b/large.png", 50, size=(60, 40))
    with pytest.raises(data.DataError) as error:
        data.from_folder(own)
    assert_clear(error, str(path), "60 × 40", "28 × 28", "size=(28, 28)")
    assert data.from_folder(own, size=(14, 20)).train.images.shape == (17, 14, 20)


def test_what_is_hidden_is_ignored(own):
    for name in ("a/.DS_Store", "a/Thumbs.db", ".git/config", "notes.txt"):
        (own / name).parent.mkdir(exist_ok=True)
        (own / name).write_text("nothing")
    assert data.from_folder(own).class_names == ("a", "b")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a/notes.txt", b"no image", "no PNG or JPEG"),
        ("a/new.gif", b"GIF89a", "no PNG or JPEG"),
        ("b/new.png", b"", "cannot be read"),
        ("b/new.jpg", b"<html>not found</html>", "cannot be read"),
    ],
)
def test_files_that_are_no_images_are_named(own, name, content, words):
    (own / name).write_bytes(content)
    with pytest.raises(data.DataError) as error:
        data.from_folder(own)
    assert_clear(error, str(own / name), words)


def test_truncated_images_are_named(own):
    path = own / "b" / "3.jpg"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(data.DataError, match=r"3\.jpg cannot be read as an image"):
        data.from_folder(own)


def test_animated_images_are_named(own):
    frames = [Image.new("L", (28, 28), shade) for shade in (0, 50)]
    frames[0].save(own / "a" / "moving.png", save_all=True, append_images=frames[1:])
    with pytest.raises(data.DataError, match=r"moving\.png is animated, with 2 frames: save one"):
        data.from_folder(own)


def test_images_of_sixteen_bits_are_named(own, write_image):
    write_image("a/deep.png", 1000, mode="I;16")
    with pytest.raises(data.DataError, match=r"deep\.png has pixels of the kind I;16: save it"):
        data.from_folder(own)


def test_huge_images_are_named(own, write_image, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    with pytest.raises(data.DataError, match=r"0\.png is too large"):
        data.from_folder(own)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    with pytest.raises(data.DataError, match=r"0\.png cannot be read"):
        data.from_folder(own)


def test_layouts_that_cannot_be_read_are_explained(own, tmp_path, write_image):
    with pytest.raises(data.DataError, match="nowhere does not exist"):
        data.from_folder(tmp_path / "nowhere")
    (tmp_path / "none").mkdir()
    with pytest.raises(data.DataError, match="holds 0 class folders.*one folder per class"):
        data.from_folder(tmp_path / "none")
    (own / "c").mkdir()
    with pytest.raises(data.DataError, match="c holds no images"):
        data.from_folder(own)
    write_image("c/1.png")
    with pytest.raises(data.DataError, match="a class of 1 images, too few.*train/ and test/"):
        data.from_folder(own)
    write_image("parted/train/a/1.png")
    write_image("parted/test/b/1.png")
    with pytest.raises(data.DataError, match=r"class 'a' has no folder .*parted/test/a"):
        data.from_folder(own / "parted")


def test_idx_files_of_any_data_load_too(tmp_path, contents):
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    dataset = data.from_folder(tmp_path)
    assert dataset.class_names == tuple("0123456789")
    assert np.array_equal(dataset.test.labels, np.arange(20) % 10)
    assert data.from_folder(tmp_path, size=(14, 14)).test.images.shape == (20, 14, 14)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"abcdefgh")
    with pytest.raises(data.DataError, match="not an IDX file"):
        data.from_folder(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    with pytest.raises(data.DataError, match="train-images-idx3-ubyte.gz is missing.*all four"):
        data.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("train-labels-idx1-ubyte", np.zeros((40, 10)), r"train-labels.*\(40, 10\).*no labels"),
        ("train-images-idx3-ubyte", np.zeros((40, 784)), r"train-images.*\(40, 784\).*no images"),
        ("t10k-images-idx3-ubyte", np.zeros((0, 28, 28)), "t10k-images.*no images"),
        ("t10k-labels-idx1-ubyte", np.zeros(19), "t10k-images has 20 images but t10k-labels 19"),
        ("t10k-images-idx3-ubyte", np.zeros((20, 14, 14)), "equally large, or pass a size"),
    ],
)
def test_idx_files_of_wrong_shape_are_named(tmp_path, contents, name, array, words):
    for each, content in (contents | {name: idx(array)}).items():
        (tmp_path / each).write_bytes(content)
    with pytest.raises(data.DataError, match=words):
        data.from_folder(tmp_path)


@pytest.fixture
def ten_classes(write_image, tmp_path):
    """A folder of ten classes in sizes of their own, ten images each."""
    for label in range(10):
        for number in range(10):
            write_image(f"{label}/{number}.png", number, size=(20 + label, 30))
    return tmp_path / "own"


def test_profiles_follow_the_chosen_folder(ten_classes, monkeypatch):
    monkeypatch.setenv("FASHION_DATA_SET", str(ten_classes))
    for profile in settings.PROFILES:
        monkeypatch.setenv("FASHION_PROFILE", profile)
        dataset = data.load_profile()
        assert (len(dataset.train), len(dataset.test)) == (80, 20), "few images are all taken"
        assert dataset.train.images.shape[1:] == (28, 28)
        assert dataset.source == str(ten_classes)
    monkeypatch.setattr(data, "FEWEST_IMAGES", {"train": 20, "test": 10})
    sizes = {}
    for profile in settings.PROFILES:
        monkeypatch.setenv("FASHION_PROFILE", profile)
        sizes[profile] = len(data.load_profile().train), len(data.load_profile().test)
    assert sizes == {"smoke": (20, 10), "quick": (20, 10), "full": (80, 20)}


def test_profiles_follow_another_known_data_set(folder, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(folder))
    monkeypatch.setenv("FASHION_DATA_SET", "MNIST")
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    stand_in(monkeypatch, downloads.KNOWN["fashion_mnist"].sha256, "mnist")
    monkeypatch.setattr(data, "FEWEST_IMAGES", {"train": 20, "test": 10})
    dataset = data.load_profile()
    assert np.bincount(dataset.train.labels).tolist() == [2] * 10
    assert dataset.class_names == tuple("0123456789")
    assert dataset.source == f"{folder} (a stratified 50% of it)"


def test_a_second_view_in_a_photograph_is_no_animation(tmp_path):
    view = Image.new("L", (28, 28), 200)
    view.save(tmp_path / "photo.jpg", format="MPO", save_all=True, append_images=[view])
    assert folders.grey(tmp_path / "photo.jpg").size == (28, 28)


def test_a_file_cut_within_its_header_is_named(folder, monkeypatch):
    monkeypatch.setenv("FASHION_DATA_SET", str(folder))
    path = next(folder.glob("train-images*"))
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    path.write_bytes(gzip.compress(content[:9]) if path.suffix == ".gz" else content[:9])
    with pytest.raises(data.DataError, match="train-images.* ends within its header"):
        data.from_folder(folder)


def test_classes_are_counted_without_reading_images(own, tmp_path, contents):
    (own / "a" / "0.png").write_bytes(b"damaged")
    assert data.own_classes(own) == 2
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert data.own_classes(tmp_path) == 10


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
