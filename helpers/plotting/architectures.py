"""Drawings of a model's layers, from pixels to classes."""

import math

from matplotlib.patches import Polygon, Rectangle

from helpers.plotting.style import SOFT, display_name, readable, shade, sheet, styled
from helpers.settings import UserError

# Part of a layer's class name, the letter on its slab, its colour and its words in the key.
SLABS = (
    ("BatchNorm", "B", "#44AA99", "batch normalisation"),
    ("Normalization", "N", "#44AA99", "normalisation"),
    ("Dropout", "D", "#CC6677", "dropout"),
    ("GlobalAverage", "G", "#332288", "global average"),
    ("GlobalMax", "G", "#332288", "global maximum"),
    ("MaxPool", "P", "#56B4E9", "max pooling"),
    ("AveragePool", "P", "#56B4E9", "average pooling"),
    ("Flatten", "F", "#bdbdbd", "flatten"),
    ("Reshape", "F", "#bdbdbd", "reshape"),
    ("Add", "+", "#AA4499", "add"),
    ("Concatenate", "C", "#AA4499", "concatenate"),
)
ACTIVATION = ("A", "#DDCC77", "activation")
OTHER = ("·", "#d9d9d9", "other")
FUNCTIONS = {"relu": "ReLU", "gelu": "GELU", "leaky_relu": "LeakyReLU", "Softmax": "softmax"}
STEP_HUES = {"input": "#e9e9e9", "conv": "#8fb8d8", "dense": "#7a6fb5"}
SLANT = 0.6  # how far a block recedes to the right and upwards, as a share of its depth
MIDDLE = 156  # height in pixels of the blocks' centres
STAGE = 256  # height in pixels of the part that holds the drawing


@styled
def architecture(model, title=""):
    """Draw a Keras model from left to right: feature maps as blocks, dense layers as bars.

    Blocks grow with the size of the feature map and, in width, with its channels. Layers without
    weights of their own shape (pooling, normalisation, activation, dropout, …) are thin slabs,
    each with a letter that the key below explains. A line above the blocks is a shortcut, which
    ends where it is added.
    """
    steps = _steps(model)
    if not any(step["kind"] in ("conv", "dense") for step in steps):
        raise UserError("The model has no built layer to draw: build it with its input shape.")
    title = title or f"{display_name(model.name)}, from pixels to classes"
    figure, heading = sheet(1000, STAGE, title, constrained=False)
    axes = figure.add_axes((0, 0, 1, STAGE / (STAGE + heading)), frame_on=False)
    axes.set(xlim=(0, 1000), ylim=(0, STAGE), xticks=[], yticks=[])
    _draw_steps(axes, steps)
    _slab_key(axes, steps)
    return figure


def _steps(model):
    """Read a model as steps to draw, each a dict with its kind, output shape and words.

    A step that adds two outputs has the number of the earlier one's step as its `shortcut`.
    """
    steps, last = [], {}
    for layer in model.layers:
        kind, shape = type(layer).__name__, _output_shape(layer)
        if kind == "InputLayer" or shape is None:
            continue
        if not steps:
            steps.append({"kind": "input", "shape": tuple(model.input_shape)[1:], "label": "image"})
        steps += _layer_steps(layer, kind, shape)
        last[id(layer)] = len(steps) - 1
        if kind == "Add":
            before = [tensor._keras_history.operation for tensor in layer.input]
            steps[-1]["shortcut"] = min(last.get(id(each), 0) for each in before)
    return steps


def _output_shape(layer):
    try:
        return tuple(layer.output.shape)[1:]
    except (AttributeError, ValueError, RuntimeError):
        return None


def _layer_steps(layer, kind, shape):
    """Return the steps of one layer: itself and its built-in activation."""
    if "Conv" in kind:
        form = {"S": "separable ", "D": "depthwise "}.get(kind[0], "")
        stride = f", stride {max(layer.strides)}" if max(layer.strides) > 1 else ""
        label = f"{form}conv {'×'.join(str(side) for side in layer.kernel_size)}{stride}"
        steps = [{"kind": "conv", "shape": shape, "label": label}]
    elif kind == "Dense":
        steps = [{"kind": "dense", "shape": shape, "label": "dense"}]
    else:
        return [_slab(layer, kind, shape)]
    function = getattr(layer.activation, "__name__", "linear")
    return steps if function == "linear" else [*steps, _thin(shape, ACTIVATION, function)]


def _slab(layer, kind, shape):
    """Return the step of a layer that is drawn as a thin slab."""
    for part, letter, hue, words in SLABS:
        if part in kind:
            rate = getattr(layer, "rate", None)
            return _thin(shape, (letter, hue, words), "" if rate is None else f"{rate:g}")
    if kind == "Activation":
        return _thin(shape, ACTIVATION, layer.activation.__name__)
    if "ReLU" in kind or kind == "Softmax":
        return _thin(shape, ACTIVATION, kind)
    return _thin(shape, OTHER, kind)


def _thin(shape, look, detail):
    letter, hue, words = look
    detail = FUNCTIONS.get(detail, detail)
    return {
        "kind": "slab", "shape": shape, "letter": letter, "hue": hue, "words": words,
        "detail": detail,
    }  # fmt: skip


