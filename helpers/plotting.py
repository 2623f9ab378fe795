"""Every figure of the series, in one visual identity.

Each function takes arrays or tables, returns a Matplotlib `Figure` that pyplot does not know (so no
notebook shows it twice), and never imports TensorFlow; `show` displays a figure with its
alternative text. A model keeps its colour and its marker in every figure.
"""

import base64
import functools
import io
import math
import textwrap
import zlib
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
import seaborn
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from PIL import Image

from helpers.settings import UserError

STYLE = Path(__file__).with_name("style.mplstyle")
DPI = 100
WIDTH = 900  # pixels; as wide as a notebook's column on GitHub
EDGE = 12  # pixels of white around a figure

INK, SOFT, FAINT = "#262626", "#595959", "#8a8a8a"
RIGHT, WRONG = "#0072B2", "#D55E00"  # Okabe and Ito's blue and vermilion
BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", "#a6c8e0", "#3f83b5", "#0b3c66"])
REDS = LinearSegmentedColormap.from_list("reds", ["#fafafa", "#f6c29a", "#e0792f", "#8f3200"])
DIVERGING = LinearSegmentedColormap.from_list(
    "diverging", ["#b34a00", "#eeb07f", "#ffffff", "#84b6da", "#0b5a94"]
)

# The ten colours start from Paul Tol's muted scheme and were moved until every two of them stay
# apart for readers without red, green or blue cones; the marker tells models apart without colour.
IDENTITIES = {
    "ann_baseline": ("#62A8AC", "o"),
    "ann_regularized": ("#6E0A34", "s"),
    "cnn_plain": ("#F7A28C", "^"),
    "cnn_dropout": ("#161A85", "v"),
    "cnn_shallow": ("#CBB020", "D"),
    "cnn_deep": ("#0963BC", "P"),
    "cnn_batch_normalization": ("#0A8644", "X"),
    "cnn_basic": ("#35BBF5", "<"),
    "cnn_advanced": ("#BB1712", ">"),
    "cnn_optimum": ("#82227A", "*"),
}
FALLBACK_COLORS = ("#23B9C0", "#C3516C", "#2982D7", "#B8B832", "#770065", "#17351A", "#856712")
FALLBACK_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# The same ten, so ordered that classes which lie close together (Sandal, Sneaker) differ most.
CLASS_COLORS = (
    *("#161A85", "#CBB020", "#0963BC", "#6E0A34", "#62A8AC"),
    *("#BB1712", "#F7A28C", "#0A8644", "#82227A", "#35BBF5"),
)
MARKER_SCALE = {"*": 1.6, "P": 1.15, "X": 1.15, "D": 0.85, "s": 0.95}  # to look equally large


# ----------------------------------------------------------------------------- identity and show


def _styled(function):
    """Run a figure function under the series' style sheet, whatever style the caller has."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.style.use(STYLE)
            return function(*args, **kwargs)

    return wrapper


def color(name):
    """Return the fixed colour of a model, as `#RRGGBB`; any other name has a stable one too."""
    return _identity(name)[0]


def marker(name):
    """Return the fixed Matplotlib marker of a model; any other name has a stable one too."""
    return _identity(name)[1]


def display_name(name):
    """Return a model's name in words: `cnn_batch_normalization` as `CNN batch normalization`."""
    words = str(name).replace("__", ": ").replace("_", " ").split(" ")
    return " ".join(word.upper() if word in ("ann", "cnn") else word for word in words)


@_styled
def png(figure):
    """Render a figure at 100 dots per inch as PNG, with a palette where that loses nothing visible.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    image = Image.open(buffer).convert("RGB")
    candidates = [_encode(image)]
    palette = _with_palette(image)
    if palette is not None:
        candidates.append(_encode(palette))
    return min(candidates, key=len)


def show(figure, alt):
    """Display a figure in a notebook as PNG with alternative text.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What any function of this module returns.
    alt : str
        What the figure shows, in a sentence, for readers who do not see it.

    Raises
    ------
    UserError
        If `alt` is empty.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise UserError("A figure needs alternative text: pass show(figure, alt) a sentence.")
    from IPython.display import display

    alt = " ".join(alt.split())
    data = {"image/png": base64.b64encode(png(figure)).decode("ascii"), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})


def _identity(name, attempt=0):
    if name in IDENTITIES:
        return IDENTITIES[name]
    number = zlib.crc32(str(name).encode("utf-8")) + attempt
    return (
        FALLBACK_COLORS[number % len(FALLBACK_COLORS)],
        FALLBACK_MARKERS[number % len(FALLBACK_MARKERS)],
    )


def _identities(names):
    """Give each name of one figure its colour and marker; a clash moves the later name on."""
    chosen = {}
    for name in names:
        attempts = (_identity(name, attempt) for attempt in range(len(FALLBACK_COLORS)))
        taken = {pair[0] for pair in chosen.values()}
        chosen[name] = next((pair for pair in attempts if pair[0] not in taken), _identity(name))
    return chosen


def _encode(image):
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _with_palette(image):
    """Return the image in 256 colours, or None where a reader could see the difference."""
    if image.getcolors(256) is not None:
        return _exact_palette(np.asarray(image))
    small = image.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    error = np.abs(np.asarray(small.convert("RGB"), int) - np.asarray(image, int)).max(axis=2)
    return small if error.mean() < 1 and np.quantile(error, 0.999) < 24 else None


def _exact_palette(pixels):
    """Return an image of at most 256 colours as a palette image with exactly these colours."""
    colors, indices = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    image = Image.fromarray(indices.reshape(pixels.shape[:2]).astype(np.uint8))
    image.putpalette(colors.astype(np.uint8).tobytes())
    return image


# ------------------------------------------------------------------------------- building blocks


def _sheet(width, body, title, subtitle="", constrained=True):
    """Return a figure of `width` pixels with `body` pixels below its heading, and that heading."""
    layout = "constrained" if constrained else None
    figure = Figure(figsize=(width / DPI, body / DPI), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    top, placed = EDGE, []
    for text, size, weight, ink in ((title, 12, "bold", INK), (subtitle, 9, "normal", SOFT)):
        if text:
            artist = figure.text(0, 1, "", fontsize=size, weight=weight, color=ink, va="top")
            _wrap(artist, text, width - 2 * EDGE)
            placed.append((artist, top))
            top += math.ceil(artist.get_window_extent().height) + 6
    heading = top + 4 if placed else 0
    height = heading + body
    figure.set_size_inches(width / DPI, height / DPI)
    for artist, y in placed:
        artist.set_position((EDGE / width, 1 - y / height))
    if constrained:
        figure.get_layout_engine().set(
            rect=(0, 0, 1, 1 - heading / height), w_pad=EDGE / DPI, h_pad=0.08, wspace=0.03
        )
    return figure, heading


def _wrap(artist, text, width):
    """Set the artist's text, broken into lines of at most `width` pixels."""
    artist.set_text(text)
    letters = len(text)
    while artist.get_window_extent().width > width and letters > 12:
        letters -= 4
        artist.set_text(textwrap.fill(text, letters, break_long_words=False))


def _percent_axis(axis):
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}"))


def _epoch_axis(axes, epochs):
    """Count epochs from 1: a tick at the first, and at round numbers after it."""
    margin = 0.03 * max(epochs - 1, 1)
    axes.set_xlim(1 - margin, epochs + margin)
    ticks = MaxNLocator(nbins=6, integer=True).tick_values(1, epochs)
    axes.set_xticks([1, *(tick for tick in ticks if 1.5 <= tick <= epochs)])


def _mark(axes, x, y, hue, shape, size=9):
    """Draw the marker of a model, as large to the eye as any other model's."""
    size *= MARKER_SCALE.get(shape, 1)
    axes.plot(x, y, shape, color=hue, markeredgecolor="white", markersize=size, zorder=5)


def _shade(hue, amount):
    """Mix a colour with white (positive amount) or with black (negative amount)."""
    target = 1.0 if amount > 0 else 0.0
    return to_hex([part + (target - part) * abs(amount) for part in to_rgb(hue)])


def _luminance(hue):
    """Relative luminance of a colour, 0 to 1, as the web's contrast guidelines define it."""
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in to_rgb(hue)]
    return float(np.dot((0.2126, 0.7152, 0.0722), parts))


def _readable(hue):
    """Darken a colour until text in it has a contrast of 4.5 to 1 on white."""
    while _luminance(hue) > 1.05 / 4.5 - 0.05:
        hue = _shade(hue, -0.08)
    return hue


def _end_labels(axes, labels):
    """Write names at the right end of lines; `labels` holds (height in data units, text, hue)."""
    artists = [
        axes.text(
            1.01, y, text, color=_readable(hue), transform=axes.get_yaxis_transform(),
            va="center", fontsize=8.5,
        )
        for y, text, hue in sorted(labels, key=lambda label: label[0])
    ]  # fmt: skip
    return axes, artists


