"""Novelty (notebook 17): does an image look like anything that the network has learned from?

A classifier must name a class even for a picture of the moon. How far an image lies from the
nearest training images, as the network itself describes them, tells whether to believe it.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from helpers import settings

NEIGHBOURS = 10
ACCEPTED = 0.95


class Familiarity:
    """Measures how far images lie from those that a network has learned from.

    `known`, (N, features), are training images as `transfer.features` describes them; `held_out`,
    (M, features), images of the same kind that were not trained on, set the threshold, so that the
    share `accepted` of them counts as familiar. The distance is that to the nearest training image
    but `neighbours` − 1. Raises UserError if there are fewer training images than neighbours, or
    the features do not fit. Source: Sun, Ming, Zhu and Li, arXiv:2204.06507, 2022.
    """

    def __init__(self, known, held_out, neighbours=NEIGHBOURS, accepted=ACCEPTED):
        shapes = np.shape(known), np.shape(held_out)
        rows = all(len(shape) == 2 and shape[0] for shape in shapes)
        if not rows or shapes[0][1] != shapes[1][1] or len(known) < neighbours:
            raise settings.UserError(
                f"Features of the shapes {shapes[0]} and {shapes[1]} do not do: pass one row per "
                f"image, of one length, and {neighbours} training images or more."
            )
        self._neighbours = NearestNeighbors(n_neighbors=neighbours, algorithm="brute")
        self._neighbours.fit(_unit(known))
        self.threshold = float(np.quantile(self.distances(held_out), accepted))

    def distances(self, features):
        """Return the distances of images from what is known, shape (N,), each 0 to 2.

        Features are scaled to length 1 first, so that only their pattern counts and not how
        strong it is.
        """
        return self._neighbours.kneighbors(_unit(features))[0][:, -1]

    def nearest(self, features):
        """Return the indices of the nearest training images, nearest first: (N, neighbours)."""
        return self._neighbours.kneighbors(_unit(features))[1]

    def is_strange(self, features):
        """Return which images lie beyond the threshold, shape (N,), bool."""
        return self.distances(features) > self.threshold


def _unit(features):
    features = np.asarray(features, dtype=np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
