"""Figures of ensembles: how they grow, how alike their members are, what lies between weights."""

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.plotting.checks import checked_columns
from helpers.plotting.parts import cell_names, end_labels, heatmap, mark, percent_axis, spread
from helpers.plotting.style import (
    BLUES,
    FAINT,
    INK,
    RIGHT,
    SOFT,
    WIDTH,
    WRONG,
    display_name,
    identities_of,
    shade,
    sheet,
    styled,
)
from helpers.settings import UserError

PANELS = (("accuracy", "accuracy (%), higher is better"), ("log_loss", "log loss, lower is better"))


@styled
def ensemble_growth(curves, references=None, title="What each further member adds"):
    """Show accuracy and log loss of ensembles against the number of their members.

    Parameters
    ----------
    curves : dict of str to pandas.DataFrame
        A name to one row per ensemble: `size`, `accuracy` (0 to 1) and `log_loss`.
    references : dict of str to tuple of float, optional
        A name to the accuracy and the log loss of a single network: a dashed line.

    Raises
    ------
    UserError
        If there is no curve, or one lacks a column.
    """
    if not curves:
        raise UserError("curves is empty: pass a dict from a name to a table of ensembles.")
    for name, table in curves.items():
        checked_columns(table, ("size", "accuracy", "log_loss"), f"The table of {name}")
    references = references or {}
    figure, _ = sheet(
        WIDTH, 360, title,
        "Small dots: single ensembles. Band: from the worst to the best of a size. Line: their "
        "mean." + " Dashed: one network." * bool(references),
    )  # fmt: skip
    identities = identities_of([*curves, *references])
    labelled = []
    for panel, (axes, (key, heading)) in enumerate(zip(figure.subplots(1, 2), PANELS, strict=True)):
        ends = [_curve(axes, table, key, name, identities) for name, table in curves.items()]
        for name, values in references.items():
            hue = identities[name][0]
            axes.axhline(values[panel], color=hue, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
            ends.append((values[panel], display_name(name), hue))
        labelled.append(end_labels(axes, ends))
        axes.set_title(heading, color=SOFT)
        axes.set_xlabel("members")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axes.grid(axis="y")
        if key == "accuracy":
            percent_axis(axes.yaxis)
    spread(figure, labelled)
    return figure


def _curve(axes, table, key, name, identities):
    """Draw one curve with its band and dots; return what its end label needs."""
    hue, shape = identities[name]
    by_size = table.groupby("size")[key].agg(["mean", "min", "max"])
    sizes = by_size.index.to_numpy(float)
    axes.fill_between(
        sizes, by_size["min"], by_size["max"], color=shade(hue, 0.7), alpha=0.55, lw=0
    )
    axes.plot(table["size"], table[key], ".", color=shade(hue, 0.35), markersize=3, zorder=2)
    axes.plot(sizes, by_size["mean"], color=hue, linewidth=1.8, zorder=3)
    for size, mean in zip(sizes, by_size["mean"], strict=True):
        mark(axes, size, mean, hue, shape, size=7)
    return float(by_size["mean"].iloc[-1]), display_name(name), hue


@styled
def error_correlation(table, title="Do the members err on the same images?"):
    """Show how strongly the errors of every pair of networks go together.

    Parameters
    ----------
    table : pandas.DataFrame
        Networks by networks: correlations of being wrong, from −1 to 1; the diagonal is not shown.

    Raises
    ------
    UserError
        If the table is not square with the same names, or holds fewer than two networks.
    """
    names = list(getattr(table, "index", ()))
    if len(names) < 2 or list(table.columns) != names:
        raise UserError(
            "The table must hold correlations of the same two or more networks by networks, in the "
            "same order."
        )
    lower = np.tril(np.ones(table.shape, bool), -1)[1:, :-1]
    values = np.where(lower, table.to_numpy(float)[1:, :-1], np.nan)
    texts = [[f"{value:.2f}" if np.isfinite(value) else "" for value in row] for row in values]
    figure, _ = sheet(
        min(max(230 + 58 * len(values), 520), WIDTH), 86 + 34 * len(values), title,
        "Correlation of being wrong: 1 on exactly the same images, 0 independently of each other. "
        "The paler, the more there is to gain by averaging.",
    )  # fmt: skip
    axes = figure.subplots()
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0, 1)
    heatmap(axes, values, texts, BLUES, low - 0.25 * (high - low) - 0.01, high + 0.01)
    shown = [display_name(name) for name in names]
    cell_names(axes, shown[1:], shown[:-1], on_top=False)
    return figure


