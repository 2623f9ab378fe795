"""Tests of the figures that compare models, and of their identities."""

import itertools

import numpy as np
import pandas as pd
from figures import MODELS

from helpers import plotting


def test_pareto_front_holds_the_models_that_none_dominates():
    cost, accuracy = [4, 1, 2, 3, 2, 5, np.nan], [0.9, 0.8, 0.85, 0.84, 0.86, 0.9, 0.99]
    assert plotting.pareto_front(cost, accuracy) == [1, 4, 0]


def test_labels_of_the_scatter_do_not_overlap(table):
    table["training_seconds"] = np.linspace(100, 110, len(table))
    figure = plotting.accuracy_against(table, "training_seconds", "training time (s)")
    figure.draw_without_rendering()
    names = {plotting.display_name(name) for name in MODELS}
    labels = [t for t in figure.axes[0].texts if t.get_text() in names]
    boxes = [label.get_window_extent() for label in labels]
    assert len(labels) == 10
    assert not any(a.shrunk(0.9, 0.8).overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_among_many_models_those_on_the_front_are_named(table):
    crowd = pd.concat([table, table.assign(model=[f"rival_{n}" for n in range(10)])])
    crowd["training_seconds"] = np.linspace(100, 101, len(crowd))
    crowd["test_accuracy"] = np.linspace(0.9, 0.91, len(crowd))[::-1]
    figure = plotting.accuracy_against(crowd, "training_seconds", "training time (s)")
    names = {plotting.display_name(name) for name in crowd["model"]}
    labels = [t.get_text() for t in figure.axes[0].texts if t.get_text() in names]
    assert plotting.display_name(crowd["model"].iloc[0]) in labels
    assert len(labels) < len(crowd)


def test_wide_costs_have_a_logarithmic_axis(table):
    figure = plotting.accuracy_against(table, "mflops", "MFLOP per image")
    assert figure.axes[0].get_xscale() == "log"
    figure = plotting.accuracy_against(table.iloc[:2], "mflops", "MFLOP per image")
    assert figure.axes[0].get_xscale() == "linear"


def test_identities_do_not_depend_on_the_order():
    names = ["resnet_fast", "ensemble_mixed", "cnn_tuned", "ann_baseline", "cnn_augmented"]
    identities = plotting.style.identities_of(names)
    assert identities == plotting.style.identities_of(names[::-1])
