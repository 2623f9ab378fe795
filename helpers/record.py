"""A record attempt for a GPU: wide residual networks, long training, and the mean of the seeds.

`KERAS_BACKEND=torch python -m helpers.record --seed 0 1 2` trains without TensorFlow: batches are
distorted in NumPy, the rest is Keras' own `fit`, and an interrupted run goes on after its last
finished epoch. The recipe is fixed beforehand: it learns from all training images and reads the
test images once per seed. Sharpness-aware minimisation is left out, as Keras would need a training
step of its own per backend; Keras' average of the weights stands in for it.
"""

import argparse
import contextlib
import csv
import dataclasses
import shutil
import sys

import numpy as np

from helpers import data, ensembling, files, models, pipeline, runs, settings, training
from helpers.layers import BatchNormalization, keras, precision

kl = keras.layers

SINGLE = "wide_resnet_gpu"
ENSEMBLE = "ensemble_gpu"
PRECISION = "mixed_bfloat16"
LARGEST_SHIFT = 4
CUTOUT = 14  # half the side of an image, as the authors of cutout have it on CIFAR-10
FIRST_RATE, PEAK_RATE = 0.01, 0.1
WARM_UP_SHARE = 1 / 40
MOMENTUM = 0.9
# The usual 5e-4 is a part of the gradient, which momentum accumulates tenfold. Keras shrinks the
# weights apart from the gradient, so that the accumulated amount has to be named.
WEIGHT_DECAY = 5e-4 / (1 - MOMENTUM)
AVERAGING_MOMENTUM = 0.999
VIEWS = pipeline.MIRRORED
PACE_STEPS = 20
SHARE_FOR_TRAINING = 0.9

# Added here, as no notebook trains them: only whoever imports this module meets their names.
ensembling.ENSEMBLES[ENSEMBLE] = ensembling.Ensemble(ENSEMBLE, "Ensemble, GPU", "13_ensembling")


