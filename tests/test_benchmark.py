"""Benchmark: arms hold the ingredients they claim, rates and tables are computed as they say."""

import argparse
import importlib.util
import json
import subprocess

import numpy as np
import pytest

from helpers import cost, data, models, pipeline, runs, settings
from helpers.layers import BatchNormalization, Dropout, fastest_precision, keras
from helpers.maintenance import replication
from helpers.maintenance.benchmark import accuracy, arms, memory, rates, report, worker
from helpers.maintenance.benchmark import measure as command

TORCH = importlib.util.find_spec("torch") is not None
SPEED = {
    "seconds": [2.0, 3.0, 4.0],
    "images_per_second": 2000.0,
    "gflops": 150.0,
    "peak_memory_gib": 1.25,
    "growth_mib": 0.5,
}
SMALL = {
    "library": "TensorFlow",
    "model": "cnn_basic",
    "ingredients": [],
    "images": 64,
    "validation_images": 16,
    "quick": True,
}


@pytest.fixture
def found():
    product = {"rows": 6, "inner": 9, "columns": 2, "float32": 100.0, "bfloat16": 200.0}
    convolution = {"batch_size": 1, "size": 2, "channels_in": 3, "channels_out": 4}
    model = {"model": "resnet_fast", "title": "ResNet", "batch_size": 128, "mflops": 10.0}
    ratio = {"minimum": 2.5, "median": 3.0, "maximum": 3.5}
    return {
        "machine": {
            **{"processor": "Example", "cores": 2, "memory_gib": 8.0, "precision": "float32"},
            **{"instructions": ["AVX2"], "hidden_instructions": [], "onednn": True},
        },
        "plain_onednn": False,
        "versions": {"tensorflow": "2", "keras": "3"},
        "training_images": 6400,
        "validation_images": 1600,
        "rounds": 3,
        "rates": {
            "matrix_product": [product | {"share": 1.0, "library": "TensorFlow"}],
            "convolution": [convolution | {"share": 1.0, "float32": 120.0, "bfloat16": 300.0}],
        },
        "models": [model | {"plain": SPEED, "engine": SPEED, "ratio": ratio}],
        "ingredients": [{"model": "cnn", "steps": [{"name": "plain Keras", "seconds": [1.0]}]}],
        "pytorch": {"version": "2", "engine": SPEED, "eager": SPEED, "compiled": SPEED},
        "accuracy": [
            {
                "model": "cnn",
                "plain": [0.9, 0.9],
                "difference": {"mean": 0.001, "low": -0.002, "high": 0.004},
            }
        ],
    }


def test_augmentations_are_read_from_a_recipe():
    assert replication.rebuilt("Shift(pixels=3)", pipeline) == pipeline.Shift(3)
    assert replication.rebuilt("Flip()", pipeline) == pipeline.Flip()


@pytest.mark.parametrize("name", [*arms.source_models(), arms.RESIDUAL])
def test_every_model_has_a_recipe_that_can_be_run(name):
    recipe = arms.recipe(name)
    assert recipe.batch_size in (32, 64, 128)
    arguments = recipe.arguments()
    assert isinstance(arguments["optimizer"], keras.optimizers.Optimizer)
    keras.losses.get(arguments["loss"])


def test_the_source_models_are_those_of_the_first_notebooks():
    first = [name for name in models.names() if models.specification(name).notebook < "09"]
    published = {result.model for result in runs.load_all(settings.PUBLISHED_RESULTS)}
    assert arms.source_models() == [name for name in first if name in published]
    assert "resnet_fast" not in arms.source_models() and "cnn_optimum" in arms.source_models()


def test_only_ingredients_that_make_a_difference_are_timed(monkeypatch):
    monkeypatch.setenv("FASHION_PRECISION", "mixed_bfloat16")
    assert arms.used("cnn_batch_normalization", plain_onednn=False) == list(arms.INGREDIENTS)
    left_out = set(arms.INGREDIENTS) - set(arms.used(arms.RESIDUAL, plain_onednn=True))
    assert left_out == {"dropout", "onednn"}
    monkeypatch.setenv("FASHION_PRECISION", "float32")
    assert "precision" not in arms.used(arms.RESIDUAL, plain_onednn=True)


