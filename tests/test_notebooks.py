"""Static tests of the notebooks: their form, their stored outputs, and that the checks can fail."""

import ast
import collections
import re
import statistics

import nbformat
import pytest
from test_exercises import exercises_of

from helpers import definitions, settings
from helpers.maintenance import provenance, publishing, stamp

MOST_BYTES = 1_500_000
MOST_LINES = 25
MOST_LINES_MEDIAN = 8
MOST_CODE_CELLS_IN_A_ROW = 3
FEWEST_COMPARED = 3
FEWEST_EXERCISES = 2
HEADINGS = ("What we learned", "What to be careful about", "Exercises")
TYPED_RESULT = re.compile(r"\d[.,]\d+\s?(%|per ?cent)|\b([89]\d|100)\s?%|\b0\.[5-9]\d{2,}")
# Their text states what a run found.
FIGURES_IN_TEXT = (
    "01_data_exploration",
    "02_classical_baselines",
    "03_ann_baseline",
    "04_ann_regularized",
    "05_cnn_overfitting",
    "06_cnn_depth",
    "07_cnn_batch_normalization",
    "15_inside_the_network",
    "16_trust",
    "17_deployment",
    "18_your_own_images",
)
FEWEST_WORDS, MOST_WORDS, MOST_WORDS_OF_LONG = 1_400, 2_600, 3_100
LONG = ("12", "13", "19")  # notebooks with more to tell
FIGURE = re.compile(r"\b\d+\.\d+|\b\d+(?= %)")
NUMBER = re.compile(r"\d+\.\d+|\d+")
SOURCE_GIVEN = re.compile(r"\]\(|\b(reported|target)\b|\?")

