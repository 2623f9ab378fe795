"""Photographs (notebook 17): from an image file to the 28 × 28 grey pixels that the networks know.

What already looks like the data set is taken as it is. Of anything else the background goes first;
the steps after that are those of the data set's authors. NumPy and Pillow are all it needs, so that
a copy of this file works beside an exported network; nothing is executed and nothing leaves the
machine.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

try:
    from helpers.topics.loading import EDGE, SOLID, WHITE, UserError, read
except ImportError:  # these files were copied out of the project
    from loading import EDGE, SOLID, WHITE, UserError, read

WORKING_EDGE = 256
THUMBNAIL_EDGE = 73  # the authors began with thumbnails of 51 × 73 pixels
RECTANGULAR = 0.985  # of its box: an alpha that fills so much frames a picture, or a flat thing
NEARLY = 16  # grey levels by which JPEG files change black, white and grey
BORDER_SHARE = 0.05
LEAST_GROUND = 0.15  # so many pixels are black in the data set, mean of all and of the outermost
LEAST_TRIMMED = 0.02  # without its margin, a narrow image of the data set may have so few
SMALL_EDGE = 64  # what is larger is like the data set only where it is an enlargement
# Share of its light that such a picture loses where it is reduced and enlarged again; more is
# allowed where the object touches the edge, as it would be called cut in a photograph.
MOST_DETAIL, MOST_AT_EDGE = 0.06, 0.09
ENLARGED_BY = [
    Image.Resampling[kind] for kind in ("NEAREST", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS")
]
FEWEST_LEVELS = 20  # every image of the data set has more grey levels, flat drawings have fewer
LEAST_BRIGHT = 192  # the brightest pixel of every image of the data set has 254 or 255
MOST_CUT = 0.15  # share of the object's width or height along which it may touch the edge
PALEST = 0.95  # how bright an object may look on white
LUMINANCE = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Steps:
    """What a photograph became on its way, for people to look at, and `pixels` for the network.

    `picture` (height, width, 3) uint8; `distance` from the background (height, width) float, 0 to
    1; `mask` (height, width) bool, the object; `cut_out` (h, w, 3) uint8 on white, trimmed;
    `small`, `sharpened` (h, w, 3) uint8 with a longest edge of 28; `centred` (28, 28, 3) uint8;
    `pixels` (28, 28) uint8, light on black. `negative` says that the picture was light on black.
    A picture that is taken as it is has one and the same image for its last steps.
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
    """Turn a picture, from a path, bytes, an image or an array (see `read`), into `Steps`.

    Raises UserError as `read`, or if nothing stands out from the background, or the edge cuts the
    object. Source: Xiao, Rasul and Vollgraf, arXiv:1708.07747, section 2, 2017.
    """
    picture = read(source)
    inside = _inside_transparency(picture)
    if inside is not None:
        with suppress(UserError):  # a rectangular object that was cut out looks like this too
            return _prepared(inside)
    return _prepared(picture)


def _prepared(picture):
    known, box = _from_data_set(picture), _inside_frame(picture)
    if known is None and box:
        picture = picture.crop(box)
        known = _from_data_set(picture)
        fringe = 1 + max(picture.size) // 200
        picture = ImageOps.crop(picture, fringe)
    return known or _from_photograph(picture)


def _from_photograph(picture):
    """Find the object, or take the alpha of a cut-out for it; go on as the authors did."""
    is_cut_out = _is_cut_out(picture)
    if min(picture.size) < EDGE and not is_cut_out:
        raise UserError(
            f"The picture is too narrow: pass one of at least {EDGE} × {EDGE} pixels, with some of "
            "the surface visible on all sides."
        )
    picture = picture.copy()
    picture.thumbnail((WORKING_EDGE, WORKING_EDGE), Image.Resampling.BOX)
    if is_cut_out:
        distance = np.asarray(picture.getchannel("A")) / WHITE
        mask, background = distance >= 0.5, np.ones((*distance.shape, 3))
        picture, negative = _on_ground(picture, "white"), False
    else:
        picture, negative = _positive(picture)
        distance, background = _background_distance(picture)
        mask = _object_mask(distance)
    cut_out = _trim(_on_white(picture, background, mask), mask)
    small = subsample(cut_out)
    sharpened = small.filter(ImageFilter.UnsharpMask(radius=1, percent=60, threshold=2))
    centred = _centre(sharpened)
    pixels = _full_range(np.asarray(ImageChops.invert(centred).convert("L")))
    steps = (picture, distance, mask, cut_out, small, sharpened, centred, pixels)
    return Steps(*map(np.asarray, steps), negative)


