"""Make probabilities honest: one temperature, fitted on images that the model did not learn from.

A temperature divides the logarithms of the probabilities. It changes how sure a model sounds and
never which class comes first, so calibrating it costs no accuracy.
"""

import numpy as np
from scipy import optimize

from helpers import evaluation, settings
from helpers.topics import ensembling

# A model that is off by more than this is not badly calibrated but broken.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0


def apply_temperature(probabilities, temperature):
    """Divide the logarithms of probabilities by a temperature and normalise them again.

    Parameters
    ----------
    probabilities : numpy.ndarray, shape (N, classes)
        Each row from 0 and with the sum 1.
    temperature : float
        Above 1 the model becomes less sure, below 1 surer; 1 changes nothing.

    Returns
    -------
    numpy.ndarray, shape (N, classes), dtype float32
        The class in front stays in front.

    Raises
    ------
    UserError
        If there is not one row per image, or the temperature is not positive and finite.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    if np.ndim(probabilities) != 2 or not np.isfinite(temperature):
        raise settings.UserError(
            f"Probabilities of the shape {np.shape(probabilities)} cannot be divided by "
            f"{temperature}: pass one row per image and a finite temperature."
        )
    return ensembling.soften(probabilities, temperature).astype(np.float32)


def fit_temperature(labels, probabilities):
    """Return the temperature that makes the labels most likely.

    It minimises the log loss, which has a single minimum in one over the temperature.

    Parameters
    ----------
    labels : numpy.ndarray, shape (N,), integer
        Of images that the model was not trained on, the validation images; never the test images,
        whose calibration it is to improve.
    probabilities : numpy.ndarray, shape (N, classes)

    Returns
    -------
    float
        Between `LOWEST_TEMPERATURE` and `HIGHEST_TEMPERATURE`; above 1 for a model that is too
        sure of itself.

    Raises
    ------
    UserError
        If the arrays do not fit each other.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    labels, probabilities = evaluation.checked_predictions(labels, probabilities)

    def loss(logarithm):
        return ensembling.log_loss(labels, ensembling.soften(probabilities, np.exp(logarithm)))

    limits = np.log([LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE])
    return float(np.exp(optimize.minimize_scalar(loss, bounds=limits, method="bounded").x))
