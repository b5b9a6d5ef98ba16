"""Going on in a real GIMP 3.0 and 3.2: from a result layer or a sample, today or tomorrow, and when it has changed.

The backend is the real one but for its engine, which moves a square (patch_backend.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from session import Session, newest_log, to_array

INVERTED = "phase invert"


class Sheet:
    """An image with a disc on it, that was dragged to the right: what is seen of it, and how drags go on."""

    def __init__(self, console: Session, precision: str) -> None:
        made = console.build("plain", "rgb", precision, False, str(console.home))
        self.console, self.image, self.layer = console, made["image"], made["layer"]
        self.original = self.look()
        left, top, right, bottom = console.disc(self.layer)
        x, y, radius = (left + right) / 2, (top + bottom) / 2, (right - left) / 4
        self.steps = [(x, y), (x + radius, y)], [(x + radius, y), (x + radius, y + radius)]
        self.first = self.drag(self.layer, 0)

    def look(self) -> np.ndarray:
        return to_array(self.console.visible_pixels(self.image))[..., :3]

    def drag(self, layer: int, step: int) -> int:
        """Drag the disc by one step on this layer; the id of the new layer."""
        console, image = self.console, self.image
        console.remove_paths(image)
        console.draw_path(image, self.steps[step])
        answer = console.drag(image, [layer])
        assert answer["status"] == "success", answer
        return answer["layer"]

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
    """Of 16 bits, unless a test wants another precision."""
    sheet = Sheet(layers, getattr(request, "param", "U16_NON_LINEAR"))
    yield sheet
    layers.close_image(sheet.image)


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two pictures are the same but for a rim, which was resampled twice."""
    return (np.abs(a.astype(int) - b.astype(int)).max(axis=2) > 40).mean() < 0.01


@pytest.mark.parametrize("sheet", ["U8_NON_LINEAR", "FLOAT_LINEAR"], indirect=True)
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


def test_it_goes_on_from_there_tomorrow(sheet: Sheet, layers: Session):
    once = sheet.look()
    file = str(layers.home / "to be continued.xcf")
    layers.save(sheet.image, file)
    layers.close_image(sheet.image)
    sheet.image = layers.load(file)
    first, *_ = layers.state(sheet.image)["layers"]
    assert np.array_equal(sheet.look(), once)
    sheet.drag(first["id"], 1)
    assert not sheet.inverted
    assert not close(sheet.look(), once)


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