def _spread(figure, labelled):
    """Move labels at line ends apart once the layout is known."""
    figure.draw_without_rendering()
    for axes, artists in labelled:
        if not artists:
            continue
        pixels = axes.transData.transform([(1, artist.get_position()[1]) for artist in artists])
        heights = _apart(pixels[:, 1], 14.0)
        data = axes.transData.inverted().transform([(0, height) for height in heights])
        for artist, (_, y) in zip(artists, data, strict=True):
            artist.set_y(y)


def _apart(positions, spacing):
    """Shift ascending positions as little as possible so that neighbours are `spacing` apart."""
    clusters = []
    for position in positions:
        clusters.append([position, 1])
        while len(clusters) > 1:
            (low, few), (high, many) = clusters[-2:]
            if high - low >= spacing * (few + many) / 2:
                break
            clusters[-2:] = [[(low * few + high * many) / (few + many), few + many]]
    return [
        centre + spacing * (rank - (size - 1) / 2)
        for centre, size in clusters
        for rank in range(size)
    ]


def _place_labels(axes, points, texts, hues, obstacles=()):
    """Label points next to them so that no label covers a point, an obstacle or another label.

    `obstacles` are boxes (left, bottom, right, top) in data units; lines are boxes without width.
    """
    figure = axes.figure
    figure.draw_without_rendering()
    frame = axes.get_window_extent()
    pixels = axes.transData.transform(points)
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in pixels]
    for left, bottom, right, top in obstacles:
        (left, bottom), (right, top) = axes.transData.transform([(left, bottom), (right, top)])
        taken.append((left - 3, min(bottom, top) - 3, right + 3, max(bottom, top) + 3))
    style = {"fontsize": 8.5, "textcoords": "offset pixels", "annotation_clip": False, "zorder": 6}
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for index in np.argsort(-pixels[:, 1], kind="stable"):
        hue = _readable(hues[index])
        artist = axes.annotate(
            texts[index], points[index], (0, 0), color=hue, path_effects=halo, **style
        )
        artist.set_in_layout(False)
        extent = artist.get_window_extent()
        offset = _best_offset(pixels[index], extent.width, extent.height, taken, frame)
        artist.set_position(offset)
        x, y = pixels[index] + offset
        taken.append((x, y, x + extent.width, y + extent.height))


def _best_offset(point, width, height, taken, frame):
    """Return the offset, in pixels, of the candidate position that covers least."""
    candidates = []
    for reach in (10, 18, 28):
        middle = (-height / 2, -width / 2)
        candidates += [
            (reach, middle[0]), (-reach - width, middle[0]), (middle[1], reach),
            (middle[1], -reach - height), (reach - 3, reach - 5), (reach - 3, 5 - reach - height),
            (3 - reach - width, reach - 5), (3 - reach - width, 5 - reach - height),
        ]  # fmt: skip

    def covered(offset):
        x, y = point[0] + offset[0], point[1] + offset[1]
        box = (x, y, x + width, y + height)
        outside = width * height - _overlap(box, (frame.x0, frame.y0, frame.x1, frame.y1))
        return 3 * outside + sum(_overlap(box, other) for other in taken)

    costs = [covered(offset) + 0.5 * rank for rank, offset in enumerate(candidates)]
    return candidates[int(np.argmin(costs))]


def _overlap(a, b):
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def _heatmap(axes, values, texts, cmap, low, high, bold=None):
    """Draw a matrix as coloured cells with a text in each, first row on top."""
    seaborn.heatmap(
        values, vmin=low, vmax=high, cmap=cmap, annot=np.array(texts, dtype=str), fmt="",
        annot_kws={"fontsize": 8.5}, linewidths=1.5, linecolor="white", cbar=False,
        xticklabels=False, yticklabels=False, ax=axes,
    )  # fmt: skip
    shown = np.isfinite(values)
    if bold is not None:
        for text, strong in zip(axes.texts, bold[shown], strict=True):
            text.set_weight("bold" if strong else "normal")
    # Seaborn leaves the cells without a value blank; the diagonal of a confusion matrix has a text.
    for row, column in np.argwhere(~shown):
        axes.text(
            column + 0.5, row + 0.5, texts[row][column], ha="center", va="center",
            fontsize=8.5, color=INK,
        )  # fmt: skip
    axes.tick_params(length=0)


def _cell_names(axes, rows, columns, on_top=True):
    """Name the rows and columns of a heatmap, long column names broken at spaces and slashes."""
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, color=INK)
    axes.set_xticks(np.arange(len(columns)) + 0.5, [_broken(c) for c in columns], color=INK)
    if on_top:
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")


def _broken(name):
    return str(name).replace("/", "/\n").replace(" ", "\n")


# --------------------------------------------------------------------------------------- checking


