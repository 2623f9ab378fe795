"""Budgets (notebook 13): the networks that say how much accuracy minutes buy on two cores.

One table holds a recipe per budget. Notebook 13 and `python -m helpers budget` train by the same
function, so that a budget too long for a notebook is the same experiment, run by a command.
"""

from dataclasses import dataclass, replace

from helpers import data, models, optimizers, pipeline, runs, settings, training
from helpers.layers import keras
from helpers.topics import infobatch

FLIP = (pipeline.Flip(),)
FLIP_AND_SHIFT = (*FLIP, pipeline.Shift(1))
SHIFT_AND_CUTOUT = (*FLIP_AND_SHIFT, pipeline.Cutout(8))
WITH_CUTOUT = (*FLIP, pipeline.Shift(2), pipeline.Cutout(8))
# The arm of a budget that leaves the validation images out of the training, to choose a recipe.
HELD_OUT = "held_out"
# The same, and no image is left out for being easy: what InfoBatch is compared with.
HELD_OUT_WHOLE = "held_out_whole"


@dataclass(frozen=True)
class Recipe:
    """How a budget is spent: Muon along one triangle of the learning rate.

    `left_out` is the part of the easy images that a pass leaves out, see `infobatch.select`;
    `views` are the views of a test image whose probabilities are averaged.
    """

    epochs: int
    augment: tuple
    peak_rate: float = 0.07
    sgd_ratio: float = 2.0
    batch_size: int = 256
    label_smoothing: float = 0.1
    left_out: float = 0.0
    views: tuple = pipeline.MIRRORED

    def optimizer(self, steps):
        """Return a new optimizer for a training of so many steps."""
        rate = optimizers.Triangular(self.peak_rate, steps)
        return optimizers.Muon(rate, sgd_ratio=self.sgd_ratio)

    def train(self, model, images, validation=None, arm=None, seed=None):
        """Train a registered, uncompiled model by this recipe, at the profile's length.

        `seed` orders the batches and sets the augmentation.
        """
        epochs = settings.epochs(self.epochs)
        told = {
            "optimizer": self.optimizer(epochs * (len(images) // self.batch_size)),
            "loss": keras.losses.CategoricalCrossentropy(label_smoothing=self.label_smoothing),
            "epochs": epochs,
            "batch_size": self.batch_size,
            "augment": self.augment,
            "arm": arm,
            "seed": seed,
        }
        if self.left_out:
            return infobatch.train(model, images, validation, share=self.left_out, **told)
        return training.train(model, images, validation, **told)


RECIPES = {
    "cnn_tiny": Recipe(epochs=60, augment=WITH_CUTOUT, left_out=0.7),
    "resnet_1min": Recipe(epochs=3, augment=FLIP),
    "resnet_5min": Recipe(epochs=13, augment=FLIP_AND_SHIFT, left_out=0.7),
    "resnet_15min": Recipe(epochs=10, augment=FLIP_AND_SHIFT, left_out=0.7),
    "resnet_30min": Recipe(epochs=21, augment=FLIP_AND_SHIFT, left_out=0.7),
    "resnet_60min": Recipe(epochs=32, augment=SHIFT_AND_CUTOUT, left_out=0.7),
}


def train(name, dataset, seed=None, hold_out=False, whole=False):
    """Train one budget by its recipe, and return the `training.Run`.

    With `hold_out` the validation images are left out of the training, so that they can choose a
    recipe: that is the arm `held_out`. Without it the network learns from all training images, as
    the recipe is fixed by then. With `whole` as well, every image is shown in every pass:
    `held_out_whole`. Raises UserError if the budget is unknown, or `whole` comes without
    `hold_out`.
    """
    recipe = replace(_recipe(name), left_out=0.0) if whole else _recipe(name)
    seed = settings.seed() if seed is None else seed
    images, validation = data.split(dataset.train) if hold_out else (dataset.train, None)
    return recipe.train(models.build(name, seed), images, validation, arm_of(hold_out, whole), seed)


def finish(run, dataset):
    """Judge a budget's network on the test images, once, and keep the result."""
    return runs.finish(run, dataset.test, views=_recipe(run.variant_of or run.name).views)


def arm_of(hold_out, whole):
    """Return the name of the arm that a training with held-out images is, or None."""
    if whole and not hold_out:
        raise settings.UserError(
            "What InfoBatch gives is measured with validation images held out."
        )
    return (HELD_OUT_WHOLE if whole else HELD_OUT) if hold_out else None


def _recipe(name):
    if name not in RECIPES:
        raise settings.UserError(f"{name!r} is no budget: use one of {', '.join(RECIPES)}.")
    return RECIPES[name]
