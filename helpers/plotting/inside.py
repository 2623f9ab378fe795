"""Figures of what a trained network has learned: filters, feature maps, heat, neighbours.

Heat is drawn in Matplotlib's `inferno`, and in `berlin` where it has a sign: both are even to the
eye, in print without colour too. A thin line keeps the article's outline visible on top.
"""

import math
import textwrap

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_images, checked_length, checked_table
from helpers.plotting.mosaic import compose, marked, to_scale
from helpers.plotting.style import panels, readable, styled
from helpers.settings import UserError

HEAT, SIGNED, PAPER = "inferno", "berlin", "gray_r"
GAP = 2  # image pixels between tiles
LINE = 14  # screen pixels of a line of small text
LOOKS = {
    "Grad-CAM": ("#C3516C", "o"),
    "gradient × activation": ("#82227A", "X"),
    "occlusion": ("#2982D7", "s"),
    "brightness": ("#856712", "^"),
    "random": ("#8a8a8a", "D"),
    "trained": ("#0963BC", "o"),
    "untrained": ("#8a8a8a", "D"),
}


@styled
def filters(kernels, responses, columns=8, title="The first filters and what they answer to"):
    """Show small filters (N, rows, columns), each above its map (N, height, width) of one image."""
    kernels, responses = checked_images(kernels, "kernels"), checked_images(responses, "responses")
    checked_length(responses, len(kernels), "responses")
    enlarged = np.stack([_enlarged(kernel, responses.shape[1:]) for kernel in kernels])
    weights = _painted(enlarged, style.DIVERGING, _greatest(kernels))
    maps = _painted(responses, HEAT, _greatest(responses))
    starts = range(0, len(kernels), columns)
    rows = [part[start : start + columns] for start in starts for part in (weights, maps)]
    wall = _Wall(
        rows, title, "Every filter and every map on a scale of its own.",
        row_names=["filter", "map"] * len(starts), bars=True,
    )  # fmt: skip
    wall.bar(0, style.DIVERGING, ("−", "0", "+"), "weight")
    wall.bar(1, HEAT, ("0", "strong"), "response")
    return wall.figure


@styled
def weight_images(images, columns=10, title="The weights of the first layer"):
    """Show the weights of units (N, height, width), blue for and orange against, as images."""
    images = checked_images(images, "weights")
    painted = _painted(images, style.DIVERGING, _greatest(images))
    rows = [painted[start : start + columns] for start in range(0, len(painted), columns)]
    note = "Every image on a scale of its own."
    wall = _Wall(rows, title, note, row_names=[""] * len(rows), bars=True)
    wall.bar(0, style.DIVERGING, ("−", "0", "+"), "weight")
    return wall.figure


@styled
def feature_maps(image, maps, columns=10, title="One image on its way through the network"):
    """Show the strongest feature maps of several layers, in the order of their channels.

    `maps` has, by the name of the layer, an array (rows, columns, channels) whose sides divide
    those of the image; each layer is one row.
    """
    (image,) = checked_images(np.asarray(image)[None], "image")
    rows, names = [], []
    for name, values in maps.items():
        values = np.moveaxis(np.asarray(values, float), -1, 0)
        strongest = np.sort(np.argsort(-values.mean(axis=(1, 2)), kind="stable")[:columns])
        tiles = np.stack([_enlarged(each, image.shape) for each in values[strongest]])
        paper = _painted(image[None].astype(float), PAPER, image.max())
        rows.append(np.concatenate([paper, _painted(tiles, HEAT, tiles.max())]))
        size = "{} × {}".format(*values.shape[1:])
        names.append(f"{name}\n{size}, {len(values)} maps")
    wall = _Wall(rows, title, row_names=names, bars=True)
    wall.bar(0, HEAT, ("0", "strong"), "response")
    return wall.figure


