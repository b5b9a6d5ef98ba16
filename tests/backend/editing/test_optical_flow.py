"""The flow between images, in one leap or along the trajectory between them, and reading an image anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from backend.editing.optical_flow import interpolate_flow, pixel_grid, read, refine_flow, trajectory_flow, warp

SIDE = 128


def spots(x: float, y: float) -> np.ndarray:
    """[SIDE, SIDE, 3], -1 .. 1: soft spots, moved by (x, y) pixels."""
    centres = np.random.default_rng(0).uniform(0, SIDE, (3, 12, 1, 1, 2)) + np.array([x, y])
    away = np.square(pixel_grid(SIDE, SIDE) + 0.5 - centres).sum(axis=-1)
    return (np.exp(away / -150).sum(axis=1).clip(0, 1) * 2 - 1).astype(np.float32).transpose(1, 2, 0)


def target(x: float) -> np.ndarray:
    """[SIDE, SIDE, 3], -1 .. 1: a shooting target, 24 pixels across, at `x` on a plain ground."""
    away = np.linalg.norm(pixel_grid(SIDE, SIDE) - (x, SIDE / 2), axis=2)
    inside = 1 / (1 + np.exp(away - 12))
    grey = inside * np.cos(away * 2 * np.pi / 12) - 0.5 * (1 - inside)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)


def middle(flow: np.ndarray) -> np.ndarray:
    return flow[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4]


@pytest.mark.parametrize("shift", [(9.0, -4.0), (-20.0, 6.0)])
def test_the_flow_says_where_a_shifted_image_was(shift: tuple[float, float]) -> None:
    before, after = spots(0, 0), spots(*shift)
    flow = trajectory_flow([before, after])
    assert np.linalg.norm(middle(flow) + shift, axis=2).mean() < 0.5
    residual = middle(np.abs(warp(before, flow) - after)).mean()
    assert residual < 0.1 * middle(np.abs(before - after)).mean()


def test_a_motion_farther_than_the_thing_is_wide_is_found_through_the_images_between() -> None:
    """In one leap nothing of it is found again."""
    start, shift = 30.0, 40.0
    inside = np.linalg.norm(pixel_grid(SIDE, SIDE) - (start + shift, SIDE / 2), axis=2) < 10

    def error(steps: int) -> float:
        flow = trajectory_flow([target(start + shift * share) for share in np.linspace(0, 1, steps + 1)])
        return float(np.linalg.norm(flow[inside] + (shift, 0), axis=1).mean())

    assert error(1) > 0.5 * shift
    assert error(4) < 1
    assert error(8) < 1


def test_equal_images_have_no_flow() -> None:
    assert np.abs(trajectory_flow([spots(0, 0)] * 2)).max() < 0.1
    assert np.abs(trajectory_flow([spots(0, 0)] * 4)).max() < 0.1


def test_a_flow_that_is_nearly_right_is_refined_by_the_colours() -> None:
    before, after = spots(0, 0), spots(6, -3)
    drifted = np.broadcast_to(np.array([-5.0, 3.5], np.float32), (SIDE, SIDE, 2)).copy()
    right = np.array([-6.0, 3.0])
    refined = refine_flow(drifted, before, after)
    error = [np.linalg.norm(middle(flow) - right, axis=2).mean() for flow in (drifted, refined)]
    assert error[1] < 0.5 * error[0]
    assert drifted[0, 0].tolist() == [-5.0, 3.5], "what was given stays as it is"


def test_an_unknown_flow_is_that_of_the_surroundings_and_a_known_one_stays() -> None:
    flow = np.broadcast_to(np.array([3.0, -2.0], np.float32), (60, 80, 2)).copy()
    weight = np.ones((60, 80), np.float32)
    flow[20:40, 30:50], weight[20:40, 30:50] = 50.0, 0.0
    filled = interpolate_flow(flow, weight, 0.1)
    np.testing.assert_allclose(filled, np.broadcast_to([3.0, -2.0], (60, 80, 2)), atol=0.05)


def test_between_two_known_flows_the_unknown_one_goes_from_one_to_the_other() -> None:
    flow, weight = np.zeros((32, 96, 2), np.float32), np.zeros((32, 96), np.float32)
    flow[:, :16], flow[:, -16:] = (-8, 0), (8, 0)
    weight[:, :16] = weight[:, -16:] = 1
    across = interpolate_flow(flow, weight, 0.1)[16, :, 0]
    assert across[8] == pytest.approx(-8, abs=0.5)
    assert across[-8] == pytest.approx(8, abs=0.5)
    assert (np.diff(across) > -0.05).all()


def test_a_warped_image_shows_at_each_pixel_what_lies_where_the_flow_points() -> None:
    image = np.random.default_rng(0).random((20, 30, 4)).astype(np.float32)
    flow = np.broadcast_to(np.array([2.0, -3.0], np.float32), (20, 30, 2))
    np.testing.assert_allclose(warp(image, flow)[3:, :-2], image[:-3, 2:], atol=1e-6)
    np.testing.assert_allclose(warp(image[..., 0], flow)[3:, :-2], image[:-3, 2:, 0], atol=1e-6)


def test_reading_at_a_whole_number_gives_that_pixel_and_beyond_the_border_is_the_border() -> None:
    image = np.random.default_rng(0).random((6, 5)).astype(np.float32)
    np.testing.assert_array_equal(read(image, pixel_grid(6, 5)), image)
    places = np.array([[[3.0, 2.0], [3.5, 2.0], [-9.0, 2.0], [3.0, 99.0]]], np.float32)
    wanted = [image[2, 3], (image[2, 3] + image[2, 4]) / 2, image[2, 0], image[5, 3]]
    np.testing.assert_allclose(read(image, places)[0], wanted, atol=1e-3)
