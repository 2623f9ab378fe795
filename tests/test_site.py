"""The site: its pages are whole, a browser finds nothing to complain about, and checks can fail."""

import functools
import http.server
import json
import re
import shutil
import threading

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup

from helpers import runs, settings
from helpers.maintenance import notebooks, pages, site, stamp
from helpers.maintenance.site import articles, chapters, explore, of_run
from helpers.topics import comparison

MOST_BYTES = 80_000_000
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the whole site, built once."""
    return site.build(tmp_path_factory.mktemp("site")).parent


@pytest.fixture(scope="module")
def address(built):
    """The address of a server of the site on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Quiet, directory=built)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    if not CHROMIUM:
        pytest.skip("the pages are not tried: no Chromium here (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser, address):
    """Open a page; what it complains about and what it asks other hosts for stands in `faults`."""
    contexts = []

    def opened(name, viewport=WIDE, scheme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(f"{name}: {error}"))
        page.on("console", lambda said: note(page, name, said))
        page.on("request", lambda asked: elsewhere(page, name, asked.url))
        page.goto(f"{address}/{name}", wait_until="load")
        return page

    def note(page, name, said):
        if said.type in ("error", "warning"):
            page.faults.append(f"{name}: {said.text}")

    def elsewhere(page, name, url):
        if not url.startswith((address, "data:", "blob:")):
            page.faults.append(f"{name} asks for {url}")

    yield opened
    for context in contexts:
        context.close()


def pages_of(built):
    return sorted(built.glob("*.html")) + sorted(built.glob("notebooks/*.html"))


def without_words(text):
    """Return the pictures of a page that have no alternative text."""
    images = BeautifulSoup(text, "html.parser").find_all("img")
    return [image["src"] for image in images if not image.get("alt", "").strip()]


def wrong_figures(content):
    """Return the models whose figures on the page Explore are not those of the results."""
    known = runs.table(settings.PUBLISHED_RESULTS).set_index("model")
    keys = ("test_accuracy", "training_seconds", "parameters", "mflops")
    return [
        row["model"]
        for row in content["models"]
        if not all(
            np.isclose(known.loc[row["model"], key], np.nan if row[key] is None else row[key],
                       rtol=1e-9, equal_nan=True)
            for key in keys
        )
    ]  # fmt: skip


def test_the_whole_series_is_there(built):
    first = (built / "index.html").read_text(encoding="utf-8")
    for name in notebooks.names():
        assert (built / "notebooks" / f"{name}.html").is_file()
        assert f'href="notebooks/{name}.html"' in first
    assert sum(file.stat().st_size for file in built.rglob("*") if file.is_file()) < MOST_BYTES


def test_every_picture_has_words(built):
    for path in pages_of(built):
        assert without_words(path.read_text(encoding="utf-8")) == [], path.name
    assert without_words('<p><img src="a.png" alt=" "><img src="b.png"></p>') == ["a.png", "b.png"]


def test_pages_name_nothing_on_other_hosts(built):
    for path in pages_of(built):
        tree = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        asked = [tag.get("src") or tag.get("href") for tag in tree.select("script, link, img")]
        assert [one for one in asked if one and "://" in one] == [], path.name


def test_a_dead_link_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "names", lambda: [])
    monkeypatch.setattr(explore, "write", lambda folder: None)
    monkeypatch.setattr(articles, "write", lambda folder, _: write_only(folder, "[gone](gone.md)"))
    with pytest.raises(settings.UserError, match="gone.md"):
        site.build(tmp_path)


def write_only(folder, text):
    (folder / "index.md").write_text(f"# First\n\n{text}\n", encoding="utf-8")


