"""Write files whole or not at all: a full disk or an interruption leaves what was there before."""

import contextlib
import os
import uuid
from pathlib import Path

from helpers import settings


@contextlib.contextmanager
def replacing(path, remedy):
    """Give a block a temporary file to write, and put it in the place of `path` at its end.

    Its folder is made where needed. `remedy` is what the reader can do where writing fails: the
    second half of the sentence that says so. Raises UserError if the file cannot be written; an
    earlier one of that name is then as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise settings.UserError(
            f"{path} could not be written ({error.strerror or error}): {remedy}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write(path, content, remedy):
    """Write text, as UTF-8, or bytes as a file, whole or not at all; see `replacing`."""
    with replacing(path, remedy) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def _flush(path):
    """Wait until the disk holds a file, so that a full one is noticed before anything is lost."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
