"""Pictures for dark pages: paper and ink change places, and everything stays readable."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from helpers import plotting
from helpers.maintenance import themes
from helpers.plotting import style

INKS = (style.INK, style.SOFT, style.RIGHT, style.WRONG, style.CLASSICAL_COLOR)
HUES = (*INKS, *(hue for hue, _ in style.IDENTITIES.values()), *style.FALLBACK_COLORS)


def dark(hue):
    return to_hex(themes.exchanged([to_rgb(hue)])[0])


def contrast(hue):
    paper = style._luminance(themes.PAPER)
    return (style._luminance(hue) + 0.05) / (paper + 0.05)


def test_white_becomes_the_paper_and_black_light():
    assert dark("#ffffff") == themes.PAPER
    assert contrast(dark("#000000")) > 13


@pytest.mark.parametrize("hue", HUES)
def test_text_and_markers_are_readable_on_the_dark_paper(hue):
    assert contrast(dark(style.readable(hue))) >= 4.5
    assert contrast(dark(hue)) >= 3


def test_greys_keep_their_order_and_hues_their_kind():
    greys = np.repeat(np.linspace(0, 1, 20)[:, None], 3, axis=1)
    assert (np.diff(themes.exchanged(greys).sum(axis=1)) < 0).all()
    red, _, blue = themes.exchanged([to_rgb(style.WRONG)])[0]
    assert red > 1.5 * blue
    red, _, blue = themes.exchanged([to_rgb(style.RIGHT)])[0]
    assert blue > 1.5 * red


def test_a_picture_keeps_its_size_and_its_pixels_apart(images):
    png = plotting.png(plotting.image_grid(images))
    light, turned = (
        np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), int)
        for each in (png, themes.in_the_dark(png))
    )
    assert light.shape == turned.shape
    expected = np.round(255 * themes.exchanged(light.reshape(-1, 3) / 255)).reshape(light.shape)
    assert np.abs(turned - expected).max() <= 1
