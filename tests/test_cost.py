"""Parameters, operations, latency: every count here was made by hand from the shapes."""

import platform
import time

import keras
import numpy as np
import pytest
from keras import layers as kl

from helpers import cost, evaluation, models, settings
from helpers.layers import BatchNormalization
from helpers.settings import UserError


def model_of(shape, *layers):
    inputs = outputs = keras.Input(shape)
    for layer in layers:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("shape", "layer", "expected"),
    [
        ((784,), kl.Dense(256), 2 * 784 * 256),
        ((784,), kl.Dense(256, use_bias=False), 2 * 784 * 256),
        ((784,), kl.Dense(256, activation="relu"), 2 * 784 * 256 + 256),
        ((64,), kl.Dense(10, activation="softmax"), 2 * 64 * 10 + 5 * 10),
        ((7, 64), kl.Dense(10), 7 * 2 * 64 * 10),
        ((28, 28, 1), kl.Conv2D(32, 3), 2 * 26 * 26 * 9 * 1 * 32),
        ((28, 28, 1), kl.Conv2D(32, 3, padding="same"), 2 * 28 * 28 * 9 * 1 * 32),
        ((28, 28, 8), kl.Conv2D(32, 3, strides=2), 2 * 13 * 13 * 9 * 8 * 32),
        ((28, 28, 8), kl.Conv2D(32, 3, strides=2, padding="same"), 2 * 14 * 14 * 9 * 8 * 32),
        ((28, 28, 8), kl.Conv2D(32, (5, 1), strides=(1, 2)), 2 * 24 * 14 * 5 * 8 * 32),
        ((28, 28, 8), kl.Conv2D(32, 3, dilation_rate=2), 2 * 24 * 24 * 9 * 8 * 32),
        ((28, 28, 8), kl.Conv2D(32, 3, groups=4), 2 * 26 * 26 * 9 * 2 * 32),
        (
            (28, 28, 1),
            kl.Conv2D(32, 3, padding="same", activation="relu"),
            2 * 28 * 28 * 9 * 32 + 28 * 28 * 32,
        ),
        ((28, 28, 8), kl.DepthwiseConv2D(3), 2 * 26 * 26 * 9 * 8),
        ((28, 28, 8), kl.DepthwiseConv2D(3, depth_multiplier=2), 2 * 26 * 26 * 9 * 16),
        (
            (28, 28, 8),
            kl.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"),
            2 * 14 * 14 * 9 * 8 + 14 * 14 * 8,
        ),
        (
            (28, 28, 8),
            kl.SeparableConv2D(32, 3, padding="same"),
            2 * 28 * 28 * 9 * 8 + 2 * 28 * 28 * 8 * 32,
        ),
        (
            (28, 28, 8),
            kl.SeparableConv2D(32, 3, strides=2, depth_multiplier=2),
            2 * 13 * 13 * 9 * 16 + 2 * 13 * 13 * 16 * 32,
        ),
        ((28, 28, 8), kl.MaxPooling2D(), 4 * 14 * 14 * 8),
        ((28, 28, 8), kl.MaxPooling2D(3, strides=2, padding="same"), 9 * 14 * 14 * 8),
        ((28, 28, 8), kl.AveragePooling2D((2, 1)), 2 * 14 * 28 * 8),
        ((7, 7, 64), kl.GlobalAveragePooling2D(), 7 * 7 * 64),
        ((7, 7, 64), kl.GlobalMaxPooling2D(keepdims=True), 7 * 7 * 64),
        ((28, 28, 8), kl.BatchNormalization(), 2 * 28 * 28 * 8),
        ((28, 28, 8), BatchNormalization(), 2 * 28 * 28 * 8),
        ((28, 28, 1), kl.Rescaling(1 / 255), 2 * 28 * 28),
        ((28, 28, 8), kl.ReLU(), 28 * 28 * 8),
        ((256,), kl.LeakyReLU(), 256),
        ((256,), kl.PReLU(), 256),
        ((256,), kl.Activation("gelu"), 256),
        ((256,), kl.Activation("linear"), 0),
        ((10,), kl.Softmax(), 50),
        ((10,), kl.Activation("softmax"), 50),
        ((28, 28, 1), kl.Flatten(), 0),
        ((256,), kl.Dropout(0.5), 0),
        ((28, 28, 1), kl.ZeroPadding2D(2), 0),
        ((28, 28, 1), kl.RandomFlip(), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, kl.Layer) else None,
)
def test_operations_of_one_layer(shape, layer, expected):
    assert cost.flops(model_of(shape, layer)) == expected


