"""Tests of the figures that judge predictions."""

import matplotlib
import numpy as np
import pandas as pd
from figures import CLASSES, MODELS, texts, tick_labels

from helpers import plotting


def test_confusion_writes_counts_and_recall():
    figure = plotting.confusion(np.array([[8, 2], [0, 10]]), CLASSES[:2])
    assert {"8", "2", "10", "80.0 %", "100.0 %"} <= set(texts(figure))
    assert "0" not in texts(figure)
    assert tick_labels(figure.axes[0]) == [list(CLASSES[:2])] * 2


def test_heatmaps_write_every_value():
    scores = {"precision": [0.5, 0.9], "recall": [0.6, 0.9], "f1": [0.545, 0.9]}
    figure = plotting.report_heatmap(pd.DataFrame(scores, index=["Bag", "Coat"]))
    assert {"50.0", "60.0", "54.5"} <= set(texts(figure))
    assert tick_labels(figure.axes[0]) == [["Bag", "Coat"], ["precision", "recall", "F1"]]
    accuracies = pd.DataFrame({"cnn_deep": [0.9], "cnn_plain": [0.8]}, index=["Bag"])
    figure = plotting.class_accuracy(accuracies)
    assert tick_labels(figure.axes[0]) == [["CNN deep", "CNN plain"], ["Bag"]]
    weights = {t.get_text(): t.get_weight() for t in figure.findobj(matplotlib.text.Text)}
    assert (weights["90.0"], weights["80.0"]) == ("bold", "normal")


def test_paired_tests_show_each_pair_once():
    differences = pd.DataFrame([[0, -0.02], [0.02, 0]], MODELS[:2], MODELS[:2])
    written = texts(plotting.paired_tests(differences, differences * 0 + 0.004))
    assert written.count("+2.00\n**") == 1 and not any("−2.00" in text for text in written)


def test_paired_tests_of_many_models_are_shortened_and_their_names_stand_upright():
    names = [f"cnn_{number}" for number in range(15)]
    zeros = pd.DataFrame(0.0, names, names)
    figure = plotting.paired_tests(zeros + 0.0213, zeros + 0.004)
    written = texts(figure)
    assert "+2.1\n**" in written and "+2.13\n**" not in written
    assert {label.get_rotation() for label in figure.axes[0].get_xticklabels()} == {90.0}


def test_reliability_states_the_calibration_error():
    curve = pd.DataFrame({"confidence": [0.5, 0.9], "accuracy": [0.5, 0.8], "count": [10, 30]})
    figure = plotting.reliability({"cnn_plain": curve})
    assert "calibration error\n7.5 %" in texts(figure)


def test_bins_with_few_images_do_not_bend_the_line_of_reliability():
    curve = pd.DataFrame(
        {"confidence": [0.2, 0.5, 0.9], "accuracy": [0.0, 0.5, 0.8], "count": [2, 98, 300]}
    )
    figure = plotting.reliability({"cnn_plain": curve})
    (line,) = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    assert list(line.get_xdata()) == [0.5, 0.9]
    assert any("Faint" in text for text in texts(figure))
    assert not any("Faint" in text for text in texts(plotting.reliability({"a": curve[1:]})))
