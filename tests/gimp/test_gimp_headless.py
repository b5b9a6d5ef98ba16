"""The filter in a real GIMP 3.0 and 3.2 without windows, with the real backend: what it makes, leaves, and refuses."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from session import Session, newest_log, plugin_log, to_array

from stylegan2.critters.making.examples import Example

QUICK = {"inversion_steps": 2, "steps": 2}  # for what does not depend on a good result
GOOD = {"inversion_steps": 30}

State = dict[str, Any]


def untouched(before: State, after: State) -> None:
    """Nothing of the image has changed, and nothing can be undone that could not be undone before."""
    assert after == before
    assert not after["changed"]


def kept(before: State, after: State) -> None:
    """Selected layers, selection and paths are as before, and so is every layer but the first, which is new."""
    for part in ("selected layers", "selection", "paths", "selected paths"):
        assert after[part] == before[part], part
    assert after["layers"][1:] == before["layers"]


def dragged(console: Session, image: int, **settings: Any) -> tuple[State, State, int]:
    """Run the filter: the image before and after, and the id of the new layer."""
    console.call(image, "clean_all")
    before = console.state(image)
    answer = console.drag(image, **settings)
    assert answer["status"] == "success", answer
    return before, console.state(image), answer["layer"]


def refused(console: Session, image: int, **settings: Any) -> str:
    """Run the filter, which must refuse and leave everything as it was; returns its sentence."""
    console.call(image, "clean_all")
    before = console.state(image)
    answer = console.drag(image, **settings)
    assert answer["status"] == "error"
    untouched(before, console.state(image))
    sentence = answer["message"]
    assert sentence.endswith("."), sentence
    assert "\n" not in sentence
    return sentence


def place_of(patch: np.ndarray, picture: np.ndarray, near: tuple[float, float], reach: int) -> tuple[float, float]:
    """Centre of the part of `picture` nearest to `near` (x, y) that looks most like `patch` (both [h, w, 3])."""
    height, width = patch.shape[:2]
    wanted = patch.astype(np.float32) - patch.mean()
    best, place = -2.0, (0.0, 0.0)
    for y in range(round(near[1]) - height // 2 - reach, round(near[1]) - height // 2 + reach + 1):
        for x in range(round(near[0]) - width // 2 - reach, round(near[0]) - width // 2 + reach + 1):
            part = picture[y : y + height, x : x + width].astype(np.float32)
            part -= part.mean()
            likeness = float((part * wanted).sum() / np.sqrt((part**2).sum() * (wanted**2).sum() + 1e-6))
            if likeness > best:
                best, place = likeness, (x + width / 2, y + height / 2)
    return place


# ---------------------------------------------------------------- what it makes


def test_gimp_lists_the_filter(console: Session):
    assert console.is_registered()


def test_a_path_moves_the_subject_as_one_new_layer(console: Session, image: int, head: Example, home: Path):
    """The whole job, started cold: the backend does not run yet, the plug-in starts it."""
    original = to_array(console.visible_pixels(image))
    (handle, target), *_ = head.drags
    console.draw_path(image, [handle, target])
    before, after, layer = dragged(console, image, **GOOD)

    kept(before, after)
    assert len(after["layers"]) == 2
    new = after["layers"][0]
    assert (new["id"], new["name"]) == (layer, "Background (dragged)")
    assert (new["offset"], new["size"]) == ([100, 0], [500, 500])  # the largest centred square of 700 x 500

    mask = np.zeros(original.shape[:2], np.uint8)
    mask[:, 100:600] = to_array(console.mask_pixels(layer))[..., 0]
    seen = to_array(console.visible_pixels(image))
    Image.fromarray(seen).save(home / "after.png")  # for a look
    assert np.array_equal(seen[mask == 0], original[mask == 0]), "pixels outside the layer mask changed"
    assert (seen[mask == 255] != original[mask == 255]).any()

    x, y = round(handle[0]), round(handle[1])
    patch = original[y - 20 : y + 20, x - 25 : x + 25, :3]
    found = place_of(patch, to_array(console.pixels(layer, "R'G'B' u8")), (target[0] - 100, target[1]), 45)
    assert np.hypot(found[0] + 100 - target[0], found[1] - target[1]) < 0.25 * np.hypot(target[0] - x, target[1] - y)


def test_a_selection_confines_the_change_to_itself(console: Session, image: int, head: Example):
    original = to_array(console.visible_pixels(image))
    console.select(image, 230, 180, 240, 220, feather=20)
    selection = to_array(console.selection_pixels(image))[..., 0]
    assert set(np.unique(selection)) > {0, 255}, "the selection is meant to have soft edges"
    console.draw_path(image, *head.drags)
    before, after, layer = dragged(console, image, **GOOD)

    kept(before, after)
    seen = to_array(console.visible_pixels(image))
    assert np.array_equal(seen[selection == 0], original[selection == 0]), "pixels outside the selection changed"
    assert (seen[selection == 255] != original[selection == 255]).any()
    mask = to_array(console.mask_pixels(layer))[..., 0]
    assert (mask <= selection[:, 100:600]).all()


def test_around_the_selection_the_new_layer_is_as_small_as_needed(console: Session, image: int, head: Example):
    console.select(image, 290, 240, 130, 90)
    console.draw_path(image, *head.drags)
    _, after, _ = dragged(console, image, region="selection", **QUICK)
    width, height = after["layers"][0]["size"]
    assert width == height < 300


def test_a_second_drag_of_the_same_picture_starts_at_once(console: Session, image: int, head: Example, home: Path):
    console.draw_path(image, *head.drags)
    console.call(image, "clean_all")
    for _ in range(2):
        assert console.drag(image, inversion_steps=60, steps=1)["status"] == "success"
    logged = re.findall(r" done: (\{.*\})$", plugin_log(home), re.MULTILINE)
    reports = [ast.literal_eval(report) for report in logged]
    seconds = [report["inversion"]["seconds"] for report in reports]
    assert seconds[-1] < max(seconds) / 10


def test_several_paths_and_a_pin_are_one_job(console: Session, image: int):
    console.draw_path(image, [(324, 280), (340, 280)], [(300, 200)])
    console.draw_path(image, [(324, 280), (330, 285), (340, 280)])
    before, after, _ = dragged(console, image, **QUICK)
    kept(before, after)


def test_a_layer_that_lies_elsewhere_in_the_image_gets_its_result_in_its_own_place(console: Session):
    image = console.new_image(300, 200, "rgb")
    small = console.add_layer(image, 120, -30, 150, 160)
    console.draw_path(image, [(200, 60), (180, 70)])
    before, after, _ = dragged(console, image, **QUICK)
    kept(before, after)
    assert after["selected layers"] == [small]
    assert after["layers"][0]["offset"] == [120, -25]  # the centred square of 150 x 160
    assert after["layers"][0]["size"] == [150, 150]
    console.close_image(image)


def test_in_a_group_the_result_is_beside_its_source(console: Session):
    image = console.new_image(100, 100)
    (source,) = console.state(image)["selected layers"]
    group = console.wrap_in_group(image)
    console.select_layers(image, [source])
    console.draw_path(image, [(30, 30), (60, 60)])
    _, after, layer = dragged(console, image, **QUICK)
    (outer,) = after["layers"]
    assert outer["id"] == group
    assert [child["id"] for child in outer["children"]] == [layer, source]
    console.close_image(image)


def test_filters_on_the_layer_are_seen_by_the_model(console: Session, image: int, head: Example):
    """Buffers know nothing of a layer's filters; without the difference the result would undo them."""
    plain = to_array(console.visible_pixels(image)).astype(int)
    console.add_filter(image)
    shown = to_array(console.visible_pixels(image)).astype(int)
    assert np.abs(shown - plain).mean() > 20
    console.draw_path(image, *head.drags)
    before, after, _ = dragged(console, image, **QUICK)
    kept(before, after)
    seen = to_array(console.visible_pixels(image)).astype(int)
    assert np.abs(seen - shown).mean() < np.abs(seen - plain).mean()


