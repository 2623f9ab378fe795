"""Predictions, intervals, calibration and paired tests, against hand counts and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from helpers import evaluation, pipeline
from helpers.settings import UserError

CLASSES = 10


@pytest.fixture
def random_predictions():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, CLASSES, 400).astype(np.uint8)
    probabilities = generator.dirichlet(np.full(CLASSES, 0.3), 400)
    probabilities[:200, :] = 0.3 * probabilities[:200, :] + 0.7 * np.eye(CLASSES)[labels[:200]]
    return labels, probabilities


def one_hot(classes):
    return np.eye(CLASSES)[np.asarray(classes)]


@pytest.fixture(scope="module")
def model():
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((28, 28, 1))
    features = keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(features))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (25, 28, 28), dtype=np.uint8)


class TestPredict:
    def test_equals_the_softmax_computed_by_hand(self, model, images):
        weights, bias = model.layers[-1].get_weights()
        for pixel_range in ((0.0, 1.0), (-0.5, 0.5)):
            flat = pipeline.prepare_images(images, pixel_range).reshape(len(images), -1)
            exponentials = np.exp(flat @ weights + bias)
            expected = exponentials / exponentials.sum(axis=1, keepdims=True)
            found = evaluation.predict(model, images, pixel_range)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, expected, rtol=1e-4)

    def test_does_not_depend_on_the_batch_size(self, model, images):
        whole = evaluation.predict(model, images)
        np.testing.assert_allclose(evaluation.predict(model, images, batch_size=4), whole, 1e-5)

    def test_is_repeatable_and_leaves_dropout_off(self, model, images):
        first = evaluation.predict(model, images)
        np.testing.assert_array_equal(evaluation.predict(model, images), first)

    def test_refuses_no_images_and_wrong_images(self, model, images):
        with pytest.raises(UserError, match="no images"):
            evaluation.predict(model, images[:0])
        with pytest.raises(UserError, match="uint8"):
            evaluation.predict(model, images / 255)

    def test_refuses_outputs_that_are_no_probabilities(self, images):
        import keras

        inputs = keras.Input((28, 28, 1))
        logits = keras.layers.Dense(CLASSES)(keras.layers.Flatten()(inputs))
        with pytest.raises(UserError, match="softmax"):
            evaluation.predict(keras.Model(inputs, logits), images)

    def test_reports_a_model_that_diverged(self, model, images):
        import keras

        diverged = keras.models.clone_model(model)
        diverged.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
        with pytest.raises(UserError, match="NaN"):
            evaluation.predict(diverged, images)


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
            evaluation.wilson_interval(correct, total), (low, high), atol=1e-6
        )

    def test_more_confidence_is_wider(self):
        narrow = evaluation.wilson_interval(90, 100, confidence=0.9)
        wide = evaluation.wilson_interval(90, 100, confidence=0.99)
        assert wide[0] < narrow[0] < 0.9 < narrow[1] < wide[1]

    @pytest.mark.parametrize(("correct", "total"), [(5, 4), (-1, 4), (0, 0)])
    def test_refuses_impossible_counts(self, correct, total):
        with pytest.raises(UserError, match="no share"):
            evaluation.wilson_interval(correct, total)


class TestCalibration:
    def test_hand_example(self):
        # Sure at 0.9 and right half the time; sure at 0.6 and always right: 0.4 off in both.
        probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
        labels = np.array([0, 1, 0, 1])
        assert evaluation.calibration_error(labels, probabilities) == pytest.approx(0.4)
        filled = evaluation.reliability(labels, probabilities, bins=10).dropna()
        np.testing.assert_allclose(filled["confidence"], [0.6, 0.9])
        np.testing.assert_allclose(filled["accuracy"], [1.0, 0.5])
        assert filled["count"].tolist() == [2, 2]

    def test_bins_are_closed_on_the_right(self):
        by_bin = evaluation.reliability(np.array([0, 0]), np.array([[0.5, 0.5], [0.6, 0.4]]), 2)
        assert by_bin["count"].tolist() == [1, 1]
        assert 0.5 in by_bin.index[0]

    def test_a_sure_and_perfect_model_has_none(self):
        labels = np.arange(CLASSES)
        assert evaluation.calibration_error(labels, one_hot(labels)) == 0.0
        assert evaluation.reliability(labels, one_hot(labels))["count"].iloc[-1] == CLASSES

    def test_a_sure_and_wrong_model_is_entirely_off(self):
        labels = np.arange(CLASSES)
        assert evaluation.calibration_error(labels, one_hot((labels + 1) % CLASSES)) == 1.0

    def test_bins_cover_every_image(self, random_predictions):
        for bins in (1, 7, 15):
            by_bin = evaluation.reliability(*random_predictions, bins=bins)
            assert len(by_bin) == bins
            assert by_bin["count"].sum() == len(random_predictions[0])

    def test_one_bin_compares_the_means(self, random_predictions):
        labels, probabilities = random_predictions
        accuracy = (probabilities.argmax(axis=1) == labels).mean()
        expected = abs(probabilities.max(axis=1).mean() - accuracy)
        assert evaluation.calibration_error(*random_predictions, bins=1) == pytest.approx(expected)


class TestMetrics:
    def test_against_scikit_learn(self, random_predictions):
        labels, probabilities = random_predictions
        predicted = probabilities.argmax(axis=1)
        found = evaluation.metrics(labels, probabilities)
        assert found["accuracy"] == sklearn_metrics.accuracy_score(labels, predicted)
        assert found["macro_f1"] == sklearn_metrics.f1_score(labels, predicted, average="macro")
        assert found["log_loss"] == pytest.approx(sklearn_metrics.log_loss(labels, probabilities))
        by_class = [
            sklearn_metrics.brier_score_loss(labels == number, probabilities[:, number])
            for number in range(CLASSES)
        ]
        assert found["brier_score"] == pytest.approx(sum(by_class))
        correct = int((predicted == labels).sum())
        interval = evaluation.wilson_interval(correct, len(labels))
        assert (found["accuracy_low"], found["accuracy_high"]) == interval

    def test_all_are_plain_floats(self, random_predictions):
        assert {type(value) for value in evaluation.metrics(*random_predictions).values()} == {
            float
        }

    def test_knowing_nothing(self):
        labels = np.arange(CLASSES)
        found = evaluation.metrics(labels, np.full((CLASSES, CLASSES), 0.1))
        assert found["log_loss"] == pytest.approx(math.log(CLASSES))
        assert found["brier_score"] == pytest.approx(0.9)
        assert found["accuracy"] == pytest.approx(0.1)

    def test_classes_that_do_not_occur_are_allowed(self):
        found = evaluation.metrics(np.array([0, 1]), one_hot([0, 1]))
        assert found["accuracy"] == 1.0
        assert found["macro_f1"] == pytest.approx(0.2)

    def test_half_precision_sums_are_accepted(self, random_predictions):
        labels, probabilities = random_predictions
        rounded = probabilities.astype(np.float16)
        exact = evaluation.metrics(labels, probabilities)
        assert evaluation.metrics(labels, rounded)["log_loss"] == pytest.approx(
            exact["log_loss"], rel=1e-2
        )


class TestReportAndConfusion:
    def test_report_against_scikit_learn(self, random_predictions):
        labels, probabilities = random_predictions
        names = [f"class {number}" for number in range(CLASSES)]
        found = evaluation.report(labels, probabilities, names)
        assert found.columns.tolist() == ["precision", "recall", "f1", "support"]
        expected = sklearn_metrics.classification_report(
            labels, probabilities.argmax(axis=1), target_names=names, output_dict=True
        )
        for name in names:
            np.testing.assert_allclose(found.loc[name], list(expected[name].values()))

    def test_report_refuses_too_few_names(self, random_predictions):
        with pytest.raises(UserError, match="one name per column"):
            evaluation.report(*random_predictions, ["a", "b"])

    def test_confusion_counts_truth_in_rows(self):
        counts = evaluation.confusion(np.array([0, 0, 2]), one_hot([0, 1, 2]))
        assert counts.shape == (CLASSES, CLASSES)
        assert counts[0, 0] == counts[0, 1] == counts[2, 2] == 1
        assert counts.sum() == 3


class TestMcNemar:
    def test_hand_value(self):
        # Of ten disagreements one goes to the first: p = 2 (1 + 10) / 2^10.
        labels = np.zeros(30, dtype=int)
        first = np.array([0] * 1 + [1] * 9 + [0] * 15 + [1] * 5)
        second = np.array([1] * 1 + [0] * 9 + [0] * 15 + [1] * 5)
        assert evaluation.mcnemar(labels, first, second) == (1, 9, 22 / 1024)

    def test_against_the_binomial_test(self, random_predictions):
        labels, probabilities = random_predictions
        second = np.roll(probabilities.argmax(axis=1), 40)
        found = evaluation.mcnemar(labels, probabilities, second)
        right, other = probabilities.argmax(axis=1) == labels, second == labels
        assert found.only_first == (right & ~other).sum()
        assert found.only_second == (~right & other).sum()
        total = found.only_first + found.only_second
        assert found.p_value == stats.binomtest(found.only_first, total, 0.5).pvalue

    def test_is_symmetric(self, random_predictions):
        labels, probabilities = random_predictions
        second = np.roll(probabilities, 3, axis=0)
        there = evaluation.mcnemar(labels, probabilities, second)
        back = evaluation.mcnemar(labels, second, probabilities)
        assert there == (back.only_second, back.only_first, back.p_value)

    def test_a_model_does_not_differ_from_itself(self, random_predictions):
        labels, probabilities = random_predictions
        assert evaluation.mcnemar(labels, probabilities, probabilities) == (0, 0, 1.0)

    def test_refuses_predictions_of_other_images(self, random_predictions):
        labels, probabilities = random_predictions
        with pytest.raises(UserError, match="same images"):
            evaluation.mcnemar(labels, probabilities, probabilities[:-1])
        with pytest.raises(UserError, match="same images"):
            evaluation.mcnemar(labels, labels[:-1], labels)


class TestPairedGain:
    def test_hand_value(self):
        # Differences 1, 1, -1, 0: their mean is 1/4 and their variance 11/12.
        found = evaluation.paired_gain(np.array([1, 1, 0, 1]) > 0, np.array([0, 0, 1, 1]) > 0)
        half = 1.959964 * math.sqrt(11 / 12 / 4)
        assert found == pytest.approx((0.25, 0.25 - half, 0.25 + half), abs=1e-6)

    def test_is_antisymmetric_and_zero_for_equal_answers(self):
        first, second = np.random.default_rng(0).uniform(size=(2, 50)) < 0.8
        gain, low, high = evaluation.paired_gain(first, second)
        assert evaluation.paired_gain(second, first) == pytest.approx((-gain, -high, -low))
        assert evaluation.paired_gain(first, first) == (0.0, 0.0, 0.0)

    @pytest.mark.parametrize("others", [[True], [True, False, True], [[True, False]]])
    def test_refuses_what_makes_no_pairs(self, others):
        with pytest.raises(UserError, match="pairs"):
            evaluation.paired_gain(np.array([True, False]), np.array(others))
        with pytest.raises(UserError, match="pairs"):
            evaluation.paired_gain(np.array([True]), np.array([False]))


class TestUnpairedGain:
    def test_published_value(self):
        # Newcombe's first example: 56 of 70 less 48 of 80.
        found = evaluation.unpaired_gain(np.arange(70) < 56, np.arange(80) < 48)
        assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)

    def test_is_antisymmetric_and_has_a_width_without_any_error(self):
        first, second = np.arange(50) < 44, np.ones(20, bool)
        gain, low, high = evaluation.unpaired_gain(first, second)
        assert evaluation.unpaired_gain(second, first) == pytest.approx((-gain, -high, -low))
        gain, low, high = evaluation.unpaired_gain(second, second)
        assert low < gain == 0 < high

    @pytest.mark.parametrize("right", [[], [[True, False]]])
    def test_refuses_what_has_no_accuracy(self, right):
        with pytest.raises(UserError, match="no accuracy"):
            evaluation.unpaired_gain(np.array([True]), np.array(right))


class TestHolm:
    def test_hand_example(self):
        # Sorted: 0.005 × 4, 0.01 × 3, 0.03 × 2, then 0.04 × 1 raised to what stands before it.
        np.testing.assert_allclose(
            evaluation.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]
        )

    def test_properties(self):
        p_values = np.random.default_rng(0).uniform(size=30) ** 3
        adjusted = evaluation.holm(p_values)
        assert np.all(adjusted >= p_values) and np.all(adjusted <= 1)
        assert np.all(np.diff(adjusted[np.argsort(p_values)]) >= 0)

    def test_one_and_none(self):
        assert evaluation.holm([0.2]) == [0.2]
        assert evaluation.holm([]).shape == (0,)

    @pytest.mark.parametrize("p_values", [[0.1, 1.1], [-0.1], [math.nan], [[0.1]]])
    def test_refuses_what_is_no_p_value(self, p_values):
        with pytest.raises(UserError, match="p-value"):
            evaluation.holm(p_values)


def answers(right):
    """Labels, and the predictions of several models that are right as a 0/1 matrix says."""
    right = np.asarray(right)
    return np.zeros(len(right), dtype=int), [1 - column for column in right.T]


# The example of Conover's textbook and of NIST's Dataplot that statsmodels is tested with: three
# models, twelve images.
CONOVER = """111 111 010 110 000 111 111 110 001 010 111 111"""
# The example that statsmodels compares with SAS: how often each row of three answers occurs.
SAS = {"000": 6, "100": 2, "001": 16, "101": 4, "010": 2, "110": 6, "011": 4, "111": 6}


def matrix(rows):
    return [[int(digit) for digit in row] for row in rows]


class TestCochranQ:
    def test_published_example_with_few_images(self):
        right = matrix(CONOVER.split())
        found = evaluation.cochran_q(*answers(right))
        assert found.statistic == pytest.approx(2.8)
        assert (found.degrees, found.discordant, found.method) == (2, 5, "exact")
        assert stats.chi2.sf(found.statistic, 2) == pytest.approx(0.246597, abs=1e-6)
        assert found.p_value == pytest.approx(self.by_enumeration(right))

    def test_published_example_with_many_images(self):
        right = matrix([row for row, count in SAS.items() for _ in range(count)])
        found = evaluation.cochran_q(*answers(right))
        assert (found.statistic, found.p_value) == pytest.approx((8.4706, 0.0145), abs=5e-5)
        assert (found.degrees, found.discordant, found.method) == (2, 34, "chi-square")

    def test_hand_computation(self):
        # The last image says nothing. Of the others the totals are 3, 1, 0, so that
        # Q = 2 (3 (9 + 1) - 16) / (3 * 4 - 6). As wide only if the first two images fall to one
        # model, by a chance of 1 in 3, and the third image to it too, 2 in 3.
        found = evaluation.cochran_q(*answers([[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]))
        assert found.statistic == pytest.approx(28 / 6)
        assert found.discordant == 3
        assert found.p_value == pytest.approx(2 / 9)

    @staticmethod
    def by_enumeration(right):
        """Deal every image's right answers in all ways, without any shortcut."""
        right = np.asarray(right)

        def spread(rows):
            totals = np.sum(rows, axis=0)
            return len(totals) * (totals**2).sum() - totals.sum() ** 2

        ways = [sorted(set(itertools.permutations(row.tolist()))) for row in right]
        found = [spread(rows) for rows in itertools.product(*ways)]
        return np.mean(np.array(found) >= spread(right))

    def test_the_exact_test_counts_all_ways(self):
        generator = np.random.default_rng(5)
        for models, images in ((2, 9), (3, 6), (4, 5), (5, 4)):
            right = generator.integers(0, 2, (images, models))
            found = evaluation.cochran_q(*answers(right))
            assert found.method == "exact"
            assert found.p_value == pytest.approx(self.by_enumeration(right))

    def test_two_models_are_mcnemars_case(self, random_predictions):
        labels, probabilities = random_predictions
        second = np.roll(probabilities, 3, axis=0)
        found = evaluation.cochran_q(labels, {"a": probabilities, "b": second})
        b, c, _ = evaluation.mcnemar(labels, probabilities, second)
        assert found.statistic == pytest.approx((b - c) ** 2 / (b + c))
        few = answers([[1, 0]] * 7 + [[0, 1]] * 2)
        assert evaluation.cochran_q(*few).p_value == pytest.approx(
            evaluation.mcnemar(few[0], *few[1]).p_value
        )

    def test_the_approximation_is_near_the_exact_value(self, monkeypatch):
        right = np.random.default_rng(1).random((40, 4)) < [0.6, 0.65, 0.7, 0.75]
        rough = evaluation.cochran_q(*answers(right.astype(int)))
        monkeypatch.setattr(evaluation, "LEAST_FOR_CHI_SQUARE", 10**6)
        exact = evaluation.cochran_q(*answers(right.astype(int)))
        assert (rough.method, exact.method) == ("chi-square", "exact")
        assert 0.01 < rough.p_value < 0.5
        assert rough.p_value == pytest.approx(exact.p_value, rel=0.15)

    def test_models_that_agree_do_not_differ(self, random_predictions):
        labels, probabilities = random_predictions
        found = evaluation.cochran_q(labels, [probabilities] * 3)
        assert found == (0.0, 2, 1.0, 0, "exact")

    def test_many_models_and_one_image_need_no_time(self):
        found = evaluation.cochran_q(*answers([[1] * 12 + [0] * 11]))
        assert found.p_value == 1.0

    def test_refuses_one_model_and_other_images(self, random_predictions):
        labels, probabilities = random_predictions
        with pytest.raises(UserError, match="two models or more, not 1"):
            evaluation.cochran_q(labels, [probabilities])
        with pytest.raises(UserError, match="same images"):
            evaluation.cochran_q(labels, [probabilities, probabilities[:-1]])


