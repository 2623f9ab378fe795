"""The house: which room may know of which, how long a file may be, and that imports do nothing."""

import ast
import re
import subprocess
import sys

import pytest

from helpers import settings

HELPERS = settings.REPOSITORY / "helpers"
# What stands further down may import what stands before it, and nothing else.
ORDER = (
    "settings files packages definitions sources.folders sources.idx sources.downloads data "
    "pipeline layers adapting models optimizers training significance evaluation cost results "
    "tables topics.exercises topics.oriented_gradients topics.classical "
    "topics.ensembling runs topics.calibration "
    "topics.infobatch topics.budgets topics.transfer topics.tuning topics.corruptions "
    "topics.auditing topics.explaining topics.loading topics.photo topics.classify "
    "topics.shipped topics.deployment topics.pictures topics.own_images topics.comparison "
    "plotting maintenance"
).split()
MOST_LINES = 500
FILES = sorted(path for path in HELPERS.rglob("*.py") if path.name != "__init__.py")
TESTS = sorted((settings.REPOSITORY / "tests").glob("*.py"))


def place(module):
    """Return where a module stands in the order; a package stands as one."""
    (found,) = [n for n, name in enumerate(ORDER) if f"{module}.".startswith(f"{name}.")]
    return found


def imported(text):
    """Return the modules of helpers/ that a text imports, at its top or anywhere else."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "helpers":
            parts = node.module.split(".")[1:]
            for alias in node.names:
                whole = [*parts, alias.name]
                exists = HELPERS.joinpath(*whole).with_suffix(".py").exists()
                exists = exists or HELPERS.joinpath(*whole).is_dir()
                found.add(".".join(whole if exists else parts))
    return found


def upward(name, text):
    """Return what a module imports and must not."""
    own = place(name)
    package = name.split(".")[0] in ("plotting", "maintenance")
    return [
        each
        for each in sorted(imported(text))
        if place(each) > own or (place(each) == own and not package)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HELPERS).as_posix())
def test_imports_go_one_way(path):
    name = ".".join(path.relative_to(HELPERS).with_suffix("").parts)
    if name != "__main__":
        assert not upward(name, path.read_text(encoding="utf-8"))


def test_an_upward_import_is_noticed():
    assert upward("models", "def f():\n    from helpers.topics import tuning") == ["topics.tuning"]
    assert upward("plotting.style", "from helpers.maintenance.stamp import stamp") == [
        "maintenance.stamp"
    ]
    assert upward("models", "from helpers import layers, settings\nimport numpy") == []


def test_packages_have_no_circle():
    """Within plotting/ and maintenance/, where the order says nothing."""
    graph = {}
    for path in FILES:
        name = ".".join(path.relative_to(HELPERS).with_suffix("").parts)
        graph[name] = imported(path.read_text(encoding="utf-8")) - {"plotting", "maintenance"}
    done = set()
    while ready := {name for name in graph.keys() - done if graph[name] & graph.keys() <= done}:
        done |= ready
    assert not graph.keys() - done


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda path: path.name)
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    "path", sorted((HELPERS / "topics").glob("[a-z]*.py")), ids=lambda p: p.name
)
def test_a_topic_names_its_notebook(path):
    first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0]
    (number,) = re.findall(r"\(notebook (\d\d)\)", first)
    assert list(settings.NOTEBOOKS.glob(f"{number}_*.ipynb"))


def test_importing_asks_neither_git_nor_reads_the_code():
    program = (
        "import pathlib, subprocess, sys\n"
        "def refuse(): sys.exit('an import did more than define')\n"
        "run, read = subprocess.run, pathlib.Path.read_text\n"
        "subprocess.run = lambda *a, **k: refuse() if 'git' in a[0] else run(*a, **k)\n"
        "pathlib.Path.read_text = lambda path, *a, **k: (\n"
        "    refuse() if 'helpers' in path.parts else read(path, *a, **k))\n"
        "from helpers import definitions, results, runs, tables\n"
        "from helpers.maintenance import commands, execution, publishing, provenance, stamp\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=settings.REPOSITORY, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
