"""Intervals and tests of differences, against hand counts, SciPy and published examples."""

import math

import numpy as np
import pytest
from scipy import stats

from helpers import significance
from helpers.settings import UserError

# The example of Conover's textbook and of NIST's Dataplot that statsmodels is tested with: three
# models, twelve images.
CONOVER = """111 111 010 110 000 111 111 110 001 010 111 111"""
# The example that statsmodels compares with SAS: how often each row of three answers occurs.
SAS = {"000": 6, "100": 2, "001": 16, "101": 4, "010": 2, "110": 6, "011": 4, "111": 6}


def answers(right):
    """Labels, and the predictions of several models that are right as a 0/1 matrix says."""
    right = np.asarray(right)
    return np.zeros(len(right), dtype=int), [1 - column for column in right.T]


def matrix(rows):
    return [[int(digit) for digit in row] for row in rows]


class TestWilsonInterval:
    @pytest.mark.parametrize(
        ("correct", "total", "low", "high"),
        [
            (8, 10, 0.4901625, 0.9433178),
            (0, 10, 0.0, 0.2775328),
            (10, 10, 0.7224672, 1.0),
            (9_000, 10_000, 0.8939656, 0.9057272),
        ],
    )
    def test_known_values(self, correct, total, low, high):
        np.testing.assert_allclose(
            significance.wilson_interval(correct, total), (low, high), atol=1e-6
        )

    def test_more_confidence_is_wider(self):
        narrow = significance.wilson_interval(90, 100, confidence=0.9)
        wide = significance.wilson_interval(90, 100, confidence=0.99)
        assert wide[0] < narrow[0] < 0.9 < narrow[1] < wide[1]

    @pytest.mark.parametrize(("correct", "total"), [(5, 4), (-1, 4), (0, 0)])
    def test_refuses_impossible_counts(self, correct, total):
        with pytest.raises(UserError, match="no share"):
            significance.wilson_interval(correct, total)


class TestMcNemar:
    def test_hand_value(self):
        # Of ten disagreements one goes to the first: p = 2 (1 + 10) / 2^10.
        labels = np.zeros(30, dtype=int)
        first = np.array([0] * 1 + [1] * 9 + [0] * 15 + [1] * 5)
        second = np.array([1] * 1 + [0] * 9 + [0] * 15 + [1] * 5)
        assert significance.mcnemar(labels, first, second) == (1, 9, 22 / 1024)

    def test_against_the_binomial_test(self, random_predictions):
        labels, probabilities = random_predictions
        second = np.roll(probabilities.argmax(axis=1), 40)
        found = significance.mcnemar(labels, probabilities, second)
        right, other = probabilities.argmax(axis=1) == labels, second == labels
        assert found.only_first == (right & ~other).sum()
        assert found.only_second == (~right & other).sum()
        total = found.only_first + found.only_second
        assert found.p_value == stats.binomtest(found.only_first, total, 0.5).pvalue

    def test_is_symmetric(self, random_predictions):
        labels, probabilities = random_predictions
        second = np.roll(probabilities, 3, axis=0)
        there = significance.mcnemar(labels, probabilities, second)
        back = significance.mcnemar(labels, second, probabilities)
        assert there == (back.only_second, back.only_first, back.p_value)

    def test_a_model_does_not_differ_from_itself(self, random_predictions):
        labels, probabilities = random_predictions
        assert significance.mcnemar(labels, probabilities, probabilities) == (0, 0, 1.0)

    def test_refuses_predictions_of_other_images(self, random_predictions):
        labels, probabilities = random_predictions
        with pytest.raises(UserError, match="same images"):
            significance.mcnemar(labels, probabilities, probabilities[:-1])
        with pytest.raises(UserError, match="same images"):
            significance.mcnemar(labels, labels[:-1], labels)


class TestPairedGain:
    def test_hand_value(self):
        # Differences 1, 1, -1, 0: their mean is 1/4 and their variance 11/12.
        found = significance.paired_gain(np.array([1, 1, 0, 1]) > 0, np.array([0, 0, 1, 1]) > 0)
        half = 1.959964 * math.sqrt(11 / 12 / 4)
        assert found == pytest.approx((0.25, 0.25 - half, 0.25 + half), abs=1e-6)

    def test_is_antisymmetric_and_zero_for_equal_answers(self):
        first, second = np.random.default_rng(0).uniform(size=(2, 50)) < 0.8
        gain, low, high = significance.paired_gain(first, second)
        assert significance.paired_gain(second, first) == pytest.approx((-gain, -high, -low))
        assert significance.paired_gain(first, first) == (0.0, 0.0, 0.0)

    @pytest.mark.parametrize("others", [[True], [True, False, True], [[True, False]]])
    def test_refuses_what_makes_no_pairs(self, others):
        with pytest.raises(UserError, match="pairs"):
            significance.paired_gain(np.array([True, False]), np.array(others))
        with pytest.raises(UserError, match="pairs"):
            significance.paired_gain(np.array([True]), np.array([False]))


