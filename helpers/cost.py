"""What a model costs: parameters, operations per image, size, latency, and on which machine.

Operations are counted layer by layer from the shapes, so that every figure can be checked by hand.
"""

import importlib.metadata
import math
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil

from helpers import evaluation, pipeline, settings

BYTES_PER_PARAMETER = 4
SOFTMAX_OPERATIONS = 5
WARM_UP_CALLS = 5
FEWEST_REPEATS = 3
LONGEST_SECONDS = 1.0
# What decides how fast a processor trains: the flags by which Linux lists it, and the first of
# oneDNN's limits that lets it be used.
INSTRUCTIONS = {
    "AVX2": ({"avx2"}, "AVX2"),
    "AVX-512": ({"avx512f"}, "AVX512_CORE"),
    "bfloat16": ({"avx512_bf16", "amx_bf16", "bf16"}, "AVX512_CORE_BF16"),
    "AMX": ({"amx_tile"}, "AVX512_CORE_AMX"),
}
LIMITS = (
    *("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"),
    *("AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX512_CORE_AMX_FP16"),
)
PACKAGES = ("tensorflow", "keras", "numpy", "pandas", "scipy", "scikit-learn", "matplotlib")


def parameters(model):
    """Return how many numbers a model learned or keeps, an int.

    Trainable and non-trainable weights (such as the moving statistics of batch normalisation);
    neither the optimizer's state nor the state of random generators.
    """
    return int(model.count_params())


def size_bytes(model):
    """Return the size of a model's weights in bytes, stored as float32, an int."""
    return BYTES_PER_PARAMETER * parameters(model)


def flops(model):
    """Count the floating-point operations of classifying one image.

    A multiplication and an addition count as two operations:

    - dense layers and convolutions (plain, grouped, depthwise, separable): 2 per weight and
      output position, border padding included; the bias is the last of the additions;
    - pooling: 1 per element of each window; batch normalisation and rescaling: 2 per element;
    - activations: 1 per element, softmax 5 (maximum, difference, exponential, sum, quotient);
    - adding or otherwise merging k tensors: k - 1 per element;
    - any other layer without weights (flattening, dropout, augmentation, …): nothing.

    The model has a fixed input size; nested models and layers that are used more than once are
    counted at every use. Raises UserError if a layer with weights has no rule here, or the model
    has no graph to read.
    """
    return sum(_operations(*call) for _, *call in layer_uses(model))


def layer_table(model):
    """List a model's layers with their shapes and costs, one row per use of a layer, inputs first.

    `layer` (name), `kind` (class), `output_shape` (without the batch), `parameters` (0 where the
    layer was listed before) and `mflops`.
    """
    rows, listed = [], set()
    for name, layer, inputs, output in layer_uses(model):
        rows.append(
            {
                "layer": name,
                "kind": type(layer).__name__,
                "output_shape": output,
                "parameters": 0 if id(layer) in listed else _weight_count(layer),
                "mflops": _operations(layer, inputs, output) / 1e6,
            }
        )
        listed.add(id(layer))
    return pd.DataFrame(rows, columns=["layer", "kind", "output_shape", "parameters", "mflops"])


def latency(model, images, repeats=None):
    """Measure how long one image takes, alone, through the compiled model: median milliseconds.

    Images, (N, height, width) uint8, are used in turn; preparing them is not timed. At most
    `repeats` measurements, by default 100 in the `full` profile; a slow model gets fewer, so that
    it takes about a second in all. Raises UserError if `images` has another form or is empty.
    """
    repeats = repeats or settings.sample_size(100)
    prepared = pipeline.prepare_images(images[:repeats])
    return median_milliseconds(evaluation.inference_function(model), prepared, repeats)


