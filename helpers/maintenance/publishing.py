"""Store the outputs of full runs in the notebooks, and keep their common parts equal."""

import copy
import re
from pathlib import Path

import nbformat

from helpers import data, definitions, settings
from helpers.maintenance import execution, notebooks, stamp

BRANCH = "main"
PLACEHOLDER = "YOUR_NAME"
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github"
BOOTSTRAP = """\
# Finds helpers/, which all notebooks share; where only the notebook is, as on Colab, clones it.
import os
import sys
from pathlib import Path

CLONE = "git clone -q --depth=1 <address>"
places = [Path.cwd(), *Path.cwd().parents, Path.cwd() / "<folder>"]
root = next((p for p in places if (p / "helpers/settings.py").exists()), places[-1])
if not root.exists() and os.system(CLONE):
    raise RuntimeError("helpers/ is missing: <hint>.")
sys.path.insert(0, str(root))
from helpers import packages

packages.install_missing()
"""
HINT = "check the network, or open the notebook in a copy of the repository"
HINT_PLACEHOLDER = "open the notebook in a copy of the repository"
# Holds for each notebook what its text claims: assertions that run when it is published.
CLAIMS = settings.REPOSITORY / "tests" / "claims"


def publish(only=None, seed=0):
    """Run notebooks on all data and store their outputs in them, normalised and stamped.

    For maintainers. Results go to notebooks/results. A notebook is saved only after it passed, and
    after what its text claims (`CLAIMS`) has been found in this run. With another seed than 0 only
    the results are kept. Returns the exit status, as `execution.run`.
    """
    chosen = notebooks.choose(only)
    data.load()

    def keep(name, notebook, outcome):
        if outcome.failure:
            failed_copy = settings.OUTPUTS / "failed" / f"{name}.ipynb"
            notebooks.replace(failed_copy, nbformat.writes(notebook) + "\n")
            print(f"What it did until then is kept in {notebooks.shown(failed_copy)}.")
        if outcome.failure or seed != 0:
            return
        stamp.normalise(notebook)
        stamp.stamp(notebook, seed, notebooks.versions(), outcome.seconds)
        notebooks.replace(settings.NOTEBOOKS / f"{name}.ipynb", nbformat.writes(notebook) + "\n")

    environment = execution.environment("full", seed) | {"FASHION_PUBLISH": "1"}
    expected = {name: notebooks.author_seconds(name, "full") for name in chosen}
    try:
        failed = execution.execute_all(
            chosen, environment, expected, keep, claims if seed == 0 else None
        )
    except KeyboardInterrupt:
        print("\nInterrupted: the notebooks that passed are saved; publish the others with ONLY=.")
        return execution.INTERRUPTED
    readers = [
        name
        for name in notebooks.names()
        if notebooks.reads_results(notebooks.read(name)) and name not in chosen
    ]
    if readers:
        print(f"Results have changed; publish also what shows them: {', '.join(readers)}.")
    return 1 if failed else 0


def claims(name):
    """Return the assertions that a notebook's text has to meet, as the source of a last cell."""
    path = CLAIMS / f"{name}.py"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def address(new=None):
    """Write the repository's public address, the badges and the common cells everywhere.

    `new` is `owner/name` or the whole https address, by default the one in the settings. Returns
    the names of the files that changed.
    """
    old = _address()
    if new is not None:
        new = _checked_address(new)
        _substitute(Path(settings.__file__), old, new)
    new = new or old
    before, after = (text.removeprefix("https://github.com/") for text in (old, new))
    readme = settings.REPOSITORY / "README.md"
    changed = [readme.name] if readme.exists() and _substitute(readme, before, after) else []
    for name in notebooks.names():
        path = settings.NOTEBOOKS / f"{name}.ipynb"
        notebook = notebooks.read(name)
        original = copy.deepcopy(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = cell.source.replace(before, after)
        write_common_parts(notebook, name, new)
        if notebook != original:
            notebooks.replace(path, nbformat.writes(notebook) + "\n")
            changed.append(path.name)
    return changed


def bootstrap(repository=None):
    """Return the source of the cell that finds helpers/, the same in every notebook."""
    repository = repository or _address()
    hint = HINT_PLACEHOLDER if PLACEHOLDER in repository else HINT
    folder = repository.rpartition("/")[2]
    words = {"<address>": repository, "<folder>": folder, "<hint>": hint}
    return re.sub("<\\w+>", lambda found: words[found[0]], BOOTSTRAP).rstrip()


def header(name, repository=None):
    """Return the lines under a notebook's title: badge and page, and previous, contents, next.

    Without a public address there is no first one, as its links would lead nowhere.
    """
    repository = repository or _address()
    page = f"blob/{BRANCH}/notebooks/{name}.ipynb"
    colab = f"{COLAB}/{repository.removeprefix('https://github.com/')}/{page}"
    links = [f"[![Open in Colab]({BADGE})]({colab})", f"[view on GitHub]({repository}/{page})"]
    order = notebooks.names()
    place = order.index(name)
    steps = ["[contents](../README.md)", "[glossary](glossary.md)"]
    if place > 0:
        steps.insert(0, f"[← {notebooks.title(order[place - 1])}]({order[place - 1]}.ipynb)")
    if place + 1 < len(order):
        steps.append(f"[{notebooks.title(order[place + 1])} →]({order[place + 1]}.ipynb)")
    lines = [" · ".join(steps)]
    return lines if PLACEHOLDER in repository else [" · ".join(links), *lines]


def write_common_parts(notebook, name, repository=None):
    """Write the header lines and the bootstrap cell into a notebook, in place.

    The header goes under the title of the first cell, in place of an older one; the bootstrap cell
    replaces the older one or becomes the first code cell.
    """
    first = notebook.cells[0]
    lines = [
        line
        for line in first.source.splitlines()
        if not line.startswith("[![Open in Colab]") and "[contents](../README.md)" not in line
    ]
    body = "\n".join(lines[1:]).strip("\n")
    parts = (lines[0], *header(name, repository), body)
    first.source = "\n\n".join(part for part in parts if part)
    cells = stamp.code_cells(notebook)
    found = [cell for cell in cells if cell.get("id") == definitions.BOOTSTRAP_ID]
    if not found:
        comment = BOOTSTRAP.splitlines()[0]
        found = [cell for cell in cells if cell.source.startswith(comment)]
    if not found:
        found = [nbformat.v4.new_code_cell()]
        place = notebook.cells.index(cells[0]) if cells else len(notebook.cells)
        notebook.cells.insert(place, found[0])
    found[0].update(source=bootstrap(repository), id=definitions.BOOTSTRAP_ID)


def _address():
    return settings.REPOSITORY_ADDRESS


def _checked_address(text):
    found = re.fullmatch(
        r"(?:https://github\.com/)?([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/?", text
    )
    if not found:
        raise settings.UserError(
            f"{text!r} is no repository on GitHub: write REPO=owner/name, as in its address."
        )
    return f"https://github.com/{found[1]}/{found[2]}"


def _substitute(path, before, after):
    text = path.read_text(encoding="utf-8")
    notebooks.replace(path, text.replace(before, after))
    return before != after and before in text
