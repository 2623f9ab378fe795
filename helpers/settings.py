"""The profile, the seed and the folders of a run, and the one error class that readers see.

This is the only module that reads environment variables; every size and every epoch count of the
series passes through it, so that one word (`smoke`, `quick` or `full`) scales all notebooks.
"""

import os
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
NOTEBOOKS = REPOSITORY / "notebooks"
PUBLISHED_RESULTS = NOTEBOOKS / "results"
OUTPUTS = REPOSITORY / "outputs"
REPOSITORY_ADDRESS = "https://github.com/YOUR_NAME/fashion-mnist-notebooks"

PROFILES = ("smoke", "quick", "full")
# Share of the images and of the epochs that a profile uses, and the fewest epochs it may use.
# The smoke profile takes its images from the embedded sample, so its share of images is not used.
IMAGE_SHARE = {"quick": 0.2, "full": 1.0}
EPOCH_SHARE = {"smoke": 0.0, "quick": 0.2, "full": 1.0}
FEWEST_EPOCHS = 2


class UserError(Exception):
    """A failure the reader can mend: its message says what is wrong and what to do."""


def profile():
    """Return the active profile: `smoke`, `quick` or `full` (the default).

    Raises
    ------
    UserError
        If `FASHION_PROFILE` names no profile.
    """
    name = os.environ.get("FASHION_PROFILE", "") or "full"
    if name not in PROFILES:
        raise UserError(
            f"FASHION_PROFILE is {name!r}, which is no profile: set it to one of "
            f"{', '.join(PROFILES)}."
        )
    return name


def seed():
    """Return the seed of this run, a non-negative integer from `FASHION_SEED` (default 0).

    Raises
    ------
    UserError
        If `FASHION_SEED` is not a non-negative integer.
    """
    text = os.environ.get("FASHION_SEED", "") or "0"
    if not text.isascii() or not text.isdigit():
        raise UserError(f"FASHION_SEED is {text!r}: set it to a whole number from 0 upwards.")
    return int(text)


def data_folder():
    """Return the folder that `FASHION_MNIST_DIR` names, or None where it is not set."""
    folder = os.environ.get("FASHION_MNIST_DIR", "")
    return Path(folder).expanduser() if folder else None


def cache_folder():
    """Return the folder that keeps downloaded data between runs."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "fashion-mnist-notebooks"


def results_folder():
    """Return the folder that this run writes its results to.

    Only the `full` profile writes to the published results; `FASHION_RESULTS_DIR` overrides both.
    """
    folder = os.environ.get("FASHION_RESULTS_DIR", "")
    if folder:
        return Path(folder).expanduser().resolve()
    return PUBLISHED_RESULTS if profile() == "full" else OUTPUTS / profile() / "results"


def epochs(full):
    """Scale a number of epochs to the profile.

    Parameters
    ----------
    full : int
        Epochs of the `full` profile, at least 1.

    Returns
    -------
    int
        `full` itself in the `full` profile, a share of it (never under 2) otherwise.
    """
    return full if profile() == "full" else _scaled(full, EPOCH_SHARE[profile()], FEWEST_EPOCHS)


def sample_size(full):
    """Scale a number of images or repetitions to the profile, never under one tenth of it."""
    return _scaled(full, max(EPOCH_SHARE[profile()], 0.1), 1)


def _scaled(full, share, fewest):
    return min(full, max(fewest, round(full * share)))


@contextmanager
def quiet_import():
    """Silence the messages that TensorFlow's libraries write while they are being imported.

    They come from compiled code, straight to file descriptor 2, before any setting can stop them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
