"""Install what a notebook's Python lacks; the first cell of each notebook calls this.

Needs nothing but the standard library.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
IMPORTED_AS = {"scikit-learn": "sklearn"}


def install_missing():
    """Install the packages of requirements.txt that this Python does not have, tools left out.

    Raises RuntimeError if they cannot be installed: the message says how to do it by hand.
    """
    missing = _missing()
    if not missing or _installed(missing):
        return _import_keras()
    raise RuntimeError(
        f"{', '.join(missing)} could not be installed for {sys.executable}: install what "
        f"{REQUIREMENTS} names into the environment of this kernel, or choose a kernel that has it."
    )


def _installed(missing):
    """Say whether one of the installers has installed what is missing."""
    print(f"Installing {', '.join(missing)}: some minutes, once.")
    for installer in _installers():
        if subprocess.run([*installer, *missing]).returncode == 0:
            importlib.invalidate_caches()
            return True
    return False


def _import_keras():
    """Import Keras, as it is set up here, before a cell may import it in another way."""
    from helpers import settings

    with settings.quiet_import():
        import keras  # noqa: F401


def _missing():
    needed = REQUIREMENTS.read_text(encoding="utf-8").partition("# Tools")[0]
    packages = re.findall(r"^(([a-z-]+)\S+)", needed, re.MULTILINE)
    return [package for package, name in packages if not _is_there(name)]


def _is_there(package):
    module = IMPORTED_AS.get(package, package).replace("-", "_")
    return importlib.util.find_spec(module) is not None


def _installers():
    """Yield the commands that may install for this Python: its own pip, or uv from outside."""
    if importlib.util.find_spec("pip"):
        yield [sys.executable, "-m", "pip", "install", "--quiet"]
    if shutil.which("uv"):
        yield [shutil.which("uv"), "pip", "install", "--quiet", "--python", sys.executable]
