"""Loading pictures (notebook 17): checked, upright, and of a size that is quick to work on.

Strangers hand in strange files. Nothing is executed, and what is wrong is said in one sentence.
NumPy and Pillow are all it needs, so that a copy of this file works beside an exported network.
"""

import io
import os
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

try:
    from helpers.settings import UserError
except ImportError:  # this file was copied out of the project

    class UserError(Exception):
        """A failure the reader can mend: its message says what is wrong and what to do."""


# Formats that only hold pixels. Others are left out on purpose: EPS, for one, is a program.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "HEIF")
# What files hold that only bear an image's name, by what stands at their beginning.
STRANGERS = {
    b"%pdf": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"ftyphei": "a HEIC photograph",
    b"ftypmif1": "a HEIC photograph",
    b"ftypavif": "an AVIF image",
}
MOST_BYTES = 100_000_000
MOST_PIXELS = 250_000_000
MOST_UNPACKED = 64_000_000  # only JPEG files can be unpacked at a fraction of their size
ORIENTATION = 0x0112  # the entry of EXIF whose values mean these turns of Pillow
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
LARGEST_EDGE = 1024
EDGE = 28
WHITE = 255
SOLID = 128  # an alpha from here on is the object's


def read(source):
    """Read a picture, after its size, format and frames have been checked.

    Parameters
    ----------
    source : str, pathlib.Path, bytes, file, PIL.Image.Image or numpy.ndarray
        A path, the content of a file, an open one, or pixels: (height, width) or (height, width,
        channels), bytes or numbers from 0 to 1.

    Returns
    -------
    PIL.Image.Image
        In RGBA, upright; its longest edge has at most 1024 pixels.

    Raises
    ------
    UserError
        If it is missing or closed to us, too large (in bytes or in pixels), too small, animated,
        damaged, transparent throughout, or no image in one of the formats `FORMATS`.
    """
    name, content, image = "The image", b"", source
    if not isinstance(source, Image.Image) and not hasattr(source, "__array__"):
        name, content = _content(source)
    try:
        with _pillow_without_limits():
            if content:
                formats = [each for each in FORMATS if each in Image.OPEN]
                image = Image.open(io.BytesIO(content), formats=formats)
            elif not isinstance(source, Image.Image):
                image = _from_array(np.asarray(source))
            _check_header(image, name)
            if content:
                image.draft(None, (LARGEST_EDGE, LARGEST_EDGE))
            picture = _upright(image)
    except UserError:
        raise
    except UnidentifiedImageError as error:
        start = content[:1000].lower()
        strange = (f"is {STRANGERS[mark]}" for mark in STRANGERS if mark in start)
        fault = next(strange, "cannot be read as an image")
        raise UserError(f"{name} {fault}: save it as JPEG or PNG.") from error
    except Exception as error:  # damaged files make Pillow raise anything
        raise UserError(f"{name} is damaged ({error}): save the image again.") from error
    if picture.getchannel("A").getextrema()[1] < SOLID:
        raise UserError(f"{name} is transparent throughout: save it with its object visible.")
    return picture


@contextmanager
def _pillow_without_limits():
    """Leave the number of pixels to `_check_header`: Pillow refuses what telephones take."""
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.init()
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _content(source):
    """Return what to call a file, and its bytes."""
    name = "The image"
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
    elif hasattr(source, "read"):
        name = Path(str(getattr(source, "name", name))).name
        if getattr(source, "closed", False):
            raise UserError(f"{name} is closed: open it again, or pass its path.")
        with suppress(OSError, AttributeError):  # what comes through a pipe has no beginning
            source.seek(0)
        content = source.read(MOST_BYTES + 1)
        if isinstance(content, str):
            raise UserError(f"{name} was opened as text: open it with 'rb', or pass its path.")
    elif isinstance(source, (str, os.PathLike)):
        name, content = _file_content(Path(source))
    else:
        raise UserError(
            f"{type(source).__name__} is no picture: pass the path of an image, its content, a "
            "Pillow image or an array of its pixels."
        )
    _check_bytes(name, len(content))
    return name, content


def _file_content(path):
    try:
        if not path.exists():  # a name may begin with a tilde
            path = Path(os.path.expanduser(path))
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no file"
            raise UserError(f"{path} is {what}: pass the path of an image.")
        _check_bytes(path.name, path.stat().st_size)
        return path.name, path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path} cannot be opened ({reason}): check its name and rights."
        ) from error


def _check_bytes(name, size):
    if not size:
        raise UserError(f"{name} is empty: save the image again.")
    if size > MOST_BYTES:
        raise UserError(
            f"{name} has more than the {MOST_BYTES / 1e6:.0f} megabytes that are read here: make "
            "it smaller."
        )


def _from_array(pixels):
    """Return an image of bytes, of truths, or of numbers from 0 to 1, to 255 or to 65,535."""
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    is_shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (2, 3, 4))
    if not is_shaped or not pixels.size or pixels.dtype.kind not in "buif":
        raise UserError(
            f"An array of the shape {pixels.shape} and type {pixels.dtype} is no picture: pass one "
            "picture, (height, width) or (height, width, 3)."
        )
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 65_535):  # neither holds for what is no number
        raise UserError(f"The pixels go from {low} to {high}: pass bytes, or numbers from 0 to 1.")
    scale = WHITE if high <= 1 else 1 if high <= WHITE else 1 / 257
    return Image.fromarray(np.rint(pixels * scale).astype(np.uint8))


def _check_header(image, name):
    """Refuse by what the header says, before a single pixel is unpacked."""
    is_jpeg = image.format in ("JPEG", "MPO")
    count, most = image.width * image.height, MOST_PIXELS if is_jpeg else MOST_UNPACKED
    if count > most:
        raise UserError(
            f"{name} has {count / 1e6:,.0f} million pixels, more than the {most / 1e6:.0f} million "
            f"that are read here: make it smaller{'' if is_jpeg else ', or save it as JPEG'}."
        )
    if max(image.size) < EDGE - 4:  # without its margin, an image of the data set may lack a few
        raise UserError(
            f"{name} has {image.width} × {image.height} pixels: pass an image of at least {EDGE} × "
            f"{EDGE}."
        )
    # Some cameras hide a second, larger view in a JPEG file (MPO); that is no animation.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise UserError(
            f"{name} is animated or has pages: save one of its pictures as JPEG or PNG."
        )


def _upright(image):
    """Turn a picture as its EXIF says, which is read and never written again; reduce large ones."""
    turn = None
    with suppress(Exception):  # cameras write EXIF that nobody can read
        turn = TURNS.get(image.getexif().get(ORIENTATION))
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        image = _from_array(np.asarray(image))
    factor = max(image.size) // LARGEST_EDGE
    if factor > 1 and image.mode in ("L", "RGB") and "transparency" not in image.info:
        image = image.reduce(factor)
    image = image.convert("RGBA")
    image.thumbnail((LARGEST_EDGE, LARGEST_EDGE), Image.Resampling.BOX)
    return image if turn is None else image.transpose(Image.Transpose(turn))
