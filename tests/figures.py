"""What the tests of the figures share: small inputs, and ways to read a figure."""

from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd

from helpers import plotting

CLASSES = ("T-shirt/top", "Trouser", "Pullover")
MODELS = list(plotting.IDENTITIES)


def history(epochs):
    fall = np.linspace(0.6, 0.3, epochs)
    return {
        "loss": list(fall),
        "val_loss": list(fall + 0.05),
        "accuracy": list(1 - fall / 3),
        "val_accuracy": list(0.98 - fall / 3),
        "learning_rate": [1e-3] * epochs,
    }


def gains(**columns):
    """Return a gain that may be chance, one that pays and one that harms, with their intervals."""
    limits = {"low": [-0.01, 0.01, -0.03], "high": [0.01, 0.014, -0.01]}
    return pd.DataFrame({"gain": [0.0, 0.012, -0.02]} | limits).assign(**columns)


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def in_order(figure, names, axis=0):
    """Return those of some names that a figure shows, from left to right or (1) top to bottom."""
    shown = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text() in names]
    boxes = {text: text.get_window_extent() for text in shown}
    places = {text: (box.x0 + box.x1, -box.y0 - box.y1)[axis] for text, box in boxes.items()}
    return [text.get_text() for text in sorted(shown, key=places.get)]


def tick_labels(axes):
    """Return what is written at the rows and at the columns of a heatmap, in their order."""
    labels = axes.get_yticklabels(), axes.get_xticklabels()
    return [[text.get_text().replace("\n", "") for text in each] for each in labels]


def lines(axes):
    """Return the x and the y of every line."""
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]


def picture(figure):
    """Return the picture in the first axes as an array; the others may hold colour bars."""
    (shown,) = figure.axes[0].get_images()
    return np.asarray(shown.get_array())


def fake_model(name, *layers):
    """Return what `architecture` reads of a Keras model, without Keras."""

    def layer(kind, shape, **settings):
        made = type(kind, (), {})()
        made.output = SimpleNamespace(shape=(None, *shape))
        vars(made).update(settings)
        return made

    return SimpleNamespace(
        name=name, input_shape=(None, 28, 28, 1), layers=[layer(*a, **k) for a, k in layers]
    )


def activation(name):
    return SimpleNamespace(__name__=name)


def dense(units, function="relu"):
    return ("Dense", (units,)), {"activation": activation(function)}
