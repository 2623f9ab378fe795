"""Figures of trust: confidence before and after calibration, declining to answer, strangers."""

import numpy as np

from helpers.plotting.checks import checked_columns, checked_reliability
from helpers.plotting.parts import RARE, end_labels, mark, percent_axis, spread
from helpers.plotting.style import (
    FAINT,
    INK,
    RIGHT,
    WIDTH,
    WRONG,
    display_name,
    identities_of,
    readable,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

DASHED = (0, (3, 2))
FEWEST_ANSWERS = 50  # under so few answers an accuracy is too uncertain to be drawn
HISTOGRAM_BINS = 40


@styled
def confidence(curves, title="How sure the model is, and how often it is right"):
    """Show accuracy by confidence and how the confidences spread, one column per set of answers.

    Parameters
    ----------
    curves : dict of str to pandas.DataFrame
        A heading to `confidence`, `accuracy` (0 to 1) and `count` of each bin, indexed by the
        bins, as `evaluation.reliability` returns them.

    Raises
    ------
    UserError
        If there is no table, a column is missing or every bin is empty.
    """
    checked_reliability(curves, "table", "a heading")
    figure, _ = sheet(
        min(90 + 400 * len(curves), WIDTH), 450, title,
        "How often answers of a confidence are right: top of the blue (more often than they claim) "
        "or foot of the orange (less often). Pale: under 1 % of the answers. Below: all answers.",
    )  # fmt: skip
    grid = figure.subplots(
        2, len(curves), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 1)
    )
    for (above, below), (name, table) in zip(grid.T, curves.items(), strict=True):
        _reliability_bars(above, table)
        above.set_title(name, weight="bold")
        for interval, share in (table["count"] / table["count"].sum()).items():
            below.bar(interval.mid, share, 0.86 * interval.length, color=shade(INK, 0.5))
        below.set_xlabel("confidence (%)")
        percent_axis(below.xaxis)
        for axes in (above, below):
            percent_axis(axes.yaxis)
            axes.grid(axis="y")
    grid[0, 0].set_ylabel("accuracy (%)")
    grid[1, 0].set_ylabel("answers (%)")
    return figure


def _reliability_bars(axes, table):
    """Draw the accuracy of each bin and, in colour, its distance from the confidence."""
    shares = table["count"] / table["count"].sum()
    for interval, row in table[table["count"] > 0].iterrows():
        low, high = sorted((row["accuracy"], row["confidence"]))
        hue = RIGHT if row["accuracy"] >= row["confidence"] else WRONG
        place = {"x": interval.mid, "width": 0.86 * interval.length}
        place["alpha"] = 0.35 if shares[interval] < RARE else 1
        axes.bar(height=low, color=shade(INK, 0.8), **place)
        axes.bar(height=high - low, bottom=low, color=shade(hue, 0.25), **place)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=DASHED, zorder=3)
    error = float((shares * (table["confidence"] - table["accuracy"]).abs()).sum())
    axes.text(0.02, 0.93, f"calibration error {100 * error:.2f} %", color=INK)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))


@styled
def risk_coverage(curves, title="Fewer answers, better answers"):
    """Show the accuracy of the surest answers against the share of images that are answered.

    Parameters
    ----------
    curves : dict of str to pandas.DataFrame
        A model's name to `coverage`, `accuracy`, `low` and `high` (0 to 1), as
        `evaluation.risk_coverage` returns them.

    Raises
    ------
    UserError
        If there is no curve, or one lacks a column.
    """
    if not curves:
        raise UserError("There is no curve: pass a dict from a name to its coverage and accuracy.")
    columns = ("coverage", "accuracy", "low", "high")
    for name, table in curves.items():
        checked_columns(table, columns, f"The curve of {name}")
    figure, _ = sheet(
        WIDTH, 340, title,
        "From right to left the model declines ever more images, the least sure first. Band: 95 % "
        "interval. Dashed: the same answers declined by lot.",
    )  # fmt: skip
    axes, ends = figure.subplots(), []
    identities = identities_of(curves)
    for name, table in curves.items():
        hue, shape = identities[name]
        drawn = table.iloc[min(FEWEST_ANSWERS, len(table)) - 1 :]
        axes.fill_between(
            drawn["coverage"], drawn["low"], drawn["high"], color=shade(hue, 0.6), alpha=0.5, lw=0
        )
        axes.plot(drawn["coverage"], drawn["accuracy"], color=hue, zorder=3)
        everything = float(table["accuracy"].iloc[-1])
        axes.plot([0, 1], [everything] * 2, color=hue, linewidth=1, linestyle=DASHED)
        mark(axes, 1, everything, hue, shape)
        ends.append((everything, display_name(name), hue))
    axes.set(xlabel="images answered (%)", ylabel="accuracy of the answers (%)", xlim=(0, 1.005))
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)
    axes.grid()
    spread(figure, [end_labels(axes, ends)])
    return figure


