"""The notebooks of the series: their names, titles and what is known of them without a run."""

import os
import re
import sys

import nbformat

from helpers import cost, files, settings
from helpers.maintenance import stamp


def names():
    """Return the stems of all notebooks in the order of the series."""
    return sorted(path.stem for path in settings.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def choose(only):
    """Return the stems that `only` means: numbers (`05`, `5`) or whole stems; all when empty.

    Raises
    ------
    UserError
        If there is no such notebook.
    """
    chosen = set()
    for word in only or ():
        wanted = word.removesuffix(".ipynb")
        found = {name for name in names() if wanted in (name, name[:2], name[:2].lstrip("0"))}
        if not found:
            raise settings.UserError(
                f"There is no notebook {word!r}: choose among {', '.join(names())}."
            )
        chosen |= found
    return [name for name in names() if name in chosen or not only]


def read(name):
    """Return a notebook of the series as an `nbformat.NotebookNode`."""
    return nbformat.read(settings.NOTEBOOKS / f"{name}.ipynb", as_version=4)


def title(name):
    """Return a notebook's title: its number and its first heading."""
    heading = re.search(r"^# (.+)$", read(name).cells[0].source, re.MULTILINE)
    words = re.sub(r"^\d+\W*", "", heading[1]) if heading else name[3:].replace("_", " ")
    return f"{name[:2]} {words}"


def reads_results(notebook):
    """Say whether a notebook shows stored results, so that new ones make it stale."""
    text = "\n".join(cell.source for cell in stamp.code_cells(notebook))
    return bool(re.search(r"\bruns\.(load|load_all|table)\b", text))


def author_seconds(name, profile):
    """Return how long a notebook took when its minutes were written down, None if unknown."""
    minutes = read(name).metadata.get("fashion", {}).get("minutes", {}).get(profile)
    return minutes * 60 if minutes else None


def versions():
    """Return the versions of Python and of the packages that a run depends on."""
    return {"python": ".".join(map(str, sys.version_info[:3])), **cost.versions()}


def shown(path):
    """Return a path as seen from the folder that the reader is in."""
    return os.path.relpath(path)


def replace(path, text):
    """Write a file, whole or not at all."""
    files.write(path, text, "free some space or check the rights of its folder, then run again.")