class TestUnpairedGain:
    def test_published_value(self):
        # Newcombe's first example: 56 of 70 less 48 of 80.
        found = significance.unpaired_gain(np.arange(70) < 56, np.arange(80) < 48)
        assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)

    def test_is_antisymmetric_and_has_a_width_without_any_error(self):
        first, second = np.arange(50) < 44, np.ones(20, bool)
        gain, low, high = significance.unpaired_gain(first, second)
        assert significance.unpaired_gain(second, first) == pytest.approx((-gain, -high, -low))
        gain, low, high = significance.unpaired_gain(second, second)
        assert low < gain == 0 < high

    @pytest.mark.parametrize("right", [[], [[True, False]]])
    def test_refuses_what_has_no_accuracy(self, right):
        with pytest.raises(UserError, match="no accuracy"):
            significance.unpaired_gain(np.array([True]), np.array(right))


class TestHolm:
    def test_hand_example(self):
        # Sorted: 0.005 × 4, 0.01 × 3, 0.03 × 2, then 0.04 × 1 raised to what stands before it.
        np.testing.assert_allclose(
            significance.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]
        )

    def test_properties(self):
        p_values = np.random.default_rng(0).uniform(size=30) ** 3
        adjusted = significance.holm(p_values)
        assert np.all(adjusted >= p_values) and np.all(adjusted <= 1)
        assert np.all(np.diff(adjusted[np.argsort(p_values)]) >= 0)

    def test_one_and_none(self):
        assert significance.holm([0.2]) == [0.2]
        assert significance.holm([]).shape == (0,)

    @pytest.mark.parametrize("p_values", [[0.1, 1.1], [-0.1], [math.nan], [[0.1]]])
    def test_refuses_what_is_no_p_value(self, p_values):
        with pytest.raises(UserError, match="p-value"):
            significance.holm(p_values)


class TestCochranQ:
    @pytest.mark.parametrize(
        ("right", "statistic", "p_value", "discordant"),
        [
            (CONOVER.split(), 2.8, 0.246597, 5),
            ([row for row, count in SAS.items() for _ in range(count)], 8.4706, 0.014476, 34),
            # The last image says nothing. Of the others the totals are 3, 1, 0, so that
            # Q = 2 (3 (9 + 1) - 16) / (3 * 4 - 6).
            (["100", "100", "110", "111"], 28 / 6, 0.096972, 3),
        ],
    )
    def test_published_examples_and_by_hand(self, right, statistic, p_value, discordant):
        found = significance.cochran_q(*answers(matrix(right)))
        assert found.statistic == pytest.approx(statistic, abs=5e-5)
        assert found.p_value == pytest.approx(p_value, abs=5e-6)
        assert (found.degrees, found.discordant) == (2, discordant)

    def test_two_models_are_mcnemars_case(self, random_predictions):
        labels, probabilities = random_predictions
        second = np.roll(probabilities, 3, axis=0)
        found = significance.cochran_q(labels, {"a": probabilities, "b": second})
        b, c, _ = significance.mcnemar(labels, probabilities, second)
        assert found.statistic == pytest.approx((b - c) ** 2 / (b + c))

    def test_models_that_agree_do_not_differ(self, random_predictions):
        labels, probabilities = random_predictions
        assert significance.cochran_q(labels, [probabilities] * 3) == (0.0, 2, 1.0, 0)

    def test_refuses_one_model_and_other_images(self, random_predictions):
        labels, probabilities = random_predictions
        with pytest.raises(UserError, match="two models or more, not 1"):
            significance.cochran_q(labels, [probabilities])
        with pytest.raises(UserError, match="same images"):
            significance.cochran_q(labels, [probabilities, probabilities[:-1]])


