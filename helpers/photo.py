"""From an image file to the 28 × 28 grey pixels that the networks know, one step at a time.

The steps after the background is gone are those of the data set's authors. NumPy and Pillow are
all it needs, so that a copy of this file works beside an exported network; nothing is executed and
nothing leaves the machine.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps, UnidentifiedImageError

try:
    from helpers.settings import UserError
except ImportError:  # this file was copied out of the project

    class UserError(Exception):
        """A failure the reader can mend: its message says what is wrong and what to do."""


# Formats that only hold pixels. Others are left out on purpose: EPS, for one, is a program.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MOST_BYTES = 25_000_000
MOST_PIXELS = 50_000_000
SHORTEST_EDGE = 28
EDGE = 28
WORKING_EDGE = 256
THUMBNAIL_EDGE = 73  # the authors began with thumbnails of 51 × 73 pixels
BORDER_SHARE = 0.05
CLOSENESS = 0.05  # the authors' too: share of the largest distance between two colours
WHITE = 255


@dataclass(frozen=True)
class Steps:
    """What a photograph became on its way, for people to look at, and `pixels` for the network.

    `picture` (height, width, 3) uint8; `distance` from the background (height, width) float, 0 to
    1; `mask` (height, width) bool, the object; `cut_out` (h, w, 3) uint8 on white, trimmed;
    `small`, `sharpened` (h, w, 3) uint8 with a longest edge of 28; `centred` (28, 28, 3) uint8;
    `pixels` (28, 28) uint8, light on black. `negative` says that the picture was light on black.
    """

    picture: np.ndarray
    distance: np.ndarray
    mask: np.ndarray
    cut_out: np.ndarray
    small: np.ndarray
    sharpened: np.ndarray
    centred: np.ndarray
    pixels: np.ndarray
    negative: bool


def prepare(source):
    """Turn an image file into what the networks were trained on.

    Parameters
    ----------
    source : str, pathlib.Path or bytes
        A file, or its content.

    Returns
    -------
    Steps

    Raises
    ------
    UserError
        As `read`, or if nothing stands out from the background.

    References
    ----------
    Xiao, Rasul and Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
    Learning Algorithms", arXiv:1708.07747, section 2, 2017.
    """
    picture = read(source)
    picture.thumbnail((WORKING_EDGE, WORKING_EDGE), Image.Resampling.BOX)
    picture, negative = positive(picture)
    distance, background = background_distance(picture)
    mask = object_mask(distance)
    cut_out = trim(on_white(picture, background, mask))
    small = subsample(cut_out)
    sharpened = small.filter(ImageFilter.UnsharpMask(radius=1, percent=60, threshold=2))
    centred = centre(sharpened)
    return Steps(
        picture=np.asarray(picture),
        distance=distance,
        mask=mask,
        cut_out=np.asarray(cut_out),
        small=np.asarray(small),
        sharpened=np.asarray(sharpened),
        centred=np.asarray(centred),
        pixels=np.asarray(ImageChops.invert(centred).convert("L")),
        negative=negative,
    )


def read(source):
    """Read an image file, after its size, format and frames have been checked.

    Parameters
    ----------
    source : str, pathlib.Path or bytes

    Returns
    -------
    PIL.Image.Image
        In RGB, upright, transparency on white.

    Raises
    ------
    UserError
        If it is missing or closed to us, too large (in bytes or in pixels), too small, animated,
        damaged or no image in one of the formats `FORMATS`.
    """
    name, content = _content(source)
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures that unpack to far more than they seem to be.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            _check_header(image, name)
            return _upright_rgb(image)
    except UnidentifiedImageError as error:
        raise UserError(f"{name} cannot be read as an image: save it as JPEG or PNG.") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large(name) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise UserError(f"{name} is damaged ({error}): save the image again.") from error


def _content(source):
    if isinstance(source, bytes):
        name, size = "The image", len(source)
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            raise UserError(f"{path} is no file: pass the path of an image.")
        name, size = path.name, path.stat().st_size
    if size > MOST_BYTES:
        raise UserError(
            f"{name} has {size / 1e6:.0f} megabytes, more than the {MOST_BYTES / 1e6:.0f} that are "
            "read here: make it smaller."
        )
    if isinstance(source, bytes):
        return name, source
    try:
        return name, path.read_bytes()
    except OSError as error:
        raise UserError(f"{name} cannot be opened ({error.strerror}): check its rights.") from error


def _check_header(image, name):
    """Refuse by what the header says, before a single pixel is unpacked."""
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(name)
    if min(image.size) < SHORTEST_EDGE:
        raise UserError(
            f"{name} has {image.width} × {image.height} pixels: pass an image of at least "
            f"{SHORTEST_EDGE} × {SHORTEST_EDGE}."
        )
    # Some cameras hide a second, larger view in a JPEG file (MPO); that is no animation.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise UserError(f"{name} is animated: save one of its pictures as JPEG or PNG.")


def _too_large(name):
    return UserError(
        f"{name} has more pixels than the {MOST_PIXELS / 1e6:.0f} million that are read here: make "
        "it smaller."
    )


def _upright_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        grey = np.asarray(image, dtype=np.float64)
        image = Image.fromarray((grey / (257 if grey.max() > WHITE else 1)).astype(np.uint8))
    image = image.convert("RGBA")
    sheet = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(sheet, image).convert("RGB")


def positive(picture):
    """Return a picture dark on light: one that is light on black, as the data set, is inverted.

    Parameters
    ----------
    picture : PIL.Image.Image, RGB

    Returns
    -------
    picture : PIL.Image.Image, RGB
    negative : bool
        Whether it was light on black.
    """
    grey = np.asarray(picture.convert("L"))
    border = grey[_border(grey.shape)]
    negative = bool(np.median(border) < 0.06 * WHITE and grey.mean() > border.mean())
    return (ImageChops.invert(picture) if negative else picture), negative


def background_distance(picture):
    """Model the background from the picture's border; measure how far each pixel is from it.

    Brightness falls off across a table or a wall, so each colour channel of the background is a
    curved surface (of second degree), fitted to the border without what sticks out of it.

    Parameters
    ----------
    picture : PIL.Image.Image, RGB

    Returns
    -------
    distance : numpy.ndarray, shape (height, width), float
        Distance in colour, 0 to 1.
    background : numpy.ndarray, shape (height, width, 3), float
        Intensities, 0 to 1.
    """
    smooth = picture.filter(ImageFilter.GaussianBlur(1.5))
    colours = np.asarray(smooth, dtype=np.float64) / WHITE
    height, width = colours.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    border = _border((height, width))
    known, seen = terms[border], colours[border]
    kept = np.ones(len(seen), dtype=bool)
    for _ in range(4):
        surface = np.linalg.lstsq(known[kept], seen[kept], rcond=None)[0]
        away = np.linalg.norm(seen - known @ surface, axis=1)
        kept = away <= max(3 * np.median(away), 0.01)
    background = np.clip(terms @ surface, 0, 1)
    return np.linalg.norm(colours - background, axis=2) / np.sqrt(3), background


def _border(shape):
    """Return which pixels of a picture lie in a frame along its border."""
    thick = max(2, round(BORDER_SHARE * min(shape)))
    frame = np.ones(shape, dtype=bool)
    frame[thick:-thick, thick:-thick] = False
    return frame


def object_mask(distance):
    """Find the object: what is far from the background, without specks and without holes.

    Parameters
    ----------
    distance : numpy.ndarray, shape (height, width), float
        From the background, 0 to 1.

    Returns
    -------
    numpy.ndarray, shape (height, width), bool

    Raises
    ------
    UserError
        If nothing stands out, or what does fills the picture.
    """
    noise = float(np.quantile(distance[_border(distance.shape)], 0.9))
    # A quarter of the way: pale sleeves of a dark shirt count, grain and soft shadows do not.
    found = distance > max(0.25 * otsu(distance), 2 * noise, 0.04)
    mask = Image.fromarray(np.where(found, WHITE, 0).astype(np.uint8))
    mask = mask.filter(ImageFilter.MinFilter(5)).filter(ImageFilter.MaxFilter(3))
    mask = _without_islands(_without_holes(np.asarray(mask) > 0))
    if not 0.01 < mask.mean() < 0.9:
        raise UserError(
            "No object stands out from the background: lay it on a plain surface of another "
            "colour, with some of the surface visible on all sides."
        )
    return mask


def otsu(values, bins=256):
    """Return the threshold between two groups of values that differ most.

    Parameters
    ----------
    values : numpy.ndarray, float
        Not all equal, or else the threshold means nothing.
    bins : int

    References
    ----------
    Otsu, "A Threshold Selection Method from Gray-Level Histograms", IEEE Transactions on Systems,
    Man, and Cybernetics 9, 1979.
    """
    count, edges = np.histogram(values, bins)
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(count)[:-1]
    above = count.sum() - below
    total = np.cumsum(count * middle)
    gap = total[:-1] / np.maximum(below, 1) - (total[-1] - total[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * gap**2)])


def _without_holes(mask):
    """Fill what cannot be reached from outside."""
    outside = np.zeros(np.add(mask.shape, 2), dtype=bool)
    outside[0] = True
    return ~_reached(outside, ~np.pad(mask, 1))[1:-1, 1:-1]


def _without_islands(mask, least_share=0.15, most=200):
    """Keep the largest region and those of a comparable size: shoes come in pairs.

    Of a surface that breaks up into more than `most` regions, the first of them are looked at.
    """
    regions, left = [], mask.copy()
    while left.any() and len(regions) < most:
        seed = np.zeros_like(left)
        seed.flat[np.argmax(left)] = True
        regions.append(_reached(seed, left))
        left &= ~regions[-1]
    sizes = [np.count_nonzero(region) for region in regions]
    kept = [
        region
        for region, size in zip(regions, sizes, strict=True)
        if size >= least_share * max(sizes)
    ]
    return np.any(kept, axis=0) if kept else mask


def _reached(seed, allowed):
    """Return the allowed pixels that are connected with the seed by their edges."""
    reached, count = seed & allowed, 0
    while count < (now := np.count_nonzero(reached)):
        count = now
        for _ in range(8):  # steps between two counts
            grown = reached.copy()
            grown[1:] |= reached[:-1]
            grown[:-1] |= reached[1:]
            grown[:, 1:] |= reached[:, :-1]
            grown[:, :-1] |= reached[:, 1:]
            reached = grown & allowed
    return reached


def on_white(picture, background, mask):
    """Put the object on white, and even out the light where the background was light.

    Parameters
    ----------
    picture : PIL.Image.Image, RGB
    background : numpy.ndarray, shape (height, width, 3), float
    mask : numpy.ndarray, shape (height, width), bool

    Returns
    -------
    PIL.Image.Image, RGB
    """
    colours = np.asarray(picture, dtype=np.float64) / WHITE
    if background.mean() > 0.45:
        # What a white surface shows is the light that falls on it: divide by it.
        colours = np.clip(colours / np.maximum(background, 0.2), 0, 1)
    soft = Image.fromarray(np.where(mask, WHITE, 0).astype(np.uint8))
    share = np.asarray(soft.filter(ImageFilter.GaussianBlur(0.7)))[..., None] / WHITE
    return Image.fromarray(np.rint(WHITE * (share * colours + 1 - share)).astype(np.uint8))


def trim(picture):
    """Cut off edges of the background's white, and reduce to the size of the authors' thumbnails.

    Parameters
    ----------
    picture : PIL.Image.Image, RGB
        On white. Rows and columns at the edges go whose pixels are all within 5 % of it.

    Returns
    -------
    PIL.Image.Image
        Its longest edge has at most 73 pixels.
    """
    away = np.linalg.norm(WHITE - np.asarray(picture, dtype=np.float64), axis=2)
    seen = away > CLOSENESS * WHITE * np.sqrt(3)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        raise UserError(
            "The object is as bright as its background: lay it on a surface of another colour."
        )
    cropped = picture.crop(tuple(map(int, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))))
    cropped.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE), Image.Resampling.BOX)
    return cropped


def subsample(picture, edge=EDGE):
    """Give the longest edge so many pixels by keeping some rows and columns, as the authors did.

    Parameters
    ----------
    picture : PIL.Image.Image
    edge : int

    Returns
    -------
    PIL.Image.Image
    """
    scale = edge / max(picture.size)
    size = [max(1, round(scale * length)) for length in picture.size]
    return picture.resize(size, Image.Resampling.NEAREST)


def centre(picture, edge=EDGE):
    """Put a picture in the middle of a white square, `edge` pixels wide."""
    square = Image.new(picture.mode, (edge, edge), "white")
    square.paste(picture, ((edge - picture.width) // 2, (edge - picture.height) // 2))
    return square


def upload():
    """Ask for an image on Colab, by its own button; it goes to your Colab machine alone.

    Returns
    -------
    bytes
        The content of the first file.

    Raises
    ------
    UserError
        Anywhere else, or if no file was chosen.
    """
    try:
        from google.colab import files
    except ImportError as error:
        raise UserError(
            "Files are uploaded on Colab alone: here, set `source` to the path of your image."
        ) from error
    chosen = files.upload()
    if not chosen:
        raise UserError("No file was chosen: run this cell again.")
    return next(iter(chosen.values()))
