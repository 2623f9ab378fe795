"""Figures of trust: confidence, declining to answer, strangers, spoilt images."""

import numpy as np
from matplotlib.lines import Line2D

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_table, checked_tables
from helpers.plotting.mosaic import named_mosaic
from helpers.plotting.style import display_name, identities_of, panels, readable, shade, styled

DASHED = (0, (3, 2))
FEWEST_ANSWERS = 50  # under so few answers an accuracy is too uncertain to be drawn
HISTOGRAM_BINS = 40


@styled
def confidence(curves, title="How sure the model is, and how often it is right"):
    """Show accuracy by confidence and how the confidences spread, one column per set of answers.

    `curves` has, by heading, what `evaluation.reliability` returns: `confidence`, `accuracy` (0 to
    1) and `count` of each bin, with the bins as the index.
    """
    checked_tables(curves, "confidence", "accuracy", "count")
    figure, grid = panels(
        450, title,
        "How often answers of a confidence are right: top of the blue (more often than they claim) "
        "or foot of the orange (less often). Pale: under 1 % of the answers. Below: all answers.",
        (2, len(curves)), min(90 + 400 * len(curves), style.WIDTH),
        sharex=True, sharey="row", height_ratios=(3, 1),
    )  # fmt: skip
    for (above, below), (name, table) in zip(grid.T, curves.items(), strict=True):
        _reliability_bars(above, table)
        above.set_title(name, weight="bold")
        for interval, share in (table["count"] / table["count"].sum()).items():
            below.bar(interval.mid, share, 0.86 * interval.length, color=shade(style.INK, 0.5))
        below.set_xlabel("confidence (%)")
        parts.percent_axis(below.xaxis)
        parts.value_axis(above, percent=True)
        parts.value_axis(below, percent=True)
    grid[0, 0].set_ylabel("accuracy (%)")
    grid[1, 0].set_ylabel("answers (%)")
    return figure


def _reliability_bars(axes, table):
    """Draw the accuracy of each bin and, in colour, its distance from the confidence."""
    shares = table["count"] / table["count"].sum()
    for interval, row in table[table["count"] > 0].iterrows():
        low, high = sorted((row["accuracy"], row["confidence"]))
        hue = style.RIGHT if row["accuracy"] >= row["confidence"] else style.WRONG
        place = {"x": interval.mid, "width": 0.86 * interval.length}
        place["alpha"] = 0.35 if shares[interval] < parts.RARE else 1
        axes.bar(height=low, color=shade(style.INK, 0.8), **place)
        axes.bar(height=high - low, bottom=low, color=shade(hue, 0.25), **place)
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=DASHED, zorder=3)
    error = float((shares * (table["confidence"] - table["accuracy"]).abs()).sum())
    axes.text(0.02, 0.93, f"calibration error {100 * error:.2f} %", color=style.INK)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))


@styled
def risk_coverage(curves, title="Fewer answers, better answers"):
    """Show the accuracy of the surest answers against the share of images that are answered.

    `curves` has, by model, what `evaluation.risk_coverage` returns: `coverage`, `accuracy`, `low`
    and `high` (0 to 1).
    """
    checked_tables(curves, "coverage", "accuracy", "low", "high")
    figure, axes = panels(
        340, title,
        "From right to left the model declines ever more images, the least sure first. Band: 95 % "
        "interval. Dashed: the same answers declined by lot.",
    )  # fmt: skip
    ends = []
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
        parts.mark(axes, 1, everything, hue, shape)
        ends.append((everything, display_name(name), hue))
    axes.set(xlabel="images answered (%)", ylabel="accuracy of the answers (%)", xlim=(0, 1.005))
    parts.percent_axis(axes.xaxis, axes.yaxis)
    axes.grid()
    parts.label_ends(figure, (axes, ends))
    return figure


@styled
def separation(inside, outside, curves, score, title="Does it notice what it does not know?"):
    """Show the scores of familiar and of other images, and how well a threshold parts them.

    `outside` has scores and `curves` what `auditing.separation` returns, by the same kinds of other
    images; `score` names the axis.
    """
    figure, _ = style.sheet(
        style.WIDTH, max(86 * len(outside) + 50, 360), title,
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
    axes["curves"].plot([0, 1], [0, 1], color=style.FAINT, linewidth=1, linestyle=DASHED)
    axes["curves"].set(xlabel="others taken for familiar (%)", ylabel="familiar recognised (%)")
    axes["curves"].set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes["curves"].grid()
    parts.percent_axis(axes["curves"].xaxis, axes["curves"].yaxis)
    return figure


def _two_histograms(axes, inside, outside, edges, hue):
    """Draw both as shares of their own kind, each scaled to the same height."""
    for scores, look in (
        (outside, {"fill": True, "color": hue, "alpha": 0.75}),
        (inside, {"color": style.INK, "linewidth": 1.4}),
    ):
        counts = np.histogram(scores, edges)[0]
        axes.stairs(counts / max(counts.max(), 1), edges, **look)
    axes.set(yticks=(), ylim=(0, 1.05), xlim=(edges[0], edges[-1]))


def _passing(axes, curve, hue, shape):
    """Draw one curve of shares that pass, with the marker where 95 % of the familiar ones do."""
    x, y = curve["false_alarms"].to_numpy(), curve["recognised"].to_numpy()
    axes.plot(x, y, color=hue, linewidth=1.6)
    place = int(np.argmax(y >= 0.95))
    parts.mark(axes, x[place], y[place], hue, shape)


@styled
def corruption_grid(rows, title="Eight ways to spoil an image, at five strengths"):
    """Show an image and its versions of rising strength, one row per corruption."""
    subtitle = "At the left the original, then the strengths in rising order."
    return named_mosaic(rows, title, subtitle, left=118, zoom=3).figure


@styled
def robustness(table, columns=4, title="Accuracy as each corruption grows"):
    """Show accuracy against strength, one panel per corruption and one line per model.

    The table has the columns `model`, `corruption`, `strength` (0: clean) and `accuracy` (0 to 1).
    """
    checked_table(table, "model", "corruption", "strength", "accuracy")
    kinds, names = list(table["corruption"].unique()), list(table["model"].unique())
    rows = -(-len(kinds) // columns)
    figure, grid = panels(
        60 + 240 * rows, title, "Strength 0 is the clean image.", (rows, columns),
        count=len(kinds), sharex=True, sharey=True,
    )  # fmt: skip
    identities = identities_of(names)
    for axes, kind in zip(grid.flat, kinds, strict=False):
        for name in reversed(names):  # the first one, to which others are compared, lies on top
            chosen = table[(table["corruption"] == kind) & (table["model"] == name)]
            hue, shape = identities[name]
            axes.plot(chosen["strength"], chosen["accuracy"], color=hue, linewidth=1.3)
            parts.mark(axes, chosen["strength"], chosen["accuracy"], hue, shape, size=5.5)
        axes.set_title(display_name(kind), weight="bold")
        axes.set_xticks(sorted(table["strength"].unique()))
        parts.value_axis(axes, percent=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy (%)")
    for axes in grid.flat[max(0, len(kinds) - columns) : len(kinds)]:
        axes.set_xlabel("strength")
    handles = [_legend_line(name, *identities[name]) for name in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 4))
    return figure


def _legend_line(name, hue, shape):
    return Line2D(
        [], [], color=hue, marker=shape, markeredgecolor="white",
        markersize=8 * parts.MARKER_SCALE.get(shape, 1), label=display_name(name),
    )  # fmt: skip
