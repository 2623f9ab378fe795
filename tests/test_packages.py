"""Tests of what installs a notebook's missing packages."""

import importlib.util
import subprocess
import types

import pytest

from helpers import packages


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A list of requirements of which one is missing, and the commands that were run for it."""
    (tmp_path / "requirements.txt").write_text(
        "# What is needed.\nnumpy>=2.0,<3  # arrays\nscikit-learn>=1,<2  # models\n"
        "jupyter-client>=8  # a module of another spelling\n"
        "not-there>=1,<2  # missing\n# Tools: not for notebooks.\nalso-missing>=3\n"
    )
    monkeypatch.setattr(packages, "REQUIREMENTS", tmp_path / "requirements.txt")
    commands = []

    def run(command):
        commands.append(command)
        return types.SimpleNamespace(returncode=int(command[0] != "uv"))

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(packages.shutil, "which", lambda name: None)
    return commands


def test_what_is_there_is_not_installed(asked, tmp_path):
    packages.REQUIREMENTS.write_text("numpy>=2\n")
    packages.install_missing()
    assert asked == []


def test_only_the_missing_ones_are_installed_by_pip(asked):
    with pytest.raises(RuntimeError, match="not-there.* could not be installed for .* kernel"):
        packages.install_missing()
    (command,) = asked
    assert command[1:4] == ["-m", "pip", "install"] and command[-1] == "not-there>=1,<2"


def test_a_python_without_pip_asks_uv(asked, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pip" else found(name)
    )
    with pytest.raises(RuntimeError, match="choose a kernel that has it"):
        packages.install_missing()
    assert asked == []
    monkeypatch.setattr(packages.shutil, "which", lambda name: name)
    packages.install_missing()
    assert asked[0][0] == "uv" and "--python" in asked[0]