def test_with_last_values_works_where_there_is_no_screen(console: Session, image: int, head: Example):
    console.draw_path(image, *head.drags)
    before, after, _ = dragged(console, image, run_mode="WITH_LAST_VALS", **QUICK)
    kept(before, after)


# ---------------------------------------------------------------- what it refuses


def test_without_a_path_it_says_how_to_draw_one(console: Session, image: int):
    assert "draw one first" in refused(console, image)


def test_paths_it_cannot_follow(console: Session, image: int):
    cases = [
        ([[(10, 10), (60, 60)]], True, "closed"),
        ([[(10, 10), (760, 60)]], False, "760, 60 lies outside the layer"),
        ([[(50, 50), (50, 50)]], False, "has no length"),
        ([[(50, 50)]], False, "hold points in place"),
        ([[(50, 50), (60, 60)], [(50, 50), (40, 40)]], False, "Two paths start at 50, 50"),
        ([[(x, y), (x, y + 2)] for y in range(0, 65, 5) for x in range(10)], False, "130 drags at once, and 128 are"),
    ]
    for strokes, closed, words in cases:
        console.draw_path(image, *strokes, closed=closed)
        assert words in refused(console, image)
        console.remove_paths(image)


def test_the_paths_handles_and_targets_are_matched_in_order(console: Session, image: int, home: Path):
    console.draw_path(image, [(324, 280), (300, 200)], [(340, 300)], called="Handles")
    console.draw_path(image, [(330, 285)], [(300, 200), (345, 310)], called="Targets")
    dragged(console, image, **QUICK)
    _, _, rest = newest_log(home).rpartition("asked: ")
    asked = ast.literal_eval(rest.splitlines()[0])["drags"]
    ways = [[drag["handle"], drag["target"]] for drag in asked]
    assert ways == [[[324, 280], [330, 285]], [[300, 200], [300, 200]], [[340, 300], [345, 310]]]


