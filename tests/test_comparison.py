"""Comparison: what validation chooses, which neighbours differ, which images are the hardest."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import data, evaluation, runs, settings
from helpers.settings import UserError
from helpers.topics import comparison

IMAGES = 400
LABELS = np.arange(IMAGES) % 10
RECIPE = {"optimizer": "adam", "epochs": 3, "precision": "float32"}


def answers(wrong):
    """Return probabilities that are right except on the images `wrong`, by class 0 or 1."""
    said = LABELS.copy()
    said[wrong] = (LABELS[wrong] == 0).astype(int)
    return np.where(said[:, None] == np.arange(10), 0.91, 0.01)


def result(model, wrong=(), seed=0, validation=0.9, labels=LABELS, **changes):
    probabilities = answers(np.asarray(wrong, int))
    accuracy = float((probabilities.argmax(axis=1) == LABELS).mean())
    known = {
        "model": model,
        "seed": seed,
        "variant_of": model.partition("__")[0] if "__" in model else None,
        "metrics": {"validation_accuracy": validation, "test_accuracy": accuracy},
        "recipe": RECIPE,
        "trained_on": 48_000,
        "machine": {"accelerator": None},
        "file": f"{model}/seed_{seed}.json",
        "labels": lambda: labels,
        "probabilities": lambda: probabilities,
    }
    return SimpleNamespace(**known | changes)


class TestBest:
    def test_validation_chooses_whatever_the_test_says(self):
        results = [result("a", range(50), validation=0.93), result("b", validation=0.92)]
        assert comparison.best(results) == "a"

    def test_several_seeds_are_averaged(self):
        results = [result("a", validation=0.95), result("a", seed=1, validation=0.85)]
        results.append(result("b", validation=0.91))
        assert comparison.validation_accuracy(results)["a"] == pytest.approx(0.9)
        assert comparison.best(results) == "b"

    def test_an_arm_speaks_for_the_recipe_of_a_model_without_validation_images(self):
        whole = result("a", validation=np.nan, trained_on=60_000)
        steps = RECIPE | {"optimizer": "adam, more steps", "precision": "mixed_bfloat16"}
        part = result("a__held_out", validation=0.94, recipe=steps)
        assert comparison.best([whole, part, result("b", validation=0.93)]) == "a"

    @pytest.mark.parametrize(
        "changes",
        [
            {"recipe": RECIPE | {"epochs": 4}},
            {"recipe": RECIPE | {"left_out": 0.7}},
            {"trained_on": 60_000},
            {"validation": np.nan},
            {"variant_of": "other"},
        ],
    )
    def test_another_recipe_does_not(self, changes):
        whole = result("a", validation=np.nan, trained_on=60_000)
        part = result("a__held_out", **{"validation": 0.94} | changes)
        assert np.isnan(comparison.validation_accuracy([whole, part])["a"])
        assert comparison.best([whole, part, result("b", validation=0.6)]) == "b"

    def test_nothing_to_choose_by_is_said(self):
        with pytest.raises(UserError, match="no result has a validation accuracy|No result has"):
            comparison.best([result("a", validation=np.nan)])

    def test_models_of_an_accelerator_are_left_out_of_times(self):
        fast = result("b", machine={"accelerator": "a GPU"})
        assert comparison.on_processor([result("a"), fast, result("c")]) == ["a", "c"]


class TestNeighbours:
    def test_compares_each_model_with_the_next_one(self):
        results = [result("bad", range(100)), result("good"), result("fair", range(40))]
        table = comparison.neighbours(results)
        assert list(table.index) == ["good", "fair", "bad"]
        np.testing.assert_allclose(table["gain"], [0.1, 0.15, np.nan])
        raw = [2 * 0.5**40, 2 * 0.5**60]
        np.testing.assert_allclose(table["p_value"][:2], evaluation.holm(raw), rtol=1e-9)
        assert (table["low"][:2] > 0).all() and (table["low"] < table["network"])[:2].all()
        assert list(table["verdict"][:2]) == [comparison.NETWORKS] * 2
        assert isinstance(table["verdict"].iloc[2], float)  # nothing follows the last

    def test_a_small_difference_may_be_chance(self):
        table = comparison.neighbours([result("a"), result("b", range(5))])
        assert table["p_value"].iloc[0] == pytest.approx(2 * 0.5**5)
        assert table["verdict"].iloc[0] == comparison.OPEN

    def test_common_seeds_judge_the_recipes(self):
        results = [result("a", range(seed), seed) for seed in range(3)]
        results += [result("b", range(4 + seed + seed % 2), seed) for seed in (0, 1, 2, 7)]
        row = comparison.neighbours(results).iloc[0]
        gains = {0: (4 - 0) / IMAGES, 1: (6 - 1) / IMAGES, 2: (6 - 2) / IMAGES}
        found = evaluation.seed_difference(gains, dict.fromkeys(gains, 0.0))
        assert row["seeds"] == 3 and row["recipe"] == pytest.approx(found.difference)
        assert (row["recipe_low"], row["recipe_high"]) == pytest.approx((found.low, found.high))
        assert row["recipe_p_value"] == pytest.approx(found.p_value)
        assert row["verdict"] == comparison.RECIPES  # four images are too few to be sure of

    def test_one_common_seed_judges_no_recipe(self):
        results = [result("a"), result("a", seed=1), result("b", range(9)), result("b", seed=2)]
        row = comparison.neighbours(results).iloc[0]
        assert row["seeds"] == 1 and np.isnan(row["recipe_p_value"])

    def test_one_model_has_no_neighbour(self):
        table = comparison.neighbours([result("a")])
        assert len(table) == 1 and table["verdict"].isna().all()

    def test_results_of_other_images_are_refused(self):
        other = result("b", labels=LABELS[::-1])
        with pytest.raises(UserError, match="b/seed_0.json was not judged by the same test images"):
            comparison.neighbours([result("a"), other])
        with pytest.raises(UserError, match="no result yet"):
            comparison.common_labels([])

    @pytest.mark.parametrize(
        ("network", "p_value", "recipe", "recipe_p_value", "words"),
        [
            (0.01, 0.01, 0.01, 0.01, comparison.NETWORKS_AND_RECIPES),
            (0.01, 0.01, 0.01, 0.2, comparison.NETWORKS),
            (0.01, 0.01, np.nan, np.nan, comparison.NETWORKS),
            (0.01, 0.2, 0.01, 0.01, comparison.RECIPES),
            (-0.01, 0.2, -0.01, 0.2, comparison.OPEN),
            (0.01, 0.05, np.nan, np.nan, comparison.OPEN),
            (-0.01, 0.01, 0.01, 0.01, comparison.OPPOSITE),
            (0.01, 0.01, -0.01, 0.01, comparison.OPPOSITE),
        ],
    )
    def test_verdicts(self, network, p_value, recipe, recipe_p_value, words):
        row = {"network": network, "p_value": p_value}
        row |= {"recipe": recipe, "recipe_p_value": recipe_p_value}
        assert comparison.verdict(row) == words


class TestIngredients:
    def test_names_say_what_is_compared(self):
        results = [
            result("a"),
            result("a__with_flip", range(30)),
            result("a__without_muon", range(40)),
            result("b"),
            result("b__none", range(20)),
            result("b__dropout", range(3)),
            result("b__fewer_images", trained_on=100),
            result("c", range(10)),
            result("c__untuned"),
            result("d__alone"),
        ]
        table = comparison.ingredients(results).set_index("ingredient")
        assert list(table["model"]) == ["a", "a", "b", "c"]
        # 400 test images; of the 12,000 validation images all have classified as many correctly.
        found = {name: round(12_400 * gain) for name, gain in table["gain"].items()}
        assert found == {"flip": -30, "muon": 40, "dropout": 17, "tuning": -10}
        assert ((table["low"] < table["gain"]) & (table["gain"] < table["high"])).all()
        assert (table["p_value"] == 1).all()  # in so many images so few errors say nothing

    def test_a_large_gain_is_more_than_chance(self):
        results = [result("a", validation=0.9), result("a__with_flip", validation=0.93)]
        row = comparison.ingredients(results).iloc[0]
        with_it, without_it = (12_000 * 0.93 + 400) / 12_400, (12_000 * 0.9 + 400) / 12_400
        variance = (with_it * (1 - with_it) + without_it * (1 - without_it)) / 12_400
        assert row["gain"] == pytest.approx(with_it - without_it)
        assert row["high"] - row["low"] == pytest.approx(2 * 1.959964 * variance**0.5)
        assert row["p_value"] < 1e-9

    def test_arms_need_no_answers(self):
        def gone():
            raise UserError("The probabilities of arms are not part of the repository.")

        arm = result("a__with_flip", labels=None, probabilities=gone)
        arm.labels = gone
        assert len(comparison.ingredients([result("a"), arm])) == 1

    def test_no_arm_no_ingredient(self):
        assert comparison.ingredients([result("a")]).empty


class TestImages:
    def test_the_hardest_are_wrong_for_most_and_least_likely(self):
        first, second = answers([3, 5, 7]), answers([5, 7])
        first[7, 7], first[7, 0] = 0.0, 0.92  # surer of its error than on image 5
        assert list(comparison.hardest(LABELS, [first, second])) == [7, 5, 3]
        assert list(comparison.hardest(LABELS, [first, second], 2)) == [7, 5]

    def test_no_error_no_image(self):
        assert len(comparison.hardest(LABELS, [answers([])])) == 0

    def test_they_come_from_the_data_set_that_was_judged(self):
        sample = data.load_sample()
        found = comparison.test_images([2, 0], sample.test.labels, sample)
        np.testing.assert_array_equal(found, sample.test.images[[2, 0]])

    def test_or_from_those_that_are_kept(self, tmp_path, monkeypatch):
        kept = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
        np.savez(tmp_path / "images.npz", indices=[4, 9, 11], images=kept)
        monkeypatch.setattr(comparison, "PICTURED", tmp_path / "images.npz")
        sample = data.load_sample()
        found = comparison.test_images([11, 4], LABELS, sample)
        np.testing.assert_array_equal(found, kept[[2, 0]])

    def test_or_are_looked_for(self, tmp_path, monkeypatch):
        kept = np.zeros((1, 28, 28), np.uint8)
        np.savez(tmp_path / "images.npz", indices=[4], images=kept)
        monkeypatch.setattr(comparison, "PICTURED", tmp_path / "images.npz")
        sample = data.load_sample()
        monkeypatch.setattr(data, "load", lambda: sample)
        other = dataclasses.replace(sample, test=sample.train)
        found = comparison.test_images([4, 5], sample.test.labels, other)
        np.testing.assert_array_equal(found, sample.test.images[[4, 5]])
        with pytest.raises(UserError, match="judged by other test images"):
            comparison.test_images([4, 5], LABELS, other)


def test_published_results_can_be_compared():
    everything = runs.load_all(settings.PUBLISHED_RESULTS, variants=True)
    results = [each for each in everything if each.variant_of is None]
    table = comparison.neighbours(results)
    assert table["accuracy"].is_monotonic_decreasing
    assert table["verdict"].notna().sum() == len(table) - 1 > 8
    assert comparison.best(everything) in table.index
    assert len(comparison.ingredients(everything)) > 30
