"""Tests of the path from a picture to 28 × 28 pixels: what it takes, and what it refuses."""

import errno
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import settings
from helpers.topics import loading, photo, pictures

GREY = Image.new("RGB", (60, 40), (200, 200, 200))


def content(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def scene(background=(230, 228, 220), colour=(40, 60, 120), box=(30, 20, 70, 100), size=(100, 120)):
    """A rectangle on a plain surface."""
    image = Image.new("RGB", size, background)
    image.paste(colour, box)
    return image


def refusal(source, match=None):
    with pytest.raises(settings.UserError, match=match) as caught:
        photo.prepare(source)
    message = str(caught.value)
    assert message.endswith(".") and ": " in message and "\n" not in message
    return message


def differs(first, second):
    """Return in which share of the pixels one shows the object and the other does not."""
    return np.mean((first > 60) != (second > 60))


@pytest.fixture(scope="module")
def expected():
    return photo.prepare(content(scene())).pixels


# What holds a picture


@pytest.mark.parametrize(
    "holder",
    [
        bytes,
        bytearray,
        memoryview,
        io.BytesIO,
        lambda file: Image.open(io.BytesIO(file)),
        lambda file: np.asarray(Image.open(io.BytesIO(file))),
        lambda file: np.asarray(Image.open(io.BytesIO(file)).convert("RGBA")) / 255,
        lambda file: np.asarray(Image.open(io.BytesIO(file)), dtype=np.float32),
        lambda file: np.asarray(Image.open(io.BytesIO(file)), dtype=int),
    ],
)
def test_whatever_holds_the_picture(holder, expected):
    np.testing.assert_array_equal(photo.prepare(holder(content(scene()))).pixels, expected)


@pytest.mark.parametrize(
    "name", ["~photo.png", "~", "a name.png", "Рубашка.png", "[1].png", "no ending", "shirt.jpg"]
)
def test_whatever_the_file_is_called(name, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (Path(name), Path("einen Ordner tiefer ü", name)):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content(scene()))
        for source in (place, str(place)):
            np.testing.assert_array_equal(photo.prepare(source).pixels, expected)


def test_a_tilde_may_mean_the_home_folder(tmp_path, monkeypatch, expected):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    (tmp_path / "shirt.png").write_bytes(content(scene()))
    np.testing.assert_array_equal(photo.prepare("~/shirt.png").pixels, expected)


def test_an_open_file_is_read_from_its_beginning(tmp_path, expected):
    path = tmp_path / "shirt.png"
    path.write_bytes(content(scene()))
    with open(path, "rb") as file:
        file.read()
        np.testing.assert_array_equal(photo.prepare(file).pixels, expected)
    assert refusal(file).startswith("shirt.png is closed")
    with open(path, encoding="latin-1") as file:
        assert refusal(file).startswith("shirt.png was opened as text")


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF", "WEBP", "AVIF", "JPEG"])
def test_whatever_the_format(kind, expected):
    if kind not in Image.SAVE:
        pytest.skip(f"Pillow cannot write {kind} here")
    assert differs(photo.prepare(content(scene(), kind)).pixels, expected) < 0.1


@pytest.mark.parametrize("mode", ["CMYK", "P", "L", "LA", "1", "YCbCr", "I;16", "F"])
def test_whatever_the_colours_are_written_as(mode):
    picture = scene().convert("L")
    kind = {"CMYK": "JPEG", "YCbCr": "JPEG", "F": "TIFF"}.get(mode, "PNG")
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture, dtype=np.uint16) * 257)
    elif mode == "F":
        picture = Image.fromarray(np.asarray(picture, dtype=np.float32) / 255)
    else:
        picture = picture.convert(mode)
    lit = photo.prepare(content(picture, kind)).pixels > 60
    assert lit.any(axis=1).sum() == 28 and 13 <= lit.any(axis=0).sum() <= 16


# What cannot be read


@pytest.mark.parametrize(
    "start, words",
    [
        (b"no image", "cannot be read as an image"),
        (b"", "is empty"),
        (b"%PDF-1.7", "is a PDF document"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC photograph"),
        (content(GREY, "EPS"), "cannot be read as an image"),
    ],
)
def test_other_files_that_are_called_images(tmp_path, start, words):
    path = tmp_path / "notes.png"
    path.write_bytes(start)
    assert refusal(path).startswith(f"notes.png {words}")


def test_a_missing_file_and_a_folder(tmp_path):
    for source in (
        tmp_path / "missing.png",
        "~missing.png",
        "~/missing.png",
        "https://a.org/b.png",
    ):
        assert "is no file" in refusal(source)
    for source in (tmp_path, str(tmp_path), ""):
        assert "is a folder" in refusal(source)


def test_a_file_that_is_closed_to_us(tmp_path, monkeypatch):
    def refuse(self):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "shirt.png").write_bytes(content(scene()))
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert "cannot be opened" in refusal(tmp_path / "shirt.png")


