"""Motion frames: images of the layer all along the way from the start of an edit to its end."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

from backend.editing import Drag, EditState
from backend.editing.editor import Editor
from backend.editing.layers import composite_over
from backend.editing.motion_frames import Motion
from backend.editing.preset import LoadedModel
from backend.editing.settings import with_changes
from backend.errors import UserError
from stylegan2.critters.making.examples import EXAMPLES

HEAD = EXAMPLES[0]


@pytest.fixture(scope="module")
def editor(critters: LoadedModel) -> Editor:
    return Editor(critters)


@pytest.fixture(scope="module")
def before(editor: Editor) -> np.ndarray:
    """A picture of the model's own, uint8 [256, 256, 4]."""
    return np.dstack([editor.sample(5), np.full((256, 256), 255, np.uint8)])


@pytest.fixture(scope="module")
def edit(editor: Editor, before: np.ndarray) -> EditState:
    """It is dragged to the right."""
    editor.sample(5)
    for _ in editor.drag([Drag((128, 128), (150, 128))], settings=with_changes(editor.loaded.preset.drag, {})):
        pass
    return editor.result().state


@pytest.fixture(scope="module")
def after(editor: Editor, before: np.ndarray, edit: EditState) -> np.ndarray:
    """The picture after that."""
    result = editor.result()
    return composite_over(before, result.layer, result.mask, result.offset)


def pictures(motion: Motion, count: int, mask: np.ndarray | None = None) -> list[np.ndarray]:
    return [frame.pixels for frame in motion.frames(count, mask)]


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_frames_go_from_the_picture_to_the_result(
    editor: Editor, edit: EditState, before: np.ndarray, after: np.ndarray
):
    motion = Motion(editor, edit, before)
    assert motion.from_original
    first, *_, last = pictures(motion, 3)
    np.testing.assert_array_equal(first, before)
    np.testing.assert_array_equal(last, after)


def test_each_frame_is_farther_from_the_first_and_as_far_from_the_one_before(
    editor: Editor, edit: EditState, before: np.ndarray
):
    frames = pictures(Motion(editor, edit, before), 6)
    away = [difference(frame, frames[0]) for frame in frames]
    assert away == sorted(away)
    steps = [difference(one, next_one) for one, next_one in itertools.pairwise(frames)]
    assert max(steps) < 2 * min(steps)


def test_from_the_result_alone_the_way_is_gone_back(
    editor: Editor, edit: EditState, before: np.ndarray, after: np.ndarray
):
    motion = Motion(editor, edit, after)
    motion.check_picture()
    assert not motion.from_original
    first, *_, last = pictures(motion, 3)
    np.testing.assert_array_equal(last, after)
    assert difference(first, before) < 0.4 * difference(after, before)


def test_a_layer_that_carries_its_edit_is_moved_from_the_pixels_that_the_edit_began_with(
    editor: Editor, edit: EditState, before: np.ndarray, after: np.ndarray
):
    carried = edit.continued(edit.region)
    motion = Motion(editor, carried, after, before)
    assert motion.from_original
    np.testing.assert_array_equal(pictures(motion, 2)[0], before)


def test_what_is_not_selected_stays_in_every_frame(editor: Editor, edit: EditState, before: np.ndarray):
    mask = np.zeros((256, 256), np.uint8)
    mask[:, 100:] = 255
    for frame in pictures(Motion(editor, edit, before), 3, mask):
        np.testing.assert_array_equal(frame[:, :100], before[:, :100])


def test_frames_have_the_resolution_of_the_layer_and_what_is_transparent_moves_along(editor: Editor, edit: EditState):
    large = np.zeros((512, 600, 4), np.uint8)
    large[:, 44:556, :3] = editor.sample(5).repeat(2, axis=0).repeat(2, axis=1)
    large[:, 44:300, 3] = 255
    region = dataclasses.replace(edit.region, x=44, width=512, height=512)
    motion = Motion(editor, dataclasses.replace(edit, region=region), large)
    first, last = pictures(motion, 2)
    assert last.shape == (512, 512, 4)
    assert (first[..., 3] != last[..., 3]).any()


def test_an_edit_that_has_not_moved_has_no_motion(editor: Editor, edit: EditState, before: np.ndarray):
    with pytest.raises(UserError, match="no motion"):
        Motion(editor, edit.restarted("at the end"), before)


def test_another_picture_is_refused(editor: Editor, edit: EditState):
    other = np.dstack([editor.sample(9), np.full((256, 256), 255, np.uint8)])
    with pytest.raises(UserError, match="another picture"):
        Motion(editor, edit, other).check_picture()
    with pytest.raises(UserError, match="another picture"):
        Motion(editor, edit, other[:200])
