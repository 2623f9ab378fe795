"""One image file: every kind of pixel, transparency and orientation becomes grey, or colour."""

import struct

import numpy as np
import pytest
from PIL import Image

from helpers.sources import folders


@pytest.mark.parametrize(
    ("mode", "shade", "ending", "expected"),
    [
        ("1", 1, "png", 255),
        ("L", 7, "png", 7),
        ("LA", (7, 255), "png", 7),
        ("P", 3, "png", None),
        ("RGB", (255, 0, 0), "png", 76),
        ("RGBA", (255, 255, 255, 128), "png", 128),
        ("CMYK", (0, 0, 0, 255), "jpg", 0),
        ("CMYK", (0, 0, 0, 0), "jpg", 255),
        ("YCbCr", (200, 128, 128), "jpg", 200),
    ],
)
def test_pixels_of_every_kind_become_grey_and_colour(tmp_path, mode, shade, ending, expected):
    path = tmp_path / f"x.{ending}"
    Image.new(mode, (28, 28), shade).save(path)
    found = np.asarray(folders.opened(path))
    assert found.shape == (28, 28) and len(np.unique(found)) == 1
    assert expected is None or abs(int(found[0, 0]) - expected) <= 2
    assert np.asarray(folders.opened(path, colour=True)).shape == (28, 28, 3)


def drawn(path, colour, ground=(0, 0, 0, 0), save=None):
    """Write a square of 14 pixels in a colour on a ground; return what is read of it."""
    picture = Image.new("RGBA", (28, 28), ground)
    picture.paste(colour, (7, 7, 21, 21))
    (save or Image.Image.save)(picture, path)
    return np.asarray(folders.opened(path))


def as_palette(picture, path):
    picture.quantize(8).save(path)


def as_grey(picture, path):
    picture.convert("LA").save(path)


@pytest.mark.parametrize("save", [None, as_palette, as_grey])
@pytest.mark.parametrize("shade", [0, 10, 45, 120, 255])
def test_a_drawing_on_transparency_is_never_blank(tmp_path, save, shade):
    found = drawn(tmp_path / "x.png", (shade, shade, shade, 255), save=save)
    assert found[:7].max() == 0 and found[0, 0] == 0, "the ground is black"
    expected = 255 if shade < folders.DARK else shade
    assert abs(int(found[14, 14]) - expected) <= 1


def test_a_dark_object_with_shading_on_transparency_keeps_its_shades(tmp_path):
    picture = Image.new("RGBA", (28, 28))
    for row in range(14):
        picture.paste((4 * row, 4 * row, 4 * row, 255), (7, 7 + row, 21, 8 + row))
    picture.save(tmp_path / "x.png")
    found = np.asarray(folders.opened(tmp_path / "x.png"))
    assert found[7:21, 10].tolist() == list(range(0, 56, 4))


def test_a_drawing_in_one_dark_colour_is_white_in_colour_too(tmp_path):
    drawn(tmp_path / "x.png", (0, 0, 60, 255))
    assert np.asarray(folders.opened(tmp_path / "x.png", colour=True))[14, 14].tolist() == [255] * 3
    drawn(tmp_path / "x.png", (200, 0, 0, 255))
    found = np.asarray(folders.opened(tmp_path / "x.png", colour=True))
    assert found[14, 14].tolist() == [200, 0, 0] and not found[0, 0].any()


def test_a_black_picture_without_transparency_stays_black(tmp_path):
    assert not drawn(tmp_path / "x.png", (0, 0, 0, 255), ground=(0, 0, 0, 255)).any()


def oriented(path, orientation, **options):
    """Write a picture that is white above, with a word on how the camera was held."""
    exif = Image.Exif()
    exif[folders.ORIENTATION] = orientation
    picture = Image.new("L", (28, 14))
    picture.paste(255, (0, 0, 28, 7))
    picture.save(path, exif=exif, **options)
    return np.asarray(folders.opened(path))


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_images_are_turned_upright(tmp_path, ending):
    path = tmp_path / f"x.{ending}"
    assert oriented(path, 1)[:7].min() > 250
    assert oriented(path, 3)[7:].min() > 250
    turned = oriented(path, 6)
    assert turned.shape == (28, 14) and turned[:, 7:].min() > 250 and turned[:, :7].max() < 5
    assert oriented(path, 8)[:, :7].min() > 250
    assert oriented(path, 9)[:7].min() > 250, "there is no ninth"


def test_entries_that_cannot_be_written_again_do_not_matter(tmp_path):
    """An orientation of 6, and a resolution's unit that is a text and no number."""
    text = b"inch\0\0"
    tiff = b"II*\0" + struct.pack("<IH", 8, 2)
    tiff += struct.pack("<HHIHH", folders.ORIENTATION, 3, 1, 6, 0)
    tiff += struct.pack("<HHII", 0x0128, 2, len(text), 38) + struct.pack("<I", 0) + text
    picture = Image.new("L", (28, 14))
    picture.paste(255, (0, 0, 28, 7))
    picture.save(tmp_path / "x.jpg", exif=b"Exif\0\0" + tiff)
    found = np.asarray(folders.opened(tmp_path / "x.jpg"))
    assert found.shape == (28, 14) and found[:, 7:].min() > 250
    picture.save(tmp_path / "x.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert folders.opened(tmp_path / "x.jpg").size == (28, 14)


def test_a_second_view_in_a_photograph_is_no_animation(tmp_path):
    view = Image.new("L", (28, 28), 200)
    view.save(tmp_path / "photo.jpg", format="MPO", save_all=True, append_images=[view])
    assert folders.opened(tmp_path / "photo.jpg").size == (28, 28)