@pytest.mark.parametrize(
    ("given", "limit", "plain", "engine"),
    [
        (None, None, None, None),
        ("1", None, None, "1"),
        ("0", None, "0", "0"),
        ("1", "AVX2", "0", "1"),
    ],
)
def test_plain_tensorflow_keeps_its_own_default(monkeypatch, given, limit, plain, engine):
    monkeypatch.setattr(cost, "_listed", lambda *keys: ["avx2 avx512f"])
    for name, value in ((worker.ONEDNN, given), ("ONEDNN_MAX_CPU_ISA", limit)):
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value)
    assert worker.environment(onednn=False).get(worker.ONEDNN) == plain
    assert worker.environment(onednn=True).get(worker.ONEDNN) == engine


def test_arms_have_the_setting_of_onednn_that_they_say():
    found = [[], ["batches"], ["batches", "onednn"], arms.ENGINE, None]
    has = [worker._has_onednn({"ingredients": ingredients}) for ingredients in found]
    assert has == [False, False, True, True, True]


def options_of(*words):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def test_figures_are_published_by_the_kind_of_processor(monkeypatch):
    monkeypatch.setattr(cost, "_listed", lambda *keys: ["avx2"])
    options = options_of("--publish")
    assert command._published(options) == settings.PUBLISHED_RESULTS / "benchmark_avx2.json"
    options = options_of("--publish", "--quick")
    with pytest.raises(settings.UserError, match="leave out --quick"):
        command._published(options)


def test_plain_keras_distorts_as_the_recipe_says_and_only_in_training():
    inner = arms.build("cnn_optimum", arms.PLAIN)
    model = arms.distorting(inner, (pipeline.Flip(), pipeline.Shift(1)), (-0.5, 0.5))
    flip, shift = model.layers[1:3]
    images = np.zeros((64, 28, 28, 1), "float32")
    images[:, 3, 5] = 1.0
    mirrored = np.asarray(flip(images, training=True))
    there, back = mirrored[:, 3, 5, 0] == 1, mirrored[:, 3, 22, 0] == 1
    assert (there ^ back).all() and there.any() and back.any()
    moved = np.asarray(shift(images, training=True))
    rows, columns = np.divmod(moved.reshape(64, -1).argmax(axis=1), 28)
    assert set(rows) <= {2, 3, 4} and set(columns) <= {4, 5, 6} and (moved != images).any()
    assert shift.fill_value == -0.5
    assert np.allclose(
        model(images[:2], training=False), inner(images[:2], training=False), atol=1e-6
    )
    assert arms.distorting(inner, ()) is inner


def test_a_distortion_that_keras_lacks_is_refused():
    with pytest.raises(settings.UserError, match="Cutout"):
        arms.distorting(arms.build("cnn_basic", arms.PLAIN), (pipeline.Cutout(8),))


def kinds(model):
    return {type(layer) for layer in model.layers}


def test_plain_has_no_ingredient_and_the_whole_ladder_has_all():
    name = "cnn_batch_normalization"
    plain, whole = arms.build(name, arms.PLAIN), arms.build(name, frozenset(arms.INGREDIENTS))
    assert {keras.layers.BatchNormalization, keras.layers.Dropout} <= kinds(plain)
    assert {BatchNormalization, Dropout} <= kinds(whole)
    assert plain.layers[1].dtype_policy.name == "float32"
    assert whole.layers[1].dtype_policy.name == fastest_precision()
    assert models.BatchNormalization is BatchNormalization
    assert [weight.shape for weight in plain.weights] == [weight.shape for weight in whole.weights]


def test_shapes_are_those_of_the_network_without_its_first_layer():
    assert rates.convolution_shapes("resnet_fast", 128) == {
        (128, 28, 16, 32): 1,
        (128, 14, 32, 32): 2,
        (128, 14, 32, 64): 1,
        (128, 7, 64, 64): 2,
    }