def _checked_images(images, what="images"):
    """Return images as an array (N, height, width), or say what is wrong with their shape."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 or 0 in images.shape:
        raise UserError(
            f"{what} have the shape {images.shape}: pass at least one grey image as an array "
            "(N, height, width)."
        )
    return images


def _checked_labels(labels, count, class_names):
    """Return labels as an array (N,) of class indices, or say what is wrong with them."""
    labels = np.asarray(labels)
    if labels.shape != (count,):
        raise UserError(
            f"labels have the shape {labels.shape}: pass one class index for each of the "
            f"{count} images or points."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"labels are {labels.dtype}: pass class indices as whole numbers.")
    if labels.min() < 0 or labels.max() >= len(class_names):
        raise UserError(
            f"labels run from {labels.min()} to {labels.max()}, but there are "
            f"{len(class_names)} class names: pass one name per class."
        )
    return labels


def _checked_length(values, count, what):
    """Return values as a list, or say that their number is not `count`."""
    values = list(values)
    if len(values) != count:
        raise UserError(f"There are {len(values)} {what} for {count} images: pass one for each.")
    return values


def _checked_columns(table, columns, what):
    """Say which of the needed columns a table lacks, or that it is empty."""
    missing = [column for column in columns if column not in getattr(table, "columns", ())]
    if missing:
        raise UserError(f"{what} lacks {', '.join(missing)}: pass a table with these columns.")
    if len(table) == 0:
        raise UserError(f"{what} has no rows: train a model first, so that there is a result.")


def _checked_histories(histories, keys):
    """Say which history lacks which key, or holds no epoch."""
    if not isinstance(histories, dict) or not histories:
        raise UserError("histories is empty: pass a dict from a model's name to its history.")
    for name, history in histories.items():
        missing = [key for key in keys if len(history.get(key, ())) == 0]
        if missing:
            raise UserError(
                f"The history of {name} lacks {', '.join(missing)}: train it with validation "
                "images, or leave that quantity out."
            )


# ---------------------------------------------------------------------------------------- mosaics


def _compose(images, columns, gap, below=0):
    """Join images into one array; return it and the (x, y) of each image's upper left corner."""
    count, height, width = images.shape
    rows = math.ceil(count / columns)
    shape = (rows * (height + gap + below) - gap, columns * (width + gap) - gap)
    mosaic = np.full(shape, 0 if images.dtype == np.uint8 else images.min(), images.dtype)
    corners = []
    for index, image in enumerate(images):
        y, x = (index // columns) * (height + gap + below), (index % columns) * (width + gap)
        mosaic[y : y + height, x : x + width] = image
        corners.append((x, y))
    return mosaic, corners


class _Mosaic:
    """Images joined into one picture whose pixels are whole screen pixels, with captions.

    One unit of `axes` is one image pixel; `corners` holds each image's upper left corner. `left`
    is the room for row names and `drop` the room between an image and its caption, in pixels.
    """

    def __init__(
        self, images, columns, title, subtitle="", captions=(), left=0, gap=2, drop=4, zoom=None
    ):
        columns = min(columns, len(images))
        if columns < 1:
            raise UserError(f"columns is {columns}: pass a whole number from 1 upwards.")
        self.size, self.drop = images.shape[1:], drop
        room = WIDTH + EDGE - left
        self.zoom = zoom or max(1, min(4, room // (columns * (self.size[1] + gap))))
        lines = [text.split("\n") for text in captions]
        letters = max((len(line) for text in lines for line in text), default=0)
        gap = max(gap, math.ceil(6.6 * letters / self.zoom) - self.size[1])
        height = 14 * max((len(text) for text in lines), default=0)
        below = math.ceil((height + drop + 2) / self.zoom) if letters else 0
        mosaic, self.corners = _compose(images, columns, gap, below)
        height, width = mosaic.shape[0] * self.zoom, mosaic.shape[1] * self.zoom
        margin = EDGE + (gap * self.zoom // 2 if letters else 0)
        total = max(2 * margin + left + width, 420)
        self.figure, heading = _sheet(total, height + EDGE + 6, title, subtitle, constrained=False)
        whole = heading + height + EDGE + 6
        self.axes = self.figure.add_axes(
            ((margin + left) / total, EDGE / whole, width / total, height / whole)
        )
        _draw_mosaic(self.axes, mosaic, images)

    def frame(self, hues):
        """Draw a coloured frame around each image."""
        height, width = self.size
        boxes = [Rectangle((x - 0.5, y - 0.5), width + 1, height + 1) for x, y in self.corners]
        self.axes.add_collection(
            PatchCollection(boxes, facecolor="none", edgecolor=hues, linewidth=1.6, clip_on=False)
        )

    def caption(self, captions, hues):
        """Write a caption under each image; there may be fewer captions than images."""
        for (x, y), caption, hue in zip(self.corners, captions, hues, strict=False):
            position = (x + self.size[1] / 2, y + self.size[0] + self.drop / self.zoom)
            style = {"ha": "center", "va": "top", "fontsize": 8, "linespacing": 1.25}
            self.axes.text(*position, caption, color=hue, **style)

    def name_rows(self, names, columns):
        """Write names at the left of the rows."""
        for name, (_, y) in zip(names, self.corners[::columns], strict=True):
            position = (-10 / self.zoom, y + self.size[0] / 2)
            self.axes.text(*position, name, ha="right", va="center", fontsize=9, color=INK)


def _draw_mosaic(axes, mosaic, images):
    """Draw a mosaic so that one unit of the axes is one image pixel, counted from the top left."""
    low, high = (0, 255) if images.dtype == np.uint8 else (images.min(), images.max())
    extent = (0, mosaic.shape[1], mosaic.shape[0], 0)
    axes.imshow(mosaic, vmin=low, vmax=max(high, low + 1e-9), extent=extent, aspect="auto")
    axes.set_axis_off()
    axes.autoscale(False)


def _marked(captions, correct):
    """Put a tick or a cross before each caption; return them with their colours."""
    marks = ["✓" if right else "✗" for right in correct]
    texts = [f"{mark} {caption}".rstrip() for mark, caption in zip(marks, captions, strict=True)]
    return texts, [RIGHT if right else WRONG for right in correct]


@_styled
def image_grid(images, titles=None, columns=10, title="", correct=None):
    """Show many images as one mosaic.

    Parameters
    ----------
    images : array (N, height, width) or (N, height, width, 1)
        `uint8` is shown from 0 (white) to 255 (black), any other type from its least to its
        greatest value.
    titles : sequence of N str, optional
        Captions under the images; a line break starts a second line.
    columns : int
    title : str
    correct : sequence of N bool, optional
        Whether each prediction is right: a blue frame and a tick, or a vermilion one and a cross.

    Raises
    ------
    UserError
        If the shapes or lengths do not fit together.
    """
    images = _checked_images(images)
    captions = [""] * len(images) if titles is None else titles
    captions = [str(text) for text in _checked_length(captions, len(images), "titles")]
    hues = [SOFT] * len(images)
    if correct is not None:
        captions, hues = _marked(captions, _checked_length(correct, len(images), "flags"))
    mosaic = _Mosaic(images, columns, title, captions=captions, gap=4 if any(captions) else 2)
    if correct is not None:
        mosaic.frame(hues)
    if any(captions):
        mosaic.caption(captions, [_readable(hue) for hue in hues])
    return mosaic.figure


@_styled
def class_samples(images, labels, class_names, per_class=10, title="Ten images of each class"):
    """Show the first images of every class, one row per class, its name at the left.

    Parameters
    ----------
    images : array (N, height, width)
    labels : array (N,) of class indices
    class_names : sequence of str
    per_class : int
        Images per class; a class with fewer leaves the rest of its row white.

    Raises
    ------
    UserError
        If the shapes do not fit together.
    """
    images = _checked_images(images)
    labels = _checked_labels(labels, len(images), class_names)
    if title == "Ten images of each class" and per_class != 10:
        title = f"The first {per_class} images of each class"
    rows = np.zeros((len(class_names) * per_class, *images.shape[1:]), images.dtype)
    rows += images.min()
    for index in range(len(class_names)):
        found = images[labels == index][:per_class]
        rows[index * per_class : index * per_class + len(found)] = found
    mosaic = _Mosaic(rows, per_class, title, left=90)
    mosaic.name_rows(class_names, per_class)
    return mosaic.figure


@_styled
def class_statistics(images, labels, class_names, title="The mean garment of each class"):
    """Show the mean image (top) and the standard-deviation image (bottom) of each class.

    Parameters
    ----------
    images : array (N, height, width)
    labels : array (N,) of class indices
    class_names : sequence of str

    Raises
    ------
    UserError
        If the shapes do not fit together, or a class has no image.
    """
    images = _checked_images(images)
    labels = _checked_labels(labels, len(images), class_names)
    absent = [name for index, name in enumerate(class_names) if not (labels == index).any()]
    if absent:
        raise UserError(f"No image is labelled {', '.join(absent)}: pass images of every class.")
    groups = [images[labels == index].astype(float) for index in range(len(class_names))]
    means = np.stack([group.mean(axis=0) for group in groups])
    deviations = np.stack([group.std(axis=0) for group in groups])
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else (images.min(), images.max())
    # One mosaic has one grey scale: the deviations are stretched so that their greatest is black.
    stretched = low + (high - low) * deviations / max(deviations.max(), 1e-9)
    names = list(class_names)
    mosaic = _Mosaic(
        np.concatenate([means, stretched]),
        len(names),
        title,
        f"Top: mean. Bottom: standard deviation, white = 0, black = {deviations.max():.3g} "
        f"(pixels run from {low:g} to {high:g}).",
        captions=names,
        left=70,
    )
    mosaic.name_rows(("mean", "standard\ndeviation"), len(names))
    mosaic.caption(names, [INK] * len(names))
    return mosaic.figure


@_styled
def image_pairs(left, right, captions, title="", columns=5):
    """Show pairs of images side by side, such as near duplicates, with a caption under each pair.

    Parameters
    ----------
    left, right : arrays (N, height, width) of equal shape
    captions : sequence of N str
    columns : int
        Pairs per row.

    Raises
    ------
    UserError
        If the shapes or lengths do not fit together.
    """
    left, right = _checked_images(left, "left images"), _checked_images(right, "right images")
    if left.shape != right.shape:
        raise UserError(f"left is {left.shape} and right {right.shape}: pass equally many images.")
    captions = [str(text) for text in _checked_length(captions, len(left), "captions")]
    mosaic = _Mosaic(
        np.concatenate([left, right], axis=2), columns, title, captions=captions, gap=8
    )
    mosaic.frame("#cfcfcf")
    mosaic.caption(captions, [SOFT] * len(captions))
    return mosaic.figure


@_styled
def predictions(images, probabilities, labels, class_names, columns=6, title="Predictions"):
    """Show images with the predicted class, its probability, and the truth where it is another.

    Parameters
    ----------
    images : array (N, height, width)
    probabilities : array (N, classes), in [0, 1]
    labels : array (N,) of class indices
    class_names : sequence of str
    columns : int

    Raises
    ------
    UserError
        If the shapes do not fit together.
    """
    images = _checked_images(images)
    labels = _checked_labels(labels, len(images), class_names)
    probabilities = np.asarray(probabilities, float)
    if probabilities.shape != (len(images), len(class_names)):
        raise UserError(
            f"probabilities have the shape {probabilities.shape}: pass one row per image and one "
            f"column per class, ({len(images)}, {len(class_names)})."
        )
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    captions = [
        f"{class_names[guess]} {100 * row[guess]:.0f} %"
        + ("" if guess == label else f"\nis {class_names[label]}")
        for row, guess, label in zip(probabilities, predicted, labels, strict=True)
    ]
    captions, hues = _marked(captions, right)
    subtitle = "✓ right. ✗ wrong, with the true class below. The bar is the probability."
    zoom = 4 if columns <= 6 else None
    mosaic = _Mosaic(images, columns, title, subtitle, captions, gap=6, drop=14, zoom=zoom)
    mosaic.frame(hues)
    mosaic.caption(captions, [_readable(hue) for hue in hues])
    height, width = mosaic.size
    confidence = probabilities.max(axis=1)
    for (x, y), share, hue in zip(mosaic.corners, confidence, hues, strict=True):
        bar = {"height": 3 / mosaic.zoom, "linewidth": 0}
        corner = (x, y + height + 6 / mosaic.zoom)
        mosaic.axes.add_patch(Rectangle(corner, width, color="#e4e4e4", **bar))
        mosaic.axes.add_patch(Rectangle(corner, width * share, color=hue, **bar))
    return mosaic.figure


@_styled
def hardest_images(images, labels, class_names, wrong_counts, limit=24, title=""):
    """Show the images that most models get wrong, hardest first, with the true class.

    Parameters
    ----------
    images : array (N, height, width)
    labels : array (N,) of class indices
    class_names : sequence of str
    wrong_counts : array (N,) of int
        How many models are wrong about each image.
    limit : int
        The most images to show; those that no model gets wrong are left out.

    Raises
    ------
    UserError
        If the shapes do not fit together, or no model is wrong about any image.
    """
    images = _checked_images(images)
    labels = _checked_labels(labels, len(images), class_names)
    counts = np.asarray(_checked_length(wrong_counts, len(images), "counts"), int)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0][:limit]
    if len(order) == 0:
        raise UserError("No model is wrong about any of these images: pass the whole test set.")
    captions = [f"{class_names[labels[index]]}\nwrong: {counts[index]}" for index in order]
    title = title or "The images that most models get wrong"
    subtitle = "Below each: its true class and how many models take it for another."
    mosaic = _Mosaic(images[order], 8, title, subtitle, captions, gap=6)
    mosaic.caption(captions, [SOFT] * len(order))
    return mosaic.figure


# ------------------------------------------------------------------------------- looking at data


@_styled
def class_balance(counts_by_split, title="How many images each class has"):
    """Show the number of images of each class, one panel per split.

    Parameters
    ----------
    counts_by_split : pandas.DataFrame
        Index: class names; columns: splits; values: numbers of images.

    Raises
    ------
    UserError
        If the table is empty.
    """
    if getattr(counts_by_split, "size", 0) == 0:
        raise UserError("counts_by_split is empty: pass a table of classes by splits.")
    names, splits = list(counts_by_split.index), list(counts_by_split.columns)
    figure, _ = _sheet(min(WIDTH, 180 + 240 * len(splits)), 60 + 22 * len(names), title)
    panels = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
    for axes, split in zip(panels, splits, strict=True):
        values = counts_by_split[split].to_numpy()
        axes.barh(np.arange(len(names)), values, height=0.62, color="#7fb1d3")
        for row, value in enumerate(values):
            axes.text(value, row, f" {value:,.0f}", va="center", fontsize=8.5, color=SOFT)
        axes.set_title(f"{split}: {values.sum():,.0f} images", weight="bold")
        axes.set(xlim=(0, max(values.max(), 1) * 1.25), xticks=[])
        axes.spines["bottom"].set_visible(False)
    panels[0].set_yticks(np.arange(len(names)), names, color=INK)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    return figure


@_styled
def pixel_histogram(images, title="How often each pixel value occurs"):
    """Show the distribution of pixel values on a logarithmic axis, with the share of zeros.

    Parameters
    ----------
    images : array (N, height, width) of uint8

    Raises
    ------
    UserError
        If the images are not `uint8`.
    """
    images = _checked_images(images)
    if images.dtype != np.uint8:
        raise UserError(f"images are {images.dtype}: pass the raw pixels, uint8 from 0 to 255.")
    shares = np.bincount(images.ravel(), minlength=256) / images.size
    figure, _ = _sheet(WIDTH, 280, title)
    axes = figure.subplots()
    axes.bar(np.arange(256), 100 * shares, width=1.0, color=["#0072B2"] + ["#9cc3dd"] * 255)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y")
    axes.set(xlim=(-3, 258), xticks=(0, 64, 128, 192, 255), xlabel="pixel value")
    axes.set_title("share of all pixels (%, logarithmic)", color=SOFT)
    axes.annotate(
        f"{100 * shares[0]:.1f} % of all pixels are exactly 0", (0, 100 * shares[0]), (14, -3),
        textcoords="offset points", va="center", fontsize=9.5, weight="bold", color="#0072B2",
    )  # fmt: skip
    return figure


@_styled
def embedding(points, labels, class_names, title="Images as points in a plane"):
    """Show images as points in a plane, the name of each class at its median.

    Parameters
    ----------
    points : array (N, 2)
    labels : array (N,) of class indices
    class_names : sequence of str

    Raises
    ------
    UserError
        If the shapes do not fit together.
    """
    return _embeddings({"": points}, labels, class_names, title)


@_styled
def embeddings(points_by_method, labels, class_names, title="The same images in two planes"):
    """Show several planar embeddings of the same images side by side.

    Parameters
    ----------
    points_by_method : dict of str to array (N, 2)
        For example `{"PCA": …, "t-SNE": …}`.
    labels : array (N,) of class indices
    class_names : sequence of str

    Raises
    ------
    UserError
        If the shapes do not fit together.
    """
    return _embeddings(points_by_method, labels, class_names, title)


def _embeddings(points_by_method, labels, class_names, title):
    if not points_by_method:
        raise UserError("There is no embedding: pass a dict from a method's name to its points.")
    count = len(points_by_method)
    width = 640 if count == 1 else WIDTH
    figure, _ = _sheet(width, 560 if count == 1 else 30 + (width - 30) // count, title)
    panels = figure.subplots(1, count, squeeze=False)[0]
    order = np.random.default_rng(0).permutation(len(np.asarray(labels)))
    for axes, (method, points) in zip(panels, points_by_method.items(), strict=True):
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
            raise UserError(f"points have the shape {points.shape}: pass an array (N, 2).")
        checked = _checked_labels(labels, len(points), class_names)
        hues = np.array([to_rgb(CLASS_COLORS[label % 10]) for label in checked])
        size = 7 if len(points) <= 2500 else 3
        axes.scatter(*points[order].T, s=size, c=hues[order], alpha=0.55, linewidths=0)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(method, weight="bold")
    for axes, points in zip(panels, points_by_method.values(), strict=True):
        _class_labels(axes, np.asarray(points, float), np.asarray(labels), class_names)
    return figure


def _class_labels(axes, points, labels, class_names):
    """Write class names at the medians of their points, moved up or down where they collide."""
    present = [index for index in range(len(class_names)) if (labels == index).any()]
    axes.figure.draw_without_rendering()
    boxes = []
    for index in present:
        x, y = axes.transData.transform(np.median(points[labels == index], axis=0))
        artist = axes.annotate(
            class_names[index], (0, 0), (x, y), textcoords="figure pixels", ha="center",
            va="center", fontsize=9.5, weight="bold", color=_readable(CLASS_COLORS[index % 10]),
            path_effects=[withStroke(linewidth=3, foreground="white")], zorder=5,
            annotation_clip=False,
        )  # fmt: skip
        artist.set_in_layout(False)
        width = artist.get_window_extent().width
        shifts = [step * sign for step in range(0, 200, 4) for sign in (1, -1)]
        half = (width / 2 + 2, 9)
        y += next(
            shift
            for shift in shifts
            if all(
                abs(x - bx) >= half[0] + bw or abs(y + shift - by) >= 2 * half[1]
                for bx, by, bw in boxes
            )
        )
        artist.set_position((x, y))
        boxes.append((x, y, half[0]))


@_styled
def explained_variance(ratio, title="How much of the variance the first components hold"):
    """Show the cumulative share of the variance against the number of principal components.

    Parameters
    ----------
    ratio : array (components,)
        Share of the variance of each component, in [0, 1], as scikit-learn's
        `PCA.explained_variance_ratio_`.

    Raises
    ------
    UserError
        If `ratio` is not a vector of shares.
    """
    ratio = np.asarray(ratio, float)
    if ratio.ndim != 1 or len(ratio) == 0 or ratio.min() < 0 or ratio.sum() > 1 + 1e-6:
        raise UserError("ratio must be a vector of shares: pass PCA's explained_variance_ratio_.")
    total = np.cumsum(ratio)
    components = np.arange(1, len(ratio) + 1)
    figure, _ = _sheet(WIDTH, 300, title)
    axes = figure.subplots()
    axes.plot(components, total, color="#0963BC")
    if len(ratio) > 20:
        axes.set_xscale("log")
        _log_ticks(axes.xaxis, components[0], components[-1])
    axes.set(ylim=(0, 1.05), xlabel="number of components")
    axes.set_title("cumulative share of the variance (%)", color=SOFT)
    _percent_axis(axes.yaxis)
    axes.grid(axis="y")
    shares = [share for share in (0.5, 0.8, 0.9, 0.95, 0.99) if total[0] < share <= total[-1]]
    needed = [int(np.argmax(total >= share)) + 1 for share in shares]
    points = [(count, total[count - 1]) for count in needed]
    texts = [f"{count} hold {100 * share:.0f} %" for count, share in points]
    for point in points:
        _mark(axes, *point, "#0963BC", "o", size=8)
    obstacles = zip(components, total, components[1:], total[1:], strict=False)
    _place_labels(axes, points, texts, [SOFT] * len(points), list(obstacles))
    return figure


# -------------------------------------------------------------------------------------- training


@_styled
def learning_curves(
    histories,
    quantities=("loss", "accuracy"),
    chosen_epochs=None,
    overlay=None,
    title="Training and validation, epoch by epoch",
):
    """Show training (dashed) and validation (solid) curves of one or several models.

    Parameters
    ----------
    histories : dict of str to dict of str to sequence of float
        A model's name to its history with Keras' keys (`loss`, `val_loss`, `accuracy`, …).
        A quantity without its `val_` partner is drawn for training alone.
    quantities : sequence of str
    chosen_epochs : dict of str to int, optional
        The epoch, counted from 1, whose weights are reported: marked with the model's marker.
    overlay : bool, optional
        All models in common axes (True) or one panel each (False, the choice for up to four).

    Raises
    ------
    UserError
        If a history lacks a quantity, or a chosen epoch is not one of its epochs.
    """
    _checked_histories(histories, quantities)
    chosen_epochs = _checked_epochs(histories, quantities[0], chosen_epochs or {})
    names = list(histories)
    overlay = len(names) == 1 or (len(names) > 4 if overlay is None else overlay)
    groups = [names] if overlay else [[name] for name in names]
    rows, columns = (1, len(quantities)) if overlay else (len(quantities), len(groups))
    subtitle = "Dashed: training. Solid: validation."
    if chosen_epochs:
        subtitle += " Marker: the epoch whose weights are reported."
    figure, _ = _sheet(WIDTH, 60 + (250 if overlay else 190) * rows, title, subtitle)
    grid = figure.subplots(rows, columns, sharey=False if overlay else "row", squeeze=False)
    identities, labelled = _identities(names), []
    for row, quantity in enumerate(quantities):
        for column, group in enumerate(groups):
            axes = grid[0, row] if overlay else grid[row, column]
            ends = _curves(axes, quantity, group, histories, identities, chosen_epochs)
            last = overlay or column == columns - 1
            labelled.append(_end_labels(axes, _curve_labels(ends, group) if last else []))
            _curve_heading(axes, quantity, place=None if overlay else (row, column))
            if not overlay and row == 0:
                hue = _readable(identities[group[0]][0])
                axes.set_title(display_name(group[0]), weight="bold", color=hue)
            if overlay or row == rows - 1:
                axes.set_xlabel("epoch")
    _spread(figure, labelled)
    return figure


def _checked_epochs(histories, quantity, chosen_epochs):
    """Return the chosen epochs, or say which of them its history does not hold."""
    for name, epoch in chosen_epochs.items():
        if name not in histories or not 1 <= epoch <= len(histories[name][quantity]):
            raise UserError(
                f"Epoch {epoch} of {name} is not in its history: epochs count from 1 to the "
                "number of epochs trained."
            )
    return chosen_epochs


def _curves(axes, quantity, names, histories, identities, chosen_epochs):
    """Draw one quantity of some models; return (height, name, kind, hue) of each line's end."""
    ends, longest = [], 1
    for name in names:
        hue, shape = identities[name]
        lines = {"training": histories[name][quantity]}
        if len(histories[name].get(f"val_{quantity}", ())):
            lines["validation"] = histories[name][f"val_{quantity}"]
        for kind, line in lines.items():
            dashed = {"linestyle": "--", "linewidth": 1.4} if kind == "training" else {}
            axes.plot(np.arange(1, len(line) + 1), line, color=hue, **dashed)
            ends.append((line[-1], name, kind, hue))
            longest = max(longest, len(line))
        if name in chosen_epochs or len(names) > 1:
            epoch = chosen_epochs.get(name, len(line))
            _mark(axes, epoch, line[epoch - 1], hue, shape)
    _epoch_axis(axes, longest)
    axes.grid(axis="y")
    if "accuracy" in quantity:
        _percent_axis(axes.yaxis)
    return ends


def _curve_labels(ends, names):
    """Label lines by their kind where the axes hold one model, by the model where several."""
    if len(names) == 1:
        return [(height, kind, hue) for height, _, kind, hue in ends]
    validated = {name for _, name, kind, _ in ends if kind == "validation"}
    return [
        (height, display_name(name), hue)
        for height, name, kind, hue in ends
        if kind == "validation" or name not in validated
    ]


def _curve_heading(axes, quantity, place):
    """Name the quantity: above the axes, or in a grid of panels beside its first column."""
    words = quantity.replace("_", " ") + (" (%)" if "accuracy" in quantity else "")
    if place is None:
        axes.set_title(words, color=SOFT)
    elif place[1] == 0:
        axes.set_ylabel(words)


@_styled
def generalisation_gap(histories, title="Validation loss minus training loss"):
    """Show how far the validation loss lies above the training loss, epoch by epoch.

    Parameters
    ----------
    histories : dict of str to dict of str to sequence of float
        A model's name to its history with `loss` and `val_loss`.

    Raises
    ------
    UserError
        If a history lacks one of the two.
    """
    _checked_histories(histories, ("loss", "val_loss"))
    gaps = {
        name: np.asarray(history["val_loss"], float) - np.asarray(history["loss"], float)
        for name, history in histories.items()
    }
    return _epoch_lines(gaps, title, "gap in loss (above 0: worse on unseen images)")


@_styled
def learning_rate(histories, title="The learning rate, epoch by epoch"):
    """Show each model's learning rate per epoch on a logarithmic axis.

    Parameters
    ----------
    histories : dict of str to dict of str to sequence of float
        A model's name to its history with `learning_rate`.

    Raises
    ------
    UserError
        If a history lacks `learning_rate`, or has none above 0.
    """
    _checked_histories(histories, ("learning_rate",))
    # A schedule may end at exactly 0, which a logarithmic axis cannot show: the line ends before.
    rates = {
        name: np.array([rate for rate in history["learning_rate"] if rate > 0])
        for name, history in histories.items()
    }
    if not all(len(line) for line in rates.values()):
        raise UserError("A history has no learning rate above 0: record the optimizer's rate.")
    return _epoch_lines(rates, title, "learning rate (logarithmic)", log=True)


def _epoch_lines(values, title, label, log=False):
    """Draw one line per model against the epoch, with its name at the right end."""
    figure, _ = _sheet(WIDTH, 290, title)
    axes = figure.subplots()
    identities, ends = _identities(values), []
    for name, line in values.items():
        hue, shape = identities[name]
        epochs = np.arange(1, len(line) + 1)
        axes.plot(epochs, line, color=hue, drawstyle="steps-mid" if log else "default")
        _mark(axes, epochs[-1], line[-1], hue, shape)
        ends.append((line[-1], display_name(name), hue))
    if log:
        axes.set_yscale("log")
        _log_ticks(axes.yaxis, *_decades(np.concatenate(list(values.values()))))
        axes.set_ylim(*_decades(np.concatenate(list(values.values()))))
    else:
        axes.axhline(0, color=FAINT, linewidth=1, zorder=1)
    _epoch_axis(axes, max(len(line) for line in values.values()))
    axes.grid(axis="y")
    axes.set_title(label, color=SOFT)
    axes.set_xlabel("epoch")
    _spread(figure, [_end_labels(axes, ends)])
    return figure


def _decades(values):
    """Return limits a little outside the values of a logarithmic axis."""
    return values.min() / 1.6, values.max() * 1.6


def _log_ticks(axis, low, high):
    """Put plain numbers on a logarithmic axis: 1, 2, 5 of each decade, or the decades if many."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 400 else (1,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))


def _plain(value):
    """Write a number briefly: 0.001, 25, 1.5 K, 2 M."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " K")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")


# ------------------------------------------------------------------------------------ evaluation


@_styled
def confusion(matrix, class_names, title="Which classes are taken for which"):
    """Show a confusion matrix: counts, coloured by their share of the true class.

    The diagonal is grey, so that the errors stand out; the right margin gives each class's recall.

    Parameters
    ----------
    matrix : array (classes, classes) of int
        Rows: true classes; columns: predicted classes.
    class_names : sequence of str

    Raises
    ------
    UserError
        If the matrix is not square or does not fit the names.
    """
    matrix, count = np.asarray(matrix), len(class_names)
    if matrix.shape != (count, count) or count < 2:
        raise UserError(
            f"The confusion matrix has the shape {matrix.shape}: pass one row and one column for "
            f"each of the {count} class names (two or more)."
        )
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    errors = np.where(np.eye(count, dtype=bool), np.nan, shares)
    figure, _ = _sheet(
        max(220 + 62 * count, 480), 110 + 42 * count, title,
        "Numbers of images; the darker an error, the larger its share of the true class.",
    )  # fmt: skip
    axes = figure.subplots()
    for index in range(count):
        axes.add_patch(
            Rectangle((index + 0.02, index + 0.02), 0.96, 0.96, color="#ececec", lw=0, zorder=0)
        )
        axes.text(
            count + 0.15, index + 0.5, f"{100 * shares[index, index]:.1f} %", va="center",
            fontsize=8.5, color=SOFT,
        )  # fmt: skip
    texts = [[f"{number:,}" if number else "" for number in row] for row in matrix]
    _heatmap(axes, errors, texts, REDS, 0, max(np.nanmax(errors), 0.01))
    axes.text(count + 0.15, -0.18, "recall", fontsize=8.5, color=SOFT, style="italic")
    _cell_names(axes, list(class_names), list(class_names))
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


@_styled
def report_heatmap(report, class_names=None, title="Precision, recall and F1 of each class"):
    """Show precision, recall and F1 (in %) of each class as a heatmap.

    Parameters
    ----------
    report : pandas.DataFrame
        One row per class, with the columns `precision`, `recall` and `f1` in [0, 1].
    class_names : sequence of str, optional
        Names of the rows, the table's own index if left out.

    Raises
    ------
    UserError
        If a column is missing or the names do not fit.
    """
    columns = ["precision", "recall", "f1"]
    _checked_columns(report, columns, "The report")
    names = list(report.index if class_names is None else class_names)
    if len(names) != len(report):
        raise UserError(
            f"The report has {len(report)} rows for {len(names)} class names: pass one for each."
        )
    values = report[columns].to_numpy(float)
    figure, _ = _sheet(520, 60 + 32 * len(names), title, "In percent; the darker, the better.")
    axes = figure.subplots()
    texts = [[f"{100 * value:.1f}" for value in row] for row in values]
    _heatmap(axes, values, texts, BLUES, values.min() - 0.08, 1.04)
    _cell_names(axes, names, ["precision", "recall", "F1"])
    return figure


@_styled
def class_accuracy(table, title="How often each model recognises each class"):
    """Show the accuracy (in %) of each model on each class; the best of a class is bold.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: class names; columns: model names; values: accuracy in [0, 1].

    Raises
    ------
    UserError
        If the table is empty.
    """
    if getattr(table, "size", 0) == 0:
        raise UserError("The table is empty: pass accuracies of classes by models.")
    values = table.to_numpy(float).T
    texts = [
        [f"{100 * value:.1f}" if np.isfinite(value) else "" for value in row] for row in values
    ]
    several = len(values) > 1
    best = values >= np.nanmax(values, axis=0) - 1e-12 if several else None
    figure, _ = _sheet(
        WIDTH, 70 + 32 * len(values), title,
        "Accuracy in percent; the darker, the better." + " Bold: the best model." * several,
    )  # fmt: skip
    axes = figure.subplots()
    _heatmap(axes, values, texts, BLUES, np.nanmin(values) - 0.06, 1.04, bold=best)
    _cell_names(axes, [display_name(name) for name in table.columns], list(table.index))
    return figure


@_styled
def ablation(table, reference=None, title="What each ingredient changes"):
    """Show the accuracy of each arm of an ablation with its interval, beside the reference arm.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: arms; columns: `accuracy`, `low`, `high` in [0, 1]; an interval may be missing (NaN).
    reference : str, optional
        The arm that the others are compared with: a vertical line and differences in points.

    Raises
    ------
    UserError
        If a column is missing, the table is empty or `reference` is no arm.
    """
    _checked_columns(table, ("accuracy", "low", "high"), "The ablation table")
    if reference is not None and reference not in table.index:
        raise UserError(
            f"{reference!r} is no arm of the ablation: name one of {list(table.index)}."
        )
    subtitle = "The bar is the 95 % interval." if table["low"].notna().any() else ""
    figure, _ = _sheet(WIDTH, 60 + 32 * len(table), title, subtitle)
    axes = figure.subplots()
    base = None if reference is None else float(table["accuracy"][reference])
    if base is not None:
        axes.axvline(base, color=FAINT, linewidth=1.2, linestyle=(0, (3, 2)), zorder=1)
    identities = _identities(table.index)
    for row, arm in enumerate(table.index):
        accuracy, low, high = (float(table[key].iloc[row]) for key in ("accuracy", "low", "high"))
        hue, shape = (INK, "o") if arm == reference else identities[arm]
        _interval(axes, row, accuracy, low, high, hue, shape)
        text = f"{100 * accuracy:.2f} %"
        if base is not None:
            text += "   reference" if arm == reference else f"   {_points(accuracy - base)}"
        _margin_text(axes, row, text)
    _accuracy_rows(axes, [display_name(arm) for arm in table.index])
    return figure


def _points(difference):
    """Write a difference of two accuracies in percentage points, with its sign."""
    return f"{100 * difference:+.2f} points".replace("-", "−")


def _interval(axes, row, value, low, high, hue, shape):
    """Draw a value with its interval in one row of a figure with accuracy along x."""
    axes.plot([low, high], [row, row], color=_shade(hue, 0.4), linewidth=3, zorder=2)
    _mark(axes, value, row, hue, shape)


def _margin_text(axes, row, text):
    axes.text(
        1.02, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=SOFT
    )


def _accuracy_rows(axes, names):
    """Finish a figure that has one row per model or arm and accuracy along x."""
    axes.set_yticks(np.arange(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("accuracy (%)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    _percent_axis(axes.xaxis)
    axes.grid(axis="x")


RESULT_COLUMNS = (
    "model", "validation_accuracy", "test_accuracy", "test_accuracy_low", "test_accuracy_high",
    "reported_accuracy",
)  # fmt: skip


@_styled
def accuracy_bars(table, title="Validation and test accuracy of every model"):
    """Show each model's test accuracy with its interval, validation and reported accuracy with it.

    Parameters
    ----------
    table : pandas.DataFrame
        As `runs.table()` returns it.

    Raises
    ------
    UserError
        If a column is missing or the table is empty.
    """
    _checked_columns(table, RESULT_COLUMNS, "The results table")
    figure, _ = _sheet(WIDTH, 96 + 30 * len(table), title)
    axes = figure.subplots()
    identities = _identities(table["model"])
    symbols = _result_symbols()
    for row, result in enumerate(table.itertuples()):
        low, high = result.test_accuracy_low, result.test_accuracy_high
        _interval(axes, row, result.test_accuracy, low, high, *identities[result.model])
        axes.plot(result.validation_accuracy, row, **symbols["validation"])
        if result.reported_accuracy is not None:
            axes.plot(result.reported_accuracy, row, **symbols["reported by the model's source"])
        _margin_text(axes, row, f"{100 * result.test_accuracy:.2f} %")
    _accuracy_rows(axes, [display_name(name) for name in table["model"]])
    if table["reported_accuracy"].isna().all():
        del symbols["reported by the model's source"]
    handles = [axes.plot([], [], **symbol)[0] for symbol in symbols.values()]
    axes.legend(
        handles, list(symbols), loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3,
        columnspacing=2,
    )  # fmt: skip
    axes.text(
        1.02, 1.02, "test", transform=axes.transAxes, fontsize=8.5, color=SOFT, style="italic"
    )
    return figure


def _result_symbols():
    """Return how each quantity of `accuracy_bars` is drawn, by the words of the key."""
    shared = {"linestyle": "none", "color": INK, "zorder": 3}
    return {
        "test, with its 95 % interval": {
            "marker": "o", "color": FAINT, "markeredgecolor": "white", "markersize": 9.5,
        },
        "validation": shared | {"marker": "|", "zorder": 6, "markersize": 13, "mew": 1.8},
        "reported by the model's source": shared
        | {"marker": "D", "markerfacecolor": "none", "markersize": 7, "markeredgewidth": 1.1},
    }  # fmt: skip


def pareto_front(cost, accuracy):
    """Return the indices of the models that no other model beats in both cost and accuracy.

    Parameters
    ----------
    cost, accuracy : arrays (N,)
        Less cost and more accuracy are better; a model with a missing value is left out.

    Returns
    -------
    list of int
        Ordered by cost.
    """
    cost, accuracy = np.asarray(cost, float), np.asarray(accuracy, float)
    front, best = [], -np.inf
    for index in np.lexsort((-accuracy, cost)):
        if np.isfinite(cost[index]) and accuracy[index] > best:
            front.append(int(index))
            best = accuracy[index]
    return front


@_styled
def accuracy_against(table, cost, label, title=""):
    """Show test accuracy against a cost, with the Pareto front: the models no other one dominates.

    Parameters
    ----------
    table : pandas.DataFrame
        As `runs.table()` returns it.
    cost : str
        A column of the table, for example `training_seconds`, `mflops` or `parameters`.
    label : str
        The axis label, with its unit.

    Raises
    ------
    UserError
        If a column is missing, or no model has a known cost above 0.
    """
    _checked_columns(table, (*RESULT_COLUMNS, cost), "The results table")
    figure, _ = _sheet(
        WIDTH, 420, title or f"Test accuracy against {label.split(' (')[0].strip()}",
        "Grey line: the Pareto front, the best accuracy up to each cost. "
        "Vertical bars: 95 % intervals.",
    )  # fmt: skip
    _cost_scatter(figure.subplots(), table, cost, label)
    return figure


def _cost_scatter(axes, table, cost, label):
    """Draw the models of a results table as labelled points of cost and accuracy."""
    table = table[table[cost].notna() & (table[cost] > 0)]
    if len(table) == 0:
        raise UserError(f"No model has a known {cost}: pass the table of runs that measured it.")
    costs, accuracies = table[cost].to_numpy(float), table["test_accuracy"].to_numpy(float)
    front = pareto_front(costs, accuracies)
    axes.plot(
        costs[front], accuracies[front], color="#c4c4c4", linewidth=1.6, drawstyle="steps-post",
        zorder=1,
    )  # fmt: skip
    corners = list(zip(costs[front], accuracies[front], strict=True))
    obstacles = []
    for (x, y), (later, higher) in zip(corners, corners[1:], strict=False):
        obstacles += [(x, y, later, y), (later, y, later, higher)]
    identities = _identities(table["model"])
    for x, result in zip(costs, table.itertuples(), strict=True):
        hue, shape = identities[result.model]
        low, high = result.test_accuracy_low, result.test_accuracy_high
        axes.plot([x, x], [low, high], color=_shade(hue, 0.45), linewidth=2, zorder=2)
        _mark(axes, x, result.test_accuracy, hue, shape, size=10)
        obstacles += [(x, low, x, high)] if np.isfinite(low) else []
    _cost_axis(axes, costs, cost)
    axes.set_xlabel(label)
    axes.set_title("test accuracy (%)", color=SOFT)
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 2.5, 5, 10]))
    _percent_axis(axes.yaxis)
    texts = [display_name(name) for name in table["model"]]
    hues = [identities[name][0] for name in table["model"]]
    _place_labels(axes, np.column_stack([costs, accuracies]), texts, hues, obstacles)


DURATIONS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 18000, 36000)


def _cost_axis(axes, costs, cost):
    """Scale the cost axis: logarithmic where the costs span more than a factor of eight."""
    low, high = costs.min(), costs.max()
    if high / low <= 8:
        axes.set_xlim(0, high * 1.2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _plain(value)))
        return
    axes.set_xscale("log")
    axes.set_xlim(low / (high / low) ** 0.1, high * (high / low) ** 0.12)
    _log_ticks(axes.xaxis, low, high)
    if cost.endswith("seconds"):
        axes.xaxis.set_major_locator(FixedLocator(DURATIONS))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _duration(value)))


