"""Edits in a frame: the result lies in place on the layer, its own pixels moved once, the layer around it as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from backend.editing.compositing import compose
from backend.editing.correspondence import EditImages
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.frame import Frame
from backend.editing.layers import composite_over
from backend.editing.pixels import digest
from backend.editing.placement import Placement, laid_in_place
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.region import Region
from backend.editing.settings import with_changes
from backend.editing.steps import EditResult
from tests.backend.editing.images import edit_along, shown

SIDE = 128  # of the model's image with a ball
BALL_FRAME = Frame(215.0, 190.0, 2.0, 25.0)
BALL_LAYER = (380, 420)
START, END, RADIUS = 54.0, 70.0, 26.0  # of the ball, in pixels of the model's image


def ball(points: np.ndarray, at: float, stripes: float = 0.0) -> np.ndarray:
    """A shaded ball around (at, SIDE / 2) on a sloping ground, 0 .. 255, at points [..., 2] of the model's image."""
    x, y = points[..., 0], points[..., 1]
    far = np.hypot(x - at, y - SIDE / 2)
    shaded = 150 + 50 * np.cos(np.pi * far / RADIUS) + stripes * np.sin(2 * (x - at))
    return np.where(far < RADIUS, shaded, 30 + 0.1 * x)


def centres(size: tuple[int, int]) -> np.ndarray:
    return np.dstack(np.meshgrid(np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5))


def striped_layer(at: float, frame: Frame = BALL_FRAME) -> np.ndarray:
    """An opaque layer with a ball that has fine stripes, uint8 [*BALL_LAYER, 4], as it lies in the frame."""
    grey = ball(frame.to_model(centres(BALL_LAYER), (SIDE, SIDE)), at, 40)
    return np.dstack([*[grey] * 3, np.full_like(grey, 255)]).round().astype(np.uint8)


def a_ball_moves() -> EditImages:
    points = centres((SIDE, SIDE))
    return edit_along(lambda share: shown(ball(points, START + share * (END - START))))