def test_overall_rate_is_operations_by_time():
    entries = [{"share": 0.25, "float32": 100.0}, {"share": 0.75, "float32": 300.0}]
    # 25 operations take 0.25 s and 75 take 0.25 s: 100 operations in half a second.
    assert rates.overall(entries, "float32") == pytest.approx(200.0)
    slow = [{"share": 1.0, "float32": 150.0, "library": "B"}]
    fast = [entry | {"library": "A"} for entry in entries]
    assert rates.best_product_rate(fast + slow, "float32") == pytest.approx(200.0)


def test_rates_are_positive_and_finite(monkeypatch):
    monkeypatch.setattr(rates, "convolution_shapes", lambda *_: {(2, 4, 3, 5): 2})
    with monkeypatch.context() as hidden:
        hidden.setenv("FASHION_PRECISION", "float32")
        assert rates.formats() == ("float32",)
    measured = rates.measure("resnet_fast", 2)
    assert [entry["rows"] for entry in measured["convolution"] if "rows" in entry] == []
    assert {entry["library"] for entry in measured["matrix_product"]} >= {"TensorFlow"}
    for entry in measured["matrix_product"] + measured["convolution"]:
        assert all(0 < entry[dtype] < 1e5 for dtype in rates.formats())
        assert entry["share"] == 1.0


def test_peak_memory_is_at_least_what_is_held_now():
    assert memory.peak_gib() * 1024 >= memory.now_mib() > 10


def test_the_share_sustained_is_that_of_the_fastest_round_and_format(found):
    sustained = command._sustained(found)
    assert sustained["share_of_matrix_product"] == pytest.approx(150 * 3 / 2 / 200)
    assert sustained["share_of_convolution"] == pytest.approx(150 * 3 / 2 / 300)
    assert command._sustained(found | {"models": []}) is None
    for entry in found["rates"]["matrix_product"] + found["rates"]["convolution"]:
        del entry["bfloat16"]
    assert command._sustained(found)["share_of_convolution"] == pytest.approx(150 * 3 / 2 / 120)


def test_tables_name_every_figure(found):
    found["residual"] = command._sustained(found)
    assert "Example, 2 cores" in report.heading(found)
    assert "the series: float32, oneDNN on, AVX2; plain TensorFlow: oneDNN off" in report.heading(
        found
    )
    assert "matrix_product, GFLOP/s" in report.rate_table(found)
    assert all(figure in report.rate_table(found).split() for figure in ("100.00", "200.00"))
    text = report.model_table(found)
    assert "3.00" in text and "2,000.00" in text and "sustains 225 GFLOP/s" in text
    assert "112% of the machine's matrix products (200), 75% of its convolutions (300)" in text
    assert "compiled" in report.pytorch_table(found)
    assert "is not installed" in report.pytorch_table(found | {"pytorch": None})
    assert "plain Keras" in report.ingredient_table(found)
    assert "0.10 -0.20  0.40" in report.accuracy_table(found)


def test_accuracy_is_compared_on_paired_seeds(monkeypatch):
    monkeypatch.setattr(accuracy, "_plain_accuracy", lambda *given: 0.8 + given[-1] / 100)
    monkeypatch.setattr(accuracy, "_engine_accuracy", lambda *given: 0.81 + given[-1] / 100)
    compared = accuracy.compare("ann_baseline", data.load_sample(), 100, 1, seeds=3)
    assert compared["plain"] == pytest.approx([0.8, 0.81, 0.82])
    assert compared["difference"]["mean"] == pytest.approx(0.01)
    assert compared["training_images"] == 100


class InThisProcess:
    """An arm without a process of its own, which takes seconds to start."""

    def __init__(self, specification):
        names = ("model", "ingredients", "images", "validation_images", "quick")
        name, ingredients, count, validation_count, quick = map(specification.get, names)
        parts = worker.images(quick, count, validation_count)
        self.arm = arms.Arm(name, ingredients, *parts)

    def epoch(self):
        return {"seconds": self.arm.epoch(), **self.arm.memory()}

    def end(self):
        pass


