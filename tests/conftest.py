"""What the tests share: a clean environment, small inputs, a small series of notebooks."""

import json
import shutil

import nbformat
import numpy as np
import pandas as pd
import pytest
from figures import MODELS

from helpers import data, runs, settings
from helpers.maintenance import notebooks, publishing, stamp

PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABc3UBGAAAAABJRU5ErkJggg=="
)
PROFILE = "import os\nprint(os.environ['FASHION_PROFILE'], os.environ['FASHION_SEED'])"
QUESTION = "The question: does it run? Data from [the source](https://example.org)."
ENDING = """## What we learned

- It runs.

## What to be careful about

Nothing.

## Exercises

1. Run it again.

<details><summary>Solution</summary>Run all cells.</details>

2. Change the seed.

<details><summary>Solution</summary>Set FASHION_SEED.</details>
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """Keep the caller's settings out of the tests, and the tests out of the published results."""
    for name in ("PROFILE", "SEED", "PUBLISH", "PRECISION"):
        monkeypatch.delenv(f"FASHION_{name}", raising=False)
    for name in ("MNIST_DIR", "KMNIST_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path / "results"))


@pytest.fixture
def bfloat16():
    """The number format that TensorFlow has on any processor, unless instructions are hidden.

    It asks the processor, and not ONEDNN_MAX_CPU_ISA, whether oneDNN can compute in it.
    """
    if settings.instruction_limit():
        pytest.skip("the instructions for bfloat16 are hidden from oneDNN")
    return "bfloat16"


@pytest.fixture
def smoke(monkeypatch):
    """The smoke profile on a few hundred images, for speed."""
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    sample = data.load_sample()
    few = data.Dataset(
        sample.train.take(np.arange(0, 2000, 5)),
        sample.test.take(np.arange(0, 1000, 10)),
        sample.class_names,
        "a few images",
    )
    monkeypatch.setattr(data, "load_profile", lambda: few)
    return few


COMPARED = "# compared\n"


def make_notebook(title="Small", cells=()):
    """Return an unexecuted notebook with every part that the series asks for.

    Parameters
    ----------
    title : str
    cells : sequence of str
        Sources of code cells, those that begin with `COMPARED` compared; three by default.
    """
    cells = cells or [f"{COMPARED}print({number} + 1)" for number in range(3)]
    parts = [nbformat.v4.new_markdown_cell(f"# {title}\n\n{QUESTION}")]
    for source in cells:
        parts.append(nbformat.v4.new_markdown_cell("Why this comes next."))
        tags = {"tags": [stamp.TAG]} if source.startswith(COMPARED) else {}
        source = source.removeprefix(COMPARED)
        parts.append(nbformat.v4.new_code_cell(source, metadata=tags))
    parts.append(nbformat.v4.new_markdown_cell(ENDING))
    return nbformat.v4.new_notebook(cells=parts)


@pytest.fixture
def small_series(monkeypatch, tmp_path):
    """A project of its own in a temporary folder; call it to write notebooks into it.

    Takes sources of code cells by stem, returns the folder of the notebooks.
    """
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "helpers").mkdir()
    for name in ("README.md", "requirements.txt", "helpers/settings.py", "notebooks/glossary.md"):
        (tmp_path / name).touch()
    (tmp_path / "helpers" / "packages.py").write_text("def install_missing():\n    pass\n")
    monkeypatch.setattr(settings, "REPOSITORY", tmp_path)
    monkeypatch.setattr(settings, "NOTEBOOKS", folder)
    monkeypatch.setattr(settings, "OUTPUTS", tmp_path / "outputs")
    monkeypatch.setattr(settings, "PUBLISHED_RESULTS", folder / "results")
    monkeypatch.setattr(publishing, "CLAIMS", tmp_path / "claims")

    def write(**cells_by_name):
        for name, cells in cells_by_name.items():
            notebook = make_notebook(name, cells)
            nbformat.write(notebook, folder / f"{name.removeprefix('n')}.ipynb")
        for name in notebooks.names():
            notebook = notebooks.read(name)
            publishing.write_common_parts(notebook, name)
            nbformat.write(notebook, folder / f"{name}.ipynb")
        return folder

    return write


@pytest.fixture
def no_real_data(monkeypatch):
    """A series of notebooks that is run or published needs no real data."""
    monkeypatch.setattr(data, "load", lambda name=None: None)