def _from_data_set(picture):
    """Take a picture that looks like the data set's as it is: grey, on pure black or pure white.

    It may be enlarged, inverted, cut out, or have a margin; of anything else None is returned. The
    border tells black from white. A cut-out has none: there the rim of the object tells, which
    fades into what it was cut from.
    """
    if not _is_grey(picture):
        return None
    is_cut_out, alpha = _is_cut_out(picture), np.asarray(picture.getchannel("A"))
    grey = np.asarray(picture.convert("RGB").convert("L"))
    parts = (grey, grey[_border(grey.shape, 1)])
    black, white = (np.mean([np.mean(_is_near(part, end)) for part in parts]) for end in (0, WHITE))
    least = LEAST_GROUND if min(grey.shape) >= EDGE else LEAST_TRIMMED
    if not is_cut_out and max(black, white) < least:
        return None
    negative = _is_cut_from_black(picture) if is_cut_out else bool(black >= white)
    light = np.rint((grey if negative else WHITE - grey) * (alpha / WHITE)).astype(np.uint8)
    bright = light > NEARLY
    if not bright.any():
        return None
    found = alpha >= SOLID if is_cut_out else bright
    left, top, right, bottom = box = _box(found)
    inside = light[top:bottom, left:right]
    if _is_negative_in_margin(inside) and (steps := _from_data_set(picture.crop(box))):
        return steps
    pixels, detail = _reduced(light, box)
    at_edge = min(left, top) == 0 or right == picture.width or bottom == picture.height
    most = MOST_AT_EDGE if at_edge else MOST_DETAIL
    is_enlargement = detail < most and len(np.unique(pixels)) >= FEWEST_LEVELS
    if max(inside.shape) > SMALL_EDGE and not is_enlargement:
        return None
    pixels = pixels if pixels.max() >= LEAST_BRIGHT else _full_range(pixels)
    cut_out, small = (Image.fromarray(WHITE - each).convert("RGB") for each in (inside, pixels))
    shown = _on_ground(picture, "black" if negative else "white")
    steps = (shown, light / WHITE, found, cut_out, small, small, small, pixels)
    return Steps(*map(np.asarray, steps), negative)


def _reduced(light, box):
    """Reduce an enlarged image to its 28 × 28 pixels; say which share of its light that loses.

    The longest edge of the object has 28 pixels in the data set or a few less, and one more where
    it was blurred. That is taken which gives most of the picture back when it is enlarged again.
    """
    left, top, right, bottom = box
    height, width = light.shape
    longest, squares = max(right - left, bottom - top), []
    tries = [((left, right), (top, bottom), longest / count) for count in (28, 29, 27, 26)]
    if longest > 0.85 * max(light.shape):
        tries.insert(0, ((0, width), (0, height), max(light.shape) / EDGE))
    for *spans, step in tries:
        corner = []
        for (low, high), edge in zip(spans, (width, height), strict=True):
            is_odd = round((high - low) / step) % 2
            if abs(low + high - edge) <= 3 * step and high - low < edge - step:
                low, high, is_odd = 0, edge, 0  # the margin is the same on both sides
            # What is odd lies half a pixel to the right, and lower, in the data set.
            corner.append((low + high - (EDGE + is_odd) * step) / 2)
        squares.append((*corner, EDGE * step))
    margin = longest // 2 + EDGE
    sheet = Image.fromarray(np.pad(light, margin))
    best, least = None, np.inf
    for x, y, edge in squares:
        part = (x + margin, y + margin, x + margin + edge, y + margin + edge)
        # The middle fifth of a pixel is free of its neighbours, however it was enlarged.
        fine = sheet.resize((5 * EDGE, 5 * EDGE), Image.Resampling.BILINEAR, part)
        pixels = np.asarray(fine)[2::5, 2::5]
        size = (min(8 * EDGE, max(EDGE, round(edge))),) * 2
        seen = np.asarray(sheet.resize(size, Image.Resampling.BILINEAR, part), dtype=float)
        again = (
            np.asarray(Image.fromarray(pixels).resize(size, kind), dtype=float)
            for kind in ENLARGED_BY
        )
        lost = min(np.abs(each - seen).sum() for each in again) / max(seen.sum(), 1)
        if lost < 0.9 * least - 0.003:
            best, least = pixels, lost
    return best, least


