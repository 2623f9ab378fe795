"""Draw pictures that look like snapshots of things on a table: `python -m helpers photographs`.

Nobody's photographs are needed to try the path from a photograph to a class: four pictures are
drawn here by code and kept beside it, and any image of the data set can be made to look
photographed, which tells what that path costs.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from helpers import settings
from helpers.topics import deployment

FOLDER = Path(__file__).parent / "photographs"
WIDTH, HEIGHT = 360, 480
OVERSAMPLING = 2
QUALITY = 82
PHOTOGRAPHED_EDGE = 224

OAK, LINEN, PLASTER, SLATE = (0.84, 0.76, 0.64), (0.86, 0.85, 0.82), (0.91, 0.91, 0.89), (0.8,) * 3


def smooth_noise(generator, shape, scale):
    """Return random hills and valleys, mean 0 and deviation 1, about `scale` pixels wide.

    Parameters
    ----------
    generator : numpy.random.Generator
    shape : tuple of int
    scale : float or tuple of float
        One width, or one per axis.

    Returns
    -------
    numpy.ndarray of the shape, float
    """
    noise = ndimage.gaussian_filter(generator.standard_normal(shape), scale, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def surface(generator, shape, colour, grain=(2, 2), fall_off=0.2):
    """Return a surface in the light of a window: grain, stains, one side brighter.

    Parameters
    ----------
    generator : numpy.random.Generator
    shape : tuple of int
        (height, width).
    colour : tuple of float
        Red, green and blue, each 0 to 1.
    grain : tuple of float
        Width of the grain down and across, in pixels.
    fall_off : float
        By how much the light falls off from one corner to the opposite one.

    Returns
    -------
    numpy.ndarray, shape (height, width, 3), float
        Intensities, 0 to 1.
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

    Parameters
    ----------
    scene : numpy.ndarray, shape (height, width, 3), float
    mask : numpy.ndarray, shape (height, width), float
        How much of each pixel the object covers, 0 to 1.
    shading : numpy.ndarray, shape (height, width, 3), float
        The object's colours.
    shadow : float
        By how much it darkens the surface.
    offset, blur : float
        How far the shadow falls and how soft its edge is, in pixels.

    Returns
    -------
    numpy.ndarray, shape (height, width, 3), float
    """
    moved = ndimage.shift(mask, (offset, offset / 2), order=1)
    darkness = shadow * ndimage.gaussian_filter(moved, blur)
    shaded = scene * (1 - darkness)[..., None]
    return shaded * (1 - mask[..., None]) + np.clip(shading, 0, 1) * mask[..., None]


def snapshot(generator, scene, noise=0.012):
    """Return what a telephone's camera makes of a scene: a little blur, a little noise, bytes.

    Parameters
    ----------
    generator : numpy.random.Generator
    scene : numpy.ndarray, shape (height, width, 3), float
        Intensities, 0 to 1.
    noise : float
        Deviation of the noise.

    Returns
    -------
    numpy.ndarray, shape (height, width, 3), uint8
    """
    blurred = ndimage.gaussian_filter(scene, (0.6, 0.6, 0))
    noisy = blurred + noise * generator.standard_normal(scene.shape)
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def photographed(image, seed):
    """Make an image of the data set look like a photograph of that garment on a table.

    Parameters
    ----------
    image : numpy.ndarray, shape (28, 28), dtype uint8
        Light on black.
    seed : int
        Sets the surface, the light, the place and the noise.

    Returns
    -------
    bytes
        A PNG file.
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


def t_shirt():
    """Draw a dark T-shirt on oak: (480, 360, 3) uint8."""
    generator = np.random.default_rng(1)
    body = [(0.36, 0.13), (0.22, 0.2), (0.05, 0.42), (0.18, 0.5), (0.27, 0.41), (0.27, 0.88)]
    outline = _mirrored(body)
    neck = _ellipse(0.5, 0.125, 0.115, 0.062)
    mask = _shape([outline]) * (1 - _shape([neck]))
    rib = _shape([_ellipse(0.5, 0.125, 0.14, 0.082)]) * mask
    sleeves = _shape([[(0.09, 0.38), (0.21, 0.46)], [(0.91, 0.38), (0.79, 0.46)]], line=2)
    cloth = _cloth(generator, (0.14, 0.22, 0.38), folds=(60, 16))
    cloth *= (1 - 0.25 * rib - 0.3 * sleeves)[..., None]
    scene = surface(generator, (HEIGHT, WIDTH), OAK, grain=(1.2, 22))
    return snapshot(generator, lay(scene, mask, cloth))


def trousers():
    """Draw a pair of jeans on a pale floor: (480, 360, 3) uint8."""
    generator = np.random.default_rng(2)
    half = [(0.36, 0.06), (0.345, 0.16), (0.3, 0.45), (0.29, 0.94), (0.44, 0.94), (0.495, 0.34)]
    mask = _shape([_mirrored(half)])
    band = _shape([[(0.3, 0.105), (0.7, 0.105)]], line=2)
    seams = _shape([[(0.5, 0.1), (0.5, 0.34)], [(0.37, 0.11), (0.42, 0.19), (0.35, 0.22)]], line=2)
    seams += _shape([[(0.63, 0.11), (0.58, 0.19), (0.65, 0.22)]], line=2)
    cloth = _cloth(generator, (0.3, 0.42, 0.58), folds=(40, 10))
    worn = np.exp(-(((_across() - 0.385) ** 2) / 0.002)) + np.exp(
        -(((_across() - 0.615) ** 2) / 0.002)
    )
    cloth *= (1 + 0.22 * worn - 0.3 * np.clip(seams + band, 0, 1))[..., None]
    scene = surface(generator, (HEIGHT, WIDTH), PLASTER, grain=(3, 3))
    return snapshot(generator, lay(scene, mask, cloth))