def test_the_command_times_a_model_and_writes_its_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "Worker", InThisProcess)
    monkeypatch.setattr(command, "plain_onednn", lambda: False)
    monkeypatch.setitem(command.SIZES, True, (256, 64))
    path = tmp_path / "figures" / "benchmark.json"
    options = ["--quick", "--only", "models", "--models", "ann_baseline", "--json", str(path)]
    assert command.measure(options_of(*options)) == 0
    written = json.loads(path.read_text())
    assert written["machine"] == cost.machine() and written["plain_onednn"] is False
    entry = written["models"][0]
    ratio = entry["plain"]["seconds"][0] / entry["engine"]["seconds"][0]
    assert entry["ratio"]["median"] == pytest.approx(ratio)
    operations = entry["mflops"] * 1e6 * (3 * 256 + 64)
    expected = operations / entry["engine"]["seconds"][0] / 1e9
    assert entry["engine"]["gflops"] == pytest.approx(expected)
    assert 0 < entry["engine"]["peak_memory_gib"]
    assert "ann_baseline" in capsys.readouterr().out


def test_a_plain_worker_trains_as_where_there_is_no_avx512(monkeypatch, tmp_path):
    left = {"backend": "torch", "image_data_format": "channels_first"}  # by another course
    (tmp_path / "keras.json").write_text(json.dumps(left))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    running = worker.Worker(SMALL)
    try:
        assert not running.onednn
        answer = running.epoch()
    finally:
        running.end()
    assert answer["seconds"] > 0 and 0 < answer["peak_memory_gib"] < 2.5


def test_a_worker_that_fails_says_so():
    with pytest.raises(settings.UserError, match="ended early .*quick"):
        worker.Worker({"ingredients": arms.ENGINE})


def test_tensorflow_is_asked_for_its_own_default(monkeypatch):
    asked = []

    def run(command, env, **_):
        asked.append(env.get(worker.ONEDNN))
        return subprocess.CompletedProcess(command, 0, stdout="True\n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv(worker.ONEDNN, "1")
    monkeypatch.setattr(cost, "_listed", lambda *keys: ["avx2"])
    assert worker.plain_onednn.__wrapped__() and asked == [None]


def test_figures_of_other_conditions_are_not_relabelled(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(command.PARTS, "rates", lambda options: {})
    monkeypatch.setattr(command, "plain_onednn", lambda: True)
    monkeypatch.setattr(report, "PARTS", {"rates": lambda found: ""})
    path = tmp_path / "benchmark.json"
    options = ["--only", "rates", "--json", str(path)]
    assert command.measure(options_of(*options, "--quick")) == 0
    kept = json.loads(path.read_text()) | {"models": [{"model": "cnn_basic"}]}
    path.write_text(json.dumps(kept))
    assert command.measure(options_of(*options, "--quick")) == 0
    assert json.loads(path.read_text())["models"] == kept["models"]
    with pytest.raises(settings.UserError, match="of another quick, training_images"):
        command.measure(options_of(*options))
    path.write_text("{")
    with pytest.raises(settings.UserError, match="damaged"):
        command.measure(options_of(*options, "--quick"))


def test_figures_that_cannot_be_written_are_reported(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(settings.UserError, match="another place"):
        command._write({}, tmp_path / "file" / "benchmark.json")


@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")
def test_the_network_in_pytorch_is_the_same_size_and_trains():
    from helpers.maintenance.benchmark import residual_pytorch

    network = residual_pytorch.Residual()
    trainable = sum(parameter.numel() for parameter in network.parameters())
    expected = sum(int(np.prod(w.shape)) for w in models.build("resnet_fast").trainable_weights)
    assert trainable == expected
    training, validation = worker.images(True, 256, 64)
    assert residual_pytorch.Arm(training, validation, compiled=False).epoch() > 0
