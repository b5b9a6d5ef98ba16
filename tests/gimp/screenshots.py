"""The screenshots of the documents, taken on an artist's way through a real GIMP with the real engine.

    .venv/bin/python -m pytest tests/gimp/screenshots.py

Not a part of the tests: it is run by hand when a window has changed, and each picture is looked at before it is
committed. They are written to docs/screenshots, or to the folder that DRAGGAN_SCREENSHOTS names, once all were taken.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from desktop import WIDTH as WINDOW_WIDTH
from gimp_root import CLONE, Gimp
from PIL import Image
from session import wait_for
from story import TITLE, Story, count, open_picture, told

from core import markers
from stylegan2.critters.making.examples import EXAMPLES, HEIGHT, WIDTH

FOLDER = Path(os.environ.get("DRAGGAN_SCREENSHOTS", CLONE / "docs" / "screenshots"))
SUBJECT = EXAMPLES[1]  # its ears are pulled, eyes and nose are pinned
MAY_MOVE = (138, 2, 571, 242)  # left, top, right, bottom of the ellipse that is selected
CURVE = (365, 306), (400, 350)  # handle and target of a drag along a curve
SAMPLE_TITLE, MODELS_TITLE = "^New Sample Image$", "^Models$"
SAMPLES = 5_000  # colours that a window with a model's samples has
ON_ITS_WAY = 0.7  # seconds after which the subject has gone some of its way
TITLE_BAR = 21  # pixels; xdotool counts it twice
AROUND = 12  # pixels of the canvas around the picture
BELOW = 44  # pixels below it, down to the last of the layers in the dock
DOCK = (1046, 512), (956, 512)  # where the right dock's edge is, and where its layers' names can be read
AWAY = ("mousemove", "2", "900")
LARGEST = 150_000  # bytes
SECONDS = 600.0
BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 - 15 / 32
SPREAD = 14.0  # levels that are dithered over: about what lies between two colours of the palette
NEAR = 3  # levels: a colour of the palette that is so near needs no dither

Box = tuple[int, int, int, int]  # left, top, right, bottom


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The picture that is dragged, under the name that GIMP's window shows."""
    file = tmp_path_factory.mktemp("subject") / "critter.png"
    Image.fromarray(SUBJECT.picture()).save(file)
    return file


def test_take_the_screenshots(gimp: Gimp, vendor: Path, subject: Path, tmp_path: Path):
    with told(gimp, vendor, tmp_path, subject) as story:
        widen_the_dock(story)
        open_picture(story)
        taken = {
            "path": draw(story),
            "window": drag(story),
            "result": see_result(story),
            "curve": draw_a_curve(story),
            "samples": open_samples(story),
            "models": open_models(story),
        }
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, pixels in taken.items():
        write(pixels, FOLDER / f"{name}.png")


def widen_the_dock(story: Story) -> None:
    (x, y), (to_x, to_y) = DOCK
    story.desktop.xdotool("mousemove", str(x), str(y), "mousedown", "1", "sleep", "0.2")
    story.desktop.xdotool("mousemove", str(to_x), str(to_y), "sleep", "0.2", "mouseup", "1", *AWAY)


def draw(story: Story) -> np.ndarray:
    """Select with an ellipse what may move, then draw two drags and three pins."""
    story.desktop.press("e")
    left, top, right, bottom = MAY_MOVE
    ends = [on_screen(story, (left, top)), on_screen(story, (right, bottom))]
    story.desktop.xdotool("mousemove", *map(str, ends[0]), "mousedown", "1", "mousemove", *map(str, ends[1]))
    story.desktop.xdotool("mousemove_relative", "--", "-20", "-10", "sleep", "0.2")
    story.desktop.xdotool("mousemove", *map(str, ends[1]), "sleep", "0.2", "mouseup", "1")
    story.desktop.press("Return")
    strokes = [*SUBJECT.drags, *([pin] for pin in SUBJECT.pins)]
    draw_strokes(story, *strokes)
    return crop(story.look("path"), around_picture(story))


def drag(story: Story) -> np.ndarray:
    """Open the drag window, see the subject go some of its way, and keep it; return the window at work."""
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Return")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: story.phase == "drag", "the drag", SECONDS, instead=story.desktop.windows)
    box = active_window(story)
    time.sleep(ON_ITS_WAY)
    story.look("window")
    for colour in (markers.HANDLE, markers.TARGET, markers.PIN):
        assert count(story.screens["window"], colour) > 20, colour
    story.keep()
    story.wait_for_log(" done: ")
    story.wait_without_window()
    return crop(story.screens["window"], box)