def composed(layer: np.ndarray, region: Region, mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The layer after the ball has moved, and what is visible of it in the region's rectangle."""
    part, images = region.crop(layer), a_ball_moves()
    part_mask = None if mask is None else region.crop(mask)
    result, visible = compose(part, part, images, images.image(0.0), part_mask, region, layer.shape[:2])
    return composite_over(layer, result, visible, (region.x, region.y)), visible


def test_the_layers_pixels_are_moved_along_the_turned_way() -> None:
    layer, wanted = striped_layer(START), striped_layer(END)
    after, _ = composed(layer, Region.framed(BALL_FRAME, BALL_LAYER, (SIDE, SIDE)))
    place = BALL_FRAME.to_model(centres(BALL_LAYER), (SIDE, SIDE))
    inside = np.hypot(place[..., 0] - END, place[..., 1] - SIDE / 2) < RADIUS - 4
    now, then = after[..., 0][inside].astype(float), wanted[..., 0][inside].astype(float)
    assert np.corrcoef(now, then)[0, 1] > 0.9, "with its stripes, which the model does not show"
    left = (np.hypot(place[..., 0] - START, place[..., 1] - SIDE / 2) < RADIUS) & (place[..., 0] < END - RADIUS - 4)
    assert np.abs(after[..., 0].astype(int) - wanted[..., 0])[left].mean() < 12


def test_all_outside_of_the_frame_stays_bit_for_bit() -> None:
    frame = dataclasses.replace(BALL_FRAME, scale=0.9)  # the ball is cut: what moves reaches the frame's sides
    layer = striped_layer(START)
    after, _ = composed(layer, Region.framed(frame, BALL_LAYER, (SIDE, SIDE)))
    place = frame.to_model(centres(BALL_LAYER), (SIDE, SIDE))
    outside = ((place < 0) | (place > SIDE)).any(axis=2)
    assert (after != layer).any()
    np.testing.assert_array_equal(after[outside], layer[outside])


def test_a_frame_that_is_a_rectangle_gives_its_result() -> None:
    frame = dataclasses.replace(BALL_FRAME, roll=0.0)
    layer = striped_layer(START, frame)
    framed = Region.framed(frame, BALL_LAYER, (SIDE, SIDE))
    one, other = composed(layer, framed), composed(layer, dataclasses.replace(framed, frame=None))
    for mine, its in zip(one, other, strict=True):
        assert np.abs(mine.astype(int) - its).mean() < 0.5


def test_the_selection_confines_the_change_in_layer_pixels() -> None:
    layer, mask = striped_layer(START), np.zeros(BALL_LAYER, np.uint8)
    mask[:200] = 255
    after, _ = composed(layer, Region.framed(BALL_FRAME, BALL_LAYER, (SIDE, SIDE)), mask)
    assert (after[:200] != layer[:200]).any()
    np.testing.assert_array_equal(after[200:], layer[200:])


def test_what_crosses_a_side_inside_the_layer_is_bent_there_not_torn() -> None:
    def post(points: np.ndarray, at: float) -> np.ndarray:
        """A bright, striped post through the whole height, its middle at `at`, in pixels of the model's image."""
        x = points[..., 0] - at
        return 40 + (150 + 40 * np.sin(x / 2)) / (1 + np.exp(np.abs(x) - 20))

    region = Region(40, 20, SIDE, SIDE, (SIDE, SIDE))  # of a layer that goes on on all sides
    layer_size = (SIDE + 60, SIDE + 80)
    grey = post(centres(layer_size) - [region.x, region.y], START)
    layer = np.dstack([*[grey] * 3, np.full_like(grey, 255)]).round().astype(np.uint8)
    images = edit_along(lambda share: shown(post(centres((SIDE, SIDE)), START + share * 12)))
    part = np.ascontiguousarray(region.crop(layer))
    result, visible = compose(part, part, images, images.image(0.0), None, region, layer_size)
    after = composite_over(layer, result, visible, (region.x, region.y))[..., 0].astype(float) - 40
    places = (after * np.arange(layer_size[1])).sum(axis=1) / after.sum(axis=1) - region.x
    assert abs(places[region.y + SIDE // 2] - START - 12) < 2, "in the middle it moved"
    assert abs(places[-1] - START) < 1.5, "below the region it stayed"
    between = (places > START + 0.5) & (places < places.max() - 0.5)
    assert between[: SIDE // 2].sum() >= 10, "on the way to the side it is bent, row by row"
    assert (after > 75).sum(axis=1).max() <= 42, "and it is nowhere seen twice"


def test_beyond_the_frame_the_models_border_goes_on() -> None:
    region = Region.framed(BALL_FRAME, BALL_LAYER, (SIDE, SIDE))
    images, previous = laid_in_place(a_ball_moves(), a_ball_moves().image(0.0), region)
    start, end = images.image(0.0), images.image(1.0)
    height, width = start.shape[1:]
    assert abs(height - region.height / 2) < 1
    assert abs(width - region.width / 2) < 1
    assert torch.equal(start, previous)
    corner = region.to_model(np.array([region.x + 1.0, region.y + 1.0])).clip(0, SIDE - 1).astype(int)
    assert (start[:, 0, 0] - a_ball_moves().image(0.0)[:, corner[1], corner[0]]).abs().max() < 0.02
    assert (end - start).abs().max() > 0.5
    assert images.features(1.0).shape[1:] == images.features(0.0).shape[1:]


def test_the_preview_shows_grey_where_the_layer_around_is_transparent() -> None:
    region = Region.framed(BALL_FRAME, BALL_LAYER, (SIDE, SIDE))
    nothing = np.zeros((region.height, region.width, 4), np.uint8)
    grey = Placement(region, BALL_LAYER, nothing).image(torch.ones(1, 3, SIDE, SIDE))[0]
    assert torch.equal(grey[:, 0, 0], torch.zeros(3))
    assert (grey[:, 90, 90] == 1).all()


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_a_large_model_is_laid_at_a_size_that_can_be_compared_at_a_fraction(side: int) -> None:
    region = Region.framed(Frame(3000.0, 2500.0, 4.0, 31.0), (5000, 6000), (side, side))
    image = torch.zeros(3, side, side)
    images, _ = laid_in_place(EditImages(lambda _: image, lambda _: image), image, region)
    height, width = images.image(0.0).shape[1:]
    every = max(height, width) // 256
    assert height % every == width % every == 0
    assert abs(width - region.width / 4) <= every


# -- with the embedded model -------------------------------------------------------------------------------------

FRAME = Frame(200.0, 150.0, 0.7, 15.0)
LAYER_SIZE = (300, 380)
HANDLE, TARGET = (140.0, 140.0), (156.0, 140.0)  # in pixels of the model's image


@pytest.fixture(scope="module")
def animal(critters: LoadedModel) -> EditState:
    """The edit of a generated animal: at the code that made it, better than any inversion."""
    editor = Editor(critters)
    editor.sample(5)
    return editor.result().state


def on_layer(pixels: np.ndarray, frame: Frame = FRAME) -> np.ndarray:
    """`pixels` [256, 256, C] on a layer, turned and shrunk into the frame; around them their border goes on."""
    matrix = frame.matrix((256, 256))
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return cv2.warpAffine(pixels, matrix, LAYER_SIZE[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def layer(critters: LoadedModel) -> np.ndarray:
    pixels = on_layer(Editor(critters).sample(5))
    return np.dstack([pixels, np.full(LAYER_SIZE, 255, np.uint8)])


def dragged(editor: Editor, region: Region) -> EditResult:
    drag = Drag(*(tuple(region.to_layer(np.array(point)).tolist()) for point in (HANDLE, TARGET)))
    for _ in editor.drag([drag], None, with_changes(editor.loaded.preset.drag, {"max_steps": 12})):
        pass
    return editor.result()


@pytest.fixture(scope="module")
def framed(animal: EditState, layer: np.ndarray) -> EditState:
    region = Region.framed(FRAME, LAYER_SIZE, (256, 256))
    return dataclasses.replace(animal, region=region, image_sha256=digest(region.crop(layer)))


@pytest.fixture(scope="module")
def result(critters: LoadedModel, framed: EditState, layer: np.ndarray) -> EditResult:
    editor = Editor(critters)
    editor.open_state(framed, layer)
    return dragged(editor, framed.region)


def test_the_result_is_the_upright_ones_laid_in_place(
    critters: LoadedModel, result: EditResult, layer: np.ndarray
) -> None:
    editor = Editor(critters)
    before = editor.sample(5)
    upright = dragged(editor, editor.region)
    wanted = on_layer(np.ascontiguousarray(upright.layer[..., :3])).astype(int)
    sure = on_layer(upright.mask) == 255
    after = composite_over(layer, result.layer, result.mask, result.offset)[..., :3].astype(int)
    moved = np.abs(wanted - on_layer(before))[sure].mean()
    assert moved > 4
    assert np.abs(after - wanted)[sure].mean() < 0.4 * moved
    place = FRAME.to_model(centres(LAYER_SIZE), (256, 256))
    outside = ((place < 0) | (place > 256)).any(axis=2)
    np.testing.assert_array_equal(after[outside], layer[outside, :3])


def test_points_distances_preview_and_report_are_in_the_layer(
    critters: LoadedModel, framed: EditState, layer: np.ndarray, result: EditResult
) -> None:
    editor, region = Editor(critters), framed.region
    editor.open_state(framed, layer)
    drag = Drag(*(tuple(region.to_layer(np.array(point)).tolist()) for point in (HANDLE, TARGET)))
    start = next(iter(editor.drag([drag])))
    np.testing.assert_allclose(start.points, [drag.handle], atol=1e-3)
    np.testing.assert_allclose(start.distances, [16 * 0.7], atol=1e-3)
    preview = cv2.resize(start.preview(), (region.width, region.height)).astype(int)
    assert np.abs(preview - region.crop(layer)[..., :3]).mean() < 4, "it shows the start, in place"
    assert result.report["region"] == list(region.box)
    assert result.report["frame"] == {"x": 200.0, "y": 150.0, "scale": 0.7, "roll": 15.0, "band": 0}


def test_a_next_drag_on_the_patch_moves_the_originals_pixels(
    critters: LoadedModel, framed: EditState, layer: np.ndarray, result: EditResult, tmp_path: Path
) -> None:
    region = framed.region
    result.state.continued(region.moved_to(0, 0)).save(tmp_path / "edit.safetensors")
    state = EditState.load(tmp_path / "edit.safetensors")
    assert state.region == region.moved_to(0, 0)
    whole = composite_over(layer, result.layer, result.mask, result.offset)
    editor = Editor(critters)
    editor.open_state(state, region.crop(whole), region.crop(layer))
    again = editor.result()
    assert again.state.on_result
    assert not again.mask.any(), "nothing was dragged since"
    drag = Drag(*(tuple(editor.region.to_layer(np.array(point)).tolist()) for point in (HANDLE, TARGET)))
    np.testing.assert_allclose(next(iter(editor.drag([drag]))).distances, [16 * 0.7], atol=1e-3)
