"""IDX files of one's own: found by all their names, read in all their types, or named."""

import gzip

import numpy as np
import pytest

from helpers import data
from helpers.sources import idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def stored(array, kind="u1"):
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, CODES[kind], array.ndim]) + sizes + array.astype(f">{kind}").tobytes()


@pytest.fixture
def arrays():
    """Forty training and twenty test images of ten classes, by the names of the files."""
    generator = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": generator.integers(0, 256, (40, 12, 10)),
        "train-labels-idx1-ubyte": np.arange(40) % 10,
        "t10k-images-idx3-ubyte": generator.integers(0, 256, (20, 12, 10)),
        "t10k-labels-idx1-ubyte": np.arange(20) % 10,
    }


def write(folder, arrays, rename=str, kind="u1"):
    for name, array in arrays.items():
        path = folder / rename(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        kind_here = kind if "labels" in name else "u1"
        content = stored(array, kind_here)
        path.write_bytes(gzip.compress(content) if ".gz" in path.name else content)
    return folder


def refused(folder, words, **options):
    with pytest.raises(data.DataError, match=words) as error:
        data.from_folder(folder, **options)
    assert ": " in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "rename",
    [
        str,
        "{}.gz".format,
        lambda name: name.replace("-idx", ".idx"),
        lambda name: name.replace("-idx", ".idx") + ".gz",
        lambda name: name.replace("-ubyte", ""),
        lambda name: name.replace("-idx3", "").replace("-idx1", ""),
        lambda name: name.replace("t10k", "test").upper(),
        lambda name: name.replace("t10k", "test").replace("train-", "training_"),
        lambda name: name.split("-idx")[0] + ".idx",
        lambda name: name.split("-idx")[0],
        "{} (1).gz".format,
        "{}.gz (2)".format,
        "{}(1)".format,
        "{} - Copy".format,
        "{}.gz.1".format,
        "emnist-letters-{}.gz".format,
        "emnist-letters-{}".format,
        "MNIST/raw/{}".format,
        lambda name: f"{name}/{name}",
        lambda name: f"{name.replace('-idx', '.idx')}/{name}",
    ],
)
def test_names_of_all_kinds(tmp_path, arrays, rename):
    dataset = data.from_folder(write(tmp_path, arrays, rename), size=None)
    assert np.array_equal(dataset.train.images, arrays["train-images-idx3-ubyte"])
    assert np.array_equal(dataset.test.labels, arrays["t10k-labels-idx1-ubyte"])
    assert dataset.class_names == tuple("0123456789") and dataset.source == str(tmp_path)


def test_the_published_name_goes_before_a_copy_and_one_set_before_another(tmp_path, arrays):
    write(tmp_path, arrays)
    write(tmp_path, {name: array[::-1] for name, array in arrays.items()}, "{} (1)".format)
    write(tmp_path, {name: array[::-1] for name, array in arrays.items()}, "emnist-{}".format)
    dataset = data.from_folder(tmp_path, size=None)
    assert np.array_equal(dataset.train.images, arrays["train-images-idx3-ubyte"])


def test_two_sets_in_one_folder_are_named(tmp_path, arrays):
    for name in ("emnist-letters-{}", "emnist-digits-{}"):
        write(tmp_path, arrays, name.format)
    refused(tmp_path, "several data sets, 'emnist-digits-' and 'emnist-letters-': move those")


def test_a_compressed_file_is_known_by_its_content(tmp_path, arrays):
    for name, array in arrays.items():
        (tmp_path / f"{name}.gz").write_bytes(stored(array))
    assert len(data.from_folder(tmp_path).train) == 40


