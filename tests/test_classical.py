"""Classical baselines: features by hand, honest probabilities, counted costs, stored results."""

import json
import math
import pickle

import numpy as np
import pytest

from helpers import data, evaluation, plotting, runs
from helpers.maintenance import pages
from helpers.settings import UserError
from helpers.topics import classical, oriented_gradients

SMALL = {
    "nearest_neighbours": {"components": 20, "neighbours": 3},
    "random_forest": {"trees": 4},
    "gradient_boosting": {"rounds": 2},
    "svm_rbf": {"components": 20},
    "hog_svm": {"epochs": 2},
    "hog_svm_rbf": {"components": 20},
}


@pytest.fixture(scope="module")
def parts():
    """Three small sets of real images: to fit, to choose by and to judge by."""
    sample = data.load_sample()
    shares = [data.stratified_indices(sample.train.labels, share) for share in (0.1, 0.2)]
    rest = np.setdiff1d(shares[1], shares[0])
    test = data.stratified_indices(sample.test.labels, 0.05)
    return sample.train.take(shares[0]), sample.train.take(rest), sample.test.take(test)


@pytest.fixture(scope="module")
def fits(parts):
    training, validation, _ = parts
    return {
        name: classical.fit(name, training, validation, seed=0, **SMALL.get(name, {}))
        for name in classical.names()
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that results are written to."""
    monkeypatch.setenv("FASHION_PROFILE", "smoke")
    monkeypatch.setenv("FASHION_RESULTS_DIR", str(tmp_path))
    return tmp_path


def edge(height=8, width=8, value=255):
    """An image that is dark at the left and bright at the right."""
    image = np.zeros((1, height, width), np.uint8)
    image[..., width // 2 :] = value
    return image


class TestFeatures:
    def test_gradients_of_an_upright_edge(self):
        strength, direction = classical.gradients(edge())
        np.testing.assert_array_equal(strength[0, 3], [0, 0, 0, 1, 1, 0, 0, 0])
        assert np.all(direction == 0)

    @pytest.mark.parametrize(
        ("turn", "expected"),
        [
            (lambda image: image, 0.0),
            (lambda image: image[:, :, ::-1], 0.0),
            (lambda image: image.transpose(0, 2, 1), np.pi / 2),
            (lambda image: image.transpose(0, 2, 1)[:, ::-1], np.pi / 2),
        ],
        ids=["right", "left", "down", "up"],
    )
    def test_a_rise_and_a_fall_have_the_same_direction(self, turn, expected):
        strength, direction = classical.gradients(np.ascontiguousarray(turn(edge())))
        np.testing.assert_allclose(direction[strength > 0], expected, atol=1e-6)

    def test_directions_stay_below_pi(self, images):
        _, direction = classical.gradients(images)
        assert direction.dtype == np.float32
        assert direction.min() >= 0 and direction.max() < np.float32(np.pi)

    def test_histograms_by_hand(self):
        # Per row the two pixels give each cell 0.625 + 0.375 = 1 vote; the rows weigh 3.5 together.
        histograms = classical.cell_histograms(edge(), cell=4)
        assert histograms.shape == (1, 2, 2, 9)
        np.testing.assert_allclose(histograms[..., 0], 3.5, rtol=1e-6)
        assert np.all(histograms[..., 1:] == 0)

    def test_a_vote_is_shared_among_neighbouring_orientations(self):
        # It rises along 45 degrees, half way between the bins 2 and 3 of 10.
        across, down = np.meshgrid(np.arange(8), np.arange(8))
        slope = (16 * (across + down)).astype(np.uint8)[None]
        inner = classical.cell_histograms(slope, cell=2, orientations=10)[0, 1, 1]
        np.testing.assert_allclose(inner[[2, 3]], inner.sum() / 2, rtol=1e-5)
        assert inner.sum() == pytest.approx(4 * np.hypot(32, 32) / 255)

    def test_hog_by_hand(self):
        # One block of four equal histograms: each has half the length, cut off to a fifth, and a
        # half again after the second scaling.
        features = classical.hog(edge(), cells=(4,))
        assert features.shape == (1, 36) and features.dtype == np.float32
        np.testing.assert_allclose(features[0, ::9], 0.5, atol=2e-3)
        assert features.sum() == pytest.approx(4 * features[0, 0])

    def test_hog_hardly_sees_the_contrast(self):
        strong, faint = (classical.hog(edge(28, 28, value)) for value in (250, 25))
        np.testing.assert_allclose(strong, faint, atol=0.01)

    def test_hog_of_an_even_image_is_zero(self):
        assert not classical.hog(np.full((2, 28, 28), 99, np.uint8)).any()

    def test_hog_joins_sizes_and_does_not_depend_on_the_batch(self, images, monkeypatch):
        whole = classical.hog(images)
        assert whole.shape == (12, (6 * 6 + 3 * 3) * 36)
        np.testing.assert_array_equal(whole[:, : 6 * 6 * 36], classical.hog(images, cells=(4,)))
        monkeypatch.setattr(oriented_gradients, "IMAGES_AT_A_TIME", 5)
        np.testing.assert_allclose(classical.hog(images), whole, atol=1e-6)

    def test_pixels_and_pools(self):
        image = np.array([[[0, 255, 51, 51], [255, 0, 51, 51]]], np.uint8)
        np.testing.assert_allclose(classical.pixels(image)[0, :4], [0, 1, 0.2, 0.2])
        np.testing.assert_allclose(classical.pooled(image), [[0.5, 0.2]])

    @pytest.mark.parametrize(
        "call",
        [
            lambda: classical.pooled(edge(), size=3),
            lambda: classical.cell_histograms(edge(), cell=5),
            lambda: classical.cell_histograms(edge(), orientations=1),
            lambda: classical.hog(edge().astype(float)),
        ],
        ids=["pool", "cell", "orientations", "floats"],
    )
    def test_what_does_not_fit_is_refused(self, call):
        with pytest.raises(UserError):
            call()


class TestProbabilities:
    def test_votes_by_hand(self):
        softened = classical.soften(np.array([[0.75, 0.25, 0.0, 0.0]]), "votes", 0.04)
        np.testing.assert_allclose(softened, [[0.73, 0.25, 0.01, 0.01]])

    def test_margins_by_hand(self):
        softened = classical.soften(np.log([[1.0, 4.0]]), "margins", 2.0)
        np.testing.assert_allclose(softened, [[1 / 3, 2 / 3]])

    def test_duels_by_hand(self):
        # The order is 0-1, 0-2, 0-3, 1-2, 1-3, 2-3; an even duel is won with the chance of a half.
        margins = np.array([[9.0, 9.0, 0.0, 0.0, 0.0, 0.0]])
        chances = np.exp(classical.duel_scores(margins, 4))
        np.testing.assert_allclose(chances, [[0.5, 0, 0, 0.125]], atol=1e-12)
        chances = np.exp(classical.duel_scores(-margins[:, ::-1], 4))
        np.testing.assert_allclose(chances, [[0.125, 0, 0, 0.5]], atol=1e-12)

    def test_the_winner_of_all_duels_has_the_highest_score(self):
        strength = np.random.default_rng(0).permuted(np.tile(np.arange(10.0), (30, 1)), axis=1)
        first, second = np.triu_indices(10, 1)
        scores = classical.duel_scores(strength[:, first] - strength[:, second], 10)
        np.testing.assert_array_equal(scores.argsort(axis=1), strength.argsort(axis=1))

    @pytest.mark.parametrize(("kind", "softness"), [("votes", 0.3), ("margins", 7.0)])
    def test_the_order_of_the_classes_stays(self, kind, softness):
        scores = np.random.default_rng(0).dirichlet(np.ones(10), 50)
        softened = classical.soften(scores, kind, softness)
        np.testing.assert_array_equal(softened.argsort(axis=1), scores.argsort(axis=1))
        np.testing.assert_allclose(softened.sum(axis=1), 1)

    def test_the_temperature_that_made_the_labels_is_found(self):
        generator = np.random.default_rng(0)
        margins = generator.normal(0, 6, (20_000, 4))
        truth = classical.soften(margins, "margins", 3.0)
        labels = (truth.cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
        assert classical.fitted_softness(margins, labels, "margins") == pytest.approx(3, rel=0.05)

    def test_the_share_of_surprises_is_found(self):
        # Votes of certainty that are wrong in 9 of 100 cases: a tenth, spread over ten classes.
        votes = np.eye(10)[np.arange(1000) % 10]
        labels = np.arange(1000) % 10
        labels[:90] = (labels[:90] + 1) % 10
        assert classical.fitted_softness(votes, labels, "votes") == pytest.approx(0.1, rel=0.01)

    def test_probabilities_need_no_repair(self):
        assert math.isnan(classical.fitted_softness(np.eye(3), np.arange(3), "probabilities"))


class TestBaselines:
    @pytest.mark.parametrize("name", classical.names())
    def test_predicts_after_saving_and_loading(self, fits, parts, name):
        fit, (_, validation, test) = fits[name], parts
        probabilities = fit.probabilities(test.images)
        assert probabilities.shape == (len(test), 10)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
        again = pickle.loads(pickle.dumps(fit))
        np.testing.assert_array_equal(again.probabilities(test.images), probabilities)
        right = (probabilities.argmax(axis=1) == test.labels).mean()
        assert right == 0.1 if name == "majority_class" else right > 0.4
        found = fit.probabilities(validation.images)
        np.testing.assert_allclose(found, fit.validation_probabilities)

    def test_the_same_seed_gives_the_same_forest(self, parts):
        training, validation, test = parts
        first, again, other = (
            classical.fit("random_forest", training, validation, seed=seed, trees=3)
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(
            first.probabilities(test.images), again.probabilities(test.images)
        )
        assert not np.array_equal(first.validation_probabilities, other.validation_probabilities)

    def test_numbers_and_operations_by_hand(self, fits):
        def costs(name):
            estimator = fits[name].estimator
            return classical.kept_numbers(estimator), classical.operations(estimator)

        assert costs("majority_class") == (10, 0)
        assert costs("logistic_regression") == (784 * 10 + 10, 2 * 784 * 10)
        components = 784 * 20 + 784
        assert costs("nearest_neighbours") == (
            components + 200 * 21,
            2 * 784 * 20 + 3 * 200 * 20,
        )
        vectors = len(fits["svm_rbf"].estimator[-1].support_)
        assert costs("svm_rbf") == (
            components + vectors * (20 + 9) + 45,
            2 * 784 * 20 + vectors * (3 * 20 + 2) + 2 * 9 * vectors,
        )
        assert costs("hog_svm")[0] == 1620 * 10 + 10

    def test_numbers_of_a_tree_by_hand(self, parts):
        stump = classical.build("random_forest", trees=1)
        stump[-1].set_params(max_leaf_nodes=2)
        stump.fit(parts[0].images, parts[0].labels)
        assert classical.kept_numbers(stump) == 2 + 2 * 10

    @pytest.mark.parametrize("name", ["random_forest", "gradient_boosting", "hog_svm_rbf"])
    def test_what_is_not_counted_is_nan(self, fits, name):
        assert math.isnan(classical.operations(fits[name].estimator))
        assert classical.kept_numbers(fits[name].estimator) > 100

    def test_latency_leaves_the_estimator_as_it_was(self, fits, parts):
        fit = fits["random_forest"]
        assert classical.latency(fit, parts[2].images) > 0
        assert fit.estimator[-1].n_jobs == classical.JOBS

    def test_a_validation_curve_judges_every_value(self, parts):
        training, validation, _ = parts
        table = classical.validation_curve(
            "nearest_neighbours", "neighbours", (1, 200), training, validation, components=20
        )
        assert table["value"].tolist() == [1, 200]
        assert table["accuracy"][0] > 0.6
        assert (table["low"] < table["accuracy"]).all() and (table["high"] <= 1).all()

    def test_the_recipe_names_the_arguments_but_not_the_seed(self, fits):
        recipe = fits["nearest_neighbours"].recipe
        assert recipe["neighbours"] == 3 and recipe["components"] == 20
        assert "votes" in recipe["probabilities"] and "seed" not in recipe

    def test_source_is_the_builder_without_its_decorator(self):
        text = classical.source("hog_svm_rbf")
        assert text.startswith("def hog_svm_rbf(") and "register" not in text

    def test_unknown_names_and_missing_classes_are_named(self, parts):
        with pytest.raises(UserError, match="no baseline.*logistic_regression"):
            classical.build("perceptron")
        with pytest.raises(UserError, match="'depth'.*trees"):
            classical.build("random_forest", depth=3)
        few = parts[0].take(parts[0].labels < 2)
        with pytest.raises(UserError, match="every class"):
            classical.fit("logistic_regression", few, parts[1])


class TestResults:
    def test_reads_back_what_it_returned(self, fits, parts, folder):
        fit, (_, validation, test) = fits["svm_rbf"], parts
        result = runs.finish_classical(fit, test)
        np.testing.assert_equal(vars(runs.load("svm_rbf", 0, folder)), vars(result))
        assert (result.family, result.notebook) == ("Classical", "02_classical_baselines")
        assert result.training_seconds == pytest.approx(fit.seconds, rel=1e-5)
        assert result.prediction_seconds > 0 and result.latency_ms > 0
        found = evaluation.metrics(validation.labels, fit.validation_probabilities)
        assert result.metrics["validation_log_loss"] == found["log_loss"]
        kept, said = result.probabilities(), fit.probabilities(test.images)
        np.testing.assert_allclose(kept**0.2, said**0.2, rtol=0, atol=1 / 127)

    def test_operations_that_are_not_counted_are_a_dash(self, fits, parts, folder):
        runs.finish_classical(fits["random_forest"], parts[2])
        assert json.loads((folder / "random_forest/seed_0.json").read_text())["mflops"] is None
        table = runs.table(folder)
        assert math.isnan(table["mflops"][0])
        assert " | – | 1 | " in pages.markdown_table(table)
        assert "nan" not in runs.terminal_table(table)
        assert len(plotting.accuracy_bars(table).axes) == 1

    def test_the_majority_class_is_an_arm_that_stays_out_of_the_comparison(
        self, fits, parts, folder
    ):
        for name in ("majority_class", "logistic_regression"):
            runs.finish_classical(fits[name], parts[2])
        assert runs.table(folder)["model"].tolist() == ["logistic_regression"]
        arm = "logistic_regression__majority_class"
        assert runs.table(folder, variants=True)["model"].tolist()[1] == arm
        assert runs.load(arm, 0, folder).metrics["test_accuracy"] == 0.1

    def test_seeds_of_one_baseline_have_a_common_mean(self, parts, folder):
        training, validation, test = parts
        for seed in (0, 1):
            fit = classical.fit("random_forest", training, validation, seed=seed, trees=3)
            # Trees of another seed have other sizes, so that other numbers are kept.
            runs.finish_classical(fit, test)
        assert runs.table(folder)["seeds"].tolist() == [2]

    def test_results_written_before_there_was_a_prediction_time_are_read(self, fits, parts, folder):
        runs.finish_classical(fits["logistic_regression"], parts[2])
        path = folder / "logistic_regression/seed_0.json"
        document = json.loads(path.read_text())
        del document["prediction_seconds"]
        path.write_text(json.dumps(document))
        assert runs.load("logistic_regression", 0, folder).prediction_seconds is None

    def test_published_names_have_a_look_of_their_own(self):
        names = [name for name in classical.names() if name != "majority_class"]
        assert len({plotting.marker(name) for name in names}) == len(names)
        assert len({plotting.color(name) for name in names}) == 1
        assert plotting.color(names[0]) not in {color for color, _ in plotting.IDENTITIES.values()}
