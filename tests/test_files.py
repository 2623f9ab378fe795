"""Files: written whole or not at all, and whoever cannot write is told what to do."""

import os

import pytest

from helpers import files, settings


def test_text_and_bytes_arrive_unchanged_in_a_new_folder(tmp_path):
    path = tmp_path / "new" / "page.html"
    files.write(path, "first\r\nü\n", "nothing to do")
    assert path.read_bytes() == b"first\r\n\xc3\xbc\n"
    files.write(path, b"\x00\xff", "nothing to do")
    assert path.read_bytes() == b"\x00\xff" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_file(tmp_path, monkeypatch, step):
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    words = "page.html could not be written .No space left on device.: free some"
    with pytest.raises(settings.UserError, match=words):
        files.write(path, "new", "free some")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), files.replacing(path, "start again") as temporary:
        assert temporary.suffix == ".keras" and temporary.parent == tmp_path
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "taken").write_text("in the way")
    with pytest.raises(settings.UserError, match="taken.* could not be written .*: choose another"):
        files.write(tmp_path / "taken" / "file", "text", "choose another place")
