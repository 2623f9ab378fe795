"""Tests of the Makefile: what it does with the Pythons and the folders that people have."""

import os
import shutil
import subprocess

import pytest

from helpers import settings

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # never through a link
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def project(tmp_path):
    """A copy of the Makefile in a folder with a name that shells stumble over."""
    folder = tmp_path / "it's mine"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(settings.REPOSITORY / name, folder)
    return folder


def make(project, *arguments, **commands):
    """Run make where no other commands are found than these and the shell's own."""
    tools = project.parent / "tools"
    for name in ("sh", "touch", "uname", "rm", "ln"):
        tools.mkdir(exist_ok=True)
        (tools / name).unlink(missing_ok=True)
        (tools / name).symlink_to(shutil.which(name))
    for name, text in commands.items():
        script(tools / name, text)
    return subprocess.run(
        [shutil.which("make"), *arguments],
        cwd=project,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
    )


def a_python(project, text='echo "1"'):
    script(project / ".venv" / "bin" / "python", text)
    (project / ".venv" / "made").touch()


def test_a_finished_environment_is_not_made_again(project):
    a_python(project)
    assert "up to date" in make(project, ".venv/made").stdout


def test_one_whose_python_is_gone_is_made_anew(project):
    a_python(project)
    (project / ".venv" / "bin" / "python").unlink()
    (project / ".venv" / "bin" / "python").symlink_to("/gone/python3.12")
    makes = 'case "$*" in *venv\\ --clear*) echo made anew; ln -sf "$0" .venv/bin/python;; esac'
    done = make(project, ".venv/made", python3=makes)
    assert done.returncode == 0, done.stderr
    assert "made anew" in done.stdout and "Installing requirements.txt" in done.stdout


@pytest.mark.parametrize("manager", ["uv", "conda"])
def test_without_a_python_that_fits_uv_or_conda_fetch_one(project, manager):
    fetch = 'mkdir -p .venv/bin; printf "#!/bin/sh\\necho 1\\n" > .venv/bin/python'
    fetch = f"/bin/{fetch}; /bin/chmod +x .venv/bin/python; echo fetched $*"
    done = make(project, ".venv/made", python3="exit 1", **{manager: fetch})
    assert "fetched" in done.stdout and "3.13" in done.stdout, done.stderr


def test_without_any_of_them_it_says_what_to_install(project):
    done = make(project, ".venv/made", python3="exit 1")
    assert done.returncode != 0
    assert "install Python 3.13" in done.stderr and "python3-venv" in done.stderr


def test_intel_macs_are_told_where_to_go(project):
    done = make(project, ".venv/made", uname="echo Darwin x86_64")
    assert done.returncode != 0 and "Colab" in done.stderr


def test_any_folder_will_do(project):
    """The tests' own folder for results reaches them whole, whatever the project's is called."""
    a_python(project, 'echo "1 $FASHION_RESULTS_DIR $*"')
    done = make(project, "test-units", "--silent")
    assert done.returncode == 0, done.stderr
    assert f"1 {project}{os.sep}outputs/test -m pytest" in done.stdout