@models.register("Wide ResNet, GPU", "CNN", "13_ensembling")
def wide_resnet_gpu(depth=28, width=10, dropout_rate=0.0):
    """Three stages of wide residual blocks, normalised before each convolution.

    Parameters
    ----------
    depth : int
        Convolutions, three shortcuts among them: 10, 16, 22, 28, …
    width : int
        Multiple of 16, 32 and 64 channels.
    dropout_rate : float
        Between the two convolutions of a block.

    Raises
    ------
    UserError
        If no such network exists.

    References
    ----------
    Zagoruyko and Komodakis, "Wide Residual Networks", arXiv:1605.07146, 2016.
    """
    if depth < 10 or (depth - 4) % 6 or width < 1:
        raise settings.UserError(
            f"There is no wide residual network of depth {depth} and width {width}: choose a depth "
            "of 10, 16, 22, 28, … and a width from 1 upwards."
        )
    inputs = keras.Input(models.IMAGE_SHAPE)
    x = _convolution(16)(inputs)
    for stage, channels in enumerate((16, 32, 64)):
        for number in range((depth - 4) // 6):
            strides = 2 if stage > 0 and number == 0 else 1
            x = _block(x, width * channels, strides, dropout_rate)
    x = kl.GlobalAveragePooling2D()(_activated(x))
    outputs = kl.Dense(
        models.classes(), activation="softmax", dtype="float32", name="probabilities"
    )
    return keras.Model(inputs, outputs(x), name=SINGLE)


def _block(x, filters, strides, dropout_rate):
    """Two convolutions added to their input, which a 1 × 1 convolution brings to their shape."""
    activated = _activated(x)
    fits = strides == 1 and x.shape[-1] == filters
    shortcut = x if fits else _convolution(filters, 1, strides)(activated)
    branch = _activated(_convolution(filters, 3, strides)(activated))
    if dropout_rate:
        branch = kl.Dropout(dropout_rate)(branch)
    return kl.Add()([shortcut, _convolution(filters)(branch)])


def _convolution(filters, size=3, strides=1):
    return kl.Conv2D(
        filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )


def _activated(x):
    return kl.ReLU()(BatchNormalization(momentum=models.NORMALIZATION_MOMENTUM)(x))


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What the command may change; everything else is a constant of this module."""

    depth: int = 28
    width: int = 10
    dropout_rate: float = 0.0
    epochs: int = 200
    batch_size: int = 128

    def __post_init__(self):
        if min(self.epochs, self.batch_size) < 1 or not 0.0 <= self.dropout_rate < 1.0:
            raise settings.UserError(
                f"{self.epochs} epochs of batches of {self.batch_size} images with a dropout rate "
                f"of {self.dropout_rate} are no training: pass at least one epoch, one image and a "
                "rate from 0 to below 1."
            )


def mirror(images, generator):
    """Mirror each image left to right with probability one half.

    Parameters
    ----------
    images : numpy.ndarray, shape (N, height, width), dtype uint8
    generator : numpy.random.Generator

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype.
    """
    chosen = generator.random(len(images)) < 0.5
    return np.where(chosen[:, None, None], images[:, :, ::-1], images)


def shift(images, generator, largest=LARGEST_SHIFT):
    """Move each image by up to `largest` pixels in both directions; uncovered pixels become 0.

    Parameters and return value as `mirror`.
    """
    count, height, width = images.shape
    down, right = generator.integers(0, 2 * largest + 1, (2, count, 1))
    padded = np.pad(images, [(0, 0), (largest, largest), (largest, largest)])
    rows, columns = down + np.arange(height), right + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def cutout(images, generator, size=CUTOUT):
    """Blacken a square of `size` pixels whose centre lies anywhere in the image.

    Parameters and return value as `mirror`.

    References
    ----------
    DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    arXiv:1708.04552, 2017.
    """
    count, height, width = images.shape
    rows = _covered(generator.integers(0, height, count), height, size)
    columns = _covered(generator.integers(0, width, count), width, size)
    return np.where(rows[:, :, None] & columns[:, None, :], np.uint8(0), images)


def _covered(centres, length, size):
    first = centres[:, None] - size // 2
    return (np.arange(length) >= first) & (np.arange(length) < first + size)


DISTORTIONS = (mirror, shift, cutout)


class Batches(keras.utils.PyDataset):
    """Shuffled, distorted batches that depend on nothing but the seed, the epoch and their number.

    Parameters
    ----------
    labelled : data.LabelledImages
    batch_size : int
    seed : int

    Raises
    ------
    DataError
        If the images do not fill one batch.
    """

    def __init__(self, labelled, batch_size, seed):
        super().__init__()
        if len(labelled) < batch_size:
            raise data.DataError(
                f"{len(labelled)} images do not fill one batch of {batch_size}: pass a smaller "
                "--batch-size."
            )
        self.labelled, self.images_per_batch, self.seed = labelled, batch_size, seed
        self.begin(0)

    def begin(self, epoch):
        """Shuffle for this epoch, counted from 0."""
        self.epoch = epoch
        self.order = np.random.default_rng([self.seed, epoch, 0]).permutation(len(self.labelled))

    def __len__(self):
        return len(self.labelled) // self.images_per_batch

    def __getitem__(self, number):
        start = number * self.images_per_batch
        chosen = self.labelled.take(self.order[start : start + self.images_per_batch])
        generator = np.random.default_rng([self.seed, self.epoch, number + 1])
        images = chosen.images
        for distort in DISTORTIONS:
            images = distort(images, generator)
        return pipeline.prepare_images(images), chosen.labels.astype(np.int32)


def learning_rate(steps):
    """Return the schedule of a training of so many steps: a short rise, then a cosine to zero."""
    rise = max(1, round(WARM_UP_SHARE * steps))
    return keras.optimizers.schedules.CosineDecay(
        FIRST_RATE, max(1, steps - rise), warmup_target=PEAK_RATE, warmup_steps=rise
    )


def optimizer(model, steps):
    """Return stochastic gradient descent that decays the kernels and averages all weights.

    Parameters
    ----------
    model : keras.Model
        Its biases and the scales and offsets of its normalisation are not decayed.
    steps : int
        Batches of the whole training.

    Returns
    -------
    keras.optimizers.SGD
        `fit` ends with the average of the weights in place of the last ones.
    """
    made = keras.optimizers.SGD(
        learning_rate(steps),
        MOMENTUM,
        nesterov=True,
        weight_decay=WEIGHT_DECAY,
        use_ema=True,
        ema_momentum=AVERAGING_MOMENTUM,
    )
    spared = [weight for weight in model.trainable_variables if len(weight.shape) < 2]
    made.exclude_from_weight_decay(var_list=spared)
    return made


def train(recipe, images, seed=0, callbacks=()):
    """Train one network, or go on with the training of it that was interrupted.

    Parameters
    ----------
    recipe : Recipe
    images : data.LabelledImages
    seed : int
        Of the starting weights, the order of the batches and the distortions.
    callbacks : sequence of keras.callbacks.Callback

    Returns
    -------
    training.Run
        Its files under `backup_folder` remain until the result is kept.

    Raises
    ------
    TrainingInterrupted
        If the reader interrupts; the same call goes on after the last finished epoch.
    UserError
        If the recipe makes no network, or the loss stops being a number.
    """
    batches = Batches(images, recipe.batch_size, seed)
    model = _compiled(recipe, recipe.epochs * len(batches), seed)
    folder = backup_folder(recipe, seed)
    folder.mkdir(parents=True, exist_ok=True)
    steps = (
        keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.begin(epoch)),
        training.EpochRecorder(),
        *callbacks,
        keras.callbacks.CSVLogger(folder / "log.csv", append=True),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.BackupAndRestore(
            folder / "backup", double_checkpoint=True, delete_checkpoint=False
        ),
        training.ProgressLine(f"{SINGLE}, seed {seed}", recipe.epochs),
    )
    try:
        model.fit(batches, epochs=recipe.epochs, callbacks=steps, shuffle=False, verbose=0)
    except KeyboardInterrupt:
        raise training.TrainingInterrupted(
            f"Training of {SINGLE} with seed {seed} was interrupted: the same command goes on "
            "after the last finished epoch."
        ) from None
    history = _history(folder / "log.csv")
    if not np.isfinite(history["loss"][-1]):
        shutil.rmtree(folder)
        raise settings.UserError(
            f"The loss of {SINGLE} is no longer a number: lower PEAK_RATE in helpers/record.py and "
            "train again."
        )
    with _without_gradients():
        ensembling.refresh_statistics(
            model, images.images[: ensembling.STATISTICS_IMAGES], batch_size=recipe.batch_size
        )
    return training.Run(
        model=model,
        name=SINGLE,
        variant_of=None,
        seed=seed,
        history=history,
        epoch=recipe.epochs,
        choice="last epoch, mean of the weights",
        training_seconds=sum(history["seconds"]),
        recipe=_description(recipe, model),
        trained_on=len(images),
        validation=None,
        pixel_range=(0.0, 1.0),
    )


def backup_folder(recipe, seed):
    """Return the folder that keeps the state of an unfinished training, a `pathlib.Path`."""
    words = [f"{key}_{value}" for key, value in dataclasses.asdict(recipe).items()]
    name = "-".join([settings.profile(), *words, f"seed_{seed}"])
    return settings.outputs_folder() / "record" / name


def finish(run, recipe, test):
    """Judge a network on the test images, once, and keep the result with its log.

    Parameters
    ----------
    run : training.Run
        As `train` returns it.
    recipe : Recipe
    test : data.LabelledImages

    Returns
    -------
    runs.Result
        Of `wide_resnet_gpu`; the log of its epochs lies beside it as `seed_<seed>.csv`.
    """
    folder = backup_folder(recipe, run.seed)
    log = settings.results_folder() / SINGLE / f"seed_{run.seed}.csv"
    # Before the result: with the result there, nothing would be left to go on with.
    files.write(log, (folder / "log.csv").read_bytes(), "make room there and start it again.")
    with _without_gradients():
        result = runs.finish(run, test, views=VIEWS)
    shutil.rmtree(folder, ignore_errors=True)
    return result


def finish_ensemble(results):
    """Average the stored probabilities of several seeds and keep the mean as `ensemble_gpu`.

    Parameters
    ----------
    results : sequence of runs.Result
        Of `wide_resnet_gpu`, two or more.

    Returns
    -------
    runs.Result

    Raises
    ------
    UserError
        If there are fewer than two, or their files are damaged.
    """
    members = [ensembling.stored_member(result) for result in results]
    return runs.finish_ensemble(ENSEMBLE, members, results[0].labels(), seed=0)


def epochs_within(minutes, recipe, images):
    """Estimate how many epochs of one network this machine trains in some minutes.

    A throw-away network trains a few steps twice: the first time everything is compiled, the
    second time counts.

    Parameters
    ----------
    minutes : float
    recipe : Recipe
    images : data.LabelledImages

    Returns
    -------
    int
        From 1 to the epochs of the recipe.
    """
    few = images.take(np.arange(min(len(images), PACE_STEPS * recipe.batch_size)))
    batches, recorder = Batches(few, recipe.batch_size, seed=0), training.EpochRecorder()
    model = _compiled(recipe, 2 * len(batches), seed=0)
    history = model.fit(batches, epochs=2, callbacks=[recorder], shuffle=False, verbose=0).history
    seconds_per_epoch = history["seconds"][1] / len(batches) * (len(images) // recipe.batch_size)
    affordable = int(SHARE_FOR_TRAINING * 60 * minutes / seconds_per_epoch)
    return min(recipe.epochs, max(1, affordable))


def _compiled(recipe, steps, seed):
    keras.utils.set_random_seed(seed)
    with precision(PRECISION):
        model = wide_resnet_gpu(recipe.depth, recipe.width, recipe.dropout_rate)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer(model, steps), loss, metrics=["accuracy"])
    return model


def _without_gradients():
    """PyTorch keeps what a gradient would need unless it is told that none will be asked for."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()


def _history(path):
    """Read the log; an epoch that was trained again after an interruption counts once."""
    with open(path, newline="", encoding="utf-8") as file:
        by_epoch = {int(row.pop("epoch")): row for row in csv.DictReader(file)}
    rows = [by_epoch[epoch] for epoch in sorted(by_epoch)]
    # Keras adds columns for validation whether there is any or not.
    measured = [key for key in rows[0] if not key.startswith("val_")]
    return {key: [float(row[key]) for row in rows] for key in measured}


def _description(recipe, model):
    """Describe a run in words and numbers that JSON can hold, as `training.train` does."""
    words = keras.optimizers.serialize(model.optimizer)
    del words["config"]["name"]
    return {
        "optimizer": words,
        "loss": model.loss,
        "label_smoothing": 0.0,
        "augment": [
            "mirror",
            f"shift(largest={LARGEST_SHIFT})",
            f"cutout(size={CUTOUT})",
        ],
        "callbacks": [],
        "precision": PRECISION,
        "backend": keras.backend.backend(),
        **dataclasses.asdict(recipe),
    }


def main(arguments=None):
    """Train the seeds and average them as a command; return the exit status, 2 after an error.

    A seed that has a result of the same recipe is kept, so that the same command goes on after an
    interruption.
    """
    try:
        _record(_options(arguments))
    except settings.UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error}: make room there, then the same command goes on.", file=sys.stderr)
        return 2
    return 0


