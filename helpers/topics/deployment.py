"""Deployment (notebook 17): export a trained network, quantise it, run the file alone, time it.

Every exported file takes raw pixels, bytes from 0 to 255, so that no step of the preparation is
left for its user to get wrong.
"""

import importlib.util
import io
import json
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

from helpers import data, evaluation, files, pipeline, settings
from helpers.layers import in_float32, keras

# What the numbers in a LiteRT file are: all of the network in float32; weights stored in float16;
# weights stored in int8 and all arithmetic between float numbers; all of it in int8.
KINDS = ("float32", "float16", "dynamic", "int8")
FEWEST_REPRESENTATIVES = 10
WARM_UP_CALLS = 10
FEWEST_REPEATS = 5
INPUT_TOLERANCE = 1e-4
SCRIPTS = ("classify.py", "photo.py", "loading.py")
NOT_READ = 3  # the status that classify.py ends with when it could not read a picture
SECONDS_ALONE = 120
# Importing either of these in the fresh process is an error, which proves that it needs neither.
BLOCKED = ("tensorflow", "keras", "helpers")


def with_temperature(model, temperature):
    """Return a float32 copy of a classifier whose probabilities are tempered, at no cost per image.

    Dividing the logits by a positive temperature is the same as dividing the weights of the last
    layer by it; the predicted classes stay. Raises UserError if the last layer is no dense softmax,
    or the temperature is not positive. Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of
    Modern Neural Networks", ICML 2017.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise settings.UserError(f"The temperature is {temperature}: pass a number above 0.")
    copy = _classifier_in_float32(model)
    head = copy.layers[-1]
    head.set_weights([weight / temperature for weight in head.get_weights()])
    return copy


def with_logits(model):
    """Return a float32 copy of a classifier without its softmax: it returns (B, classes) logits.

    Raises UserError if the last layer is no dense softmax.
    """
    copy = _classifier_in_float32(model)
    copy.layers[-1].activation = keras.activations.linear
    return copy


def to_litert(model, kind="float32", images=None, pixel_range=(0.0, 1.0)):
    """Convert a model to a LiteRT file (TensorFlow Lite's format), and return its bytes.

    The file takes (B, height, width, channels) uint8, any B, and returns (B, classes) float32. The
    model is functional; a mixed precision is turned into float32 first. `kind` says what its
    numbers are, see `KINDS`. `int8` needs `images`, representative training images, from which the
    converter learns the range of every layer's outputs (Jacob et al., arXiv:1712.05877, 2017).
    Raises UserError if the kind is unknown, `int8` lacks images or they do not use the whole range
    of pixels, or Keras does not run on TensorFlow.
    """
    if kind not in KINDS:
        raise settings.UserError(f"{kind!r} is no kind of export: use one of {', '.join(KINDS)}.")
    if keras.backend.backend() != "tensorflow":
        raise settings.UserError(
            "Only Keras on TensorFlow can write LiteRT files: set KERAS_BACKEND=tensorflow."
        )
    if kind == "int8":
        _check_representatives(images)
    with settings.quiet_import():
        import tensorflow as tf

        model = _in_float32(model)
        forward = _forward(model, pixel_range, from_bytes=kind != "int8")
        holder = tf.Module()  # the converter looks for the weights in TensorFlow's own container
        holder.kept = [variable.value for variable in model.variables]
        converter = tf.lite.TFLiteConverter.from_concrete_functions([forward], holder)
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            prepared = pipeline.prepare_images(images, pixel_range)
            converter.representative_dataset = lambda: ([image[None]] for image in prepared)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
        try:
            content = bytes(converter.convert())
        except Exception as error:  # the class of the converter's errors is not public
            raise settings.UserError(
                f"{model.name} cannot be written as a LiteRT file: leave out layers that call "
                "Python or other libraries."
            ) from error
    if kind == "int8":
        _check_input(content, pixel_range)
    return content


def _in_float32(model):
    try:
        return in_float32(model)
    except (ValueError, TypeError, NotImplementedError) as error:
        raise settings.UserError(
            f"{model.name} has a layer that cannot be copied: put layers of Keras, or classes with "
            "`get_config`, in the place of Lambda layers and of others that hold Python code."
        ) from error


def _classifier_in_float32(model):
    head = model.layers[-1]
    if not isinstance(head, keras.layers.Dense) or head.activation is not keras.activations.softmax:
        raise settings.UserError(
            f"{model.name} ends in {type(head).__name__}, not in a dense layer with softmax: pass "
            "a classifier of the registry."
        )
    return _in_float32(model)


def _forward(model, pixel_range, from_bytes):
    """Trace a model's prediction; the quantised file turns bytes into numbers by itself."""
    import tensorflow as tf

    low, high = pixel_range
    dtype = tf.uint8 if from_bytes else tf.float32

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), dtype, "pixels")])
    def forward(pixels):
        if from_bytes:
            pixels = tf.cast(pixels, tf.float32) * ((high - low) / 255.0) + low
        return model(pixels, training=False)

    return forward.get_concrete_function()