@styled
def ambiguity(table, title="Where the gain of an ensemble comes from"):
    """Show the squared error of the average member, split into the ensemble's error and the spread.

    Parameters
    ----------
    table : pandas.DataFrame
        Index: ensembles; columns: `members`, `ensemble` and `ambiguity` (Brier scores), the first
        of which is the sum of the other two.

    Raises
    ------
    UserError
        If a column is missing, the table is empty, or the columns do not add up.
    """
    checked_columns(table, ("members", "ensemble", "ambiguity"), "The table of ensembles")
    if not np.allclose(table["members"], table["ensemble"] + table["ambiguity"], atol=1e-6):
        raise UserError(
            "The members' error must be the sum of the ensemble's error and the ambiguity: pass "
            "all three of the same images."
        )
    figure, _ = sheet(
        WIDTH, 72 + 38 * len(table), title,
        "Full: what is left of the error (Brier score). Hatched: what averaging removes, the "
        "spread of the members. Together: the error of a member on average.",
    )  # fmt: skip
    axes = figure.subplots()
    for row, each in enumerate(table.itertuples()):
        axes.barh(row, each.ensemble, height=0.62, color=RIGHT)
        axes.barh(
            row, each.ambiguity, left=each.ensemble, height=0.62, color="white",
            edgecolor=WRONG, hatch="////", linewidth=0.8,
        )  # fmt: skip
        axes.text(
            1.02, row,
            f"{each.members:.4f} = {each.ensemble:.4f} + {each.ambiguity:.4f}"
            f"   ({each.ambiguity / each.members:.0%})",
            transform=axes.get_yaxis_transform(), va="center", fontsize=8.5, color=SOFT,
        )  # fmt: skip
    axes.set_yticks(range(len(table)), [display_name(name) for name in table.index], color=INK)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlabel("Brier score, lower is better")
    axes.grid(axis="x")
    return figure


@styled
def cyclic_rate(rates, epochs, snapshots, title="One training, several endings"):
    """Show learning rates along the training, and where snapshots are taken.

    Parameters
    ----------
    rates : dict of str to array (steps,)
        A name to the learning rate of every step, or of steps at equal distances.
    epochs : int
        How many epochs these steps are.
    snapshots : sequence of float
        The epochs after which the weights are kept.

    Raises
    ------
    UserError
        If there is no rate.
    """
    if not rates or any(len(values) == 0 for values in rates.values()):
        raise UserError("There is no learning rate to show: pass a dict of names to rates.")
    figure, _ = sheet(WIDTH, 250, title, "Dotted lines: the weights are kept, as snapshots 1, 2, …")
    axes = figure.subplots()
    identities = identities_of(rates)
    styles = ("-", (0, (4, 2)), (0, (1, 1.5)))
    for number, (name, values) in enumerate(rates.items()):
        places = epochs * np.arange(len(values)) / len(values)
        line = {"color": identities[name][0], "linestyle": styles[number % len(styles)]}
        axes.plot(places, values, linewidth=2, label=display_name(name), zorder=3, **line)
    top = max(np.max(values) for values in rates.values())
    for number, place in enumerate(snapshots, 1):
        axes.axvline(place, color=FAINT, linewidth=1.2, linestyle=(0, (1, 2)), zorder=1)
        axes.text(
            place, 1.12 * top, f"{number}", ha="center", va="center", fontsize=8.5, color=SOFT,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
        )  # fmt: skip
    axes.set_xlim(0, 1.01 * epochs)
    axes.set_ylim(0, 1.22 * top)
    axes.set_xlabel("epoch")
    axes.set_title("learning rate", color=SOFT)
    axes.legend(loc="lower left", bbox_to_anchor=(0.2, 1.0), ncols=len(rates))
    axes.grid(axis="y")
    return figure


@styled
def between_weights(lines, title="On the way from one set of weights to another"):
    """Show the accuracy of mixtures of two sets of weights.

    Parameters
    ----------
    lines : dict of str to tuple of (array (points,), array (points,))
        A name to the share of the second set, from 0 to 1, and the accuracy there.

    Raises
    ------
    UserError
        If there is no line, or its two arrays differ in length.
    """
    if not lines or any(len(shares) != len(values) for shares, values in lines.values()):
        raise UserError("Each line needs as many accuracies as shares, and one line is the least.")
    figure, _ = sheet(WIDTH, 330, title)
    axes = figure.subplots()
    identities = identities_of(lines)
    ends = []
    for name, (shares, values) in lines.items():
        hue, shape = identities[name]
        axes.plot(shares, values, color=hue, linewidth=1.8, zorder=3)
        for share, value in zip(shares, values, strict=True):
            mark(axes, share, value, hue, shape)
        ends.append((values[-1], name, hue))
    labelled = end_labels(axes, ends)
    axes.set_xlim(-0.02, 1.02)
    axes.set_title("accuracy (%)", color=SOFT)
    percent_axis(axes.yaxis)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("share of the second set of weights")
    axes.grid(axis="y")
    spread(figure, [labelled])
    return figure
