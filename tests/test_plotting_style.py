"""Tests of the visual identity: colours that stay apart, pictures that lose nothing."""

import base64
import io
import itertools
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from figures import MODELS, picture
from matplotlib.colors import to_rgb
from PIL import Image

from helpers import plotting, results, settings
from helpers.plotting import style
from helpers.settings import REPOSITORY, UserError


def test_importing_needs_no_tensorflow():
    code = (
        "import sys, helpers.plotting; "
        "print([module for module in ('tensorflow', 'keras') if module in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert ran.stdout.strip() == "[]", ran.stderr


# Simulation of missing red and green cones: Machado, Oliveira and Fernandes (2009), severity 1.
CONES = {
    "normal": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


@pytest.mark.parametrize("vision", CONES)
@pytest.mark.parametrize(
    "colors",
    [[plotting.color(name) for name in MODELS], plotting.CLASS_COLORS, plotting.FALLBACK_COLORS],
    ids=["models", "classes", "fallback"],
)
def test_colors_stay_apart_for_colour_blind_readers(colors, vision):
    def seen(hue):
        part = np.array(to_rgb(hue))
        light = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        light = np.clip(np.asarray(CONES[vision]) @ light, 0, 1)
        to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
        x, y, z = np.cbrt(np.array(to_xyz) @ light / (0.9505, 1, 1.089))
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    distances = [np.linalg.norm(seen(a) - seen(b)) for a, b in itertools.combinations(colors, 2)]
    assert min(distances) > 15  # about 2 is just noticeable


def test_other_names_have_stable_colors_that_differ_within_a_figure():
    assert plotting.color("without dropout") == plotting.color("without dropout")
    arms = [f"arm {number}" for number in range(7)]
    assert len({hue for hue, _ in plotting.style.identities_of(arms).values()}) == 7
    many = [f"arm {number}" for number in range(30)]
    assert len(set(plotting.style.identities_of(many).values())) == 30


def test_display_name_writes_models_and_variants_in_words():
    assert plotting.display_name("cnn_batch_normalization") == "CNN batch normalisation"
    assert plotting.display_name("resnet_5min") == "ResNet 5 min"
    assert plotting.display_name("ann_baseline__no_dropout") == "ANN baseline: no dropout"


def test_show_displays_one_png_with_alternative_text(images, monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: calls.append((a, k)))
    plotting.show(plotting.image_grid(images), "Twelve images\n of noise")
    ((data,), options) = calls[0]
    assert len(calls) == 1 and options["raw"]
    assert data["text/plain"] == "Twelve images of noise"
    assert options["metadata"]["image/png"]["alt"] == "Twelve images of noise"
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_show_refuses_a_figure_without_alternative_text(images, alt):
    with pytest.raises(UserError, match="alternative text"):
        plotting.show(plotting.image_grid(images), alt)


def test_png_keeps_every_grey_of_a_mosaic(images):
    figure = plotting.image_grid(images, columns=12)
    rendered = Image.open(io.BytesIO(plotting.png(figure)))
    grey = np.asarray(rendered.convert("RGB"))[..., 0]
    box = figure.axes[0].get_window_extent()
    rows, mosaic = grey.shape[0], picture(figure)
    zoom = round(box.width) // mosaic.shape[1]
    top, left = rows - round(box.y1), round(box.x0)
    cells = grey[top + zoom // 2 :: zoom, left + zoom // 2 :: zoom]
    cells = cells[: mosaic.shape[0], : mosaic.shape[1]]
    assert np.abs(cells.astype(int) - (255 - mosaic.astype(int))).max() <= 1


def test_a_palette_holds_the_exact_colours_of_a_picture(images):
    pixels = np.stack([images[0]] * 3, axis=-1)
    pixels[:2] = (213, 94, 0)
    palette = plotting.style._with_palette(Image.fromarray(pixels))
    assert palette.mode == "P" and (np.asarray(palette.convert("RGB")) == pixels).all()


def test_figures_do_not_disturb_the_callers_style(images):
    with matplotlib.rc_context({"font.size": 23}):
        plotting.image_grid(images)
        assert matplotlib.rcParams["font.size"] == 23


def test_every_model_of_the_series_has_an_identity_of_its_own():
    names = {result.model for result in results.load_all(settings.PUBLISHED_RESULTS)}
    tables = (style.IDENTITIES, style.IDENTITIES_CLASSICAL, style.IDENTITIES_LATER)
    fixed = {name: pair for table in tables for name, pair in table.items()}
    assert names <= set(fixed) | {"majority_class"}
    assert len(set(fixed.values())) == len(fixed)


def test_names_of_classes_are_drawn_as_they_are_written():
    names = ["$5_$10", "100 %", r"\alpha_1"]
    figure = plotting.class_strip(np.zeros((3, 28, 28), np.uint8), np.arange(3), names)
    shown = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text() in names]
    assert len(shown) == 3 and not any(text.get_parse_math() for text in shown)
    assert plotting.png(figure).startswith(b"\x89PNG")


def test_letters_without_a_glyph_are_said_once(monkeypatch):
    monkeypatch.setattr(style, "_more_fonts", list)
    names = ["\u886c\u886b", "\u88e4", "plain"]
    figure = plotting.class_strip(np.zeros((3, 28, 28), np.uint8), np.arange(3), names)
    with pytest.warns(UserWarning) as found:
        plotting.png(figure)
    (said,) = found
    assert "install one" in str(said.message) and "\u886c" in str(said.message)
    assert style._more_fonts() == []
