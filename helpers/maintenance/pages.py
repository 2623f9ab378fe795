"""Write into the pages what results say: README's tables, pictures, what notebooks expect.

Numbers on a page are never typed: they stand between two markers, and this module renders what is
between them from notebooks/results. A test fails when a page and the results no longer agree. Each
picture is drawn for light and for dark pages, and its file says what it was drawn from.
"""

import dataclasses
import functools
import hashlib
import io
import itertools
import re

import matplotlib
import nbformat
import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from helpers import data, files, plotting, runs, settings, tables
from helpers.maintenance import notebooks, publishing, themes
from helpers.topics import classical, comparison, ensembling

README = settings.REPOSITORY / "README.md"
SECONDS_IN_MINUTE = 60
FEW_PARAMETERS = 100_000
PARTS = (  # of the series, by the numbers of their notebooks
    ("Look", ("01", "02")),
    ("Classic networks", ("03", "04", "05", "06", "07", "08")),
    ("Better training", ("09", "10", "11", "12", "13", "14")),
    ("Trust", ("15", "16")),
    ("Use", ("17", "18")),
    ("Compare", ("19",)),
)
SINGLE = "the most accurate single network"
STRIP = 8  # the best model's errors that are shown
THEMES = ("light", "dark")
REMEDY = "free some space, then render the pages again."
ROUNDING = 0.5  # mean difference of pixels, of 255, that another processor may make
DRAWN_FROM, DRAWN_BY = "Drawn from", "Drawn by"


def render():
    """Render README.md, its pictures and the first cell of every notebook from the results.

    Returns
    -------
    list of str
        Names of the pages that changed.

    Raises
    ------
    UserError
        If test images that are to be shown are neither kept nor to be had.
    """
    keep_images()
    pages = {README: readme(README.read_text(encoding="utf-8"))}
    for name in notebooks.names():
        path = settings.NOTEBOOKS / f"{name}.ipynb"
        notebook = notebooks.read(name)
        first = notebook.cells[0]
        first.source = facts(first.source, name)
        pages[path] = nbformat.writes(notebook) + "\n"
    changed = []
    for path, text in pages.items():
        if path.read_text(encoding="utf-8") != text:
            files.write(path, text, REMEDY)
            changed.append(path.name)
    for name in PICTURES:
        if outdated(name):
            for path, png in rendered(name).items():
                files.write(path, png, REMEDY)
            changed.append(f"the picture {name!r}")
    return changed


def readme(text):
    """Return README's text with all that results and notebooks say rendered anew."""
    text = _between(text, "summary", summary())
    text = _between(text, "picture data", picture_element("data"))
    text = _between(text, "start", start())
    text = _between(text, "choices", choices_table())
    return _between(text, "notebooks", notebooks_table())


def summary():
    """Return what the series is and reaches, in three sentences."""
    single = dict(choices())[SINGLE]
    return (
        f"{len(notebooks.names())} Jupyter notebooks that lead from raw pixels to networks beside "
        "the published records. Every network is trained on two processor cores. The best single "
        f"one names {tables.percent(single['test_accuracy'])} % of the test images correctly, "
        f"after {tables.duration(single['training_seconds'])} of training."
    )


def start():
    """Return the commands to begin with, and where the site is once there is an address."""
    address = settings.REPOSITORY_ADDRESS
    total = sum(runs.expected_minutes(name)["quick"] for name in notebooks.names())
    lines = [
        f"make run     # run all notebooks on a tenth of the data: about {total:.0f} minutes",
        "make test    # check the code and re-execute every notebook on a small sample",
        "make site    # build the pages: all notebooks to read, all models to explore",
        "make lab     # open the notebooks in JupyterLab",
    ]
    if publishing.PLACEHOLDER in address:
        return "\n".join(["```sh", *lines, "```"])
    owner, _, name = address.removeprefix("https://github.com/").partition("/")
    lines.insert(0, f"git clone {address} && cd {name}")
    link = f"[Read it as a site](https://{owner}.github.io/{name}/), without installing anything."
    return "\n".join(["```sh", *lines, "```", "", link])


