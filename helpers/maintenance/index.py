"""The pages that a run leaves in outputs/: each executed copy, and an index of them."""

import copy
import html
import re

import pandas as pd

from helpers import settings, tables
from helpers.maintenance import notebooks

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fashion-MNIST, model by model: {profile}</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto }}
div, pre {{ overflow-x: auto }} th, td {{ padding: .3rem .8rem; text-align: left }}</style>
<h1>Fashion-MNIST, model by model</h1>
<p>Profile {profile}, executed copies. {note}</p>
<div>{notebooks}</div>
<h2>Results of this run</h2>
{results}
</html>
"""
NOTES = {
    "smoke": "Its numbers come from a small sample and mean nothing.",
    "quick": "Its numbers come from a part of the images and epochs.",
    "full": "All images, all epochs.",
}


def page(notebook, name):
    """Return a notebook as a page: alternative texts kept, links to other pages of the copies."""
    from nbconvert import HTMLExporter

    page = copy.deepcopy(notebook)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb\)", r"](\1.html)", cell.source)
            cell.source = cell.source.replace("](../README.md)", "](../index.html)")
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["text/html"] = _image(output)
    exporter = HTMLExporter(require_js_url="", jquery_url="")
    return exporter.from_notebook_node(page, {"metadata": {"name": name}})[0]


def _image(output):
    known = output.metadata.get("image/png", {})
    width = f' width="{known["width"]}"' if "width" in known else ""
    content = "".join(output.data["image/png"].split())
    alternative = html.escape(known.get("alt", ""), quote=True)
    return f'<img src="data:image/png;base64,{content}" alt="{alternative}"{width}>'


def write_index(folder, profile, record):
    """Write the page that links the executed copies and shows the results of a run."""
    rows = [
        _index_row(name, record.entries[name])
        for name in notebooks.names()
        if name in record.entries
    ]
    page = PAGE.format(
        profile=profile,
        note=NOTES[profile],
        notebooks=pd.DataFrame(rows).to_html(index=False, escape=False, border=0),
        results=_results_html(folder / "results"),
    )
    notebooks.replace(folder / "index.html", page)


def _index_row(name, entry):
    question = notebooks.read(name).metadata.get("fashion", {}).get("question", "")
    status = f"<b>failed</b> in {html.escape(entry['failure'])}" if entry["failure"] else "passed"
    return {
        "Notebook": f'<a href="executed/{name}.html">{html.escape(notebooks.title(name))}</a>',
        "Question": html.escape(question),
        "Status": status,
        "Time": tables.duration(entry["seconds"]),
        "Finished": entry["finished"],
    }


def _results_html(folder):
    try:
        results = tables.table(folder)
    except settings.UserError as error:
        return f"<p>{html.escape(str(error))}</p>"
    if results.empty:
        return "<p>None yet.</p>"
    return f"<pre>{html.escape(tables.terminal_table(results))}</pre>"