def see_result(story: Story) -> np.ndarray:
    """GIMP's window down to below the picture, with the new layer in its list of layers."""
    story.note("result")
    assert len(story.states["result"]["layers"]) == 2
    story.wait_to_show("result")
    assert story.corner
    return crop(story.look("result"), (0, 0, WINDOW_WIDTH, story.corner[1] + HEIGHT + BELOW))


def draw_a_curve(story: Story) -> np.ndarray:
    """The second anchor is drawn out, which bends the stroke."""
    handle, target = CURVE
    story.session.select_nothing(story.image)
    draw_strokes(story, [handle])
    bend = ["mousemove_relative", "--", "-10", "12"] * 4
    x, y = on_screen(story, target)
    story.desktop.xdotool("mousemove", str(x), str(y), "mousedown", "1", *bend, "mouseup", "1")
    wait_for(lambda: drawn(story) == [2], "the curve", instead=lambda: str(drawn(story)))
    story.desktop.xdotool(*AWAY)
    time.sleep(1)
    return crop(story.look("curve"), around_picture(story))


def open_samples(story: Story) -> np.ndarray:
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Down", "Down", "Down", "Return")
    story.desktop.wait_for_window(SAMPLE_TITLE)
    story.wait_for_log("thumbnails have come")
    time.sleep(1)
    return crop(story.look("samples"), active_window(story))


def open_models(story: Story) -> np.ndarray:
    """On the embedded model; its samples are drawn while the window is open."""
    story.desktop.press("Escape")
    story.wait_without_window(SAMPLE_TITLE)
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Down", "Return")
    story.desktop.wait_for_window(MODELS_TITLE)
    box = active_window(story)
    wait_for(lambda: colours(crop(story.look("models"), box)) > SAMPLES, "the samples")
    return crop(story.screens["models"], box)


def colours(screen: np.ndarray) -> int:
    return len(np.unique(screen.astype(np.int32) @ [65536, 256, 1]))


def draw_strokes(story: Story, *strokes: list[tuple[float, float]] | tuple[tuple[float, float], ...]) -> None:
    """A path with these strokes, by mouse, instead of the one that was there."""
    story.session.remove_paths(story.image)
    story.desktop.press("b")
    for number, stroke in enumerate(strokes):
        for place, point in enumerate(stroke):
            story.desktop.click(*on_screen(story, point), *(["shift"] if number and not place else []))
    lengths = [len(stroke) for stroke in strokes]
    wait_for(lambda: drawn(story) == lengths, f"strokes of {lengths} anchors", instead=lambda: str(drawn(story)))
    story.desktop.xdotool(*AWAY)
    time.sleep(1)


def drawn(story: Story) -> list[int]:
    """How many anchors each stroke has."""
    return [len(points) // 6 for *_, strokes in story.session.state(story.image)["paths"] for points, _ in strokes]


def on_screen(story: Story, point: tuple[float, float]) -> tuple[int, int]:
    assert story.corner
    return round(story.corner[0] + point[0]), round(story.corner[1] + point[1])


def around_picture(story: Story) -> Box:
    assert story.corner
    x, y = story.corner
    return x - AROUND, y - AROUND, x + WIDTH + AROUND, y + HEIGHT + AROUND


def active_window(story: Story) -> Box:
    """The window that has the keyboard, with its title bar."""
    geometry = story.desktop.xdotool("getactivewindow", "getwindowgeometry")
    found = re.search(r"Position: (\d+),(\d+).*Geometry: (\d+)x(\d+)", geometry, re.DOTALL)
    assert found, geometry
    x, y, width, height = map(int, found.groups())
    return x - 1, y - 2 * TITLE_BAR, x + width, y + height - TITLE_BAR


def crop(screen: np.ndarray, box: Box) -> np.ndarray:
    left, top, right, bottom = box
    return screen[max(top, 0) : bottom, max(left, 0) : right].copy()


def write(pixels: np.ndarray, file: Path) -> None:
    """As PNG with a palette and ordered dither: a third of the size, and error diffusion would pack worse."""
    plain = Image.fromarray(pixels).quantize(256, Image.Quantize.FASTOCTREE)
    error = np.abs(np.asarray(plain.convert("RGB")).astype(int) - pixels).max(axis=2, keepdims=True)
    height, width = pixels.shape[:2]
    pattern = np.tile(BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width, None]
    dithered = np.clip(pixels + np.where(error > NEAR, SPREAD * pattern, 0), 0, 255).round().astype(np.uint8)
    Image.fromarray(dithered).quantize(palette=plain, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size <= LARGEST, f"{file.name} has {file.stat().st_size} bytes; crop it"
