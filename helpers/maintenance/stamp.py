"""The published form of a notebook: normalised, and stamped with what its outputs came from.

The stamp holds a hash of everything that can change the notebook's numbers and a hash of its stored
outputs, so that a test can tell when they no longer belong together.
"""

import re

from helpers import definitions

TAG = "nbval-check-output"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
CELL_METADATA = ("tags", "jupyter")


def stamp(notebook, seed, versions, seconds):
    """Write the stamp of a full run into a notebook's metadata, beside what its author keeps."""
    reached = definitions.of_notebook(notebook)
    notebook.metadata.setdefault("fashion", {}).update(
        profile="full",
        seed=seed,
        versions=versions,
        executed_seconds=round(seconds, 1),
        sources=sources(notebook, known=reached),
        definitions=reached,
        figures=definitions.of_figures(notebook),
        outputs=outputs(notebook),
        compared_cells=len(compared_cells(notebook)),
    )


def code_cells(notebook):
    """Return the code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def compared_cells(notebook):
    """Return the code cells whose output the tests compare: those with nbval's tag."""
    return [cell for cell in code_cells(notebook) if TAG in cell.metadata.get("tags", ())]


def outputs(notebook):
    """Return the SHA-256 of a notebook's stored outputs."""
    return definitions.sha256([cell.outputs for cell in code_cells(notebook)])


def sources(notebook, helpers=None, known=None):
    """Return the SHA-256 of all code that can change a notebook's outputs.

    That is its code cells (except the bootstrap cell, which holds the repository's address) and the
    definitions in helpers/ that they reach, as syntax trees: a comment changes no output. With
    `known`, definitions as a stamp keeps them, it is the `sources` of that stamp only if neither
    its cells nor its definitions were altered.
    """
    found = definitions.of_notebook(notebook, helpers) if known is None else known
    return definitions.sha256([definitions.trees_of_cells(notebook), found])


def normalise(notebook):
    """Bring an executed notebook into the form that is stored, in place.

    Lines that overwrote themselves keep their last state, neighbouring pieces of a stream become
    one, and what depends on the front end or the clock goes: timing, widgets, kernel names.
    """
    own = notebook.metadata.get("fashion", {})
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=dict(KERNEL), language_info=dict(LANGUAGE), fashion=own)
    for cell in notebook.cells:
        for key in set(cell.metadata) - set(CELL_METADATA):
            del cell.metadata[key]
    for cell in code_cells(notebook):
        cell.outputs = _merged(cell.outputs)


def final_text(text):
    """Return what a terminal shows of a text: carriage returns, backspaces and erasures applied."""
    return "\n".join(_final_line(line) for line in text.split("\n"))


def _merged(cell_outputs):
    merged = []
    for output in cell_outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(output)
    for output in merged:
        if output.output_type == "stream":
            output.text = final_text(output.text)
    return [output for output in merged if output.output_type != "stream" or output.text.strip()]


def _final_line(line):
    if not re.search("[\r\b\x1b]", line):
        return line
    shown, position = [], 0
    for piece in re.findall("\x1b\\[[0-9;]*[A-Za-z]|.", line, re.DOTALL):
        if piece == "\r":
            position = 0
        elif piece == "\b":
            position = max(position - 1, 0)
        elif piece.startswith("\x1b"):
            if piece.endswith("K"):
                shown = [] if piece == "\x1b[2K" else shown[:position]
        else:
            shown[len(shown) :] = " " * (position - len(shown))
            shown[position : position + 1] = piece
            position += 1
    return "".join(shown).rstrip()
