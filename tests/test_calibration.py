"""Temperatures: against a hand computation and SciPy's own softmax, and a model known to be off."""

import numpy as np
import pytest
from scipy import special

from helpers import evaluation, settings
from helpers.topics import calibration

LOGITS = np.log([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3]])


def honest(images=20_000, classes=5, seed=0):
    """Return logits, and labels drawn from the probabilities that they stand for."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(images, classes))
    shares = special.softmax(logits, axis=1).cumsum(axis=1)
    labels = (generator.random((images, 1)) > shares).sum(axis=1)
    return np.minimum(labels, classes - 1), logits


class TestApply:
    def test_by_hand_at_one_half(self):
        squared = np.array([0.64, 0.01, 0.01])
        warm = calibration.apply_temperature(np.array([[0.8, 0.1, 0.1]]), 0.5)
        assert warm[0] == pytest.approx(squared / squared.sum())
        assert warm.dtype == np.float32

    @pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
    def test_as_a_softmax_of_the_divided_logits(self, temperature):
        expected = special.softmax(LOGITS / temperature, axis=1)
        found = calibration.apply_temperature(special.softmax(LOGITS, axis=1), temperature)
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_the_class_in_front_stays_there_and_rows_sum_to_one(self):
        labels, logits = honest(200)
        before = special.softmax(logits, axis=1)
        after = calibration.apply_temperature(before, 2.7)
        assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))
        assert after.sum(axis=1) == pytest.approx(1, abs=1e-6)

    def test_a_probability_of_zero_stays_finite(self):
        warm = calibration.apply_temperature(np.array([[1.0, 0.0]]), 3.0)
        assert np.isfinite(warm).all() and warm[0, 0] > 0.99

    @pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
    def test_no_temperature(self, temperature):
        with pytest.raises(settings.UserError, match="pass"):
            calibration.apply_temperature(np.full((2, 2), 0.5), temperature)

    def test_no_rows(self):
        with pytest.raises(settings.UserError, match="one row per image"):
            calibration.apply_temperature(np.array([0.5, 0.5]), 1.0)


class TestFit:
    @pytest.mark.parametrize("distortion", [0.4, 1.0, 2.5])
    def test_it_undoes_a_known_distortion(self, distortion):
        labels, logits = honest()
        distorted = special.softmax(logits / distortion, axis=1)
        fitted = calibration.fit_temperature(labels, distorted)
        assert fitted == pytest.approx(1 / distortion, rel=0.03)
        calibrated = calibration.apply_temperature(distorted, fitted)
        assert evaluation.calibration_error(labels, calibrated) < 0.015

    def test_no_other_temperature_has_less_loss(self):
        labels, logits = honest(500)
        probabilities = special.softmax(1.7 * logits, axis=1)
        fitted = calibration.fit_temperature(labels, probabilities)

        def loss(temperature):
            softened = calibration.apply_temperature(probabilities, temperature)
            return evaluation.metrics(labels, softened)["log_loss"]

        assert all(loss(fitted) <= loss(fitted * factor) for factor in (0.5, 0.95, 1.05, 2.0))

    def test_a_faultless_model_gets_the_lowest_temperature(self):
        probabilities = np.array([[0.6, 0.4], [0.3, 0.7]])
        fitted = calibration.fit_temperature(np.array([0, 1]), probabilities)
        assert fitted == pytest.approx(calibration.LOWEST_TEMPERATURE, rel=0.01)

    def test_arrays_that_do_not_fit(self):
        with pytest.raises(settings.UserError, match="same images"):
            calibration.fit_temperature(np.array([0]), np.full((2, 2), 0.5))
