"""Tests of the export: what the files compute, that they are written whole, that they run alone."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy import special

from helpers import evaluation, layers, models, settings
from helpers.layers import keras
from helpers.topics import calibration, deployment, photo

SMALL = {"filters": (4, 8), "units": 8}
needs_litert = pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None, reason="ai-edge-litert is not installed"
)


@pytest.fixture(scope="module")
def model():
    return layers.in_float32(models.build("cnn_basic", **SMALL))


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def exported(model):
    return deployment.to_litert(model)


@pytest.fixture(scope="module")
def quantised(model, noise):
    return deployment.to_litert(model, "int8", noise)


def test_a_copy_in_float32_shares_nothing_with_a_mixed_network(noise, monkeypatch):
    monkeypatch.setattr(models, "fastest_precision", lambda: "mixed_bfloat16")
    mixed = models.build("resnet_fast", filters=(4, 4, 4))
    copy = layers.in_float32(mixed)
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    for first, second in zip(mixed.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    before = mixed.get_weights()
    copy.set_weights([weight + 1 for weight in before])
    np.testing.assert_array_equal(mixed.get_weights()[0], before[0])


def test_logits_are_what_the_softmax_gets(model, noise):
    logits = deployment.with_logits(model)
    found = evaluation.predict(model, noise)
    exported = deployment.Interpreter(deployment.to_litert(logits))
    values = deployment.outputs(exported, noise, batch_size=7)
    np.testing.assert_allclose(special.softmax(values, axis=1), found, atol=1e-5)
    assert values.shape == (40, 10) and not np.allclose(values.sum(axis=1), 1)
    with pytest.raises(settings.UserError, match="not in a dense layer with softmax"):
        deployment.with_logits(logits)


def test_a_temperature_in_the_weights_is_one_behind_the_softmax(model, noise):
    tempered = deployment.with_temperature(model, 0.5)
    expected = calibration.apply_temperature(evaluation.predict(model, noise), 0.5)
    np.testing.assert_allclose(evaluation.predict(tempered, noise), expected, atol=1e-5)


def test_no_temperature_without_a_softmax_or_at_zero(model):
    without = keras.Model(model.input, model.layers[-2].output)
    for network, temperature in ((without, 1.0), (model, 0.0), (model, float("nan"))):
        with pytest.raises(settings.UserError):
            deployment.with_temperature(network, temperature)


def test_a_float_file_computes_what_keras_does_from_raw_pixels(model, exported, noise):
    found = deployment.Interpreter(exported).predict(noise, batch_size=16)
    np.testing.assert_allclose(found, evaluation.predict(model, noise), atol=1e-5)


def test_another_pixel_range_is_in_the_file(noise):
    model = layers.in_float32(models.build("cnn_dropout", filters=(4, 4, 4), units=8))
    expected = evaluation.predict(model, noise, (-0.5, 0.5))
    for kind, tolerance in (("float32", 1e-5), ("int8", 0.02)):
        content = deployment.to_litert(model, kind, noise, (-0.5, 0.5))
        found = deployment.Interpreter(content).predict(noise)
        np.testing.assert_allclose(found, expected, atol=tolerance)


def test_a_quantised_file_takes_the_bytes_as_they_are(model, quantised, noise):
    interpreter = deployment.Interpreter(quantised)
    scale, zero = interpreter.input_quantisation
    assert scale == pytest.approx(1 / 255, rel=1e-5) and zero == 0
    expected = evaluation.predict(model, noise)
    np.testing.assert_allclose(interpreter.predict(noise), expected, atol=0.05)


def test_fewer_bytes_per_weight_make_smaller_files(noise):
    wide = layers.in_float32(models.build("cnn_basic", filters=(8, 16)))
    kinds = ("int8", "float16", "float32")
    small, middle, large = (len(deployment.to_litert(wide, kind, noise)) for kind in kinds)
    assert small < 0.6 * middle and middle < 0.6 * large


def test_batches_of_any_size_one_after_the_other(exported, noise):
    interpreter = deployment.Interpreter(exported)
    shapes = [interpreter(noise[:count]).shape for count in (1, 3, 1)]
    assert shapes == [(1, 10), (3, 10), (1, 10)]


def test_what_cannot_be_exported_is_said(model, noise):
    for kind, images in (
        ("int4", noise),
        ("int8", None),
        ("int8", noise[:3]),
        ("int8", noise // 2),
    ):
        with pytest.raises(settings.UserError):
            deployment.to_litert(model, kind, images)


def with_layer(layer):
    """A small classifier with a layer before its last one."""
    pixels = keras.Input((28, 28, 1))
    features = keras.layers.Flatten()(layer(pixels))
    return keras.Model(pixels, keras.layers.Dense(10, activation="softmax")(features), name="own")


class Undescribed(keras.layers.Layer):
    """A layer that cannot be made again from its configuration."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs


