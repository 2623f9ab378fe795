"""The pages of the site beside the notebooks: the first one, results, glossary, contributing."""

import shutil

from helpers import runs, settings
from helpers.maintenance import notebooks, pages
from helpers.maintenance.site import chapters

FIRST = """\
# Fashion-MNIST, model by model

{summary}

{picture}

## Which model for what?

{choices}

Accuracy is that on the 10,000 test images, the mean of several trainings with different seeds. \
Times were measured on two cores of a processor that computes in bfloat16. One without it takes \
about four times as long for convolutional networks, and no longer for the first row: on such a \
laptop, `{classical}` is the quickest way to {classical_accuracy}. All models are in \
[the results](results.md).

## The notebooks

Each notebook runs alone, in JupyterLab or in Colab. The order is that of the argument.
"""
RESULTS = """\
# Results

{table}

The accuracies are means over the seeds. A model without a validation accuracy learned from all \
60,000 training images after its recipe was fixed. *Reported elsewhere* is what the model's source \
reported. A dash stands for what is not known. [Methods](methods.md) says how the \
numbers were made, and [notebook 19](notebooks/19_final_comparison.ipynb) compares the models.

{neighbours}

## What the best model still gets wrong

{picture}
"""


def write(folder, front):
    """Write the sources of all pages that are no notebooks, and copy the pictures they show.

    `front` holds the pages that stand before the notebooks in the contents, by their caption.
    """
    pictures = folder / "_static" / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for name in pages.PICTURES:
        for path in pages.picture_files(name).values():
            shutil.copyfile(path, pictures / path.name)
    texts = {
        "index": first_page(front),
        "results": results_page(),
        "notebooks/glossary": (settings.NOTEBOOKS / "glossary.md").read_text(encoding="utf-8"),
        "methods": _of_repository("METHODS"),
        "contributing": _of_repository("CONTRIBUTING"),
    }
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def first_page(front):
    """Return the first page: what this is, which model for what, and the contents by part."""
    rows = [row for _, row in pages.choices()]
    lines = [
        FIRST.format(
            summary=pages.summary(),
            picture=_picture("data"),
            choices=pages.choices_table(),
            classical=rows[0]["model"],
            classical_accuracy=f"{100 * rows[0]['test_accuracy']:.2f} %",
        )
    ]
    lines += [_contents(caption, entries) + "\n" for caption, entries in front.items()]
    for part, chosen in pages.parts():
        lines += [f"**{part}**", ""]
        lines += [f"- [{notebooks.title(name)}](notebooks/{name}.ipynb)" for name in chosen]
        lines += ["", _contents(part, [f"notebooks/{name}" for name in chosen]), ""]
    about = [] if any("results" in entries for entries in front.values()) else ["results"]
    lines.append(_contents("About", [*about, "notebooks/glossary", "methods", "contributing"]))
    return "\n".join(lines) + "\n"


def results_page():
    """Return the page with all models."""
    return RESULTS.format(
        table=pages.markdown_table(runs.table(settings.PUBLISHED_RESULTS)),
        neighbours=pages.neighbours_sentence(),
        picture=_picture("errors"),
    )


def _of_repository(name):
    """Return a page that the repository keeps beside its workflows."""
    text = (settings.REPOSITORY / ".github" / f"{name}.md").read_text(encoding="utf-8")
    return chapters.links(text).replace("](../notebooks/", "](notebooks/")


def _contents(caption, entries):
    return "\n".join([f"```{{toctree}}\n:caption: {caption}\n:hidden:\n", *entries, "```"])


def _picture(name):
    """Return the HTML of a picture in both themes; the alternative text is said once."""
    light, dark = (path.name for path in pages.picture_files(name).values())
    alternative = pages.picture(name).alt
    return (
        f'<img class="only-light" src="_static/pictures/{light}" alt="{alternative}">\n'
        f'<img class="only-dark" src="_static/pictures/{dark}" alt="{alternative}">'
    )
