"""Own images: what is right is taken, and what is wrong is named with what to do about it."""

import os

import numpy as np
import pytest
from PIL import Image

from helpers import data


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


@pytest.fixture
def parted(write_image, tmp_path):
    """Write parts under names, each with the classes `a` and `b`, and return their folder."""

    def write(*names, count=3):
        for place, name in enumerate(names):
            for number in range(count):
                write_image(f"{name}/a/{number}.png", 10 * place + number)
                write_image(f"{name}/b/{number}.png", 100 + 10 * place + number)
        return tmp_path / "own"

    return write


def shades(labelled):
    return sorted(labelled.images[:, 0, 0].tolist())


def refused(folder, words, **options):
    with pytest.raises(data.DataError, match=words) as error:
        data.from_folder(folder, **options)
    message = str(error.value)
    assert ": " in message and message.endswith(".") and "\n" not in message, message


# Layouts.


def test_class_folders_are_divided_always_alike(own):
    dataset, again = data.from_folder(own), data.from_folder(str(own))
    assert dataset.class_names == ("a", "b") and dataset.source == str(own)
    assert dataset.train.images.shape == (16, 28, 28)
    assert np.bincount(dataset.test.labels).tolist() == [2, 2]
    found = np.concatenate([part.images[:, 0, 0] for part in (dataset.train, dataset.test)])
    assert sorted(found.tolist()) == [*range(10), *range(100, 110)]
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert np.array_equal(labels, found >= 100)
    assert np.array_equal(dataset.test.images, again.test.images)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Training", "TESTING"),
        ("train_set", "test-set"),
        ("TrainImages", "test data"),
        ("train", "val"),
        ("training", "Validation"),
        ("train", "valid"),
        ("train", "dev"),
    ],
)
def test_parts_are_known_by_many_names(parted, train, test):
    dataset = data.from_folder(parted(train, test))
    assert shades(dataset.train) == [0, 1, 2, 100, 101, 102]
    assert shades(dataset.test) == [10, 11, 12, 110, 111, 112]
    assert dataset.test.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_images_for_validation_join_the_training_images_where_there_are_others_to_test_by(parted):
    dataset = data.from_folder(parted("train", "val", "test"))
    assert shades(dataset.train) == [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112]
    assert shades(dataset.test) == [20, 21, 22, 120, 121, 122]


@pytest.mark.parametrize("name", ["train", "archive", "data/images/all"])
def test_folders_that_hold_one_folder_are_looked_through(parted, name):
    folder = parted(name, count=5)
    (folder / "README.txt").write_text("unpacked")
    (folder / "__MACOSX" / "x").mkdir(parents=True)
    dataset = data.from_folder(folder)
    assert dataset.class_names == ("a", "b") and (len(dataset.train), len(dataset.test)) == (8, 2)


def test_a_class_may_be_named_like_a_part(write_image, tmp_path):
    for name in ("plane", "train"):
        for number in range(4):
            write_image(f"{name}/{number}.png")
    assert data.from_folder(tmp_path / "own").class_names == ("plane", "train")


def test_images_in_folders_within_a_class_belong_to_it(own, write_image):
    write_image("a/2021/x.png", 50)
    write_image("a/2022/may/x.png", 51)
    dataset = data.from_folder(own)
    assert len(dataset.train) + len(dataset.test) == 22
    assert np.bincount(np.append(dataset.train.labels, dataset.test.labels)).tolist() == [12, 10]


def test_layouts_that_cannot_be_read_are_explained(own, write_image, tmp_path):
    refused(own / "a", "a holds images but no class folders: make one folder per class")
    (own / "c").mkdir()
    refused(own, "c holds no images: put some there, or remove the folder")
    for number in range(3):
        write_image(f"c/{number}.png")
    refused(own, "the class 'c' has 3 images, but 4 are needed to train, to validate and to test")
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "none holds no class folders: make one folder per class")
    write_image("one/a/1.png")
    refused(own / "one", "The number of classes in .*one is 1, but 2 to 256 are needed")