@styled
def separation(inside, outside, curves, score, title="Does it notice what it does not know?"):
    """Show the scores of familiar and of other images, and how well a threshold parts them.

    Parameters
    ----------
    inside : array (N,)
        Scores of familiar images.
    outside : dict of str to array (M,)
        A kind of other images to their scores.
    curves : dict of str to (float, pandas.DataFrame)
        Of the same kinds, what `auditing.separation` returns.
    score : str
        What the score is, for the axis.

    Raises
    ------
    UserError
        If there is no kind, or the two dicts hold different kinds.
    """
    if not outside or list(outside) != list(curves):
        raise UserError("Pass scores and curves of the same kinds of images, and at least one.")
    figure, _ = sheet(
        WIDTH, max(86 * len(outside) + 50, 360), title,
        "Left: outlined, images like those learned from; in colour, others; each scaled to the "
        "same height. Right: the share of both that passes for familiar as the threshold falls; "
        "the dashed line is guessing.",
    )  # fmt: skip
    layout = [[f"{number}", "curves"] for number in range(len(outside))]
    axes = figure.subplot_mosaic(layout, width_ratios=(1.1, 1))
    everything = np.concatenate([inside, *outside.values()])
    edges = np.linspace(everything.min(), everything.max() + 1e-9, HISTOGRAM_BINS + 1)
    identities = identities_of(outside)
    for number, (name, scores) in enumerate(outside.items()):
        hue, shape = identities[name]
        heading = f"{display_name(name)}   AUROC {curves[name][0]:.3f}"
        _two_histograms(axes[f"{number}"], inside, scores, edges, hue)
        axes[f"{number}"].set_title(heading, color=readable(hue), weight="bold", pad=3)
        axes[f"{number}"].tick_params(labelbottom=number == len(outside) - 1)
        _passing(axes["curves"], curves[name][1], hue, shape)
    axes[f"{len(outside) - 1}"].set_xlabel(score)
    axes["curves"].plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=DASHED)
    axes["curves"].set(xlabel="others taken for familiar (%)", ylabel="familiar recognised (%)")
    axes["curves"].set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes["curves"].grid()
    percent_axis(axes["curves"].xaxis)
    percent_axis(axes["curves"].yaxis)
    return figure


def _two_histograms(axes, inside, outside, edges, hue):
    """Draw both as shares of their own kind, each scaled to the same height."""
    for scores, style in (
        (outside, {"fill": True, "color": hue, "alpha": 0.75}),
        (inside, {"color": INK, "linewidth": 1.4}),
    ):
        counts = np.histogram(scores, edges)[0]
        axes.stairs(counts / max(counts.max(), 1), edges, **style)
    axes.set(yticks=(), ylim=(0, 1.05), xlim=(edges[0], edges[-1]))


def _passing(axes, curve, hue, shape):
    """Draw one curve of shares that pass, with the marker where 95 % of the familiar ones do."""
    x, y = curve["false_alarms"].to_numpy(), curve["recognised"].to_numpy()
    axes.plot(x, y, color=hue, linewidth=1.6)
    place = int(np.argmax(y >= 0.95))
    mark(axes, x[place], y[place], hue, shape)