def test_images_are_brought_to_a_size_and_to_colour(tmp_path, arrays):
    write(tmp_path, arrays)
    assert data.from_folder(tmp_path).test.images.shape == (20, 28, 28)
    found = data.from_folder(tmp_path, size=None, colour=True).test.images
    assert found.shape == (20, 12, 10, 3) and np.ptp(found, axis=3).max() == 0
    for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"):
        arrays[name] = np.stack([arrays[name], 0 * arrays[name], 0 * arrays[name]], axis=-1)
    write(tmp_path, arrays)
    found = data.from_folder(tmp_path, size=None, colour=True).test.images
    assert np.array_equal(found, arrays["t10k-images-idx3-ubyte"])
    grey = data.from_folder(tmp_path, size=None).test.images
    assert grey == pytest.approx(0.299 * arrays["t10k-images-idx3-ubyte"][..., 0], abs=1)


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_labels_in_every_type(tmp_path, arrays, kind):
    dataset = data.from_folder(write(tmp_path, arrays, kind=kind))
    assert dataset.train.labels.dtype == np.uint8
    assert np.array_equal(dataset.train.labels, arrays["train-labels-idx1-ubyte"])


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (lambda labels: labels + 1, "u1"),
        (lambda labels: 10 * labels, "u1"),
        (lambda labels: labels - 5, "i2"),
        (lambda labels: 1000 * labels, "i4"),
    ],
)
def test_labels_are_counted_from_nought_whatever_their_numbers(tmp_path, arrays, number, kind):
    for name in ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"):
        arrays[name] = number(arrays[name]).reshape(-1, 1)
    dataset = data.from_folder(write(tmp_path, arrays, kind=kind))
    assert np.array_equal(dataset.test.labels, np.arange(20) % 10)
    assert dataset.class_names == tuple(str(number(n)) for n in range(10))
    names = [f"class {n}" for n in range(10)]
    assert data.from_folder(tmp_path, class_names=names).class_names == tuple(names)
    refused(tmp_path, "has 10 classes .* pass a list", class_names=names[:9])


@pytest.mark.parametrize("kind", ["i2", "i4", "f4"])
def test_pixels_in_other_types(tmp_path, arrays, kind):
    write(tmp_path, arrays)
    name = "t10k-images-idx3-ubyte"
    (tmp_path / name).write_bytes(stored(arrays[name], kind))
    assert np.array_equal(data.from_folder(tmp_path, size=None).test.images, arrays[name])
    (tmp_path / name).write_bytes(stored(100 * arrays[name], kind))
    refused(tmp_path, "holds pixels from 0 to .*: store them as whole numbers from 0 .black.")


TRAIN, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST = "t10k-images-idx3-ubyte"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (LABELS, stored(np.zeros((40, 10))), r"train-labels.*\(40, 10\).*no labels"),
        (LABELS, stored(np.zeros(())), "train-labels.*no labels"),
        (LABELS, stored(np.arange(40) / 4, "f4"), "fractions: number the classes"),
        (LABELS, stored(np.full(40, np.nan), "f4"), "fractions"),
        (LABELS, stored(np.arange(40) % 9), "In .*the label 9 stands among .* one part only"),
        (LABELS, stored(np.arange(40)), "the label 10 stands among .* one part only"),
        (LABELS, stored(np.minimum(np.arange(40), 9)), "class '0' has 1 images, but 3 are needed"),
        (TRAIN, stored(np.zeros((40, 784))), r"train-images.*\(40, 784\).*no images"),
        (TRAIN, stored(np.zeros((40, 3, 12, 10))), "no images"),
        (TEST, stored(np.zeros((0, 12, 10))), "t10k-images.*no images"),
        (TEST, stored(np.ones((20, 12, 10))), "pixels from 1 to 1"),
        (TEST, stored(np.full((20, 12, 10), 0.5), "f4"), "pixels from 0.5 to 0.5: store them"),
        (TEST, stored(np.full((20, 12, 10), np.nan), "f4"), "pixels from nan"),
        (TEST, stored(np.zeros((19, 12, 10))), "has 19 images but t10k-labels-.* 20 labels"),
        (TEST, stored(np.zeros((20, 14, 14))), "12 × 10 pixels .* 14 × 14: .* or pass a size"),
        (TEST, b"abcdefgh", "is not an IDX file, whatever its name: copy it again"),
        (TEST, b"", "is not an IDX file"),
        (TEST, stored(np.zeros((20, 12, 10)))[:9], "ends within its header: copy it again"),
        (TEST, stored(np.zeros((20, 12, 10)))[:-1], "should hold 2400 bytes .* holds 2399"),
        (TEST, gzip.compress(stored(np.zeros((20, 12, 10))))[:-9], "is truncated"),
        (TEST, idx.GZIP + b"\xff" + bytes(30), "cannot be decompressed"),
    ],
)
def test_files_of_wrong_form_are_named(tmp_path, arrays, name, content, words):
    write(tmp_path, arrays)
    (tmp_path / name).write_bytes(content)
    refused(tmp_path, words, size=None)


@pytest.mark.parametrize("name", idx.FILE_NAMES)
def test_a_missing_file_is_named(tmp_path, arrays, name):
    del arrays[name]
    refused(write(tmp_path, arrays), f"{name}.gz is missing in .*: put all four files there")


def test_one_class_is_too_few(tmp_path, arrays):
    arrays = {name: 0 * array if "labels" in name else array for name, array in arrays.items()}
    refused(write(tmp_path, arrays), "number of classes .* is 1, but 2 to 256 are needed")