def _check_representatives(images):
    if images is None:
        raise settings.UserError(
            "To quantise to int8, pass training images, from which the ranges are learned."
        )
    data.check_images(images)
    if len(images) < FEWEST_REPRESENTATIVES:
        raise settings.UserError(
            f"{len(images)} images represent too little: pass {FEWEST_REPRESENTATIVES} or more."
        )
    if images.min() > 0 or images.max() < 255:
        raise settings.UserError(
            f"The representative images use pixel values from {images.min()} to {images.max()} "
            "only: add images until they reach from 0 to 255."
        )


def _check_input(content, pixel_range):
    """Make sure that a quantised file takes the bytes of an image as they are."""
    low, high = pixel_range
    scale, zero = Interpreter(content).input_quantisation
    ends = scale * (0 - zero), scale * (255 - zero)
    if not np.allclose(ends, (low, high), atol=INPUT_TOLERANCE + scale / 2):
        raise settings.UserError(
            f"The converter reads the bytes 0 and 255 as {ends[0]:.3f} and {ends[1]:.3f} and not "
            f"as {low:g} and {high:g}: pass representative images with black and white pixels."
        )


def runtime():
    """Say which package `Interpreter` uses: 'ai-edge-litert' where installed, or 'tensorflow'."""
    return "ai-edge-litert" if importlib.util.find_spec("ai_edge_litert") else "tensorflow"


