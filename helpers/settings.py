"""The profile, the seed and the folders of a run, and the one error class that readers see.

This is the only module that reads environment variables; every size and every epoch count of the
series passes through it, so that one word (`smoke`, `quick` or `full`) scales all notebooks.
"""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
NOTEBOOKS = REPOSITORY / "notebooks"
PUBLISHED_RESULTS = NOTEBOOKS / "results"
OUTPUTS = REPOSITORY / "outputs"
REPOSITORY_ADDRESS = "https://github.com/YOUR_NAME/fashion-mnist-notebooks"

FASHION_MNIST = "fashion_mnist"
DATA_SETS = (FASHION_MNIST, "mnist", "kmnist")
PROFILES = ("smoke", "quick", "full")
HIGHEST_SEED = 2**32 - 1  # of NumPy's legacy generator, which Keras sets as well
# Share of the images and of the epochs that a profile uses, and the fewest epochs it may use.
# How few images a profile may use is decided by helpers/data.py.
IMAGE_SHARE = {"smoke": 0.0, "quick": 0.1, "full": 1.0}
EPOCH_SHARE = {"smoke": 0.0, "quick": 0.2, "full": 1.0}
FEWEST_EPOCHS = 2


class UserError(Exception):
    """A failure the reader can mend: its message says what is wrong and what to do."""


class DataError(UserError):
    """The data is missing, damaged, of the wrong shape, or not the data set it claims to be."""


def profile():
    """Return the active profile: `smoke`, `quick` or `full` (the default), or raise UserError."""
    name = os.environ.get("FASHION_PROFILE", "") or "full"
    if name not in PROFILES:
        raise UserError(
            f"FASHION_PROFILE is {name!r}, which is no profile: set it to one of "
            f"{', '.join(PROFILES)}."
        )
    return name


def seed():
    """Return the seed of this run, from `FASHION_SEED` (default 0), or raise UserError."""
    text = os.environ.get("FASHION_SEED", "") or "0"
    if not text.isascii() or not text.isdigit():
        raise UserError(f"FASHION_SEED is {text!r}: set it to a whole number from 0 upwards.")
    return checked_seed(int(text))


def checked_seed(seed):
    """Return a seed, which every generator of random numbers must take, or raise UserError."""
    if not 0 <= seed <= HIGHEST_SEED:
        raise UserError(f"{seed} is no seed: use a whole number from 0 to {HIGHEST_SEED}.")
    return seed


def seeds(given):
    """Return the seeds that a command was given, each checked, or else that of this run."""
    return [checked_seed(each) for each in given] if given else [seed()]


def folder_variable(name):
    """Return the name of the environment variable that says where a known data set's files are."""
    return f"{name.upper()}_DIR"


def data_folder(name=FASHION_MNIST):
    """Return the folder that `FASHION_MNIST_DIR` (`MNIST_DIR`, …) names, or None where unset."""
    folder = os.environ.get(folder_variable(name), "")
    return Path(os.path.expanduser(folder)) if folder else None


def cache_folder():
    """Return the folder that keeps downloaded data between runs.

    It lies in `XDG_CACHE_HOME`, in the user's home, or in `outputs/` for a user without one.
    """
    places = (os.environ.get("XDG_CACHE_HOME", ""), "~/.cache", str(OUTPUTS / "cache"))
    base = next(place for place in map(os.path.expanduser, places) if os.path.isabs(place))
    return Path(base) / "fashion-mnist-notebooks"


def keras_folder():
    """Return the folder where Keras keeps what it downloads, as Keras itself chooses it."""
    home = os.path.expanduser("~")
    base = home if os.access(home, os.W_OK) else "/tmp"
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME", "") or f"{base}/.keras"))


def publishing():
    """Return whether this run makes published results: `make publish` sets `FASHION_PUBLISH`.

    Raises UserError if the profile is not `full`: nothing else is published.
    """
    if os.environ.get("FASHION_PUBLISH", "") in ("", "0"):
        return False
    if profile() != "full":
        raise UserError(
            f"FASHION_PUBLISH is set in the {profile()} profile, but only full runs are published: "
            "unset it, or set FASHION_PROFILE=full."
        )
    return True


