"""Going on in a real GIMP 3.0 and 3.2: from a result layer or a sample, today or tomorrow, and when it has changed.

The backend is the real one but for its engine, which moves a square (patch_backend.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from session import Session, newest_log, to_array

from stylegan2.critters import WEIGHTS

INVERTED = "phase invert"


class Sheet:
    """An image with a disc on it, that was dragged to the right: what is seen of it, and how drags go on."""

    def __init__(self, console: Session, precision: str, kind: str = "plain", alpha: bool = False) -> None:
        made = console.build(kind, "rgb", precision, alpha, str(console.home))
        self.console, self.image, self.layer = console, made["image"], made["layer"]
        self.original = self.look()
        left, top, right, bottom = console.disc(self.layer)
        x, y, radius = (left + right) / 2, (top + bottom) / 2, (right - left) / 4
        self.steps = [[(x, y), (x + radius, y)], [(x + radius, y), (x + radius, y + radius)]]
        self.first = self.drag(self.layer, 0)

    def look(self) -> np.ndarray:
        return to_array(self.console.visible_pixels(self.image))[..., :3]

    def drag(self, layer: int, step: int, **settings: object) -> int:
        """Drag the disc by one step on this layer; the id of the new layer."""
        console, image = self.console, self.image
        console.remove_paths(image)
        console.draw_path(image, self.steps[step])
        answer = console.drag(image, [layer], **settings)
        assert answer["status"] == "success", answer
        return answer["layer"]

    def begins_with(self, result: int) -> int:
        """Tattoo of the layer whose pixels the result's edit began with."""
        tattoo, _ = self.console.made_of(result)["origin"]
        return tattoo

    @property
    def inverted(self) -> bool:
        """Whether the picture was looked for in the last drag."""
        return INVERTED in newest_log(self.console.home)

    def straight(self) -> np.ndarray:
        """What is seen when the disc goes all the way at once."""
        console = self.console
        for layer in console.state(self.image)["layers"]:
            console.show(layer["id"], layer["id"] == self.layer)
        (start, _), (_, end) = self.steps
        console.remove_paths(self.image)
        console.draw_path(self.image, [start, end])
        assert console.drag(self.image, [self.layer])["status"] == "success"
        return self.look()