def test_parts_that_cannot_be_read_are_explained(parted, write_image):
    folder = parted("train", "test", count=2)
    refused(folder, "the class 'a' has 2 images, but 3 are needed")
    write_image("train/c/1.png")
    refused(folder, r"class 'c' has no folder in .*own/test: make it.* or remove the class")
    write_image("test/c/1.png")
    write_image("train/a/3.png")
    folder = parted("Train")
    refused(folder, "named like a part of the data set beside [Tt]rain/: .* move it elsewhere")


def test_a_part_without_class_folders_is_named(parted, write_image):
    write_image("test/1.png")
    refused(parted("train"), "own/test is named like a part .*without class folders: sort its")


def test_parts_among_classes_are_named(parted, write_image):
    write_image("shoe/1.png")
    refused(parted("train"), "holds shoe, train, of which some look like parts and some like")


def test_test_images_without_training_images_are_named(parted):
    refused(parted("test", "val"), "holds test, val, of which some look like parts")


def test_parts_within_classes_are_named(write_image, tmp_path):
    for name in ("boot/train/1.png", "boot/test/1.png", "shoe/train/1.png", "shoe/test/1.png"):
        write_image(name)
    refused(tmp_path / "own", "boot is a class with parts like train/ and test/ in it: put the")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("archive.zip", "archive.zip is an archive: unpack it, and pass the folder"),
        ("images.tar.gz", "images.tar.gz is an archive"),
        ("fashion-mnist_train.csv", "csv is a table or an array.* data.LabelledImages"),
        ("kmnist-train-imgs.npz", "npz is a table or an array"),
        ("notes.txt", "holds no class folders"),
    ],
)
def test_other_forms_of_data_are_named(tmp_path, name, words):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_bytes(b"anything")
    refused(tmp_path / "own", words)
    refused(tmp_path / "own" / name, words if "is a" in words else "txt is no folder: pass")


@pytest.mark.parametrize("folder", [None, 7, "", "  ", [], b"images"])
def test_what_is_no_path_is_refused(folder):
    refused(folder, "is no path: pass that of the folder")


@pytest.mark.parametrize("folder", ["absent", "~unknown-user/images"])
def test_a_missing_folder_is_named(folder):
    refused(folder, f"{folder} does not exist: pass a folder that holds your images")


def test_the_home_is_known_by_its_sign(own, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(own.parent))
    assert data.from_folder("~/own").class_names == ("a", "b")


# Classes and their names.


def test_numbered_folders_are_classes_in_counting_order(write_image, tmp_path):
    for label in range(12):
        for number in range(4):
            write_image(f"{label}/{number}.png", label)
    dataset = data.from_folder(tmp_path / "own")
    assert dataset.class_names == tuple(map(str, range(12)))
    assert np.array_equal(dataset.train.images[:, 0, 0], dataset.train.labels)
    named = data.from_folder(tmp_path / "own", class_names=[f"name {n}" for n in range(12)])
    assert named.class_names[10] == "name 10"


@pytest.mark.parametrize(
    "names",
    [
        ["boot", "Coat", "dress"],
        ["class1", "class2", "class10"],
        ["01_boot", "2_coat", "003_dress"],
        ["1.5", "1.25", "2"],
        ["$5_$10", "%", "under_score"],
        ["вишня", "яблоко"],
        ["靴子", "鞋"],
        ["é", "z"],
    ],
)
def test_names_of_classes_in_their_order(write_image, tmp_path, names):
    for name in names:
        for number in range(4):
            write_image(f"{name}/{number}.png")
    found = data.from_folder(tmp_path / "own").class_names
    assert sorted(found) == sorted(names)
    if names[0] not in ("é", "1.5"):
        assert found == tuple(names)


def test_names_that_differ_in_case_alone_are_one_class_in_doubt(own, write_image):
    for number in range(4):
        write_image(f"A/{number}.png")
    if len(list(own.iterdir())) == 2:
        pytest.skip("this file system does not tell the two apart")
    refused(own, "is named like [aA]/: put their images together")


