"""The site: the stored notebooks and some pages around them, built by Sphinx without a run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from helpers import settings
from helpers.maintenance import notebooks, publishing
from helpers.maintenance.site import articles, chapters, explore, of_run

MOST_SECONDS = 600
FOLDER = settings.OUTPUTS / "site"


def build(output=FOLDER):
    """Build the site from the stored notebooks, executing none of them.

    Parameters
    ----------
    output : pathlib.Path
        Where to: the pages go to its folder `html`, their sources to its folder `source`. Both are
        made anew.

    Returns
    -------
    pathlib.Path
        The first page.

    Raises
    ------
    UserError
        If Sphinx is missing, or finds a broken link or another fault; the words are Sphinx's.
    """
    source, pages = _emptied(output)
    for name in notebooks.names():
        chapters.write(notebooks.read(name), name, source)
    explore.write(source)
    articles.write(source, {"At a glance": ["explore", "results"]})
    _sphinx(source, pages, strict=True)
    return pages / "index.html"


def build_of_run(folder, profile, entries):
    """Build the site over the executed copies of a run, and return its first page.

    A notebook that did not run is shown as it is published. `folder` is that of the run and holds
    its copies and results; `entries` says of each notebook how it ended (see `execution`).
    """
    source, pages = _emptied(folder / "site")
    for name in notebooks.names():
        copy = folder / "executed" / f"{name}.ipynb"
        ran = name in entries and copy.is_file()
        note = of_run.note(profile) if ran else of_run.NOT_RUN
        notebook = nbformat.read(copy, as_version=4) if ran else notebooks.read(name)
        chapters.write(notebook, name, source, note)
    articles.write(source, {"This run": ["this_run"]})
    text = of_run.page(folder / "results", profile, entries)
    (source / "this_run.md").write_text(text, encoding="utf-8")
    _sphinx(source, pages, strict=False)
    return pages / "this_run.html"


def _emptied(output):
    folders = output / "source", output / "html"
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    (folders[0] / "_static").mkdir(parents=True)
    return folders


def _sphinx(source, pages, strict):
    """Let Sphinx build; in a strict build every warning is an error."""
    here, address = Path(__file__).parent, settings.REPOSITORY_ADDRESS
    known = {
        "repository": "" if publishing.PLACEHOLDER in address else address,
        "static": [str(here / "static"), str(source / "_static")],
        "icon": str(here / "static" / "icon.svg"),
    }
    (source / "site.json").write_text(json.dumps(known), encoding="utf-8")
    shutil.copyfile(here / "conf.py", source / "conf.py")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-j", "auto"]
    command += ["-n", "-W", "--keep-going"] if strict else []
    command += ["-d", str(source.parent / "doctrees"), str(source), str(pages)]
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    shutil.rmtree(source.parent / "doctrees", ignore_errors=True)
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )
    if "No module named sphinx" in ran.stderr:
        raise settings.UserError("Sphinx is missing: run `make site`, which installs it.")
    if ran.returncode:
        raise settings.UserError(f"The site has faults:\n{ran.stderr.strip()}")