@pytest.fixture
def sheet(request: pytest.FixtureRequest, layers: Session) -> Iterator[Sheet]:
    """Of 16 bits, unless a test wants another precision; further parameters are the kind of layer, and a cut-out."""
    chosen: tuple[Any, ...] = getattr(request, "param", ("U16_NON_LINEAR",))
    sheet = Sheet(layers, *chosen)
    yield sheet
    layers.close_image(sheet.image)


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two pictures are the same but for a rim, which was resampled twice."""
    return (np.abs(a.astype(int) - b.astype(int)).max(axis=2) > 40).mean() < 0.01


@pytest.mark.parametrize("sheet", [("U8_NON_LINEAR",), ("FLOAT_LINEAR",)], indirect=True)
def test_a_drag_on_the_result_goes_on_from_it_without_looking_for_the_picture(sheet: Sheet):
    assert sheet.inverted
    once = sheet.look()
    second = sheet.drag(sheet.first, 1)
    assert not sheet.inverted
    layers = sheet.console.state(sheet.image)["layers"]
    assert [layer["id"] for layer in layers] == [second, sheet.first, sheet.layer]
    assert all(layer["visible"] for layer in layers)
    twice = sheet.look()
    assert not close(once, twice)
    assert close(twice, sheet.straight())


def test_all_drags_in_turn_move_the_pixels_that_the_first_one_began_with(sheet: Sheet):
    begun = sheet.console.tattoo(sheet.layer)
    second = sheet.drag(sheet.first, 1)
    third = sheet.drag(second, 1)
    assert [sheet.begins_with(result) for result in (sheet.first, second, third)] == [begun] * 3


def test_it_goes_on_from_there_tomorrow(sheet: Sheet, layers: Session):
    once, begun = sheet.look(), layers.tattoo(sheet.layer)
    file = str(layers.home / "to be continued.xcf")
    layers.save(sheet.image, file)
    layers.close_image(sheet.image)
    sheet.image = layers.load(file)
    first, *_ = layers.state(sheet.image)["layers"]
    assert np.array_equal(sheet.look(), once)
    second = sheet.drag(first["id"], 1)
    assert not sheet.inverted
    assert sheet.begins_with(second) == begun, "the layer below, which was found again by its tattoo"
    assert not close(sheet.look(), once)


@pytest.mark.parametrize(
    "sheet", [("U16_NON_LINEAR", "plain", True), ("U16_NON_LINEAR", "group", False)], indirect=True
)
def test_a_hidden_layer_and_a_group_are_found_again(sheet: Sheet):
    second = sheet.drag(sheet.first, 1)
    assert not sheet.inverted
    assert sheet.begins_with(second) == sheet.console.tattoo(sheet.layer)


@pytest.mark.parametrize("sheet", [("U16_NON_LINEAR", "group", False)], indirect=True)
def test_a_group_that_was_emptied_is_no_hindrance(sheet: Sheet):
    (children,) = (one["children"] for one in sheet.console.state(sheet.image)["layers"] if one["id"] == sheet.layer)
    for child in children:
        sheet.console.remove_layer(sheet.image, child["id"])
    second = sheet.drag(sheet.first, 1)
    assert not sheet.inverted
    assert sheet.begins_with(second) == sheet.console.tattoo(sheet.first)


def lost_by(sheet: Sheet, how: str) -> None:
    """Something becomes of the layer that the first drag began with."""
    console, layer = sheet.console, sheet.layer
    ways: dict[str, Callable[[], object]] = {
        "painted on": lambda: console.paint(layer, 20, 20),
        "deleted": lambda: console.remove_layer(sheet.image, layer),
        "cropped": lambda: console.crop(layer, 50, 50),
    }
    ways[how]()


@pytest.mark.parametrize("how", ["painted on", "deleted", "cropped"])
def test_when_these_pixels_are_lost_it_goes_on_from_those_of_the_result(sheet: Sheet, how: str):
    wanted = sheet.straight()
    for layer in sheet.console.state(sheet.image)["layers"]:
        sheet.console.show(layer["id"], layer["id"] in (sheet.first, sheet.layer))
    lost_by(sheet, how)
    second = sheet.drag(sheet.first, 1)
    assert not sheet.inverted
    assert sheet.begins_with(second) == sheet.console.tattoo(sheet.first)
    if how != "cropped":
        left, top, right, bottom = sheet.console.disc(sheet.first)
        middle = slice(int(top), int(bottom) + 10), slice(int(left), int(right) + 20)
        assert close(sheet.look()[middle], wanted[middle])


def test_a_result_that_was_moved_meanwhile_is_gone_on_from_where_it_is(sheet: Sheet):
    wanted = sheet.straight()
    for layer in sheet.console.state(sheet.image)["layers"]:
        sheet.console.show(layer["id"], layer["id"] in (sheet.first, sheet.layer))
    x, y = 5, -3
    sheet.console.move(sheet.first, x, y)
    sheet.steps = [[(a + x, b + y) for a, b in step] for step in sheet.steps]
    second = sheet.drag(sheet.first, 1)
    assert not sheet.inverted
    assert sheet.begins_with(second) == sheet.console.tattoo(sheet.layer)
    layers = {layer["id"]: layer for layer in sheet.console.state(sheet.image)["layers"]}
    assert layers[second]["offset"] == layers[sheet.first]["offset"]
    left, top, right, bottom = (int(edge) for edge in sheet.console.disc(sheet.layer))
    there = sheet.look()[top + y : bottom + y, left + x : right + 10 + x]
    assert close(there, wanted[top:bottom, left : right + 10])


def test_a_layer_that_was_painted_on_is_looked_at_anew(sheet: Sheet):
    sheet.console.paint(sheet.first, 2, 3)
    second = sheet.drag(sheet.first, 1)
    assert sheet.inverted
    layers = sheet.console.state(sheet.image)["layers"]
    assert [layer["id"] for layer in layers] == [second, sheet.first, sheet.layer]
    assert close(sheet.look(), sheet.straight())


def test_what_was_hidden_with_the_mask_stays_hidden(sheet: Sheet):
    mask = to_array(sheet.console.mask_pixels(sheet.first))[..., 0]
    y, x = np.argwhere(mask == 255).mean(axis=0).round().astype(int).tolist()
    sheet.console.paint(sheet.console.mask_of(sheet.first), x, y)
    second = sheet.drag(sheet.first, 1)
    assert not sheet.inverted
    layers = sheet.console.state(sheet.image)["layers"]
    assert [layer["visible"] for layer in layers] == [True, False, True]
    after, painted = (to_array(sheet.console.mask_pixels(layer))[..., 0] for layer in (second, sheet.first))
    assert (painted != mask).any()
    assert np.array_equal(after, painted)


def test_a_result_that_was_made_fainter_gives_place_to_the_next_one(sheet: Sheet):
    sheet.console.set_opacity(sheet.first, 50)
    mask = to_array(sheet.console.mask_pixels(sheet.first))
    second = sheet.drag(sheet.first, 1)
    assert not sheet.inverted
    layers = sheet.console.state(sheet.image)["layers"]
    assert [layer["visible"] for layer in layers] == [True, False, True]
    wider = to_array(sheet.console.mask_pixels(second))
    assert (wider >= mask).all()
    assert (wider > mask).any()
    sheet.console.set_opacity(second, 100)
    assert close(sheet.look(), sheet.straight())


def test_a_result_says_which_model_made_it_by_name_and_hash(sheet: Sheet):
    made = sheet.console.made_of(sheet.first)
    assert made["model"] == "critters"
    assert made["sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def test_a_model_that_the_backend_does_not_offer_is_not_taken_from_a_layer(sheet: Sheet):
    """An image from elsewhere could make the backend open any file, or on Windows a server's."""
    sheet.console.claim(sheet.first, model="//example.invalid/share/model.safetensors")
    sheet.drag(sheet.first, 1, run_mode="WITH_LAST_VALS")
    log = (sheet.console.home / "backend" / "logs" / "backend.log").read_text()
    assert "example.invalid" not in newest_log(sheet.console.home) + log


