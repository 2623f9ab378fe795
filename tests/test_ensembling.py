"""Ensembles: exact values on small arrays, members made cheaply, the command of three hours."""

import numpy as np
import pytest
from cheap import cheaply

from helpers import cost, data, evaluation, models, optimizers, pipeline, settings, training
from helpers.layers import keras
from helpers.topics import ensembling

LABELS = np.array([0, 1, 0, 1])


def stack(*first_column):
    """Return two-class probabilities from each member's probability of class 0."""
    first = np.array(first_column, dtype=float)
    return np.stack([first, 1 - first], axis=-1)


MEMBERS = stack([0.9, 0.4, 0.4, 0.2], [0.7, 0.7, 0.8, 0.6], [0.2, 0.3, 0.6, 0.1])


def noise(members=4, images=50, classes=3, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, images)
    return labels, generator.dirichlet(np.ones(classes), (members, images))


class TestAverage:
    def test_equal_and_unequal_shares(self):
        assert ensembling.average(MEMBERS)[:, 0] == pytest.approx([0.6, 1.4 / 3, 0.6, 0.3])
        weighted = ensembling.average(MEMBERS, [2, 0, 2])
        assert weighted[:, 0] == pytest.approx([0.55, 0.35, 0.5, 0.15])
        assert weighted.sum(axis=1) == pytest.approx(1)

    @pytest.mark.parametrize("shares", [[1, 1], [1, -1, 1], [0, 0, 0]])
    def test_shares_that_do_not_fit(self, shares):
        with pytest.raises(settings.UserError, match="3 members need as many shares"):
            ensembling.average(MEMBERS, shares)

    @pytest.mark.parametrize("members", [[], [MEMBERS[0], MEMBERS[1][:2]], [MEMBERS[0][0]]])
    def test_members_that_do_not_fit(self, members):
        with pytest.raises(settings.UserError, match="one shape"):
            ensembling.average(members)

    def test_labels_that_do_not_fit(self):
        with pytest.raises(settings.UserError, match="3 labels for 4 rows"):
            ensembling.ambiguity(LABELS[:3], MEMBERS)


class TestGain:
    def test_is_the_accuracy_beyond_the_average_member(self):
        # The members are right on 3, 2 and 3 of the images, their mean on all of them.
        gain, low, high = ensembling.gain(LABELS, MEMBERS)
        assert gain == pytest.approx(1 - (3 + 2 + 3) / 12)
        difference = np.array([1 / 3, 1 / 3, 1 / 3, 1 / 3])
        assert high - gain == pytest.approx(1.96 * difference.std(ddof=1) / 2, abs=1e-12)
        assert low <= gain

    def test_equal_members_gain_nothing(self):
        labels, members = noise(1)
        assert ensembling.gain(labels, [members[0]] * 3) == pytest.approx((0, 0, 0))


class TestSubsets:
    def test_all_subsets_where_there_are_few(self):
        table = ensembling.subset_scores(LABELS, MEMBERS)
        assert table["size"].tolist() == [1, 1, 1, 2, 2, 2, 3]
        assert table["accuracy"].tolist()[:3] == [0.75, 0.5, 0.75]
        assert table["accuracy"].iloc[-1] == 1
        given = [0.6, 1 - 1.4 / 3, 0.6, 0.7]
        assert table["log_loss"].iloc[-1] == pytest.approx(-np.log(given).mean())

    def test_random_subsets_where_there_are_many(self):
        labels, members = noise(9)
        table = ensembling.subset_scores(labels, members, most=20)
        assert table.groupby("size").size().tolist() == [9, 20, 20, 20, 20, 20, 20, 9, 1]
        again = ensembling.subset_scores(labels, members, most=20)
        assert table.equals(again)

    def test_log_loss_is_that_of_the_metrics(self):
        labels, members = noise()
        last = ensembling.subset_scores(labels, members).iloc[-1]
        found = evaluation.metrics(labels, members.mean(axis=0))
        assert last["log_loss"] == pytest.approx(found["log_loss"])
        assert last["accuracy"] == found["accuracy"]


