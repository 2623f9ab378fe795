"""Pages: what README and the notebooks' first cells say and show is what the results say."""

import dataclasses
import io
import re

import numpy as np
import pytest
from PIL import Image

from helpers import plotting, runs, settings
from helpers.maintenance import notebooks, pages, publishing
from helpers.topics import comparison

EXAMPLE = "before\n<!-- results -->\nold\n<!-- /results -->\nafter\n"


@pytest.fixture(scope="module")
def readme():
    return pages.README.read_text(encoding="utf-8")


def test_readme_agrees_with_the_results(readme):
    assert pages.readme(readme) == readme, "run `python -m helpers pages`"


@pytest.mark.parametrize("name", notebooks.names())
def test_expectations_agree_with_the_results(name):
    first = notebooks.read(name).cells[0].source
    assert pages.facts(first, name) == first, "run `python -m helpers pages`"


def test_readme_shows_every_notebook_on_a_short_page(readme):
    for name in notebooks.names():
        assert f"(notebooks/{name}.ipynb)" in readme
    assert len(readme.splitlines()) <= 120
    assert "make run" in "\n".join(readme.splitlines()[:25]), "within the first screen"


def test_start_leads_somewhere_once_there_is_an_address(monkeypatch):
    monkeypatch.setattr(settings, "REPOSITORY_ADDRESS", "https://github.com/YOUR_NAME/series")
    assert "://" not in pages.start() and "clone" not in pages.start()
    monkeypatch.setattr(settings, "REPOSITORY_ADDRESS", "https://github.com/ada/series")
    assert "git clone https://github.com/ada/series && cd series" in pages.start()
    assert "](https://ada.github.io/series/)" in pages.start()


def test_a_copy_without_results_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path)
    with pytest.raises(settings.UserError, match="holds no results: get it again"):
        pages.choices()


def test_every_notebook_has_a_part():
    assert [name for _, names in pages.parts() for name in names] == notebooks.names()


def test_choices_are_the_best_of_their_kind():
    rows = [row for _, row in pages.choices()]
    assert rows[1]["training_seconds"] <= 60 and rows[2]["parameters"] < 100_000
    assert rows[4]["test_accuracy"] >= rows[3]["test_accuracy"]
    assert rows[4]["test_accuracy"] == runs.table()["test_accuracy"].max()
    assert f"`{rows[2]['model']}`" in pages.choices_table()


def test_readme_says_which_neighbours_differ():
    table = comparison.neighbours(runs.load_all())
    real = table["verdict"].isin(comparison.REAL).sum()
    sentence = pages.neighbours_sentence()
    assert f"{len(table)} models have {len(table) - 1} pairs" in sentence
    assert sentence.count(" above ") == real and f"For {real or 'none'} of them" in sentence


@pytest.mark.parametrize("name", pages.PICTURES)
def test_pictures_agree_with_the_results(name):
    assert not pages.outdated(name), "run `python -m helpers pages`"


@pytest.mark.parametrize("name", pages.PICTURES)
def test_pictures_come_for_light_and_dark_pages_with_words(name):
    light, dark = (
        np.asarray(Image.open(path).convert("L")) for path in pages.picture_files(name).values()
    )
    assert light.shape == dark.shape and light.shape[1] <= 1000
    assert np.median(light) > 200 and np.median(dark) < 60
    element = pages.picture_element(name)
    (alt,) = re.findall(rf'<img alt="([^"]+)" src="\S*/{name}.png">', element)
    assert len(alt) > 60
    assert f'dark)" srcset="notebooks/results/pictures/{name}_dark' in element


def test_the_images_that_are_shown_are_kept():
    with np.load(comparison.PICTURED) as kept:
        assert np.array_equal(kept["indices"], pages.shown_images()), "run python -m helpers pages"
        assert kept["images"].shape == (len(kept["indices"]), 28, 28)
        assert kept["images"].dtype == np.uint8


