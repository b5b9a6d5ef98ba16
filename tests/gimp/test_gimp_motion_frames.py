"""Motion as Frames in a real GIMP 3.0 and 3.2: the way of a drag as layers in a group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from session import Session, to_array

from stylegan2.critters.making.examples import Example

QUICK = {"inversion_steps": 2, "steps": 4}
COUNT = 3

State = dict[str, Any]


@pytest.fixture
def dragged(console: Session, image: int, head: Example) -> int:
    """The layer of a drag of the image, which counts as unchanged."""
    console.draw_path(image, *head.drags)
    answer = console.drag(image, **QUICK)
    assert answer["status"] == "success", answer
    console.call(image, "clean_all")
    return answer["layer"]


def framed(console: Session, image: int, layer: int, **settings: Any) -> tuple[State, State]:
    """Take the motion: the image before, and the group that is new."""
    before = console.state(image)
    answer = console.motion_frames(image, layer, **{"count": COUNT, **settings})
    assert answer["status"] == "success", answer
    after = console.state(image)
    (group,) = [one for one in after["layers"] if one["id"] == answer["layer"]]
    for part in ("selected layers", "selection", "paths", "selected paths"):
        assert after[part] == before[part], part
    return before, group


def pixels(console: Session, layer: State) -> np.ndarray:
    return to_array(console.pixels(layer["id"], "R'G'B'A u8"))


def test_the_frames_are_layers_of_a_group_above_the_layer_the_first_at_the_bottom(
    console: Session, image: int, dragged: int
):
    seen = to_array(console.visible_pixels(image))
    before, group = framed(console, image, dragged)
    assert console.state(image)["layers"][1:] == before["layers"]
    assert group["name"] == "Background (motion)"
    names = ["Frame 3 (100ms)", "Frame 2 (100ms)", "Frame 1 (100ms)"]
    assert [layer["name"] for layer in group["children"]] == names

    last, _, first = group["children"]
    assert last["offset"] == first["offset"]
    (x, y), (width, height) = first["offset"], first["size"]
    original = to_array(console.pixels(before["layers"][-1]["id"], "R'G'B'A u8"))
    np.testing.assert_array_equal(pixels(console, first), original[y : y + height, x : x + width])
    assert (pixels(console, last) != pixels(console, first)).any()
    shown = to_array(console.visible_pixels(image)).astype(int)
    assert np.abs(shown - seen).max() <= 1, "GIMP rounds where it lays a mask over a layer"


def test_where_the_original_is_gone_the_layers_own_pixels_are_moved_back(console: Session, image: int, dragged: int):
    original = console.state(image)["layers"][-1]["id"]
    console.remove_layer(image, original)
    _, group = framed(console, image, dragged)
    last, _, first = group["children"]
    (x, y), (width, height) = last["offset"], last["size"]
    (layer,) = [one for one in console.state(image)["layers"] if one["id"] == dragged]
    left, top = x - layer["offset"][0], y - layer["offset"][1]
    own = to_array(console.pixels(dragged, "R'G'B'A u8"))
    np.testing.assert_array_equal(pixels(console, last), own[top : top + height, left : left + width])
    assert (pixels(console, last) != pixels(console, first)).any()


def test_a_drag_that_went_on_is_taken_from_its_very_beginning(console: Session, image: int, dragged: int):
    console.select_layers(image, [dragged])
    again = console.drag(image, **QUICK)["layer"]
    original = console.state(image)["layers"][-1]["id"]
    _, group = framed(console, image, again)
    first = group["children"][-1]
    (x, y), (width, height) = first["offset"], first["size"]
    whole = to_array(console.pixels(original, "R'G'B'A u8"))
    np.testing.assert_array_equal(pixels(console, first), whole[y : y + height, x : x + width])


def test_frames_that_cannot_lie_over_their_layer_take_its_place(console: Session, image: int, head: Example):
    source = console.state(image)["layers"][0]["id"]
    console.set_opacity(source, 50)
    console.draw_path(image, *head.drags)
    layer = console.drag(image, **QUICK)["layer"]
    _, group = framed(console, image, layer)
    states = {one["id"]: one["visible"] for one in console.state(image)["layers"]}
    assert states == {group["id"]: True, layer: False, source: False}
    assert console.opacity(group["id"]) == pytest.approx(50, abs=0.5)


def test_last_values_count_as_many_frames_as_before(console: Session, image: int, dragged: int):
    _, group = framed(console, image, dragged, run_mode="WITH_LAST_VALS")
    assert len(group["children"]) == COUNT


def test_a_layer_without_motion_is_refused_in_one_sentence(console: Session, image: int, dragged: int):
    before = console.state(image)
    sentences = []
    original = before["layers"][-1]["id"]
    sentences.append(console.motion_frames(image, original)["message"])
    console.paint(dragged, 0, 0)
    sentences.append(console.motion_frames(image, dragged)["message"])
    sample = console.sample(seed=3)["image"]
    (layer,) = console.state(sample)["layers"]
    sentences.append(console.motion_frames(sample, layer["id"])["message"])
    console.close_image(sample)
    for sentence, part in zip(sentences, ("not made by a drag", "painted on", "no motion to take"), strict=True):
        assert part in sentence
        assert sentence.endswith(".")
        assert "\n" not in sentence
    assert len(console.state(image)["layers"]) == len(before["layers"])


def test_as_a_new_image_each_frame_is_all_that_is_seen(console: Session, image: int, dragged: int):
    seen, before, images = to_array(console.visible_pixels(image)), console.state(image), console.images()
    answer = console.motion_frames(image, dragged, count=COUNT, new_image=True)
    assert answer["status"] == "success", answer
    assert console.state(image) == before, "the artist's image is as it was"
    (new,) = set(console.images()) - set(images)
    frames = console.state(new)["layers"]
    assert frames[0]["id"] == answer["layer"]
    assert [frame["name"] for frame in frames] == [f"Frame {n} (100ms)" for n in (3, 2, 1)]
    last, first = pixels(console, frames[0]), pixels(console, frames[-1])
    assert np.abs(last.astype(int) - seen).max() <= 1, "GIMP rounds where it lays a mask over a layer"
    np.testing.assert_array_equal(first, to_array(console.pixels(before["layers"][-1]["id"], "R'G'B'A u8")))
    console.close_image(new)
