"""Tests of what looks into a network: heat maps by hand, on every builder, and what is refused."""

import numpy as np
import pytest
from cheap import cheaply

from helpers import evaluation, layers, models, settings
from helpers.layers import keras, precision
from helpers.topics import explaining, transfer

kl = keras.layers
# Networks that are another one with other widths need no test of their own.
WIDTHS = ("resnet_1min", "resnet_5min", "resnet_15min", "resnet_30min", "cnn_distilled", "cnn_tiny")
CONVOLUTIONAL = [name for name in models.names()
                 if models.specification(name).family == "CNN" and name not in WIDTHS]  # fmt: skip
NINE = np.array([[[0, 10, 200], [255, 30, 90], [128, 0, 60]]], np.uint8)


@pytest.fixture(scope="module", autouse=True)
def without_tracing():
    with cheaply():
        yield


@pytest.fixture(scope="module")
def small():
    """A small network with batch normalisation and global pooling."""
    return models.build("cnn_optimum", filters=((4,), (6,)))


@pytest.fixture(scope="module")
def dense():
    return models.build("ann_baseline", units=(8,))


@pytest.fixture(scope="module")
def linear():
    """Scores that are weighted sums of nine pixels; the weights are known."""
    inputs = keras.Input((3, 3, 1))
    outputs = kl.Dense(2, activation="softmax")(kl.Flatten()(inputs))
    model = keras.Model(inputs, outputs, name="linear")
    kernel = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    model.set_weights([kernel, np.float32([0.3, -0.2])])
    return model


def by_hand(model, pixels, chosen):
    """Return the logarithm of a linear model's probability of a class."""
    kernel, bias = model.get_weights()
    scores = (pixels.ravel() / 255) @ kernel + bias
    return scores[chosen] - np.log(np.exp(scores).sum())


# Grad-CAM.