def results_folder():
    """Return the folder that this run writes its results to.

    A reader's run, in whatever profile, has `outputs/<profile>/results`; only a run that is
    published writes to `notebooks/results`. `FASHION_RESULTS_DIR` names another folder.
    """
    folder = os.environ.get("FASHION_RESULTS_DIR", "")
    if folder:
        return Path(os.path.expanduser(folder)).resolve()
    return PUBLISHED_RESULTS if publishing() else OUTPUTS / profile() / "results"


@contextmanager
def results_in(folder):
    """Write the results of a block to another folder."""
    before = os.environ.get("FASHION_RESULTS_DIR", "")  # an empty one counts as none
    os.environ["FASHION_RESULTS_DIR"] = str(folder)
    try:
        yield
    finally:
        os.environ["FASHION_RESULTS_DIR"] = before


def reference_results():
    """Return the folder of the results that a run is compared with: the published ones."""
    return PUBLISHED_RESULTS


def use_profile(name):
    """Make a profile the active one of this process, as `FASHION_PROFILE` does from outside."""
    os.environ["FASHION_PROFILE"] = name


def epochs(full):
    """Scale a number of epochs, at least 1, from the `full` profile to the active one.

    The others use a share of it, of 2 or more where `full` is.
    """
    return full if profile() == "full" else _scaled(full, EPOCH_SHARE[profile()], FEWEST_EPOCHS)


def sample_size(full):
    """Scale a number of images or repetitions to the profile, never under one tenth of it."""
    return _scaled(full, max(EPOCH_SHARE[profile()], 0.1), 1)


def _scaled(full, share, fewest):
    return min(full, max(fewest, round(full * share)))


# How the series computes, where the reader has not said otherwise. Of its own accord TensorFlow
# leaves oneDNN's faster operations off on many processors without AVX-512, where they train 1.3 to
# 1.5 times as fast, and Keras takes a backend that another course left in its file of settings.
ENGINE = {"TF_ENABLE_ONEDNN_OPTS": "1", "KERAS_BACKEND": "tensorflow"}
PRECISIONS = ("float32", "mixed_bfloat16")


def precision():
    """Return the number format that `FASHION_PRECISION` asks for, None where it is unset."""
    name = os.environ.get("FASHION_PRECISION", "")
    if name and name not in PRECISIONS:
        raise UserError(
            f"FASHION_PRECISION is {name!r}: set it to {' or '.join(PRECISIONS)}, or unset it."
        )
    return name or None


def instruction_limit():
    """Return the newest instructions that oneDNN may use, as `ONEDNN_MAX_CPU_ISA` says, or None."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() or None


@contextmanager
def quiet_import():
    """Import TensorFlow and Keras with the settings of `ENGINE`, without their messages.

    These come from compiled code, straight to file descriptor 2, before any setting can stop them.
    Raises UserError if Keras cannot read its file of settings, or its backend is not installed.
    """
    for name, value in ({"TF_CPP_MIN_LOG_LEVEL": "3"} | ENGINE).items():
        os.environ.setdefault(name, value)
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    except ModuleNotFoundError as error:
        if error.name == "tensorflow" or error.name != os.environ["KERAS_BACKEND"]:
            raise
        raise UserError(
            f"KERAS_BACKEND is {error.name!r}, which is not installed: install it, or unset "
            "KERAS_BACKEND."
        ) from error
    except (AttributeError, OSError, ValueError) as error:
        if "keras" in sys.modules:
            raise
        raise UserError(
            f"Keras cannot read its settings ({error}): delete the file keras.json in "
            f"{os.environ.get('KERAS_HOME') or Path.home() / '.keras'}."
        ) from error
    finally:
        os.dup2(saved, 2)
        os.close(saved)
