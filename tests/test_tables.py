"""Tables and sentences of results: the right means, intervals, order and form."""

import numpy as np
import pandas as pd
import pytest
from conftest import BASELINE as MODEL

from helpers import evaluation, results, runs, settings, tables
from helpers.maintenance import pages
from helpers.settings import UserError

IMAGES = 60


class TestTable:
    def test_one_seed_has_the_interval_of_its_test_set(self, stored, tmp_path):
        stored()
        (row,) = tables.table(tmp_path).to_dict("records")
        (result,) = results.load_all(tmp_path)
        assert tuple(row) == tables.COLUMNS
        assert row["seeds"] == 1
        assert (row["test_accuracy_low"], row["test_accuracy_high"]) == evaluation.wilson_interval(
            round(IMAGES * row["test_accuracy"]), IMAGES
        )
        assert row["log_loss"] == result.metrics["log_loss"]
        assert np.isnan(row["reported_accuracy"])

    def test_several_seeds_have_the_interval_of_their_mean(self, stored, tmp_path):
        for seed, accuracy in enumerate((0.90, 0.91, 0.92)):
            stored(
                seed=seed,
                metrics={"test_accuracy": accuracy, "log_loss": 0.1 * seed},
                training_seconds=10.0 * seed,
                reported_accuracy=0.906,
            )
        (row,) = tables.table(tmp_path).to_dict("records")
        expected = evaluation.seed_interval([0.90, 0.91, 0.92])
        found = [row[f"test_accuracy{end}"] for end in ("", "_low", "_high")]
        assert found == pytest.approx(expected)
        assert row["seeds"] == 3
        assert row["log_loss"] == pytest.approx(0.1)
        assert row["training_seconds"] == pytest.approx(10.0)
        assert row["reported_accuracy"] == 0.906

    def test_rows_follow_the_series(self, stored, tmp_path):
        stored("cnn_b", notebook="06_cnn_depth", order=4)
        stored("cnn_a__x", notebook="05_cnn_overfitting", order=3, variant_of="cnn_a")
        stored("cnn_a", notebook="05_cnn_overfitting", order=3, seed=1)
        stored("cnn_a", notebook="05_cnn_overfitting", order=3, seed=0)
        stored("cnn_c", notebook="05_cnn_overfitting", order=2)
        assert tables.table(tmp_path)["model"].tolist() == ["cnn_c", "cnn_a", "cnn_b"]
        everything = results.load_all(tmp_path, variants=True)
        assert [(result.model, result.seed) for result in everything] == [
            ("cnn_c", 0),
            ("cnn_a", 0),
            ("cnn_a", 1),
            ("cnn_a__x", 0),
            ("cnn_b", 0),
        ]

    @pytest.mark.parametrize(
        "change",
        [
            {"parameters": 1},
            {"profile": "full"},
            {"trained_on": 1},
            {"recipe": {"optimizer": "adam", "epochs": 9}},
        ],
    )
    def test_seeds_of_different_recipes_have_no_mean(self, stored, tmp_path, change):
        stored(seed=0)
        stored(seed=1, **change)
        with pytest.raises(UserError, match="no common mean"):
            tables.table(tmp_path)

    def test_seeds_may_differ_in_precision_and_in_names_that_keras_numbers(self, stored, tmp_path):
        for seed, precision in enumerate(("float32", "mixed_bfloat16")):
            optimizer = {"class_name": "Adam", "config": {"name": f"adam_{seed}", "beta_1": 0.9}}
            stored(seed=seed, recipe={"optimizer": optimizer, "precision": precision})
        assert tables.table(tmp_path)["seeds"].tolist() == [2]

    def test_no_results_yet(self, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path / "none")
        assert results.load_all() == []
        assert tuple(tables.table().columns) == tables.COLUMNS
        assert len(tables.table()) == 0
        assert len(pages.markdown_table(tables.table()).splitlines()) == 2


def accuracy(result):
    return result.metrics["test_accuracy"]


