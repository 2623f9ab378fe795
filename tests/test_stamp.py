"""What a stamp follows, and the form in which a notebook is stored."""

import re
import shutil

import nbformat
import pytest

from helpers import definitions, settings
from helpers.maintenance import stamp


@pytest.fixture
def helpers_copy(tmp_path):
    folder = tmp_path / "helpers"
    shutil.copytree(settings.REPOSITORY / "helpers", folder, ignore=shutil.ignore_patterns("*.npz"))
    return folder


def training_notebook(model="cnn_plain"):
    source = f"from helpers import data, models, runs\nmodels.build({model!r}); runs.finish"
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])


def changes_stamp(folder, module, pattern, replacement, model="cnn_plain"):
    """Edit a module of the copy and say whether the notebook's stamp differs."""
    path = folder / f"{module}.py"
    before = stamp.sources(training_notebook(model), folder)
    text = path.read_text(encoding="utf-8")
    edited, count = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
    assert count == 1, f"{pattern} is not in {module}"
    path.write_text(edited, encoding="utf-8")
    return stamp.sources(training_notebook(model), folder) != before


def test_a_copy_has_the_same_stamp(helpers_copy):
    notebook = training_notebook()
    assert stamp.sources(notebook, helpers_copy) == stamp.sources(notebook)


def test_the_builder_is_followed(helpers_copy):
    found = definitions.of_notebook(training_notebook(), helpers_copy)
    assert {"models.build", "models.cnn_plain", "models._finish", "layers.precision"} <= set(found)
    assert "models.cnn_deep" not in found


def test_a_changed_builder_changes_the_stamp(helpers_copy):
    pattern = r'(def cnn_plain(?:.|\n)*?activation=)"relu"'
    assert changes_stamp(helpers_copy, "models", pattern, r'\1"gelu"')


def test_a_changed_default_changes_the_stamp(helpers_copy):
    assert changes_stamp(helpers_copy, "models", r"(def cnn_plain\(.*units=)\d+", r"\g<1>7")


def test_a_changed_constant_changes_the_stamp(helpers_copy):
    assert changes_stamp(helpers_copy, "models", r"^CLASSES = 10", "CLASSES = 11")


def test_what_results_are_computed_with_changes_the_stamp(helpers_copy):
    pattern = r"(def predict\((?:.|\n)*?batch_size=)\d+"
    assert changes_stamp(helpers_copy, "evaluation", pattern, r"\g<1>7")


def test_another_builder_changes_nothing(helpers_copy):
    pattern = r'(def cnn_deep(?:.|\n)*?activation=)"relu"'
    assert not changes_stamp(helpers_copy, "models", pattern, r'\1"gelu"')


def test_a_new_model_changes_nothing(helpers_copy):
    new = '@register("New", "CNN", "09_new")\ndef cnn_new():\n    return build("cnn_plain")\n\n\n'
    pattern = r"^(@register\((?:.|\n)*?^def cnn_plain)"
    assert not changes_stamp(helpers_copy, "models", pattern, new.replace("\\", r"\\") + r"\1")


def test_bookkeeping_changes_nothing(helpers_copy):
    assert not changes_stamp(helpers_copy, "tables", r"^MODEL_WIDTH = \d+", "MODEL_WIDTH = 99")


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"^CLASSES = 10", "# Ten kinds of garment.\nCLASSES = 10  # of them"),
        (r"^CLASSES = 10", "CLASSES = (\n    10\n)"),
        (r'(def cnn_plain\(.*\):\n    """).*', r'\1Other words."""'),
        (r'(f"\{name!r} is )no', r"\1not a"),
    ],
    ids=["comment", "formatting", "docstring", "wording of an error"],
)
def test_words_change_nothing(helpers_copy, pattern, replacement):
    assert not changes_stamp(helpers_copy, "models", pattern, replacement)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n", "plain\n"),
        ("epoch 1\repoch 2\n", "epoch 2\n"),
        ("a long line\rshort", "shortg line"),
        ("a long line\rshort\x1b[K\n", "short\n"),
        ("100\b\b5\n", "150\n"),
        ("one\r\ntwo\r\n", "one\ntwo\n"),
    ],
)
def test_final_text(text, shown):
    assert stamp.final_text(text) == shown


def test_normalising_merges_streams_and_drops_the_clock(published):
    _, notebook = published
    cell = stamp.code_cells(notebook)[1]
    cell.metadata.update(execution={"iopub.status.busy": "now"}, tags=["kept"], ExecuteTime={})
    cell.outputs = [
        nbformat.v4.new_output("stream", name=name, text=text)
        for name, text in [("stdout", "1 of 2\r"), ("stdout", "2 of 2\n"), ("stderr", "")]
    ]
    notebook.metadata.update(widgets={}, kernelspec={"name": "mine"}, colab={})
    stamp.normalise(notebook)
    assert [output.text for output in cell.outputs] == ["2 of 2\n"]
    assert cell.metadata == {"tags": ["kept"]}
    assert set(notebook.metadata) == {"fashion", "kernelspec", "language_info"}
    assert notebook.metadata.kernelspec == stamp.KERNEL