@styled
def explanations(images, maps, captions, correct=None, title="Where the evidence lies"):
    """Show images and, under each, heat maps of it with the outline of the article on top.

    `maps` has, by name, an array (N, height, width); every map has a scale of its own, with two
    ends where some are negative. Flags `correct` put a tick or a cross before each caption.
    """
    images = checked_images(images)
    captions = [str(text) for text in checked_length(captions, len(images), "captions")]
    hues = [style.INK] * len(images)
    if correct is not None:
        captions, hues = marked(captions, checked_length(correct, len(images), "flags"))
        hues = [readable(hue) for hue in hues]
    rows = [_painted(images.astype(float), PAPER, images.max())]
    kinds = []
    for name, heat in maps.items():
        heat = np.asarray(checked_length(heat, len(images), f"maps of {name}"), float)
        kinds.append(SIGNED if heat.min() < 0 else HEAT)
        rows.append(_painted(heat, kinds[-1], _greatest(heat)))
    wall = _Wall(rows, title, row_names=["image", *maps], head=captions, hues=hues, bars=True)
    for row, kind in enumerate(kinds, start=1):
        for corner, image in zip(wall.corners[row], images, strict=True):
            wall.outline(image, corner)
        if kind not in kinds[: row - 1]:
            ends = ("0", "most") if kind == HEAT else ("against", "0", "for")
            wall.bar(row, kind, ends, "evidence")
    return wall.figure


@styled
def neighbours(queries, names, groups, title="The nearest neighbours in two spaces"):
    """Show images, one per row, with their nearest neighbours in several spaces.

    `groups` has, by the name of the space, the neighbours, an array (N, k, height, width), and
    whether each is of the class of the image: (N, k).
    """
    queries = checked_images(queries, "queries")
    names = checked_length(names, len(queries), "names")
    tiles = [_painted(queries[:, None].astype(float), PAPER, 255)]
    heads, first = ["asked"], 1
    crossed = []
    for name, (images, same) in groups.items():
        images, same = np.asarray(images, float), np.asarray(same, bool)
        if len(images) != len(queries) or same.shape != images.shape[:2]:
            raise UserError(
                f"The neighbours in {name} have the shapes {images.shape} and {same.shape}: pass "
                f"(N, k, height, width) and (N, k) for the {len(queries)} queries."
            )
        blank = np.ones((len(queries), 1, *queries.shape[1:], 3))
        tiles += [blank, _painted(images, PAPER, 255)]
        heads += ["", name] + [""] * (images.shape[1] - 1)
        crossed += [(row, first + 1 + column) for row, column in np.argwhere(~same)]
        first += 1 + images.shape[1]
    wall = _Wall(
        list(np.concatenate(tiles, axis=1)), title, "✗ marks neighbours of another class.",
        row_names=names, head=heads, align="left",
    )  # fmt: skip
    for row, column in crossed:
        wall.cross(row, column)
    return wall.figure


@styled
def class_images(rows, class_names, notes=None, title="What the network calls typical"):
    """Show one image per class and row, each from 0 (white) to its own greatest value (black).

    `rows` has, by name, an array (classes, height, width); `notes`, by the same names, short texts
    under the images.
    """
    painted = []
    for name, images in rows.items():
        images = checked_images(images, name).astype(float)
        checked_length(class_names, len(images), "class names")
        painted.append(_painted(images, PAPER, _greatest(images)))
    texts = [list((notes or {}).get(name, ())) for name in rows]
    wall = _Wall(painted, title, row_names=list(rows), head=list(class_names), notes=texts)
    return wall.figure


