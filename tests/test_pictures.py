"""Pictures that look photographed: they repeat, and the photo path finds the garment again."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers import settings
from helpers.topics import photo, pictures

MOST_BYTES = 60_000


@pytest.mark.parametrize("name", pictures.DRAWINGS)
def test_a_shipped_picture_is_small_and_whole(name):
    path = pictures.file(name)
    assert path.stat().st_size < MOST_BYTES
    assert np.asarray(Image.open(path)).shape == (480, 360, 3)


def test_no_other_picture():
    with pytest.raises(settings.UserError, match="no picture"):
        pictures.file("moon")


def test_a_photographed_image_repeats_and_finds_its_way_back():
    image = np.zeros((28, 28), np.uint8)
    image[2:27, 8:20] = 150
    first, again, other = (pictures.photographed(image, seed) for seed in (3, 3, 4))
    assert first == again != other
    assert Image.open(io.BytesIO(first)).size == (224, 224)
    pixels = photo.prepare(first).pixels
    assert ((pixels > 60).sum(axis=0) > 20).sum() in range(12, 16)


def test_smooth_noise_is_standardised():
    noise = pictures.smooth_noise(np.random.default_rng(0), (40, 50), 3)
    assert noise.shape == (40, 50)
    assert noise.mean() == pytest.approx(0, abs=1e-9) and noise.std() == pytest.approx(1)
