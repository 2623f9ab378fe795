"""The page Explore: what every model costs and answers, to sort, filter and compare by hand."""

import json

import altair
import numpy as np
from PIL import Image

from helpers import data, runs, settings
from helpers.maintenance import pages
from helpers.topics import comparison

FOLDER = "explore"  # among the static files
EDGE = 28  # pixels of an image
COLUMNS, PER_SHEET = 50, 1000  # images in a row of a sheet, and on it
COSTS = {
    "training_seconds": "training time (seconds)",
    "parameters": "parameters",
    "mflops": "operations per image (millions)",
}
FAMILIES = {"Classical": "#7a7a7a", "ANN": "#d55e00", "CNN": "#0072b2", "Ensemble": "#009e73"}
PAGE = """\
# Explore

Every point is a model. Click one, or a name in the table, to see what it takes for what. Choose \
two models to see the test images on which they disagree.

```{{raw}} html
<div id="explorer" data-folder="_static/{folder}">
{controls}
<div id="chart" role="img" aria-label="Test accuracy of every model against its cost"></div>
<div id="models"></div>
<div id="compared"></div>
<div id="confused"></div>
<p id="explore-status" role="status">Loading the answers of the models.</p>
</div>
<script type="module" src="_static/{folder}/vega.js"></script>
<script type="module" src="_static/explore.js"></script>
```
"""


def write(folder):
    """Write the page's source and its data: models, answers, chart, and the images to show."""
    import vl_convert

    place = folder / "_static" / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    members = comparison.by_model(pages.published())
    first = {name: seeds[0] for name, seeds in members.items()}
    labels = comparison.common_labels(list(first.values()))
    rows = table(first)
    sheets = _write_sheets(place, labels)
    content = {
        "classes": list(data.CLASS_NAMES),
        "models": rows,
        "images": len(labels),
        "sheets": sheets,
        "columns": COLUMNS,
        "per_sheet": PER_SHEET,
        "chart": chart(rows).to_dict(),
    }
    (place / "explore.json").write_text(json.dumps(content), encoding="utf-8")
    (place / "answers.bin").write_bytes(answers(first, labels).tobytes())
    (place / "vega.js").write_text(vl_convert.javascript_bundle(), encoding="utf-8")
    page = PAGE.format(folder=FOLDER, controls=_controls())
    (folder / "explore.md").write_text(page, encoding="utf-8")


def table(first):
    """Return a row for each model: its names, mean test accuracy with interval, and its costs.

    `first` holds a result of each model by its name. Accuracies run from 0 to 1; what is not known
    is None.
    """
    summary = runs.table(settings.PUBLISHED_RESULTS).set_index("model")
    keys = ("test_accuracy", "test_accuracy_low", "test_accuracy_high", *COSTS)
    return [
        {
            "model": name,
            "title": result.title,
            "family": result.family,
            "notebook": result.notebook,
            "seeds": int(summary.loc[name, "seeds"]),
            "seed": result.seed,
            "own_accuracy": result.metrics["test_accuracy"],
            **{key: _known(summary.loc[name, key]) for key in keys},
        }
        for name, result in first.items()
    ]


def answers(first, labels):
    """Return labels, then answers and confidences in percent of each model, uint8, (rows, N)."""
    rows = [labels]
    for result in first.values():
        probabilities = result.probabilities()
        rows.append(probabilities.argmax(axis=1))
        rows.append(np.round(100 * probabilities.max(axis=1)))
    return np.array(rows).astype(np.uint8)


def chart(rows):
    """Return the chart of accuracy against a cost, which the page may exchange, as Altair's."""
    best = max(rows, key=lambda row: row["test_accuracy"])["model"]
    points = altair.Data(values=rows, name="models")
    cost = altair.param(name="cost", value="training_seconds")
    families = altair.Scale(domain=list(FAMILIES), range=list(FAMILIES.values()))
    tooltip = [
        altair.Tooltip("model:N"),
        altair.Tooltip("test_accuracy:Q", format=".2%", title="test accuracy"),
        altair.Tooltip("training_seconds:Q", format=",.0f", title="training, seconds"),
        altair.Tooltip("parameters:Q", format=","),
        altair.Tooltip("mflops:Q", format=",.1f", title="MFLOPs an image"),
    ]
    base = (
        altair.Chart(points, width="container", height=380)
        .transform_calculate(x="datum[cost]")
        .transform_filter("isValid(datum.x)")
        .encode(
            x=altair.X("x:Q", scale=altair.Scale(type="log"), title=None, axis=_axis(tickCount=6)),
            y=altair.Y(
                "test_accuracy:Q",
                scale=altair.Scale(zero=False),
                title="test accuracy",
                axis=_axis(format=".0%"),
            ),
            color=altair.Color("family:N", scale=families, legend=None),
        )
    )
    is_chosen = "datum.model == chosen"
    marks = base.mark_point(filled=True, opacity=0.9, cursor="pointer").encode(
        shape=altair.Shape("family:N", scale=altair.Scale(domain=list(FAMILIES)), legend=None),
        size=altair.condition(is_chosen, altair.value(320), altair.value(110)),
        tooltip=tooltip,
    )
    name = base.transform_filter(is_chosen).mark_text(dy=-16, fontSize=13).encode(text="model:N")
    return (
        altair.layer(marks, name)
        .add_params(cost, altair.param(name="chosen", value=best))
        .configure(background="transparent")
        .configure_view(stroke=None)
    )


def _axis(**words):
    return altair.Axis(grid=True, gridOpacity=0.3, **words)


def _controls():
    options = "".join(f'<option value="{key}">{words}</option>' for key, words in COSTS.items())
    boxes = "".join(
        f'<label><input type="checkbox" name="family" value="{name}" checked>'
        f'<span class="swatch" style="background:{hue}"></span>{name}</label>'
        for name, hue in FAMILIES.items()
    )
    return (
        f'<form id="controls"><label>against <select id="cost">{options}</select></label>'
        f"<fieldset><legend>families</legend>{boxes}</fieldset></form>"
    )


def _write_sheets(place, labels):
    """Write the test images on sheets, dark on white; return how many, 0 without the data set."""
    try:
        test = data.load().test
    except settings.UserError:
        return 0
    if not np.array_equal(test.labels, labels):
        return 0
    for start in range(0, len(labels), PER_SHEET):
        images = 255 - test.images[start : start + PER_SHEET].reshape(-1, COLUMNS, EDGE, EDGE)
        sheet = images.transpose(0, 2, 1, 3).reshape(-1, COLUMNS * EDGE)
        Image.fromarray(sheet).save(place / f"images_{start // PER_SHEET}.png", optimize=True)
    return -(-len(labels) // PER_SHEET)


def _known(value):
    return None if np.isnan(value) else float(value)