def median_milliseconds(call, images, repeats=100):
    """Measure how long a call with one image takes; `latency` says how."""
    if len(images) == 0:
        raise settings.UserError("There are no images to time: pass at least one.")
    for _ in range(WARM_UP_CALLS):
        call(images[:1])
    seconds, begin = [], time.perf_counter()
    for number in range(repeats):
        image = images[number % len(images)][None]
        start = time.perf_counter()
        call(image)
        now = time.perf_counter()
        seconds.append(now - start)
        if now - begin > LONGEST_SECONDS and len(seconds) >= FEWEST_REPEATS:
            break
    return 1000 * statistics.median(seconds)


def machine():
    """Describe the machine that a result was made on.

    `processor` and `accelerator` (names; None without an accelerator), `cores` (logical, those this
    process may use), `memory_gib`, `os` and `python`; and how it trains: `precision`,
    `instructions` and `hidden_instructions` (lists, see `instructions`), and `onednn`, whether
    TensorFlow uses oneDNN's operations.
    """
    from helpers import layers

    usable, hidden = instructions()
    return {
        "processor": _processor(),
        "accelerator": _accelerator(),
        "cores": _cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "os": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "precision": layers.fastest_precision(),
        "instructions": usable,
        "hidden_instructions": hidden,
        "onednn": onednn(),
    }


def instructions():
    """Return the `INSTRUCTIONS` of this processor that oneDNN may use, and those it may not.

    Both are empty where the system does not list what its processor can do. The second holds what
    `ONEDNN_MAX_CPU_ISA` hides.
    """
    flags = {word for line in _listed("flags", "Features") for word in line.split()}
    limit = settings.instruction_limit()
    last = LIMITS.index(limit) if limit in LIMITS else len(LIMITS)
    found = [name for name, (known, _) in INSTRUCTIONS.items() if known & flags]
    usable = [name for name in found if LIMITS.index(INSTRUCTIONS[name][1]) <= last]
    return usable, [name for name in found if name not in usable]


def processor_kind():
    """Return what sets this processor apart in training: `avx512_bf16`, `avx512`, `avx2` or its
    kind.
    """
    usable, _ = instructions()
    if "AVX-512" in usable:
        return "avx512_bf16" if "bfloat16" in usable else "avx512"
    return "avx2" if "AVX2" in usable else platform.machine().lower()


def onednn():
    """Return whether TensorFlow computes with oneDNN's operations, a bool."""
    if _backend() != "tensorflow":
        return False
    from tensorflow.python.util import _pywrap_util_port  # no public name says it

    return bool(_pywrap_util_port.IsMklEnabled())


def engine(machine):
    """Say in half a sentence how a machine trains: `mixed_bfloat16, oneDNN on, AVX2, AVX-512`."""
    words = [machine["precision"], f"oneDNN {'on' if machine['onednn'] else 'off'}"]
    words += machine["instructions"]
    if machine["hidden_instructions"]:
        words.append(f"hidden from oneDNN: {', '.join(machine['hidden_instructions'])}")
    return ", ".join(words)


def versions():
    """Return the installed versions of the packages that a result depends on, name to version."""
    found = {}
    backend = _backend()
    for package in PACKAGES if backend == "tensorflow" else (*PACKAGES, backend):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def layer_uses(model, prefix=""):
    """Yield (name, layer, input shapes, output shape) for every use of a layer, inputs first.

    The graph is walked from the outputs back, as a layer's own list of uses would also hold those
    in other models that share it.
    """
    import keras

    if not model.built or not getattr(model, "outputs", None):
        raise settings.UserError(
            f"{model.name} has no graph of layers to count: build it as a functional model, or "
            "give its first layer an input shape."
        )
    for node in _nodes(model):
        layer = node.operation
        if isinstance(layer, keras.Model):
            yield from layer_uses(layer, f"{prefix}{layer.name}/")
        else:
            inputs = [_shape(tensor, layer) for tensor in node.input_tensors]
            yield prefix + layer.name, layer, inputs, _shape(node.outputs[0], layer)