@styled
def deletion(table, title="How fast the answer is lost when pixels are removed"):
    """Show the probability of the answer against the share of removed pixels, one line per order.

    The table has the columns `order` (what decides which pixels go first), `share` (removed),
    `probability` and its interval `low`, `high`.
    """
    checked_table(table, "order", "share", "probability", "low", "high")
    figure, axes = panels(380, title, "Bands: 95 % intervals of the mean over images.")
    looks = style.looks_of(table["order"].unique(), LOOKS)
    for order, rows in table.groupby("order", sort=False):
        hue, shape = looks[order]
        axes.fill_between(rows["share"], rows["low"], rows["high"], color=hue, alpha=0.18, lw=0)
        axes.plot(rows["share"], rows["probability"], color=hue)
        every_other = rows.iloc[::2]
        parts.mark(axes, every_other["share"], every_other["probability"], hue, shape, size=6)
    axes.set(xlim=(-0.01, 1.01), xlabel="pixels removed (%)", ylim=(0, 1.02))
    parts.value_axis(axes, "mean probability of the original answer (%)", percent=True)
    parts.percent_axis(axes.xaxis)
    # Named in a legend: at the right end, where all images are blank, the lines meet.
    handles = [
        axes.plot([], [], color=hue, marker=shape, markeredgecolor="white")[0]
        for hue, shape in looks.values()
    ]
    words = ["random order" if order == "random" else f"{order} first" for order in looks]
    axes.legend(handles, words, loc="upper right")
    return figure


@styled
def along_network(table, title, ylabel, percent=False):
    """Show a quantity at several stages of a network, one line with intervals per arm.

    The table has the columns `stage` (in order), `arm`, `value` and its interval `low`, `high`;
    shares are written in percent on request.
    """
    checked_table(table, "stage", "arm", "value", "low", "high")
    figure, axes = panels(360, title, "Bars: 95 % intervals.")
    stages = list(dict.fromkeys(table["stage"]))
    looks, ends = style.looks_of(table["arm"].unique(), LOOKS), []
    arms = list(looks)
    for arm, rows in table.groupby("arm", sort=False):
        hue, shape = looks[arm]
        aside = 0.06 * (arms.index(arm) - (len(arms) - 1) / 2)
        places = np.array([stages.index(stage) for stage in rows["stage"]]) + aside
        axes.plot(places, rows["value"], color=hue, linewidth=1.6)
        axes.vlines(places, rows["low"], rows["high"], color=hue, alpha=0.45, linewidth=3)
        parts.mark(axes, places, rows["value"], hue, shape, size=8)
        ends.append((rows["value"].iloc[-1], arm, hue))
    axes.set_xticks(
        range(len(stages)), [textwrap.fill(stage, 13) for stage in stages], color=style.INK
    )
    axes.set_xlim(-0.3, len(stages) - 0.7)
    parts.value_axis(axes, ylabel, percent, ticks=7)
    parts.label_ends(figure, (axes, ends))
    return figure


