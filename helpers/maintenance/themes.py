"""Pictures for pages that are dark: the same figure with light and dark exchanged, hues kept."""

import io

import numpy as np
from PIL import Image

from helpers.plotting.style import encoded

PAPER = "#0d1117"  # the page in GitHub's dark theme
DARKEST, LIGHTEST = 0.178, 0.955  # OKLab lightness of that paper, and of the lightest ink on it
# Under 1, so that inks which are readable on white become light enough to be readable on it.
GAMMA = 0.5

# OKLab: Björn Ottosson, "A perceptual color space for image processing", 2020.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def in_the_dark(png):
    """Return a picture for dark pages: white becomes the paper's colour, ink light, hues stay.

    Images of the data set, which are drawn dark on white, become as they are stored: light on dark.
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    pixels = np.asarray(image).reshape(-1, 3)
    hues, places = np.unique(pixels, axis=0, return_inverse=True)
    turned = np.round(255 * exchanged(hues / 255)).astype(np.uint8)
    return encoded(Image.fromarray(turned[places.ravel()].reshape(*image.size[::-1], 3)))


def exchanged(colors):
    """Exchange light and dark in colours, shape (N, 3) from 0 to 1; return colours alike."""
    colors = np.asarray(colors, float)
    light = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(light @ TO_CONES.T) @ TO_LAB.T
    ink = np.clip(1 - lab[:, 0], 0, 1)
    lab[:, 0] = DARKEST + (LIGHTEST - DARKEST) * ink**GAMMA
    # White has the faint blue of the paper; it fades as the ink gets stronger.
    lab[:, 1:] += np.outer(1 - ink, (-0.0035, -0.0135))
    cones = (lab @ np.linalg.inv(TO_LAB).T) ** 3
    light = np.clip(cones @ np.linalg.inv(TO_CONES).T, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