class TestDrift:
    """A picture of a page that is not what would be drawn is found."""

    @pytest.fixture
    def drawn(self, tmp_path, monkeypatch, images):
        def draw(title="A", source="these results"):
            figure = plotting.image_grid(images[:1], title=title)
            return pages.Picture(figure, "An image of noise.", source)

        monkeypatch.setattr(comparison, "PICTURED", tmp_path / "images.npz")
        monkeypatch.setattr(pages, "picture", lambda name: draw())
        for path, png in pages.rendered("noise").items():
            path.write_bytes(png)
        return draw

    def test_nothing_has_changed(self, drawn):
        assert pages.outdated("noise") == []

    def test_other_results(self, drawn, monkeypatch):
        monkeypatch.setattr(pages, "picture", lambda name: drawn(source="other results"))
        assert pages.outdated("noise") == ["noise.png", "noise_dark.png"]

    def test_another_drawing_of_the_same_results(self, drawn, monkeypatch):
        monkeypatch.setattr(pages, "picture", lambda name: drawn(title="A much longer title"))
        assert pages.outdated("noise") == ["noise.png", "noise_dark.png"]

    def test_another_version_of_matplotlib_may_draw_otherwise(self, drawn, monkeypatch):
        monkeypatch.setattr(pages, "picture", lambda name: drawn(title="A much longer title"))
        monkeypatch.setattr(pages.matplotlib, "__version__", "0.1")
        assert pages.outdated("noise") == []

    def test_a_missing_file_and_one_without_notes(self, drawn):
        light, dark = pages.picture_files("noise").values()
        light.unlink()
        plain = io.BytesIO()
        Image.open(dark).convert("RGB").save(plain, format="PNG")
        dark.write_bytes(plain.getvalue())
        assert pages.outdated("noise") == ["noise.png", "noise_dark.png"]


def test_the_source_of_a_picture_follows_the_results(monkeypatch):
    before = pages.PICTURES["accuracy"]().source
    table = runs.table()
    table.loc[3, "test_accuracy"] += 1e-4
    monkeypatch.setattr(runs, "table", lambda folder: table)
    assert pages.PICTURES["accuracy"]().source != before


def test_models_of_an_accelerator_are_not_in_the_picture_of_times(monkeypatch):
    results = runs.load_all()
    gone = results[0].model
    results[0] = dataclasses.replace(results[0], machine={"accelerator": "a GPU"})
    monkeypatch.setattr(runs, "load_all", lambda *_, **__: results)
    assert f"of {len(comparison.by_model(results)) - 1} models" in pages.PICTURES["accuracy"]().alt
    assert gone in set(runs.table()["model"])


def test_text_between_markers_is_replaced_and_the_rest_kept():
    text = pages._between(EXAMPLE, "results", "new\nlines")
    assert text == "before\n<!-- results -->\nnew\nlines\n<!-- /results -->\nafter\n"
    assert pages._between(text, "results", "new\nlines") == text


def test_a_lost_marker_is_named():
    with pytest.raises(settings.UserError, match="<!-- results -->.*put them back"):
        pages._between("nothing here", "results", "new")


def test_a_changed_number_on_a_page_is_found(readme):
    block = re.search(r"<!-- choices -->.*?<!-- /choices -->", readme, re.DOTALL)[0]
    tampered = readme.replace(block, re.sub(r"\d\d\.\d\d %", "12.34 %", block, count=1))
    assert tampered != readme and pages.readme(tampered) == readme


# Where README leads: every link, badge and picture.


def link_faults(text):
    """Return what is wrong with the links, badges and pictures of a README."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    found = []
    for target in targets:
        path, _, fragment = target.partition("#")
        if "://" in target:
            if not re.fullmatch(r"https://[\w.-]+\.\w+(/[^\s<>]*)?", target):
                found.append(f"{target} is no address")
        elif path and not (settings.REPOSITORY / path).exists():
            found.append(f"{target} leads nowhere")
        elif not path and fragment not in anchors:
            found.append(f"there is no heading for #{fragment}")
    is_set = publishing.PLACEHOLDER not in settings.REPOSITORY_ADDRESS
    named = notebooks.names() if is_set else ()
    badges = {name: publishing.header(name)[0].split(" · ")[0] for name in named}
    found += [f"the badge of {name} is missing" for name in badges if badges[name] not in text]
    if len(re.findall(r"\[!\[Open in Colab\]", text)) != len(badges):
        found.append("there is a badge of no notebook")
    return found


def anchor(heading):
    """Return the fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_link_badge_and_picture_of_readme_resolves(readme):
    assert not link_faults(readme)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("](LICENSE)", "](LICENCE)", "leads nowhere"),
        ("](LICENSE)", "](#licenses)", "no heading"),
        ('data_dark.png"', 'dat_dark.png"', "leads nowhere"),
        ("](https://arxiv.org", "](https:/arxiv.org", "leads nowhere"),
        ("](https://arxiv.org", "](https://arxiv", "is no address"),
        ("](LICENSE)", "](x)[![Open in Colab](y)", "badge of no notebook"),
    ],
)
def test_a_broken_link_is_found(readme, before, after, words):
    assert before in readme
    assert any(words in fault for fault in link_faults(readme.replace(before, after)))
