"""Figures of ensembles: how they grow, how alike their members are, what lies between weights."""

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.plotting import parts, style
from helpers.plotting.checks import checked_table, checked_tables
from helpers.plotting.style import display_name, identities_of, panels, shade, styled
from helpers.settings import UserError

PANELS = (("accuracy", "accuracy (%), higher is better"), ("log_loss", "log loss, lower is better"))


@styled
def ensemble_growth(curves, references=None, title="What each further member adds"):
    """Show accuracy and log loss of ensembles against the number of their members.

    `curves` has, by name, one row per ensemble: `size`, `accuracy` (0 to 1) and `log_loss`;
    `references` the accuracy and the log loss of single networks, which are dashed lines.
    """
    checked_tables(curves, "size", "accuracy", "log_loss")
    references = references or {}
    figure, grid = panels(
        360, title,
        "Small dots: single ensembles. Band: from the worst to the best of a size. Line: their "
        "mean." + " Dashed: one network." * bool(references),
        (1, 2),
    )  # fmt: skip
    identities = identities_of([*curves, *references])
    labelled = []
    for panel, (axes, (key, heading)) in enumerate(zip(grid[0], PANELS, strict=True)):
        ends = [_curve(axes, table, key, name, identities) for name, table in curves.items()]
        for name, values in references.items():
            hue = identities[name][0]
            axes.axhline(values[panel], color=hue, linewidth=1.4, linestyle=(0, (4, 2)), zorder=2)
            ends.append((values[panel], display_name(name), hue))
        labelled.append((axes, ends))
        axes.set_xlabel("members")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        parts.value_axis(axes, heading, percent=key == "accuracy")
    parts.label_ends(figure, *labelled)
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
    parts.mark(axes, sizes, by_size["mean"], hue, shape, size=7)
    return float(by_size["mean"].iloc[-1]), display_name(name), hue


@styled
def error_correlation(table, title="Do the members err on the same images?"):
    """Show how strongly the errors of every pair of networks go together.

    The table has networks by networks: correlations of being wrong, from −1 to 1; those below the
    diagonal are shown.
    """
    names = list(table.index)
    if list(table.columns) != names:
        raise UserError("Correlations of errors need the same networks as rows and as columns.")
    values = parts.triangle(table)
    texts = parts.cells(values, lambda value: f"{value:.2f}")
    figure, axes = panels(
        86 + 34 * len(values), title,
        "Correlation of being wrong: 1 on exactly the same images, 0 independently of each other. "
        "The paler, the more there is to gain by averaging.",
        width=min(max(230 + 58 * len(values), 520), style.WIDTH),
    )  # fmt: skip
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0, 1)
    limits = low - 0.25 * (high - low) - 0.01, high + 0.01
    shown = [display_name(name) for name in names]
    parts.heatmap(axes, values, texts, style.BLUES, limits, (shown[1:], shown[:-1]), on_top=False)
    return figure


@styled
def ambiguity(table, title="Where the gain of an ensemble comes from"):
    """Show the squared error of the average member, split into the ensemble's error and the spread.

    The table has the ensembles as its index and the columns `members`, `ensemble` and `ambiguity`
    (Brier scores), the first of which is the sum of the other two.
    """
    checked_table(table, "members", "ensemble", "ambiguity")
    if not np.allclose(table["members"], table["ensemble"] + table["ambiguity"], atol=1e-6):
        raise UserError(
            "The members' error must be the sum of the ensemble's error and the ambiguity: pass "
            "all three of the same images."
        )
    figure, axes = panels(
        72 + 38 * len(table), title,
        "Full: what is left of the error (Brier score). Hatched: what averaging removes, the "
        "spread of the members. Together: the error of a member on average.",
    )  # fmt: skip
    hatched = {"color": "white", "edgecolor": style.WRONG, "hatch": "////", "linewidth": 0.8}
    for row, each in enumerate(table.itertuples()):
        axes.barh(row, each.ensemble, height=0.62, color=style.RIGHT)
        axes.barh(row, each.ambiguity, left=each.ensemble, height=0.62, **hatched)
    texts = [
        f"{each.members:.4f} = {each.ensemble:.4f} + {each.ambiguity:.4f}"
        f"   ({each.ambiguity / each.members:.0%})"
        for each in table.itertuples()
    ]
    parts.named_rows(axes, [display_name(name) for name in table.index], texts)
    axes.set_xlabel("Brier score, lower is better")
    return figure


@styled
def cyclic_rate(rates, epochs, snapshots, title="One training, several endings"):
    """Show learning rates along the training, and the epochs after which snapshots are taken.

    `rates` has, by name, the learning rate of every step, or of steps at equal distances, in so
    many `epochs`.
    """
    subtitle = "Dotted lines: the weights are kept, as snapshots 1, 2, …"
    figure, axes = panels(250, title, subtitle)
    identities = identities_of(rates)
    styles = ("-", (0, (4, 2)), (0, (1, 1.5)))
    for number, (name, values) in enumerate(rates.items()):
        places = epochs * np.arange(len(values)) / len(values)
        line = {"color": identities[name][0], "linestyle": styles[number % len(styles)]}
        axes.plot(places, values, linewidth=2, label=display_name(name), zorder=3, **line)
    top = max(np.max(values) for values in rates.values())
    for number, place in enumerate(snapshots, 1):
        axes.axvline(place, color=style.FAINT, linewidth=1.2, linestyle=(0, (1, 2)), zorder=1)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        font = {"ha": "center", "va": "center", "fontsize": 8.5, "color": style.SOFT}
        axes.text(place, 1.12 * top, f"{number}", bbox=box, **font)
    axes.set_xlim(0, 1.01 * epochs)
    axes.set_ylim(0, 1.22 * top)
    axes.set_xlabel("epoch")
    parts.value_axis(axes, "learning rate")
    axes.legend(loc="lower left", bbox_to_anchor=(0.2, 1.0), ncols=len(rates))
    return figure


@styled
def between_weights(lines, title="On the way from one set of weights to another"):
    """Show the accuracy of mixtures of two sets of weights.

    `lines` has, by name, the shares of the second set, from 0 to 1, and the accuracies there.
    """
    figure, axes = panels(330, title)
    identities = identities_of(lines)
    ends = []
    for name, (shares, values) in lines.items():
        hue, shape = identities[name]
        axes.plot(shares, values, color=hue, linewidth=1.8, zorder=3)
        parts.mark(axes, shares, values, hue, shape)
        ends.append((values[-1], name, hue))
    axes.set_xlim(-0.02, 1.02)
    parts.value_axis(axes, "accuracy (%)", percent=True)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("share of the second set of weights")
    parts.label_ends(figure, (axes, ends))
    return figure