class TestBySeed:
    @pytest.fixture(autouse=True)
    def published(self, stored, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path)
        for seed, accuracy in ((2, 0.82), (0, 0.80)):
            stored("cnn_a", seed, {"test_accuracy": accuracy})
        for seed, accuracy in ((2, 0.85), (1, 0.81)):
            stored("cnn_a__with_x", seed, {"test_accuracy": accuracy}, variant_of="cnn_a")
        stored("cnn_a__y", 7, {"test_accuracy": 0.70}, variant_of="cnn_a")

    def test_rows_are_the_names_in_their_order_and_columns_the_seeds(self):
        table = runs.by_seed(["cnn_a__with_x", "cnn_a"], accuracy)
        expected = pd.DataFrame(
            {0: [np.nan, 0.80], 1: [0.81, np.nan], 2: [0.85, 0.82]}, ["with_x", "cnn_a"]
        )
        pd.testing.assert_frame_equal(table, expected)

    def test_any_figure_of_a_result_can_be_asked_for(self):
        table = runs.by_seed(["cnn_a"], lambda result: result.trained_on + result.seed)
        assert table.loc["cnn_a"].to_dict() == {0: 100, 2: 102}

    def test_a_name_without_a_result_is_refused(self):
        with pytest.raises(UserError, match="^cnn_a__z has no stored result: .*git"):
            runs.by_seed(["cnn_a", "cnn_a__z"], accuracy)

    def test_a_gain_is_paired_by_seed(self):
        table = runs.by_seed(["cnn_a", "cnn_a__with_x"], accuracy)
        gain = runs.paired_gain(table, "with_x", "cnn_a")
        assert gain.seeds == (2,) and gain.difference == pytest.approx(0.03)
        table.loc["cnn_a", 1] = 0.80
        gain = runs.paired_gain(table, "with_x", "cnn_a")
        assert gain.seeds == (1, 2)
        # The differences are 0.01 and 0.03, and Student's t for one degree of freedom is 12.706.
        assert gain[:3] == pytest.approx((0.02, 0.02 - 0.12706, 0.02 + 0.12706), abs=1e-5)

    def test_arms_without_a_common_seed_have_no_gain(self):
        table = runs.by_seed(["cnn_a", "cnn_a__y"], accuracy)
        with pytest.raises(UserError, match="no seed in common"):
            runs.paired_gain(table, "y", "cnn_a")


class TestSentencesAndTables:
    @pytest.fixture
    def two_rows(self):
        row = {
            "model": "cnn_batch_normalization",
            "family": "CNN",
            "parameters": 36_500_000,
            "mflops": 10_482.4,
            "seeds": 5,
            "validation_accuracy": 0.93456,
            "test_accuracy": 0.9312,
            "test_accuracy_low": 0.9286,
            "test_accuracy_high": 0.9338,
            "log_loss": 0.19876,
            "calibration_error": 0.01234,
            "reported_accuracy": 0.906,
            "training_seconds": 723.4,
        }
        arm = {
            "model": "cnn_batch_normalization__without_any_learning_rate_schedule",
            "reported_accuracy": float("nan"),
            "mflops": 1.234,
        }
        return pd.DataFrame([row, row | arm])

    def test_terminal_table_fits(self, two_rows):
        lines = tables.terminal_table(two_rows).splitlines()
        assert max(map(len, lines)) <= 120
        assert "".join(lines).isascii()
        assert " ".join(lines[1].split()) == (
            "cnn_batch_normalization 36,500,000 10,482 5 93.46 93.12 92.86-93.38 0.199 0.012 "
            "90.60 12 min 03 s"
        )
        assert lines[2].startswith("  without_any") and ".. " in lines[2]

    def test_markdown_table(self, two_rows):
        lines = pages.markdown_table(two_rows).splitlines()
        assert lines[0] == (
            "| Model | Parameters | MFLOPs per image | Seeds | Validation accuracy | "
            "Test accuracy (95 % interval) | Reported elsewhere | Training time |"
        )
        assert lines[2] == (
            "| cnn_batch_normalization | 36,500,000 | 10,482 | 5 | 93.46 % | "
            "93.12 % (92.86–93.38) | 90.60 % | 12 min 03 s |"
        )
        assert lines[3].endswith("| – | 12 min 03 s |")
        assert {line.count("|") for line in lines} == {9}

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "0 s"),
            (0.0123, "0.01 s"),
            (0.4, "0.4 s"),
            (0.96, "1 s"),
            (59.4, "59 s"),
            (59.6, "1 min 00 s"),
            (187, "3 min 07 s"),
            (3599.7, "1 h 00 min"),
            (3900, "1 h 05 min"),
            (7199, "2 h 00 min"),
        ],
    )
    def test_duration(self, seconds, words):
        assert tables.duration(seconds) == words

    def test_expected(self, stored, tmp_path, monkeypatch):
        monkeypatch.setattr(settings, "PUBLISHED_RESULTS", tmp_path)
        assert tables.expected(MODEL).startswith("No result of ann_baseline is published yet")
        figures = {
            "test_accuracy": 0.9,
            "test_accuracy_low": 0.89,
            "test_accuracy_high": 0.91,
        }
        stored(metrics=figures)
        sentence = tables.expected(MODEL)
        assert "90.00 % (95 % interval 89.00 to 91.00 %, one seed) after 1 min 15 s" in sentence
        assert "cores" in sentence
        stored(seed=1, metrics=figures)
        assert "mean of 2 seeds" in tables.expected(MODEL)
        stored("cnn_a", machine={"accelerator": "Tesla T4"})
        assert tables.expected("cnn_a").endswith("of training on Tesla T4.")

    def test_summary(self, stored, tmp_path):
        figures = {"test_accuracy": 0.9, "validation_accuracy": None}
        stored(metrics=figures, machine={"accelerator": "Tesla T4"})
        result = results.load(MODEL, 0, tmp_path)
        words = f"{MODEL}, seed 0: test accuracy 90.00%, 1 min 15 s of training on Tesla T4"
        assert tables.summary(result) == words
        result.metrics["validation_accuracy"] = 0.95
        assert "90.00%, validation accuracy 95.00%, 1 min" in tables.summary(result)
