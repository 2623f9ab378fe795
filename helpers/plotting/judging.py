"""Figures that judge predictions: confusion, classes, calibration, tests of differences."""

import math

import numpy as np
from matplotlib.patches import Rectangle

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_square, checked_table, checked_tables
from helpers.plotting.style import display_name, identities_of, panels, readable, shade, styled
from helpers.settings import UserError

MOST_LEGIBLE = 20  # columns beyond which the numbers have to be small
MOST_ROOMY = 12  # columns of paired tests that leave room for two decimals and names across


@styled
def confusion(matrix, class_names, title="Which classes are taken for which"):
    """Show a confusion matrix of true classes (rows) by predicted ones (columns).

    Errors are coloured by their share of the true class; the right margin gives the recall.
    """
    matrix, count = checked_square(matrix, class_names), len(class_names)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    errors = np.where(np.eye(count, dtype=bool), np.nan, shares)
    figure, axes = panels(
        110 + 42 * count, title,
        "Numbers of images; the darker an error, the larger its share of the true class.",
        width=max(220 + 62 * count, 480),
    )  # fmt: skip
    font = {"fontsize": 8.5, "color": style.SOFT}
    for index in range(count):
        axes.add_patch(
            Rectangle((index + 0.02, index + 0.02), 0.96, 0.96, color="#ececec", lw=0, zorder=0)
        )
        recall = f"{100 * shares[index, index]:.1f} %"
        axes.text(count + 0.15, index + 0.5, recall, va="center", **font)
    texts = [[f"{number:,}" if number else "" for number in row] for row in matrix]
    limits, names = (0, max(np.nanmax(errors), 0.01)), list(class_names)
    parts.heatmap(axes, errors, texts, style.REDS, limits, (names, names))
    axes.text(count + 0.15, -0.18, "recall", style="italic", **font)
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


@styled
def class_accuracy(table, title="How often each model recognises each class"):
    """Show the accuracy (in %) of each model on each class; the best of a class is bold.

    The table has one row per class and one column per model, with accuracies from 0 to 1.
    """
    checked_table(table)
    values = table.to_numpy(float).T
    texts = parts.cells(values, lambda value: f"{100 * value:.1f}")
    several = len(values) > 1
    best = values >= np.nanmax(values, axis=0) - 1e-12 if several else None
    figure, axes = panels(
        70 + 32 * len(values), title,
        "Accuracy in percent; the darker, the better." + " Bold: the best model." * several,
    )  # fmt: skip
    names = [display_name(name) for name in table.columns], list(table.index)
    parts.heatmap(axes, values, texts, style.BLUES, (np.nanmin(values) - 0.06, 1.04), names, best)
    return figure


@styled
def paired_tests(differences, p_values, title="Which differences in accuracy are more than chance"):
    """Show the difference in accuracy of every pair of models, and whether it is significant.

    Two tables of models by models: the accuracy of the row minus that of the column, from −1 to 1,
    and the p-values, which are to be corrected for many tests first.
    """
    names = list(differences.index)
    if not list(differences.columns) == names == list(p_values.index) == list(p_values.columns):
        raise UserError(
            "differences and p_values must be tables of the same models by models, in the same "
            "order."
        )
    # The upper triangle would only repeat the lower one with the other sign.
    values, chance = parts.triangle(differences), p_values.to_numpy(float)[1:, :-1]
    crowded = len(values) > MOST_ROOMY
    texts = [
        [_test_text(*cell, decimals=1 if crowded else 2) for cell in zip(*pair, strict=True)]
        for pair in zip(values, chance, strict=True)
    ]
    figure, axes = panels(
        90 + 42 * len(values), title,
        "Accuracy of the row minus accuracy of the column, in percentage points. "
        "*\u00a0p\u00a0<\u00a00.05, **\u00a0p\u00a0<\u00a00.01, ***\u00a0p\u00a0<\u00a00.001; "
        "no star: it could be chance.",
        width=min(max(200 + 74 * len(values), 560), style.WIDTH),
    )  # fmt: skip
    limit = max(np.nanmax(np.abs(values)), 0.001) * 1.1
    words = [display_name(name) for name in names]
    look = style.DIVERGING, (-limit, limit), (words[1:], words[:-1])
    parts.heatmap(axes, values, texts, *look, bold=chance < 0.05, on_top=False)
    if crowded:
        axes.set_xticks(0.5 + np.arange(len(values)), words[:-1], rotation=90)
        for text in axes.texts:
            text.set_fontsize(7 if len(values) > MOST_LEGIBLE else 8)
    axes.spines["bottom"].set_visible(False)
    return figure