def test_a_run_ends_with_its_own_pages(tmp_path):
    folder, name = tmp_path / "smoke", "01_data_exploration"
    (folder / "executed").mkdir(parents=True)
    notebook = notebooks.read(name)
    (output,) = stamp.code_cells(notebook)[2].outputs
    output.text = "profile  smoke"
    nbformat.write(notebook, folder / "executed" / f"{name}.ipynb")
    failed = {"seconds": 61.0, "failure": "cell 3 of 3: ValueError: no", "finished": "today"}
    first = site.build_of_run(folder, "smoke", {name: failed | {"failure": None}, "02_x": failed})
    text = first.read_text(encoding="utf-8")
    assert "passed" in text and "1 min 01 s" in text and "None yet." in text
    mine = (first.parent / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
    assert "profile  smoke" in mine and "This is a run on this machine" in mine
    other = (first.parent / "notebooks" / "03_ann_baseline.html").read_text(encoding="utf-8")
    assert "Not part of this run" in other


def test_a_failure_is_on_the_page_of_the_run(small_series, tmp_path):
    small_series(n01_first=None)
    entry = {"seconds": 1.0, "failure": "cell 3 of 3: ValueError: no", "finished": "today"}
    text = of_run.page(tmp_path, "smoke", {"01_first": entry})
    assert "| **failed** in `cell 3 of 3: ValueError: no` | 1 s | today |" in text


def test_links_lead_out_only_to_a_public_address(monkeypatch):
    text = "[models](../helpers/models.py), [04](04_ann.ipynb), [a part](#Some-Part)"
    monkeypatch.setattr(settings, "REPOSITORY_ADDRESS", "https://github.com/YOUR_NAME/x")
    assert chapters.links(text) == "`models`, [04](04_ann.ipynb), [a part](#some-part)"
    monkeypatch.setattr(settings, "REPOSITORY_ADDRESS", "https://github.com/ada/x")
    assert "[models](https://github.com/ada/x/blob/main/helpers/models.py)" in chapters.links(text)


def test_a_chapter_keeps_its_alternative_text(published, tmp_path):
    path, notebook = published
    chapters.write(notebook, path.stem, tmp_path)
    chapter = nbformat.read(tmp_path / "notebooks" / path.name, as_version=4)
    images = re.findall(
        r'alt="([^"]+)" width="\d+" height="\d+"', nbformat.writes(chapter).replace("\\", "")
    )
    assert images, "the picture and its size"
    assert list((tmp_path / "_static" / "figures").glob("*.png"))
    assert "glossary" not in chapter.cells[0].source.partition("\n\n")[0]
    assert notebook.metadata["fashion"], "the notebook itself is as it was"


def test_explore_holds_the_results(built):
    folder = built / "_static" / explore.FOLDER
    content = json.loads((folder / "explore.json").read_text(encoding="utf-8"))
    assert wrong_figures(content) == []
    content["models"][3]["test_accuracy"] += 1e-4
    assert wrong_figures(content) == [content["models"][3]["model"]]
    answers = np.frombuffer((folder / "answers.bin").read_bytes(), np.uint8)
    answers = answers.reshape(1 + 2 * len(content["models"]), content["images"])
    labels = answers[0]
    for number, row in enumerate(content["models"]):
        right = (answers[1 + 2 * number] == labels).mean()
        assert right == pytest.approx(row["own_accuracy"], abs=1e-9), row["model"]


def test_every_page_opens_without_a_complaint(built, visit):
    for path in pages_of(built):
        page = visit(path.relative_to(built).as_posix())
        page.wait_for_load_state("networkidle")
        assert page.faults == []
        page.context.close()


def test_the_search_finds_dropout(visit):
    page = visit("search.html?q=dropout")
    page.wait_for_selector("#search-results li")
    assert "Dropout" in page.inner_text("#search-results") or "dropout" in page.inner_text(
        "#search-results"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "explore.html", "notebooks/06_cnn_depth.html"])
def test_accessible(name, scheme, visit):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name, scheme=scheme)
    page.wait_for_load_state("networkidle")
    found = Axe().run(page).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["target"]) for one in found if one["impact"] in SERIOUS
    ] == []


@pytest.mark.parametrize("name", ["index.html", "explore.html", "notebooks/06_cnn_depth.html"])
def test_a_telephone_needs_no_sideways_scrolling(name, visit):
    page = visit(name, viewport=NARROW)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_dark_pages_are_light_on_dark(visit):
    page = visit("index.html", scheme="dark")
    light = (
        "getComputedStyle(document.querySelector('{}')).{}.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    ink = page.evaluate(light.format(".bd-article p", "color"))
    paper = page.evaluate(light.format("body", "backgroundColor"))
    assert sum(ink) / 3 > 150 > 60 > sum(paper) / 3
    visible = "e => e.filter(one => one.offsetWidth).map(one => one.src)"
    shown = page.eval_on_selector_all(".bd-article img", visible)
    assert [source.rpartition("/")[2] for source in shown] == ["data_dark.png"]


def test_explore_by_keyboard(built, visit):
    page = visit("explore.html")
    page.wait_for_selector("#disagreement")
    before = page.inner_text("#disagreement")
    page.focus("#models tbody tr:nth-child(5) button")
    page.keyboard.press("Enter")
    assert page.inner_text("#disagreement") != before
    chosen = page.inner_text("#models tr.chosen button")
    assert f"What {chosen} takes for what" in page.inner_text("#confused")
    link = page.get_attribute("#confused a", "href")
    assert (built / link).is_file(), "the notebook that the model comes from"
    page.focus("#models thead button[data-key=parameters]")
    page.keyboard.press("Enter")
    counts = page.eval_on_selector_all(
        "#models tbody tr td:nth-child(5)",
        "e => e.map(c => Number(c.innerText.replaceAll(',', '')))",
    )
    assert counts == sorted(counts) and len(counts) > 20
    page.focus("#controls input[value=CNN]")
    page.keyboard.press("Space")
    assert "CNN" not in page.inner_text("#models tbody")


def test_explore_counts_what_two_models_disagree_on(visit):
    page = visit("explore.html")
    page.wait_for_selector("#disagreement")
    first, second = (
        page.eval_on_selector(f"#select-{key}", "e => e.selectedOptions[0].text")
        for key in ("chosen", "other")
    )
    found = {one.model: one for one in reversed(comparison_results())}
    answers = [found[name].probabilities().argmax(axis=1) for name in (first, second)]
    words = f"They disagree on {(answers[0] != answers[1]).sum()} of 10,000 images."
    assert page.inner_text("#disagreement").startswith(words)
    labels = found[first].labels()
    truth, answer = 6, 0  # shirts called T-shirts
    count = int(((labels == truth) & (answers[0] == answer)).sum())
    page.click(f"#confused tbody tr:nth-child({truth + 1}) td:nth-of-type({answer + 1}) button")
    assert page.inner_text("#cell p").startswith(f"{count} images of the class Shirt")


def comparison_results():
    return [members[0] for members in comparison.by_model(pages.published()).values()]