def test_parts_may_spell_a_class_differently(write_image, tmp_path):
    for number in range(3):
        for name in ("train/Caf\u00e9", "test/cafe\u0301", "train/Tea", "test/tea"):
            write_image(f"{name}/{number}.png")
    dataset = data.from_folder(tmp_path / "own")
    assert dataset.class_names == ("Caf\u00e9", "Tea") and len(dataset.test) == 6


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_in_another_encoding_is_refused_in_words_that_can_be_printed(own, tmp_path):
    try:
        os.mkdir(os.fsencode(own) + b"/caf\xe9")
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(data.DataError, match="has a name that is no UTF-8: rename it") as error:
        data.from_folder(own)
    str(error.value).encode()


@pytest.mark.parametrize("names", ["ab", ["a"], ["a", "b", "c"], ["a", "a"], []])
def test_names_given_must_fit(own, names):
    refused(own, r"has 2 classes \(a, b\) but class_names is .*: pass a list", class_names=names)


def test_names_given_are_taken(own):
    assert data.from_folder(own, class_names=["Stiefel", 2]).class_names == ("Stiefel", "2")


# What tools leave behind, links and rights.


def test_what_tools_leave_behind_is_passed_over(own):
    for name in (
        *("a/.DS_Store", "a/._0.png", "a/Thumbs.db", "b/desktop.ini", "b/ehthumbs.db", "a/Icon\r"),
        *("a/@eaDir/0.png/thumb.png", "a/.ipynb_checkpoints/0-checkpoint.png", "notes.txt"),
        *("__MACOSX/a/._0.png", "@eaDir/a", "lost+found/x", ".git/config", "a/0.png~", "a/~$0.png"),
        *("$RECYCLE.BIN/x", "System Volume Information/x", "__pycache__/x.pyc", "#recycle/x"),
    ):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text("nothing")
    (own / "a" / ".#0.png").symlink_to("user@host.1234")
    dataset = data.from_folder(own)
    assert dataset.class_names == ("a", "b") and len(dataset.train) == 16


@pytest.mark.parametrize("name", ["a/x.png", "c"])
@pytest.mark.parametrize("target", ["absent", None])
def test_links_to_nothing_are_named(own, name, target):
    (own / name).symlink_to(target or (own / name).name)
    refused(own, f"{name} cannot be reached .*: mend its rights or its link")


def test_links_are_followed(own, write_image, tmp_path):
    for number in range(4):
        path = write_image(f"../elsewhere/{number}.png", 200 + number)
        (own / "a" / f"link{number}.png").symlink_to(path)
    (own / "c").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    dataset = data.from_folder(own)
    assert dataset.class_names == ("a", "b", "c")
    assert np.bincount(dataset.train.labels).tolist() == [11, 8, 3]
    write_image("../elsewhere/4.png", 250)
    assert 250 in shades(data.from_folder(own).train) + shades(data.from_folder(own).test)


@pytest.mark.parametrize(
    ("name", "target"), [("a/loop", ".."), ("a/loop", "."), ("c", "a"), ("a/b", "../b")]
)
def test_a_folder_is_met_once(own, name, target):
    (own / name).symlink_to(target, target_is_directory=True)
    refused(own, "leads to .* once more: remove it or the link")


def test_test_images_are_no_link_to_the_training_images(parted):
    folder = parted("train")
    (folder / "test").symlink_to("train", target_is_directory=True)
    refused(folder, "leads to .*train.* once more")


@pytest.mark.parametrize("name", ["a", "c/sub"])
def test_folders_without_rights_are_named(own, name, monkeypatch):
    (own / name).mkdir(parents=True, exist_ok=True)
    listed = os.listdir
    if os.geteuid():
        (own / name).chmod(0)
    else:  # who may do anything only pretends

        def listdir(path):
            if str(path) == str(own / name):
                raise PermissionError(13, "Permission denied", str(path))
            return listed(path)

        monkeypatch.setattr(os, "listdir", listdir)
        monkeypatch.setattr(os, "scandir", listdir)
    refused(own, f"{name} cannot be reached .Permission denied.: mend its rights")
    (own / name).chmod(0o700)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_is_not_waited_for(own):
    os.mkfifo(own / "a" / "x.png")
    refused(own, "x.png is a device or pipe and no PNG or JPEG image")