def facts(text, name):
    """Return a notebook's first cell with its time and the result to expect rendered anew.

    Where the text itself says what was found, the time stands alone.
    """
    minutes = runs.expected_minutes(name)
    times = ", ".join(f"{profile} {_minutes(minutes[profile])}" for profile in settings.PROFILES)
    lines = [f"**Time** on two CPU cores: {times}."]
    if "<!-- time -->" in text:
        return _between(text, "time", lines[0])
    models = dict.fromkeys(result.model for result in published() if result.notebook == name)
    if models:
        lines.append("**The result to expect**")
        lines.append("\n".join(f"- {runs.expected(model)}" for model in models))
    return _between(text, "facts", "\n\n".join(lines))


def markdown_table(results):
    """Render a table of results, as `table` returns it, for a Markdown page."""
    headings = (
        "Model", "Parameters", "MFLOPs per image", "Seeds", "Validation accuracy",
        "Test accuracy (95 % interval)", "Reported elsewhere", "Training time",
    )  # fmt: skip
    lines = [headings, ("---", *["---:"] * (len(headings) - 1))]
    for row in results.to_dict("records"):
        low, high = (
            tables.percent(row["test_accuracy_low"]),
            tables.percent(row["test_accuracy_high"]),
        )
        lines.append(
            (
                row["model"],
                f"{row['parameters']:,}",
                tables.short(row["mflops"]),
                f"{row['seeds']}",
                tables.percent(row["validation_accuracy"], " %"),
                f"{tables.percent(row['test_accuracy'])} % ({low}–{high})",
                tables.percent(row["reported_accuracy"], " %"),
                tables.duration(row["training_seconds"]),
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def notebooks_table():
    """Return a Markdown table of the notebooks by part: link, minutes and Colab badge."""
    lines = ["| | notebook | quick | full | |", "|---|---|---|---|---|"]
    for part, names in parts():
        for name in names:
            minutes = runs.expected_minutes(name)
            *badges, _ = publishing.header(name)
            badge = badges[0].split(" · ")[0] if badges else ""
            quick, full = (_minutes(minutes[profile]) for profile in ("quick", "full"))
            heading = f"**{part}**" if name == names[0] else ""
            lines.append(
                f"| {heading} | [{notebooks.title(name)}](notebooks/{name}.ipynb) "
                f"| {quick} | {full} | {badge} |"
            )
    return "\n".join(lines)


def parts():
    """Return the parts of the series: pairs of a title and the names of its notebooks."""
    return [
        (title, [name for name in notebooks.names() if name[:2] in numbers])
        for title, numbers in PARTS
    ]


def choices():
    """Return which model serves which need, as rows of a need and a result of `runs.table`."""
    table = runs.table(settings.PUBLISHED_RESULTS)
    table = table[table["model"].isin(comparison.on_processor(published()))]
    if table.empty:
        raise settings.UserError("notebooks/results holds no results: get it again with git.")
    single = table[~table["model"].isin(ensembling.ENSEMBLES)]
    needs = {
        "no network, only scikit-learn": table[table["model"].isin(classical.names())],
        f"the most in {SECONDS_IN_MINUTE} seconds of training": table[
            table["training_seconds"] <= SECONDS_IN_MINUTE
        ],
        f"fewer than {FEW_PARAMETERS:,} parameters": table[table["parameters"] < FEW_PARAMETERS],
        SINGLE: single,
        "the most accurate of all": table,
    }
    return [(need, rows.loc[rows["test_accuracy"].idxmax()]) for need, rows in needs.items()]


def choices_table():
    """Return the choices as a Markdown table, each with its notebook."""
    numbers = {result.model: result.notebook for result in published()}
    lines = ["| you want | take | accuracy | training | notebook |", "|---|---|---:|---:|---|"]
    for need, row in choices():
        name = numbers[row["model"]]
        lines.append(
            f"| {need} | `{row['model']}` | {tables.percent(row['test_accuracy'])} % "
            f"| {tables.duration(row['training_seconds'])} "
            f"| [{name[:2]}](notebooks/{name}.ipynb) |"
        )
    return "\n".join(lines)


def published(variants=False):
    """Return the published results alone: a maintainer's own runs do not belong on pages."""
    return runs.load_all(settings.PUBLISHED_RESULTS, variants)


def neighbours_sentence():
    """Return a sentence on the neighbours in the ranking by test accuracy: which ones differ."""
    table = comparison.neighbours(published())
    pairs = list(itertools.pairwise(table.index))
    real = [
        f"`{name}` above `{following}`"
        for (name, following), verdict in zip(pairs, table["verdict"], strict=False)
        if verdict in comparison.REAL
    ]
    return (
        f"Ordered by test accuracy, {len(table)} models have {len(pairs)} pairs of neighbours. "
        f"For {len(real) or 'none'} of them the difference between the trained networks is more "
        f"than chance (exact McNemar test, Holm's correction){': ' * bool(real)}{', '.join(real)}."
    )


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of a page: the figure, what it shows in words, what it was drawn from."""

    figure: Figure
    alt: str
    source: str


@functools.cache
def picture(name):
    """Draw one of `PICTURES` from the results, as a `Picture`."""
    return PICTURES[name]()


def picture_element(name):
    """Return the HTML that shows a picture in README, the dark one to readers of dark pages."""
    light, dark = (
        path.relative_to(settings.REPOSITORY).as_posix() for path in picture_files(name).values()
    )
    return (
        "<picture>\n"
        f'  <source media="(prefers-color-scheme: dark)" srcset="{dark}">\n'
        f'  <img alt="{picture(name).alt}" src="{light}">\n'
        "</picture>"
    )


def picture_files(name):
    """Return the files of a picture by theme."""
    folder = comparison.PICTURED.parent
    return dict(zip(THEMES, (folder / f"{name}.png", folder / f"{name}_dark.png"), strict=True))


def rendered(name):
    """Return the PNG of a picture by its file, one per theme."""
    drawn = picture(name)
    light = plotting.png(drawn.figure)
    pictures = (light, themes.in_the_dark(light))
    return {
        path: _labelled(png, drawn.source)
        for path, png in zip(picture_files(name).values(), pictures, strict=True)
    }


def outdated(name):
    """Return the names of a picture's files that are not what would be drawn today.

    Each must have been drawn from the results of today. It must also look the same, if it was drawn
    by the version of Matplotlib that is at hand; others place letters a little differently.
    """
    return [path.name for path, png in rendered(name).items() if not _agrees(path, png)]


def _agrees(path, png):
    if not path.exists():
        return False
    (before, seen), (now, expected) = (_opened(source) for source in (path, io.BytesIO(png)))
    if before.get(DRAWN_FROM) != now[DRAWN_FROM]:
        return False
    if before.get(DRAWN_BY) != now[DRAWN_BY]:
        return True
    return seen.shape == expected.shape and np.abs(seen - expected).mean() < ROUNDING


def _opened(source):
    """Return the notes in a PNG and its pixels."""
    with Image.open(source) as image:
        return image.info, np.asarray(image.convert("RGB"), int)


def shown_images():
    """Return the indices of the test images that notebook 19 and the pages show, in order."""
    models = comparison.by_model(published())
    probabilities = [members[0].probabilities() for members in models.values()]
    of_all = comparison.hardest(_best().labels(), probabilities)
    return np.union1d(of_all, _errors_of_best())


def keep_images():
    """Keep the test images that are shown, so that they need no data set to be drawn again."""
    path, indices = comparison.PICTURED, shown_images()
    if path.exists():
        with np.load(path) as kept:
            if np.array_equal(kept["indices"], indices):
                return
    images = data.load().test.images[indices]
    with files.replacing(path, "make room there and run this again.") as temporary:
        np.savez_compressed(temporary, indices=indices.astype(np.uint16), images=images)


def _data_picture():
    sample = data.load_sample()
    images, labels = sample.train.images, sample.train.labels
    names = sample.class_names
    return Picture(
        plotting.class_strip(images, labels, names),
        f"Two images of each of the ten classes: {', '.join(names)}.",
        _digest(images, labels, *names),
    )


def _accuracy_picture():
    table = runs.table(settings.PUBLISHED_RESULTS)
    table = table[table["model"].isin(comparison.on_processor(published()))]
    label = "training time on two processor cores (logarithmic)"
    columns = ["model", "training_seconds", *(key for key in table if "test_accuracy" in key)]
    figure = plotting.accuracy_against(table, "training_seconds", label, reported=True, height=500)
    front = table.iloc[plotting.pareto_front(table["training_seconds"], table["test_accuracy"])]
    models = ", ".join(
        f"{row.model} ({100 * row.test_accuracy:.2f} % after {runs.duration(row.training_seconds)})"
        for row in front.itertuples()
    )
    return Picture(
        figure,
        f"Test accuracy of {len(table)} models against their training time. On the Pareto front: "
        f"{models}.",
        _digest(table[[*columns, "reported_accuracy"]].to_csv(float_format="%.6g")),
    )


def _errors_picture():
    result, indices, sample = _best(), _errors_of_best(), data.load_sample()
    images = comparison.test_images(indices, result.labels(), sample)
    labels, probabilities = result.labels()[indices], result.probabilities()[indices]
    names, said = sample.class_names, probabilities.argmax(axis=1)
    model = plotting.display_name(result.model)
    title = f"The hardest images for {model}: it thinks their true class least likely"
    pairs = [f"{names[a]} for {names[b]}" for a, b in zip(said, labels, strict=True)]
    return Picture(
        plotting.predictions(images, probabilities, labels, names, STRIP, title),
        f"The {len(indices)} test images whose true class {result.model} thinks least likely. It "
        f"says {', '.join(pairs)}.",
        _digest(result.model, *names, images, labels, _percentages(probabilities)),
    )


def _best():
    """Return the result with the lowest seed of the model that validation chose."""
    results = published(variants=True)
    return comparison.by_model(results)[comparison.best(results)][0]


def _errors_of_best():
    result = _best()
    return comparison.hardest(result.labels(), [result.probabilities()], STRIP)


PICTURES = {"data": _data_picture, "accuracy": _accuracy_picture, "errors": _errors_picture}


def _percentages(shares):
    return np.round(100 * shares).astype(np.uint8)


def _digest(*parts):
    """Return a short hash of arrays and texts."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part))
    return found.hexdigest()[:16]


def _labelled(png, source):
    """Return a PNG with a note of what it was drawn from, and by which version of Matplotlib."""
    note = PngInfo()
    note.add_text(DRAWN_FROM, source)
    note.add_text(DRAWN_BY, f"Matplotlib {matplotlib.__version__}")
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).save(buffer, format="PNG", optimize=True, pnginfo=note)
    return buffer.getvalue()


def _minutes(minutes):
    return f"{minutes:.0f} min" if minutes >= 1.5 else f"{minutes * SECONDS_IN_MINUTE:.0f} s"


def _between(text, marker, content):
    """Replace what stands between `<!-- marker -->` and `<!-- /marker -->`."""
    pattern = rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)"
    if not re.search(pattern, text, re.DOTALL):
        raise settings.UserError(
            f"A page has lost its markers <!-- {marker} --> and <!-- /{marker} -->: put them back "
            "where the rendered part belongs."
        )
    return re.sub(pattern, lambda found: f"{found[1]}{content}\n{found[2]}", text, flags=re.DOTALL)
