"""Tests of the distance from what a network has learned from."""

import numpy as np
import pytest

from helpers import settings
from helpers.topics import novelty


@pytest.fixture
def known():
    return np.random.default_rng(0).normal((5, 1, 0, 0), 0.2, (200, 4))


def test_half_of_the_held_out_images_are_accepted(known):
    held_out = np.random.default_rng(1).normal((5, 1, 0, 0), 0.2, (100, 4))
    familiarity = novelty.Familiarity(known, held_out, accepted=0.5)
    assert familiarity.is_strange(held_out).mean() == 0.5


def test_another_direction_is_strange_and_another_length_is_not(known):
    familiarity = novelty.Familiarity(known, known)
    assert familiarity.is_strange(np.array([[0, 0, 1, 5.0]]))[0]
    np.testing.assert_allclose(
        familiarity.distances(known[:5] * 9), familiarity.distances(known[:5]), atol=1e-5
    )


def test_distances_and_neighbours_by_hand():
    known = np.array([[1.0, 0], [0, 1], [-1, 0]])
    familiarity = novelty.Familiarity(known, known, neighbours=2)
    asked = np.array([[3.0, 0.3]])
    np.testing.assert_array_equal(familiarity.nearest(asked), [[0, 1]])
    unit = asked / np.linalg.norm(asked)
    np.testing.assert_allclose(
        familiarity.distances(asked), np.linalg.norm(unit - known[1]), rtol=1e-5
    )


def test_features_that_do_not_do(known):
    wrong = (known[:5], known), (known[0], known), (known, known[0])
    for first, second in (*wrong, (known, known[:, :-1]), (known, known[:0])):
        with pytest.raises(settings.UserError):
            novelty.Familiarity(first, second)
