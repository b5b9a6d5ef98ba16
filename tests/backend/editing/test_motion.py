"""The motion between two images, and reading an image anywhere."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from backend.editing.motion import estimate_motion, moved, sample

SIDE = 128


def blobs(shift: tuple[float, float]) -> torch.Tensor:
    """[3, SIDE, SIDE], -1 .. 1: soft spots, moved by `shift` (x, y) pixels."""
    y, x = torch.meshgrid(torch.arange(SIDE) + 0.5, torch.arange(SIDE) + 0.5, indexing="ij")
    centres = torch.rand(3, 12, 2, generator=torch.Generator().manual_seed(0)) * SIDE + torch.tensor(shift)
    squares = (x - centres[..., 0, None, None]).square() + (y - centres[..., 1, None, None]).square()
    return (squares / -150).exp().sum(dim=1).clamp(0, 1) * 2 - 1


@pytest.mark.parametrize("shift", [(9.0, -4.0), (-20.0, 6.0)])
def test_the_motion_says_where_a_shifted_picture_was(shift: tuple[float, float]) -> None:
    before, after = blobs((0, 0)), blobs(shift)
    motion = estimate_motion(before, after)
    middle = motion[:, SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] * SIDE
    assert (middle + torch.tensor(shift)[:, None, None]).norm(dim=0).mean() < 1.5
    assert (moved(before, motion) - after).abs().mean() < 0.2 * (before - after).abs().mean()


def test_equal_pictures_have_no_motion() -> None:
    assert estimate_motion(blobs((0, 0)), blobs((0, 0))).abs().max() * SIDE < 0.1


@pytest.mark.parametrize("rows", [1, 7, 8])
def test_reading_in_parts_for_all_cores_gives_what_reading_at_once_gives(rows: int) -> None:
    image = torch.rand(4, 20, 30, generator=torch.Generator().manual_seed(1))
    place = torch.rand(rows, 9, 2, generator=torch.Generator().manual_seed(2)) * 2.4 - 1.2
    at_once = F.grid_sample(image[None], place[None], mode="bicubic", padding_mode="border", align_corners=False)[0]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert torch.equal(sample(image, place, "bicubic"), at_once)
    finally:
        torch.set_num_threads(threads)
