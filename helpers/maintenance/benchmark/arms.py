"""What is timed: one model, trained as Keras' guide shows it, as the series does, or in between.

An arm is a set of the engine's ingredients. The empty set is plain Keras with TensorFlow's own
defaults; the whole set is what `training.train` does. Every arm distorts the training images as the
model's recipe says.
"""

import contextlib
import time
from dataclasses import dataclass
from unittest import mock

from helpers import models, pipeline, runs, settings, training
from helpers.layers import fastest_precision, keras
from helpers.maintenance import replication
from helpers.maintenance.benchmark import memory

RESIDUAL = "resnet_fast"
# In the order in which they were added, with the words that reports use.
INGREDIENTS = {
    "batches": "batches without the autotuner",
    "steps": "several steps per call",
    "normalization": "fused normalisation",
    "dropout": "dropout by the byte",
    "onednn": "oneDNN's operations",
    "precision": "bfloat16",
}
PLAIN = frozenset()
ENGINE = "engine"
TIMED_EPOCHS = 2


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: what `training.train` is told, but for the epochs."""

    batch_size: int
    optimizer: dict
    loss: str
    label_smoothing: float
    augment: tuple

    def arguments(self):
        """Return new arguments for one run, as an optimizer serves one model only."""
        loss = self.loss
        if self.label_smoothing:
            loss = keras.losses.CategoricalCrossentropy(label_smoothing=self.label_smoothing)
        return {
            "batch_size": self.batch_size,
            "optimizer": keras.optimizers.deserialize(self.optimizer),
            "loss": loss,
        }


def source_models():
    """Return the names of the models that have a published recipe, in the order of the series."""
    published = {result.model for result in runs.load_all() if result.seed == 0}
    return [
        name
        for name in models.names()
        if name in published and models.specification(name).notebook < "09"
    ]


def recipe(name):
    """Return the published recipe of a model, and for the residual network a usual one."""
    if name == RESIDUAL:
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
        augment = (pipeline.Flip(), pipeline.Shift(2))
        loss = "categorical_crossentropy"
        return Recipe(128, keras.optimizers.serialize(optimizer), loss, 0.1, augment)
    known = runs.load(name).recipe
    augment = tuple(replication.rebuilt(words, pipeline) for words in known["augment"])
    loss = "".join("_" + c.lower() if c.isupper() else c for c in known["loss"]).lstrip("_")
    return Recipe(known["batch_size"], known["optimizer"], loss, known["label_smoothing"], augment)


def build(name, ingredients, seed=0):
    """Build a model with those of the engine's layers and precision that an arm has."""
    kept = contextlib.ExitStack()
    with kept:
        if "normalization" not in ingredients:
            plain = keras.layers.BatchNormalization
            kept.enter_context(mock.patch.object(models, "BatchNormalization", plain))
        if "dropout" not in ingredients:
            kept.enter_context(mock.patch.object(models, "Dropout", keras.layers.Dropout))
        if "precision" not in ingredients:
            kept.enter_context(mock.patch.object(models, "fastest_precision", lambda: "float32"))
        return models.build(name, seed)


def used(name, plain_onednn):
    """Return the ingredients that make a difference to a model, in their order.

    Parameters
    ----------
    name : str
    plain_onednn : bool
        Whether TensorFlow uses oneDNN's operations here of its own accord.
    """
    differs = dict.fromkeys(INGREDIENTS, True)
    layers = models.build(name).layers
    differs["dropout"] = any(isinstance(layer, models.Dropout) for layer in layers)
    differs["onednn"] = not plain_onednn
    differs["precision"] = fastest_precision() != "float32"
    return [key for key in INGREDIENTS if differs[key]]


def distorting(model, augment, pixel_range=(0.0, 1.0)):
    """Put Keras' own augmentation layers before a model, as its guide does with arrays.

    They take and return float32 images and do nothing outside of training.

    Parameters
    ----------
    model : keras.Model
    augment : sequence of pipeline.Flip or pipeline.Shift
    pixel_range : tuple of float
        Its first value fills what a shift uncovers.

    Returns
    -------
    keras.Model
        The model itself where there is nothing to distort.

    Raises
    ------
    UserError
        If Keras has no layer for a distortion.
    """
    if not augment:
        return model
    inputs = keras.Input(model.input_shape[1:])
    x = inputs
    for distortion in augment:
        x = _keras_layer(distortion, model.input_shape[1], pixel_range[0])(x)
    return keras.Model(inputs, model(x), name=model.name)