def residual_network():
    inputs = keras.Input((28, 28, 1))
    x = kl.Conv2D(8, 3, padding="same", use_bias=False)(inputs)
    y = BatchNormalization()(x)
    y = kl.ReLU()(y)
    y = kl.Conv2D(8, 3, padding="same", use_bias=False)(y)
    x = kl.Add()([x, y])
    x = kl.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, kl.Dense(10, activation="softmax")(x), name="residual")


RESIDUAL_OPERATIONS = {
    "InputLayer": 0,
    "Conv2D": 2 * 784 * 9 * 8 + 2 * 784 * 9 * 8 * 8,
    "BatchNormalization": 2 * 784 * 8,
    "ReLU": 784 * 8,
    "Add": 784 * 8,
    "GlobalAveragePooling2D": 784 * 8,
    "Dense": 2 * 8 * 10 + 50,
}


def test_residual_network_by_hand():
    model = residual_network()
    assert cost.flops(model) == sum(RESIDUAL_OPERATIONS.values())
    assert cost.parameters(model) == 9 * 8 + 9 * 8 * 8 + 4 * 8 + 8 * 10 + 10
    assert cost.size_bytes(model) == 4 * cost.parameters(model)


def test_registered_ann_by_hand():
    model = models.build("ann_baseline", units=(256, 128))
    weights = 784 * 256 + 256 * 128 + 128 * 10
    assert cost.parameters(model) == weights + 256 + 128 + 10
    assert cost.flops(model) == 2 * weights + 256 + 128 + 5 * 10


def test_every_registered_model_can_be_counted():
    for name in models.names():
        model = models.build(name)
        table = cost.layer_table(model)
        assert table["parameters"].sum() == cost.parameters(model) > 0
        assert table["mflops"].sum() == pytest.approx(cost.flops(model) / 1e6)
        assert cost.flops(model) > cost.parameters(model)


def test_layer_table_follows_the_data():
    table = cost.layer_table(residual_network())
    assert table.columns.tolist() == ["layer", "kind", "output_shape", "parameters", "mflops"]
    assert table["kind"].tolist() == [
        "InputLayer",
        "Conv2D",
        "BatchNormalization",
        "ReLU",
        "Conv2D",
        "Add",
        "GlobalAveragePooling2D",
        "Dense",
    ]
    assert table["output_shape"].tolist()[-3:] == [(28, 28, 8), (8,), (10,)]
    for kind, mflops in table.groupby("kind")["mflops"].sum().items():
        assert mflops == pytest.approx(RESIDUAL_OPERATIONS[kind] / 1e6)


def test_merging_several_tensors_counts_each_but_one():
    inputs = keras.Input((6,))
    branches = [kl.Activation("relu")(inputs) for _ in range(3)]
    for merge, expected in ((kl.Add(), 12), (kl.Multiply(), 12), (kl.Concatenate(), 0)):
        model = keras.Model(inputs, merge(branches))
        assert cost.flops(model) == 3 * 6 + expected


def test_a_layer_used_twice_works_twice_and_is_stored_once():
    shared = kl.Dense(16)
    model = model_of((16,), shared, kl.ReLU(), shared)
    assert cost.flops(model) == 2 * (2 * 16 * 16) + 16
    table = cost.layer_table(model)
    assert table.loc[table["kind"] == "Dense", "parameters"].tolist() == [16 * 17, 0]
    assert table["parameters"].sum() == cost.parameters(model)


def test_uses_in_other_models_do_not_count():
    model = residual_network()
    features = keras.Model(model.input, model.layers[-2].output)
    keras.Model(features.input, kl.Dense(2)(features.output))
    assert cost.flops(model) == sum(RESIDUAL_OPERATIONS.values())
    assert cost.flops(features) == cost.flops(model) - RESIDUAL_OPERATIONS["Dense"]


def test_part_of_a_model_counts_from_its_own_input():
    model = model_of((28, 28, 1), kl.Conv2D(4, 3), kl.Conv2D(4, 3), kl.Flatten())
    tail = keras.Model(model.layers[1].output, model.output)
    assert cost.flops(tail) == 2 * 24 * 24 * 9 * 4 * 4


def test_nested_and_sequential_models():
    inner = keras.Sequential(
        [keras.Input((28, 28, 1)), kl.Conv2D(4, 3), kl.Flatten()], name="inner"
    )
    model = model_of((28, 28, 1), inner, kl.Dense(10))
    convolution = 2 * 26 * 26 * 9 * 4
    assert cost.flops(inner) == convolution
    assert cost.flops(model) == convolution + 2 * 26 * 26 * 4 * 10
    table = cost.layer_table(model)
    assert any(name.startswith("inner/") for name in table["layer"])
    assert table["parameters"].sum() == cost.parameters(model)


