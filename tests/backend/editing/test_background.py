"""What was behind the subject: the layer's own background goes on there, where it has a structure or is even."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from backend.editing.background import Continuation, bare_background, continue_background, keep_background
from backend.editing.correspondence import Correspondence, find_correspondence
from backend.editing.matte import end_matte, start_matte
from backend.editing.optical_flow import pixel_grid
from tests.backend.editing.images import edit_along, shown

SIDE = 128  # of the model's image
RADIUS, START, END = 13.0, 44.0, 84.0  # of a disc that moves from the left to the right
GROUND, DISC = 90.0, 200.0


def disc(at: float, scale: int = 1) -> np.ndarray:
    """How far the disc around (at, SIDE / 2) covers each pixel of a layer `scale` times the size."""
    x, y = ((pixel_grid(scale * SIDE, scale * SIDE) + 0.5) / scale).transpose(2, 0, 1)
    return (RADIUS + 0.5 - np.hypot(x - at, y - SIDE / 2)).clip(0, 1)


def layer(ground: np.ndarray) -> np.ndarray:
    """An opaque layer, uint8 [h, w, 4], with the disc at its start before this ground [h, w]."""
    covered = disc(START, len(ground) // SIDE)
    grey = covered * DISC + (1 - covered) * ground
    return np.dstack([*[grey] * 3, np.full_like(grey, 255)]).round().clip(0, 255).astype(np.uint8)


def striped(period: float, scale: int, slope: float = 0.0) -> np.ndarray:
    """Stripes across, as the model cannot show them, on a ground that gets lighter to the right by `slope`."""
    x, _ = pixel_grid(scale * SIDE, scale * SIDE).transpose(2, 0, 1)
    return GROUND + 40 * np.sin(x * 2 * np.pi / period) + slope * x / scale


@pytest.fixture(scope="module")
def found() -> Correspondence:
    """The model shows a plain disc that moves before a plain ground."""

    def image(share: float) -> np.ndarray:
        covered = disc(START + share * (END - START))
        return covered * DISC + (1 - covered) * GROUND

    return find_correspondence(edit_along(lambda share: shown(image(share))))


def painted(found: Correspondence) -> np.ndarray:
    """What the generator paints, 0 .. 255."""
    return (127.5 * (found.end + 1)).astype(np.float32)


def behind(found: Correspondence) -> np.ndarray:
    """[h, w]: where it paints background."""
    return (np.abs(painted(found) - GROUND).max(axis=2) < 20).astype(np.float32)


def filled(original: np.ndarray, gaps: list[Continuation]) -> np.ndarray:
    """[h, w]: the grey of the gaps, as the layer is to be put together from them."""
    height, width = original.shape[:2]
    result = np.full((height, width), np.nan)
    for gap in gaps:
        x, y = gap.offset
        beside = np.roll(original[..., 0].astype(float), (-y, -x), (0, 1))
        beside += cv2.resize(gap.light, (width, height))[..., 0]
        result = np.where(cv2.resize(gap.share, (width, height)) > 0.9, beside, result)
    return result


@pytest.mark.parametrize(("scale", "period"), [(1, 11.0), (4, 30.0), (8, 90.0)])
def test_stripes_behind_the_subject_go_on_with_their_period(found: Correspondence, scale: int, period: float) -> None:
    ground = striped(period, scale)
    original = layer(ground)
    gaps = continue_background(original, found, painted(found), behind(found))
    assert gaps
    result = filled(original, gaps)
    came_to_light = (disc(START, scale) == 1) & (disc(END, scale) == 0)
    known = came_to_light & ~np.isnan(result)
    assert known.sum() > 0.7 * came_to_light.sum()
    assert np.abs(result - ground)[known].mean() < 10, "stripes half a period off would miss by 50"


def test_light_that_changes_along_the_ground_is_taken_over(found: Correspondence) -> None:
    ground = striped(30.0, 4, slope=0.4)
    original = layer(ground)
    gaps = continue_background(original, found, painted(found), behind(found))
    assert gaps
    result = filled(original, gaps)
    known = ~np.isnan(result) & (disc(START, 4) == 1) & (disc(END, 4) == 0)
    assert abs((result - ground)[known].mean()) < 5


def test_nothing_of_the_subject_is_taken_for_background(found: Correspondence) -> None:
    original = layer(striped(30.0, 4))
    result = filled(original, continue_background(original, found, painted(found), behind(found)))
    assert np.nanmax(result) < (GROUND + 40 + DISC) / 2


def test_a_plain_background_goes_on_with_its_own_grain(found: Correspondence) -> None:
    original = layer(GROUND + 3 * np.random.default_rng(0).standard_normal((4 * SIDE, 4 * SIDE)))
    result = filled(original, continue_background(original, found, painted(found), behind(found)))
    known = ~np.isnan(result) & (disc(START, 4) == 1) & (disc(END, 4) == 0)
    assert known.any()
    assert abs(result[known].mean() - GROUND) < 1
    assert result[known].std() == pytest.approx(3, rel=0.1)


def test_strong_noise_has_nothing_to_go_on_with(found: Correspondence) -> None:
    noise = GROUND + 20 * np.random.default_rng(0).standard_normal((4 * SIDE, 4 * SIDE))
    assert continue_background(layer(noise), found, painted(found), behind(found)) == []


def test_where_nothing_came_to_light_nothing_is_looked_for(found: Correspondence) -> None:
    everywhere = found._replace(confidence=np.ones_like(found.confidence))
    assert continue_background(layer(striped(30.0, 4)), everywhere, painted(found), behind(found)) == []


def test_where_all_moved_there_is_no_background(found: Correspondence) -> None:
    nowhere = found._replace(still=np.zeros_like(found.still), background=np.zeros_like(found.background))
    assert continue_background(layer(striped(30.0, 4)), nowhere, painted(found), behind(found)) == []


@pytest.mark.parametrize("size", [(800, 100), (100, 800), (2000, 30)], ids=["wide", "high", "strip"])
def test_a_layer_too_narrow_to_look_beside_a_gap_is_filled_all_the_same(
    found: Correspondence, size: tuple[int, int]
) -> None:
    original = cv2.resize(layer(striped(30.0, 4)), size)
    for gap in continue_background(original, found, painted(found), behind(found)):
        assert np.hypot(*gap.offset) < max(size)


def kept(found: Correspondence, shown: np.ndarray) -> Correspondence:
    """What the background of a layer (uint8 [SIDE, SIDE, 4]) makes of where its pixels come from."""
    small = shown.astype(np.float32)
    bare = bare_background(found, start_matte(found, small), small)
    return keep_background(found, end_matte(found, found.warp(small)), bare, small)


def test_stripes_beside_the_subject_stay_in_their_place(found: Correspondence) -> None:
    """On the plain ground that the model shows nothing tells them from what moves along with the disc."""
    striped_layer = layer(striped(11.0, 1))
    near, far = cv2.dilate(disc(END), np.ones((3, 3))), cv2.dilate(disc(END), np.ones((13, 13)))
    beside = (near == 0) & (far > 0) & (cv2.dilate(disc(START), np.ones((9, 9))) == 0)
    grey = striped_layer[..., 0].astype(np.float32)

    def displaced(one: Correspondence) -> float:
        return float((np.abs(one.warp(grey) - grey) * one.confidence)[beside].max())

    assert displaced(found) > 20
    assert displaced(kept(found, striped_layer)) < 5


def test_a_plain_background_changes_nothing(found: Correspondence) -> None:
    plain = kept(found, layer(np.full((SIDE, SIDE), GROUND)))
    np.testing.assert_array_equal(plain.still, found.still)
    np.testing.assert_array_equal(plain.confidence, found.confidence)


def test_where_the_layer_shows_its_background_ends_beside_the_subject(found: Correspondence) -> None:
    small = layer(striped(11.0, 1)).astype(np.float32)
    bare = bare_background(found, start_matte(found, small), small)
    assert bare[cv2.dilate(disc(START), np.ones((9, 9))) == 0].min() > 0.9
    assert bare[disc(START) > 0].max() < 0.1
