"""Figures of a training, epoch by epoch: curves, the generalisation gap, the learning rate."""

import numpy as np

from helpers.plotting import style
from helpers.plotting.checks import checked_histories
from helpers.plotting.parts import epoch_axis, label_ends, log_ticks, mark, value_axis
from helpers.plotting.style import display_name, identities_of, panels, readable, styled


@styled
def learning_curves(
    histories,
    quantities=("loss", "accuracy"),
    chosen_epochs=None,
    overlay=None,
    title="Training and validation, epoch by epoch",
):
    """Show training (dashed) and validation (solid) curves of one or several models.

    `histories` has Keras' histories by the names of the models. The epochs whose weights are
    reported, counted from 1, are marked. `overlay` puts all models into common axes instead of one
    panel each, which is the choice for up to four.
    """
    checked_histories(histories, *quantities)
    chosen_epochs = chosen_epochs or {}
    names = list(histories)
    overlay = len(names) == 1 or (len(names) > 4 if overlay is None else overlay)
    groups = [names] if overlay else [[name] for name in names]
    rows, columns = (1, len(quantities)) if overlay else (len(quantities), len(groups))
    subtitle = "Dashed: training. Solid: validation."
    if chosen_epochs:
        subtitle += " Marker: the epoch whose weights are reported."
    height, shared = 60 + (250 if overlay else 190) * rows, False if overlay else "row"
    figure, grid = panels(height, title, subtitle, (rows, columns), sharey=shared)
    identities, labelled = identities_of(names), []
    for row, quantity in enumerate(quantities):
        for column, group in enumerate(groups):
            axes = grid[0, row] if overlay else grid[row, column]
            ends = _curves(axes, quantity, group, histories, identities, chosen_epochs)
            last = overlay or column == columns - 1
            labelled.append((axes, _curve_labels(ends, group) if last else []))
            _curve_heading(axes, quantity, place=None if overlay else (row, column))
            if not overlay and row == 0:
                hue = readable(identities[group[0]][0])
                axes.set_title(display_name(group[0]), weight="bold", color=hue)
            if overlay or row == rows - 1:
                axes.set_xlabel("epoch")
    label_ends(figure, *labelled)
    return figure


def _curves(axes, quantity, names, histories, identities, chosen_epochs):
    """Draw one quantity of some models; return (height, name, kind, hue) of each line's end."""
    ends, longest = [], 1
    for name in names:
        hue, shape = identities[name]
        lines = {"training": histories[name][quantity]}
        if len(histories[name].get(f"val_{quantity}", ())):
            lines["validation"] = histories[name][f"val_{quantity}"]
        elif quantity == "learning_rate":  # which belongs to no set of images
            lines = {"": histories[name][quantity]}
        for kind, line in lines.items():
            dashed = {"linestyle": "--", "linewidth": 1.4} if kind == "training" else {}
            axes.plot(np.arange(1, len(line) + 1), line, color=hue, **dashed)
            ends.append((line[-1], name, kind, hue))
            longest = max(longest, len(line))
        if name in chosen_epochs or len(names) > 1:
            epoch = chosen_epochs.get(name, len(line))
            mark(axes, epoch, line[epoch - 1], hue, shape)
    epoch_axis(axes, longest)
    value_axis(axes, percent="accuracy" in quantity)
    return ends


def _curve_labels(ends, names):
    """Label lines by their kind where the axes hold one model, by the model where several."""
    if len(names) == 1:
        return [(height, kind, hue) for height, _, kind, hue in ends if kind]
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
        axes.set_title(words, color=style.SOFT)
    elif place[1] == 0:
        axes.set_ylabel(words)


@styled
def generalisation_gap(histories, title="Validation loss minus training loss"):
    """Show how far the validation loss lies above the training loss, epoch by epoch."""
    checked_histories(histories, "loss", "val_loss")
    gaps = {
        name: np.asarray(history["val_loss"], float) - np.asarray(history["loss"], float)
        for name, history in histories.items()
    }
    return _epoch_lines(gaps, title, "gap in loss (above 0: worse on unseen images)")


@styled
def learning_rate(histories, title="The learning rate, epoch by epoch"):
    """Show each model's learning rate per epoch on a logarithmic axis."""
    checked_histories(histories, "learning_rate")
    # A schedule may reach exactly 0, which a logarithmic axis cannot show: the line leaves it out.
    rates = {
        name: np.array([rate if rate > 0 else np.nan for rate in history["learning_rate"]])
        for name, history in histories.items()
    }
    return _epoch_lines(rates, title, "learning rate (logarithmic)", log=True)


def _epoch_lines(values, title, label, log=False):
    """Draw one line per model against the epoch, with its name at the right end."""
    figure, axes = panels(290, title)
    identities, ends = identities_of(values), []
    for name, line in values.items():
        hue, shape = identities[name]
        epochs = np.arange(1, len(line) + 1)
        axes.plot(epochs, line, color=hue, drawstyle="steps-mid" if log else "default")
        last = np.flatnonzero(np.isfinite(line))[-1]
        mark(axes, epochs[last], line[last], hue, shape)
        ends.append((line[last], display_name(name), hue))
    if log:
        axes.set_yscale("log")
        every = np.concatenate(list(values.values()))
        limits = np.nanmin(every) / 1.6, np.nanmax(every) * 1.6
        log_ticks(axes.yaxis, *limits)
        axes.set_ylim(*limits)
    else:
        axes.axhline(0, color=style.FAINT, linewidth=1, zorder=1)
    epoch_axis(axes, max(len(line) for line in values.values()))
    value_axis(axes, label)
    axes.set_xlabel("epoch")
    label_ends(figure, (axes, ends))
    return figure
