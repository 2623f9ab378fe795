"""Train a model with Keras' own `fit`, at the speed of the processor, and return what happened.

What `fit` needs to run without stalls is decided here once: batches without tf.data's autotuner for
training and validation alike, several steps per call from Python, and one progress line.
"""

import sys
import time
from dataclasses import dataclass

import numpy as np

from helpers import data, models, pipeline, settings
from helpers.layers import keras

VALIDATION_BATCH_SIZE = 500
MOST_STEPS_PER_EXECUTION = 25
SECONDS_BETWEEN_UPDATES = 0.5


class TrainingInterrupted(settings.UserError):
    """The reader stopped a training run."""


@dataclass(frozen=True)
class Run:
    """A finished training run: the model and everything a fair report of it needs.

    `history` has one value per epoch for `loss`, `accuracy`, `learning_rate` and `seconds`, and
    with validation images also for `val_loss` and `val_accuracy` where they are judged in every
    epoch. `epoch` is the epoch, counted
    from 1, whose weights the model now has, and `choice` says why that one. `variant_of` names the
    registered model that an ablation arm changes, and is None for the model itself.
    """

    model: keras.Model
    name: str
    variant_of: str | None
    seed: int
    history: dict
    epoch: int
    choice: str
    training_seconds: float
    recipe: dict
    trained_on: int
    validation: data.LabelledImages | None
    pixel_range: tuple


def train(
    model,
    training,
    validation,
    *,
    optimizer,
    loss,
    epochs,
    batch_size,
    augment=(),
    soft_labels=None,
    callbacks=(),
    pixel_range=None,
    arm=None,
    seed=None,
):
    """Train a model by `compile` and `fit`, in Keras' own words, and return the finished `Run`.

    Raises TrainingInterrupted if the reader interrupts, where nothing of this run is kept and
    `model` is half trained, and UserError if the loss stops being a number.

    Parameters
    ----------
    model : keras.Model
        Uncompiled; takes (B, height, width, 1) and returns (B, classes) probabilities.
    training : LabelledImages
    validation : LabelledImages or None
        Disjoint from `training`; evaluated after every epoch. None where all images are trained on.
    loss : str or keras.losses.Loss
        Categorical cross-entropy gets one-hot labels, any other loss gets class indices.
    augment : sequence of callables
        From `helpers.pipeline`; applied to the training images only. Those that mix images need
        a loss with one-hot labels.
    soft_labels : numpy.ndarray, shape (N, classes), optional
        Probabilities that the training images teach instead of their labels (distillation).
    callbacks : sequence of keras.callbacks.Callback
        With `EarlyStopping(restore_best_weights=True)`, which needs validation images and has to
        monitor them, the run ends with the weights of the epoch that validation chose, otherwise
        with those of the last epoch. The recipe keeps `monitor`, `factor`, `patience` and
        `restore_best_weights` of a callback, no other setting.
    pixel_range : tuple of float, optional
        What the pixel values 0 and 255 become; by default as the registry says, else (0, 1).
    arm : str, optional
        Names an ablation arm of a registered model, for instance `without_dropout`.
    seed : int, optional
        Order of the batches and augmentation; the starting weights are the builder's matter.
    """
    seed = settings.seed() if seed is None else seed
    if pixel_range is None:
        registered = model.name in models.names()
        pixel_range = models.specification(model.name).pixel_range if registered else (0.0, 1.0)
    form = {
        "pixel_range": pixel_range,
        "one_hot": _wants_one_hot(loss),
        "classes": model.output_shape[-1],
    }
    training_batches = pipeline.batches(
        training, batch_size, soft_labels=soft_labels, augment=augment, shuffle_seed=seed, **form
    )
    validation_batches = None
    if validation is not None:
        validation_batches = pipeline.batches(validation, VALIDATION_BATCH_SIZE, **form)
    optimizer = keras.optimizers.get(optimizer)
    recipe = _recipe(model, optimizer, loss, epochs, batch_size, augment, callbacks)
    name = f"{model.name}__{arm}" if arm else model.name
    progress = ProgressLine(name, epochs)
    every = [EpochRecorder(), *callbacks, keras.callbacks.TerminateOnNaN(), progress]
    start = time.perf_counter()
    try:
        history = fit(
            model, training_batches, validation_batches, optimizer, loss, epochs, every
        ).history
    except KeyboardInterrupt:
        raise TrainingInterrupted(
            f"Training of {name} was interrupted in epoch {progress.epoch} of {epochs}; nothing of "
            "this run was kept, and results finished before are untouched: build the model anew, "
            "which is half trained now, and train again."
        ) from None
    training_seconds = time.perf_counter() - start
    history = {key: [float(value) for value in values] for key, values in history.items()}
    if not np.isfinite(history["loss"][-1]):
        raise settings.UserError(
            f"The loss of {name} is no longer a number: lower the learning rate and train again."
        )
    epoch, choice = _reported_epoch(callbacks, len(history["loss"]))
    return Run(
        model=model,
        name=name,
        variant_of=model.name if arm else None,
        seed=seed,
        history=history,
        epoch=epoch,
        choice=choice,
        training_seconds=training_seconds,
        recipe=recipe,
        trained_on=len(training),
        validation=validation,
        pixel_range=pixel_range,
    )


