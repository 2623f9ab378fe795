"""The pages that a run leaves in outputs/: each executed copy, and an index of them."""

import copy
import html
import re

from helpers import settings, tables
from helpers.maintenance import notebooks

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fashion-MNIST, model by model: {profile}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }}
table {{ border-collapse: collapse; margin: 1rem 0 2rem; font-variant-numeric: tabular-nums; }}
div {{ overflow-x: auto; }}
th, td {{ padding: .35rem .8rem; border-bottom: 1px solid #ddd; text-align: left; }}
th {{ border-bottom: 2px solid #888; }}
td.number {{ text-align: right; white-space: nowrap; }}
.failed {{ color: #a11; font-weight: 600; }}
a {{ color: #0b4f8a; }}
</style>
<h1>Fashion-MNIST, model by model</h1>
<p>Profile {profile}, executed copies. {note}</p>
<h2>Notebooks</h2>
<div><table>
<tr><th>Notebook</th><th>Question</th><th>Status</th><th>Time</th><th>Finished</th></tr>
{notebooks}
</table></div>
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
    rows = [
        _index_row(name, record.entries[name])
        for name in notebooks.names()
        if name in record.entries
    ]
    page = PAGE.format(
        profile=profile,
        note=NOTES[profile],
        notebooks="\n".join(rows),
        results=_results_html(folder / "results"),
    )
    notebooks.replace(folder / "index.html", page)


def _index_row(name, entry):
    question = notebooks.read(name).metadata.get("fashion", {}).get("question", "")
    status = "passed"
    if entry["failure"]:
        status = f'<span class="failed">failed</span> in {html.escape(entry["failure"])}'
    return (
        f'<tr><td><a href="executed/{name}.html">{html.escape(notebooks.title(name))}</a></td>'
        f"<td>{html.escape(question)}</td><td>{status}</td>"
        f'<td class="number">{tables.duration(entry["seconds"])}</td>'
        f"<td>{entry['finished']}</td></tr>"
    )


def _results_html(folder):
    try:
        results = tables.table(folder)
    except settings.UserError as error:
        return f"<p>{html.escape(str(error))}</p>"
    if results.empty:
        return "<p>None yet.</p>"
    return f"<pre>{html.escape(tables.terminal_table(results))}</pre>"