def test_grad_cam_agrees_with_a_computation_by_hand():
    """One map of what is above the middle grey, one of what is below; averaged, then weighted."""
    inputs = keras.Input((3, 3, 1))
    x = kl.Conv2D(2, 1, use_bias=False, activation="relu")(inputs)
    x = kl.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, kl.Dense(2, activation="softmax")(x))
    weights = np.float32([[2.0, -1.0], [-3.0, 4.0]])
    model.set_weights([np.float32([[[[1.0, -1.0]]]]), weights, np.zeros(2, np.float32)])
    pixels = NINE / 255 - 0.5
    above, below = np.maximum(pixels, 0), np.maximum(-pixels, 0)
    for chosen in (0, 1):
        expected = (weights[0, chosen] * above + weights[1, chosen] * below) / 9
        found = explaining.grad_cam(model, NINE, chosen, pixel_range=(-0.5, 0.5))
        assert found == pytest.approx(np.maximum(expected, 0), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "filters"), [("cnn_optimum", ((4,), (6,))), ("resnet_fast", (4, 4, 6))]
)
def test_with_global_pooling_grad_cam_is_the_weighted_sum_of_the_maps(name, filters, images):
    """Then every slope is the head's weight over the number of places, times the head's scale."""
    model = models.build(name, filters=filters)
    layer = explaining.last_maps(model)
    twin = layers.in_float32(model)
    maps = explaining.activations(twin, images, [layer])[layer]
    head = model.layers[-1].get_weights()[0][:, 3]
    scale = models.HEAD_SCALE if name == "resnet_fast" else 1.0
    expected = np.maximum(maps @ head, 0) * scale / np.prod(maps.shape[1:3])
    expected = keras.ops.image.resize(expected[..., None], (28, 28))[..., 0]
    found = explaining.grad_cam(model, images, 3)
    assert found == pytest.approx(np.asarray(expected), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_grad_cam_works_on_every_convolutional_builder(name, images):
    found = explaining.grad_cam(
        models.build(name), images[:2], [0, 7], pixel_range=models.specification(name).pixel_range
    )
    assert found.shape == (2, 28, 28) and found.dtype == np.float32
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() > 0


def test_gradient_activation_leaves_one_place_a_map_after_a_global_maximum():
    """Two maps, the larger pixels and the smaller ones; each answers with its strongest place."""
    inputs = keras.Input((3, 3, 1))
    x = kl.Conv2D(2, 1, use_bias=False, activation="relu")(inputs)
    x = kl.GlobalMaxPooling2D()(x)
    model = keras.Model(inputs, kl.Dense(2, activation="softmax")(x))
    weights = np.float32([[2.0, -1.0], [3.0, -4.0]])
    model.set_weights([np.float32([[[[1.0, -1.0]]]]), weights, np.zeros(2, np.float32)])
    nine = np.maximum(NINE, np.uint8([0, 9, 9]))  # so that only one pixel is black
    pixels = nine / 255 - 0.5
    expected = np.zeros_like(pixels)
    for place, weight in ((pixels.argmax(), 2.0), (pixels.argmin(), 3.0)):
        expected.flat[place] = weight * abs(pixels.flat[place])
    found = explaining.gradient_activation(model, nine, 0, pixel_range=(-0.5, 0.5))
    assert found == pytest.approx(expected, abs=1e-6)


def test_after_a_global_mean_gradient_activation_is_grad_cam(images):
    model = models.build("cnn_optimum", filters=((4,), (6,)))
    both = (explaining.grad_cam(model, images, 3), explaining.gradient_activation(model, images, 3))
    assert both[0] == pytest.approx(both[1], rel=1e-4, abs=1e-7)


def test_a_model_in_bfloat16_is_explained_in_float32(images, bfloat16):
    twins = []
    for policy in ("float32", f"mixed_{bfloat16}"):
        with precision(policy):
            twins.append(models.cnn_basic(filters=(4, 6), units=8))
    twins[1].set_weights(twins[0].get_weights())
    heats = [explaining.grad_cam(model, images, 1) for model in twins]
    assert np.array_equal(*heats)


def test_without_classes_the_predicted_ones_are_explained(small, images):
    few, patch = images[:2], {"size": 14, "stride": 14}
    predicted = evaluation.predict(layers.in_float32(small), few).argmax(axis=1)
    found = explaining.grad_cam(small, few)
    assert np.array_equal(found, explaining.grad_cam(small, few, predicted))
    found = explaining.occlusion(small, few, **patch)
    assert found == pytest.approx(explaining.occlusion(small, few, predicted, **patch))


def test_the_size_of_the_batches_changes_nothing(small, images):
    whole, parts = (explaining.grad_cam(small, images, 2, batch_size=size) for size in (12, 5))
    assert parts == pytest.approx(whole, abs=1e-6)


def test_another_layer_can_be_asked_for(small, images):
    first = next(layer.name for layer in small.layers if isinstance(layer, kl.ReLU))
    found = explaining.grad_cam(small, images, 2, layer=first)
    assert not np.allclose(found, explaining.grad_cam(small, images, 2))


# Occlusion and deletion.


def test_patches_cover_every_pixel_and_end_at_the_border():
    patches = explaining.hidden_patches((7, 5), size=3, stride=2)
    assert patches.shape == (3 * 2, 7, 5) and patches.any(axis=0).all()
    assert (patches.sum(axis=(1, 2)) == 9).all()
    ragged = explaining.hidden_patches((8, 8), size=3, stride=2)
    assert len(ragged) == 16 and ragged[-1, 5:, 5:].all()


@pytest.mark.parametrize("size", [1, 2])
def test_occlusion_agrees_with_a_computation_by_hand(linear, size):
    expected, covering = np.zeros((3, 3)), np.zeros((3, 3))
    for top in range(4 - size):
        for left in range(4 - size):
            place = slice(top, top + size), slice(left, left + size)
            hidden = NINE[0].copy()
            hidden[place] = 0
            expected[place] += by_hand(linear, NINE[0], 1) - by_hand(linear, hidden, 1)
            covering[place] += 1
    (found,) = explaining.occlusion(linear, NINE, 1, size=size, stride=1)
    assert found == pytest.approx(expected / covering, abs=1e-5)


def test_occlusion_needs_no_convolution(dense, images):
    assert explaining.occlusion(dense, images[:2], size=7, stride=7).shape == (2, 28, 28)


def test_hidden_images_are_predicted_as_if_they_were_black(small, images):
    patches = explaining.hidden_patches((28, 28), size=14, stride=14)
    found = explaining.predict_hidden(small, images, patches)
    assert found.shape == (12, 4, 10)
    black = images.copy()
    black[:, 14:, :14] = 0
    assert found[:, 2] == pytest.approx(evaluation.predict(small, black), abs=0.01)


def test_deletion_takes_the_hottest_pixels_first(linear):
    heat = np.arange(9.0).reshape(1, 3, 3)
    (curve,) = explaining.deletion_curves(linear, NINE, heat, 0, steps=9)
    left = NINE[0].copy().ravel()
    for step in range(10):
        left[9 - step :] = 0
        assert np.log(curve[step]) == pytest.approx(by_hand(linear, left, 0), abs=1e-5)


def test_deletion_starts_with_the_answer_and_ends_with_nothing(small, images):
    curves = explaining.deletion_curves(small, images, images, steps=4)
    assert curves.shape == (12, 5)
    assert curves[:, 0] == pytest.approx(evaluation.predict(small, images).max(axis=1), abs=0.01)
    predicted = evaluation.predict(small, images).argmax(axis=1)
    nothing = evaluation.predict(small, np.zeros_like(images[:1]))[0]
    assert curves[:, -1] == pytest.approx(nothing[predicted], abs=0.01)


def test_pixels_of_equal_heat_go_in_an_order_that_the_seed_sets(linear):
    nothing = np.zeros((1, 3, 3))
    curves = [explaining.deletion_curves(linear, NINE, nothing, 0, seed=s) for s in (1, 1, 2)]
    assert np.array_equal(*curves[:2]) and not np.array_equal(*curves[1:])


# Numbers about maps.


def test_interval_of_a_mean():
    mean, low, high = explaining.interval([1.0, 2.0, 3.0])
    assert (mean, high - mean) == pytest.approx((2.0, 1.959964 / np.sqrt(3)))
    assert mean - low == pytest.approx(high - mean)
    assert explaining.interval(np.ones((4, 3)))[0].tolist() == [1.0, 1.0, 1.0]


def test_rank_correlation_sees_only_the_order():
    ramp = np.arange(12.0).reshape(1, 3, 4)
    assert explaining.rank_correlation(ramp, np.exp(ramp)) == pytest.approx([1.0])
    assert explaining.rank_correlation(ramp, -ramp) == pytest.approx([-1.0])
    assert explaining.rank_correlation(ramp, np.ones_like(ramp)).tolist() == [0.0]


def test_randomised_layers_forget_and_the_others_do_not(small):
    before = [weight.copy() for weight in small.get_weights()]
    head = small.layers[-1].name
    copies = [explaining.randomised(small, [head], seed=seed) for seed in (1, 1, 2)]
    for copied in copies:
        assert copied.get_layer(head).kernel.dtype == "float32"
        for old, new in zip(small.layers[:-1], copied.layers[:-1], strict=True):
            assert all(map(np.array_equal, old.get_weights(), new.get_weights()))
    kernels = [copied.layers[-1].get_weights()[0] for copied in copies]
    assert np.array_equal(*kernels[:2]) and not np.array_equal(*kernels[1:])
    assert not np.array_equal(kernels[0], before[-2])
    assert all(map(np.array_equal, small.get_weights(), before))


# Features.


def test_activations_end_in_the_prediction(small, images):
    names = [small.layers[1].name, small.layers[-1].name]
    found = explaining.activations(small, images, names)
    assert found[names[0]].shape == (12, 28, 28, 4) and found[names[0]].dtype == np.float32
    assert found[names[1]] == pytest.approx(evaluation.predict(small, images), abs=0.01)


def test_features_are_means_over_cells(small, images):
    (first,) = [each.name for each in small.layers if isinstance(each, kl.ReLU)][:1]
    maps = explaining.activations(small, images, [first])[first]
    expected = maps.reshape(12, 7, 4, 7, 4, -1).mean(axis=(2, 4)).reshape(12, -1)
    assert explaining.features(small, images, first, batch_size=5) == pytest.approx(
        expected, abs=0.02
    )


def test_features_of_the_last_hidden_layer_are_what_the_head_is_given(small, images):
    hidden = small.layers[-2].name
    found = explaining.features(small, images, hidden)
    assert found == pytest.approx(transfer.features(small, images), abs=1e-6)


def test_a_probe_finds_the_plane_between_two_classes():
    generator = np.random.default_rng(0)
    vectors, labels = generator.normal(size=(400, 5)), np.arange(400) % 2
    vectors[:, 2] += 6 * labels
    probe = explaining.linear_probe(vectors[:200], labels[:200])
    assert probe.score(vectors[200:], labels[200:]) > 0.97
    shuffled = explaining.linear_probe(vectors[:200], generator.permutation(labels[:200]))
    assert shuffled.score(vectors[200:], labels[200:]) < 0.8


# Images that maximise a class.


def test_drawn_images_raise_their_class_and_are_repeatable(small):
    drawn = [explaining.maximise_class(small, (2, 5), steps=6, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0].shape == (2, 28, 28) and drawn[0].dtype == np.uint8
    assert np.array_equal(*drawn[:2]) and not np.array_equal(*drawn[1:])
    noise = np.random.default_rng(0).integers(0, 50, (1, 28, 28), np.uint8)
    before, after = (evaluation.predict(small, each) for each in (noise, drawn[0]))
    assert after[0, 2] > before[0, 2] and after[1, 5] > before[0, 5]


def test_pixels_that_gain_nothing_fade_to_background(small):
    assert not explaining.maximise_class(small, [0], steps=3, fade=1.0).any()


def test_blur_makes_neighbours_alike(small):
    def roughness(blur):
        drawn = explaining.maximise_class(small, [1], steps=6, jitter=0, fade=0, blur=blur)
        return np.abs(np.diff(drawn.astype(float), axis=1)).mean()

    assert roughness(1.5) < roughness(0)


def test_jitter_moves_the_image_before_a_step(small):
    draw = {"steps": 2, "fade": 0, "blur": 0}
    still, moved = (explaining.maximise_class(small, [1], jitter=j, **draw) for j in (0, 3))
    assert not np.array_equal(still, moved)


# What is refused.

PIXELS = np.zeros((2, 28, 28), np.uint8)
REFUSED = {
    "no convolution": lambda small, dense: explaining.grad_cam(dense, PIXELS),
    "flat images": lambda small, dense: explaining.grad_cam(small, PIXELS[0]),
    "float images": lambda small, dense: explaining.grad_cam(small, PIXELS / 255),
    "larger images": lambda small, dense: explaining.grad_cam(small, np.zeros((2, 32, 32), "u1")),
    "no images": lambda small, dense: explaining.occlusion(small, PIXELS[:0]),
    "unknown layer": lambda small, dense: explaining.grad_cam(small, PIXELS, layer="block_9"),
    "layer without places": lambda small, dense: explaining.grad_cam(
        small, PIXELS, layer=small.layers[-1].name
    ),
    "class out of range": lambda small, dense: explaining.grad_cam(small, PIXELS, 10),
    "too many classes": lambda small, dense: explaining.occlusion(small, PIXELS, [1, 2, 3]),
    "fractional classes": lambda small, dense: explaining.occlusion(small, PIXELS, [0.5, 1.0]),
    "patch too large": lambda small, dense: explaining.occlusion(small, PIXELS, size=29),
    "stride too long": lambda small, dense: explaining.occlusion(small, PIXELS, size=2, stride=3),
    "patches of another size": lambda small, dense: explaining.predict_hidden(
        small, PIXELS, np.zeros((3, 7, 7), bool)
    ),
    "maps of another size": lambda small, dense: explaining.deletion_curves(
        small, PIXELS, np.zeros((2, 7, 7))
    ),
    "infinite heat": lambda small, dense: explaining.deletion_curves(
        small, PIXELS, np.full((2, 28, 28), np.inf)
    ),
    "one image alone": lambda small, dense: explaining.interval([0.5]),
    "unequal maps": lambda small, dense: explaining.rank_correlation(PIXELS, PIXELS[:1]),
    "layer to forget": lambda small, dense: explaining.randomised(small, ["block_9"]),
    "layer to read": lambda small, dense: explaining.features(small, PIXELS, "block_9"),
    "uneven cells": lambda small, dense: explaining.features(
        small, PIXELS, small.layers[1].name, cells=5
    ),
    "labels missing": lambda small, dense: explaining.linear_probe(np.zeros((4, 2)), [0, 1]),
    "one class alone": lambda small, dense: explaining.linear_probe(np.zeros((4, 2)), [0] * 4),
    "unknown class to draw": lambda small, dense: explaining.maximise_class(small, [10]),
    "no step": lambda small, dense: explaining.maximise_class(small, [0], steps=0),
    "negative blur": lambda small, dense: explaining.maximise_class(small, [0], blur=-1.0),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_input_is_refused_in_one_sentence(case, small, dense):
    with pytest.raises(settings.UserError) as refusal:
        REFUSED[case](small, dense)
    message = str(refusal.value)
    assert message.endswith(".") and "\n" not in message


def test_the_refusal_of_a_dense_network_names_the_remedy(dense):
    with pytest.raises(settings.UserError, match="has no convolution.*occlusion"):
        explaining.last_maps(dense)
