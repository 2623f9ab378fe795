"""Calibration (notebook 16): one temperature makes probabilities honest.

A temperature divides the logarithms of the probabilities. It changes how sure a model sounds and
never which class comes first, so calibrating it costs no accuracy. Source: Guo, Pleiss, Sun and
Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

import numpy as np
from scipy import optimize

from helpers import evaluation, settings
from helpers.topics import ensembling

# A model that is off by more than this is not badly calibrated but broken.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0


def apply_temperature(probabilities, temperature):
    """Divide the logarithms of probabilities, (N, classes), by a temperature and normalise again.

    Above 1 the model becomes less sure, below 1 surer. Returns float32. Raises UserError if there
    is not one row per image, or the temperature is not positive and finite.
    """
    if np.ndim(probabilities) != 2 or not np.isfinite(temperature):
        raise settings.UserError(
            f"Probabilities of the shape {np.shape(probabilities)} cannot be divided by "
            f"{temperature}: pass one row per image and a finite temperature."
        )
    return ensembling.soften(probabilities, temperature).astype(np.float32)


def fit_temperature(labels, probabilities):
    """Return the temperature that makes the labels most likely, above 1 for a model too sure.

    It minimises the log loss on images that the model was not trained on, the validation images;
    never the test images, whose calibration it is to improve. It lies between `LOWEST_TEMPERATURE`
    and `HIGHEST_TEMPERATURE`. Raises UserError if the arrays do not fit each other.
    """
    labels, probabilities = evaluation.checked_predictions(labels, probabilities)

    def loss(logarithm):
        return ensembling.log_loss(labels, ensembling.soften(probabilities, np.exp(logarithm)))

    limits = np.log([LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE])
    return float(np.exp(optimize.minimize_scalar(loss, bounds=limits, method="bounded").x))