NOTEBOOKS = sorted(settings.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


# Each check takes a notebook and its path and returns what is wrong, one sentence per fault.


def check_form(notebook, path):
    """A valid notebook of moderate size, in its normalised form."""
    nbformat.validate(notebook)
    faults = []
    if path.stat().st_size > MOST_BYTES:
        faults.append(f"it has {path.stat().st_size:,} bytes")
    if set(notebook.metadata) - {"kernelspec", "language_info", "fashion"}:
        faults.append(f"its metadata holds {sorted(notebook.metadata)}")
    if notebook.metadata.get("kernelspec") != stamp.KERNEL:
        faults.append("its kernel is not normalised")
    return faults


def check_headings(notebook, path):
    """One title in the first cell, the closing sections, exercises with folded solutions."""
    text = markdown(notebook)
    titles = re.findall(r"^# .+", text, re.MULTILINE)
    faults = [] if len(titles) == 1 else [f"it has {len(titles)} titles"]
    if not notebook.cells[0].source.startswith("# "):
        faults.append("its first cell does not begin with the title")
    for heading in HEADINGS:
        if not re.search(rf"^##+ .*{heading}", text, re.MULTILINE):
            faults.append(f"the section {heading!r} is missing")
    solutions = text.rpartition("Exercises")[2].count("<details>")
    if solutions < FEWEST_EXERCISES:
        faults.append(f"it has {solutions} folded solutions")
    return faults


def check_header(notebook, path):
    """Badge and links as the repository's address and the neighbouring notebooks have them."""
    lines = notebook.cells[0].source.splitlines()
    faults = [
        f"the first cell lacks the line {line!r}: run make address"
        for line in publishing.header(path.stem)
        if line not in lines
    ]
    addresses = re.findall(r"https://github\.com/[\w.-]+/[\w.-]+", nbformat.writes(notebook))
    counts = collections.Counter(found.removesuffix(".git") for found in addresses)
    own = counts.pop(settings.REPOSITORY_ADDRESS, 0)
    is_set = publishing.PLACEHOLDER not in settings.REPOSITORY_ADDRESS
    if is_set and own <= max(counts.values(), default=0):
        faults.append("another repository's address occurs as often as its own")
    return faults


def check_links(notebook, path):
    """Relative links lead to files that exist."""
    targets = re.findall(r"\]\(([^)\s]+)\)", markdown(notebook))
    relative = [target.partition("#")[0] for target in targets if "://" not in target]
    return [
        f"the link to {target} leads nowhere"
        for target in relative
        if target and not (path.parent / target).exists()
    ]


def check_bootstrap(notebook, path):
    """The first code cell is the one that all notebooks share."""
    first = stamp.code_cells(notebook)[0]
    if first.get("id") != definitions.BOOTSTRAP_ID or first.source != publishing.bootstrap():
        return ["its first code cell is not the common bootstrap cell: run make address"]
    return []


def check_code_cells(notebook, path):
    """Short code cells, none empty, with explanations between them."""
    lengths = [len(cell.source.splitlines()) for cell in stamp.code_cells(notebook)]
    faults = [f"a code cell has {length} lines" for length in lengths if length > MOST_LINES]
    faults += ["a code cell is empty"] if 0 in lengths else []
    if statistics.median(lengths) > MOST_LINES_MEDIAN:
        faults.append(f"the median code cell has {statistics.median(lengths)} lines")
    kinds = "".join(cell.cell_type[0] for cell in notebook.cells)
    longest = max(map(len, re.findall("c+", kinds)))
    if longest > MOST_CODE_CELLS_IN_A_ROW:
        faults.append(f"{longest} code cells follow each other without a word")
    return faults


def check_outputs(notebook, path):
    """Executed from top to bottom without errors or noise, every image described."""
    cells = stamp.code_cells(notebook)
    counts = [cell.execution_count for cell in cells]
    faults = [] if counts == list(range(1, len(cells) + 1)) else [f"its counts are {counts}"]
    outputs = [(cell.execution_count, output) for cell in cells for output in cell.outputs]
    for count, output in outputs:
        if output.output_type == "error":
            faults.append(f"cell {count} ended with {output.ename}")
        if output.get("name") == "stderr":
            faults.append(f"cell {count} wrote to stderr: {output.text[:80]!r}")
        if "image/png" in output.get("data", {}):
            if not output.metadata.get("image/png", {}).get("alt", "").strip():
                faults.append(f"an image of cell {count} has no alternative text")
    return faults


def check_compared_cells(notebook, path):
    """Enough cells are compared by nbval, and none of them in vain."""
    cells = stamp.compared_cells(notebook)
    faults = [f"only {len(cells)} cells are compared"] if len(cells) < FEWEST_COMPARED else []
    for cell in cells:
        texts = [stored_text(output) for output in cell.outputs]
        if cell.execution_count is None or not any(text.strip() for text in texts):
            faults.append(f"nothing is compared in the cell {cell.source[:60]!r}")
    return faults


def check_stamp(notebook, path):
    """The stored outputs are those of a full run of these sources."""
    stored = notebook.metadata.get("fashion", {})
    remedy = f"run make publish ONLY={path.stem[:2]}"
    if stored.get("profile") != "full":
        return [f"its outputs are not of a full run: {remedy}"]
    faults = []
    changed = provenance.changed_since(notebook, provenance.equivalences()[0])
    if changed:
        faults.append(f"{', '.join(changed)} changed since the stored run: {remedy}")
    drawn = definitions.of_figures(notebook)
    stale = [name for name in drawn if stored.get("figures", {}).get(name) != drawn[name]]
    if stale:
        faults.append(f"{', '.join(stale)} draws other pictures than the stored ones: {remedy}")
    if stored.get("outputs") != stamp.outputs(notebook):
        faults.append("its outputs were altered after the run")
    if stored.get("compared_cells") != len(stamp.compared_cells(notebook)):
        faults.append("the number of compared cells has changed since")
    return faults


def check_prose(notebook, path):
    """Figures come from runs: where the text states them, the outputs hold them; else none does."""
    faults = []
    if path.stem in FIGURES_IN_TEXT:
        return unfounded_figures(notebook)
    typed = re.sub(r"<!-- facts -->.*?<!-- /facts -->", "", prose(notebook), flags=re.DOTALL)
    for line in typed.splitlines():
        if TYPED_RESULT.search(line) and not SOURCE_GIVEN.search(line):
            faults.append(f"a result is typed by hand: {line.strip()[:100]!r}")
    return faults


def unfounded_figures(notebook):
    """Return the figures of the text that no output has, within the rounding of the text.

    What only points elsewhere does not count: links, the time, the sentence on what is next.
    """
    elsewhere = r"<!-- (facts|time) -->.*?<!-- /\1 -->|\[[^\]]*\]\([^)]*\)|\*\*Next\*\*.*"
    header = "\n".join(notebook.cells[0].source.splitlines()[:4])
    typed = re.sub(elsewhere, "", prose(notebook).replace(header, ""), flags=re.DOTALL)
    outputs = [output for cell in stamp.code_cells(notebook) for output in cell.outputs]
    known = [abs(float(n)) for n in NUMBER.findall(" ".join(map(stored_text, outputs)))]
    faults = []
    for text in FIGURE.findall(re.sub(r"https?://\S+", "", typed)):
        value, digits = float(text), len(text.partition(".")[2])
        if not any(round(scale * n, digits) == value for n in known for scale in (1, 100)):
            faults.append(f"no output has the figure {text}")
    return faults


def check_length(notebook, path):
    """Text that states what a run found is neither thin nor long; solutions do not count."""
    if path.stem not in FIGURES_IN_TEXT:
        return []
    open_text = re.sub(r"<details>.*?</details>", "", prose(notebook), flags=re.DOTALL)
    count = len(re.findall(r"\S*\w\S*", open_text))
    most = MOST_WORDS_OF_LONG if path.stem.startswith(LONG) else MOST_WORDS
    return [] if FEWEST_WORDS <= count <= most else [f"its text has {count:,} words"]


def check_exercises(notebook, path):
    """Every exercise has a check below it, and a folded solution below that."""
    faults = []
    for number, (_, check, solution) in enumerate(exercises_of(notebook), start=1):
        faults += [] if check else [f"exercise {number} has no check below it"]
        faults += [] if solution else [f"exercise {number} has no folded solution in its place"]
    return faults


def check_claims(notebook, path):
    """What its text claims is written down as assertions, and not in the reader's sight."""
    claims = publishing.claims(path.stem)
    shown = [cell for cell in notebook.cells if "hide-input" in cell.metadata.get("tags", ())]
    shown += [cell for cell in stamp.code_cells(notebook) if re.search(r"\bassert\b", cell.source)]
    faults = ["what the text claims belongs into tests/claims, out of its cells"] if shown else []
    asserted = [node for node in ast.walk(ast.parse(claims)) if isinstance(node, ast.Assert)]
    return faults + ([] if asserted else [f"tests/claims/{path.stem}.py asserts nothing"])


CHECKS = (
    check_form,
    check_headings,
    check_header,
    check_links,
    check_bootstrap,
    check_code_cells,
    check_outputs,
    check_compared_cells,
    check_stamp,
    check_prose,
    check_length,
    check_exercises,
    check_claims,
)


def markdown(notebook):
    """Return the text of all Markdown cells."""
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def prose(notebook):
    """Return the text of all Markdown cells without the code in it."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", markdown(notebook), flags=re.DOTALL)


def stored_text(output):
    """Return what nbval compares of an output: its text, not its pictures."""
    return output.get("text", "") or "".join(
        str(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")
    )


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, check):
    faults = check(nbformat.read(path, as_version=4), path)
    assert not faults, "; ".join(faults)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_sound_notebook_passes(published, check):
    path, notebook = published
    assert check(notebook, path) == []


# The checks can fail: each of these spoils a sound notebook in one way.


def code(notebook, number):
    return stamp.code_cells(notebook)[number]


def source(number, before, after):
    """Replace text in the cell of this number (of all cells; -1 is the last)."""

    def spoil(notebook):
        cell = notebook.cells[number]
        assert before in cell.source
        cell.source = cell.source.replace(before, after, 1)

    return spoil


def words(text):
    """Add text at the end."""
    return lambda notebook: notebook.cells[-1].update(source=notebook.cells[-1].source + text)


def cell(number, **values):
    """Change what belongs to a code cell: its outputs, its count."""
    return lambda notebook: code(notebook, number).update(values)


def exercise(tag="check", solution="<details>\n\n```python\ntwo = 2\n```\n\n</details>"):
    """Add an exercise with its check and its solution."""
    new_code, new_words = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    return lambda notebook: notebook.cells.extend(
        [
            new_code("two = ...", metadata={"tags": ["exercise"]}),
            new_code("two == 2", metadata={"tags": [tag]}),
            new_words(solution),
        ]
    )


def metadata(**values):
    return lambda notebook: notebook.metadata.update(values)


def stored(**values):
    return lambda notebook: notebook.metadata.fashion.update(values)


def output(kind, **values):
    return nbformat.v4.new_output(kind, **values)


def leave_only_a_picture(notebook):
    found = code(notebook, 3)
    found.outputs = found.outputs[1:]
    del found.outputs[0].data["text/plain"]


def change_a_helper(notebook):
    """Leave a sound stamp, of another state of a helper than today's."""
    known = {"data.load": "0"}
    notebook.metadata.fashion.update(
        definitions=known, sources=stamp.sources(notebook, known=known)
    )


FIRST, SECOND, LAST = 3, 5, -1  # among all cells; a bootstrap cell and words stand before
SPOILED = {
    "deleted tag": (
        lambda notebook: code(notebook, 1).metadata.clear(), check_stamp, check_compared_cells,
    ),
    "no output": (cell(1, outputs=[]), check_stamp, check_compared_cells),
    "only a picture": (leave_only_a_picture, check_compared_cells),
    "another output": (
        cell(2, outputs=[output("stream", name="stdout", text="7\n")]), check_stamp,
    ),
    "no count": (cell(2, execution_count=None), check_outputs, check_compared_cells),
    "error": (cell(2, outputs=[output("error", ename="ValueError", evalue="no")]), check_outputs),
    "noise": (
        cell(2, outputs=[output("stream", name="stderr", text="warning")]), check_outputs,
    ),
    "no alternative text": (
        lambda notebook: code(notebook, 3).outputs[1].metadata["image/png"].pop("alt"),
        check_outputs,
    ),
    "edited cell": (source(SECOND, "print", "edited = 1\nprint"), check_stamp),
    "tampered definition": (stored(definitions={"data.load": "0"}), check_stamp),
    "changed helper": (change_a_helper, check_stamp),
    "edited bootstrap": (
        lambda notebook: code(notebook, 0).update(source="import helpers"), check_bootstrap,
    ),
    "long cell": (source(SECOND, "print", "\n" * 30 + "print"), check_code_cells),
    "no words": (
        lambda notebook: notebook.update(
            cells=[notebook.cells[0], *stamp.code_cells(notebook), notebook.cells[-1]]
        ),
        check_code_cells,
    ),
    "second title": (words("\n# Another title\n"), check_headings),
    "lost section": (source(LAST, "careful", "mindful"), check_headings),
    "open solution": (source(LAST, "<details>", ""), check_headings),
    "dead link": (words("\n[next](03_missing.ipynb)\n"), check_links),
    "another badge": (source(0, "blob/main", "blob/other"), check_header),
    "another repository": (words("\nhttps://github.com/some/other" * 5), check_header),
    "typed result": (words("\nThe network reaches 92.6 % on the test set.\n"), check_prose),
    "typed share": (words("\nThe network reaches 0.9261 on the test set.\n"), check_prose),
    "another profile": (stored(profile="quick"), check_stamp),
    "no stamp": (lambda notebook: notebook.metadata.pop("fashion"), check_stamp),
    "widgets": (metadata(widgets={}), check_form),
    "hidden cell": (
        lambda notebook: code(notebook, 2).metadata.update(tags=["hide-input"]), check_claims,
    ),
    "exercise without a check": (exercise(tag="other"), check_exercises),
    "exercise with an open solution": (
        exercise(solution="```python\ntwo = 2\n```"), check_exercises,
    ),
    "exercise with a solution in words": (
        exercise(solution="<details>Two.</details>"), check_exercises,
    ),
    "exercise at the end": (
        lambda notebook: code(notebook, -1).update(metadata={"tags": ["exercise"]}),
        check_exercises,
    ),
    "assertion in a cell": (source(SECOND, "print", "assert True\nprint"), check_claims),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_notebook_fails(published, name):
    path, notebook = published
    spoil, *checks = SPOILED[name]
    spoil(notebook)
    for check in checks:
        assert check(notebook, path), check.__name__


def test_a_whole_exercise_passes(published):
    path, notebook = published
    exercise()(notebook)
    assert check_exercises(notebook, path) == []


@pytest.mark.parametrize(
    ("stem", "count", "passes"),
    [
        ("01_first", 1_200, False),
        ("01_first", 1_500, True),
        ("01_first", 2_700, False),
        ("13_first", 2_700, True),
        ("13_first", 3_200, False),
    ],
)
def test_a_thin_or_a_long_text_fails(published, monkeypatch, stem, count, passes):
    path, notebook = published
    monkeypatch.setitem(globals(), "FIGURES_IN_TEXT", (stem,))
    folded = f"<details>{' word' * 5_000}</details> `{' code' * 5_000}` - ## · "
    words(folded + " word" * count)(notebook)
    assert (check_length(notebook, path.with_stem(stem)) == []) == passes


def test_a_stale_picture_fails(published, monkeypatch):
    path, notebook = published
    monkeypatch.setattr(definitions, "of_figures", lambda notebook: {"confusion": "0"})
    remedy = "run make publish ONLY=01"
    assert check_stamp(notebook, path) == [
        f"confusion draws other pictures than the stored ones: {remedy}"
    ]


def test_a_notebook_without_claims_fails(published):
    path, notebook = published
    (publishing.CLAIMS / "01_first.py").write_text("two = 1 + 1\n")
    assert check_claims(notebook, path)


def test_a_declared_change_of_a_helper_passes(published, monkeypatch):
    path, notebook = published
    change_a_helper(notebook)
    changed = {"data.load": [("0", None)]}
    declared = [{"reason": "as before", "changed": changed}]
    monkeypatch.setattr(provenance, "equivalences", lambda: (declared, []))
    assert check_stamp(notebook, path) == []
    source(SECOND, "print", "# a comment\nprint")(notebook)
    assert check_stamp(notebook, path) == []
    source(SECOND, "print", "edited = 1\nprint")(notebook)
    assert check_stamp(notebook, path) == [
        "its own code changed since the stored run: run make publish ONLY=01"
    ]


def test_a_large_notebook_fails(published):
    path, notebook = published
    path.write_text(" " * (MOST_BYTES + 1))
    assert check_form(notebook, path)


def test_results_with_a_source_are_allowed(published):
    path, notebook = published
    notebook.cells[-1].source += (
        "\nIts source reported 91.2 %.\nDoes it get past 90 %?\nMomentum is `0.999`.\n"
        "A dropout rate of 0.25 and a split of 20 %.\n"
    )
    assert check_prose(notebook, path) == []


def test_the_address_changes_nothing(published, monkeypatch):
    path, notebook = published
    monkeypatch.setattr(settings, "REPOSITORY_ADDRESS", "https://github.com/someone/something")
    publishing.write_common_parts(notebook, path.stem)
    assert "someone/something" in stamp.code_cells(notebook)[0].source
    assert check_stamp(notebook, path) == []