def _duration(seconds):
    """Write a time briefly: 30 s, 5 min, 2 h."""
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"


@_styled
def paired_tests(differences, p_values, title="Which differences in accuracy are more than chance"):
    """Show the difference in accuracy of every pair of models, and whether it is significant.

    Parameters
    ----------
    differences : pandas.DataFrame
        Models by models: accuracy of the row minus accuracy of the column, in [−1, 1].
    p_values : pandas.DataFrame
        The p-value of each pair, of the same shape and order; correct it for many tests first.

    Raises
    ------
    UserError
        If the tables do not match or hold fewer than two models.
    """
    names = list(differences.index)
    same = list(differences.columns) == names == list(p_values.index) == list(p_values.columns)
    if not same or len(names) < 2:
        raise UserError(
            "differences and p_values must be tables of the same two or more models by models, "
            "in the same order."
        )
    # The upper triangle would only repeat the lower one with the other sign.
    lower = np.tril(np.ones(differences.shape, bool), -1)[1:, :-1]
    values = np.where(lower, differences.to_numpy(float)[1:, :-1], np.nan)
    chance = p_values.to_numpy(float)[1:, :-1]
    texts = [
        [_test_text(*cell) for cell in zip(*pair, strict=True)]
        for pair in zip(values, chance, strict=True)
    ]
    figure, _ = _sheet(
        min(max(200 + 74 * len(values), 560), WIDTH), 90 + 42 * len(values), title,
        "Accuracy of the row minus accuracy of the column, in percentage points. "
        "*\u00a0p\u00a0<\u00a00.05, **\u00a0p\u00a0<\u00a00.01, ***\u00a0p\u00a0<\u00a00.001; "
        "no star: it could be chance.",
    )  # fmt: skip
    axes = figure.subplots()
    limit = max(np.nanmax(np.abs(values)), 0.001) * 1.1
    _heatmap(axes, values, texts, DIVERGING, -limit, limit, bold=chance < 0.05)
    words = [display_name(name) for name in names]
    _cell_names(axes, words[1:], words[:-1], on_top=False)
    axes.spines["bottom"].set_visible(False)
    return figure


