"""The visual identity: colours, markers and names, the sheet of a figure, how it is shown."""

import base64
import functools
import inspect
import io
import math
import re
import textwrap
import warnings
import zlib
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.text import Text
from PIL import Image

from helpers.settings import UserError

STYLE = Path(__file__).with_name("style.mplstyle")
DPI = 100
WIDTH = 900  # pixels; as wide as a notebook's column on GitHub
EDGE = 12  # pixels of white around a figure
# Asked, where they are installed, for letters that Matplotlib's own font lacks.
MORE_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Microsoft YaHei", "PingFang SC", "Hiragino Sans"),
    *("WenQuanYi Zen Hei", "Noto Sans", "Noto Sans Arabic", "Noto Sans Devanagari", "Arial"),
)

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
# The classical baselines share one quiet colour, so that networks stay in front of them; the marker
# tells them apart.
CLASSICAL_COLOR = "#6B7583"
IDENTITIES_CLASSICAL = {
    name: (CLASSICAL_COLOR, marker)
    for name, marker in (
        ("logistic_regression", "o"),
        ("nearest_neighbours", "s"),
        ("random_forest", "^"),
        ("gradient_boosting", "D"),
        ("svm_rbf", "P"),
        ("hog_svm", "*"),
        ("hog_svm_rbf", "X"),
    )
}
FALLBACK_COLORS = ("#23B9C0", "#C3516C", "#2982D7", "#B8B832", "#770065", "#17351A", "#856712")
# The later models share seven more colours; pairs of colour and marker are all different.
TEAL, ROSE, SKY, OLIVE, PLUM, FOREST, BROWN = FALLBACK_COLORS
IDENTITIES_LATER = {
    "ann_tuned": (ROSE, "^"),
    "cnn_tuned": (SKY, "v"),
    "cnn_augmented": (OLIVE, "s"),
    "resnet_fast": (ROSE, "v"),
    "cnn_tiny": (SKY, "o"),
    "resnet_1min": (BROWN, "^"),
    "resnet_5min": (ROSE, "X"),
    "resnet_15min": (TEAL, "D"),
    "resnet_30min": (PLUM, "P"),
    "resnet_60min": (FOREST, "*"),
    "cnn_distilled": (PLUM, "*"),
    "ensemble_seeds": (BROWN, "s"),
    "ensemble_mixed": (FOREST, "P"),
    "ensemble_snapshots": (TEAL, "P"),
    "ensemble_3h": (OLIVE, "*"),
}
REFERENCES = {name: (INK, "o") for name in ("none", "plain")}  # of ablations
FIXED = IDENTITIES | IDENTITIES_CLASSICAL | IDENTITIES_LATER | REFERENCES
WORDS = {
    **{name: name.upper() for name in ("ann", "cnn", "hog", "rbf", "svm")},
    "adamw": "AdamW",
    "muon": "Muon",
    "resnet": "ResNet",
    "normalization": "normalisation",
    "regularized": "regularised",
}
FALLBACK_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
EVERY_FALLBACK = len(FALLBACK_COLORS) * len(FALLBACK_MARKERS)  # coprime, so all pairs come up
# The same ten, so ordered that classes which lie close together (Sandal, Sneaker) differ most.
CLASS_COLORS = (
    *("#161A85", "#CBB020", "#0963BC", "#6E0A34", "#62A8AC"),
    *("#BB1712", "#F7A28C", "#0A8644", "#82227A", "#35BBF5"),
)


def styled(function):
    """Run a figure function under the series' style sheet, whatever style the caller has."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # `png` says it once
            matplotlib.rcdefaults()
            matplotlib.style.use(STYLE)
            matplotlib.rcParams["font.sans-serif"] += _more_fonts()
            return function(*args, **kwargs)

    return wrapper


@functools.cache
def _more_fonts():
    installed = {font.name for font in fontManager.ttflist}
    return [name for name in MORE_FONTS if name in installed]


def _missing_letters(figure):
    """Return the letters of a figure that would be drawn as empty boxes."""
    letters = set("".join(text.get_text() for text in figure.findobj(Text)))
    letters = {letter for letter in letters if ord(letter) > 0x7E}
    fonts = [get_font(findfont(name)) for name in matplotlib.rcParams["font.sans-serif"]]
    return {
        letter for letter in letters if not any(font.get_char_index(ord(letter)) for font in fonts)
    }


def color(name):
    """Return the fixed colour of a model, as `#RRGGBB`; any other name has a stable one too."""
    return _identity(name)[0]


def marker(name):
    """Return the fixed Matplotlib marker of a model; any other name has a stable one too."""
    return _identity(name)[1]


def display_name(name):
    """Return a model's name in words: `cnn_batch_normalization` as `CNN batch normalisation`."""
    words = str(name).replace("__", ": ").replace("_", " ").split(" ")
    text = " ".join(WORDS.get(word, word) for word in words)
    return re.sub(r"(\d+)min\b", r"\1 min", text)