def handbag():
    """Draw a leather bag with a handle on linen: (480, 360, 3) uint8."""
    generator = np.random.default_rng(3)
    body = [(0.2, 0.42), (0.12, 0.84), (0.16, 0.88), (0.84, 0.88), (0.88, 0.84), (0.8, 0.42)]
    arc = [(0.5 + 0.2 * np.cos(a), 0.44 - 0.24 * np.sin(a)) for a in np.linspace(0, np.pi, 40)]
    handle = _shape([arc], line=15)
    flap = _shape([[(0.2, 0.42), (0.23, 0.58), (0.5, 0.65), (0.77, 0.58), (0.8, 0.42)]])
    mask = np.maximum(_shape([body]), handle)
    edge = np.clip(flap - ndimage.grey_erosion(flap, 5), 0, 1)
    clasp = _shape([_ellipse(0.5, 0.62, 0.035, 0.026)])
    leather = _cloth(generator, (0.46, 0.25, 0.14), folds=(90, 90), depth=0.05)
    leather *= (1 + 0.1 * flap - 0.45 * edge)[..., None]
    leather = leather * (1 - clasp[..., None]) + clasp[..., None] * np.array((0.85, 0.72, 0.35))
    scene = surface(generator, (HEIGHT, WIDTH), LINEN, grain=(1, 1))
    return snapshot(generator, lay(scene, mask, leather, shadow=0.45))


def scissors():
    """Draw open scissors, which are no garment, on grey card: (480, 360, 3) uint8."""
    generator = np.random.default_rng(4)
    blades = [
        [(0.47, 0.56), (0.2, 0.07), (0.29, 0.07), (0.56, 0.5)],
        [(0.53, 0.56), (0.8, 0.07), (0.71, 0.07), (0.44, 0.5)],
    ]
    arms = _shape([[(0.46, 0.5), (0.68, 0.7)], [(0.54, 0.5), (0.32, 0.7)]], line=20)
    rings = [_ellipse(x, 0.79, 0.15, 0.11) for x in (0.26, 0.74)]
    holes = [_ellipse(x, 0.79, 0.09, 0.065) for x in (0.26, 0.74)]
    grips = np.maximum(_shape(rings) * (1 - _shape(holes)), arms * (1 - _shape(holes)))
    steel = _shape(blades)
    pivot = _shape([_ellipse(0.5, 0.53, 0.022, 0.0165)])
    colours = _cloth(generator, (0.36, 0.38, 0.42), folds=(120, 60), depth=0.08)
    plastic = _cloth(generator, (0.62, 0.12, 0.12), folds=(50, 50), depth=0.06)
    colours = np.where(grips[..., None] > 0.5, plastic, colours) * (1 - 0.6 * pivot)[..., None]
    scene = surface(generator, (HEIGHT, WIDTH), SLATE, grain=(0.8, 0.8))
    return snapshot(generator, lay(scene, np.maximum(steel, grips), colours))


DRAWINGS = {"t_shirt": t_shirt, "trousers": trousers, "handbag": handbag, "scissors": scissors}


def file(name):
    """Return the path of a shipped picture.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    if name not in DRAWINGS:
        raise settings.UserError(f"{name!r} is no picture: use one of {', '.join(DRAWINGS)}.")
    return FOLDER / f"{name}.jpg"


def _mirrored(half):
    """Close the left half of an outline, given from top to bottom, by its mirror image."""
    return half + [(1 - x, y) for x, y in reversed(half)]


def _ellipse(x, y, across, down):
    angles = np.linspace(0, 2 * np.pi, 60)
    return [(x + across * np.cos(angle), y + down * np.sin(angle)) for angle in angles]


def _across():
    return np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1))


def _shape(outlines, line=0, rounding=3):
    """Return how much of each pixel the outlines cover, or lines `line` pixels wide along them.

    Points are (across, down), each 0 to 1; corners are rounded as in cloth.
    """
    size = (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING)
    drawn = Image.new("L", size)
    pen = ImageDraw.Draw(drawn)
    for outline in outlines:
        points = [(x * size[0], y * size[1]) for x, y in outline]
        if line:
            pen.line(points, fill=255, width=line * OVERSAMPLING, joint="curve")
        else:
            pen.polygon(points, fill=255)
    if not line:
        drawn = drawn.filter(ImageFilter.GaussianBlur(rounding * OVERSAMPLING))
        drawn = drawn.point(lambda value: 255 * (value > 127))
    small = drawn.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    return np.asarray(small, dtype=float) / 255


def _cloth(generator, colour, folds, depth=0.14):
    """Return cloth of a colour whose folds run down the picture, with a fine weave."""
    shape = (HEIGHT, WIDTH)
    structure = depth * smooth_noise(generator, shape, folds)
    structure += 0.04 * smooth_noise(generator, shape, 0.8)
    return np.array(colour) * np.clip(1 + structure, 0.3, 2)[..., None]


def _encoded(pixels, kind):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=QUALITY)
    return buffer.getvalue()


def save_all():
    """Draw all pictures into their folder."""
    for name, draw in DRAWINGS.items():
        path = deployment.write(file(name), _encoded(draw(), "JPEG"))
        print(f"{path}: {path.stat().st_size:,} bytes")
