"""Pictures (notebook 17): what looks like snapshots of things on a table, for the photo path.

Nobody's photographs are needed to try the path from a photograph to a class: four pictures, drawn
by a program, lie in `photographs`, and any image of the data set can be made to look photographed,
which tells what that path costs. Scenes have the shape (height, width, 3), float, intensities from
0 to 1.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from helpers import settings

FOLDER = Path(__file__).parent / "photographs"
QUALITY = 82
PHOTOGRAPHED_EDGE = 224

OAK, LINEN, PLASTER, SLATE = (0.84, 0.76, 0.64), (0.86, 0.85, 0.82), (0.91, 0.91, 0.89), (0.8,) * 3


def smooth_noise(generator, shape, scale):
    """Return random hills and valleys, mean 0 and deviation 1, about `scale` pixels wide."""
    noise = ndimage.gaussian_filter(generator.standard_normal(shape), scale, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def surface(generator, shape, colour, grain=(2, 2), fall_off=0.2):
    """Return a surface of a colour in the light of a window: grain, stains, one side brighter.

    `grain` is its width down and across in pixels; `fall_off` is by how much the light falls off
    from one corner to the opposite one.
    """
    height, width = shape
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    tilt = generator.uniform(-1, 1)
    light = 1 - fall_off * np.clip(across * (0.5 + tilt / 2) + down * (0.5 - tilt / 2), 0, 1)
    structure = 0.02 * smooth_noise(generator, shape, grain)
    structure += 0.012 * smooth_noise(generator, shape, max(shape) / 8)
    return np.clip(np.array(colour) * (light * (1 + structure))[..., None], 0, 1)


def lay(scene, mask, shading, shadow=0.35, offset=7, blur=7):
    """Lay an object on a scene, with the shadow that it casts.

    `mask`, (height, width), says how much of each pixel the object covers, 0 to 1; `shading` has
    its colours. The shadow darkens the surface by `shadow`, falls `offset` pixels away, and its
    edge is `blur` pixels soft.
    """
    moved = ndimage.shift(mask, (offset, offset / 2), order=1)
    darkness = shadow * ndimage.gaussian_filter(moved, blur)
    shaded = scene * (1 - darkness)[..., None]
    return shaded * (1 - mask[..., None]) + np.clip(shading, 0, 1) * mask[..., None]


def snapshot(generator, scene, noise=0.012):
    """Return what a telephone's camera makes of a scene: a little blur, a little noise, uint8."""
    blurred = ndimage.gaussian_filter(scene, (0.6, 0.6, 0))
    noisy = blurred + noise * generator.standard_normal(scene.shape)
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def photographed(image, seed):
    """Make an image, (28, 28) uint8, look like a photograph of that garment on a table: a PNG file.

    `seed` sets the surface, the light, the place and the noise.
    """
    generator = np.random.default_rng(seed)
    edge = PHOTOGRAPHED_EDGE
    inner = round(edge * generator.uniform(0.6, 0.75))
    large = Image.fromarray(image).resize((inner, inner), Image.Resampling.BICUBIC)
    top, left = generator.integers(edge // 12, edge - inner - edge // 12, 2)
    grey = np.zeros((edge, edge))
    grey[top : top + inner, left : left + inner] = np.asarray(large) / 255
    solid = ndimage.binary_fill_holes(grey > 0.06)
    mask = ndimage.gaussian_filter(solid.astype(float), 0.8)
    colour = np.array((OAK, LINEN, PLASTER, SLATE)[generator.integers(4)])
    scene = surface(generator, (edge, edge), colour)
    scene = lay(scene, mask, np.repeat(1 - grey[..., None], 3, axis=2), 0.25, 4, 4)
    return _encoded(snapshot(generator, scene), "PNG")


DRAWINGS = ("t_shirt", "trousers", "handbag", "scissors")


def file(name):
    """Return the path of a picture in `photographs`, or raise UserError."""
    if name not in DRAWINGS:
        raise settings.UserError(f"{name!r} is no picture: use one of {', '.join(DRAWINGS)}.")
    return FOLDER / f"{name}.jpg"


def _encoded(pixels, kind):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=QUALITY)
    return buffer.getvalue()
