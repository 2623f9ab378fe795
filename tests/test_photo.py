"""Tests of the path from an image file to 28 × 28 pixels, and of what it refuses."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers import photo, settings

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


def refusal(source):
    with pytest.raises(settings.UserError) as caught:
        photo.read(source)
    return str(caught.value)


def test_text_is_no_image(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("no image")
    assert refusal(path).startswith("notes.jpg cannot be read as an image")


def test_a_missing_file_and_a_folder(tmp_path):
    assert "is no file" in refusal(tmp_path / "missing.png")
    assert "is no file" in refusal(tmp_path)


def test_formats_that_are_programs_are_not_read():
    assert "cannot be read as an image" in refusal(content(GREY, "EPS"))


def test_films_are_refused():
    film = [GREY, Image.new("RGB", GREY.size)]
    for kind in ("GIF", "PNG", "WEBP"):
        frames = content(film[0], kind, save_all=True, append_images=film[1:])
        assert "is animated" in refusal(frames)


def test_a_header_that_promises_too_many_pixels_is_refused():
    huge = bytearray(content(GREY, "BMP"))
    huge[18:26] = (60_000).to_bytes(4, "little") * 2
    assert "more pixels" in refusal(bytes(huge))


def test_limits_of_pixels_of_bytes_and_of_pillow(monkeypatch):
    monkeypatch.setattr(photo, "MOST_PIXELS", 60 * 40 - 1)
    assert "more pixels" in refusal(content(GREY))
    monkeypatch.setattr(photo, "MOST_PIXELS", 60 * 40)
    assert photo.read(content(GREY)).size == (60, 40)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert "more pixels" in refusal(content(GREY))
    monkeypatch.setattr(photo, "MOST_BYTES", 10)
    assert "megabytes" in refusal(content(GREY))


def test_a_large_file_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    path.write_bytes(content(GREY))
    monkeypatch.setattr(photo, "MOST_BYTES", 10)
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda self: pytest.fail("it was read"))
    assert "megabytes" in refusal(path)


def test_a_small_and_a_damaged_image():
    assert "at least 28 × 28" in refusal(content(GREY.resize((60, 20))))
    noise = Image.effect_noise((100, 100), 80)
    assert "is damaged" in refusal(content(noise)[:3000])


def test_a_turned_telephone_is_turned_back():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert photo.read(content(GREY, "JPEG", exif=exif)).size == (40, 60)


def test_transparency_is_white_and_sixteen_bits_become_eight():
    clear = Image.new("RGBA", (40, 40), (10, 20, 30, 0))
    assert photo.read(content(clear)).getpixel((5, 5)) == (255, 255, 255)
    deep = Image.fromarray(np.full((40, 40), 257 * 100, np.uint16))
    assert photo.read(content(deep)).getpixel((5, 5)) == (100, 100, 100)


def test_the_longest_edge_fills_the_square_and_the_garment_is_light_on_black():
    steps = photo.prepare(content(scene()))
    lit = steps.pixels > 60
    assert steps.pixels.shape == (28, 28) and steps.pixels.dtype == np.uint8
    assert lit.any(axis=1).sum() == 28 and 13 <= lit.any(axis=0).sum() <= 16
    assert (steps.pixels[:, :5] == 0).all() and not steps.negative


def test_a_negative_gives_the_same_as_its_positive():
    positive = scene(background=(255, 255, 255))
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


def test_a_dark_surface_leaves_the_background_black():
    steps = photo.prepare(content(scene(background=(60, 50, 40), colour=(220, 210, 60))))
    assert (steps.pixels[:, :5] == 0).all() and not steps.negative


def test_holes_are_filled_specks_dropped_and_pairs_kept():
    distance = np.zeros((60, 80))
    distance[10:50, 10:30] = distance[12:50, 45:65] = 0.5
    distance[25:32, 15:22] = 0
    distance[5:7, 70:72] = 0.5
    mask = photo.object_mask(distance)
    assert mask[28, 18] and not mask[5:7, 70:72].any()
    assert mask[20, 20] and mask[20, 55] and not mask[20, 37]


def test_nothing_and_everything_are_no_object():
    for picture in (GREY, scene(box=(1, 1, 99, 119))):
        with pytest.raises(settings.UserError, match="stands out"):
            photo.prepare(content(picture))


def test_edges_as_white_as_the_background_go():
    sheet = np.full((60, 50, 3), 255, np.uint8)
    sheet[10:50, 5:25] = 100
    sheet[50:55, 5:25] = 246
    assert photo.trim(Image.fromarray(sheet)).size == (20, 40)
    with pytest.raises(settings.UserError, match="as bright"):
        photo.trim(Image.new("RGB", (40, 40), "white"))


def test_otsu_lies_between_two_groups():
    values = np.concatenate([np.linspace(0, 0.1, 50), np.linspace(0.8, 0.9, 30)])
    assert 0.1 <= photo.otsu(values) <= 0.8


def test_subsampling_keeps_rows_and_makes_no_new_values():
    picture = Image.fromarray(np.arange(56, dtype=np.uint8)[:, None].repeat(20, axis=1))
    small = np.asarray(photo.subsample(picture))
    assert small.shape == (28, 10)
    np.testing.assert_array_equal(small[:, 0], np.arange(1, 56, 2))


def test_a_picture_is_centred_on_white():
    square = np.asarray(photo.centre(Image.new("L", (10, 28))))
    assert (square[:, 9:19] == 0).all() and (square[:, :9] == 255).all()
    assert (square[:, 19:] == 255).all()


def test_uploads_are_for_colab():
    with pytest.raises(settings.UserError, match="Colab"):
        photo.upload()