@pytest.fixture
def published(small_series, monkeypatch):
    """The path and the content of a notebook that looks as if it had been published."""
    monkeypatch.setattr(settings, "REPOSITORY_ADDRESS", "https://github.com/owner/name")
    path = small_series(n01_first=None, n02_second=None) / "01_first.ipynb"
    publishing.CLAIMS.mkdir()
    (publishing.CLAIMS / "01_first.py").write_text("assert 1 + 1 == 2\n")
    notebook = notebooks.read("01_first")
    for count, cell in enumerate(stamp.code_cells(notebook), start=1):
        cell.execution_count = count
        text = f"{count - 1}\n"
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    stamp.code_cells(notebook)[0].outputs = []
    picture = nbformat.v4.new_output(
        "display_data",
        {"image/png": PICTURE, "text/plain": "<figure>"},
        metadata={"image/png": {"alt": "One grey pixel."}},
    )
    stamp.code_cells(notebook)[3].outputs.append(picture)
    stamp.normalise(notebook)
    stamp.stamp(notebook, seed=0, versions={"python": "3.13.0"}, seconds=1.0)
    return path, notebook


@pytest.fixture
def images():
    """Twelve images of noise."""
    return np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)


@pytest.fixture
def labels():
    """The classes of the twelve images: 0, 1, 2, 0, 1, …"""
    return np.arange(12) % 3


@pytest.fixture
def table():
    """A results table of the ten models, as the figures that compare models take it."""
    accuracy = np.linspace(0.88, 0.93, len(MODELS))
    return pd.DataFrame(
        {
            "model": MODELS,
            "mflops": np.geomspace(0.2, 100, len(MODELS)),
            "validation_accuracy": accuracy + 0.003,
            "test_accuracy": accuracy,
            "test_accuracy_low": accuracy - 0.006,
            "test_accuracy_high": accuracy + 0.006,
            "reported_accuracy": [np.nan] * 9 + [0.9031],
            "training_seconds": np.geomspace(20, 1500, len(MODELS)),
        }
    )


@pytest.fixture
def random_predictions():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 400).astype(np.uint8)
    probabilities = generator.dirichlet(np.full(10, 0.3), 400)
    probabilities[:200, :] = 0.3 * probabilities[:200, :] + 0.7 * np.eye(10)[labels[:200]]
    return labels, probabilities


# A result of a small network on images of noise, for all that reads and writes results.

BASELINE = "ann_baseline"


def noise(count, seed):
    generator = np.random.default_rng(seed)
    return data.LabelledImages(
        generator.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        generator.integers(0, 10, count).astype(np.uint8),
    )


@pytest.fixture(scope="module")
def test_images():
    return noise(60, seed=1)


@pytest.fixture(scope="module")
def model():
    from helpers import models

    return models.build(BASELINE, seed=0, units=(8,))


@pytest.fixture(scope="module")
def make_run(model):
    from helpers import training

    validation = noise(40, seed=2)

    def make(**changes):
        values = {
            "model": model,
            "name": BASELINE,
            "variant_of": None,
            "seed": 0,
            "history": {"loss": [1.0, 0.123456789012], "val_loss": [1.5, float("nan")]},
            "epoch": 2,
            "choice": "last epoch",
            "training_seconds": 75.25,
            "recipe": {"optimizer": "adam", "epochs": 2, "precision": "float32"},
            "trained_on": 100,
            "validation": validation,
            "pixel_range": (0.0, 1.0),
        }
        return training.Run(**(values | changes))

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that `finish` writes to."""
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def finished(make_run, test_images, tmp_path_factory):
    """A folder with one result, made once; copied by `stored`, never changed."""
    place = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASHION_PROFILE", "smoke")
        patch.setenv("FASHION_RESULTS_DIR", str(place))
        runs.finish(make_run(), test_images)
    return place / BASELINE


@pytest.fixture
def stored(finished, tmp_path):
    """Store a result like the finished one, with some entries changed; returns the JSON file."""

    def store(model=BASELINE, seed=0, metrics=None, **changes):
        document = json.loads((finished / "seed_0.json").read_text())
        document |= {"model": model, "seed": seed, **changes}
        document["metrics"] |= metrics or {}
        file = tmp_path / model / f"seed_{seed}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(document))
        shutil.copy(finished / "seed_0.npz", file.with_suffix(".npz"))
        return file

    return store
