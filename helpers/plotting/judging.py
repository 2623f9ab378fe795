"""Figures that judge predictions: confusion, classes, calibration, tests of differences."""

import math

import numpy as np
from matplotlib.patches import Rectangle

from helpers.plotting.checks import checked_columns, checked_reliability
from helpers.plotting.parts import MARKER_SCALE, RARE, cell_names, heatmap, percent_axis
from helpers.plotting.style import (
    BLUES,
    DIVERGING,
    FAINT,
    REDS,
    SOFT,
    WIDTH,
    display_name,
    identities_of,
    readable,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

MOST_LEGIBLE = 20  # columns beyond which the numbers have to be small
MOST_ROOMY = 12  # columns of paired tests that leave room for two decimals and names across


@styled
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
    figure, _ = sheet(
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
    heatmap(axes, errors, texts, REDS, 0, max(np.nanmax(errors), 0.01))
    axes.text(count + 0.15, -0.18, "recall", fontsize=8.5, color=SOFT, style="italic")
    cell_names(axes, list(class_names), list(class_names))
    axes.set(xlabel="predicted class", ylabel="true class")
    return figure


@styled
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
    checked_columns(report, columns, "The report")
    names = list(report.index if class_names is None else class_names)
    if len(names) != len(report):
        raise UserError(
            f"The report has {len(report)} rows for {len(names)} class names: pass one for each."
        )
    values = report[columns].to_numpy(float)
    figure, _ = sheet(520, 60 + 32 * len(names), title, "In percent; the darker, the better.")
    axes = figure.subplots()
    texts = [[f"{100 * value:.1f}" for value in row] for row in values]
    heatmap(axes, values, texts, BLUES, values.min() - 0.08, 1.04)
    cell_names(axes, names, ["precision", "recall", "F1"])
    return figure


@styled
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
    figure, _ = sheet(
        WIDTH, 70 + 32 * len(values), title,
        "Accuracy in percent; the darker, the better." + " Bold: the best model." * several,
    )  # fmt: skip
    axes = figure.subplots()
    heatmap(axes, values, texts, BLUES, np.nanmin(values) - 0.06, 1.04, bold=best)
    cell_names(axes, [display_name(name) for name in table.columns], list(table.index))
    return figure


@styled
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
    crowded = len(values) > MOST_ROOMY
    texts = [
        [_test_text(*cell, decimals=1 if crowded else 2) for cell in zip(*pair, strict=True)]
        for pair in zip(values, chance, strict=True)
    ]
    figure, _ = sheet(
        min(max(200 + 74 * len(values), 560), WIDTH), 90 + 42 * len(values), title,
        "Accuracy of the row minus accuracy of the column, in percentage points. "
        "*\u00a0p\u00a0<\u00a00.05, **\u00a0p\u00a0<\u00a00.01, ***\u00a0p\u00a0<\u00a00.001; "
        "no star: it could be chance.",
    )  # fmt: skip
    axes = figure.subplots()
    limit = max(np.nanmax(np.abs(values)), 0.001) * 1.1
    heatmap(axes, values, texts, DIVERGING, -limit, limit, bold=chance < 0.05)
    words = [display_name(name) for name in names]
    cell_names(axes, words[1:], words[:-1], on_top=False)
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
    points = f"{100 * difference:+.{decimals}f}".replace("-", "−")
    return points + ("\n" + "*" * stars if stars else "")


@styled
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
    checked_reliability(curves, "curve", "a model's name")
    columns = min(len(curves), 4)
    rows = math.ceil(len(curves) / columns)
    side = min(300, (WIDTH - 60) // columns)
    subtitle = "Below the diagonal: too confident. The larger a point, the more images it has."
    if any(_is_rare(curve["count"]).any() for curve in curves.values()):
        subtitle += f" Faint, off the line: less than {100 * RARE:g} % of the images."
    figure, _ = sheet(max(60 + side * columns, 460), (side + 16) * rows + 30, title, subtitle)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(curves) :]:
        axes.set_visible(False)
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
    return (counts > 0) & (counts < RARE * counts.sum())


def _reliability_panel(axes, curve, hue, shape):
    confidence, accuracy = curve["confidence"].to_numpy(), curve["accuracy"].to_numpy()
    share = curve["count"].to_numpy() / curve["count"].sum()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (3, 2)), zorder=1)
    rare = _is_rare(curve["count"]).to_numpy()
    x, y = confidence[~rare], accuracy[~rare]
    axes.vlines(x, x, y, color=shade(hue, 0.6), linewidth=3, zorder=2)
    axes.plot(x, y, color=hue, linewidth=1.2, zorder=3)
    sizes = (14 + 240 * share) * MARKER_SCALE.get(shape, 1) ** 2
    points = {"marker": shape, "clip_on": False, "zorder": 4}
    axes.scatter(x, y, sizes[~rare], hue, edgecolors="white", linewidths=0.7, **points)
    x, y = confidence[rare], accuracy[rare]
    axes.scatter(x, y, sizes[rare], shade(hue, 0.5), linewidths=0, **points)
    error = float((share * np.abs(confidence - accuracy)).sum())
    words = f"calibration error\n{100 * error:.1f} %"
    axes.text(1.0, 0.04, words, ha="right", fontsize=8, color=SOFT)
    axes.set(xlim=(0, 1.04), ylim=(0, 1.04), aspect="equal")
    axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)
    axes.grid()