def _enlarged(image, shape):
    """Repeat the pixels of a small image, and centre it where it does not fill `shape` exactly."""
    times = min(a // b for a, b in zip(shape, image.shape, strict=True))
    large = np.kron(image, np.ones((times, times)))
    room = [(whole - part) // 2 for whole, part in zip(shape, large.shape, strict=True)]
    full = np.full(shape, np.nan)
    full[room[0] : room[0] + large.shape[0], room[1] : room[1] + large.shape[1]] = large
    return full


def _greatest(images):
    """Return the greatest magnitude in each image, shaped to divide the images by."""
    return np.abs(images).max(axis=(1, 2), keepdims=True)


def _painted(values, colormap, greatest):
    """Turn numbers into colours, from 0 or, where signed, from −greatest; NaN becomes white."""
    scaled = values / np.maximum(greatest, 1e-12)
    scaled = (scaled + 1) / 2 if colormap in (SIGNED, style.DIVERGING) else scaled
    colors = matplotlib.colormaps.get_cmap(colormap)(np.nan_to_num(scaled))[..., :3]
    return np.where(np.isnan(scaled)[..., None], 1.0, colors)


class _Wall:
    """Coloured tiles in rows as one picture, with names, captions and colour bars around it.

    One unit of `axes` is one tile pixel; `corners[row][column]` is a tile's upper left corner.
    """

    def __init__(
        self, rows, title, subtitle="", row_names=(), head=(), hues=None, notes=(), bars=False,
        align="center",
    ):  # fmt: skip
        columns = max(len(row) for row in rows)
        self.size = height, width = rows[0].shape[1:3]
        left = 16 + 6.4 * max(len(line) for name in row_names for line in name.split("\n"))
        right = 78 if bars else 0
        self.zoom = max(1, min(4, int((style.WIDTH - left - right) // (columns * (width + GAP)))))
        lines = max((text.count("\n") + 1 for text in head), default=0)
        below = math.ceil((LINE + 2) / self.zoom) if any(notes) else 0
        blank = [np.ones((columns - len(row), *row.shape[1:])) for row in rows]
        tiles = np.concatenate([part for pair in zip(rows, blank, strict=True) for part in pair])
        picture, corners = compose(tiles, columns, GAP, fill=1.0, below=below)
        starts = range(0, len(corners), columns)
        self.corners = [corners[start : start + columns] for start in starts]
        self.foot = picture.shape[0] * self.zoom + style.EDGE
        self.right = style.EDGE + left + picture.shape[1] * self.zoom
        room = style.EDGE + left, right + style.EDGE, lines * LINE + 6 * bool(lines)
        self.figure, self.axes = to_scale(picture, self.zoom, title, subtitle, room)
        self._write(row_names, head, hues or [style.INK] * len(head), notes, align)

    def _write(self, row_names, head, hues, notes, align):
        height, width = self.size
        for name, row in zip(row_names, self.corners, strict=True):
            font = {"ha": "right", "va": "center", "fontsize": 8.5, "linespacing": 1.3}
            self.axes.text(-8 / self.zoom, row[0][1] + height / 2, name, color=style.INK, **font)
        for text, (x, y), hue in zip(head, self.corners[0], hues, strict=False):
            x += width / 2 if align == "center" else 0
            font = {"ha": align, "va": "bottom", "fontsize": 8, "linespacing": 1.2}
            self.axes.text(x, y - 4 / self.zoom, text, color=hue, **font)
        for texts, row in zip(notes, self.corners, strict=False):
            for text, (x, y) in zip(texts, row, strict=False):
                position = (x + width / 2, y + height + 3 / self.zoom)
                self.axes.text(*position, text, ha="center", va="top", fontsize=8, color=style.SOFT)

    def outline(self, image, corner):
        """Draw the article's outline over a tile."""
        x, y = (np.arange(side) + 0.5 + start
                for side, start in zip(self.size[::-1], corner, strict=True))  # fmt: skip
        level = [0.12 * image.max()]
        self.axes.contour(x, y, image, level, colors="white", alpha=0.8, linewidths=1.0)

    def cross(self, row, column):
        """Mark a tile with a frame and a cross in its corner."""
        x, y = self.corners[row][column]
        height, width = self.size
        line = {"fill": False, "edgecolor": style.WRONG, "linewidth": 1.4, "clip_on": False}
        self.axes.add_patch(Rectangle((x - 0.3, y - 0.3), width + 0.6, height + 0.6, **line))
        font = {"ha": "right", "va": "top", "fontsize": 8, "weight": "bold"}
        self.axes.text(x + width - 0.5, y + 0.5, "✗", color=style.WRONG, **font)

    def bar(self, row, colormap, ends, name):
        """Draw a colour bar at the right of a row; `ends` are texts from its foot to its top."""
        height = self.size[0] * self.zoom
        foot = self.foot - (self.corners[row][0][1] * self.zoom + height)
        place = np.array([[self.right + 8, foot], [9, height]]) / np.round(self.figure.bbox.size)
        axes = self.figure.add_axes(place.ravel())
        gradient = matplotlib.colormaps.get_cmap(colormap)(np.linspace(1, 0, 128))[:, None, :3]
        axes.imshow(gradient, aspect="auto", extent=(0, 1, 0, 1))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        for place, text in zip(np.linspace(0.06, 0.94, len(ends)), ends, strict=True):
            axes.text(1.5, place, text, va="center", fontsize=7.5, color=style.SOFT)
        axes.text(
            6.2, 0.5, name, rotation=90, va="center", ha="center", fontsize=7.5, color=style.FAINT
        )
