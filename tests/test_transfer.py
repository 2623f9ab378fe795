"""Transfer: classes, draws, features, heads, the adapter, turned images, ImageNet's network."""

import socket
import time

import numpy as np
import pytest
from cheap import cheaply

from helpers import data, evaluation, models, pipeline, settings
from helpers.layers import keras
from helpers.topics import transfer

NETWORK = "cnn_optimum"


@pytest.fixture(scope="module")
def small():
    """A small convolutional network for two classes, with batch normalisation."""
    network = models.build(NETWORK, filters=((4,), (6,)))
    return transfer.with_new_head(network, 2)


@pytest.fixture(scope="module")
def striped():
    """Forty images: class 0 has broad horizontal stripes, class 1 vertical ones."""
    labels = np.arange(40, dtype=np.uint8) % 2
    images = np.random.default_rng(0).integers(0, 60, (40, 28, 28), np.uint8)
    rows = 180 * (np.arange(28, dtype=np.uint8) // 2 % 2)
    images[labels == 0] += rows[:, None]
    images[labels == 1] += rows[None, :]
    return data.LabelledImages(images, labels)


@pytest.fixture
def labelled(images):
    return data.LabelledImages(images, (np.arange(12) % 4).astype(np.uint8))


# Few labels.


def test_classes_are_labelled_by_their_place(labelled):
    chosen = transfer.of_classes(labelled, (3, 1))
    assert chosen.labels.tolist() == [1, 0] * 3 and chosen.labels.dtype == np.uint8
    assert np.array_equal(chosen.images[0], labelled.images[1])
    assert np.array_equal(chosen.images[1], labelled.images[3])


@pytest.mark.parametrize("classes", [(), (1, 1), (1, 9)])
def test_classes_that_are_none_are_refused(labelled, classes):
    with pytest.raises(settings.UserError, match="name each class once"):
        transfer.of_classes(labelled, classes)


def test_a_draw_is_balanced_reproducible_and_nested():
    labels = np.array([0] * 30 + [1] * 20)
    few, many = (transfer.draw(labels, count, seed=3) for count in (4, 15))
    assert np.bincount(labels[few]).tolist() == [4, 4]
    assert len(set(many)) == 30 and set(few) < set(many)
    assert np.array_equal(few, transfer.draw(labels, 4, seed=3))
    assert not np.array_equal(few, transfer.draw(labels, 4, seed=4))


@pytest.mark.parametrize("per_class", [0, 21])
def test_a_draw_that_is_too_large_is_refused(per_class):
    with pytest.raises(settings.UserError, match="has 20 images"):
        transfer.draw(np.array([0] * 30 + [1] * 20), per_class, seed=0)


# Features and heads.


@cheaply()
def test_features_are_what_the_head_is_given(small, images):
    found = transfer.features(small, images, batch_size=5)
    assert found.shape == (12, 6) and found.dtype == np.float32
    kernel, bias = (np.asarray(weight) for weight in small.layers[-1].weights)
    expected = keras.ops.softmax(found @ kernel + bias)
    assert evaluation.predict(small, images) == pytest.approx(np.asarray(expected), abs=0.01)


def test_a_model_without_a_head_is_refused(small):
    with pytest.raises(settings.UserError, match="ends in"):
        transfer.feature_extractor(transfer.feature_extractor(small))


@pytest.mark.parametrize("trainable", [True, False])
def test_a_new_head_learns_and_leaves_the_old_network_alone(small, striped, trainable):
    before = small.get_weights()
    copied = transfer.with_new_head(small, 3, trainable=trainable, seed=1)
    assert copied.output_shape == (None, 3)
    start = copied.get_weights()
    assert all(map(np.array_equal, start[:-2], before[:-2]))
    copied.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    copied.train_on_batch(pipeline.prepare_images(striped.images), striped.labels)
    assert not np.array_equal(copied.get_weights()[-2], start[-2])
    same = all(map(np.array_equal, copied.get_weights()[:-2], start[:-2]))
    assert same is (not trainable), "frozen layers keep weights and statistics, others do not"
    assert all(map(np.array_equal, small.get_weights(), before))


def test_the_seed_sets_the_head(small):
    heads = [transfer.with_new_head(small, 2, seed=seed).get_weights()[-2] for seed in (1, 1, 2)]
    assert np.array_equal(heads[0], heads[1]) and not np.array_equal(heads[0], heads[2])


@cheaply()
def test_a_network_with_a_new_head_can_be_stored(small, images, tmp_path):
    small.save(tmp_path / "small.keras")
    loaded = keras.models.load_model(tmp_path / "small.keras")
    assert np.array_equal(evaluation.predict(loaded, images), evaluation.predict(small, images))


def test_logistic_head_separates_what_can_be_separated(striped):
    vectors = striped.images.reshape(40, -1) / 255
    head = transfer.logistic_head(vectors[:20], striped.labels[:20])
    assert head.score(vectors[20:], striped.labels[20:]) == 1.0
    assert head.best_params_["logisticregression__C"] in transfer.INVERSE_PENALTIES


def test_too_few_examples_for_the_folds_are_refused(striped):
    with pytest.raises(settings.UserError, match="draw more labels"):
        transfer.logistic_head(striped.images[:8].reshape(8, -1), striped.labels[:8])


# The adapter.


@pytest.fixture(scope="module")
def adapter(small):
    model = transfer.with_new_head(small, 2)
    return transfer.Adapter(model, steps=30, batch_size=8, augment=(pipeline.Shift(1),))


def test_the_adapter_learns(adapter, striped):
    start = adapter.model.get_weights()
    adapter.train(start, striped.take(np.arange(6)), rate=0.01, seed=0)
    assert adapter.accuracy(striped) > 0.9
    assert int(adapter.model.optimizer.iterations) == 30


def test_a_second_training_owes_nothing_to_the_first(adapter, striped, small):
    start = small.get_weights()
    few = striped.take(np.arange(10))
    adapter.train(start, few, rate=0.01, seed=1)
    first = adapter.model.get_weights()
    adapter.train(start, striped, rate=0.02, seed=2)
    assert not np.allclose(first[-2], adapter.model.get_weights()[-2], atol=1e-4)
    adapter.train(start, few, rate=0.01, seed=1)
    for left, right in zip(first, adapter.model.get_weights(), strict=True):
        assert left == pytest.approx(right, abs=1e-5)


def test_a_rate_of_zero_leaves_the_learned_weights(adapter, striped):
    start = [np.copy(weight) for weight in adapter.model.get_weights()]
    adapter.train(start, striped, rate=0.0, seed=0)
    for weight, before in zip(adapter.model.weights, start, strict=True):
        assert np.array_equal(weight, before) is bool(weight.trainable), weight.path


def test_accuracy_is_that_of_the_predictions(adapter, striped):
    predicted = evaluation.predict(adapter.model, striped.images).argmax(axis=1)
    assert adapter.accuracy(striped, batch_size=7) == (predicted == striped.labels).mean()


# Turned images.


def test_turned_images_come_in_four_positions():
    corner = np.zeros((2, 3, 3), np.uint8)
    corner[:, 0, 0] = 1
    found = transfer.turned(corner)
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    places = [tuple(np.argwhere(image)[0]) for image in found.images[::2]]
    assert places == [(0, 0), (2, 0), (2, 2), (0, 2)], "quarter turns to the left"


def test_oblong_images_are_refused():
    with pytest.raises(settings.UserError, match="square"):
        transfer.turned(np.zeros((2, 3, 4), np.uint8))


def test_a_random_turn_gives_the_turn_as_target(images):
    four = {turn: transfer.turned(images).images[turn * 12 : (turn + 1) * 12] for turn in range(4)}
    batches = pipeline.batches(
        transfer.without_labels(images), 12, one_hot=True, classes=4,
        augment=(transfer.RandomTurn(),),
    )  # fmt: skip
    batch, targets = (part.numpy() for part in next(iter(batches)))
    assert targets.sum(axis=1).tolist() == [1] * 12 and len(set(targets.argmax(axis=1))) > 1
    for number, turn in enumerate(targets.argmax(axis=1)):
        assert batch[number, ..., 0] * 255 == pytest.approx(four[turn][number], abs=1e-3)


def test_without_labels_there_is_nothing_to_see(images):
    hidden = transfer.without_labels(images)
    assert not hidden.labels.any() and hidden.images is images


# ImageNet.


def test_imagenet_network_ends_in_its_features():
    network = transfer.imagenet_network(weights=None, size=32)
    assert network.input_shape == (None, 32, 32, 3) and network.output_shape == (None, 1280)


def test_imagenet_features_enlarge_and_scale(images):
    """A stand-in network that averages all pixels shows what the images were turned into."""
    inputs = keras.Input((56, 56, 3))
    network = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    found = transfer.imagenet_features(network, images, batch_size=5)
    assert found.shape == (12, 3)
    expected = images.mean(axis=(1, 2)) / 127.5 - 1
    for channel in found.T:
        assert channel == pytest.approx(expected, abs=0.02)


def test_an_address_that_does_not_answer_costs_seconds(monkeypatch, tmp_path):
    monkeypatch.setattr(transfer, "KERAS_MODELS", tmp_path)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/weights.h5"
        monkeypatch.setattr(transfer, "IMAGENET_WEIGHTS", address)
        start = time.perf_counter()
        with pytest.raises(settings.UserError, match="does not answer"):
            transfer.imagenet_network(seconds=0.3)
        assert time.perf_counter() - start < 3


def test_a_download_that_fails_is_one_sentence(monkeypatch, tmp_path):
    def fail(**arguments):
        raise Exception("URL fetch failure")  # as Keras does

    monkeypatch.setattr(transfer, "_answers", lambda address, seconds: True)
    monkeypatch.setattr(transfer, "KERAS_MODELS", tmp_path)
    monkeypatch.setattr(keras.applications, "MobileNetV2", fail)
    before = socket.getdefaulttimeout()
    with pytest.raises(settings.UserError, match="connection to the internet"):
        transfer.imagenet_network()
    assert socket.getdefaulttimeout() == before


def test_stored_weights_need_no_answer(monkeypatch, tmp_path):
    (tmp_path / transfer.IMAGENET_WEIGHTS.rpartition("/")[2]).touch()
    monkeypatch.setattr(transfer, "KERAS_MODELS", tmp_path)
    monkeypatch.setattr(keras.applications, "MobileNetV2", lambda **arguments: arguments)
    monkeypatch.setattr(transfer, "_answers", lambda address, seconds: pytest.fail("asked"))
    arguments = transfer.imagenet_network()
    assert arguments["weights"] == "imagenet" and arguments["include_top"] is False