@pytest.mark.parametrize(
    "source",
    [
        None,
        3,
        [[0, 1], [1, 0]],
        np.zeros((2, 28, 28), np.uint8),
        np.zeros((1, 28, 28, 1)),
        np.zeros((0, 28)),
        np.array([["shirt"]]),
        np.full((40, 40), np.nan),
        np.linspace(-0.5, 0.5, 900).reshape(30, 30),
        np.full((40, 40), 1e6),
    ],
)
def test_what_is_no_picture(source):
    assert "pass" in refusal(source)


def test_films_are_refused():
    film = [GREY, Image.new("RGB", GREY.size)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        frames = content(film[0], kind, save_all=True, append_images=film[1:])
        assert "is animated or has pages" in refusal(frames)


def test_a_second_view_in_a_jpeg_file_is_no_film(expected):
    two = content(scene(), "MPO", save_all=True, append_images=[scene()])
    assert differs(photo.prepare(two).pixels, expected) < 0.1


def test_a_header_that_promises_too_many_pixels_is_refused():
    huge = bytearray(content(GREY, "BMP"))
    huge[18:26] = (60_000).to_bytes(4, "little") * 2
    assert "3,600 million pixels, more than the 64 million" in refusal(bytes(huge))


def test_limits_of_pixels_and_of_bytes(monkeypatch):
    for name, kind in (("MOST_UNPACKED", "PNG"), ("MOST_PIXELS", "JPEG")):
        file = content(scene(), kind)
        monkeypatch.setattr(loading, name, 100 * 120 - 1)
        assert ("save it as JPEG" in refusal(file, "million pixels")) == (kind == "PNG")
        monkeypatch.setattr(loading, name, 100 * 120)
        photo.prepare(file)
    monkeypatch.setattr(loading, "MOST_BYTES", 10)
    refusal(content(GREY), "megabytes")
    refusal(io.BytesIO(content(GREY)), "megabytes")


def test_a_telephones_picture_is_larger_than_pillow_allows(monkeypatch, expected):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    np.testing.assert_array_equal(photo.prepare(content(scene())).pixels, expected)
    assert Image.MAX_IMAGE_PIXELS == 5000
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    large = scene().resize((8192, 6144), Image.Resampling.NEAREST)
    assert photo.read(content(large, "JPEG")).size == (1024, 768)


def test_a_large_file_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    path.write_bytes(content(GREY))
    monkeypatch.setattr(loading, "MOST_BYTES", 10)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda self: pytest.fail("it was read"))
    refusal(path, "megabytes")


