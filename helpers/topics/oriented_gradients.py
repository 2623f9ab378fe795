"""Oriented gradients (notebook 02): what edges an image has, and where, as features.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
"""

import numpy as np

from helpers import data, settings

# Added to the squared length of a block, so that an empty one stays empty.
BLOCK_FLOOR = 1e-3
BLOCK_CEILING = 0.2
IMAGES_AT_A_TIME = 1000


def gradients(images):
    """Return how steeply the brightness rises at each pixel, and in which direction.

    `strength` and `direction` have the shape (N, height, width), float32: differences of the two
    neighbours, with pixels from 0 to 1; the direction in radians from 0 to below π, from left to
    right being 0 and downwards π / 2. A rise and a fall are the same.
    """
    data.check_images(images)
    around = np.pad(images.astype(np.float32) / 255, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = around[:, 1:-1, 2:] - around[:, 1:-1, :-2]
    down = around[:, 2:, 1:-1] - around[:, :-2, 1:-1]
    # A direction just below 0 is rounded up to π itself, which the second remainder folds back.
    direction = np.arctan2(down, across) % np.float32(np.pi) % np.float32(np.pi)
    return np.hypot(across, down), direction


def cell_histograms(images, cell=4, orientations=9):
    """Return how much gradient of each orientation there is in each cell.

    A pixel votes with the strength of its gradient. The vote is shared between the two nearest
    orientations and the four nearest cells, in proportion to how near they are. `cell` is a side in
    pixels; the result has the shape (N, height // cell, width // cell, orientations). Raises
    UserError if there is no room for two cells, or there are fewer than two orientations.
    """
    strength, direction = gradients(images)
    if orientations < 2 or not 0 < cell <= min(strength.shape[1:]) // 2:
        raise settings.UserError(
            f"Cells of {cell} pixels with {orientations} orientations give no histograms: two "
            "cells must fit into the image, and two orientations are the least."
        )
    place = direction * np.float32(orientations / np.pi)
    rows, columns = (_cell_weights(side, cell) for side in strength.shape[1:])
    histograms = []
    for orientation in range(orientations):
        distance = np.abs(place - orientation)
        distance = np.minimum(distance, orientations - distance)
        votes = strength * np.maximum(1 - distance, 0)
        histograms.append(rows.T @ votes @ columns)
    return np.stack(histograms, axis=-1)


def hog(images, cells=(4, 7), orientations=9):
    """Return histograms of oriented gradients, (N, features): what edges there are, and where.

    For every size in `cells` (sides in pixels) and every block of 2 × 2 neighbouring cells, which
    overlap: the four histograms, scaled to length 1, cut off at 0.2 and scaled again, so that a
    faint edge counts as much as a strong one. Source: Dalal and Triggs, "Histograms of Oriented
    Gradients for Human Detection", CVPR 2005.
    """
    starts = range(0, len(images), IMAGES_AT_A_TIME)
    return np.concatenate(
        [_hog(images[start : start + IMAGES_AT_A_TIME], cells, orientations) for start in starts]
    )


def _hog(images, cells, orientations):
    return np.concatenate(
        [_blocks(cell_histograms(images, cell, orientations)) for cell in cells], axis=1
    )


def _blocks(histograms):
    upper, lower = histograms[:, :-1], histograms[:, 1:]
    corners = [half[:, :, part] for half in (upper, lower) for part in (slice(-1), slice(1, None))]
    blocks = np.concatenate(corners, axis=-1)
    blocks = _unit_length(np.minimum(_unit_length(blocks), BLOCK_CEILING))
    return blocks.reshape(len(blocks), -1)


def _cell_weights(side, cell):
    """Return the share of each pixel's vote for each cell along one side, (side, cells)."""
    centres = (np.arange(side // cell) + 0.5) * cell - 0.5
    distance = np.abs(np.arange(side)[:, None] - centres) / cell
    return np.maximum(1 - distance, 0).astype(np.float32)


def _unit_length(blocks):
    return blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + np.float32(BLOCK_FLOOR))