def _draw_steps(axes, steps):
    """Lay the steps out along the figure's width and draw them."""
    largest = max((step["shape"][0] for step in steps if len(step["shape"]) == 3), default=28)
    sizes = [_step_size(step, largest) for step in steps]
    gaps = [3 if later["kind"] == "slab" else 18 for later in steps[1:]] + [0]
    # A smaller step after a larger one keeps clear of the larger one's receding side.
    clear = [max(0, SLANT * (a[2] - b[2])) for a, b in zip(sizes, sizes[1:], strict=False)] + [0]
    natural = sum(width + gap for (width, _, _), gap in zip(sizes, gaps, strict=True))
    scale = min(2.0, (900 - sum(clear)) / natural)
    x, labels, tops = 490 - (natural * scale + sum(clear)) / 2, [], []
    axes.plot([x, x + natural * scale + sum(clear)], [MIDDLE] * 2, color="#c4c4c4", lw=1, zorder=0)
    for step, (width, height, depth), gap, free in zip(steps, sizes, gaps, clear, strict=True):
        hue = step["hue"] if step["kind"] == "slab" else STEP_HUES[step["kind"]]
        _box(axes, x, MIDDLE - height / 2, width * scale, height, depth, hue)
        slant = SLANT * depth
        tops.append((x + width * scale / 2 + slant, MIDDLE + height / 2 + slant))
        if step["kind"] == "slab":
            style = {"ha": "center", "fontsize": 7, "weight": "bold"}
            axes.text(tops[-1][0], tops[-1][1] + 4, step["letter"], color=readable(hue), **style)
        else:
            labels.append((x + width * scale / 2, step))
        x += (width + gap) * scale + free
    for number, step in enumerate(steps):
        if "shortcut" in step:
            _shortcut(axes, tops[step["shortcut"] : number + 1], step["hue"])
    _step_labels(axes, labels)


def _shortcut(axes, tops, hue):
    """Draw a line over the blocks from the first to the last of them."""
    (start, low), (end, high) = tops[0], tops[-1]
    letter, level = 15, max(top for _, top in tops) + 22
    axes.plot([start, start, end], [low + letter, level, level], color=hue, linewidth=1.2)
    axes.annotate(
        "", (end, high + letter - 2), (end, level + 0.6),
        arrowprops={"arrowstyle": "-|>", "color": hue, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip


def _step_size(step, largest):
    """Return width, height and depth of a step in pixels."""
    shape, slab = step["shape"], step["kind"] == "slab"
    if len(shape) == 3:
        height = 100 * (shape[0] / largest) ** 0.6
        return (6 if slab else 3 + 2.4 * math.sqrt(shape[2])), height, 0.3 * height
    return (6 if slab else 11), 24 + 76 * min(1.0, math.log2(max(shape[-1], 2)) / 10), 0


def _box(axes, x, y, width, height, depth, hue):
    """Draw a block in oblique projection, or a flat bar where it has no depth."""
    edge = {"edgecolor": shade(hue, -0.3), "linewidth": 0.6, "joinstyle": "round"}
    slant = SLANT * depth
    if depth:
        right, high = x + width, y + height
        corner = (right + slant, high + slant)
        top = [(x, high), (x + slant, high + slant), corner, (right, high)]
        side = [(right, y), (right + slant, y + slant), corner, (right, high)]
        axes.add_patch(Polygon(top, facecolor=shade(hue, 0.4), **edge))
        axes.add_patch(Polygon(side, facecolor=shade(hue, -0.15), **edge))
    axes.add_patch(Rectangle((x, y), width, height, facecolor=hue, **edge))


def _step_labels(axes, labels):
    """Name the blocks under the drawing, on a second level where neighbours would touch.

    Where both levels are full the name is left out: a neighbour's is nearly always the same.
    """
    ends = [-100, -100]
    style = {"ha": "center", "va": "top", "fontsize": 7.5, "linespacing": 1.3, "color": SOFT}
    for x, step in labels:
        size = "×".join(str(side) for side in step["shape"])
        half = 3.2 * max(len(step["label"]), len(size)) + 2
        level = next((level for level in (0, 1) if x - half >= ends[level]), None)
        if level is not None:
            ends[level] = x + half
            axes.text(x, (90, 61)[level], f"{step['label']}\n{size}", **style)


def _slab_key(axes, steps):
    """Explain the slabs in one centred line under the drawing."""
    details = {}
    for step in steps:
        if step["kind"] == "slab":
            seen = details.setdefault((step["letter"], step["hue"], step["words"]), [])
            if step["detail"] and step["detail"] not in seen:
                seen.append(step["detail"])
    artists = []
    for (letter, hue, words), seen in details.items():
        text = words + (f": {', '.join(seen)}" if seen else "")
        style = {"fontsize": 7, "weight": "bold", "ha": "center"}
        square = axes.text(0, 8, letter, color=readable(hue), **style)
        artists.append((square, axes.text(0, 8, text, fontsize=8, color=SOFT), hue))
    widths = [28 + text.get_window_extent().width + 14 for _, text, _ in artists]
    x = 500 - sum(widths) / 2
    for (square, text, hue), width in zip(artists, widths, strict=True):
        axes.add_patch(Rectangle((x, 8), 7, 11, facecolor=hue, edgecolor=shade(hue, -0.3), lw=0.6))
        square.set_x(x + 15)
        text.set_x(x + 23)
        x += width
