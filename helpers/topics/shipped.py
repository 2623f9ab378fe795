"""The trained network that comes with the repository: made by a command, read by every profile.

The notebooks on understanding, trust and deployment study one finished network. It learned from the
fitting part of the split alone, so that the validation images are as new to it as the test images
and may choose a temperature or a threshold. It learned without label smoothing, which costs a
little accuracy and gives probabilities that mean what they say.

A process of your own reads the file after `from helpers import layers`, which makes its layers
known to Keras, with `keras.models.load_model(file, compile=False)`.
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
    """Train the network: the budget's recipe without label smoothing, validation images held out.

    Parameters
    ----------
    dataset : data.Dataset

    Returns
    -------
    training.Run
    """
    images, validation = data.split(dataset.train)
    return RECIPE.train(models.build(NAME, SEED), images, validation, ARM, SEED)


def load(dataset, file=None):
    """Return the shipped network, or train one where its file is missing.

    Parameters
    ----------
    dataset : data.Dataset
        What a network is trained on, in the active profile, where there is no file.
    file : str or pathlib.Path, optional
        By default `PLACE` among the published results, or those of another data set.

    Returns
    -------
    keras.Model
        In float32 throughout; takes (B, 28, 28, 1) pixels in [0, 1], returns (B, classes)
        probabilities.

    Raises
    ------
    UserError
        If the file is there and cannot be read.
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
    """Return the temperature that calibrates the shipped network, fitted on the validation images.

    Parameters
    ----------
    model : keras.Model
        As `load` returns it.
    dataset : data.Dataset

    Returns
    -------
    float
        For `calibration.apply_temperature`.
    """
    _, validation = data.split(dataset.train)
    probabilities = evaluation.predict(model, validation.images)
    return calibration.fit_temperature(validation.labels, probabilities)


def save(model, file):
    """Write a network as a `.keras` file, whole or not at all.

    Parameters
    ----------
    model : keras.Model
    file : str or pathlib.Path

    Raises
    ------
    UserError
        If the folder cannot be written to; an earlier file is then as it was.
    """
    with files.replacing(file, "free some space, or choose another one.") as temporary:
        model.save(temporary)
