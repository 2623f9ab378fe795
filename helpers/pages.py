"""Write into the pages what results say: README's tables and picture, the notebooks' expectations.

Numbers on a page are never typed: they stand between two markers, and this module renders what is
between them from notebooks/results. A test fails when a page and the results no longer agree.
"""

import re
import sys

import nbformat

from helpers import data, plotting, runs, series, settings

README = settings.REPOSITORY / "README.md"
PICTURE = settings.PUBLISHED_RESULTS / "cover.png"
SECONDS_IN_MINUTE = 60


def render():
    """Render README.md, its picture and the first cell of every notebook from the results.

    Returns
    -------
    list of str
        Names of the pages that changed.

    Raises
    ------
    UserError
        If `FASHION_DATA_SET` names another data set, of which nothing is published.
    """
    settings.check_publishable()
    pages = {README: readme(README.read_text(encoding="utf-8"))}
    for name in series.names():
        path = settings.NOTEBOOKS / f"{name}.ipynb"
        notebook = series.read(name)
        first = notebook.cells[0]
        first.source = facts(first.source, name)
        pages[path] = nbformat.writes(notebook) + "\n"
    changed = []
    for path, text in pages.items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path.name)
    PICTURE.write_bytes(cover())
    return changed


def readme(text):
    """Return README's text with its tables of results and of notebooks rendered anew."""
    text = _between(text, "results", runs.markdown_table(runs.table()))
    return _between(text, "notebooks", notebooks_table())


def facts(text, name):
    """Return a notebook's first cell with its time and the result to expect rendered anew."""
    minutes = runs.expected_minutes(name)
    times = ", ".join(f"{profile} {_minutes(minutes[profile])}" for profile in settings.PROFILES)
    lines = [f"**Time** on two CPU cores: {times}. On a GPU: not measured."]
    models = dict.fromkeys(result.model for result in runs.load_all() if result.notebook == name)
    if models:
        lines.append("**The result to expect**")
        lines.append("\n".join(f"- {runs.expected(model)}" for model in models))
    return _between(text, "facts", "\n\n".join(lines))


def notebooks_table():
    """Return a Markdown table of the notebooks: link, question, minutes and Colab badge."""
    lines = ["| notebook | the question | quick | full | |", "|---|---|---|---|---|"]
    for name in series.names():
        question, minutes = (
            series.read(name).metadata["fashion"]["question"],
            runs.expected_minutes(name),
        )
        badge = series.header(name)[0].split(" · ")[0]
        quick, full = (_minutes(minutes[profile]) for profile in ("quick", "full"))
        lines.append(
            f"| [{series.title(name)}](notebooks/{name}.ipynb) | {question} "
            f"| {quick} | {full} | {badge} |"
        )
    return "\n".join(lines)


def cover():
    """Return README's picture as PNG bytes, drawn from the embedded sample and the results."""
    sample = data.load_sample()
    figure = plotting.cover(
        sample.train.images, sample.train.labels, sample.class_names, runs.table()
    )
    return plotting.png(figure)


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


if __name__ == "__main__":
    try:
        changed = render()
    except settings.UserError as error:
        sys.exit(str(error))
    print("\n".join(f"rendered {name}" for name in changed) or "All pages agree with the results.")
