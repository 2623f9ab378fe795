"""Pages: what README and the notebooks' first cells say is what the results say."""

import re

import pytest

from helpers import pages, runs, series, settings

EXAMPLE = "before\n<!-- results -->\nold\n<!-- /results -->\nafter\n"


def test_readme_agrees_with_the_results():
    text = pages.README.read_text(encoding="utf-8")
    assert pages.readme(text) == text, "run `python -m helpers.pages`"


@pytest.mark.parametrize("name", series.names())
def test_expectations_agree_with_the_results(name):
    first = series.read(name).cells[0].source
    assert pages.facts(first, name) == first, "run `python -m helpers.pages`"


def test_readme_shows_every_published_model_and_every_notebook():
    text = pages.README.read_text(encoding="utf-8")
    results = runs.table()
    assert len(results) >= 10
    for row in results.itertuples():
        assert f"{100 * row.test_accuracy:.2f}" in text
    for name in series.names():
        assert f"(notebooks/{name}.ipynb)" in text
    assert pages.PICTURE.stat().st_size > 10_000


def test_text_between_markers_is_replaced_and_the_rest_kept():
    text = pages._between(EXAMPLE, "results", "new\nlines")
    assert text == "before\n<!-- results -->\nnew\nlines\n<!-- /results -->\nafter\n"
    assert pages._between(text, "results", "new\nlines") == text


def test_a_lost_marker_is_named():
    with pytest.raises(settings.UserError, match="<!-- results -->.*put them back"):
        pages._between("nothing here", "results", "new")


def test_a_changed_number_on_a_page_is_found():
    text = pages.README.read_text(encoding="utf-8")
    block = re.search(r"<!-- results -->.*?<!-- /results -->", text, re.DOTALL)[0]
    tampered = text.replace(block, re.sub(r"\d\.\d", "0.0", block, count=1))
    assert tampered != text and pages.readme(tampered) == text
