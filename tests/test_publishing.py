"""Publishing the notebooks, their public address, and that nbval really compares."""

import copy
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from conftest import COMPARED, PROFILE
from nbval.plugin import find_metadata_tags

from helpers import packages, settings
from helpers.maintenance import execution, notebooks, publishing, stamp

pytestmark = pytest.mark.usefixtures("no_real_data")
NOTEBOOKS = sorted(settings.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
REPOSITORY = settings.REPOSITORY
CONFIGURATION = REPOSITORY / "tests" / "nbval.cfg"


# Publishing.


def test_publishing_stores_outputs_and_stamps_them(small_series, monkeypatch, capsys):
    small_series(
        n01_first=[PROFILE, "print('1 of 2', end='\\r')\nprint('2 of 2')"],
        n02_second=["print(1)", "raise ValueError('no')"],
        n17_table=["from helpers import runs\nruns.table"],
    )
    path = settings.NOTEBOOKS / "01_first.ipynb"
    notebook = notebooks.read("01_first")
    ids = [cell.id for cell in notebook.cells]
    notebook.metadata["fashion"] = {"question": "Does it run?", "minutes": {"full": 1}}
    nbformat.write(notebook, path)
    before = (settings.NOTEBOOKS / "02_second.ipynb").read_bytes()
    assert publishing.publish(["01", "02"]) == 1
    said = capsys.readouterr().out
    assert "02_second: FAILED" in said and "publish also what shows them: 17_table" in said
    assert (settings.NOTEBOOKS / "02_second.ipynb").read_bytes() == before
    kept = nbformat.read(settings.OUTPUTS / "failed" / "02_second.ipynb", as_version=4)
    assert stamp.code_cells(kept)[1].outputs[0].text == "1\n"
    stored = notebooks.read("01_first")
    first, second = stamp.code_cells(stored)[1:]
    assert first.outputs[0].text == "full 0\n" and second.outputs[0].text == "2 of 2\n"
    assert [cell.execution_count for cell in stamp.code_cells(stored)] == [1, 2, 3]
    assert [cell.id for cell in stored.cells] == ids
    own = stored.metadata.fashion
    assert own.question == "Does it run?" and own.minutes == {"full": 1}
    assert (own.profile, own.seed, own.compared_cells) == ("full", 0, 0)
    assert own.outputs == stamp.outputs(stored) and own.sources == stamp.sources(stored)
    assert own.executed_seconds > 0 and "keras" in own.versions


@pytest.mark.parametrize(("answer", "status"), [(2, 0), (3, 1)])
def test_what_the_text_claims_is_checked_when_it_is_published(
    answer, status, small_series, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(publishing, "CLAIMS", tmp_path)
    (tmp_path / "01_first.py").write_text(f"assert two == {answer}, 'one and one are that'\n")
    small_series(n01_first=["two = 1 + 1"])
    assert execution.run("smoke") == 0, "a reader's run is never told that the text is wrong"
    assert publishing.publish() == status
    stored = notebooks.read("01_first")
    assert [cell.source for cell in stamp.code_cells(stored)[1:]] == ["two = 1 + 1"]
    assert ("one and one are that" in capsys.readouterr().out) == bool(status)


def test_publishing_another_seed_keeps_the_stored_outputs(small_series):
    small_series(n01_first=[PROFILE])
    before = (settings.NOTEBOOKS / "01_first.ipynb").read_bytes()
    assert publishing.publish(seed=1) == 0
    assert (settings.NOTEBOOKS / "01_first.ipynb").read_bytes() == before


# The address and the common cells.


def test_the_bootstrap_cell_is_short_and_says_what_it_does():
    lines = publishing.bootstrap().splitlines()
    assert len(lines) <= 14 and lines[0].startswith("# Finds helpers/")
    assert not re.search("<(address|folder|hint)>", publishing.bootstrap())


def test_the_bootstrap_cell_finds_helpers_above(tmp_path, monkeypatch):
    monkeypatch.chdir(settings.REPOSITORY / "tests")
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = {}
    exec(publishing.bootstrap(), found)
    assert found["root"] == settings.REPOSITORY and sys.path[0] == str(settings.REPOSITORY)


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("https://github.com/YOUR_NAME/some-name", "open the notebook in a copy"),
        ("https://github.com/owner/some-name", "check the network"),
    ],
)
def test_the_bootstrap_cell_says_why_cloning_failed(tmp_path, monkeypatch, address, hint):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "system", lambda command: 128)
    with pytest.raises(RuntimeError, match=f"helpers/ is missing: .*{hint}"):
        exec(publishing.bootstrap(address), {})


def test_the_bootstrap_cell_clones_where_only_the_notebook_is(tmp_path, monkeypatch):
    asked = []

    def clone(command):
        asked.append(command)
        shutil.copytree(REPOSITORY / "helpers", tmp_path / "some-name" / "helpers")
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(os, "system", clone)
    monkeypatch.setattr(packages, "install_missing", lambda: asked.append("installed"))
    exec(publishing.bootstrap("https://github.com/owner/some-name"), {})
    assert asked == ["git clone -q --depth=1 https://github.com/owner/some-name", "installed"]
    assert sys.path[0] == str(tmp_path / "some-name")


