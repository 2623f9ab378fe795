"""Read a folder of your own images: PNG or JPEG files, one folder per class.

The class folders lie in the folder itself, which the caller then divides, or in a folder per part,
as `train/` and `test/`. What cannot be used is named, with what to do about it, before an image is
decoded; what systems and tools leave behind is passed over.
"""

import os
import re
import unicodedata
import warnings

import numpy as np
from PIL import Image

from helpers.settings import DataError

SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # with which PNG and JPEG files begin
OTHER_KINDS = re.compile(
    rb"(?P<GIF>GIF8)|(?P<BMP>BM)|(?P<TIFF>II\*\0|MM\0\*)|(?P<WebP>RIFF....WEBP)|(?P<HEIF>....ftyp)"
    rb"|(?P<PostScript>%!PS|\xc5\xd0\xd3\xc6)|(?P<PDF>%PDF)|(?P<HTML>(?i:<!doctype|<html))"
    rb"|(?P<SVG><svg|<\?xml)",
    re.DOTALL,
)
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
TABLES = (".csv", ".tsv", ".parquet", ".npz", ".npy", ".mat", ".pkl", ".pt", ".h5", ".tfrecord")
# What systems, file servers and tools leave in folders, beside hidden files.
LEFT_BEHIND = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir", "@tmp", "@recycle", "#recycle",
    "$recycle.bin", "system volume information", "lost+found", "__macosx", "__pycache__",
}  # fmt: skip
PART = re.compile(
    r"((?P<train>train(ing)?)|(?P<test>test(ing)?)|(?P<validation>val(id(ation)?)?|dev))"
    r"([-_ ]?(set|data|images|split))?",
    re.IGNORECASE,
)
PARTS = ("train", "test", "validation")
MOST_CLASSES = 256  # labels are stored in one byte each
FEWEST_CLASSES = 2
# So that a fifth for testing, and a fifth of the rest for validation, still hold one image.
FEWEST = {"all": 4, "train": 3, "test": 1}
EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
DARK, UNIFORM = 64, 16  # the shades of a drawing in one dark colour: all below, within so many
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LAYOUT = "make one folder per class, in it or in train/ and test/ in it, and put the images there"


def read(folder, size=None, colour=False, names=None):
    """Read all images of a folder, with the names of its classes.

    `size` is the height and width to bring every image to, stretching it where its shape differs;
    without it all must be of one size. `names` may replace those of the folders.

    Returns images, (N, height, width) or in colour (N, height, width, 3) uint8, and labels, (N,)
    uint8, by the name of the part: `train` and `test`, or `all` where the folder is not parted; one
    for validation takes the place of `test` where that is missing, else it joins `train`. And the
    names of the classes, in alphabetical order of the folders, numbers in them by their value.
    Raises DataError if the folder has no such layout, a class has too few images, or a file is no
    image, is animated, has more than eight bits per channel, or is of another size than the first.
    """
    roots = _roots(folder)
    classes = _matched([(root, _class_folders(root)) for _, root in roots])
    class_names = chosen_names([_plain(path.name) for path in classes[0]], names, folder)
    seen = {os.path.realpath(root): root for root in (folder, *(root for _, root in roots))}
    files = {}
    for (part, root), paths in zip(roots, classes, strict=True):
        for label, path in enumerate(paths):
            images = sorted(_images_in(path, seen), key=lambda each: each.relative_to(root).parts)
            if not images:
                raise _unusable(path, "holds no images", "put some there, or remove the folder")
            files.setdefault(part, []).extend((each, label) for each in images)
    for part, listed in files.items():
        counts = np.bincount([label for _, label in listed])
        check_counts(counts, class_names, folder, FEWEST[part])
    first = files[roots[0][0]][0][0]
    expected = size or opened(first).size[::-1]
    parts = {part: _arrays(listed, size, expected, first, colour) for part, listed in files.items()}
    return parts, class_names


def entries(folder):
    """Return the paths in a folder, in natural order, without what systems and tools left there."""
    path = folder
    try:
        paths = [each for each in folder.iterdir() if not _is_left_behind(each.name)]
        for path in paths:
            path.stat()
    except OSError as error:
        raise _unreachable(path, error) from error
    return sorted(paths, key=lambda each: (_natural(each.name), each.name))


def inner(folder):
    """Return the folders in a folder, in natural order."""
    return [path for path in entries(folder) if path.is_dir()]