class TestDiversity:
    def test_disagreement_counts_different_classes(self):
        expected = [[0, 0.75, 0.5], [0.75, 0, 0.25], [0.5, 0.25, 0]]
        said = stack([0.9, 0.9, 0.9, 0.9], [0.9, 0.1, 0.1, 0.1], [0.9, 0.9, 0.1, 0.1])
        np.testing.assert_allclose(ensembling.disagreement(said), expected)

    def test_errors_on_the_same_images_correlate_fully(self):
        wrong_twice = stack([0.9, 0.9, 0.9, 0.1], [0.8, 0.6, 0.7, 0.3], [0.1, 0.1, 0.1, 0.9])
        correlations = ensembling.error_correlation(LABELS, wrong_twice)
        assert correlations[0, 1] == pytest.approx(1) and correlations[0, 2] == pytest.approx(-1)

    def test_a_member_without_errors_has_no_correlation(self):
        perfect = stack([0.9, 0.1, 0.9, 0.1], [0.8, 0.6, 0.7, 0.3])
        assert np.isnan(ensembling.error_correlation(LABELS, perfect)[0, 1])

    def test_ambiguity_by_hand(self):
        found = ensembling.ambiguity(np.array([0]), stack([0.9], [0.5]))
        assert found["members"] == pytest.approx((2 * 0.01 + 2 * 0.25) / 2)
        assert found["ensemble"] == pytest.approx(2 * 0.09)
        assert found["ambiguity"] == pytest.approx(2 * 0.04)

    @pytest.mark.parametrize("seed", range(5))
    def test_ambiguity_adds_up_and_is_the_brier_score(self, seed):
        labels, members = noise(seed=seed)
        found = ensembling.ambiguity(labels, members)
        assert found["members"] == pytest.approx(found["ensemble"] + found["ambiguity"])
        mean = evaluation.metrics(labels, members.mean(axis=0))
        assert found["ensemble"] == pytest.approx(mean["brier_score"])


class TestGreedySelection:
    def test_takes_the_one_good_member(self):
        labels, members = noise(3, images=200)
        members[1] = 0.02 + 0.94 * np.eye(3)[labels]
        assert ensembling.greedy_selection(labels, members).tolist() == [0, 1, 0]

    def test_members_that_complement_each_other_share(self):
        sure, unsure = 0.98, 0.5
        halves = stack([sure, 0.02, unsure, unsure], [unsure, unsure, sure, 0.02])
        assert ensembling.greedy_selection(LABELS, halves, 10).tolist() == [0.5, 0.5]

    def test_is_no_worse_than_the_best_member(self):
        labels, members = noise(6, images=80)
        shares = ensembling.greedy_selection(labels, members)
        assert shares.sum() == pytest.approx(1)
        chosen = evaluation.metrics(labels, ensembling.average(members, shares))["log_loss"]
        assert chosen <= min(evaluation.metrics(labels, m)["log_loss"] for m in members) + 1e-12


class TestSoften:
    def test_by_hand(self):
        found = ensembling.soften([[0.8, 0.2], [0.5, 0.5]], 2)
        assert found[0] == pytest.approx([2 / 3, 1 / 3]) and found[1] == pytest.approx([0.5, 0.5])
        assert ensembling.soften([[0.8, 0.2]], 0.5)[0] == pytest.approx([16 / 17, 1 / 17])

    def test_one_changes_nothing_and_zeros_stay_finite(self):
        _, members = noise()
        np.testing.assert_allclose(ensembling.soften(members[0], 1), members[0])
        certain = ensembling.soften([[1.0, 0.0, 0.0]], 4)
        assert np.isfinite(certain).all() and certain.sum() == pytest.approx(1)

    @pytest.mark.parametrize("temperature", [0, -1, float("nan")])
    def test_no_temperature(self, temperature):
        with pytest.raises(settings.UserError, match="pass a positive one"):
            ensembling.soften([[0.5, 0.5]], temperature)


class TestCycles:
    def test_each_cycle_is_the_triangle(self):
        cycles = ensembling.Cycles(0.1, steps=8)
        triangle = optimizers.Triangular(0.1, steps=8)
        for step in range(24):
            assert float(cycles(step)) == pytest.approx(float(triangle(step % 8)))

    def test_saves_and_loads(self):
        optimizer = keras.optimizers.SGD(ensembling.Cycles(0.2, steps=3, rise=0.5))
        again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
        assert again._learning_rate.get_config() == {"peak": 0.2, "steps": 3, "rise": 0.5}
        assert type(again._learning_rate) is ensembling.Cycles


@pytest.fixture(scope="module")
def images():
    return data.load_sample().train.take(np.arange(0, 2000, 20))


