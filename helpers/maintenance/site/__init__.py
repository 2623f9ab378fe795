"""The site: the stored notebooks and some pages around them, built by Sphinx without a run."""

import json
import os
import shutil
import subprocess
import sys

from helpers import settings
from helpers.maintenance import notebooks, publishing
from helpers.maintenance.site import articles, chapters, explore

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
    source, pages = output / "source", output / "html"
    for folder in (source, pages):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    static = source / "_static"
    for name in notebooks.names():
        chapters.write(notebooks.read(name), name, source)
    articles.write(source)
    explore.write(source)
    _sphinx(source, pages, [str(static)])
    return pages / "index.html"


def _sphinx(source, pages, static):
    address = settings.REPOSITORY_ADDRESS
    known = {
        "repository": "" if publishing.PLACEHOLDER in address else address,
        "static": static,
    }
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-n", "-W", "--keep-going"]
    command += ["-c", str(settings.REPOSITORY / "helpers/maintenance/site"), "-j", "auto"]
    command += ["-d", str(source.parent / "doctrees"), str(source), str(pages)]
    environment = os.environ | {"FASHION_SITE": json.dumps(known), "PYTHONWARNINGS": "ignore"}
    shutil.rmtree(source.parent / "doctrees", ignore_errors=True)
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )
    if "No module named sphinx" in ran.stderr:
        raise settings.UserError("Sphinx is missing: run `make site`, which installs it.")
    if ran.returncode:
        raise settings.UserError(f"The site has faults:\n{ran.stderr.strip()}")