@pytest.mark.parametrize(
    "layer", [keras.layers.Lambda(lambda pixels: 2 * pixels), Undescribed(2.0)], ids=type
)
def test_layers_that_cannot_leave_are_said(layer):
    network = with_layer(layer)
    for export in (deployment.to_litert, lambda model: deployment.with_temperature(model, 2.0)):
        with pytest.raises(settings.UserError, match="^own has a layer .* Lambda"):
            export(network)


@pytest.mark.parametrize("shape", [(56, 56), (3, 56, 56), (3, 28, 27), (2, 28, 28, 1)])
def test_images_of_another_size_are_said(exported, shape):
    with pytest.raises(settings.UserError, match="28 × 28"):
        deployment.Interpreter(exported)(np.zeros(shape, np.uint8))


def test_images_of_another_type_are_said(exported, noise):
    with pytest.raises(settings.UserError, match="uint8"):
        deployment.Interpreter(exported)(noise / 255)


def test_what_cannot_be_run_is_said(exported):
    with pytest.raises(settings.UserError, match="no LiteRT file"):
        deployment.Interpreter(b"nothing of the kind")
    with pytest.raises(settings.UserError, match="no images"):
        deployment.Interpreter(exported).predict(np.zeros((0, 28, 28), np.uint8))


def test_tensorflow_runs_the_file_where_the_small_interpreter_is_missing(
    model, exported, noise, monkeypatch
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert deployment.runtime() == "tensorflow"
    found = deployment.Interpreter(exported).predict(noise)
    np.testing.assert_allclose(found, evaluation.predict(model, noise), atol=1e-5)
    with pytest.raises(settings.UserError, match="pip install"):
        deployment.run_alone(None, [])


def test_timings_use_every_batch_in_turn(noise):
    seen = []
    taken = deployment.timings(lambda batch: seen.append(batch[0, 0, 0]), noise, 10, repeats=8)
    assert taken.shape == (8,) and (taken >= 0).all()
    assert seen[2:6] == [noise[start, 0, 0] for start in (0, 10, 20, 30)]
    assert len(deployment.timings(lambda batch: None, noise, longest_seconds=0)) == 5
    with pytest.raises(settings.UserError):
        deployment.timings(lambda batch: None, noise[:3], 4)


def test_agreement_counts_equal_classes():
    first = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]])
    second = np.array([[0.6, 0.4], [0.6, 0.4], [0.3, 0.7], [0.4, 0.6]])
    share, low, high = deployment.agreement(first, second)
    assert share == 0.5 and low < 0.5 < high
    with pytest.raises(settings.UserError):
        deployment.agreement(first, first[:3])


def test_margin_is_the_lead_of_the_first_class():
    np.testing.assert_allclose(deployment.margin([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]), [0.2, 0.0])


def test_zipped_zeros_take_little():
    assert deployment.zipped_size(bytes(10_000)) < 300


def test_a_file_is_written_and_its_path_returned(tmp_path):
    path = deployment.write(tmp_path / "new" / "file", b"first")
    assert path.read_bytes() == b"first" and path.parent == tmp_path / "new"


def test_exported_files_go_where_git_ignores_them():
    assert settings.OUTPUTS in deployment.folder().parents