class Interpreter:
    """Runs the content of a LiteRT file on so many processor cores.

    Raises UserError if the content is no LiteRT file.
    """

    def __init__(self, content, threads=1):
        with settings.quiet_import(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow's own copy will one day be removed
            try:
                self._litert = _interpreter_class()(model_content=content, num_threads=threads)
                self._litert.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise settings.UserError(
                    f"This is no LiteRT file that can be run ({error}): export the model again."
                ) from error
        (self._input,) = self._litert.get_input_details()
        (self._output,) = self._litert.get_output_details()

    @property
    def input_quantisation(self):
        """What the bytes of the input stand for: (scale, zero), value = scale · (byte − zero)."""
        return self._input["quantization"]

    def __call__(self, images):
        """Return the probabilities of one batch of images, grey or colour, as (B, classes) float32.

        Rows of an int8 network sum to 1 but for its rounding. Raises UserError if the images have
        another size or type than the file takes.
        """
        size = tuple(self._input["shape_signature"][1:3])  # -1 stands for any
        if -1 not in size and np.shape(images)[1:] != size or images.dtype != np.uint8:
            raise settings.UserError(
                f"Images of the shape {np.shape(images)} do not fit: pass an array of uint8, each "
                f"image {size[0]} × {size[1]} pixels."
            )
        batch = images if images.ndim == 4 else images[..., None]  # in colour or grey
        if tuple(self._litert.get_input_details()[0]["shape"]) != batch.shape:
            self._litert.resize_tensor_input(self._input["index"], batch.shape)
            with settings.quiet_import():
                self._litert.allocate_tensors()
        self._litert.set_tensor(self._input["index"], batch)
        self._litert.invoke()
        return self._litert.get_tensor(self._output["index"])

    def predict(self, images, batch_size=250):
        """Return the probabilities of any number of images, (N, classes); each row sums to 1.

        Raises UserError if `images` has another form or is empty.
        """
        data.check_images(images)
        if len(images) == 0:
            raise settings.UserError("There are no images to predict: pass at least one.")
        starts = range(0, len(images), batch_size)
        found = np.concatenate([self(images[start : start + batch_size]) for start in starts])
        return found / found.sum(axis=1, keepdims=True)


def outputs(interpreter, images, batch_size=250):
    """Return what an `Interpreter` gives for any number of images, as it is: (N, classes) float32.

    Raises UserError if `images` has another form than the file takes.
    """
    starts = range(0, len(images), batch_size)
    return np.concatenate([interpreter(images[start : start + batch_size]) for start in starts])


def _interpreter_class():
    if runtime() == "ai-edge-litert":
        from ai_edge_litert.interpreter import Interpreter as small

        return small
    import tensorflow as tf

    return tf.lite.Interpreter


def keras_caller(model, pixel_range=(0.0, 1.0)):
    """Return a function from raw images to probabilities that runs a Keras model, to be timed.

    Takes (B, height, width) uint8, as `Interpreter` does, and prepares them inside.
    """
    infer = evaluation.inference_function(model)
    return lambda images: infer(pipeline.prepare_images(images, pixel_range))


def timings(call, images, batch_size=1, repeats=200, longest_seconds=3.0):
    """Measure how long a batch takes, again and again: milliseconds in the order of measurement.

    `call` takes a batch (B, height, width) of uint8. A call that is slow is repeated less often,
    for `longest_seconds` in all, but at least five times. Raises UserError if there are fewer
    images than one batch needs.
    """
    if len(images) < batch_size:
        raise settings.UserError(
            f"{len(images)} images do not fill a batch of {batch_size}: pass more of them."
        )
    whole = len(images) // batch_size
    batches = [images[n * batch_size : (n + 1) * batch_size] for n in range(min(whole, repeats))]
    for number in range(WARM_UP_CALLS if batch_size == 1 else 2):
        call(batches[number % len(batches)])
    seconds, begin = [], time.perf_counter()
    for number in range(repeats):
        batch = batches[number % len(batches)]
        start = time.perf_counter()
        call(batch)
        now = time.perf_counter()
        seconds.append(now - start)
        if now - begin > longest_seconds and len(seconds) >= FEWEST_REPEATS:
            break
    return 1000 * np.array(seconds)


def agreement(first, second):
    """Return how often two versions of a model predict the same class, with Wilson's interval.

    That is share, low and high. Raises UserError if the probabilities, (N, classes), differ in
    shape.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 2:
        raise settings.UserError(
            f"Probabilities of the shapes {first.shape} and {second.shape} cannot be compared: "
            "pass those of the same images."
        )
    same = int((first.argmax(axis=1) == second.argmax(axis=1)).sum())
    return same / len(first), *evaluation.wilson_interval(same, len(first))


def margin(probabilities):
    """Return how far the most probable class leads the next one, shape (N,), each 0 to 1."""
    ordered = np.sort(np.asarray(probabilities), axis=1)
    return ordered[:, -1] - ordered[:, -2]


def zipped_size(content):
    """Return how many bytes a file's content takes in a zip archive, an int."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model", content)
    return len(buffer.getvalue())


def folder():
    """Return the folder for exported files of the active profile, which git ignores."""
    return settings.OUTPUTS / settings.profile() / "deployment"


def write(path, content):
    """Write bytes as a file, whole or not at all, see `files.write`; return its path."""
    path = Path(path)
    files.write(path, content, "make room there and run this cell again; no file is lost.")
    return path


def write_bundle(content, class_names, least_energy, target):
    """Write a folder that classifies photographs on its own: network, its card, three scripts.

    `content` is a LiteRT file that returns logits; below `least_energy`, the logarithm of the sum
    of their exponentials, the script says that a picture looks like nothing in the data set.
    Returns the paths of `model.tflite`, `model.json`, `classify.py`, `photo.py` and `loading.py`.
    Raises UserError if one cannot be written.
    """
    card = {"class_names": list(class_names), "least_energy": round(float(least_energy), 4)}
    written = [
        write(target / "model.tflite", content),
        write(target / "model.json", (json.dumps(card, indent=1) + "\n").encode("utf-8")),
    ]
    here = Path(__file__).parent
    return written + [write(target / name, (here / name).read_bytes()) for name in SCRIPTS]


def run_alone(bundle, pictures):
    """Run a bundle's script in a fresh process in which TensorFlow cannot be imported.

    Returns what it printed, one line a picture. Raises UserError if the small interpreter is not
    installed, or the script fails or takes too long.
    """
    if runtime() != "ai-edge-litert":
        raise settings.UserError(
            "The small interpreter is not installed: run `pip install ai-edge-litert`."
        )
    bundle = Path(bundle).resolve()
    blocked = "import runpy, sys; " + "".join(f"sys.modules[{name!r}] = None; " for name in BLOCKED)
    code = f"{blocked}sys.argv = sys.argv[1:]; sys.path[0] = {str(bundle)!r}; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    paths = [str(Path(path).resolve()) for path in (bundle / "classify.py", *pictures)]
    try:
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", code, *paths], capture_output=True,
            encoding="utf-8", timeout=SECONDS_ALONE, cwd=bundle, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise settings.UserError(
            f"classify.py in {bundle} was not done after {SECONDS_ALONE} seconds: pass fewer "
            "pictures."
        ) from error
    if done.returncode not in (0, NOT_READ):
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise settings.UserError(f"classify.py failed in {bundle}: {reason}")
    return done.stdout
