"""Transfer learning (notebook 11): few labels, new heads, pretraining without labels.

Draws a few labels reproducibly, cuts a network before its head, trains one network many times in a
row without compiling it anew, and asks networks to tell how an image was turned.
"""

import contextlib
import io
import socket
import threading
import urllib.request
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import data, evaluation, pipeline, settings, training
from helpers.layers import keras

TURNS = 4
FOLDS = 5
INVERSE_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
IMAGENET_WEIGHTS = (
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_96_no_top.h5"
)
KERAS_MODELS = settings.keras_folder() / "models"


def of_classes(labelled, classes):
    """Return the images of some classes, labelled anew by their place in `classes`.

    Raises UserError if a class is named twice, or has no image.
    """
    classes = list(classes)
    absent = [each for each in classes if not (labelled.labels == each).any()]
    if not classes or len(set(classes)) < len(classes) or absent:
        raise settings.UserError(
            f"{classes} are not distinct classes with images: name each class once, and only "
            f"classes among {np.unique(labelled.labels).tolist()}."
        )
    chosen = labelled.take(np.isin(labelled.labels, classes))
    places = np.zeros(max(classes) + 1, np.uint8)
    places[classes] = np.arange(len(classes))
    return data.LabelledImages(chosen.images, places[chosen.labels])


def draw(labels, per_class, seed):
    """Draw the same number of examples of each class: distinct indices, class after class.

    Draws of one seed are nested: a larger one contains every smaller one, so that more labels means
    more of the same and not others. Raises UserError if a class has fewer examples.
    """
    generator = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    fewest = min(counts, default=0)
    if not 1 <= per_class <= fewest:
        raise settings.UserError(
            f"{per_class} labels per class cannot be drawn where the smallest class has "
            f"{fewest} images: ask for at least one and at most so many."
        )
    members = [generator.permutation(np.flatnonzero(labels == each)) for each in classes]
    return np.concatenate([each[:per_class] for each in members])


def feature_extractor(model):
    """Return a network that ends before the last dense layer of `model` and shares its weights.

    It takes what `model` takes and returns (B, features). Raises UserError if the last layer is not
    dense.
    """
    head = model.layers[-1]
    if not isinstance(head, keras.layers.Dense):
        raise settings.UserError(
            f"{model.name} ends in {type(head).__name__}: pass a classifier whose last layer is "
            "dense, so that there is a head to cut off."
        )
    return keras.Model(model.input, head.input, name=f"{model.name}_features")


def features(model, images, pixel_range=(0.0, 1.0), batch_size=500):
    """Return what the last hidden layer of a classifier makes of images, (N, features) float32."""
    infer = evaluation.inference_function(feature_extractor(model))
    return _in_blocks(
        lambda block: infer(pipeline.prepare_images(block, pixel_range)), images, batch_size
    )


def _in_blocks(function, images, size):
    data.check_images(images)
    starts = range(0, len(images), size)
    return np.concatenate([function(images[start : start + size]) for start in starts])


def with_new_head(model, classes, trainable=True, seed=0):
    """Return a copy of a classifier with a new last layer for other classes.

    All other layers have copies of the weights of `model`. Unless they are `trainable` only the
    head learns, and batch normalisation keeps its statistics. `seed` sets the starting weights of
    the head.
    """
    body = feature_extractor(model)
    copied = keras.models.clone_model(body)
    copied.set_weights(body.get_weights())
    copied.trainable = trainable
    keras.utils.set_random_seed(seed)
    head = keras.layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")
    return keras.Model(copied.input, head(copied.output), name=f"{model.name}_with_new_head")


def logistic_head(vectors, labels):
    """Fit logistic regression to vectors, (N, features), with the penalty that suits them.

    The penalty is chosen by cross-validation on the examples themselves, so that no label is used
    beyond those that are given. Returns the fitted `GridSearchCV`. Raises UserError if a class has
    fewer than five examples.
    """
    if np.unique(labels, return_counts=True)[1].min() < FOLDS:
        raise settings.UserError(
            f"Cross-validation needs {FOLDS} examples of each class: draw more labels."
        )
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    choices = {"logisticregression__C": list(INVERSE_PENALTIES)}
    return GridSearchCV(regression, choices, cv=FOLDS).fit(vectors, labels)


