"""Where each pixel of the edited image comes from: it stayed, it moved, or it was not seen before."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.editing.correspondence import LONGEST_SIDE, Correspondence, find_correspondence, to_array
from backend.editing.optical_flow import pixel_grid
from tests.backend.editing.images import edit_along, edit_of, shown

SIDE = 128
START, RADIUS = 44.0, 20.0
X, Y = (pixel_grid(SIDE, SIDE) + 0.5).transpose(2, 0, 1)


def disc(at: float, radius: float = RADIUS) -> np.ndarray:
    """How far a disc around (at, SIDE / 2) covers each pixel."""
    return (radius + 0.5 - np.hypot(X - at, Y - SIDE / 2)).clip(0, 1)


def head(at: float) -> torch.Tensor:
    """A generator's image of a disc with a drawing on it, before a ground that is darker at the left."""
    drawing = 150 + 50 * np.sin((X - at) / 4) * np.sin(Y / 4)
    return shown(disc(at) * drawing + (1 - disc(at)) * (40 + 20 * X / SIDE))


def moved_by(shift: float) -> Correspondence:
    return find_correspondence(edit_along(lambda share: head(START + shift * share)))


@pytest.fixture(scope="module", params=[10.0, 20.0, 40.0])
def shift(request: pytest.FixtureRequest) -> float:
    """How far the disc moves to the right; the last is as far as it is wide."""
    return request.param


@pytest.fixture(scope="module")
def found(shift: float) -> Correspondence:
    return moved_by(shift)


def still(found: Correspondence) -> np.ndarray:
    """What stayed, at the size of the images."""
    return found.still.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3))


def test_what_moved_is_found_where_it_was(found: Correspondence, shift: float) -> None:
    inside = disc(START + shift, RADIUS - 4) == 1
    assert still(found)[inside].mean() < 0.05
    assert np.linalg.norm(found.flow[inside] + (shift, 0), axis=1).mean() < 0.7
    assert found.confidence[inside].mean() > 0.9


def test_the_ground_stays_and_is_believed(found: Correspondence, shift: float) -> None:
    far = (disc(START, RADIUS + 8) + disc(START + shift, RADIUS + 8)) == 0
    assert still(found)[far].min() > 0.95
    assert found.confidence[far].min() > 0.9


def test_what_comes_to_light_is_not_known(found: Correspondence, shift: float) -> None:
    uncovered = (disc(START, RADIUS - 2) == 1) & (disc(START + shift, RADIUS + 2) == 0)
    assert uncovered.any()
    assert found.confidence[uncovered].mean() < 0.2


def test_the_outline_between_what_moved_and_what_stayed_is_sharp(found: Correspondence, shift: float) -> None:
    """Where the disc comes over the ground; behind it, neither is right."""
    ahead = (shift + START < X) & (np.abs(Y - SIDE / 2) < 12)
    assert still(found)[ahead & (disc(START + shift, RADIUS - 3) == 1)].mean() < 0.1
    assert still(found)[ahead & (disc(START + shift, RADIUS + 3) == 0)].mean() > 0.9


def test_an_image_is_warped_at_any_size_with_any_channels(found: Correspondence, shift: float) -> None:
    """The warped alpha of the disc is the disc where it is now, as far as it is known."""
    known = found.confidence > 0.8
    warped = found.warp(disc(START).astype(np.float32))
    assert np.abs(warped - disc(START + shift))[known].mean() < 0.02
    colours = np.repeat(disc(START)[..., None], 4, axis=2).astype(np.float32)
    assert found.warp(colours).shape == (SIDE, SIDE, 4)
    np.testing.assert_allclose(found.warp(colours)[..., 0][known], warped[known], atol=0.25)


def test_where_nothing_changes_all_stays_and_is_believed() -> None:
    found = find_correspondence(edit_of(head(START), head(START)))
    assert found.still.min() > 0.99
    assert found.confidence.min() > 0.99
    assert np.abs(found.flow).max() < 0.1


def test_what_has_changed_its_look_is_not_believed() -> None:
    """A mouth opens: nothing of the image before is like it."""
    mouth = (np.hypot(X - START, (Y - SIDE / 2) * 2) < 10).astype(np.float32)
    found = find_correspondence(edit_of(head(START), head(START) * torch.tensor(1 - mouth) - torch.tensor(mouth)))
    assert found.confidence[mouth > 0][20:-20].mean() < 0.3
    far = disc(START, RADIUS + 6) == 0
    assert found.confidence[far].min() > 0.9


@pytest.mark.parametrize(("width", "growth"), [(14.0, 2.4), (22.0, 2.4), (26.0, 2.0)])
def test_an_ear_that_grows_to_twice_its_length_is_stretched(width: float, growth: float) -> None:
    """It is hardly wider than an outline, and stretched all the same."""
    length, base = 30.0, 100.0

    def inside(grown: float, rim: float) -> np.ndarray:
        half = width / 2 * np.sqrt(np.clip(1 - ((base - Y) / (length * grown)) ** 2, 0, 1)) - rim
        return np.where(base > Y, (half + 0.5 - np.abs(X - SIDE / 2)).clip(0, 1), np.abs(X - SIDE / 2) < 40)

    def ear(share: float) -> torch.Tensor:
        grown = 1 + share * (growth - 1)
        drawing = 150 + 50 * np.sin(6 * (base - Y) / (length * grown)) * np.cos((X - SIDE / 2) / 4)
        return shown(inside(grown, 0) * drawing + (1 - inside(grown, 0)) * (50 + 20 * X / SIDE))

    found = find_correspondence(edit_along(ear))
    within = (inside(growth, 2) == 1) & (base - 4 > Y)
    from_where = np.dstack([np.zeros_like(Y), (base - Y) * (1 - 1 / growth)])
    assert np.linalg.norm((found.flow - from_where)[within], axis=1).mean() < 0.6
    assert found.confidence[within].mean() > 0.9


def test_only_the_images_that_the_motion_needs_are_made() -> None:
    def made_for(shift: float) -> set[float]:
        shares: set[float] = set()

        def image(share: float) -> torch.Tensor:
            shares.add(share)
            return head(START + shift * share)

        edit = edit_along(image)
        find_correspondence(edit)
        return shares

    assert made_for(4.0) == {0.0, 0.25, 1.0}
    assert made_for(20.0) > {0.0, 1.0}


def test_large_images_are_compared_at_a_smaller_size() -> None:
    image = torch.rand(3, 2 * LONGEST_SIDE, LONGEST_SIDE, generator=torch.Generator().manual_seed(0))
    small = to_array(image)
    assert small.shape == (LONGEST_SIDE, LONGEST_SIDE // 2, 3)
    np.testing.assert_allclose(small[0, 0], image[:, :2, :2].mean(dim=(1, 2)).numpy(), atol=1e-6)
    assert to_array(image[:, :50, :60]).shape == (50, 60, 3)