def _keras_layer(distortion, size, background):
    if isinstance(distortion, pipeline.Flip):
        return keras.layers.RandomFlip("horizontal", dtype="float32")
    if isinstance(distortion, pipeline.Shift):
        share = distortion.pixels / size
        return keras.layers.RandomTranslation(
            share, share, fill_mode="constant", fill_value=background, dtype="float32"
        )
    raise settings.UserError(
        f"The benchmark knows no Keras layer for {distortion}: give it one in benchmark/arms.py."
    )


class Arm:
    """One model in one arm, ready to train an epoch whenever asked.

    Parameters
    ----------
    name : str
    ingredients : frozenset of str, or 'engine'
        Keys of `INGREDIENTS`, or the engine as notebooks use it.
    training, validation : data.LabelledImages
    """

    def __init__(self, name, ingredients, training, validation):
        self.name, self.ingredients = name, ingredients
        self.training, self.validation = training, validation
        self.recipe = recipe(name)
        self.growth = None
        if ingredients != ENGINE:
            self._compile()

    def epoch(self):
        """Train one epoch, validation included, and return its seconds."""
        return self._engine_epoch() if self.ingredients == ENGINE else self._plain_epoch()

    def memory(self):
        """Return the peak memory in GiB, and what an epoch of the engine adds to it, in MiB."""
        return {"peak_memory_gib": memory.peak_gib(), "growth_mib": self.growth}

    def _engine_epoch(self):
        """Train, and time all epochs but the first, which traces the graph.

        The clock stops when `train` returns, so that nothing is left out that a reader waits for.
        """
        watch = _Watch()
        training.train(
            models.build(self.name),
            self.training,
            self.validation,
            **self.recipe.arguments(),
            augment=self.recipe.augment,
            epochs=1 + TIMED_EPOCHS,
            callbacks=[watch],
        )
        self.growth = watch.memory[-1] - watch.memory[-2]
        return (time.perf_counter() - watch.ends[0]) / TIMED_EPOCHS

    def _compile(self):
        arguments = self.recipe.arguments()
        self.batch_size = arguments.pop("batch_size")
        self.model = build(self.name, self.ingredients)
        self.pixel_range = models.specification(self.name).pixel_range
        self.one_hot = arguments["loss"] != "sparse_categorical_crossentropy"
        steps = 1
        if "steps" in self.ingredients:
            steps = training.steps_per_execution(len(self.training) // self.batch_size)
        if "batches" not in self.ingredients:
            self.model = distorting(self.model, self.recipe.augment, self.pixel_range)
        self.model.compile(**arguments, metrics=["accuracy"], steps_per_execution=steps)
        if "batches" in self.ingredients:
            self.batches = self._tuned_batches(self.training), self._tuned_batches(self.validation)
        else:
            self.arrays = [
                arrays(part, self.pixel_range, self.one_hot)
                for part in (self.training, self.validation)
            ]
        self._plain_epoch()

    def _plain_epoch(self):
        start = time.perf_counter()
        if "batches" in self.ingredients:
            training, validation = self.batches
            self.model.fit(training, validation_data=validation, verbose=0, shuffle=False)
        else:
            training, validation = self.arrays
            self.model.fit(
                *training, batch_size=self.batch_size, validation_data=validation, verbose=0
            )
        return time.perf_counter() - start

    def _tuned_batches(self, labelled):
        form = {"pixel_range": self.pixel_range, "one_hot": self.one_hot}
        if labelled is self.training:
            form["augment"] = self.recipe.augment
            return pipeline.batches(labelled, self.batch_size, shuffle_seed=0, **form)
        return pipeline.batches(labelled, training.VALIDATION_BATCH_SIZE, **form)


def arrays(labelled, pixel_range, one_hot=False):
    """Return images and labels as plain Keras takes them."""
    images = pipeline.prepare_images(labelled.images, pixel_range)
    labels = labelled.labels
    return images, keras.utils.to_categorical(labels, models.CLASSES) if one_hot else labels


class _Watch(keras.callbacks.Callback):
    """Note when each epoch ended and how much memory the process had then."""

    def on_train_begin(self, logs=None):
        self.ends, self.memory = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())
        self.memory.append(memory.now_mib())