class TestBootstrapDifference:
    def test_against_scipy(self, random_predictions):
        labels, first = random_predictions
        second = np.roll(first, 40, axis=0)
        found = evaluation.bootstrap_difference(labels, first, second, resamples=50_000)
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

        found = evaluation.bootstrap_difference(labels, first, second, accuracy, resamples=4000)
        expected = evaluation.bootstrap_difference(labels, first, second)
        assert found.difference == pytest.approx(expected.difference)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.01)

    def test_agrees_with_the_normal_approximation(self, random_predictions):
        labels, first = random_predictions
        second = np.roll(first, 40, axis=0)
        right = [each.argmax(axis=1) == labels for each in (first, second)]
        found = evaluation.bootstrap_difference(labels, first, second)
        assert found == pytest.approx(evaluation.paired_gain(*right), abs=0.005)

    def test_the_seed_decides_and_more_confidence_is_wider(self, random_predictions):
        labels, first = random_predictions
        second = np.roll(first, 3, axis=0)
        found = evaluation.bootstrap_difference(labels, first, second)
        assert found == evaluation.bootstrap_difference(labels, first, second)
        few = (
            evaluation.bootstrap_difference(labels, first, second, None, 0.95, 100, s)
            for s in (1, 2)
        )
        assert next(few) != next(few)
        wider = evaluation.bootstrap_difference(labels, first, second, confidence=0.99)
        assert wider.low < found.low and found.high < wider.high

    def test_equal_answers_have_no_width(self, random_predictions):
        labels, first = random_predictions
        assert evaluation.bootstrap_difference(labels, first, first) == (0.0, 0.0, 0.0)

    def test_refuses_few_resamples_and_other_images(self, random_predictions):
        labels, first = random_predictions
        with pytest.raises(UserError, match="99 resamples.*at least 100"):
            evaluation.bootstrap_difference(labels, first, first, resamples=99)
        with pytest.raises(UserError, match="same images"):
            evaluation.bootstrap_difference(labels, first, first[:-1])


