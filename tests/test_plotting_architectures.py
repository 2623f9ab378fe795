"""Tests of the drawings of a model's layers."""

import numpy as np
import pytest
from figures import activation, dense, fake_model, texts

from helpers import models, plotting


def conv(side, channels):
    settings = {"kernel_size": (3, 3), "strides": (1, 1), "activation": activation("linear")}
    return ("Conv2D", (side, side, channels)), settings


def test_architecture_of_a_dense_network():
    model = fake_model("ann_baseline", (("Flatten", (784,)), {}), dense(128), dense(10, "softmax"))
    written = texts(plotting.architecture(model))
    assert {"image\n28×28×1", "dense\n128", "dense\n10", "flatten"} <= set(written)
    assert "activation: ReLU, softmax" in written


def test_architecture_of_a_convolutional_network_stays_in_its_frame():
    blocks = []
    for side, channels in ((28, 32), (14, 64), (7, 128)):
        for _ in range(2):
            blocks.append(conv(side, channels))
            blocks.append((("FusedBatchNormalization", (side, side, channels)), {}))
            blocks.append((("ReLU", (side, side, channels)), {}))
        blocks.append((("MaxPooling2D", (side // 2, side // 2, channels)), {}))
    model = fake_model("cnn_deep", *blocks, (("Dropout", (128,)), {"rate": 0.5}), dense(10))
    figure = plotting.architecture(model)
    written = texts(figure)
    assert written.count("B") == 7 and written.count("P") == 4  # one more of each in the key
    assert {"batch normalisation", "max pooling", "dropout: 0.5"} <= set(written)
    corners = np.concatenate([patch.get_verts() for patch in figure.axes[0].patches])
    assert corners[:, 0].min() >= 0 and corners[:, 0].max() <= figure.bbox.width


def test_shortcuts_end_where_they_are_added():
    figure = plotting.architecture(models.build("resnet_fast"))
    axes = figure.axes[0]
    (first, second) = (line.get_xydata() for line in axes.lines[1:])
    pluses = [text.get_position()[0] for text in axes.texts if text.get_text() == "+"][:2]
    assert [first[-1, 0], second[-1, 0]] == pytest.approx(pluses)
    assert first[0, 0] < first[-1, 0] < second[0, 0], "from before a block to its end"
    assert first[1, 1] > max(
        text.get_position()[1] for text in axes.texts if text.get_text() == "+"
    )
