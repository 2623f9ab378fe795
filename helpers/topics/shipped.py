"""The shipped network (notebook 17): made by a command, read by every profile.

The notebooks on understanding, trust and deployment study one finished network. It learned from the
fitting part of the split alone, so that the validation images are as new to it as the test images
and may choose a temperature or a threshold. It learned without label smoothing, which costs a
little accuracy and gives probabilities that mean what they say.
"""

import dataclasses
import zipfile
from pathlib import Path

from helpers import data, evaluation, files, models, runs, settings
from helpers.layers import in_float32, keras
from helpers.topics import budgets, calibration

NAME = "resnet_5min"
ARM = "shipped"
SEED = 0
RECIPE = dataclasses.replace(budgets.RECIPES[NAME], label_smoothing=0.0)
# Where the file lies in a folder of results.
PLACE = Path(f"{NAME}{runs.VARIANT_MARK}{ARM}") / "model.keras"


def train(dataset):
    """Train by the budget's recipe, without label smoothing, validation images held out."""
    images, validation = data.split(dataset.train)
    return RECIPE.train(models.build(NAME, SEED), images, validation, ARM, SEED)


def load(dataset, file=None):
    """Return the shipped network, or train one on `dataset` where its file is missing.

    In float32 throughout; it takes (B, 28, 28, 1) pixels in [0, 1] and returns (B, classes)
    probabilities. `file` is by default `PLACE` among the published results. Raises UserError if the
    file is there and cannot be read.
    """
    file = Path(file or settings.reference_results() / PLACE)
    if not file.is_file():
        print(f"{file.name} is not shipped with this copy: {NAME} is trained now.")
        return in_float32(train(dataset).model)
    try:
        return in_float32(keras.models.load_model(file, compile=False))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise settings.UserError(
            f"{file} is damaged: restore it with `git checkout -- {file}`, or delete it."
        ) from error


def temperature(model, dataset):
    """Return the temperature that calibrates the network, fitted on the validation images."""
    _, validation = data.split(dataset.train)
    probabilities = evaluation.predict(model, validation.images)
    return calibration.fit_temperature(validation.labels, probabilities)


def save(model, file):
    """Write a network as a `.keras` file, whole or not at all."""
    with files.replacing(file, "free some space, or choose another one.") as temporary:
        model.save(temporary)
