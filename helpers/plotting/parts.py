"""Parts that several figures share: axes, markers, intervals, labels that keep apart, heatmaps."""

import numpy as np
import seaborn
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from helpers.plotting.style import FAINT, INK, RIGHT, SOFT, WRONG, readable, shade

MOST_COVERED = 0.05  # share of a label that may lie over other things, where it can be left out
FAR = 14  # pixels between a point and its label, from which a line ties the two
MARKER_SCALE = {"*": 1.6, "P": 1.15, "X": 1.15, "D": 0.85, "s": 0.95}  # to look equally large
RARE = 0.01  # share of all answers below which chance decides the accuracy of a bin of them
REFERENCE = {"color": FAINT, "linewidth": 1.2, "linestyle": (0, (3, 2)), "zorder": 1}
VERDICTS = "Blue triangle up: it pays. Orange triangle down: it harms. Grey circle: "


def percent_axis(*every):
    """Write the shares on axes as percentages, without the sign."""
    for axis in every:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}"))


def round_ticks(axis, most):
    """Put at most so many ticks at round numbers."""
    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]))


def epoch_axis(axes, epochs):
    """Count epochs from 1: a tick at the first, and at round numbers after it."""
    margin = 0.03 * max(epochs - 1, 1)
    axes.set_xlim(1 - margin, epochs + margin)
    ticks = MaxNLocator(nbins=6, integer=True).tick_values(1, epochs)
    axes.set_xticks([1, *(tick for tick in ticks if 1.5 <= tick <= epochs)])


def mark(axes, x, y, hue, shape, size=9):
    """Draw the marker of a model at one or several points, as large to the eye as any other's."""
    size *= MARKER_SCALE.get(shape, 1)
    axes.plot(x, y, shape, color=hue, markeredgecolor="white", markersize=size, zorder=5)


def label_ends(figure, *ends):
    """Write names at the right ends of lines, moved apart once the layout is known.

    Takes pairs of axes and the (height in data units, text, hue) of their lines.
    """
    labelled = []
    for axes, labels in ends:
        font = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 8.5}
        ordered = sorted(labels, key=lambda label: label[0])
        artists = [
            axes.text(1.01, y, text, color=readable(hue), **font) for y, text, hue in ordered
        ]
        labelled.append((axes, artists))
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


