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


def test_prepare_images_keeps_three_colours():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    prepared = pipeline.prepare_images(images, (-0.5, 0.5))
    assert prepared == pytest.approx(images / 255 - 0.5, abs=1e-6)
    assert prepared.shape == (2, 4, 5, 3) and prepared.dtype == np.float32


@pytest.fixture
def coloured(labelled):
    """The labelled images as the red channel, and darker in green; blue is black."""
    red = labelled.images
    return data.LabelledImages(np.stack([red, red // 2, 0 * red], axis=-1), labelled.labels)


def test_batches_in_colour_hold_every_image(coloured):
    images, labels = collect(pipeline.batches(coloured, 20, pixel_range=(-0.5, 0.5)))
    assert images == pytest.approx(pipeline.prepare_images(coloured.images, (-0.5, 0.5)), abs=1e-6)
    assert labels.tolist() == coloured.labels.tolist()


@pytest.mark.parametrize(
    "distortion", [pipeline.Flip(), pipeline.Shift(3), pipeline.Cutout(), pipeline.RandomErasing()]
)
def test_distortions_treat_the_colours_alike(labelled, coloured, distortion):
    options = {"augment": (distortion,), "shuffle_seed": 0}
    grey, _ = collect(pipeline.batches(labelled, 25, **options))
    images, _ = collect(pipeline.batches(coloured, 25, **options))
    assert images[..., :1] == pytest.approx(grey), "red is what grey images become"
    if not isinstance(distortion, pipeline.RandomErasing):  # its noise is grey in all colours
        assert images[..., 1] == pytest.approx(images[..., 0] / 2, abs=1 / 255)
        assert not images[..., 2].any()


@pytest.mark.parametrize("mixer", [pipeline.Mixup(1.0), pipeline.CutMix()])
def test_mixing_treats_the_colours_alike(coloured, mixer):
    images, _ = collect(
        pipeline.batches(coloured, 25, augment=(mixer,), one_hot=True, shuffle_seed=0)
    )
    assert images.shape == (50, 28, 28, 3) and not images[..., 2].any()
    assert images[..., 1] == pytest.approx(images[..., 0] / 2, abs=1 / 255)


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


@pytest.fixture
def mixed_batch():
    import tensorflow as tf

    images = np.random.default_rng(1).uniform(0.0, 1.0, (64, 28, 28, 1)).astype(np.float32)
    return tf.constant(images), tf.one_hot(np.arange(64) % 10, 10)


def test_mixup_blends_image_and_label_by_the_same_weight(mixed_batch):
    images, targets = (part.numpy() for part in mixed_batch)
    mixed, labels = (part.numpy() for part in pipeline.Mixup(1.0)(*mixed_batch, [0, 0]))
    assert labels.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    for number in (0, 5, 30):
        partner = len(images) - 1 - number
        weight = labels[number, targets[number].argmax()]
        expected = weight * images[number] + (1 - weight) * images[partner]
        assert mixed[number] == pytest.approx(expected, abs=1e-5)
    assert 0.3 < np.mean(labels.max(axis=1)) < 0.95


def test_cutmix_shares_the_label_by_area(mixed_batch):
    images, targets = (part.numpy() for part in mixed_batch)
    mixed, labels = (part.numpy() for part in pipeline.CutMix()(*mixed_batch, [0, 0]))
    for number in range(64):
        own = np.mean(mixed[number] == images[number])
        assert np.all((mixed[number] == images[number]) | (mixed[number] == images[63 - number]))
        assert labels[number, targets[number].argmax()] == pytest.approx(own, abs=1e-5)
    assert len(np.unique(labels)) > 30


def test_random_erasing_leaves_half_of_the_images_alone_and_covers_one_rectangle():
    images = np.full((400, 28, 28), 7, np.uint8)
    erased = pipeline.RandomErasing(0.25)(images, [3, 0]).numpy()
    assert erased.dtype == np.uint8
    touched = [image != 7 for image in erased if np.any(image != 7)]
    assert 0.35 < len(touched) / 400 < 0.65
    for mask in touched:
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        assert mask[np.ix_(rows, columns)].mean() > 0.9 and mask.mean() <= 0.27


def test_mixed_labels_need_a_loss_that_takes_them(labelled):
    with pytest.raises(data.DataError, match="CategoricalCrossentropy"):
        pipeline.batches(labelled, 10, augment=(pipeline.Mixup(),), shuffle_seed=0)


def test_mixers_come_after_distortions(labelled):
    augment = (pipeline.Mixup(), pipeline.Shift(2))
    images, targets = collect(
        pipeline.batches(labelled, 10, augment=augment, one_hot=True, shuffle_seed=0)
    )
    assert images.shape == (50, 28, 28, 1) and targets.shape == (50, 10)
    assert images.max() <= 1.0 and targets.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_views_mirror_and_move():
    images = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4)
    assert np.array_equal(pipeline.View()(images), images)
    assert pipeline.View(mirrored=True)(images)[0, 0].tolist() == [4, 3, 2, 1]
    assert pipeline.View(down=1)(images)[0].tolist() == [[0] * 4, [1, 2, 3, 4], [5, 6, 7, 8]]
    assert pipeline.View(right=-2)(images)[0, 0].tolist() == [3, 4, 0, 0]
    colour = np.stack([images, 2 * images, 3 * images], axis=-1)
    for view in (pipeline.View(), pipeline.View(True), pipeline.View(down=1, right=-2)):
        grey = view(images)
        assert np.array_equal(view(colour), np.stack([grey, 2 * grey, 3 * grey], axis=-1))


def test_soft_labels_travel_with_their_images(labelled):
    soft = np.random.default_rng(2).dirichlet(np.ones(10), 50).astype(np.float32)
    images, targets = collect(
        pipeline.batches(labelled, 10, one_hot=True, soft_labels=soft, shuffle_seed=0)
    )
    assert np.array_equal(targets, soft[identities(images)])


@pytest.mark.parametrize(
    ("shape", "one_hot"), [((50, 9), True), ((49, 10), True), ((50, 10), False)]
)
def test_soft_labels_of_another_form_are_refused(labelled, shape, one_hot):
    with pytest.raises(data.DataError, match="Soft labels must have the shape"):
        pipeline.batches(labelled, 10, one_hot=one_hot, soft_labels=np.zeros(shape))
