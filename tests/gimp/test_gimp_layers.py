"""Every kind of layer in a real GIMP 3.0 and 3.2: one row for each kind, bit depth and alpha.

In every row a disc is dragged to the right, and once by nothing. The backend is the real one but for its engine, which
moves what is around the handle (patch_backend.py); the last test has the real engine.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from session import Session, stop_backend, to_array, to_floats

LEVEL = 1 / 255
NOTHING = 0.02  # of a pixel: shorter than every model's stop radius
WIDE = ("U32_NON_LINEAR", "U32_LINEAR", "FLOAT_NON_LINEAR", "FLOAT_LINEAR", "DOUBLE_LINEAR")
ROUNDING = 1e-6  # GIMP adds up two layers in 32-bit floats, whose last bit cannot last; the layer itself keeps it
SRGB = "R'G'B'A float"
INTEGERS = ("U8_NON_LINEAR", "U8_LINEAR", "U16_NON_LINEAR", "U16_LINEAR", "U32_NON_LINEAR", "U32_LINEAR")
FLOATS = ("HALF_NON_LINEAR", "HALF_LINEAR", "FLOAT_NON_LINEAR", "FLOAT_LINEAR", "DOUBLE_LINEAR")
PLAIN, DEEP, LIGHT = "U8_NON_LINEAR", "U16_NON_LINEAR", "FLOAT_LINEAR"


class Row(NamedTuple):
    """One kind of layer (inside_layers.py), type and precision of its image, and whether the disc is cut out."""

    kind: str
    base: str = "rgb"
    precision: str = DEEP
    alpha: bool = False

    def __str__(self) -> str:
        return f"{self.kind}, {self.base}, {self.precision.lower()}, {'cut out' if self.alpha else 'opaque'}"

    @property
    def stands_in(self) -> bool:
        """Whether the result has to stand in the layer's place, because the layer would be seen beside a patch."""
        return self.alpha or self.kind in ("mask", "hidden", "half opaque", "text", "vector")


DEPTHS = [Row("plain", *one) for one in itertools.product(("rgb", "gray"), INTEGERS + FLOATS, (False, True))]
KINDS = [
    Row(kind, precision=precision, alpha=alpha)
    for kind in (
        *("other profile", "small", "offset", "mask", "in a group", "group", "group with a filter", "filter"),
        *("see-through group", "hidden", "locked", "half opaque"),
    )
    for precision, alpha in ((PLAIN, False), (DEEP, True))
]
OTHERS = [
    Row("group with a shadow", alpha=True),
    Row("group with a shadow", precision=PLAIN, alpha=True),
    Row("other profile", precision=LIGHT),
    Row("beyond white", precision=LIGHT),
    Row("beyond white", precision="HALF_NON_LINEAR", alpha=True),
    Row("mask", precision=LIGHT),
    Row("group", "gray", LIGHT, alpha=True),
    Row("text"),
    Row("text", "gray", PLAIN),
]
NEW = [Row("link"), Row("link", precision=PLAIN, alpha=True), Row("vector"), Row("vector", "gray", PLAIN)]
ALL = DEPTHS + KINDS + OTHERS + NEW
OF_NOTHING = [  # not all: a version takes three minutes as it is
    *(row for row in DEPTHS if row.base == "rgb"),
    *(row for row in KINDS if row.precision == DEEP),
    *OTHERS,
    *NEW,
]