class Adapter:
    """Train one network many times, each time from given starting weights, compiled only once.

    Building and tracing a network takes longer than a short training. Each training here sets the
    weights and empties the memory of the optimizer (Adam, with a rate that falls along a cosine
    over `steps` batches), so that it is the same as a training of a newly built network. `augment`
    are callables from `helpers.pipeline`.
    """

    def __init__(self, model, steps, batch_size=32, augment=()):
        self.model, self.steps = model, steps
        self.batch_size, self.augment = batch_size, augment
        self._schedule = _Cosine(steps)
        model.compile(
            keras.optimizers.Adam(self._schedule),
            "sparse_categorical_crossentropy",
            steps_per_execution=training.steps_per_execution(steps),
        )
        model.optimizer.build(model.trainable_variables)
        self._fresh = [np.array(variable) for variable in model.optimizer.variables]
        self._infer = evaluation.inference_function(model)

    def train(self, weights, labelled, rate, seed):
        """Train from `weights` on a few images, each as often as any other, or once more.

        `labelled` may hold no more than `steps` times `batch_size` images; what is beyond that
        would not be seen. `rate` is the learning rate of the first step.
        """
        self._schedule.peak.assign(rate)
        self.model.set_weights(weights)
        for variable, value in zip(self.model.optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        repeated = labelled.take(np.resize(np.arange(len(labelled)), self.steps * self.batch_size))
        batches = pipeline.batches(
            repeated, self.batch_size, augment=self.augment, shuffle_seed=seed
        )
        self.model.fit(batches, epochs=1, shuffle=False, verbose=0)

    def accuracy(self, labelled, batch_size=500):
        """Return the share of images that the network, as trained last, classifies correctly."""
        probabilities = _in_blocks(
            lambda block: self._infer(pipeline.prepare_images(block)), labelled.images, batch_size
        )
        return float((probabilities.argmax(axis=1) == labelled.labels).mean())


class _Cosine(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that falls along a cosine from a peak that a compiled network lets us change."""

    def __init__(self, steps):
        super().__init__()
        self.peak = keras.Variable(0.0, trainable=False, name="peak")
        self.shape = keras.optimizers.schedules.CosineDecay(1.0, steps)

    def __call__(self, step):
        return self.peak * self.shape(step)


@dataclass(frozen=True)
class RandomTurn:
    """Turn each image by a random multiple of 90°, and ask for that multiple in place of the label.

    For `training.train` with a network of four outputs and one-hot labels. It takes the finished
    batch, and so comes after distortions that mirror: an image that is mirrored after a turn to the
    left has been turned to the right. Source: Gidaris, Singh and Komodakis, "Unsupervised
    Representation Learning by Predicting Image Rotations", arXiv:1803.07728, 2018.
    """

    mixes_labels = True

    def __call__(self, images, targets, seed):
        import tensorflow as tf

        turns = tf.random.stateless_uniform(tf.shape(images)[:1], seed, maxval=TURNS, dtype="int32")
        choices = tf.stack([tf.image.rot90(images, turn) for turn in range(TURNS)], axis=1)
        return tf.gather(choices, turns, axis=1, batch_dims=1), tf.one_hot(turns, TURNS)


def without_labels(images):
    """Return images with the label 0 throughout, for training that must not see their labels."""
    return data.LabelledImages(images, np.zeros(len(images), np.uint8))


def turned(images):
    """Return every image in all four positions, labelled by its number of quarter turns.

    First all upright ones, then all turned once to the left, twice, three times. Raises UserError
    if the images are not square.
    """
    data.check_images(images)
    if images.shape[1] != images.shape[2]:
        raise settings.UserError(
            f"Images of {images.shape[1]} × {images.shape[2]} pixels change their shape when "
            "turned: pass square ones."
        )
    every = [np.rot90(images, turn, axes=(1, 2)) for turn in range(TURNS)]
    labels = np.repeat(np.arange(TURNS, dtype=np.uint8), len(images))
    return data.LabelledImages(np.concatenate(every), labels)


def imagenet_network(weights="imagenet", size=96, seconds=5.0):
    """Return MobileNetV2 without its head, with weights learned on ImageNet.

    It takes (B, size, size, 3) and returns (B, 1280). `weights=None` starts from random weights and
    needs no network; `seconds` is how long to wait for an answer. Raises UserError if the weights
    are not on this machine and cannot be fetched. Source: Sandler et al., "MobileNetV2",
    arXiv:1801.04381, 2018.
    """
    stored = KERAS_MODELS / IMAGENET_WEIGHTS.rpartition("/")[2]
    if weights is not None and not stored.is_file() and not _answers(IMAGENET_WEIGHTS, seconds):
        raise settings.UserError(_unavailable("the address does not answer"))
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        # Keras draws its progress bar with backspaces, which stored notebook outputs would keep.
        with contextlib.redirect_stdout(io.StringIO()):
            return keras.applications.MobileNetV2(
                input_shape=(size, size, 3), include_top=False, weights=weights, pooling="avg"
            )
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise settings.UserError(_unavailable(type(error).__name__)) from error
    finally:
        socket.setdefaulttimeout(before)


def imagenet_features(network, images, batch_size=100):
    """Return what a network for colour photographs makes of small grey images, (N, 1280) float32.

    The images are enlarged to the size that it takes, and their one channel is given three times.
    """
    infer = evaluation.inference_function(network)
    size = network.input_shape[1:3]

    def transform(block):
        grey = keras.ops.convert_to_tensor(block[..., None].astype(np.float32))
        colour = keras.ops.repeat(keras.ops.image.resize(grey, size), 3, axis=-1)
        return infer(keras.applications.mobilenet_v2.preprocess_input(colour))

    return _in_blocks(transform, images, batch_size)


def _unavailable(reason):
    return (
        f"The ImageNet weights of MobileNetV2 cannot be had here ({reason}), so this part is left "
        "out: run the notebook again with a connection to the internet."
    )


def _answers(address, seconds):
    """Say whether an address answers in time; a name server that hangs does not hold us up."""
    found = []

    def ask():
        with contextlib.suppress(OSError):
            request = urllib.request.Request(address, method="HEAD")
            with urllib.request.urlopen(request, timeout=seconds):
                found.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(found)
