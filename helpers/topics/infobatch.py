"""InfoBatch (notebook 13): spend the steps of a training on images that are not yet easy.

Most garments are told apart after two epochs. From then on each pass leaves out a random part of
the images whose last loss was below the mean, and lets the others of them count for more, so that
the expected gradient stays what it was. Source: Qin et al., "InfoBatch: Lossless Training Speed Up
by Unbiased Dynamic Data Pruning", arXiv:2303.04947, 2023.
"""

import itertools
import time

import numpy as np

from helpers import data, settings, training

# The last passes see every image, so that none is half forgotten in the end.
WHOLE_SHARE = 0.15


def select(losses, share, generator):
    """Leave out a random part of the easy images, and weigh the rest of them up.

    Easy is what has a loss below the mean, when it was last seen; `share`, from 0 to below 1, is
    the part of the easy images to leave out. Returns the indices of what is kept, in random order,
    and their weights, float32: 1 for images that are not easy; they add up to N.
    """
    easy = np.flatnonzero(losses < losses.mean())
    kept = generator.permutation(easy)[: len(easy) - round(share * len(easy))]
    weights = np.ones(len(losses), np.float32)
    weights[kept] = len(easy) / max(len(kept), 1)
    chosen = np.concatenate([np.setdiff1d(np.arange(len(losses)), easy), kept])
    chosen = generator.permutation(chosen)
    return chosen, weights[chosen]


def train(
    model,
    labelled,
    validation=None,
    *,
    optimizer,
    loss,
    epochs,
    batch_size,
    augment=(),
    share=0.5,
    arm=None,
    seed=None,
):
    """Train a model as `training.train` does, at the same cost, with more passes over fewer images.

    The model takes pixels in [0, 1] and the loss one-hot labels. `epochs` is what the training may
    cost: as many steps as so many passes over all images. `share` is the part of the easy images
    that a pass leaves out, see `select`; the validation images are kept for whoever judges the run.
    Its epochs are of equal cost, which is not one pass over the images. Losses are weighted means
    over what was seen; accuracies are lower than usual, as easy images are missing.

    Raises TrainingInterrupted if the reader interrupts, and UserError if there are fewer images
    than one batch holds or the loss stops being a number.
    """
    seed = settings.seed() if seed is None else seed
    name = f"{model.name}__{arm}" if arm else model.name
    steps = len(labelled) // batch_size
    if not steps:
        raise data.DataError(
            f"{len(labelled)} images do not fill one batch of {batch_size}: use a smaller "
            "batch_size or more images."
        )
    recipe = training._recipe(model, optimizer, loss, epochs, batch_size, augment, ())
    model.compile(optimizer, loss)
    progress = training.ProgressLine(name, epochs)
    progress.set_params({"steps": steps})
    step = _Step(model, labelled, augment)
    stream = _batches(step.losses, batch_size, steps * epochs, share, np.random.default_rng(seed))
    start = time.perf_counter()
    try:
        history = _epochs(step, stream, epochs, steps, progress)
    except KeyboardInterrupt:
        raise training.TrainingInterrupted(
            f"Training of {name} was interrupted in epoch {progress.epoch} of {epochs}; nothing of "
            "this run was kept, and results finished before are untouched: build the model anew, "
            "which is half trained now, and train again."
        ) from None
    if not np.isfinite(history["loss"][-1]):
        raise settings.UserError(
            f"The loss of {name} is no longer a number: lower the learning rate and train again."
        )
    return training.Run(
        model=model,
        name=name,
        variant_of=model.name if arm else None,
        seed=seed,
        history=history,
        epoch=epochs,
        choice="last epoch",
        training_seconds=time.perf_counter() - start,
        recipe=recipe | {"left_out": share},
        trained_on=len(labelled),
        validation=validation,
        pixel_range=(0.0, 1.0),
    )


def _batches(losses, batch_size, steps, share, generator):
    """Yield indices, weights and a seed for so many steps, in passes over what is selected."""
    last_selected = (1 - WHOLE_SHARE) * steps
    done = 0
    while done < steps:
        known = losses.numpy()
        chosen, weights = select(known, share if done < last_selected else 0.0, generator)
        if len(chosen) < batch_size:
            chosen, weights = select(known, 0.0, generator)
        for first in range(0, len(chosen) - batch_size + 1, batch_size):
            part = slice(first, first + batch_size)
            yield chosen[part], weights[part], generator.integers(2**31)
            done += 1


def _epochs(step, stream, epochs, steps, progress):
    """Take all steps of a training, and return its history by epochs of equal cost."""
    history = {"loss": [], "accuracy": [], "learning_rate": [], "seconds": []}
    progress.on_train_begin()
    for epoch in range(epochs):
        start, scores = time.perf_counter(), np.zeros(2)
        progress.on_epoch_begin(epoch)
        for number, (indices, weights, seed) in enumerate(itertools.islice(stream, steps)):
            scores += np.array(step(indices, weights, seed))
            progress.on_train_batch_end(number)
        logs = dict(zip(("loss", "accuracy"), (scores / steps).tolist(), strict=True))
        progress.on_epoch_end(epoch, logs)
        logs["learning_rate"] = float(step.model.optimizer.learning_rate)
        logs["seconds"] = time.perf_counter() - start
        for key, value in logs.items():
            history[key].append(value)
    progress.on_train_end()
    return history


class _Step:
    """One step of gradient descent that remembers the loss of every image it has seen."""

    def __init__(self, model, labelled, augment):
        import tensorflow as tf

        self.model, self.augment = model, augment
        self.classes = model.output_shape[-1]
        self.images, self.labels = tf.constant(labelled.images), tf.constant(labelled.labels)
        # All alike at first: nothing is easy before it has been seen.
        self.losses = tf.Variable(tf.ones(len(labelled)))
        model.optimizer.build(model.trainable_variables)
        self.take = tf.function(self._take)

    def __call__(self, indices, weights, seed):
        import tensorflow as tf

        loss, accuracy = self.take(tf.constant(indices), tf.constant(weights), tf.constant(seed))
        return float(loss), float(accuracy)

    def _take(self, indices, weights, seed):
        import tensorflow as tf

        images = tf.gather(self.images, indices)
        for number, distort in enumerate(self.augment):
            images = distort(images, [seed, number])
        images = tf.cast(images[..., None], tf.float32) / 255.0
        labels = tf.gather(self.labels, indices)
        with tf.GradientTape() as tape:
            outputs = self.model(images, training=True)
            losses = self.model.loss.call(tf.one_hot(labels, self.classes), outputs)
            loss = tf.reduce_mean(losses * weights)
        self.losses.scatter_update(tf.IndexedSlices(losses, indices))
        weights_of_model = self.model.trainable_variables
        self.model.optimizer.apply(tape.gradient(loss, weights_of_model), weights_of_model)
        right = tf.argmax(outputs, axis=1) == tf.cast(labels, tf.int64)
        return loss, tf.reduce_mean(tf.cast(right, tf.float32))