def place_labels(axes, points, texts, hues, obstacles=(), needed=None):
    """Label points next to them so that no label covers a point, an obstacle or another label.

    A label that has to stand further off is tied to its point by a line. `obstacles` are boxes
    (left, bottom, right, top) in data units; lines are boxes without width. Of the points that are
    not `needed` (all are, by default), those without room stay unnamed, and so do those whose label
    would stand nearer to another point.
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
    needed = np.ones(len(pixels), bool) if needed is None else np.asarray(needed)
    for index in np.lexsort((-pixels[:, 1], ~needed)):
        hue = readable(hues[index])
        artist = axes.annotate(
            texts[index], points[index], (0, 0), color=hue, path_effects=halo(2.5), **style
        )
        artist.set_in_layout(False)
        extent = artist.get_window_extent()
        size = (extent.width, extent.height)
        others = np.delete(pixels, index, axis=0)
        offset, covered = _best_offset(pixels[index], *size, taken, frame, others)
        if not needed[index] and covered > MOST_COVERED * extent.width * extent.height:
            artist.remove()
            continue
        artist.set_position(offset)
        x, y = pixels[index] + offset
        box = (x, y, x + extent.width, y + extent.height)
        taken.append((box[0] - 4, box[1], box[2] + 4, box[3]))
        if _distance(box, pixels[index]) > FAR:
            _tie(axes, box, pixels[index], hue)


def halo(width=3):
    """Return the path effect that sets a text off from what lies under it."""
    return [withStroke(linewidth=width, foreground="white")]


def _tie(axes, box, pixel, hue):
    """Draw a thin line from a point to the nearest place of its label."""
    near = np.clip(pixel, box[:2], box[2:])
    ends = axes.transData.inverted().transform([pixel, near])
    limits = axes.get_xlim(), axes.get_ylim()
    axes.plot(*ends.T, color=shade(hue, 0.4), linewidth=0.8, zorder=1.5)
    axes.set(xlim=limits[0], ylim=limits[1])


def _distance(box, pixel):
    """Return how many pixels lie between a box and a point."""
    return float(np.hypot(*(pixel - np.clip(pixel, box[:2], box[2:]))))


def _best_offset(point, width, height, taken, frame, others):
    """Return the candidate position that covers least, as an offset in pixels, and how much.

    To stand nearer to one of the `others` than to its own point costs as much as to be covered.
    """
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
        # The eye reads along the line of the text, so distances are taken from its middle.
        line = (x, y + height / 2, x + width, y + height / 2)
        own = _distance(line, point)
        misleading = any(_distance(line, other) <= own for other in others)
        overlaps = sum(_overlap(box, other) for other in taken)
        return 3 * outside + overlaps + misleading * width * height

    costs = [covered(offset) + 0.5 * rank for rank, offset in enumerate(candidates)]
    best = int(np.argmin(costs))
    return candidates[best], costs[best]


def _overlap(a, b):
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def triangle(table):
    """Return what lies below the diagonal of a square table, NaN elsewhere, in float."""
    values = np.asarray(table, float)
    return np.where(np.tril(np.ones(values.shape, bool), -1), values, np.nan)[1:, :-1]


def cells(values, write):
    """Write every value of a matrix, and nothing for those that are missing."""
    return [[write(value) if np.isfinite(value) else "" for value in row] for row in values]


def heatmap(axes, values, texts, cmap, limits, names, bold=None, on_top=True):
    """Draw a matrix as coloured cells with a text in each, first row on top; name both sides.

    `names` holds those of the rows and those of the columns, which are broken where they are long.
    """
    low, high = limits
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
    style = {"ha": "center", "va": "center", "fontsize": 8.5, "color": INK}
    for row, column in np.argwhere(~shown):
        axes.text(column + 0.5, row + 0.5, texts[row][column], **style)
    axes.tick_params(length=0)
    rows, columns = names
    broken = [str(name).replace("/", "/\n").replace(" ", "\n") for name in columns]
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, color=INK)
    axes.set_xticks(np.arange(len(columns)) + 0.5, broken, color=INK)
    if on_top:
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")


def log_ticks(axis, low, high):
    """Put plain numbers on a logarithmic axis: 1, 2, 5 of each decade, or the decades if many."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 400 else (1,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def plain_number(value):
    """Write a number briefly: 0.001, 25, 1.5 K, 2 M."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " K")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return np.format_float_positional(float(f"{value:.3g}"), trim="-")


def points(value, decimals):
    """Write a number with its sign."""
    return f"{value:+.{decimals}f}".replace("-", "−")


def signed(value, decimals):
    """Write a number with its sign, which is ± where rounding leaves zero."""
    near_zero = not float(f"{value:.{decimals}f}")
    return f"±{abs(value):.{decimals}f}" if near_zero else points(value, decimals)


def interval(value, low, high, decimals):
    """Write a gain with its interval, if one is known: +0.31 (+0.10 to +0.52)."""
    if np.isnan(low):
        return points(value, decimals)
    return f"{points(value, decimals)} ({points(low, decimals)} to {points(high, decimals)})"


def verdict(low, high):
    """Return colour and marker of an interval: above zero, below zero, or neither."""
    if low > 0:
        return RIGHT, "^"
    return (WRONG, "v") if high < 0 else (FAINT, "o")


def forest(axes, names, values, looks, texts=(), reference=None):
    """Draw a row per name: a marker at its value, a line over its interval, a text at the right.

    `values` holds (value, low, high) and `looks` (colour, marker) of each row; `reference` is the
    place of a dashed line.
    """
    if reference is not None:
        axes.axvline(reference, **REFERENCE)
    for row, ((value, low, high), (hue, shape)) in enumerate(zip(values, looks, strict=True)):
        axes.plot([low, high], [row, row], color=shade(hue, 0.4), linewidth=3, zorder=2)
        mark(axes, value, row, hue, shape)
    named_rows(axes, names, texts)


def named_rows(axes, names, texts=()):
    """Name the rows of a figure from the top, and write texts at their right ends."""
    for row, text in enumerate(texts):
        style = {"va": "center", "fontsize": 8.5, "color": SOFT}
        axes.text(1.02, row, text, transform=axes.get_yaxis_transform(), **style)
    axes.set_yticks(np.arange(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(True, axis="x")


def value_axis(axes, words="", percent=False, ticks=None):
    """Finish a figure whose values run upwards: what they are, rulers, ticks, shares in percent."""
    if words:
        axes.set_title(words, color=SOFT)
    axes.grid(True, axis="y")
    if ticks:
        round_ticks(axes.yaxis, ticks)
    if percent:
        percent_axis(axes.yaxis)


def accuracy_axis(axes):
    """Finish a figure that has accuracy along x."""
    axes.set_xlabel("accuracy (%)")
    round_ticks(axes.xaxis, 7)
    percent_axis(axes.xaxis)


def upright_gains(axes, gains, texts, aside, **style):
    """Draw gains with their intervals beside each other, each with a text at its right."""
    axes.axhline(0, **REFERENCE)
    for place, ((gain, low, high), text) in enumerate(zip(gains, texts, strict=True)):
        hue, shape = verdict(low, high)
        axes.plot([place] * 2, [low, high], color=shade(hue, 0.4), linewidth=3, zorder=2)
        mark(axes, place, gain, hue, shape)
        axes.annotate(
            text, (place, gain), (aside, 0), textcoords="offset points", va="center",
            fontsize=8.5, color=SOFT, path_effects=halo(), **style,
        )  # fmt: skip