def chosen_names(found, given, place):
    """Return the names of classes as a tuple of str: those given, or else those found at a place.

    Raises DataError if the classes are too few or too many, or `given` has not one name for each.
    """
    if not FEWEST_CLASSES <= len(found) <= MOST_CLASSES:
        raise DataError(
            f"The number of classes in {_shown(place)} is {len(found)}, but {FEWEST_CLASSES} to "
            f"{MOST_CLASSES} are needed: {LAYOUT}."
        )
    if given is None:
        return tuple(found)
    names = () if isinstance(given, str) else tuple(map(str, given))
    if len(names) != len(found) or len(set(names)) != len(found):
        shown = ", ".join(found[:12]) + (", …" if len(found) > 12 else "")
        raise DataError(
            f"{_shown(place)} has {len(found)} classes ({shown}) but class_names is {given!r}: "
            "pass a list with one name per class, each different, in this order."
        )
    return names


def check_counts(counts, names, place, fewest):
    """Raise DataError where a class has fewer images than `fewest`; `counts` has one per class."""
    for name, count in zip(names, counts, strict=True):
        if count < fewest:
            raise DataError(
                f"In {_shown(place)} the class {name!r} has {count} images, but {fewest} are "
                "needed to train, to validate and to test: add some, or remove the class."
            )


def opened(path, colour=False):
    """Return an image file as an upright, opaque Pillow image in grey, or in red, green and blue.

    What is transparent becomes black, the ground of the series' images; a drawing in one dark
    colour on a transparent ground, as icons are, becomes white on black. Raises DataError if the
    file is no PNG or JPEG, is damaged, too large, animated or wholly transparent, or has more than
    eight bits per channel.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged entries beside a picture that is whole
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                # Some cameras hide a second view in a JPEG file (MPO); that is no animation.
                frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
                mode = image.mode
                image.load()
                image = _upright(image)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _unusable(path, f"is too large ({error})", "make it smaller") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise _unusable(path, f"cannot be read as an image ({error})", "replace it") from error
    if frames > 1:
        raise _unusable(path, f"is animated, with {frames} frames", "save one of them")
    if mode not in EIGHT_BITS:
        raise _unusable(path, f"has pixels of the kind {mode}", "save it with 8 bits per channel")
    if image.has_transparency_data:
        image = _opaque(image.convert("RGBA"), path)
    return image.convert("RGB" if colour else "L")


def resized(image, size):
    """Return a Pillow image at another size, (height, width), as an array, dtype uint8."""
    height, width = size
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.uint8)


def resized_stack(images, size=None, colour=False):
    """Return an array of images, dtype uint8, at another size, in grey or in colour."""
    size = tuple(size or images.shape[1:3])
    if images.shape[1:] == (size + (3,) if colour else size):
        return images
    mode = "RGB" if colour else "L"
    return np.stack([resized(Image.fromarray(image).convert(mode), size) for image in images])


def words(size):
    """Return a height and a width as a reader would write them."""
    return f"{size[0]} × {size[1]}"


def no_folder(path):
    """Return the error of a path where a folder of images is needed, by what is there instead."""
    if not os.path.exists(path):
        return _unusable(path, "does not exist", "pass a folder that holds your images")
    if path.suffix.lower() in ARCHIVES:
        return _unusable(path, "is an archive", "unpack it, and pass the folder that comes of it")
    if path.suffix.lower() in TABLES:
        remedy = "read it with pandas or NumPy, and pass its arrays to data.LabelledImages"
        return _unusable(path, "is a table or an array, and no folder of images", remedy)
    return _unusable(path, "is no folder", "pass the folder that holds the folders of the classes")


def _roots(folder):
    """Return (part, folder that holds class folders) of every part."""
    inside = inner(folder)
    named = [(_part(path), path) for path in inside if _part(path)]
    parted = {part: path for part, path in named if inner(path)}
    if not parted:
        return [("all", folder)]
    for part, path in named:
        if path != parted.get(part):
            twin = f" beside {parted[part].name}/" if part in parted else ", without class folders"
            remedy = "sort its images into folders of the classes, or move it elsewhere"
            raise _unusable(path, f"is named like a part of the data set{twin}", remedy)
    if "train" not in parted or len(parted) == 1:
        raise DataError(
            f"{_shown(folder)} holds {', '.join(path.name for path in inside)}, of which some look "
            "like parts and some like classes: make the parts train/ and test/ with the class "
            "folders in each, or leave nothing but the class folders."
        )
    instead = "train" if "test" in parted else "test"
    return [
        (instead if part == "validation" else part, parted[part])
        for part in PARTS
        if part in parted
    ]


def _part(path):
    """Return which part of a data set a folder's name means, or None."""
    match = PART.fullmatch(path.name)
    return next((part for part in PARTS if match and match[part]), None)


