"""Pipeline: exact pixel values, repeatable shuffling, distortions that do what they say."""

import numpy as np
import pytest

from helpers import data, pipeline


@pytest.fixture
def labelled():
    images = np.random.default_rng(0).integers(1, 256, (50, 28, 28)).astype(np.uint8)
    images[:, 0, 0] = np.arange(50)
    return data.LabelledImages(images, (np.arange(50) % 10).astype(np.uint8))


def collect(stream):
    parts = [(images.numpy(), labels.numpy()) for images, labels in stream]
    return np.concatenate([part[0] for part in parts]), np.concatenate([p[1] for p in parts])


def identities(images):
    return np.round(images[:, 0, 0, 0] * 255).astype(int).tolist()


def test_prepare_images_scales_exactly():
    images = np.array([[[0, 51, 255]]], np.uint8)
    prepared = pipeline.prepare_images(images, (-0.5, 0.5))
    assert prepared.shape == (1, 1, 3, 1) and prepared.dtype == np.float32
    assert prepared.ravel() == pytest.approx([-0.5, -0.3, 0.5], abs=1e-7)


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28)), np.zeros((2, 28, 28, 1), np.uint8), 3])
def test_prepare_images_refuses_other_forms(images):
    with pytest.raises(data.DataError, match="uint8"):
        pipeline.prepare_images(images)


def test_batches_in_order_hold_every_image(labelled):
    images, labels = collect(pipeline.batches(labelled, 20, pixel_range=(-0.5, 0.5)))
    assert images == pytest.approx(pipeline.prepare_images(labelled.images, (-0.5, 0.5)), abs=1e-6)
    assert labels.tolist() == labelled.labels.tolist()


def test_one_hot_labels(labelled):
    _, labels = collect(pipeline.batches(labelled, 20, one_hot=True))
    assert labels.shape == (50, 10)
    assert labels.argmax(1).tolist() == labelled.labels.tolist()


def test_shuffled_batches_are_full_repeatable_and_differ_between_epochs(labelled):
    stream = pipeline.batches(labelled, 20, shuffle_seed=3)
    first, second = identities(collect(stream)[0]), identities(collect(stream)[0])
    again = identities(collect(pipeline.batches(labelled, 20, shuffle_seed=3))[0])
    other = identities(collect(pipeline.batches(labelled, 20, shuffle_seed=4))[0])
    assert len(set(first)) == len(first) == 40
    assert first == again
    assert first != second and first != other


def test_augmentation_is_repeatable_and_differs_between_epochs(labelled):
    def epochs(seed):
        stream = pipeline.batches(
            labelled, 25, augment=(pipeline.Flip(), pipeline.Shift(2)), shuffle_seed=seed
        )
        return collect(stream)[0], collect(stream)[0]

    first, second = epochs(1)
    assert all(np.array_equal(a, b) for a, b in zip((first, second), epochs(1), strict=True))
    assert not np.array_equal(np.sort(first, axis=0), np.sort(second, axis=0))


def test_labels_follow_their_images_through_shuffling(labelled):
    images, labels = collect(pipeline.batches(labelled, 10, shuffle_seed=0))
    assert [number % 10 for number in identities(images)] == labels.tolist()


def test_too_few_images_for_one_batch(labelled):
    with pytest.raises(data.DataError, match="smaller batch_size"):
        pipeline.batches(labelled, 64, shuffle_seed=0)


def test_autotuning_is_off(labelled):
    options = pipeline.batches(labelled, 10).options()
    assert options.autotune.enabled is False


def test_flip_mirrors_about_half_of_the_images(labelled):
    many = np.repeat(labelled.images, 20, axis=0)
    flipped = pipeline.Flip()(many, [0, 1]).numpy()
    mirrored = (flipped == many[:, :, ::-1]).all(axis=(1, 2))
    kept = (flipped == many).all(axis=(1, 2))
    assert (mirrored ^ kept).all()
    assert 0.45 < mirrored.mean() < 0.55


def test_shift_moves_every_image_by_at_most_its_pixels(labelled):
    shifted = pipeline.Shift(2)(labelled.images, [5, 0]).numpy()
    offsets = set()
    for before, after in zip(labelled.images, shifted, strict=True):
        padded = np.pad(before, 2)
        found = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if np.array_equal(padded[row : row + 28, column : column + 28], after)
        ]
        assert len(found) == 1
        offsets.add(found[0])
    assert len(offsets) > 10


def test_cutout_blackens_one_square(labelled):
    bright = np.full((200, 28, 28), 255, np.uint8)
    cut = pipeline.Cutout(8)(bright, [2, 2]).numpy()
    areas = (cut == 0).sum(axis=(1, 2))
    assert areas.max() == 64 and areas.min() >= 16
    for image in cut[:20] == 0:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