def test_a_model_that_the_backend_offers_is_taken_from_the_layer_but_not_from_under_a_script(sheet: Sheet):
    console, image = sheet.console, sheet.image
    sheet.drag(sheet.first, 1, run_mode="WITH_LAST_VALS", model="unicorns")
    answer = console.drag(image, [sheet.first], model="unicorns")
    assert 'There is no model called "unicorns"' in answer["message"]


def test_results_are_numbered_by_gimp_and_not_called_dragged_twice(sheet: Sheet):
    sheet.drag(sheet.drag(sheet.first, 1), 0)
    names = [layer["name"] for layer in sheet.console.state(sheet.image)["layers"]]
    assert names == ["Subject (dragged) #2", "Subject (dragged) #1", "Subject (dragged)", "Subject"]


def test_a_sample_is_a_new_image_that_can_be_dragged_at_once(layers: Session):
    made = layers.sample(seed=7, truncation=0.6)
    assert made["status"] == "success", made
    image = made["image"]
    try:
        (layer,) = layers.state(image)["layers"]
        assert layer["name"] == "critters, seed 7"
        assert layer["size"] == [256, 256]
        before = to_array(layers.visible_pixels(image))
        assert before[..., :3].std() > 20
        layers.draw_path(image, [(120, 128), (140, 128)])
        assert layers.drag(image)["status"] == "success"
        assert INVERTED not in newest_log(layers.home)
        assert (to_array(layers.visible_pixels(image)) != before).any()
    finally:
        layers.close_image(image)


def test_a_sample_is_the_same_for_the_same_seed(layers: Session):
    images = [layers.sample(seed=seed)["image"] for seed in (1, 1, 2)]
    one, same, other = (to_array(layers.visible_pixels(image)) for image in images)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    for image in images:
        layers.close_image(image)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"model": "unicorns"}, 'There is no model called "unicorns"'),
        ({"run-mode": 0}, "There is no screen to show a dialog on; run the command non-interactively."),
    ],
)
def test_a_sample_that_cannot_be_made_is_one_sentence(layers: Session, settings: dict[str, object], sentence: str):
    before = layers.images()
    answer = layers.sample(**settings)
    assert answer["status"] == "error"
    assert sentence in answer["message"]
    assert layers.images() == before