@needs_litert
def test_the_script_says_what_is_like_the_data_set(model, noise, tmp_path):
    from helpers.topics import pictures

    content = deployment.to_litert(deployment.with_logits(model), "int8", noise)
    names = [f"class {n}" for n in range(10)]
    deployment.write_bundle(content, names, -1e6, tmp_path)
    picture = pictures.file("t_shirt")
    logits = deployment.Interpreter(content)(photo.prepare(picture).pixels[None])
    best = int(logits.argmax())
    share = special.softmax(logits, axis=1).max()
    assert deployment.run_alone(tmp_path, [picture]).startswith(
        f"t_shirt.jpg: class {best} {share:.0%}, "
    )
    assert "nothing" not in deployment.run_alone(tmp_path, [picture])


@pytest.fixture
def bundle(quantised, tmp_path):
    deployment.write_bundle(quantised, [f"class {n}" for n in range(10)], 1e6, tmp_path)
    return tmp_path


def test_a_bundle_holds_network_card_and_scripts(bundle, quantised):
    assert (bundle / "model.tflite").read_bytes() == quantised
    card = json.loads((bundle / "model.json").read_text())
    assert card["class_names"][9] == "class 9" and card["least_energy"] == 1e6
    assert {*deployment.SCRIPTS, "classify.py"} <= {path.name for path in bundle.iterdir()}


@needs_litert
def test_a_bundle_runs_without_tensorflow(bundle):
    from helpers.topics import pictures

    (bundle / "text.txt").write_text("no image")
    printed = deployment.run_alone(bundle, [pictures.file("t_shirt"), bundle / "text.txt"])
    first, second = printed.splitlines()
    assert first.startswith("t_shirt.jpg: class ") and first.endswith(
        "(looks like nothing in the data set)"
    )
    assert first.count("%") == 3
    assert second.startswith("text.txt cannot be read as an image")


def classified(bundle, *arguments, encoding="utf-8"):
    """Run the script as a reader does, into a pipe of an encoding."""
    return subprocess.run(
        [sys.executable, "classify.py", *map(str, arguments)],
        cwd=bundle, capture_output=True, env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip


@needs_litert
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_is_wrong_with_one_picture_is_said_and_the_next_one_follows(bundle, encoding):
    from helpers.topics import pictures

    card = bundle / "model.json"
    card.write_text(card.read_text(encoding="utf-8").replace("class ", "вещь "), encoding="utf-8")
    for name in ("Рубашка.jpg", "a shirt 1.jpg", "shirt[2].jpg"):
        shutil.copy(pictures.file("t_shirt"), bundle / name)
    done = classified(bundle, "missing.jpg", ".", "Рубашка.jpg", "* 1.jpg", "shirt[2].jpg",
                      "*.png", encoding=encoding)  # fmt: skip
    lines = done.stdout.decode(encoding).splitlines()
    starts = (
        "missing.jpg is no file",
        ". is a folder",
        "\\u0420",
        "a shirt",
        "shirt[2]",
        "*.png is",
    )
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=True)] == [True] * 6
    assert done.returncode == deployment.NOT_READ and b"Traceback" not in done.stderr


@needs_litert
def test_how_the_script_is_used_is_said_and_what_it_lacks(bundle):
    from helpers.topics import pictures

    for arguments in ((), ("--help",)):
        done = classified(bundle, *arguments)
        assert done.returncode == 2 and b"python classify.py PHOTOGRAPH" in done.stderr
    (bundle / "model.json").unlink()
    done = classified(bundle, pictures.file("t_shirt"))
    assert done.returncode == 2 and b"model.json beside" in done.stderr
    assert b"Traceback" not in done.stderr and not done.stdout


@needs_litert
@pytest.mark.parametrize("module", deployment.BLOCKED)
def test_what_is_blocked_cannot_be_imported_there(bundle, module):
    script = bundle / "classify.py"
    script.write_text(f"import {module}\n")
    with pytest.raises(settings.UserError, match=module):
        deployment.run_alone(bundle, [])