# Files and what is in them.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty and no PNG or JPEG"),
        (b"some words", "is no PNG or JPEG"),
        (b"<!DOCTYPE html><html>not found", "is HTML and no PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is SVG and no PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is PostScript and no PNG"),
        (b"\xc5\xd0\xd3\xc6" + bytes(60), "is PostScript and no PNG"),
        (b"%PDF-1.7", "is PDF and no PNG"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "is WebP and no PNG"),
        (b"GIF89a", "is GIF and no PNG"),
        (b"\0\0\0\x18ftypheic", "is HEIF and no PNG"),
        (b"BM" + bytes(60), "is BMP and no PNG"),
        (b"II*\0" + bytes(60), "is TIFF and no PNG"),
    ],
)
@pytest.mark.parametrize("ending", ["png", "jpg", "txt"])
def test_files_that_are_no_images_are_named(own, content, words, ending, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *a, **k: pytest.fail("told before one is opened"))
    (own / "b" / f"new.{ending}").write_bytes(content)
    refused(own, f"new.{ending} {words}.*: convert it to one, or move it elsewhere")


def test_images_are_known_by_their_content(own):
    os.rename(own / "a" / "0.png", own / "a" / "zero")
    os.rename(own / "a" / "1.png", own / "a" / "one.JPEG")
    os.rename(own / "b" / "1.jpg", own / "b" / "one.png")
    assert len(data.from_folder(own).train) == 16


@pytest.mark.parametrize(("name", "kept"), [("b/3.jpg", 300), ("a/3.png", 45), ("a/3.png", 20)])
def test_truncated_images_are_named(own, name, kept):
    (own / name).write_bytes((own / name).read_bytes()[:kept])
    refused(own, f"{name} cannot be read as an image .*: replace it")


def test_animated_images_are_named(own):
    frames = [Image.new("L", (28, 28), shade) for shade in (0, 50)]
    frames[0].save(own / "a" / "moving.png", save_all=True, append_images=frames[1:])
    refused(own, r"moving\.png is animated, with 2 frames: save one")


def test_images_of_sixteen_bits_are_named(own, write_image):
    write_image("a/deep.png", 1000, mode="I;16")
    refused(own, r"deep\.png has pixels of the kind I;16: save it with 8 bits")


@pytest.mark.parametrize("most", [700, 300])
def test_huge_images_are_named(own, monkeypatch, most):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    refused(own, r"0\.png is too large .*: make it smaller")


def test_a_wholly_transparent_image_is_named(own, write_image):
    write_image("a/0.png", (255, 255, 255, 0), mode="RGBA")
    refused(own, r"0\.png is wholly transparent: replace it")


# Sizes and colour.


def test_images_are_brought_to_a_size(own, write_image):
    path = write_image("b/large.png", 50, size=(60, 40))
    assert data.from_folder(own).train.images.shape == (17, 28, 28)
    assert data.from_folder(own, size=(14, 20)).train.images.shape == (17, 14, 20)
    assert data.from_folder(own, size=np.int64(14)).train.images.shape == (17, 14, 14)
    refused(own, f"{path} has 60 × 40 pixels while .* has 28 × 28: make all .*size=", size=None)
    path.unlink()
    assert data.from_folder(own, size=None).test.images.shape == (4, 28, 28)


@pytest.mark.parametrize("size", [0, -1, (28,), (28, 28, 3), (28, 0), "28", (28.0, 28.0), 2.5])
def test_what_is_no_size_is_refused(own, size):
    refused(own, "The size is .*: pass height and width in pixels", size=size)


def test_colour_is_kept_on_request(write_image, tmp_path):
    for number in range(5):
        write_image(f"red/{number}.png", (200, 10, 20), mode="RGB")
        write_image(f"grey/{number}.png", 77)
    dataset = data.from_folder(tmp_path / "own", size=(16, 8), colour=True)
    assert dataset.class_names == ("grey", "red")
    assert dataset.train.images.shape == (8, 16, 8, 3) and dataset.test.images.shape[0] == 2
    assert dataset.test.images[:, 3, 3].tolist() == [[77] * 3, [200, 10, 20]]