def _nodes(model):
    """Return the nodes of a model's graph, each after those it takes its inputs from."""
    ordered, opened = [], set()
    pending = [(tensor, False) for tensor in reversed(model.outputs)]
    while pending:
        tensor, inputs_done = pending.pop()
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if inputs_done:
            ordered.append(node)
        elif id(node) not in opened:
            opened.add(id(node))
            pending.append((tensor, True))
            pending.extend((source, False) for source in reversed(node.input_tensors))
    return ordered


def _shape(tensor, layer):
    shape = tuple(tensor.shape[1:])
    if None in shape:
        raise settings.UserError(
            f"Layer {layer.name} has no fixed shape: give the model's input its height and width."
        )
    return shape


def _weight_count(layer):
    # What is no layer is an operation such as keras.ops.reshape, which holds no weights.
    return int(layer.count_params()) if getattr(layer, "weights", None) else 0


def _operations(layer, inputs, output):
    """Count the operations of one use of a layer, from the shapes of its inputs and output."""
    from keras import layers as kinds

    elements = math.prod(output)
    if isinstance(
        layer, kinds.Dense | kinds.Conv2D | kinds.DepthwiseConv2D | kinds.SeparableConv2D
    ):
        return 2 * _multiplications(layer, inputs, output) + _activation(layer, elements)
    if isinstance(layer, kinds.Activation):
        return _activation(layer, elements)
    if isinstance(layer, kinds.Softmax):
        return SOFTMAX_OPERATIONS * elements
    if isinstance(layer, kinds.ReLU | kinds.LeakyReLU | kinds.PReLU | kinds.ELU):
        return elements
    if isinstance(layer, kinds.BatchNormalization | kinds.Normalization | kinds.Rescaling):
        return 2 * elements
    if isinstance(layer, kinds.MaxPooling2D | kinds.AveragePooling2D):
        return math.prod(layer.pool_size) * elements
    if isinstance(layer, kinds.GlobalMaxPooling2D | kinds.GlobalAveragePooling2D):
        return math.prod(inputs[0])
    if isinstance(
        layer,
        kinds.Add | kinds.Subtract | kinds.Multiply | kinds.Average | kinds.Maximum | kinds.Minimum,
    ):
        return (len(inputs) - 1) * elements
    if _weight_count(layer):
        raise settings.UserError(
            f"The operations of layer {layer.name} ({type(layer).__name__}) cannot be counted: "
            "add a rule for it to _operations in helpers/cost.py."
        )
    return 0


def _multiplications(layer, inputs, output):
    """Count the multiplications with weights in a dense layer or a convolution."""
    from keras import layers as kinds

    elements = math.prod(output)
    if isinstance(layer, kinds.Dense):
        return inputs[0][-1] * elements
    if isinstance(layer, kinds.DepthwiseConv2D):
        return math.prod(layer.kernel_size) * elements
    if isinstance(layer, kinds.SeparableConv2D):
        positions = elements // layer.filters
        return positions * (
            math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
        )
    return elements // layer.filters * math.prod(layer.kernel.shape)


def _activation(layer, elements):
    from keras import activations

    if layer.activation is activations.linear:
        return 0
    return elements * (SOFTMAX_OPERATIONS if layer.activation is activations.softmax else 1)


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor():
    """Return the processor's name as its maker gives it, or else its architecture."""
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return next(iter(_listed("model name")), "") or platform.processor() or platform.machine()


def _listed(*keys):
    """Return what Linux lists of its processors under some keys, in order."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(errors="replace").splitlines() if listing.exists() else []
    parts = (line.partition(":") for line in lines)
    return [value.strip() for key, _, value in parts if key.strip() in keys]


def _accelerator():
    """Return the name of the GPU that Keras computes on, None where it is the processor."""
    backend = _backend()
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    with settings.quiet_import():
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
    if not devices:
        return None
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", "GPU")


def _backend():
    with settings.quiet_import():
        import keras

    return keras.backend.backend()
