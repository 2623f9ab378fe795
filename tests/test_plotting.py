"""Tests of the figures: what they show is exact, and wrong input is refused in one sentence."""

import base64
import io
import itertools
import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from helpers import plotting
from helpers.settings import REPOSITORY, UserError

CLASSES = ("T-shirt/top", "Trouser", "Pullover")
MODELS = list(plotting.IDENTITIES)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)


@pytest.fixture
def labels():
    return np.arange(12) % 3


@pytest.fixture
def table():
    accuracy = np.linspace(0.88, 0.93, len(MODELS))
    return pd.DataFrame(
        {
            "model": MODELS,
            "mflops": np.geomspace(0.2, 100, len(MODELS)),
            "validation_accuracy": accuracy + 0.003,
            "test_accuracy": accuracy,
            "test_accuracy_low": accuracy - 0.006,
            "test_accuracy_high": accuracy + 0.006,
            "reported_accuracy": [np.nan] * 9 + [0.9031],
            "training_seconds": np.geomspace(20, 1500, len(MODELS)),
        }
    )


def history(epochs):
    fall = np.linspace(0.6, 0.3, epochs)
    return {
        "loss": list(fall),
        "val_loss": list(fall + 0.05),
        "accuracy": list(1 - fall / 3),
        "val_accuracy": list(0.98 - fall / 3),
        "learning_rate": [1e-3] * epochs,
    }


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def picture(figure):
    """Return the one mosaic of a figure as an array."""
    (shown,) = [image for axes in figure.axes for image in axes.get_images()]
    return np.asarray(shown.get_array())


def fake_model(name, *layers):
    """Return what `architecture` reads of a Keras model, without Keras."""

    def layer(kind, shape, **settings):
        made = type(kind, (), {})()
        made.output = SimpleNamespace(shape=(None, *shape))
        vars(made).update(settings)
        return made

    return SimpleNamespace(
        name=name, input_shape=(None, 28, 28, 1), layers=[layer(*a, **k) for a, k in layers]
    )


def activation(name):
    return SimpleNamespace(__name__=name)


def dense(units, function="relu"):
    return ("Dense", (units,)), {"activation": activation(function)}


def conv(side, channels):
    settings = {"kernel_size": (3, 3), "strides": (1, 1), "activation": activation("linear")}
    return ("Conv2D", (side, side, channels)), settings


# ------------------------------------------------------------------------------------- identity