@pytest.fixture(scope="module")
@cheaply()
def trained(images):
    """A small network after four epochs, with the weights after the second and fourth."""
    kept = ensembling.Snapshots(every=2)
    run = training.train(
        models.build("cnn_optimum", filters=((4,), (6,))),
        images,
        images,
        optimizer="sgd",
        loss="categorical_crossentropy",
        epochs=4,
        batch_size=100,
        callbacks=[kept],
    )
    return run, kept


class TestWeights:
    def test_snapshots_are_copies_of_their_moment(self, trained):
        run, kept = trained
        assert len(kept.weights) == 2
        for last, now in zip(kept.weights[1], run.model.get_weights(), strict=True):
            np.testing.assert_array_equal(last, now)
        assert not np.array_equal(kept.weights[0][0], kept.weights[1][0])

    @cheaply()
    def test_other_weights_leave_the_run_alone(self, trained, images):
        run, kept = trained
        before = evaluation.predict(run.model, images.images)
        early = ensembling.with_weights(run, kept.weights[0])
        assert early.model.name == run.model.name and early.seed == run.seed
        np.testing.assert_array_equal(early.model.get_weights()[0], kept.weights[0][0])
        np.testing.assert_array_equal(evaluation.predict(run.model, images.images), before)

    def test_mean_of_weights(self, trained, images):
        run, kept = trained
        made = ensembling.averaged(run, kept.weights, images.images, shares=[1, 3])
        kernel = made.model.get_weights()[0]
        expected = 0.25 * kept.weights[0][0] + 0.75 * kept.weights[1][0]
        np.testing.assert_allclose(kernel, expected, rtol=1e-5, atol=1e-7)

    def test_statistics_are_those_of_the_images(self):
        inputs = keras.Input((28, 28, 1))
        model = keras.Model(inputs, models.BatchNormalization(momentum=0.9)(inputs))
        generator = np.random.default_rng(0)
        pictures = generator.integers(0, 256, (40, 28, 28)).astype(np.uint8)
        ensembling.refresh_statistics(model, pictures, batch_size=10)
        batches = (pictures / 255.0).reshape(4, -1)
        mean, variance = (np.asarray(value) for value in model.get_weights()[2:])
        assert mean == pytest.approx(batches.mean(axis=1).mean(), rel=1e-4)
        assert variance == pytest.approx(batches.var(axis=1).mean(), rel=1e-3)
        assert model.layers[1].momentum == 0.9


@cheaply()
def test_the_student_trains_saves_and_loads(images, tmp_path):
    model = models.build("cnn_distilled", seed=3)
    assert model.name == "cnn_distilled" and cost.parameters(model) < 150_000
    same = models.build("resnet_fast", seed=3)
    for own, other in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    narrow = models.build("cnn_distilled", filters=(4, 4, 4))
    training.train(
        narrow,
        images,
        None,
        optimizer="adam",
        loss="categorical_crossentropy",
        epochs=1,
        batch_size=100,
        soft_labels=np.full((100, 10), 0.1),
    )
    narrow.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pictures = pipeline.prepare_images(images.images[:5])
    np.testing.assert_array_equal(narrow(pictures), loaded(pictures))


@cheaply()
def test_a_trained_member_states_its_cost(trained, images):
    run, _ = trained
    member = ensembling.member(run, images)
    assert (member.model, member.seed, member.validation) == ("cnn_optimum", run.seed, None)
    assert member.parameters == cost.parameters(run.model)
    assert member.mflops == cost.flops(run.model) / 1e6
    np.testing.assert_array_equal(
        member.probabilities, evaluation.predict(run.model, images.images)
    )


def test_every_ensemble_is_of_this_notebook_and_no_model():
    for name in ensembling.ENSEMBLES:
        known = ensembling.specification(name)
        assert (known.name, known.family, known.notebook) == (name, "Ensemble", "14_ensembling")
    assert not set(ensembling.ENSEMBLES) & set(models.names())
    with pytest.raises(settings.UserError, match="'ensemble_9h'.*ensemble_3h"):
        ensembling.specification("ensemble_9h")


def test_members_are_budgets_of_three_hours_in_all():
    minutes = [int(model.removeprefix("resnet_").removesuffix("min"))
               for model, _ in ensembling.THREE_HOURS]  # fmt: skip
    assert sum(minutes) == 180 and len(set(ensembling.THREE_HOURS)) == len(minutes)
    assert {model for model, _ in ensembling.THREE_HOURS} <= set(models.names())