def fit(model, training_batches, validation_batches, optimizer, loss, epochs, callbacks):
    """Compile a model and fit it to batches, in as few calls from Python as possible."""
    steps = steps_per_execution(len(training_batches))
    model.compile(optimizer, loss, metrics=[_accuracy(loss)], steps_per_execution=steps)
    # With all variables there beforehand, `fit` traces its step once instead of twice.
    optimizer.build(model.trainable_variables)
    return model.fit(
        training_batches,
        validation_data=validation_batches,
        epochs=epochs,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )


class EpochRecorder(keras.callbacks.Callback):
    """Add the learning rate and the seconds of each epoch, validation included, to its logs."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        logs["seconds"] = time.perf_counter() - self.start


class ProgressLine(keras.callbacks.Callback):
    """One self-updating line per run: epoch, losses, accuracies, elapsed and remaining time.

    Keras' own bar moves the cursor with backspaces, which stored notebook outputs keep.
    """

    def __init__(self, name, epochs):
        super().__init__()
        self.name, self.epochs = name, epochs
        self.epoch, self.steps_done, self.width, self.updated = 1, 0, 0, 0.0
        self.scores = ""

    def on_train_begin(self, logs=None):
        self.start = time.perf_counter()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.steps_done = epoch + 1, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps_done = batch + 1
        if time.perf_counter() - self.updated >= SECONDS_BETWEEN_UPDATES:
            self._write(self.steps_done / self.params["steps"])

    def on_epoch_end(self, epoch, logs=None):
        self.scores = "".join(self._score(name, logs) for name in ("loss", "accuracy"))
        self._write(1.0)

    def on_train_end(self, logs=None):
        sys.stdout.write("\n")
        sys.stdout.flush()

    def _score(self, name, logs):
        validation = f", validation {logs['val_' + name]:.4f}" if f"val_{name}" in logs else ""
        return f"{name} {logs[name]:.4f}{validation} | "

    def _write(self, share_of_epoch):
        elapsed = self.updated = time.perf_counter()
        elapsed -= self.start
        share = (self.epoch - 1 + share_of_epoch) / self.epochs
        remaining = elapsed * (1.0 - share) / max(share, 1e-9)
        line = (
            f"{self.name}: epoch {self.epoch}/{self.epochs} | {self.scores}"
            f"{clock(elapsed)} elapsed, {clock(remaining)} remaining"
        )
        sys.stdout.write("\r" + line.ljust(self.width))
        sys.stdout.flush()
        self.width = len(line)


def clock(seconds):
    """Return a duration as m:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def _wants_one_hot(loss):
    name = loss if isinstance(loss, str) else type(loss).__name__
    return name.replace("_", "").lower() == "categoricalcrossentropy"


def _accuracy(loss):
    kind = "CategoricalAccuracy" if _wants_one_hot(loss) else "SparseCategoricalAccuracy"
    return getattr(keras.metrics, kind)("accuracy")


def steps_per_execution(steps):
    """Return the largest divisor of an epoch's steps that still leaves the progress line alive."""
    return max(count for count in range(1, MOST_STEPS_PER_EXECUTION + 1) if steps % count == 0)


def _reported_epoch(callbacks, epochs_run):
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights:
            return callback.best_epoch + 1, "epoch chosen on validation"
    return epochs_run, "last epoch"


def _recipe(model, optimizer, loss, epochs, batch_size, augment, callbacks):
    """Describe a run in words and numbers that JSON can hold."""
    loss_name = loss if isinstance(loss, str) else type(loss).__name__
    optimizer = keras.optimizers.serialize(optimizer)
    # Keras numbers the names of the optimizers of one process; that says nothing about this one.
    del optimizer["config"]["name"]
    return {
        "optimizer": optimizer,
        "loss": loss_name,
        "label_smoothing": getattr(loss, "label_smoothing", 0.0),
        "epochs": epochs,
        "batch_size": batch_size,
        "augment": [repr(distortion) for distortion in augment],
        "callbacks": [_words(callback) for callback in callbacks],
        "architecture": dict(getattr(model, "changes", {})),
        "precision": model.layers[1].dtype_policy.name,
    }


def _words(callback):
    """Return a callback as its class and those of its settings that steer a run."""
    names = ("monitor", "factor", "patience", "restore_best_weights")
    values = [f"{name}={getattr(callback, name)!r}" for name in names if hasattr(callback, name)]
    return f"{type(callback).__name__}({', '.join(values)})"