class TestBootstrapDifference:
    def test_against_scipy(self, random_predictions):
        labels, first = random_predictions
        second = np.roll(first, 40, axis=0)
        found = significance.bootstrap_difference(labels, first, second, resamples=50_000)
        right = [(each.argmax(axis=1) == labels).astype(float) for each in (first, second)]
        expected = stats.bootstrap(
            right,
            lambda a, b, axis: np.mean(a - b, axis=axis),
            paired=True,
            method="percentile",
            n_resamples=20_000,
            batch=1000,
            random_state=np.random.default_rng(1),
        ).confidence_interval
        assert found.difference == pytest.approx(np.mean(right[0]) - np.mean(right[1]))
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.005)

    def test_a_metric_of_ones_own_gives_the_same_interval(self, random_predictions):
        labels, first = random_predictions
        second = np.roll(first, 40, axis=0)

        def accuracy(truth, probabilities):
            return np.mean(probabilities.argmax(axis=1) == truth)

        found = significance.bootstrap_difference(labels, first, second, accuracy, resamples=4000)
        expected = significance.bootstrap_difference(labels, first, second)
        assert found.difference == pytest.approx(expected.difference)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)

    def test_agrees_with_the_normal_approximation(self, random_predictions):
        labels, first = random_predictions
        second = np.roll(first, 40, axis=0)
        right = [each.argmax(axis=1) == labels for each in (first, second)]
        found = significance.bootstrap_difference(labels, first, second)
        assert found == pytest.approx(significance.paired_gain(*right), abs=0.005)

    def test_the_seed_decides_and_more_confidence_is_wider(self, random_predictions):
        labels, first = random_predictions
        second = np.roll(first, 3, axis=0)
        found = significance.bootstrap_difference(labels, first, second)
        assert found == significance.bootstrap_difference(labels, first, second)
        few = (
            significance.bootstrap_difference(labels, first, second, None, 0.95, 100, s)
            for s in (1, 2)
        )
        assert next(few) != next(few)
        wider = significance.bootstrap_difference(labels, first, second, confidence=0.99)
        assert wider.low < found.low and found.high < wider.high

    def test_equal_answers_have_no_width(self, random_predictions):
        labels, first = random_predictions
        assert significance.bootstrap_difference(labels, first, first) == (0.0, 0.0, 0.0)

    def test_refuses_few_resamples_and_other_images(self, random_predictions):
        labels, first = random_predictions
        with pytest.raises(UserError, match="99 resamples.*at least 100"):
            significance.bootstrap_difference(labels, first, first, resamples=99)
        with pytest.raises(UserError, match="same images"):
            significance.bootstrap_difference(labels, first, first[:-1])


class TestSeedDifference:
    def test_against_scipy(self):
        first = {0: 0.921, 1: 0.925, 2: 0.919, 3: 0.930, 9: 0.5}
        second = {3: 0.921, 2: 0.918, 1: 0.920, 0: 0.917, 7: 0.1}
        found = significance.seed_difference(first, second, confidence=0.9)
        pairs = [[each[seed] for seed in range(4)] for each in (first, second)]
        expected = stats.ttest_rel(*pairs)
        interval = expected.confidence_interval(0.9)
        assert found.seeds == (0, 1, 2, 3)
        assert found.difference == pytest.approx(np.mean(np.subtract(*pairs)))
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
        assert found.p_value == pytest.approx(expected.pvalue)

    def test_is_antisymmetric(self):
        first, second = {0: 0.5, 1: 0.8, 2: 0.7}, {0: 0.6, 1: 0.6, 2: 0.6}
        there, back = (
            significance.seed_difference(*pair) for pair in ((first, second), (second, first))
        )
        assert there[:3] == pytest.approx((-back.difference, -back.high, -back.low))
        assert there.p_value == pytest.approx(back.p_value)

    def test_one_common_seed_has_no_spread(self):
        found = significance.seed_difference({0: 0.75, 1: 0.5}, {0: 0.5, 2: 0.5})
        assert found.difference == 0.25 and found.seeds == (0,)
        assert all(math.isnan(value) for value in found[1:4])

    @pytest.mark.parametrize(("shift", "p_value"), [(0.0, 1.0), (0.25, 0.0)])
    def test_equal_differences_have_no_width(self, shift, p_value):
        second = {0: 0.5, 1: 0.25, 2: 0.0}
        first = {seed: value + shift for seed, value in second.items()}
        found = significance.seed_difference(first, second)
        assert found == (shift, shift, shift, p_value, (0, 1, 2))

    def test_refuses_what_has_no_pairs(self):
        with pytest.raises(UserError, match="no seed in common"):
            significance.seed_difference({0: 0.5}, {1: 0.5})
        with pytest.raises(UserError, match="finite"):
            significance.seed_difference({0: 0.5}, {0: float("nan")})


class TestSeedInterval:
    def test_hand_value(self):
        mean, low, high = significance.seed_interval([0.90, 0.91, 0.92])
        half = 4.302653 * 0.01 / math.sqrt(3)
        assert mean == pytest.approx(0.91)
        assert (low, high) == pytest.approx((0.91 - half, 0.91 + half), abs=1e-7)

    def test_one_value_has_no_spread(self):
        mean, low, high = significance.seed_interval([0.9])
        assert mean == 0.9 and math.isnan(low) and math.isnan(high)

    def test_equal_values_have_no_width(self):
        assert significance.seed_interval([0.5, 0.5]) == (0.5, 0.5, 0.5)

    @pytest.mark.parametrize("values", [[], [0.9, math.nan], 0.9])
    def test_refuses_what_has_no_mean(self, values):
        with pytest.raises(UserError, match="per seed"):
            significance.seed_interval(values)