class TestSeedDifference:
    def test_against_scipy(self):
        first = {0: 0.921, 1: 0.925, 2: 0.919, 3: 0.930, 9: 0.5}
        second = {3: 0.921, 2: 0.918, 1: 0.920, 0: 0.917, 7: 0.1}
        found = evaluation.seed_difference(first, second, confidence=0.9)
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
            evaluation.seed_difference(*pair) for pair in ((first, second), (second, first))
        )
        assert there[:3] == pytest.approx((-back.difference, -back.high, -back.low))
        assert there.p_value == pytest.approx(back.p_value)

    def test_one_common_seed_has_no_spread(self):
        found = evaluation.seed_difference({0: 0.75, 1: 0.5}, {0: 0.5, 2: 0.5})
        assert found.difference == 0.25 and found.seeds == (0,)
        assert all(math.isnan(value) for value in found[1:4])

    @pytest.mark.parametrize(("shift", "p_value"), [(0.0, 1.0), (0.25, 0.0)])
    def test_equal_differences_have_no_width(self, shift, p_value):
        second = {0: 0.5, 1: 0.25, 2: 0.0}
        first = {seed: value + shift for seed, value in second.items()}
        found = evaluation.seed_difference(first, second)
        assert found == (shift, shift, shift, p_value, (0, 1, 2))

    def test_refuses_what_has_no_pairs(self):
        with pytest.raises(UserError, match="no seed in common"):
            evaluation.seed_difference({0: 0.5}, {1: 0.5})
        with pytest.raises(UserError, match="finite"):
            evaluation.seed_difference({0: 0.5}, {0: float("nan")})