def _is_cut_out(picture):
    return picture.getchannel("A").getextrema()[0] < SOLID


def _on_ground(picture, colour):
    return Image.alpha_composite(Image.new("RGBA", picture.size, colour), picture).convert("RGB")


def _is_near(grey, level):
    return np.abs(grey - np.float32(level)) <= NEARLY


def _is_grey(picture):
    pixels = np.asarray(picture)
    colours = pixels[pixels[..., 3] >= SOLID][:, :3]
    return np.quantile(np.ptp(colours, axis=1), 0.99) <= NEARLY


def _is_cut_from_black(picture):
    """Compare the rim of a cut-out with its inside, unless what was cut away is still white."""
    pixels = np.asarray(picture)
    hidden = pixels[pixels[..., 3] == 0, :3]
    if len(hidden) and np.median(hidden) > WHITE / 2:
        return False
    small = picture.crop(_box(pixels[..., 3] >= SOLID))
    small.thumbnail((EDGE, EDGE), Image.Resampling.BOX)
    mask = np.pad(np.asarray(small)[..., 3] >= SOLID, 1)
    inner = mask[2:, 1:-1] & mask[:-2, 1:-1] & mask[1:-1, 2:] & mask[1:-1, :-2]
    grey, mask = np.asarray(small.convert("RGB").convert("L")), mask[1:-1, 1:-1]
    inner, rim = mask & inner, mask & ~inner
    return bool(inner.any() and rim.any() and grey[inner].mean() > grey[rim].mean())


def _is_negative_in_margin(inside):
    """Say whether a square is an image on black in a white margin, or the other way round."""
    height, width = inside.shape
    white = _is_near(inside, WHITE)
    is_square, corners = abs(height - width) <= 0.02 * height, white[[0, 0, -1, -1], [0, -1, 0, -1]]
    return is_square and corners.sum() >= 3 and white[_border(white.shape, 1)].mean() > 0.35


def _inside_transparency(picture):
    """Return the opaque picture in a transparent margin, None where there is a cut-out."""
    solid = np.asarray(picture)[..., 3] >= SOLID
    left, top, right, bottom = box = _box(solid)
    if solid[top:bottom, left:right].mean() < RECTANGULAR:
        return None
    inside = picture.crop(box)
    inside.putalpha(WHITE)
    return inside


def _inside_frame(picture):
    """Return the box in a thin frame of one colour, or between bars at two sides, or None."""
    if _is_cut_out(picture):
        return None
    pixels = np.asarray(picture).astype(int)
    height, width = pixels.shape[:2]
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    differs = np.abs(pixels - np.median(corners, axis=0)).max(axis=2) > NEARLY
    differs &= (differs.mean(axis=1) > 0.02)[:, None] & (differs.mean(axis=0) > 0.02)
    if not differs.any():
        return None
    left, top, right, bottom = box = _box(differs)
    sides = np.array([[left, width - right], [top, height - bottom]]) / [[width], [height]]
    inside = differs[top:bottom, left:right]
    is_frame = 0 < sides.max() and (sides.max() < 0.08 or sides.max(axis=1).min() == 0)
    is_flat = np.ptp(pixels[top:bottom, left:right], axis=(0, 1)).max() <= 2 * NEARLY
    is_filled = inside[_border(inside.shape, 2)].mean() > 0.95
    return box if is_frame and is_filled and not is_flat else None


