"""A notebook as a page of the site, without what only a notebook needs, its pictures as files."""

import base64
import copy
import html
import re
import struct

import nbformat

from helpers import definitions, settings
from helpers.maintenance import publishing

LINKS = ("[← ", "[contents](", "[![Open in Colab](")  # the lines under a title that the site has
FOLDER = "notebooks"
OUTSIDE = r"\.\./(?!index\.md|notebooks/)"  # begins what the site does not hold
RESOLUTION = 100  # pixels per inch of the figures; pages show them in 96


def write(notebook, name, folder, note=""):
    """Write a notebook as a source of the site, its pictures beside it, a note below its title.

    Each picture becomes an HTML output with its alternative text, which Sphinx would lose.
    """
    chapter = copy.deepcopy(notebook)
    chapter.metadata.pop("fashion", None)
    first = chapter.cells[0]
    first.source = "\n".join(
        line for line in first.source.splitlines() if not line.startswith(LINKS)
    )
    title, _, rest = first.source.partition("\n")
    first.source = "\n".join([title, "", note, "", rest])
    pictures = folder / "_static" / "figures"
    pictures.mkdir(parents=True, exist_ok=True)
    for place, cell in enumerate(chapter.cells):
        if cell.cell_type == "markdown":
            cell.source = links(cell.source.replace("](../README.md", "](../index.md"))
        elif cell.get("id") == definitions.BOOTSTRAP_ID:
            cell.metadata["tags"] = ["hide-input"]
        for number, output in enumerate(cell.get("outputs", ())):
            if "image/png" in output.get("data", {}):
                file = pictures / f"{name[:2]}_{place}_{number}.png"
                file.write_bytes(base64.b64decode(output.data["image/png"]))
                output.data = {"text/html": _image(output, file)}
                output.metadata = {}
    path = folder / FOLDER / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(nbformat.writes(chapter), encoding="utf-8")


def links(text):
    """Return a text whose links to files of the repository lead to its public address.

    Without such an address they are names of files. Anchors become lower case, as Sphinx has them.
    """
    text = re.sub(r"\]\((#[^)]+)\)", lambda found: f"]({found[1].lower()})", text)
    address = settings.REPOSITORY_ADDRESS
    if publishing.PLACEHOLDER in address:
        return re.sub(rf"\[`?([^\]`]+)`?\]\({OUTSIDE}[^)]*\)", r"`\1`", text)
    return re.sub(rf"\]\({OUTSIDE}", f"]({address}/blob/{publishing.BRANCH}/", text)


def _image(output, file):
    width, height = struct.unpack(">II", file.read_bytes()[16:24])
    known = output.metadata.get("image/png", {})
    shown = known.get("width", width)
    alternative = html.escape(re.sub(r"\s+", " ", known.get("alt", "")), quote=True)
    return (
        f'<img class="figure" src="../_static/figures/{file.name}" alt="{alternative}" '
        f'width="{shown}" height="{round(height * shown / width)}" loading="lazy">'
    )