def _test_text(difference, p_value):
    if not np.isfinite(difference):
        return ""
    stars = sum(p_value < level for level in (0.05, 0.01, 0.001))
    return f"{100 * difference:+.2f}".replace("-", "−") + ("\n" + "*" * stars if stars else "")


@_styled
def reliability(curves, title="Does a model know when it is wrong?"):
    """Show accuracy against confidence, one panel per model; the diagonal is perfect calibration.

    Parameters
    ----------
    curves : dict of str to pandas.DataFrame
        A model's name to `confidence`, `accuracy` (in [0, 1]) and `count` of each bin, as
        `evaluation.reliability` returns them.

    Raises
    ------
    UserError
        If there is no curve, a column is missing or every bin is empty.
    """
    if not curves:
        raise UserError("There is no curve: pass a dict from a model's name to its reliability.")
    for name, curve in curves.items():
        _checked_columns(curve, ("confidence", "accuracy", "count"), f"The reliability of {name}")
        if curve["count"].sum() == 0:
            raise UserError(f"The reliability of {name} counts no image: pass its predictions.")
    columns = min(len(curves), 4)
    rows = math.ceil(len(curves) / columns)
    side = min(300, (WIDTH - 60) // columns)
    figure, _ = _sheet(
        max(60 + side * columns, 460), (side + 16) * rows + 30, title,
        "Below the diagonal: too confident. The larger a point, the more images it stands for.",
    )  # fmt: skip
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
    for axes, (name, curve) in zip(grid.flat, curves.items(), strict=False):
        hue, shape = _identities(curves)[name]
        _reliability_panel(axes, curve[curve["count"] > 0], hue, shape)
        axes.set_title(display_name(name), weight="bold", color=_readable(hue))
    for axes in grid[-1]:
        axes.set_xlabel("confidence (%)")
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (%)")
    return figure


def _reliability_panel(axes, curve, hue, shape):
    confidence, accuracy = curve["confidence"].to_numpy(), curve["accuracy"].to_numpy()
    share = curve["count"].to_numpy() / curve["count"].sum()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    axes.vlines(confidence, confidence, accuracy, color=_shade(hue, 0.6), linewidth=3, zorder=2)
    axes.plot(confidence, accuracy, color=hue, linewidth=1.2, zorder=3)
    axes.scatter(
        confidence, accuracy, s=14 + 240 * share, marker=shape, color=hue, edgecolors="white",
        linewidths=0.7, zorder=4,
    )  # fmt: skip
    error = float((share * np.abs(confidence - accuracy)).sum())
    words = f"calibration error\n{100 * error:.1f} %"
    axes.text(0.04, 1.0, words, va="top", fontsize=8, color=SOFT)
    axes.set(xlim=(0, 1.04), ylim=(0, 1.04), aspect="equal")
    axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    _percent_axis(axes.xaxis)
    _percent_axis(axes.yaxis)
    axes.grid()


# ---------------------------------------------------------------------------------- architecture


# Part of a layer's class name, the letter on its slab, its colour and its words in the key.
SLABS = (
    ("BatchNorm", "B", "#44AA99", "batch normalisation"),
    ("Normalization", "N", "#44AA99", "normalisation"),
    ("Dropout", "D", "#CC6677", "dropout"),
    ("GlobalAverage", "G", "#332288", "global average"),
    ("GlobalMax", "G", "#332288", "global maximum"),
    ("MaxPool", "P", "#56B4E9", "max pooling"),
    ("AveragePool", "P", "#56B4E9", "average pooling"),
    ("Flatten", "F", "#bdbdbd", "flatten"),
    ("Reshape", "F", "#bdbdbd", "reshape"),
    ("Add", "+", "#AA4499", "add"),
    ("Concatenate", "C", "#AA4499", "concatenate"),
)
ACTIVATION = ("A", "#DDCC77", "activation")
OTHER = ("·", "#d9d9d9", "other")
FUNCTIONS = {"relu": "ReLU", "gelu": "GELU", "leaky_relu": "LeakyReLU", "Softmax": "softmax"}
STEP_HUES = {"input": "#e9e9e9", "conv": "#8fb8d8", "dense": "#7a6fb5"}
SLANT = 0.6  # how far a block recedes to the right and upwards, as a share of its depth
MIDDLE = 156  # height in pixels of the blocks' centres
STAGE = 256  # height in pixels of the part that holds the drawing


@_styled
def architecture(model, title=""):
    """Draw a Keras model from left to right: feature maps as blocks, dense layers as bars.

    Blocks grow with the size of the feature map and, in width, with its channels. Layers without
    weights of their own shape (pooling, normalisation, activation, dropout, …) are thin slabs,
    each with a letter that the key below explains.

    Parameters
    ----------
    model : keras.Model
        A built model whose layers follow one another; only names, settings and shapes are read.

    Raises
    ------
    UserError
        If the model has no layer whose output shape is known.
    """
    steps = _steps(model)
    if not any(step["kind"] in ("conv", "dense") for step in steps):
        raise UserError("The model has no built layer to draw: build it with its input shape.")
    title = title or f"{display_name(model.name)}, from pixels to classes"
    figure, heading = _sheet(1000, STAGE, title, constrained=False)
    axes = figure.add_axes((0, 0, 1, STAGE / (STAGE + heading)), frame_on=False)
    axes.set(xlim=(0, 1000), ylim=(0, STAGE), xticks=[], yticks=[])
    _draw_steps(axes, steps)
    _slab_key(axes, steps)
    return figure


def _steps(model):
    """Read a model as steps to draw, each a dict with its kind, output shape and words."""
    steps = []
    for layer in model.layers:
        kind, shape = type(layer).__name__, _output_shape(layer)
        if kind == "InputLayer" or shape is None:
            continue
        if not steps:
            steps.append({"kind": "input", "shape": tuple(model.input_shape)[1:], "label": "image"})
        steps += _layer_steps(layer, kind, shape)
    return steps


def _output_shape(layer):
    try:
        return tuple(layer.output.shape)[1:]
    except (AttributeError, ValueError, RuntimeError):
        return None


def _layer_steps(layer, kind, shape):
    """Return the steps of one layer: itself and its built-in activation."""
    if "Conv" in kind:
        form = {"S": "separable ", "D": "depthwise "}.get(kind[0], "")
        stride = f", stride {max(layer.strides)}" if max(layer.strides) > 1 else ""
        label = f"{form}conv {'×'.join(str(side) for side in layer.kernel_size)}{stride}"
        steps = [{"kind": "conv", "shape": shape, "label": label}]
    elif kind == "Dense":
        steps = [{"kind": "dense", "shape": shape, "label": "dense"}]
    else:
        return [_slab(layer, kind, shape)]
    function = getattr(layer.activation, "__name__", "linear")
    return steps if function == "linear" else [*steps, _thin(shape, ACTIVATION, function)]


def _slab(layer, kind, shape):
    """Return the step of a layer that is drawn as a thin slab."""
    for part, letter, hue, words in SLABS:
        if part in kind:
            rate = getattr(layer, "rate", None)
            return _thin(shape, (letter, hue, words), "" if rate is None else f"{rate:g}")
    if kind == "Activation":
        return _thin(shape, ACTIVATION, layer.activation.__name__)
    if "ReLU" in kind or kind == "Softmax":
        return _thin(shape, ACTIVATION, kind)
    return _thin(shape, OTHER, kind)


def _thin(shape, look, detail):
    letter, hue, words = look
    detail = FUNCTIONS.get(detail, detail)
    return {
        "kind": "slab", "shape": shape, "letter": letter, "hue": hue, "words": words,
        "detail": detail,
    }  # fmt: skip


def _draw_steps(axes, steps):
    """Lay the steps out along the figure's width and draw them."""
    largest = max((step["shape"][0] for step in steps if len(step["shape"]) == 3), default=28)
    sizes = [_step_size(step, largest) for step in steps]
    gaps = [3 if later["kind"] == "slab" else 18 for later in steps[1:]] + [0]
    # A smaller step after a larger one keeps clear of the larger one's receding side.
    clear = [max(0, SLANT * (a[2] - b[2])) for a, b in zip(sizes, sizes[1:], strict=False)] + [0]
    natural = sum(width + gap for (width, _, _), gap in zip(sizes, gaps, strict=True))
    scale = min(2.0, (900 - sum(clear)) / natural)
    x, labels = 490 - (natural * scale + sum(clear)) / 2, []
    axes.plot([x, x + natural * scale + sum(clear)], [MIDDLE] * 2, color="#c4c4c4", lw=1, zorder=0)
    for step, (width, height, depth), gap, free in zip(steps, sizes, gaps, clear, strict=True):
        hue = step["hue"] if step["kind"] == "slab" else STEP_HUES[step["kind"]]
        _box(axes, x, MIDDLE - height / 2, width * scale, height, depth, hue)
        if step["kind"] == "slab":
            position = (x + width * scale / 2, MIDDLE + height / 2 + 4)
            position = [part + SLANT * depth for part in position]
            style = {"ha": "center", "fontsize": 7, "weight": "bold"}
            axes.text(*position, step["letter"], color=_readable(hue), **style)
        else:
            labels.append((x + width * scale / 2, step))
        x += (width + gap) * scale + free
    _step_labels(axes, labels)


def _step_size(step, largest):
    """Return width, height and depth of a step in pixels."""
    shape, slab = step["shape"], step["kind"] == "slab"
    if len(shape) == 3:
        height = 100 * (shape[0] / largest) ** 0.6
        return (6 if slab else 3 + 2.4 * math.sqrt(shape[2])), height, 0.3 * height
    return (6 if slab else 11), 24 + 76 * min(1.0, math.log2(max(shape[-1], 2)) / 10), 0


def _box(axes, x, y, width, height, depth, hue):
    """Draw a block in oblique projection, or a flat bar where it has no depth."""
    edge = {"edgecolor": _shade(hue, -0.3), "linewidth": 0.6, "joinstyle": "round"}
    slant = SLANT * depth
    if depth:
        top = [(x, y + height), (x + slant, y + height + slant)]
        top += [(x + width + slant, y + height + slant), (x + width, y + height)]
        side = [(x + width, y), (x + width + slant, y + slant)]
        side += [(x + width + slant, y + height + slant), (x + width, y + height)]
        axes.add_patch(Polygon(top, facecolor=_shade(hue, 0.4), **edge))
        axes.add_patch(Polygon(side, facecolor=_shade(hue, -0.15), **edge))
    axes.add_patch(Rectangle((x, y), width, height, facecolor=hue, **edge))


def _step_labels(axes, labels):
    """Name the blocks under the drawing, on a second level where neighbours would touch.

    Where both levels are full the name is left out: a neighbour's is nearly always the same.
    """
    ends = [-100, -100]
    style = {"ha": "center", "va": "top", "fontsize": 7.5, "linespacing": 1.3, "color": SOFT}
    for x, step in labels:
        size = "×".join(str(side) for side in step["shape"])
        half = 3.2 * max(len(step["label"]), len(size)) + 2
        level = next((level for level in (0, 1) if x - half >= ends[level]), None)
        if level is not None:
            ends[level] = x + half
            axes.text(x, (90, 61)[level], f"{step['label']}\n{size}", **style)


def _slab_key(axes, steps):
    """Explain the slabs in one centred line under the drawing."""
    details = {}
    for step in steps:
        if step["kind"] == "slab":
            seen = details.setdefault((step["letter"], step["hue"], step["words"]), [])
            if step["detail"] and step["detail"] not in seen:
                seen.append(step["detail"])
    artists = []
    for (letter, hue, words), seen in details.items():
        text = words + (f": {', '.join(seen)}" if seen else "")
        square = axes.text(
            0, 8, letter, fontsize=7, weight="bold", color=_readable(hue), ha="center",
        )  # fmt: skip
        artists.append((square, axes.text(0, 8, text, fontsize=8, color=SOFT), hue))
    widths = [28 + text.get_window_extent().width + 14 for _, text, _ in artists]
    x = 500 - sum(widths) / 2
    for (square, text, hue), width in zip(artists, widths, strict=True):
        axes.add_patch(Rectangle((x, 8), 7, 11, facecolor=hue, edgecolor=_shade(hue, -0.3), lw=0.6))
        square.set_x(x + 15)
        text.set_x(x + 23)
        x += width


# ----------------------------------------------------------------------------------------- cover


@_styled
def cover(images, labels, class_names, table, title="Fashion-MNIST, model by model", subtitle=""):
    """Draw the series' cover: the ten classes at the left, accuracy against training time right.

    Parameters
    ----------
    images : array (N, height, width)
        The first images of each class are shown.
    labels : array (N,) of class indices
    class_names : sequence of str
    table : pandas.DataFrame
        As `runs.table()` returns it.

    Raises
    ------
    UserError
        If the shapes do not fit together or the table lacks a column.
    """
    images = _checked_images(images)
    labels = _checked_labels(labels, len(images), class_names)
    _checked_columns(table, (*RESULT_COLUMNS, "training_seconds"), "The results table")
    strips = np.stack([_strip(images[labels == index], 3) for index in range(len(class_names))])
    mosaic, corners = _compose(strips, 2, gap=8, below=2)
    height, width = 2 * mosaic.shape[0], 2 * mosaic.shape[1]
    body = height + 2 * EDGE
    figure, heading = _sheet(1000, body, title, subtitle, constrained=False)
    whole = heading + body
    pictures = figure.add_axes((EDGE / 1000, EDGE / whole, width / 1000, height / whole))
    _draw_mosaic(pictures, mosaic, images)
    for name, (x, y) in zip(class_names, corners, strict=True):
        pictures.text(x, y + 29.5, name, va="top", fontsize=8, color=SOFT)
    left = 2 * EDGE + width + 50
    panel = (left, EDGE + 44, 1000 - left - 2 * EDGE, height - 64)
    axes = figure.add_axes([part / (1000, whole)[i % 2] for i, part in enumerate(panel)])
    _cost_scatter(axes, table, "training_seconds", "training time on two processor cores")
    return figure


def _strip(images, count):
    """Join the first images side by side; places that are left over stay white."""
    height, width = images.shape[1:]
    strip = np.full((height, count * (width + 2) - 2), images.min(initial=0), images.dtype)
    for index, image in enumerate(images[:count]):
        strip[:, index * (width + 2) : index * (width + 2) + width] = image
    return strip