def _box(mask):
    """Return where a mask begins and ends: left, top, right and bottom."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _positive(picture):
    """Return a picture in RGB dark on light, and whether it was grey, light on black."""
    grey = np.asarray(picture.convert("L"))
    border = grey[_border(grey.shape)]
    is_on_black = np.median(border) < 0.06 * WHITE and grey.mean() > border.mean()
    negative = bool(is_on_black and _is_grey(picture))
    picture = picture.convert("RGB")
    return (ImageChops.invert(picture) if negative else picture), negative


def _background_distance(picture):
    """Model the background from the border; return how far each pixel is from it, and the model.

    Brightness falls off across a table or a wall, so each colour channel of the background is a
    curved surface (of second degree), fitted to the border without what sticks out of it.
    """
    smooth = picture.filter(ImageFilter.GaussianBlur(1.5 * max(picture.size) / WORKING_EDGE))
    colours = np.asarray(smooth, dtype=np.float64) / WHITE
    height, width = colours.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    border = _border((height, width))
    known, seen = terms[border], colours[border]
    away = np.linalg.norm(seen - np.median(seen, axis=0), axis=1)
    kept = away <= np.quantile(away, 0.7)
    for _ in range(5):
        surface = np.linalg.lstsq(known[kept], seen[kept], rcond=None)[0]
        away = np.linalg.norm(seen - known @ surface, axis=1)
        kept = away <= max(3 * np.median(away), 0.01)
    background = np.clip(terms @ surface, 0, 1)
    return np.linalg.norm(colours - background, axis=2) / np.sqrt(3), background


def _border(shape, thick=None):
    """Return which pixels of a picture lie in a frame along its border."""
    thick = thick or max(1, round(BORDER_SHARE * min(shape)))
    frame = np.ones(shape, dtype=bool)
    frame[thick:-thick, thick:-thick] = False
    return frame


def _object_mask(distance):
    """Find what is far from the background, without specks and without holes."""
    border = distance[_border(distance.shape)]
    noise = min(np.quantile(border, 0.9), 3 * np.median(border))
    # A quarter of the way: pale sleeves of a dark shirt count, grain and soft shadows do not.
    found = distance > max(0.25 * _otsu(distance), 2 * noise, 0.04)
    mask = Image.fromarray(np.where(found, WHITE, 0).astype(np.uint8))
    if max(mask.size) > SMALL_EDGE:
        mask = mask.filter(ImageFilter.MinFilter(3))
    mask = _without_islands(_without_holes(np.asarray(mask) > 0))
    if not 0.01 < mask.mean() < 0.9:
        raise UserError(
            "No object stands out from the background: lay it on a plain surface of another "
            "colour, with some of the surface visible on all sides."
        )
    left, top, right, bottom = _box(mask)
    across, down = MOST_CUT * (right - left), MOST_CUT * (bottom - top)
    if mask[[0, -1]].sum(axis=1).max() > across or mask[:, [0, -1]].sum(axis=0).max() > down:
        raise UserError(
            "The object is cut by the edge of the picture: take the picture again from further "
            "away, with some of the surface visible on all sides."
        )
    return mask


def _otsu(values, bins=256):
    """Return the threshold between two groups of values that differ most.

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


def _on_white(picture, background, mask):
    """Put the object on white, and even out the light where the background was light."""
    colours = np.asarray(picture, dtype=np.float64) / WHITE
    if background.mean() > 0.45:
        # What a white surface shows is the light that falls on it: divide by it.
        colours = colours / np.maximum(background, 0.2)
    # An object may be paler than the surface, but not paler than white.
    bright = np.quantile(colours[mask] @ LUMINANCE, 0.95)
    colours *= PALEST / max(bright, PALEST)
    soft = Image.fromarray(np.where(mask, WHITE, 0).astype(np.uint8))
    blurred = soft.filter(ImageFilter.GaussianBlur(0.7 * max(mask.shape) / WORKING_EDGE))
    share = np.asarray(blurred)[..., None] / WHITE
    sheet = WHITE * (share * colours.clip(0, 1) + 1 - share)
    return Image.fromarray(np.rint(sheet).astype(np.uint8))


def _trim(picture, mask):
    """Cut off what surrounds the object, and reduce to the size of the authors' thumbnails."""
    cropped = picture.crop(_box(mask))
    cropped.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE), Image.Resampling.BOX)
    return cropped


def subsample(picture, edge=EDGE):
    """Give the longest edge so many pixels by keeping some rows and columns, as the authors did."""
    scale = edge / max(picture.size)
    size = [max(1, round(scale * length)) for length in picture.size]
    return picture.resize(size, Image.Resampling.NEAREST)


def _centre(picture, edge=EDGE):
    """Put a picture in the middle of a white square, and what is odd to the right, as there."""
    square = Image.new(picture.mode, (edge, edge), "white")
    square.paste(picture, ((edge - picture.width + 1) // 2, (edge - picture.height + 1) // 2))
    return square


def _full_range(pixels):
    """Make the brightest pixel 255, as it is in every image of the data set."""
    return np.rint(pixels * (WHITE / max(pixels.max(), 1))).astype(np.uint8)


def upload():
    """Ask for an image on Colab and return its bytes; it goes to your machine there alone.

    Raises UserError anywhere else, or if no file was chosen.
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
