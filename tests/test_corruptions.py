"""Corruptions: form kept, repeatable by seed, stronger means farther from the original."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import data, pipeline, settings
from helpers.maintenance import robustness
from helpers.topics import corruptions

IMAGES = data.load_sample().train.images[:40]


@pytest.mark.parametrize("name", corruptions.NAMES)
class TestEach:
    def test_form_is_kept_and_the_original_untouched(self, name):
        original = IMAGES.copy()
        for strength in corruptions.STRENGTHS:
            spoiled = corruptions.corrupt(IMAGES, name, strength)
            assert spoiled.shape == IMAGES.shape and spoiled.dtype == np.uint8
        assert np.array_equal(IMAGES, original)

    def test_stronger_is_farther_from_the_original(self, name):
        distances = [
            np.abs(corruptions.corrupt(IMAGES, name, strength).astype(float) - IMAGES).mean()
            for strength in corruptions.STRENGTHS
        ]
        assert distances[0] > 0.5 and np.all(np.diff(distances) > 0.2)

    def test_the_same_seed_gives_the_same_images(self, name):
        first, again, other = (corruptions.corrupt(IMAGES, name, 3, seed) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        random = name not in ("gaussian_blur", "pixelation", "contrast", "brightness")
        assert np.array_equal(first, other) != random


class TestExactly:
    def test_brightness_and_contrast(self):
        image = np.array([[[0, 100], [200, 100]]], np.uint8)
        brighter = corruptions.corrupt(image, "brightness", 2)
        assert brighter.tolist() == [[[13, 113], [213, 113]]]
        flatter = corruptions.corrupt(image, "contrast", 2)
        assert flatter.tolist() == [[[20, 100], [180, 100]]]

    def test_pixelation_takes_the_mean_of_each_cell(self):
        image = np.arange(28 * 28, dtype=np.float32).reshape(1, 28, 28) % 251
        image = image.astype(np.uint8)
        coarse = corruptions.corrupt(image, "pixelation", 2)
        expected = np.rint(image.reshape(14, 2, 14, 2).mean(axis=(1, 3)))
        assert np.abs(coarse[0, ::2, ::2] - expected).max() <= 1
        assert np.array_equal(coarse[0, ::2, ::2], coarse[0, 1::2, 1::2])

    def test_salt_and_pepper_hits_the_share_it_says(self):
        grey = np.full((50, 28, 28), 128, np.uint8)
        spoiled = corruptions.corrupt(grey, "salt_and_pepper", 3)
        assert set(np.unique(spoiled)) == {0, 128, 255}
        assert np.mean(spoiled != 128) == pytest.approx(0.06, abs=0.005)

    def test_occlusion_is_one_square_of_one_grey(self):
        spoiled = corruptions.corrupt(np.zeros((30, 28, 28), np.uint8), "occlusion", 1)
        for image in spoiled:
            assert len(np.unique(image[image > 0])) <= 1 and np.sum(image > 0) <= 36

    def test_blur_keeps_the_sum_of_an_inner_point(self):
        point = np.zeros((1, 28, 28), np.uint8)
        point[0, 14, 14] = 255
        blurred = corruptions.corrupt(point, "gaussian_blur", 2)
        assert blurred.sum() == pytest.approx(255, abs=12)
        assert blurred[0, 14, 14] == blurred.max() < 100

    def test_displacement_moves_no_farther_than_it_says(self):
        point = np.zeros((40, 28, 28), np.uint8)
        point[:, 13:15, 13:15] = 255
        moved = corruptions.corrupt(point, "displacement", 5)
        rows, columns = np.indices((28, 28))
        weight = moved.sum(axis=(1, 2))
        centres = [(moved * axis).sum(axis=(1, 2)) / weight for axis in (rows, columns)]
        farthest = np.abs(np.array(centres) - 13.5).max()
        assert 3 < farthest < 5.3


class TestRefusals:
    def test_unknown_name(self):
        with pytest.raises(settings.UserError, match="use one of gaussian_noise"):
            corruptions.corrupt(IMAGES, "rain", 1)

    @pytest.mark.parametrize("strength", [0, 6, 2.5, "strong"])
    def test_unknown_strength(self, strength):
        with pytest.raises(settings.UserError, match="from 1 to 5"):
            corruptions.corrupt(IMAGES, "contrast", strength)

    @pytest.mark.parametrize("images", [IMAGES[0], IMAGES / 255.0, IMAGES.tolist()])
    def test_other_arrays(self, images):
        with pytest.raises(settings.UserError, match="uint8"):
            corruptions.corrupt(images, "contrast", 1)


class TestNoiseInTraining:
    def batch(self, images, seed=(3, 0)):
        return corruptions.GaussianNoise(0.3)(images, list(seed)).numpy()

    def test_some_images_stay_nearly_clean_and_none_is_noisier_than_it_says(self):
        grey = np.full((200, 28, 28), 128, np.uint8)
        noisy = self.batch(grey)
        assert noisy.shape == grey.shape and noisy.dtype == np.uint8
        deviations = noisy.astype(float).std(axis=(1, 2))
        assert deviations.min() < 5 and 60 < deviations.max() < 0.33 * 255
        assert np.array_equal(noisy, self.batch(grey))
        assert not np.array_equal(noisy, self.batch(grey, (4, 0)))

    def test_it_serves_as_an_augmentation(self):
        labelled = data.load_sample().train.take(np.arange(32))
        noise = (corruptions.GaussianNoise(),)
        (images, _), *_ = pipeline.batches(labelled, 16, augment=noise, shuffle_seed=0)
        assert images.shape == (16, 28, 28, 1)
        assert 0 <= float(np.min(images)) and float(np.max(images)) <= 1


def always_the_first(images):
    """Answer class 0 for every image."""
    return np.eye(10)[np.zeros(len(images), int)]


class TestAccuracies:
    LABELLED = data.load_sample().train.take(np.arange(60))

    def test_exact_where_the_answer_does_not_depend_on_the_image(self):
        answers = always_the_first(corruptions.versions(self.LABELLED.images))
        found = corruptions.accuracies(answers, self.LABELLED.labels)
        assert len(found) == 41 and found.index[0] == corruptions.CLEAN
        assert np.all(found == np.mean(self.LABELLED.labels == 0))

    def test_every_state_is_that_of_corrupt(self):
        seen = np.split(corruptions.versions(self.LABELLED.images, seed=3), 41)
        assert np.array_equal(seen[0], self.LABELLED.images)
        expected = corruptions.corrupt(self.LABELLED.images, "occlusion", 5, seed=3)
        assert np.array_equal(seen[-1], expected)

    def test_each_share_stands_at_its_state(self):
        answers = np.zeros((41, 2, 10))
        answers[corruptions.STATES.index(("contrast", 4)), 0, 7] = 1
        found = corruptions.accuracies(answers.reshape(82, 10), np.array([7, 7]))
        assert found["contrast", 4] == 0.5 and found.sum() == 0.5


class TestStored:
    def test_exact_from_a_file(self, tmp_path):
        clean, others = [0.9], {name: [0.5, 0.4, 0.3, 0.2, 0.1] for name in corruptions.NAMES}
        network = {"arm": "noise", "seed": 1, "accuracies": {"clean": clean} | others}
        (tmp_path / corruptions.FILE).write_text(json.dumps({"networks": [network]}))
        table = corruptions.stored(tmp_path)
        assert table.shape == (41, 1)
        assert table.loc[corruptions.CLEAN, ("noise", 1)] == 0.9
        assert table.loc[("contrast", 4), ("noise", 1)] == 0.2

    def test_the_published_file_has_every_arm_with_three_seeds(self):
        table = corruptions.stored()
        assert set(table.columns) == {(arm, seed) for arm in corruptions.ARMS for seed in (0, 1, 2)}
        assert table.shape[0] == 41 and table.notna().all(axis=None)

    def test_a_missing_file_names_the_command(self, tmp_path):
        with pytest.raises(settings.UserError, match="helpers robustness"):
            corruptions.stored(tmp_path)

    def test_a_damaged_file_is_refused(self, tmp_path):
        (tmp_path / corruptions.FILE).write_text("{}")
        with pytest.raises(settings.UserError, match="damaged: restore it"):
            corruptions.stored(tmp_path)


class TestMeasure:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        self.trained = []

        def train_arm(arm, images, seed):
            self.trained.append((arm, seed))
            return SimpleNamespace(model=None, recipe={"epochs": 3}, training_seconds=1.234)

        monkeypatch.setattr(corruptions, "train_arm", train_arm)
        monkeypatch.setattr(
            "helpers.evaluation.predict", lambda model, images: always_the_first(images)
        )

    def test_what_is_there_is_kept(self, tmp_path):
        file = robustness.measure([0], tmp_path)
        assert self.trained == [(arm, 0) for arm in corruptions.ARMS]
        robustness.measure([0, 1], tmp_path)
        assert self.trained[len(corruptions.ARMS) :] == [(arm, 1) for arm in corruptions.ARMS]
        assert file == tmp_path / corruptions.FILE
        assert corruptions.stored(tmp_path).shape == (41, 2 * len(corruptions.ARMS))

    def test_a_damaged_file_is_refused(self, tmp_path):
        (tmp_path / corruptions.FILE).write_text("{")
        with pytest.raises(settings.UserError, match="damaged: restore it"):
            robustness.measure([0], tmp_path)


def test_an_arm_learns_from_distorted_images():
    run = corruptions.train_arm("noise", data.load_sample().train.take(np.arange(512)), seed=0)
    assert run.name == "resnet_1min__noise" and run.recipe["augment"] == [
        "GaussianNoise(largest=0.2)"
    ]