def test_a_small_and_a_narrow_image():
    assert "9 × 9 pixels: pass an image of at least 28 × 28" in refusal(np.ones((9, 9)))
    for size in ((60, 20), (1000, 8), (5000, 30)):
        refusal(content(GREY.resize(size)), "too narrow")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_damaged_image(kind):
    whole = content(Image.effect_noise((100, 100), 80).convert("RGB"), kind)
    refusal(whole[: len(whole) // 2], "is damaged")


def test_nothing_to_be_seen():
    for alpha in (0, 60):
        refusal(content(Image.new("RGBA", (40, 40), (10, 20, 30, alpha))), "transparent throughout")
    for level in (0, 50, 255):
        refusal(content(Image.new("L", (40, 40), level)), "stands out")
    refusal(content(scene(box=(1, 1, 99, 119))), "stands out")


# What is read, upright


def orientation(number, unit=b""):
    """EXIF by hand, also with a unit of resolution that is text, which Pillow cannot write."""
    entries = struct.pack("<HHIHH", 0x112, 3, 1, number, 0)
    entries += struct.pack("<HHI4s", 0x128, 2, 4, unit) if unit else b""
    count = 1 + bool(unit)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("unit", [b"", b"cm\0\0"])
def test_a_turned_telephone_is_turned_back(kind, unit):
    upright = Image.new("RGB", (60, 40), "white")
    upright.paste("red", (0, 0, 20, 10))
    for number, turn in enumerate((None, 0, 3, 1, 5, 2, 6, 4), start=1):
        turned = upright if turn is None else upright.transpose(Image.Transpose(turn))
        picture = photo.read(content(turned, kind, exif=orientation(number, unit)))
        assert picture.size == (60, 40)
        assert picture.getpixel((5, 5))[1] < 60 and picture.getpixel((50, 30))[1] > 200


def test_exif_that_nobody_can_read():
    for exif in (b"Exif\0\0nonsense", orientation(99), orientation(6)[:20]):
        assert photo.read(content(GREY, "JPEG", exif=exif)).size == (60, 40)


def test_sixteen_bits_become_eight():
    deep = Image.fromarray(np.full((40, 40), 257 * 100, np.uint16))
    assert photo.read(content(deep)).getpixel((5, 5)) == (100, 100, 100, 255)
    shallow = Image.fromarray(np.full((40, 40), 100, np.uint16))
    assert photo.read(content(shallow)).getpixel((5, 5)) == (100, 100, 100, 255)


# What becomes of it


def test_the_longest_edge_fills_the_square_and_the_garment_is_light_on_black():
    steps = photo.prepare(content(scene()))
    lit = steps.pixels > 60
    assert steps.pixels.shape == (28, 28) and steps.pixels.dtype == np.uint8
    assert lit.any(axis=1).sum() == 28 and 13 <= lit.any(axis=0).sum() <= 16
    assert (steps.pixels[:, :5] == 0).all() and not steps.negative
    assert steps.pixels.max() == 255
    assert steps.mask.shape == steps.distance.shape == steps.picture.shape[:2] == (120, 100)
    assert steps.centred.shape == (28, 28, 3) and steps.small.shape[0] == 28


def test_a_negative_gives_the_same_as_its_positive():
    positive = scene(background=(255, 255, 255), colour=(70, 70, 70))
    negative = Image.fromarray(255 - np.asarray(positive))
    one, other = photo.prepare(content(positive)), photo.prepare(content(negative))
    assert other.negative and not one.negative
    np.testing.assert_array_equal(one.pixels, other.pixels)


def test_uneven_light_on_a_light_surface_is_evened_out():
    flat = np.asarray(scene(), dtype=float)
    light = np.linspace(1, 0.75, flat.shape[1])[None, :, None]
    uneven = Image.fromarray((flat * light).astype(np.uint8))
    even, other = photo.prepare(content(scene())), photo.prepare(content(uneven))
    assert np.abs(even.mask ^ other.mask).mean() < 0.01
    assert np.abs(even.pixels.astype(int) - other.pixels).mean() < 6


def test_an_object_paler_than_its_surface_is_not_lost():
    steps = photo.prepare(content(scene(background=(180, 170, 150), colour=(250, 250, 245))))
    assert steps.pixels[14, 14] > 100 and (steps.pixels[:, :5] == 0).all()


def test_a_dark_surface_leaves_the_background_black():
    steps = photo.prepare(content(scene(background=(60, 50, 40), colour=(220, 210, 60))))
    assert (steps.pixels[:, :5] == 0).all() and not steps.negative


def test_holes_are_filled_specks_dropped_and_pairs_kept():
    picture = np.full((60, 80, 3), 230, np.uint8)
    picture[10:50, 10:30] = picture[12:50, 45:65] = (40, 60, 120)
    picture[25:32, 15:22] = 230
    picture[5:7, 70:72] = 0
    mask = photo.prepare(picture).mask
    assert mask[28, 18] and not mask[5:7, 70:72].any()
    assert mask[20, 20] and mask[20, 55] and not mask[20, 37]


def test_subsampling_keeps_rows_and_makes_no_new_values():
    picture = Image.fromarray(np.arange(56, dtype=np.uint8)[:, None].repeat(20, axis=1))
    small = np.asarray(photo.subsample(picture))
    assert small.shape == (28, 10)
    np.testing.assert_array_equal(small[:, 0], np.arange(1, 56, 2))


def test_what_is_odd_lies_to_the_right_as_in_the_data_set():
    wide = photo.prepare(content(scene(box=(30, 20, 70, 100)))).pixels.any(axis=0)
    narrow = photo.prepare(content(scene(box=(30, 20, 67, 100)))).pixels.any(axis=0)
    assert list(np.flatnonzero(wide)[[0, -1]]) == [7, 20]
    assert list(np.flatnonzero(narrow)[[0, -1]]) == [8, 20]


def test_the_drawn_pictures_fill_the_square():
    for name in pictures.DRAWINGS:
        steps = photo.prepare(pictures.file(name))
        assert max(steps.pixels.any(axis=0).sum(), steps.pixels.any(axis=1).sum()) == 28


def test_uploads_are_for_colab():
    with pytest.raises(settings.UserError, match="Colab"):
        photo.upload()