class Scene:
    """An image in GIMP with a disc (or a block) in it, and what was seen of it at first."""

    def __init__(self, console: Session, row: Row) -> None:
        made = console.build(*row, str(console.home))
        self.console, self.row, self.image, self.layer = console, row, made["image"], made["layer"]
        console.show(self.layer, True)
        self.before, self.native = self.look()
        console.show(self.layer, row.kind != "hidden")
        self.box = self._box()

    def look(self) -> tuple[np.ndarray, np.ndarray]:
        """What is seen now: sRGB, float32 [h, w, 4], and the bytes of every pixel in the image's own format."""
        image = self.image
        return to_floats(self.console.visible_pixels(image, SRGB)), to_array(self.console.visible_pixels(image, None))

    def _box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what is dragged, in image pixels."""
        if self.row.kind in ("text", "vector"):  # as wide as it is in the middle row
            opaque = self.before[..., 3] > 0.5
            middle = int(np.nonzero(opaque)[0].mean())
            columns = np.flatnonzero(opaque[middle])
            return columns[0], middle - 10.0, columns[-1] + 1, middle + 10.0
        return self.console.disc(self.layer)

    @property
    def step(self) -> float:
        """How far the disc is dragged: less than its radius."""
        return 0.3 * (self.box[2] - self.box[0])

    def drag(self, step: float, **settings: int) -> dict[str, Any]:
        """Drag to the right; returns the result, which must lie directly above the layer, of which nothing changed."""
        (left, top, right, bottom), before = self.box, self.console.state(self.image)
        x, y = (left + right) / 2, (top + bottom) / 2
        self.console.draw_path(self.image, [(x, y), (x + step, y)])
        answer = self.console.drag(self.image, **settings)
        assert answer["status"] == "success", answer
        after = self.console.state(self.image)
        (siblings,) = (group for group in groups(after["layers"]) if self.layer in ids(group))
        place = ids(siblings).index(self.layer)
        result, source = siblings[place - 1], siblings[place]
        assert result["id"] == answer["layer"]
        assert source["visible"] == (self.row.kind != "hidden" and not self.row.stands_in)
        (was,) = (one for group in groups(before["layers"]) for one in group if one["id"] == self.layer)
        assert {**source, "visible": was["visible"]} == was
        assert after["selected layers"] == [self.layer]
        return result

    def far(self) -> np.ndarray:
        """Bool [h, w]: where no drag of this disc reaches."""
        height, width = self.before.shape[:2]
        y, x = np.mgrid[:height, :width] + 0.5
        left, top, right, bottom = self.box
        reach = 0.6 * (right - left)  # the drag, and the soft edge of the changed area
        return (x < left - reach) | (x > right + reach) | (y < top - reach) | (y > bottom + reach)

    def shown(self, result: dict[str, Any]) -> np.ndarray:
        """Bool [h, w]: where the layer mask of a patch lets anything of it be seen."""
        canvas = np.zeros(self.before.shape[:2], bool)
        (x, y), (width, height) = result["offset"], result["size"]
        mask = to_array(self.console.mask_pixels(result["id"]))[..., 0] > 0
        part = canvas[max(y, 0) : y + height, max(x, 0) : x + width]
        part[:] = mask[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]]
        return canvas

    def pixel(self, seen: np.ndarray, x: float, below: float = 0.0) -> np.ndarray:
        """The colour in the middle row, or so far below, premultiplied: what is transparent has none."""
        colour = seen[int((self.box[1] + self.box[3]) / 2 + below), int(x)].astype(float)
        return np.append(colour[:3] * colour[3], colour[3])


def groups(layers: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The layers, and those of every group among them, with those of its groups."""
    return [layers, *(group for layer in layers if layer["children"] for group in groups(layer["children"]))]


def ids(layers: list[dict[str, Any]]) -> list[int]:
    return [layer["id"] for layer in layers]


@pytest.fixture(scope="module", autouse=True)
def plain_subjects(layers: Session) -> Iterator[None]:
    """A disc of one colour is compared at half the size of the model's image: a quarter of the work."""
    mark = layers.home / "backend" / "plain subjects"
    mark.touch()
    yield
    mark.unlink()


@pytest.fixture
def scene(layers: Session, row: Row) -> Iterator[Scene]:
    if row in NEW and not layers.has_new_layers():
        pytest.skip("GIMP 3.0 has no such layers")
    scene = Scene(layers, row)
    yield scene
    layers.close_image(scene.image)


@pytest.mark.parametrize("row", ALL, ids=str)
def test_the_disc_goes_where_it_is_dragged_and_all_else_stays_as_it_is(scene: Scene, row: Row):
    result = scene.drag(scene.step)
    after, native = scene.look()
    assert bool(result["mask"]) == (not row.stands_in or row.kind == "mask")

    far = scene.far() if row.stands_in else ~scene.shown(result)
    assert far.any()
    if row.stands_in or row.precision not in WIDE:
        assert np.array_equal(native[far], scene.native[far]), "where nothing was dragged, every bit is as it was"
    else:
        assert np.abs(after[far] - scene.before[far]).max() < ROUNDING

    left, _, right, _ = scene.box
    reached, emptied = right + scene.step / 2, left + scene.step / 2
    tolerance = (6 if row.precision == "U8_LINEAR" else 3) * LEVEL
    if row.kind == "small":  # a pixel of it is ten of the model's image, which is enlarged with some ringing
        tolerance = 16 * LEVEL
    wanted = scene.pixel(scene.before, reached - scene.step)
    assert scene.pixel(after, reached) == pytest.approx(wanted, abs=tolerance), "the disc is where it was dragged to"
    ground = scene.pixel(scene.before, left - scene.step / 2)
    assert scene.pixel(after, emptied) == pytest.approx(ground, abs=tolerance), "and no longer where it was"


