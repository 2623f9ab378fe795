"""The glossary: in order, each term once, and explained in the notebook that it names."""

import re

import nbformat
import pytest

from helpers import settings

ENTRY = re.compile(r"^- \*\*(.+?)\*\*: .+\. \[(\d\d)\]\((\S+?)\.ipynb\)$")
LINES = (settings.NOTEBOOKS / "glossary.md").read_text(encoding="utf-8").splitlines()[4:]


def in_notebook(term, text):
    """Say whether a text has the words of a term, in any case and with any ending."""
    words = re.sub(r" \(.*\)", "", term).lower()
    return words.removesuffix("e") in " ".join(text.lower().split())


def test_terms_are_in_order_and_stand_once():
    terms = [ENTRY.match(line)[1].lower() for line in LINES]
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("line", LINES)
def test_a_term_is_explained_where_the_glossary_says(line):
    term, number, name = ENTRY.match(line).groups()
    assert name.startswith(number)
    notebook = nbformat.read(settings.NOTEBOOKS / f"{name}.ipynb", as_version=4)
    text = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert in_notebook(term, text)


def test_a_missing_term_is_noticed():
    assert in_notebook("Max pooling", "by max\npooling") and not in_notebook("Muon", "an optimizer")
