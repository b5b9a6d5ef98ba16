"""What moves, told apart from what stays by the generator's features: colours alone take a pale ear for sky."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from backend.editing.filters import blur, resample

RIDGE = 1e-3  # keeps the classifier of a few hundred features from following single pixels
ROUNDS = 3  # of leaving out what is labelled as moving and looks like what stays: it came to light
OUTLIER = 0.4  # a moving pixel that is classified below is one of these
LEAST, SURE = 0.6, 0.85  # of the classifier's 0 (stays) .. 1 (moves): from no subject to all of it
INWARDS = 9  # pixels, across: features reach so far beyond an outline
FEWEST = 10  # places of either kind from which the other can be told


def segment(
    before: torch.Tensor, after: torch.Tensor, stays: np.ndarray, moves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how surely each pixel belongs to what moves, before and after: [h, w], 0 .. 1; none near its outline.

    A linear classifier learns it from the places of which it is known.

    Args:
        before: [C, h', w'], the features of the image before the edit.
        after: [C, h', w'], those after it.
        stays: bool [h, w], what stayed in its place in both.
        moves: bool [h, w], what has moved to its place after the edit; some of it may have come to light there.
    """
    spread = after.std(dim=(1, 2), keepdim=True) + 1e-6
    first, last = ((features / spread).flatten(1).T.float().cpu() for features in (before, after))
    negative, positive = (
        torch.from_numpy(np.flatnonzero(resample(area.astype(np.float32), after.shape[1:]) == 1))
        for area in (stays, moves)
    )
    if min(len(negative), len(positive)) < FEWEST:
        return np.zeros(stays.shape, np.float32), np.zeros(stays.shape, np.float32)
    still, moved = torch.cat([last[negative], first[negative]]), last[positive]
    centre = still.mean(dim=0)
    weights = _classifier(still - centre, moved - centre)
    scores = (_scores(rows - centre, weights).reshape(after.shape[1:]).numpy() for rows in (first, last))
    return _sure(next(scores), stays.shape), _sure(next(scores), stays.shape)


def _sure(scores: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    subject = ((resample(scores, size) - LEAST) / (SURE - LEAST)).clip(0, 1)
    return blur(cv2.erode(subject, np.ones((INWARDS, INWARDS), np.uint8)), 1.0)


def _classifier(still: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
    """Fit 0 to the rows of `still` [N, C] and 1 to those of `moved`, both kinds with the same weight: [C + 1]."""
    weights = still.new_zeros(still.shape[1] + 1)
    for _ in range(ROUNDS):
        rows = torch.cat([still, moved])
        rows = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
        labels = torch.cat([still.new_zeros(len(still)), moved.new_ones(len(moved))])
        share = torch.where(labels > 0, 0.5 / len(moved), 0.5 / len(still))
        weighted = (rows * share[:, None]).T
        weights = torch.linalg.solve(weighted @ rows + RIDGE * torch.eye(rows.shape[1]), weighted @ labels)
        fits = _scores(moved, weights) > OUTLIER
        if bool(fits.all()) or int(fits.sum()) < FEWEST:
            break
        moved = moved[fits]
    return weights


def _scores(rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """What the classifier says of `rows` [N, C]: [N]."""
    return rows @ weights[:-1] + weights[-1]