def test_the_paths_handles_and_targets_of_different_length(console: Session, image: int):
    console.draw_path(image, [(324, 280), (300, 200)], called="Handles")
    console.draw_path(image, [(330, 285)], called="Targets")
    assert "Handles has 2 anchors and the path Targets 1 anchor" in refused(console, image)


def test_a_selection_beside_the_layer(console: Session):
    image = console.new_image(200, 100)
    console.add_layer(image, 0, 0, 100, 100)
    console.select(image, 150, 10, 30, 30)
    console.draw_path(image, [(30, 30), (60, 60)])
    assert "selection lies outside the layer" in refused(console, image)
    console.close_image(image)


def test_around_the_selection_without_one(console: Session, image: int, head: Example):
    console.draw_path(image, *head.drags)
    assert "Nothing is selected" in refused(console, image, region="selection")


def test_a_path_outside_the_part_that_the_model_shows(console: Session, image: int):
    console.draw_path(image, [(20, 250), (60, 250)])  # the model shows 100 to 600
    assert re.search(r"outside|part|region", refused(console, image, **QUICK))


def test_an_indexed_image(console: Session):
    image = console.new_image(64, 64)
    console.convert_indexed(image)
    console.draw_path(image, [(10, 10), (30, 30)])
    assert "convert it with Image > Mode > RGB" in refused(console, image)
    console.close_image(image)


@pytest.mark.parametrize("what", ["none", "two", "empty group", "mask", "floating selection"])
def test_anything_but_one_layer(console: Session, what: str):
    image = console.new_image(64, 64)
    console.draw_path(image, [(10, 10), (30, 30)])
    if what == "two":
        console.select_layers(image, [*console.state(image)["selected layers"], console.add_layer(image, 0, 0, 64, 64)])
    elif what == "empty group":
        console.add_group(image)
    elif what == "mask":
        console.edit_mask(image)
    elif what == "floating selection":
        console.select(image, 10, 10, 30, 30)
        console.float_selection(image)
    words = {"none": "none is", "two": "2 are", "empty group": "group is empty", "mask": "not its mask"}.get(
        what, "floating selection"
    )
    assert words in refused(console, image, **({"drawables": []} if what == "none" else {}))
    console.close_image(image)


def test_a_layer_of_three_pixels(console: Session):
    image = console.new_image(3, 3)
    console.draw_path(image, [(0, 0), (2, 2)])
    assert "3 x 3" in refused(console, image)
    console.close_image(image)


def test_models_that_are_none(console: Session, image: int, head: Example, home: Path):
    no_model, empty = home / "no model.pkl", home / "empty.safetensors"
    no_model.write_text("not a model")
    empty.write_bytes(b"")
    console.draw_path(image, *head.drags)
    for model in ("no such model", str(no_model), str(empty), str(home)):
        assert Path(model).name in refused(console, image, model=model)


def test_a_dialog_without_a_screen(console: Session, image: int, head: Example):
    console.draw_path(image, *head.drags)
    assert "no screen" in refused(console, image, run_mode="INTERACTIVE")


def test_an_incomplete_installation(console: Session, image: int, head: Example, home: Path):
    (settings,) = home.glob(".config/GIMP/3.*/plug-ins/drag_gan/backend.json")
    hidden = settings.rename(settings.with_suffix(".away"))
    console.draw_path(image, *head.drags)
    try:
        assert re.search(r"run install.py again.*; the log is .*plugin-.*\.log\.$", refused(console, image))
    finally:
        hidden.rename(settings)