class TestSeedInterval:
    def test_hand_value(self):
        mean, low, high = evaluation.seed_interval([0.90, 0.91, 0.92])
        half = 4.302653 * 0.01 / math.sqrt(3)
        assert mean == pytest.approx(0.91)
        assert (low, high) == pytest.approx((0.91 - half, 0.91 + half), abs=1e-7)

    def test_one_value_has_no_spread(self):
        mean, low, high = evaluation.seed_interval([0.9])
        assert mean == 0.9 and math.isnan(low) and math.isnan(high)

    def test_equal_values_have_no_width(self):
        assert evaluation.seed_interval([0.5, 0.5]) == (0.5, 0.5, 0.5)

    @pytest.mark.parametrize("values", [[], [0.9, math.nan], 0.9])
    def test_refuses_what_has_no_mean(self, values):
        with pytest.raises(UserError, match="per seed"):
            evaluation.seed_interval(values)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        (np.array([0, 1]), one_hot([0]), "same images"),
        (np.array([0]), one_hot([0])[0], "one row per image"),
        (np.array([], dtype=int), np.empty((0, CLASSES)), "one row per image"),
        (np.array([CLASSES]), one_hot([0]), "has no column"),
        (np.array([-1]), one_hot([0]), "class indices"),
        (np.array([0.0]), one_hot([0]), "class indices"),
        (one_hot([0]).astype(int), one_hot([0]), "argmax"),
        (np.array([0]), 2 * one_hot([0]), "sum to 1"),
        (np.array([0]), np.array([[1.5, -0.5]]), "sum to 1"),
        (np.array([0]), np.full((1, CLASSES), np.nan), "sum to 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_sentence(labels, probabilities, message):
    for judge in (evaluation.metrics, evaluation.confusion, evaluation.reliability):
        with pytest.raises(UserError, match=message):
            judge(labels, probabilities)


def test_views_are_averaged():
    from helpers import data, models, pipeline

    images = data.load_sample().test.images[:40]
    model = models.build("cnn_basic")
    plain = evaluation.predict(model, images)
    mirrored = evaluation.predict(model, images[:, :, ::-1])
    both = evaluation.predict(model, images, views=pipeline.MIRRORED)
    assert both == pytest.approx((plain + mirrored) / 2, abs=2e-3)
    assert not np.allclose(plain, mirrored, atol=1e-4)


class TestRiskCoverage:
    LABELS = np.array([0, 1, 0, 1])
    ANSWERS = np.array([[0.95, 0.05], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])

    def test_by_hand(self):
        curve = evaluation.risk_coverage(self.LABELS, self.ANSWERS)
        assert curve["coverage"].tolist() == [0.25, 0.5, 0.75, 1.0]
        assert curve["confidence"].tolist() == pytest.approx([0.95, 0.8, 0.7, 0.6])
        assert curve["accuracy"].tolist() == [1, 1, 1, 0.75]

    def test_its_intervals_are_wilsons(self):
        curve = evaluation.risk_coverage(self.LABELS, self.ANSWERS)
        for answered, right in ((1, 1), (3, 3), (4, 3)):
            row = curve.iloc[answered - 1]
            limits = evaluation.wilson_interval(right, answered)
            assert (row["low"], row["high"]) == pytest.approx(limits)

    def test_area_lies_between_oracle_and_chance(self):
        area, best, chance = evaluation.risk_coverage_area(self.LABELS, self.ANSWERS)
        assert (area, best, chance) == pytest.approx((1 / 16, 1 / 16, 1 / 4))
        reverse = self.ANSWERS.copy()
        reverse[1] = [0.99, 0.01]
        worse = evaluation.risk_coverage_area(self.LABELS, reverse)[0]
        assert worse == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)

    def test_arrays_that_do_not_fit(self):
        with pytest.raises(UserError):
            evaluation.risk_coverage(self.LABELS[:2], self.ANSWERS)


def test_checked_predictions_are_normalised_or_refused():
    labels, answers = evaluation.checked_predictions(np.array([1]), np.array([[0.2, 0.81]]))
    assert labels.tolist() == [1] and answers.sum() == pytest.approx(1)
    with pytest.raises(UserError, match="sum to 1"):
        evaluation.checked_predictions(np.array([1]), np.array([[0.2, 0.2]]))
