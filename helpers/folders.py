"""Read a folder of your own images: PNG or JPEG files, one folder per class.

The folder either holds `train/` and `test/` with the class folders in each, or the class folders
themselves, which the caller then splits. What cannot be used is named, with what to do about it.
"""

import warnings

import numpy as np
from PIL import Image, ImageOps

from helpers.settings import DataError

ENDINGS = (".png", ".jpg", ".jpeg")
IGNORED = ("thumbs.db", "desktop.ini")  # what file managers leave behind, beside hidden files
PARTS = ("train", "test")
MOST_CLASSES = 256  # labels are stored in one byte each
FEWEST_CLASSES = 2
EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
LAYOUT = "make one folder per class, in it or in train/ and test/ in it, and put the images there"


def read(folder, size=None):
    """Read all images of a folder, in grey.

    Parameters
    ----------
    folder : pathlib.Path
    size : tuple of int, optional
        Height and width to bring every image to, stretching it where its shape differs; without
        it all images must be of one size.

    Returns
    -------
    parts : dict
        Images, shape (N, height, width), dtype uint8, and labels, shape (N,), dtype uint8, by the
        name of the part: `train` and `test`, or `all` where the folder is not parted.
    class_names : tuple of str
        The names of the class folders in alphabetical order; a label is the place in it.

    Raises
    ------
    DataError
        If the folder has no such layout, a class is empty, or a file is no image, is animated,
        has more than eight bits per channel, or is of another size than the first.
    """
    roots = _roots(folder)
    names = _class_names(roots)
    files = {part: _files(root, names) for part, root in roots.items()}
    first = next(iter(files.values()))[0][0]
    expected = size or grey(first).size[::-1]
    parts = {part: _arrays(listed, size, expected, first) for part, listed in files.items()}
    return parts, names


def class_names(folder):
    """Return the names of a folder's classes, a tuple of str, without reading its images.

    Raises
    ------
    DataError
        If the folder has no such layout.
    """
    return _class_names(_roots(folder))


def grey(path):
    """Return an image file as a Pillow image in grey, upright, transparency on black.

    Raises
    ------
    DataError
        If the file is no image, is animated, or has more than eight bits per channel.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                # Some cameras hide a second view in a JPEG file (MPO); that is no animation.
                frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
                mode = image.mode
                image.load()
                upright = ImageOps.exif_transpose(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unusable(path, f"cannot be read as an image ({error})", "replace it") from error
    except Image.DecompressionBombWarning as error:
        raise _unusable(path, f"is too large ({error})", "make it smaller") from error
    if frames > 1:
        raise _unusable(path, f"is animated, with {frames} frames", "save one of them")
    if mode not in EIGHT_BITS:
        raise _unusable(path, f"has pixels of the kind {mode}", "save it with 8 bits per channel")
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "black"), upright)
    return upright.convert("L")


def resized(image, size):
    """Return a grey Pillow image at another size, (height, width), as an array, dtype uint8."""
    height, width = size
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.uint8)


def resized_stack(images, size):
    """Return an array of grey images, shape (N, height, width), dtype uint8, at another size."""
    return np.stack([resized(Image.fromarray(image), size) for image in images])


def _roots(folder):
    """Return the folders that hold class folders, by the name of the part."""
    if not folder.is_dir():
        raise DataError(f"The folder {folder} does not exist: name one that holds your images.")
    if all((folder / part).is_dir() for part in PARTS):
        return {part: folder / part for part in PARTS}
    return {"all": folder}


def _class_names(roots):
    """Return the names of the class folders, which must be the same in every part."""
    by_part = {part: _visible_folders(root) for part, root in roots.items()}
    (first, names), *others = by_part.items()
    for part, found in others:
        for name in sorted(set(names) ^ set(found)):
            missing = part if name in names else first
            raise DataError(
                f"The class {name!r} has no folder {roots[missing] / name}: make it and put images "
                "into it, or remove the class."
            )
    if not FEWEST_CLASSES <= len(names) <= MOST_CLASSES:
        raise DataError(
            f"{roots[first]} holds {len(names)} class folders, but {FEWEST_CLASSES} to "
            f"{MOST_CLASSES} are needed: {LAYOUT}."
        )
    return tuple(names)


def _visible_folders(root):
    return sorted(
        path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _files(root, names):
    """Return (file, label) of every image, class by class, or name a file that is none."""
    listed = []
    for label, name in enumerate(names):
        paths = sorted(path for path in (root / name).iterdir() if not _is_ignored(path))
        for path in paths:
            if path.suffix.lower() not in ENDINGS or not path.is_file():
                raise _unusable(
                    path, "is no PNG or JPEG file", "convert it to one, or move it elsewhere"
                )
        if not paths:
            raise DataError(f"{root / name} holds no images: put some there, or remove the folder.")
        listed += [(path, label) for path in paths]
    return listed


def _is_ignored(path):
    return path.name.startswith(".") or path.name.lower() in IGNORED


def _arrays(listed, size, expected, first):
    images = np.empty((len(listed), *expected), np.uint8)
    for number, (path, _) in enumerate(listed):
        image = grey(path)
        if size is None and image.size[::-1] != expected:
            raise _unusable(
                path,
                f"has {_words(image.size[::-1])} pixels while {first} has {_words(expected)}",
                "make all images equally large, or pass the size to bring them to, as "
                "size=(28, 28)",
            )
        images[number] = resized(image, expected)
    return images, np.array([label for _, label in listed], np.uint8)


def _words(size):
    return f"{size[0]} × {size[1]}"


def _unusable(path, fault, remedy):
    return DataError(f"{path} {fault}: {remedy}.")
