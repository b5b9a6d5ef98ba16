"""What moves, told apart from what stays by features."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from backend.editing.segmentation import segment

SIDE, CHANNELS = 64, 12
SUBJECT, BACKGROUND = torch.randn(2, CHANNELS, generator=torch.Generator().manual_seed(3))


def features(centre: tuple[int, int]) -> torch.Tensor:
    """A disc of a subject in front of a background, each with features of its own, and noise: [C, SIDE, SIDE]."""
    noise = 0.1 * torch.randn(CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(centre[0]))
    return torch.where(torch.from_numpy(disc(centre)), SUBJECT[:, None, None], BACKGROUND[:, None, None]) + noise


def disc(centre: tuple[int, int], radius: int = 14) -> np.ndarray:
    """Bool [SIDE, SIDE]."""
    return cv2.circle(np.zeros((SIDE, SIDE), np.uint8), centre, radius, 1, -1) > 0


def test_all_of_the_subject_is_found_though_only_a_part_of_it_is_known_to_move() -> None:
    stays = ~cv2.dilate((disc((24, 32)) | disc((36, 32))).astype(np.uint8), np.ones((5, 5))).astype(bool)
    _, found = segment(features((24, 32)), features((36, 32)), stays, disc((36, 32), 5))
    assert found[disc((36, 32), 7)].min() > 0.8


def test_it_is_found_where_it_was_before_too() -> None:
    stays = ~cv2.dilate((disc((24, 32)) | disc((36, 32))).astype(np.uint8), np.ones((5, 5))).astype(bool)
    found, _ = segment(features((24, 32)), features((36, 32)), stays, disc((36, 32), 5))
    assert found[disc((24, 32), 7)].min() > 0.8
    assert found[~disc((24, 32), 13)].max() < 0.1


def test_what_came_to_light_is_no_subject_though_it_is_given_as_moving() -> None:
    before, after = disc((24, 32)), disc((36, 32))
    stays = ~cv2.dilate((before | after).astype(np.uint8), np.ones((5, 5))).astype(bool)
    _, found = segment(features((24, 32)), features((36, 32)), stays, before | after)
    assert found[before & ~after].max() < 0.1
    assert found[disc((36, 32), 7)].min() > 0.8


def test_the_outline_is_left_out() -> None:
    stays = ~cv2.dilate((disc((24, 32)) | disc((36, 32))).astype(np.uint8), np.ones((5, 5))).astype(bool)
    _, found = segment(features((24, 32)), features((36, 32)), stays, disc((36, 32)))
    assert found[~disc((36, 32), 13)].max() < 0.1


def test_nothing_is_told_where_nothing_is_known() -> None:
    nothing = np.zeros((SIDE, SIDE), bool)
    for stays, moves in ((nothing, disc((36, 32))), (~disc((36, 32), 30), nothing)):
        assert not np.any(segment(features((24, 32)), features((36, 32)), stays, moves))