def test_the_header_skips_missing_notebooks(small_series):
    small_series(n01_a=None, n03_b=None, n17_c=None)
    badges, steps = publishing.header("03_b", "https://github.com/owner/name")
    assert badges == (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        "(https://colab.research.google.com/github/owner/name/blob/main/notebooks/03_b.ipynb)"
        " · [view on GitHub](https://github.com/owner/name/blob/main/notebooks/03_b.ipynb)"
    )
    assert steps == (
        "[← 01 n01_a](01_a.ipynb) · [contents](../README.md) · [glossary](glossary.md)"
        " · [17 n17_c →](17_c.ipynb)"
    )
    assert publishing.header("01_a")[-1].startswith("[contents]")
    assert publishing.header("17_c")[-1].endswith("[glossary](glossary.md)")


def test_without_an_address_no_link_leads_nowhere(small_series):
    small_series(n01_first=None, n02_second=None)
    assert publishing.PLACEHOLDER in settings.REPOSITORY_ADDRESS
    first = notebooks.read("01_first").cells[0].source
    assert "colab" not in first and "github.com" not in first and "02_second.ipynb" in first
    notebook = notebooks.read("01_first")
    publishing.write_common_parts(notebook, "01_first", "https://github.com/owner/name")
    assert "colab-badge" in notebook.cells[0].source


def test_a_new_address_is_written_everywhere(small_series, tmp_path, monkeypatch):
    small_series(n01_first=None, n02_second=None)
    copied = tmp_path / "settings.py"
    shutil.copy(settings.__file__, copied)
    readme = tmp_path / "README.md"
    readme.write_text(f"Clone {settings.REPOSITORY_ADDRESS}.git, then read.\n")
    monkeypatch.setattr(settings, "__file__", str(copied))
    assert publishing.address("owner/name") == ["README.md", "01_first.ipynb", "02_second.ipynb"]
    assert 'REPOSITORY_ADDRESS = "https://github.com/owner/name"' in copied.read_text()
    assert readme.read_text() == "Clone https://github.com/owner/name.git, then read.\n"
    text = (settings.NOTEBOOKS / "01_first.ipynb").read_text(encoding="utf-8")
    assert "YOUR_NAME" not in text and text.count("owner/name") == 3
    monkeypatch.setattr(settings, "REPOSITORY_ADDRESS", "https://github.com/owner/name")
    assert publishing.address() == [], "a second time changes nothing"


# nbval compares what it should.

CELLS = [f"{COMPARED}print({{'shape': (2, 3)}})", f"{COMPARED}print(6 * 7)"]
UNCOMPARED = "import os\nprint(os.environ['FASHION_PROFILE'])"


def nbval(*paths):
    """Run nbval as make test does; return the finished process and its last line."""
    options = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout=300"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    command += [f"--nbval-sanitize-with={CONFIGURATION}", *map(str, paths)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=paths[0].parent,
        env=dict(os.environ, FASHION_PROFILE="smoke"),
    )
    return done, done.stdout.strip().splitlines()[-1]


def test_nbval_compares_marked_cells_and_only_those(small_series):
    small_series(n01_first=[UNCOMPARED, *CELLS])
    assert publishing.publish() == 0
    sound = notebooks.read("01_first")
    spoiled = {name: copy.deepcopy(sound) for name in ("altered", "emptied", "broken")}
    stamp.code_cells(spoiled["altered"])[3].outputs[0].text = "43\n"
    stamp.code_cells(spoiled["emptied"])[2].outputs = []
    stamp.code_cells(spoiled["broken"])[1].source = "1 / 0"
    for name, notebook in spoiled.items():
        nbformat.write(notebook, settings.NOTEBOOKS / f"{name}.ipynb")
    done, last = nbval(settings.NOTEBOOKS / "01_first.ipynb")
    assert done.returncode == 0 and "4 passed" in last, done.stdout
    done, last = nbval(*(settings.NOTEBOOKS / f"{name}.ipynb" for name in spoiled))
    assert done.returncode == 1 and "3 failed, 9 passed" in last, done.stdout
    for line in ("altered.ipynb::Cell 3", "emptied.ipynb::Cell 2", "broken.ipynb::Cell 1"):
        assert f"FAILED {line}" in done.stdout, done.stdout


@pytest.fixture(scope="module")
def collected():
    """What nbval collects of the real notebooks: a line for each cell."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--nbval-lax"]
    command += map(str, NOTEBOOKS)
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY).stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nbval_takes_every_cell_and_compares_as_many_as_the_stamp_says(path, collected):
    notebook = nbformat.read(path, as_version=4)
    cells = stamp.code_cells(notebook)
    options = [dict(find_metadata_tags(cell.metadata)) for cell in cells]
    marked = [cell for cell, option in zip(cells, options, strict=True) if option.get("check")]
    assert marked == stamp.compared_cells(notebook)
    assert len(marked) == notebook.metadata.fashion.get("compared_cells")
    assert not any("skip" in option or "check_exception" in option for option in options)
    assert collected.count(f"{path.name}::Cell ") == len(cells)


@pytest.mark.parametrize("stem", ["19_final_comparison"])
def test_nbval_notices_an_altered_output_of_a_real_notebook(stem):
    path = settings.NOTEBOOKS / f"{stem}.ipynb"
    if not path.exists():
        pytest.skip(f"{path.name} is not there")
    notebook = nbformat.read(path, as_version=4)
    compared = stamp.compared_cells(notebook)[0]
    notebook.cells = notebook.cells[: notebook.cells.index(compared) + 1]
    output = compared.outputs[0]
    if "text" in output:
        output.text += "altered"
    else:
        output.data["text/plain"] += "altered"
    settings.OUTPUTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.OUTPUTS) as folder:
        nbformat.write(notebook, Path(folder) / path.name)
        done, last = nbval(Path(folder) / path.name)
    assert done.returncode == 1 and "1 failed" in last, done.stdout