@pytest.mark.parametrize("row", [Row("large", precision=PLAIN), Row("large", alpha=True)], ids=str)
def test_the_whole_disc_is_moved_however_many_rows_it_has(scene: Scene):
    scene.drag(scene.step)
    after, _ = scene.look()
    left, top, right, bottom = scene.box
    middle, radius = (left + right) / 2, (bottom - top) / 2
    assert 2 * radius > 128, "as many rows as the plug-in reads and writes at a time"
    for below in np.linspace(-0.8, 0.8, 17) * radius:
        wanted = scene.pixel(scene.before, middle, below)
        assert scene.pixel(after, middle + scene.step, below) == pytest.approx(wanted, abs=3 * LEVEL)


@pytest.mark.parametrize("row", OF_NOTHING, ids=str)
def test_a_drag_of_nothing_gives_back_the_layer(scene: Scene, row: Row):
    result = scene.drag(NOTHING)
    after, native = scene.look()
    if row.stands_in or row.precision not in WIDE:
        assert np.array_equal(native, scene.native)
    else:
        assert np.abs(after - scene.before).max() < ROUNDING
    if not row.stands_in:  # what of the patch the mask hides until somebody paints on it
        (x, y), (width, height) = (max(0, start) for start in result["offset"]), result["size"]
        patch = to_floats(scene.console.pixels(result["id"], SRGB))
        x0, y0 = (max(0, -start) for start in result["offset"])
        seen = np.clip(scene.before, 0, 1)[y : y + height - y0, x : x + width - x0]
        difference = np.abs(patch[y0:, x0:][: seen.shape[0], : seen.shape[1]] - seen)
        assert difference.max() <= LEVEL


@pytest.mark.parametrize("row", [Row("plain"), Row("plain", alpha=True)], ids=str)
def test_a_layer_whose_visibility_is_locked_cannot_make_place_for_its_result(scene: Scene, row: Row):
    scene.console.lock_visibility(scene.layer)
    if not row.stands_in:
        scene.drag(scene.step)
        return
    before = scene.console.state(scene.image)["layers"]
    scene.console.draw_path(scene.image, [(60, 50), (70, 50)])
    answer = scene.console.drag(scene.image)
    assert "visibility is locked; unlock it in the Layers dialog." in answer["message"]
    assert scene.console.state(scene.image)["layers"] == before


@pytest.fixture
def real_engine(layers: Session) -> Iterator[None]:
    """The next job is done by the real backend, those after the test by the toy again."""
    (file,) = layers.home.glob(".config/GIMP/3.*/plug-ins/drag_gan/backend.json")
    toy = file.read_text(encoding="utf-8")
    stop_backend(layers.home / "backend")
    file.write_text(json.dumps({**json.loads(toy), "arguments": ["-u", "-m", "backend", "serve"]}), encoding="utf-8")
    yield
    stop_backend(layers.home / "backend")
    file.write_text(toy, encoding="utf-8")


@pytest.mark.usefixtures("real_engine")
@pytest.mark.parametrize("row", [Row("plain", "gray"), Row("group", precision="HALF_LINEAR", alpha=True)], ids=str)
def test_with_the_real_engine_only_what_it_moves_changes(scene: Scene, row: Row):
    scene.drag(NOTHING, inversion_steps=2)
    _, native = scene.look()
    assert np.array_equal(native, scene.native)

    scene.console.start_anew(scene.image)
    result = scene.drag(scene.step, inversion_steps=6, steps=20)
    after, native = scene.look()
    assert np.abs(after - scene.before).max() > 10 * LEVEL
    if not row.stands_in:
        outside = ~scene.shown(result)
        assert np.array_equal(native[outside], scene.native[outside])