def _test_text(difference, p_value, decimals):
    if not np.isfinite(difference):
        return ""
    stars = sum(p_value < level for level in (0.05, 0.01, 0.001))
    # Where decimals are short, a difference of ten points or more can do without.
    decimals = 0 if decimals == 1 and abs(difference) >= 0.0995 else decimals
    return parts.points(100 * difference, decimals) + ("\n" + "*" * stars if stars else "")


@styled
def reliability(curves, title="Does a model know when it is wrong?"):
    """Show accuracy against confidence, one panel per model; the diagonal is perfect calibration.

    `curves` has what `evaluation.reliability` returns by the names of models: tables of bins with
    the columns `confidence`, `accuracy` (0 to 1) and `count`.
    """
    checked_tables(curves, "confidence", "accuracy", "count")
    columns = min(len(curves), 4)
    rows = math.ceil(len(curves) / columns)
    side = min(300, (style.WIDTH - 60) // columns)
    subtitle = "Below the diagonal: too confident. The larger a point, the more images it has."
    if any(_is_rare(curve["count"]).any() for curve in curves.values()):
        subtitle += f" Faint, off the line: less than {100 * parts.RARE:g} % of the images."
    figure, grid = panels(
        (side + 16) * rows + 30, title, subtitle, (rows, columns),
        max(60 + side * columns, 460), len(curves), sharex=True, sharey=True,
    )  # fmt: skip
    for axes, (name, curve) in zip(grid.flat, curves.items(), strict=False):
        hue, shape = identities_of(curves)[name]
        _reliability_panel(axes, curve[curve["count"] > 0], hue, shape)
        axes.set_title(display_name(name), weight="bold", color=readable(hue))
    for axes in grid.flat[max(0, len(curves) - columns) : len(curves)]:
        axes.set_xlabel("confidence (%)")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (%)")
    return figure


def _is_rare(counts):
    """Say of each bin whether it holds some images, but only a tiny share of all."""
    return (counts > 0) & (counts < parts.RARE * counts.sum())


def _reliability_panel(axes, curve, hue, shape):
    confidence, accuracy = curve["confidence"].to_numpy(), curve["accuracy"].to_numpy()
    share = curve["count"].to_numpy() / curve["count"].sum()
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    rare = _is_rare(curve["count"]).to_numpy()
    x, y = confidence[~rare], accuracy[~rare]
    axes.vlines(x, x, y, color=shade(hue, 0.6), linewidth=3, zorder=2)
    axes.plot(x, y, color=hue, linewidth=1.2, zorder=3)
    sizes = (14 + 240 * share) * parts.MARKER_SCALE.get(shape, 1) ** 2
    points = {"marker": shape, "clip_on": False, "zorder": 4}
    axes.scatter(x, y, sizes[~rare], hue, edgecolors="white", linewidths=0.7, **points)
    x, y = confidence[rare], accuracy[rare]
    axes.scatter(x, y, sizes[rare], shade(hue, 0.5), linewidths=0, **points)
    error = float((share * np.abs(confidence - accuracy)).sum())
    words = f"calibration error\n{100 * error:.1f} %"
    axes.text(1.0, 0.04, words, ha="right", fontsize=8, color=style.SOFT)
    axes.set(xlim=(0, 1.04), ylim=(0, 1.04), aspect="equal")
    axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    parts.percent_axis(axes.xaxis, axes.yaxis)
    axes.grid()
