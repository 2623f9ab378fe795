"""Tests of figures of images: the pixels they hold are exact."""

import numpy as np
import pytest
from figures import CLASSES, in_order, picture, texts

from helpers import plotting


def test_mosaic_holds_the_exact_pixels(images):
    mosaic = picture(plotting.image_grid(images[..., None], columns=5))
    assert mosaic.shape == (3 * 30 - 2, 5 * 30 - 2)
    for index, image in enumerate(images):
        y, x = 30 * (index // 5), 30 * (index % 5)
        assert (mosaic[y : y + 28, x : x + 28] == image).all()
    assert (mosaic[60:, 60:] == 0).all()  # the places after the last image stay white


def test_mosaic_of_floats_spans_their_range(images):
    figure = plotting.image_grid(images / 255.0 - 0.5)
    (shown,) = figure.axes[0].get_images()
    assert shown.get_clim() == pytest.approx((-0.5, 0.5), abs=0.01)


def test_correct_flags_are_frames_and_marks(images):
    correct = [True, False] * 6
    figure = plotting.image_grid(images, titles=["Bag"] * 12, correct=correct)
    assert texts(figure).count("✓ Bag") == texts(figure).count("✗ Bag") == 6
    (frames,) = figure.axes[0].collections
    assert len(frames.get_paths()) == 12 and len(np.unique(frames.get_edgecolor(), axis=0)) == 2


def test_class_samples_fill_the_rows_by_class(images, labels):
    figure = plotting.class_samples(images, labels, CLASSES, per_class=5)
    mosaic = picture(figure)
    assert mosaic.shape == (88, 148) and in_order(figure, CLASSES, axis=1) == list(CLASSES)
    assert (mosaic[30:58, 30:58] == images[labels == 1][1]).all()
    assert (mosaic[:, 120:] == images.min()).all()  # each class has four images, not five


def test_a_strip_has_one_column_per_class(images, labels):
    figure = plotting.class_strip(images, labels, CLASSES, per_class=5)
    mosaic = picture(figure)
    assert mosaic.shape[0] >= 148 and in_order(figure, CLASSES) == list(CLASSES)
    shift = 28 + 2 + max(0, (mosaic.shape[1] - 3 * 28 - 2 * 2) // 2)
    assert (mosaic[30:58, :28] == images[labels == 0][1]).all()
    assert (mosaic[:28, shift : shift + 28] == images[labels == 1][0]).all()
    assert (mosaic[120:148] == images.min()).all()  # each class has four images, not five


def test_class_statistics_show_means_above_deviations(images, labels):
    figure = plotting.class_statistics(images, labels, CLASSES)
    assert np.allclose(picture(figure)[:28, :28], images[labels == 0].mean(axis=0))
    assert np.isclose(picture(figure).max(), 255)
    assert in_order(figure, CLASSES) == list(CLASSES)


def test_predictions_name_the_truth_only_where_it_differs(images, labels):
    probabilities = np.full((12, 3), 0.1)
    probabilities[:, 0] = 0.8
    written = texts(plotting.predictions(images, probabilities, labels, CLASSES))
    assert written.count("✓ T-shirt/top 80 %") == 4
    assert written.count("✗ T-shirt/top 80 %\nis Trouser") == 4
    assert any(text.startswith("✓ right") for text in written)
    wrong = labels != 0
    written = texts(
        plotting.predictions(images[wrong], probabilities[wrong], labels[wrong], CLASSES)
    )
    assert not any("right" in text for text in written)


def test_image_pairs_join_left_and_right(images):
    mosaic = picture(plotting.image_pairs(images[:3], images[3:6], ["a", "b", "c"]))
    assert (mosaic[:28, :56] == np.hstack([images[0], images[3]])).all()


def test_long_captions_widen_the_columns_but_not_the_rows(images):
    short, long = (
        picture(plotting.image_pairs(images[:6], images[6:], [caption] * 6, columns=3))
        for caption in ("Bag", "a caption much longer than the pair above it")
    )
    assert long.shape[0] == short.shape[0] and long.shape[1] > short.shape[1]


def test_rows_of_images_stand_in_their_order_and_copies_are_parted():
    first = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    rows = {"none": first, "random_erasing": first[::-1] + 100}
    figure = plotting.distortions(rows, copies=3)
    shown = picture(figure)
    assert shown.shape == (4 + 3 + 4, 6 * 4 + 5 * 3)
    assert (shown[:4, 7:11] == rows["none"][1]).all()
    assert (shown[7:, -4:] == rows["random_erasing"][-1]).all()
    assert in_order(figure, ("none", "random erasing"), axis=1) == ["none", "random erasing"]
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[19.5, 19.5]]
    assert (picture(plotting.corruption_grid(rows)) == shown).all()
