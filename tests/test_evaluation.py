"""Predictions, intervals, calibration and paired tests, against hand counts and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from helpers import evaluation, pipeline
from helpers.settings import UserError

CLASSES = 10


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
