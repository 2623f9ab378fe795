"""Audits: exact values on small arrays, planted label errors found, honest and useless scores."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from helpers import data, evaluation, models, settings
from helpers.topics import auditing

SAMPLE = data.load_sample().train
LABELS = np.array([0, 0, 0, 1, 1])
CHANCES = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.4, 0.6]])


class TestOutOfFold:
    def run(self, folds=3):
        images = np.arange(12, dtype=np.uint8).repeat(16).reshape(12, 4, 4)
        labelled = data.LabelledImages(images, (np.arange(12) % 2).astype(np.uint8))
        seen = []

        def train(part, fold):
            seen.append(set(part.images[:, 0, 0].tolist()))
            return SimpleNamespace(model=fold, pixel_range=(0.0, 1.0))

        return labelled, train, seen, lambda: auditing.out_of_fold(labelled, train, folds)

    def test_every_image_is_judged_once_by_the_network_that_has_not_seen_it(self, monkeypatch):
        labelled, _, seen, judge = self.run()
        judged = []

        def predict(fold, images, pixel_range):
            judged.append((fold, set(images[:, 0, 0].tolist())))
            return np.stack([images[:, 0, 0] / 100, 1 - images[:, 0, 0] / 100], axis=1)

        monkeypatch.setattr(evaluation, "predict", predict)
        probabilities, networks = judge()
        assert [run.model for run in networks] == [0, 1, 2]
        assert all(not (seen[fold] & images) for fold, images in judged)
        assert sorted(set.union(*(images for _, images in judged))) == list(range(12))
        assert probabilities[:, 0] == pytest.approx(np.arange(12) / 100)

    @pytest.mark.parametrize("folds", [1, 7])
    def test_folds_that_cannot_be(self, folds):
        with pytest.raises(settings.UserError, match="from 2 to 6"):
            self.run(folds)[3]()


class TestLabels:
    def test_confident_joint_by_hand(self):
        assert auditing.confident_joint(LABELS, CHANCES).tolist() == [[2, 1], [0, 1]]

    def test_issues_by_hand(self):
        issues = auditing.label_issues(LABELS, CHANCES)
        assert issues.values.tolist() == [[2, 0, 1, 0.1, 0.9]]

    def test_planted_errors_are_found_and_come_first(self):
        generator = np.random.default_rng(0)
        truth = generator.integers(0, 4, 2000)
        probabilities = special.softmax(5 * np.eye(4)[truth] + generator.normal(size=(2000, 4)), 1)
        given, planted = truth.copy(), generator.choice(2000, 60, replace=False)
        given[planted] = (given[planted] + 1) % 4
        issues = auditing.label_issues(given, probabilities)
        assert np.isin(planted, issues["index"]).mean() > 0.9
        assert np.isin(issues["index"].head(50), planted).all()
        wrong = issues[issues["index"].isin(planted)]
        assert np.array_equal(wrong["suggested"], truth[wrong["index"]])
        assert issues["given_probability"].is_monotonic_increasing

    def test_a_class_without_images_is_suggested_to_nobody(self):
        probabilities = np.column_stack([CHANCES * 0.5, np.full(5, 0.5)])
        assert auditing.confident_joint(LABELS, probabilities)[:, 2].sum() == 0

    def test_arrays_that_do_not_fit(self):
        with pytest.raises(settings.UserError):
            auditing.label_issues(LABELS[:3], CHANCES)


class TestWorth:
    def test_gain_by_hand_with_an_interval_around_it(self):
        right = np.repeat([True, False], [90, 10])
        left_out = np.zeros(100, bool)
        left_out[-5:] = True
        gain, low, high = auditing.worth(right, left_out)
        assert gain == pytest.approx(90 / 95 - 0.9)
        assert 0 < low < gain < high < 0.1
        assert (gain, low, high) == auditing.worth(right, left_out)

    def test_nothing_left_out_is_worth_nothing(self):
        assert auditing.worth([True, False, True], np.zeros(3, bool)) == (0, 0, 0)

    @pytest.mark.parametrize("left_out", [np.ones(3, bool), np.zeros(2, bool)])
    def test_refusals(self, left_out):
        with pytest.raises(settings.UserError, match="leave at least one"):
            auditing.worth([True, False, True], left_out)


class TestStrangers:
    def test_kinds_and_their_form(self):
        part = SAMPLE.take(np.arange(50))
        kinds = auditing.unfamiliar(part, seed=1)
        assert list(kinds) == ["noise", "digits", "inverted", "quarter turn", "blend"]
        for images in kinds.values():
            assert images.shape == (50, 28, 28) and images.dtype == np.uint8
        assert np.array_equal(255 - kinds["inverted"], part.images)
        assert np.array_equal(kinds["quarter turn"][0], np.rot90(part.images[0]))
        again = auditing.unfamiliar(part, seed=1)
        assert all(np.array_equal(kinds[name], again[name]) for name in kinds)

    def test_a_blend_is_the_mean_of_two_classes(self):
        images = np.array([0, 0, 200, 200], np.uint8).repeat(784).reshape(4, 28, 28)
        labelled = data.LabelledImages(images, np.array([3, 3, 5, 5], np.uint8))
        assert np.all(auditing.unfamiliar(labelled)["blend"] == 100)

    def test_digits_are_enlarged_by_their_own_pixels(self):
        digits = auditing.handwritten_digits()
        assert digits.shape == (1797, 28, 28) and digits.max() == 255
        inner = digits[:, 2:-2, 2:-2]
        assert digits.sum(dtype=np.int64) == inner.sum(dtype=np.int64)
        assert np.array_equal(inner[:, ::3, ::3], inner[:, 2::3, 1::3])

    @pytest.mark.parametrize(
        "labelled",
        [
            data.LabelledImages(np.zeros((2, 8, 8), np.uint8), np.array([0, 1], np.uint8)),
            data.LabelledImages(np.zeros((2, 28, 28), np.uint8), np.array([1, 1], np.uint8)),
        ],
    )
    def test_refusals(self, labelled):
        with pytest.raises(settings.UserError, match="two classes or more"):
            auditing.unfamiliar(labelled)


class TestScores:
    def test_logits_are_those_behind_the_probabilities(self):
        model = models.build("ann_baseline")
        outputs = auditing.logits(model, SAMPLE.images[:30], batch_size=7)
        expected = evaluation.predict(model, SAMPLE.images[:30])
        np.testing.assert_allclose(special.softmax(outputs, axis=1), expected, atol=1e-5)

    def test_a_model_without_a_dense_end(self):
        from helpers.layers import keras

        inputs = keras.Input((28, 28, 1))
        model = keras.Model(inputs, keras.layers.Flatten()(inputs))
        with pytest.raises(settings.UserError, match="last layer is dense"):
            auditing.logits(model, SAMPLE.images[:1])

    def test_only_the_energy_sees_a_common_constant(self):
        scores = auditing.familiarity(np.array([[2.0, 0.0], [5.0, 3.0]]))
        assert scores["probability"][0] == pytest.approx(scores["probability"][1])
        assert scores["energy"][1] - scores["energy"][0] == pytest.approx(3)

    def test_separation_by_hand(self):
        area, curve = auditing.separation(np.array([0.9, 0.6]), np.array([0.5, 0.7]))
        assert area == pytest.approx(3 / 4)
        assert curve.iloc[0].tolist() == [0, 0] and curve.iloc[-1].tolist() == [1, 1]

    def test_nothing_to_tell_apart(self):
        with pytest.raises(settings.UserError, match="both kinds"):
            auditing.separation(np.array([0.5]), np.array([]))


class TestSeparationDifference:
    def scores(self):
        """Return two scores of 60 familiar and 40 other images, coarse so that some are equal."""
        generator = np.random.default_rng(0)
        common = generator.normal(size=100) + np.repeat([1.5, 0], [60, 40])
        both = [np.round(common + generator.normal(0, width, 100), 1) for width in (0.3, 1.5)]
        return [(score[:60], score[60:]) for score in both]

    def test_difference_by_hand(self):
        # The first score ranks three of four pairs rightly, the second two and a tie.
        first = np.array([0.9, 0.6]), np.array([0.5, 0.7])
        second = np.array([0.9, 0.5]), np.array([0.5, 0.8])
        found = auditing.separation_difference(first, second, resamples=100)
        assert found.difference == pytest.approx(3 / 4 - 2.5 / 4)

    def test_each_draw_against_scikit_learn(self):
        first, second = self.scores()
        found = auditing.separation_difference(first, second, resamples=50, seed=3)
        generator, differences = np.random.default_rng(3), []
        for _ in range(50):
            familiar, other = generator.integers(0, 60, 60), generator.integers(0, 40, 40)
            truth = np.repeat([1, 0], [60, 40])
            areas = [
                metrics.roc_auc_score(truth, np.concatenate([inside[familiar], outside[other]]))
                for inside, outside in (first, second)
            ]
            differences.append(areas[0] - areas[1])
        expected = np.quantile(differences, [0.025, 0.975])
        np.testing.assert_allclose((found.low, found.high), expected)
        areas = [auditing.separation(*pair)[0] for pair in (first, second)]
        assert found.difference == pytest.approx(areas[0] - areas[1])

    def test_interval_is_as_wide_as_the_variance_says(self):
        first, second = self.scores()
        found = auditing.separation_difference(first, second)
        # DeLong's variance: that of each image's own share in the difference, for both kinds.
        wins = [np.heaviside(inside[:, None] - outside, 0.5) for inside, outside in (first, second)]
        difference = wins[0] - wins[1]
        shares = [difference.mean(axis=1), difference.mean(axis=0)]
        deviation = np.sqrt(sum(each.var(ddof=1) / len(each) for each in shares))
        assert found.high - found.low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
        assert found.low < found.difference < found.high

    def test_a_score_is_no_better_than_itself(self):
        first, second = self.scores()
        assert auditing.separation_difference(first, first) == (0, 0, 0)
        there, back = (
            auditing.separation_difference(*pairs) for pairs in ((first, second), (second, first))
        )
        assert back == pytest.approx((-there.difference, -there.high, -there.low))

    @pytest.mark.parametrize("sizes", [(2, 3), (3, 0)])
    def test_refusals(self, sizes):
        other = tuple(np.ones(size) for size in sizes)
        with pytest.raises(settings.UserError, match="of the same images"):
            auditing.separation_difference((np.ones(3), np.ones(sizes[1])), other)
