"""Images joined into one picture whose pixels are whole screen pixels."""

import math

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from helpers.plotting.checks import checked_images
from helpers.plotting.style import EDGE, INK, RIGHT, WIDTH, WRONG, display_name, sheet
from helpers.settings import UserError


def compose(images, columns, gap, fill, below=0, beside=0):
    """Join images into one array; return it and the (x, y) of each image's upper left corner.

    All lengths are in image pixels: `gap` between neighbours, and the room for captions `below`
    and `beside` each image. What no image covers has the value `fill`.
    """
    count, height, width = images.shape[:3]
    rows = math.ceil(count / columns)
    shape = (rows * (height + gap + below) - gap, columns * (width + gap + beside) - gap - beside)
    mosaic = np.full((*shape, *images.shape[3:]), fill, images.dtype)
    corners = []
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        y, x = row * (height + gap + below), column * (width + gap + beside)
        mosaic[y : y + height, x : x + width] = image
        corners.append((x, y))
    return mosaic, corners


class Mosaic:
    """Images joined into one picture whose pixels are whole screen pixels, with captions.

    One unit of `axes` is one image pixel; `corners` holds each image's upper left corner. `left`
    is the room for row names and `drop` the room between an image and its caption, in pixels.
    """

    def __init__(
        self, images, columns, title, subtitle="", captions=(), left=0, gap=2, drop=4, zoom=None
    ):
        columns = min(columns, len(images))
        self.size, self.drop = images.shape[1:], drop
        room = WIDTH + EDGE - left
        self.zoom = zoom or max(1, min(4, room // (columns * (self.size[1] + gap))))
        lines = [text.split("\n") for text in captions]
        letters = max((len(line) for text in lines for line in text), default=0)
        beside = max(0, math.ceil(6.6 * letters / self.zoom) - self.size[1] - gap)
        height = 14 * max((len(text) for text in lines), default=0)
        # Where the gap itself is narrow, a caption still keeps clear of the row under it.
        below = math.ceil((height + drop + max(2, 12 - gap * self.zoom)) / self.zoom)
        low, high = (0, 255) if images.dtype == np.uint8 else (images.min(), images.max())
        mosaic, self.corners = compose(images, columns, gap, low, below if letters else 0, beside)
        margin = EDGE + ((gap + beside) * self.zoom // 2 if letters else 0)
        limits = {"vmin": low, "vmax": max(high, low + 1e-9)}
        room = margin + left, margin, 6
        self.figure, self.axes = to_scale(mosaic, self.zoom, title, subtitle, room, **limits)

    def frame(self, hues):
        """Draw a coloured frame around each image."""
        height, width = self.size
        boxes = [Rectangle((x - 0.5, y - 0.5), width + 1, height + 1) for x, y in self.corners]
        self.axes.add_collection(
            PatchCollection(boxes, facecolor="none", edgecolor=hues, linewidth=1.6, clip_on=False)
        )

    def caption(self, captions, hues=None):
        """Write a caption under each image; there may be fewer captions than images."""
        style = {"ha": "center", "va": "top", "fontsize": 8, "linespacing": 1.25}
        hues = hues or [INK] * len(captions)
        for (x, y), caption, hue in zip(self.corners, captions, hues, strict=False):
            position = (x + self.size[1] / 2, y + self.size[0] + self.drop / self.zoom)
            self.axes.text(*position, caption, color=hue, **style)

    def name_rows(self, names, columns):
        """Write names at the left of the rows."""
        for name, (_, y) in zip(names, self.corners[::columns], strict=True):
            position = (-10 / self.zoom, y + self.size[0] / 2)
            self.axes.text(*position, name, ha="right", va="center", fontsize=9, color=INK)


def to_scale(picture, zoom, title, subtitle, room, **limits):
    """Return a figure of a picture in the middle, and axes whose unit is one of its pixels.

    `room` is what there is beside the picture at the left, at the right and above it, in pixels.
    """
    left, right, above = room
    height, width = picture.shape[0] * zoom, picture.shape[1] * zoom
    total = max(math.ceil(left + width + right), 420)
    figure, heading = sheet(total, height + above + EDGE, title, subtitle, constrained=False)
    whole = heading + height + above + EDGE
    axes = figure.add_axes((left / total, EDGE / whole, width / total, height / whole))
    extent = (0, picture.shape[1], picture.shape[0], 0)
    axes.imshow(picture, extent=extent, aspect="auto", **limits)
    axes.set_axis_off()
    axes.autoscale(False)
    return figure, axes


def named_mosaic(rows, title, subtitle="", **options):
    """Return a mosaic of a dict from names to equally many images; each is one row."""
    stacked = [checked_images(images, f"images of {name}") for name, images in rows.items()]
    if len({images.shape for images in stacked}) != 1:
        raise UserError("The rows of images differ: pass equally many of one size in each.")
    count = len(stacked[0])
    mosaic = Mosaic(np.concatenate(stacked), count, title, subtitle, gap=3, **options)
    mosaic.name_rows([display_name(name) for name in rows], count)
    return mosaic


def marked(captions, correct):
    """Put a tick or a cross before each caption; return them with their colours."""
    marks = ["✓" if right else "✗" for right in correct]
    texts = [f"{mark} {caption}".rstrip() for mark, caption in zip(marks, captions, strict=True)]
    return texts, [RIGHT if right else WRONG for right in correct]