def _options(arguments):
    usual = Recipe()
    parser = argparse.ArgumentParser(
        prog="python -m helpers.record",
        description="Train wide residual networks on a GPU and average them.",
        allow_abbrev=False,
    )
    parser.add_argument("--seed", nargs="+", type=int, metavar="SEED", help="one or more seeds")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help=f"default: {usual.epochs}, fewer in other profiles"
    )
    for name in ("depth", "width", "batch_size"):
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=int,
            default=getattr(usual, name),
            metavar="N",
            help=f"default: {getattr(usual, name)}",
        )
    parser.add_argument("--dropout-rate", type=float, default=usual.dropout_rate, metavar="RATE")
    parser.add_argument(
        "--minutes",
        type=float,
        help="measure this machine first, and train fewer epochs where a seed would take longer",
    )
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise settings.UserError(
            f"There is no option {unknown[0]!r}: see `{parser.prog} --help` for those there are."
        )
    if options.minutes is not None and not options.minutes > 0:
        raise settings.UserError(f"{options.minutes} minutes are no time: pass a positive number.")
    return options


def _record(options):
    fields = [field.name for field in dataclasses.fields(Recipe)]
    if options.epochs is None:
        options.epochs = settings.epochs(Recipe.epochs)
    recipe = Recipe(**{name: getattr(options, name) for name in fields})
    dataset = data.load_profile()
    if options.minutes is not None:
        epochs = epochs_within(options.minutes, recipe, dataset.train)
        recipe = dataclasses.replace(recipe, epochs=epochs)
        print(
            f"{epochs} epochs fit in {options.minutes:g} minutes per seed: to go on after an "
            f"interruption, pass --epochs {epochs} and no --minutes.",
            flush=True,
        )
    results = [_result(recipe, dataset, seed) for seed in settings.seeds(options.seed)]
    if len(results) > 1:
        print(f"new   {runs.summary(finish_ensemble(results))}", flush=True)


def _result(recipe, dataset, seed):
    """Return the result of a seed, from its file where it is finished."""
    for result in runs.load_all(settings.results_folder()):
        if (result.model, result.seed) == (SINGLE, seed):
            if dataclasses.asdict(recipe).items() <= result.recipe.items():
                print(f"kept  {runs.summary(result)}", flush=True)
                return result
            raise settings.UserError(
                f"{result.file} was trained with other options: repeat those, delete it, or set "
                "FASHION_RESULTS_DIR to another folder."
            )
    result = finish(train(recipe, dataset.train, seed), recipe, dataset.test)
    print(f"new   {runs.summary(result)}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
