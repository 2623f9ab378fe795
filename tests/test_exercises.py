"""Exercises: a check says what is still wrong, and only the notebooks' own solutions are right."""

import ast
import re

import nbformat
import numpy as np
import pytest

from helpers import settings
from helpers.maintenance import stamp
from helpers.topics import exercises

SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.DOTALL)


def tags(cell):
    return cell.metadata.get("tags", ())


def exercises_of(notebook):
    """Yield the sources of each exercise, its check and its solution; None for one that lacks."""
    blank = nbformat.v4.new_markdown_cell()
    cells = [*notebook.cells, blank, blank]
    for exercise, check, words in zip(cells, cells[1:], cells[2:], strict=False):
        if "exercise" in tags(exercise):
            solution = words.cell_type == "markdown" and SOLUTION.search(words.source)
            yield (
                exercise.source,
                check.source if "check" in tags(check) else None,
                solution[1] if solution else None,
            )


def cases():
    for path in sorted(settings.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        imports = stamp.code_cells(notebook)[1].source
        for number, sources in enumerate(exercises_of(notebook), start=1):
            known = [imports, *functions_used(notebook, sources[1] or "")]
            yield pytest.param("\n".join(known), *sources, id=f"{path.stem}-{number}")


def functions_used(notebook, check):
    """Return the sources of the notebook's own functions that a check compares an answer with."""
    cells = [cell for cell in stamp.code_cells(notebook) if "exercise" not in tags(cell)]
    nodes = [(cell.source, node) for cell in cells for node in ast.parse(cell.source).body]
    return [
        ast.get_source_segment(source, node)
        for source, node in nodes
        if isinstance(node, ast.FunctionDef)
        and node.name not in definitions_in(check)
        and re.search(rf"\b{node.name}\b", check)
    ]


def definitions_in(source):
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


CASES = list(cases())


def test_exercises_are_found():
    assert [case.id for case in CASES if case.id.startswith("03")] == [
        f"03_ann_baseline-{number}" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(("imports", "exercise", "check", "solution"), CASES)
def test_only_the_solution_is_right(imports, exercise, check, solution, monkeypatch, capsys):
    assert check and solution, "a check follows, and then a folded solution"
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    names = {}
    exec(imports, names)
    if re.search(r"\bdataset\b", check + solution):
        exec("dataset = data.load_profile()", names)
    exec(exercise, names)
    capsys.readouterr()
    exec(check, names)
    assert capsys.readouterr().out.startswith("Not yet: ")
    exec(solution, names)
    capsys.readouterr()
    exec(check, names)
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize(
    ("demands", "said"),
    [
        ([], "Right."),
        ([(lambda: 1, "one"), (lambda: np.bool_(True), "two")], "Right."),
        ([(lambda: 1, "one"), (lambda: 0, "two"), (lambda: 0, "three")], "Not yet: two."),
        ([(lambda: ..., "one"), (lambda: None, "two")], "Not yet: two."),
        ([(lambda: 1 / 0, "one")], "Not yet: one. (ZeroDivisionError: division by zero)"),
        ([(lambda: [][1], "one")], "Not yet: one. (IndexError: list index out of range)"),
    ],
)
def test_check_prints_the_first_hint_that_is_not_met(demands, said, capsys):
    exercises.check(*demands)
    assert capsys.readouterr().out == said + "\n"


def test_an_answer_that_is_neither_true_nor_false_is_not_met(capsys):
    exercises.check((lambda: np.ones(2) == 1, "compare one number"))
    assert capsys.readouterr().out.startswith("Not yet: compare one number. (ValueError: ")


def test_the_demands_behind_a_hint_are_not_asked(capsys):
    asked = []
    exercises.check((lambda: False, "one"), (lambda: asked.append(2), "two"))
    assert not asked


def test_an_interruption_is_no_wrong_answer():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercises.check((interrupted, "one"))