def test_parameters_leave_out_optimizer_and_random_state():
    model = model_of((16,), kl.Dense(4), kl.Dropout(0.5), kl.BatchNormalization())
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    assert cost.parameters(model) == 16 * 4 + 4 + 4 * 4


def test_a_layer_without_a_rule_is_named():
    with pytest.raises(UserError, match=r"strange.*LayerNormalization.*add a rule"):
        cost.flops(model_of((16,), kl.LayerNormalization(name="strange")))


def test_a_model_without_a_graph_is_refused():
    with pytest.raises(UserError, match="no graph"):
        cost.flops(keras.Sequential([kl.Dense(3)]))


def test_an_open_input_size_is_refused():
    with pytest.raises(UserError, match="no fixed shape"):
        cost.flops(model_of((None, None, 1), kl.Conv2D(4, 3)))


IMAGES = np.zeros((3, 28, 28), dtype=np.uint8)


def test_latency_is_measured_fast():
    model = model_of((28, 28, 1), kl.Flatten(), kl.Dense(10))
    start = time.perf_counter()
    milliseconds = cost.latency(model, IMAGES)
    assert 0 < milliseconds < 100
    assert time.perf_counter() - start < 5


def test_latency_is_the_median_and_stops_early_for_slow_models(monkeypatch):
    sizes = []

    def infer(batch):
        sizes.append(batch.shape)
        time.sleep(0.5 if len(sizes) == cost.WARM_UP_CALLS + 1 else 0.02)

    monkeypatch.setattr(cost, "LONGEST_SECONDS", 0.6)
    monkeypatch.setattr(evaluation, "inference_function", lambda model: infer)
    assert 20 <= cost.latency(None, IMAGES, repeats=1000) < 80  # the mean is about 100
    assert set(sizes) == {(1, 28, 28, 1)}
    assert len(sizes) < 50


def test_latency_refuses_no_images():
    with pytest.raises(UserError, match="no images"):
        cost.latency(None, IMAGES[:0])


def test_machine_says_what_a_reader_needs():
    machine = cost.machine()
    assert machine["processor"] and machine["os"].startswith(platform.system())
    assert machine["cores"] >= 1 and machine["memory_gib"] > 0.5
    assert machine["python"] == platform.python_version()
    assert platform.node() not in machine.values()
    assert machine["precision"] in settings.PRECISIONS and isinstance(machine["onednn"], bool)
    assert set(machine["instructions"]) <= set(cost.INSTRUCTIONS)
    assert machine["precision"] in cost.engine(machine)


ZEN_5 = "fpu sse avx avx2 avx512f avx512_bf16 avx512_vnni"


@pytest.mark.parametrize(
    ("flags", "limit", "usable", "hidden", "kind"),
    [
        ("fpu sse avx avx2", None, ["AVX2"], [], "avx2"),
        (ZEN_5, None, ["AVX2", "AVX-512", "bfloat16"], [], "avx512_bf16"),
        (ZEN_5, "avx2", ["AVX2"], ["AVX-512", "bfloat16"], "avx2"),
        (ZEN_5, "AVX512_CORE_VNNI", ["AVX2", "AVX-512"], ["bfloat16"], "avx512"),
        (ZEN_5, "DEFAULT", ["AVX2", "AVX-512", "bfloat16"], [], "avx512_bf16"),
        (
            ZEN_5 + " amx_bf16 amx_tile",
            "AVX512_CORE_BF16",
            ["AVX2", "AVX-512", "bfloat16"],
            ["AMX"],
            "avx512_bf16",
        ),
        ("fp asimd bf16", None, ["bfloat16"], [], platform.machine().lower()),
    ],
)
def test_instructions_are_those_that_onednn_may_use(
    monkeypatch, flags, limit, usable, hidden, kind
):
    monkeypatch.setattr(cost, "_listed", lambda *keys: [flags, flags])
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert cost.instructions() == (usable, hidden)
    assert cost.processor_kind() == kind


def test_the_engine_in_words():
    found = {"precision": "float32", "onednn": True, "instructions": ["AVX2"]}
    assert cost.engine(found | {"hidden_instructions": []}) == "float32, oneDNN on, AVX2"
    hidden = {"onednn": False, "hidden_instructions": ["AVX-512", "bfloat16"]}
    expected = "float32, oneDNN off, AVX2, hidden from oneDNN: AVX-512, bfloat16"
    assert cost.engine(found | hidden) == expected


def test_versions_are_those_installed():
    versions = cost.versions()
    assert versions["numpy"] == np.__version__
    assert versions["keras"] == keras.__version__


def test_packages_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(cost, "PACKAGES", ("numpy", "surely-not-installed"))
    assert list(cost.versions()) == ["numpy"]