def _class_folders(root):
    """Return the class folders of a part by what is equal in names that look alike."""
    found = {}
    for path in inner(root):
        if _shown(path.name) != path.name:
            raise _unusable(path, "has a name that is no UTF-8", "rename it")
        key = _plain(path.name).casefold()
        if key in found:
            raise _unusable(path, f"is named like {found[key].name}/", "put their images together")
        found[key] = path
    return found or _without_classes(root)


def _without_classes(root):
    """Name what a folder holds instead of class folders."""
    files = entries(root)
    if any(_fault(path) is None for path in files):
        raise _unusable(root, "holds images but no class folders", LAYOUT)
    for path in files:
        if path.suffix.lower() in ARCHIVES + TABLES:
            raise no_folder(path)
    raise _unusable(root, "holds no class folders", LAYOUT)


def _matched(found):
    """Return the class folders of each part, of (folder of the part, its class folders), alike."""
    (root, classes), *others = found
    for other, own in others:
        for key in sorted(set(classes) ^ set(own)):
            known, missing = (classes, other) if key in classes else (own, root)
            raise DataError(
                f"The class {known[key].name!r} has no folder in {_shown(missing)}: make it and "
                "put images into it, or remove the class."
            )
    return [[own[key] for key in classes] for _, own in found]


def _images_in(folder, seen):
    """Yield the images in a folder and in those within it; no folder may be met twice."""
    real = os.path.realpath(folder)
    if real in seen:
        raise _unusable(folder, f"leads to {_shown(seen[real])} once more", "remove it or the link")
    seen[real] = folder
    paths = entries(folder)
    if len({_part(path) for path in paths if path.is_dir()} - {None}) > 1:
        remedy = "put the parts outside, with the class folders in each"
        raise _unusable(folder, "is a class with parts like train/ and test/ in it", remedy)
    for path in paths:
        if path.is_dir():
            yield from _images_in(path, seen)
        elif fault := _fault(path):
            raise _unusable(path, fault, "convert it to one, or move it elsewhere")
        else:
            yield path


def _fault(path):
    """Return why a file is no PNG or JPEG, judged by how it begins, or None."""
    if not path.is_file():
        return "is a device or pipe and no PNG or JPEG image"
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as error:
        raise _unreachable(path, error) from error
    if head.startswith(SIGNATURES):
        return None
    kind = OTHER_KINDS.match(head)
    kind = f"is {kind.lastgroup} and" if kind else "is empty and" if not head else "is"
    return f"{kind} no PNG or JPEG image"


def _is_left_behind(name):
    return name.startswith((".", "~$")) or name.endswith("~") or name.lower() in LEFT_BEHIND


def _natural(name):
    """Return a key that sorts names by the alphabet and numbers in them by their value."""
    pieces = re.split(r"(\d+)", _plain(name).casefold())
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)]


def _plain(name):
    """Return a name in one spelling of its accents, of which systems have two."""
    return unicodedata.normalize("NFC", name).strip()


def _upright(image):
    """Return an image as its camera was held, where the file says so legibly."""
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # damaged entries raise errors of many kinds, and the picture is there
        turn = None
    return image.transpose(turn) if turn is not None else image.copy()


def _opaque(image, path):
    """Return an image without transparency; see `opened`."""
    alpha = np.asarray(image.getchannel("A"))
    if not alpha.any():
        raise _unusable(path, "is wholly transparent", "replace it")
    shades = np.asarray(image)[alpha >= min(128, alpha.max()), :3].max(axis=-1)
    if alpha.min() < 255 and shades.max() < DARK and np.ptp(shades) < UNIFORM:
        return image.getchannel("A")
    return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)


def _arrays(listed, size, expected, first, colour):
    images = np.empty((len(listed), *expected, *([3] * colour)), np.uint8)
    for number, (path, _) in enumerate(listed):
        image = opened(path, colour)
        if size is None and image.size[::-1] != expected:
            raise _unusable(
                path,
                f"has {words(image.size[::-1])} pixels while {first} has {words(expected)}",
                "make all images equally large, or pass the size to bring them to, as "
                "size=(28, 28)",
            )
        images[number] = resized(image, expected)
    return images, np.array([label for _, label in listed], np.uint8)


def _shown(path):
    """Return a path or name as text that can be printed."""
    return str(path).encode("utf-8", "replace").decode()


def _unreachable(path, error):
    return _unusable(path, f"cannot be reached ({error.strerror})", "mend its rights or its link")


def _unusable(path, fault, remedy):
    return DataError(f"{_shown(path)} {fault}: {remedy}.")