def test_importing_needs_no_tensorflow():
    code = (
        "import sys, helpers.plotting; "
        "print([module for module in ('tensorflow', 'keras') if module in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == "[]", ran.stderr


def test_every_model_has_its_own_color_and_marker():
    assert len({plotting.color(name) for name in MODELS}) == 10
    assert len({plotting.marker(name) for name in MODELS}) == 10


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
    assert len({hue for hue, _ in plotting._identities(arms).values()}) == 7


def test_display_name_writes_models_and_variants_in_words():
    assert plotting.display_name("cnn_batch_normalization") == "CNN batch normalization"
    assert plotting.display_name("ann_baseline__no_dropout") == "ANN baseline: no dropout"


# -------------------------------------------------------------------------------- show and PNG


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
    palette = plotting._with_palette(Image.fromarray(pixels))
    assert palette.mode == "P" and (np.asarray(palette.convert("RGB")) == pixels).all()


# ----------------------------------------------------------------------------------- mosaics


def test_mosaic_holds_the_exact_pixels(images):
    mosaic = picture(plotting.image_grid(images[..., None], columns=5))
    assert mosaic.shape == (3 * 30 - 2, 5 * 30 - 2)
    for index, image in enumerate(images):
        y, x = 30 * (index // 5), 30 * (index % 5)
        assert (mosaic[y : y + 28, x : x + 28] == image).all()
    assert (mosaic[60:, 60:] == 0).all()  # the places after the last image stay white


def test_mosaic_of_floats_spans_their_range(images):
    figure = plotting.image_grid(images / 255.0 - 0.5)
    (shown,) = figure.axes[0].get_images()
    assert shown.get_clim() == pytest.approx((-0.5, 0.5), abs=0.01)


def test_correct_flags_are_frames_and_marks(images):
    correct = [True, False] * 6
    figure = plotting.image_grid(images, titles=["Bag"] * 12, correct=correct)
    assert texts(figure).count("✓ Bag") == texts(figure).count("✗ Bag") == 6
    (frames,) = figure.axes[0].collections
    assert len(frames.get_paths()) == 12 and len(np.unique(frames.get_edgecolor(), axis=0)) == 2


def test_class_samples_fill_the_rows_by_class(images, labels):
    mosaic = picture(plotting.class_samples(images, labels, CLASSES, per_class=5))
    assert mosaic.shape == (88, 148)
    assert (mosaic[30:58, 30:58] == images[labels == 1][1]).all()
    assert (mosaic[:, 120:] == images.min()).all()  # each class has four images, not five


def test_class_statistics_show_means_above_deviations(images, labels):
    figure = plotting.class_statistics(images, labels, CLASSES)
    assert np.allclose(picture(figure)[:28, :28], images[labels == 0].mean(axis=0))
    assert np.isclose(picture(figure).max(), 255)
    with pytest.raises(UserError, match="Pullover"):
        plotting.class_statistics(images[labels < 2], labels[labels < 2], CLASSES)


def test_predictions_name_the_truth_only_where_it_differs(images, labels):
    probabilities = np.full((12, 3), 0.1)
    probabilities[:, 0] = 0.8
    written = texts(plotting.predictions(images, probabilities, labels, CLASSES))
    assert written.count("✓ T-shirt/top 80 %") == 4
    assert written.count("✗ T-shirt/top 80 %\nis Trouser") == 4


def test_hardest_images_come_first_and_right_ones_not_at_all(images, labels):
    counts = [0] * 12
    counts[7], counts[3] = 2, 9
    figure = plotting.hardest_images(images, labels, CLASSES, counts)
    assert (picture(figure)[:28, :28] == images[3]).all()
    assert [text for text in texts(figure) if "wrong:" in text] == [
        "T-shirt/top\nwrong: 9",
        "Trouser\nwrong: 2",
    ]
    with pytest.raises(UserError, match="No model is wrong"):
        plotting.hardest_images(images, labels, CLASSES, [0] * 12)


def test_image_pairs_join_left_and_right(images):
    mosaic = picture(plotting.image_pairs(images[:3], images[3:6], ["a", "b", "c"]))
    assert (mosaic[:28, :56] == np.hstack([images[0], images[3]])).all()


# ------------------------------------------------------------------------- looking at the data


def test_pixel_histogram_states_the_share_of_zeros(images):
    images[:6] = 0
    share = (images == 0).mean()
    figure = plotting.pixel_histogram(images)
    assert f"{100 * share:.1f} % of all pixels are exactly 0" in texts(figure)
    assert len(figure.axes[0].patches) == 256


def test_class_balance_writes_every_count():
    counts = pd.DataFrame({"training": [4800, 10], "test": [1000, 0]}, index=CLASSES[:2])
    figure = plotting.class_balance(counts)
    assert len(figure.axes) == 2
    assert {" 4,800", " 10", " 1,000", " 0", "training: 4,810 images"} <= set(texts(figure))


def test_embeddings_draw_every_point_and_name_every_class(labels):
    points = np.random.default_rng(0).normal(size=(12, 2))
    figure = plotting.embeddings({"PCA": points, "t-SNE": -points}, labels, CLASSES)
    assert [len(axes.collections[0].get_offsets()) for axes in figure.axes] == [12, 12]
    assert texts(figure).count("Trouser") == 2
    assert len(plotting.embedding(points, labels, CLASSES, "One plane").axes) == 1


def test_explained_variance_counts_the_components_needed():
    figure = plotting.explained_variance(np.array([0.4, 0.3, 0.2, 0.1]))
    assert {"2 hold 70 %", "3 hold 90 %", "4 hold 100 %"} <= set(texts(figure))


# ------------------------------------------------------------------------------------ training


@pytest.mark.parametrize(("models", "panels"), [(1, 2), (3, 6), (6, 2)])
def test_learning_curves_use_panels_for_few_models(models, panels):
    histories = {name: history(4) for name in MODELS[:models]}
    figure = plotting.learning_curves(histories, chosen_epochs={MODELS[0]: 2})
    assert len(figure.axes) == panels
    dashed = [line for axes in figure.axes for line in axes.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 2 * models


def test_learning_curves_mark_the_reported_epoch():
    figure = plotting.learning_curves({"cnn_deep": history(5)}, ("loss",), {"cnn_deep": 3})
    (mark,) = [line for line in figure.axes[0].lines if line.get_marker() == "P"]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (3, history(5)["val_loss"][2])


@pytest.mark.parametrize("epochs", [1, 2])
def test_figures_of_very_short_trainings(epochs):
    histories = {"ann_baseline": history(epochs)}
    for draw in (plotting.learning_curves, plotting.generalisation_gap, plotting.learning_rate):
        assert isinstance(draw(histories), Figure)


def test_generalisation_gap_is_validation_minus_training():
    figure = plotting.generalisation_gap({"cnn_plain": history(4)})
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([0.05] * 4)


# ---------------------------------------------------------------------------------- evaluation


def test_confusion_writes_counts_and_recall():
    figure = plotting.confusion(np.array([[8, 2], [0, 10]]), CLASSES[:2])
    assert {"8", "2", "10", "80.0 %", "100.0 %"} <= set(texts(figure))
    assert "0" not in texts(figure)


def test_heatmaps_write_every_value():
    report = pd.DataFrame({"precision": [0.5], "recall": [0.6], "f1": [0.545]}, index=["Bag"])
    assert {"50.0", "60.0", "54.5", "Bag"} <= set(texts(plotting.report_heatmap(report)))
    accuracies = pd.DataFrame({"cnn_deep": [0.9], "cnn_plain": [0.8]}, index=["Bag"])
    figure = plotting.class_accuracy(accuracies)
    weights = {t.get_text(): t.get_weight() for t in figure.findobj(matplotlib.text.Text)}
    assert (weights["90.0"], weights["80.0"]) == ("bold", "normal")


def test_ablation_writes_differences_from_the_reference():
    arms = pd.DataFrame({"accuracy": [0.9, 0.88], "low": np.nan, "high": np.nan}, ["all", "none"])
    written = texts(plotting.ablation(arms, reference="all"))
    assert {"90.00 %   reference", "88.00 %   −2.00 points"} <= set(written)


def test_accuracy_bars_show_reported_figures_only_where_there_are_any(table):
    words = "reported by the model's source"
    assert words in texts(plotting.accuracy_bars(table))
    assert words not in texts(plotting.accuracy_bars(table.iloc[:1]))


def test_pareto_front_holds_the_models_that_none_dominates():
    cost, accuracy = [4, 1, 2, 3, 2, 5, np.nan], [0.9, 0.8, 0.85, 0.84, 0.86, 0.9, 0.99]
    assert plotting.pareto_front(cost, accuracy) == [1, 4, 0]


def test_labels_of_the_scatter_do_not_overlap(table):
    table["training_seconds"] = np.linspace(100, 110, len(table))
    figure = plotting.accuracy_against(table, "training_seconds", "training time (s)")
    figure.draw_without_rendering()
    names = {plotting.display_name(name) for name in MODELS}
    labels = [t for t in figure.axes[0].texts if t.get_text() in names]
    boxes = [label.get_window_extent() for label in labels]
    assert len(labels) == 10
    assert not any(a.shrunk(0.9, 0.8).overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_wide_costs_have_a_logarithmic_axis(table):
    figure = plotting.accuracy_against(table, "mflops", "MFLOP per image")
    assert figure.axes[0].get_xscale() == "log"
    figure = plotting.accuracy_against(table.iloc[:2], "mflops", "MFLOP per image")
    assert figure.axes[0].get_xscale() == "linear"


def test_paired_tests_show_each_pair_once():
    differences = pd.DataFrame([[0, -0.02], [0.02, 0]], MODELS[:2], MODELS[:2])
    written = texts(plotting.paired_tests(differences, differences * 0 + 0.004))
    assert written.count("+2.00\n**") == 1 and not any("−2.00" in text for text in written)


def test_reliability_states_the_calibration_error():
    curve = pd.DataFrame({"confidence": [0.5, 0.9], "accuracy": [0.5, 0.8], "count": [10, 30]})
    figure = plotting.reliability({"cnn_plain": curve})
    assert "calibration error\n7.5 %" in texts(figure)


# --------------------------------------------------------------------- architecture and cover


def test_architecture_of_a_dense_network():
    model = fake_model("ann_baseline", (("Flatten", (784,)), {}), dense(128), dense(10, "softmax"))
    written = texts(plotting.architecture(model))
    assert {"image\n28×28×1", "dense\n128", "dense\n10", "flatten"} <= set(written)
    assert "activation: ReLU, softmax" in written


def test_architecture_of_a_convolutional_network_stays_in_its_frame():
    blocks = []
    for side, channels in ((28, 32), (14, 64), (7, 128)):
        for _ in range(2):
            blocks.append(conv(side, channels))
            blocks.append((("FusedBatchNormalization", (side, side, channels)), {}))
            blocks.append((("ReLU", (side, side, channels)), {}))
        blocks.append((("MaxPooling2D", (side // 2, side // 2, channels)), {}))
    model = fake_model("cnn_deep", *blocks, (("Dropout", (128,)), {"rate": 0.5}), dense(10))
    figure = plotting.architecture(model)
    written = texts(figure)
    assert written.count("B") == 7 and written.count("P") == 4  # one more of each in the key
    assert {"batch normalisation", "max pooling", "dropout: 0.5"} <= set(written)
    corners = np.concatenate([patch.get_verts() for patch in figure.axes[0].patches])
    assert corners[:, 0].min() >= 0 and corners[:, 0].max() <= figure.bbox.width


def test_cover_has_pictures_and_every_model(images, labels, table):
    figure = plotting.cover(images, labels, CLASSES, table)
    assert picture(figure).shape[1] == 2 * 88 + 8
    assert {plotting.display_name(name) for name in MODELS} <= set(texts(figure))


# ------------------------------------------------------------------------------------- refusals


GOOD = np.zeros((4, 28, 28), np.uint8)
REFUSED = {
    "no images": lambda t: plotting.image_grid(GOOD[:0]),
    "one flat image": lambda t: plotting.image_grid(GOOD[0]),
    "colour images": lambda t: plotting.image_grid(np.zeros((4, 28, 28, 3))),
    "too few titles": lambda t: plotting.image_grid(GOOD, titles=["a"]),
    "no columns": lambda t: plotting.image_grid(GOOD, columns=0),
    "too few flags": lambda t: plotting.image_grid(GOOD, correct=[True]),
    "too few labels": lambda t: plotting.class_samples(GOOD, np.zeros(3, int), CLASSES),
    "one-hot labels": lambda t: plotting.class_samples(GOOD, np.eye(4, 3, dtype=int), CLASSES),
    "float labels": lambda t: plotting.class_samples(GOOD, np.zeros(4), CLASSES),
    "label out of range": lambda t: plotting.class_samples(GOOD, np.full(4, 3), CLASSES),
    "unequal pairs": lambda t: plotting.image_pairs(GOOD, GOOD[:2], ["a"] * 4),
    "float pixels": lambda t: plotting.pixel_histogram(GOOD / 255),
    "empty balance": lambda t: plotting.class_balance(pd.DataFrame()),
    "points in space": lambda t: plotting.embedding(np.zeros((4, 3)), np.zeros(4, int), CLASSES),
    "no embedding": lambda t: plotting.embeddings({}, np.zeros(4, int), CLASSES),
    "shares above one": lambda t: plotting.explained_variance([0.9, 0.9]),
    "probabilities": lambda t: plotting.predictions(
        GOOD, np.zeros((4, 2)), np.zeros(4, int), CLASSES
    ),
    "no histories": lambda t: plotting.learning_curves({}),
    "no validation": lambda t: plotting.generalisation_gap({"a": {"loss": [1.0]}}),
    "no such epoch": lambda t: plotting.learning_curves({"a": history(3)}, chosen_epochs={"a": 4}),
    "rate of zero": lambda t: plotting.learning_rate({"a": {"learning_rate": [0.0]}}),
    "oblong confusion": lambda t: plotting.confusion(np.zeros((3, 2)), CLASSES),
    "report without f1": lambda t: plotting.report_heatmap(pd.DataFrame({"precision": [1.0]})),
    "no accuracies": lambda t: plotting.class_accuracy(pd.DataFrame()),
    "unknown arm": lambda t: plotting.ablation(
        pd.DataFrame({"accuracy": [0.9], "low": [0.8], "high": [1.0]}), "plain"
    ),
    "missing column": lambda t: plotting.accuracy_bars(t.drop(columns="test_accuracy")),
    "empty table": lambda t: plotting.accuracy_bars(t.iloc[:0]),
    "unknown cost": lambda t: plotting.accuracy_against(t, "price", "price"),
    "unmeasured cost": lambda t: plotting.accuracy_against(
        t.assign(mflops=np.nan), "mflops", "MFLOP"
    ),
    "one model alone": lambda t: plotting.paired_tests(*[pd.DataFrame([[0.0]], ["a"], ["a"])] * 2),
    "no curves": lambda t: plotting.reliability({}),
    "unbuilt model": lambda t: plotting.architecture(fake_model("empty")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_in_one_sentence(case, table):
    with pytest.raises(UserError) as refusal:
        REFUSED[case](table)
    message = str(refusal.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 250


def test_figures_do_not_disturb_the_callers_style(images):
    with matplotlib.rc_context({"font.size": 23}):
        plotting.image_grid(images)
        assert matplotlib.rcParams["font.size"] == 23