@styled
def png(figure):
    """Return a figure as the bytes of a PNG at 100 dots per inch."""
    missing = sorted(_missing_letters(figure))
    if missing:
        warnings.warn(
            f"No installed font has {' '.join(missing[:9])}: install one (such as Noto Sans CJK), "
            "or name the classes in other letters.",
            stacklevel=2,
        )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return encoded(Image.open(buffer).convert("RGB"))


def encoded(image):
    """Return a PIL image as the bytes of a PNG, with a palette where nobody sees the difference."""
    candidates = [image, _with_palette(image)]
    return min((_encode(each) for each in candidates if each is not None), key=len)


def show(figure, alt):
    """Display a figure in a notebook; `alt` says what it shows to readers who do not see it."""
    if not isinstance(alt, str) or not alt.strip():
        raise UserError("A figure needs alternative text: pass show(figure, alt) a sentence.")
    from IPython.display import display

    alt = " ".join(alt.split())
    data = {"image/png": base64.b64encode(png(figure)).decode("ascii"), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})


def show_source(code):
    """Display a function, or the text of one, as coloured Python with one line of docstring."""
    from IPython.display import display

    text = code if isinstance(code, str) else inspect.getsource(code)
    text = re.sub(
        r'^( +"""[^\n]*)(?<!""")\n\n.*?"""', r'\1"""', text, count=1, flags=re.M | re.S
    ).strip()
    display({"text/markdown": f"```python\n{text}\n```", "text/plain": text}, raw=True)


def _identity(name, attempt=0):
    if name in FIXED:
        return FIXED[name]
    number = zlib.crc32(str(name).encode("utf-8")) + attempt
    return (
        FALLBACK_COLORS[number % len(FALLBACK_COLORS)],
        FALLBACK_MARKERS[number % len(FALLBACK_MARKERS)],
    )


def identities_of(names):
    """Give each name of one figure its colour and marker; a clash moves the later name on.

    Later in the alphabet, so that figures of the same models in any order agree; models, whose
    colours are fixed, come before all other names.
    """
    chosen = {}
    for name in sorted(names, key=lambda name: (name not in FIXED, str(name))):
        attempts = [_identity(name, attempt) for attempt in range(EVERY_FALLBACK)]
        hues = {hue for hue, _ in chosen.values()}
        if INK in hues:
            hues.add(FOREST)  # the two are hard to tell apart
        new = [pair for pair in attempts[: len(FALLBACK_COLORS)] if pair[0] not in hues]
        # Where all colours are taken, the marker still tells two of the same colour apart.
        new += [pair for pair in attempts if pair not in chosen.values()]
        chosen[name] = (new or attempts)[0]
    return chosen


def looks_of(names, known):
    """Give each name its colour and marker, those that are `known` their own."""
    others = identities_of([name for name in names if name not in known])
    return {name: known.get(name) or others[name] for name in names}


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


def sheet(width, body, title, subtitle="", constrained=True):
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


def panels(height, title, subtitle="", shape=None, width=WIDTH, count=None, **options):
    """Return a figure with `height` pixels below its heading, and one axes or a grid of `shape`.

    Of a grid, the first `count` axes are shown.
    """
    figure, _ = sheet(width, height, title, subtitle)
    if shape is None:
        return figure, figure.subplots()
    grid = figure.subplots(*shape, squeeze=False, **options)
    for axes in grid.flat[count or grid.size :]:
        axes.set_visible(False)
    return figure, grid


def _wrap(artist, text, width):
    """Set the artist's text, broken into lines of at most `width` pixels."""
    artist.set_text(text)
    letters = len(text)
    while artist.get_window_extent().width > width and letters > 12:
        letters -= 4
        artist.set_text(textwrap.fill(text, letters, break_long_words=False))


def shade(hue, amount):
    """Mix a colour with white (positive amount) or with black (negative amount)."""
    target = 1.0 if amount > 0 else 0.0
    return to_hex([part + (target - part) * abs(amount) for part in to_rgb(hue)])


def _luminance(hue):
    """Relative luminance of a colour, 0 to 1, as the web's contrast guidelines define it."""
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in to_rgb(hue)]
    return float(np.dot((0.2126, 0.7152, 0.0722), parts))


def readable(hue):
    """Darken a colour until text in it has a contrast of 4.5 to 1 on white."""
    while _luminance(hue) > 1.05 / 4.5 - 0.05:
        hue = shade(hue, -0.08)
    return hue
