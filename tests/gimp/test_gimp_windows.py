"""The way an artist goes, in GIMP's window: draw a path by mouse, run the filter from the menu, watch, undo.

The story is played once; the tests look at what was seen on its way. Its screenshots are kept in the run's folder.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import markers
import numpy as np
import pytest
from desktop import Desktop, find_on_screen
from gimp_root import Gimp
from PIL import Image
from session import Session, prepare_home, stop_backend, to_array, wait_for

from stylegan2.critters.examples import Example

TITLE = "^Drag Along Paths$"
LEFT_OUT = 6  # pixels beside the layer's border, where GIMP draws its outline


@dataclass
class Story:
    """GIMP's window with the picture at 100 %, and what has been seen so far: screenshots and states by name."""

    desktop: Desktop
    session: Session
    image: int
    corner: tuple[int, int]
    original: np.ndarray
    folder: Path
    screens: dict[str, np.ndarray] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    pixels: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """The plug-in's log."""
        return (self.session.home / "backend" / "logs" / "plugin.log").read_text()

    @property
    def phase(self) -> str:
        """The phase of the job at work."""
        before, _, after = self.log.rpartition("job: phase ")
        return after.split("\n")[0] if before else ""

    def look(self, name: str) -> np.ndarray:
        """Keep a screenshot under a name."""
        self.screens[name] = self.desktop.picture()
        return self.screens[name]

    def save(self) -> None:
        """Write all screenshots, in their order, for a look."""
        for number, (name, screen) in enumerate(self.screens.items()):
            Image.fromarray(screen).save(self.folder / f"{number:02} {name}.png")

    def note(self, name: str) -> None:
        """Keep the state of the image and what an artist sees of it under a name."""
        self.states[name] = self.session.state(self.image)
        self.pixels[name] = to_array(self.session.visible_pixels(self.image))[..., :3]

    def canvas(self, name: str) -> np.ndarray:
        """The part of a screenshot that shows the picture."""
        (x, y), (height, width) = self.corner, self.original.shape[:2]
        return self.screens[name][y : y + height, x : x + width]

    def click(self, point: tuple[float, float]) -> None:
        self.desktop.click(self.corner[0] + point[0], self.corner[1] + point[1])

    def window(self) -> str:
        return self.desktop.xdotool("search", "--onlyvisible", "--name", TITLE)

    def wait_for_log(self, text: str, count: int = 1, seconds: float = 180) -> None:
        wait_for(lambda: self.log.count(text) >= count, seconds, f"{text!r} in the log")


@pytest.fixture(scope="module")
def story(
    gimp: Gimp, vendor: Path, head: Example, picture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The whole story, played once."""
    missing = gimp.missing_display_programs()
    if missing and os.environ.get("DRAGGAN_REQUIRE_GIMP") != "1":
        pytest.skip(f"NOT TESTED IN GIMP'S WINDOW: install {', '.join(missing)}")
    assert not missing
    folder = tmp_path_factory.mktemp("windows")
    home = folder / "a höme"
    backend = prepare_home(gimp, home, vendor)
    original = np.array(Image.open(picture))
    shutil.copy(picture, home)
    desktop = Desktop(gimp, home)
    try:
        session = desktop.start_gimp(home / picture.name)
        try:
            story = open_picture(desktop, session, original, folder)
            draw(story, head)
            run(story)
            undo(story)
            cancel(story)
            be_refused(story)
            story.save()
            yield story
        finally:
            session.process.kill()
            session.process.wait()
    finally:
        desktop.close()
        stop_backend(backend)


def open_picture(desktop: Desktop, session: Session, original: np.ndarray, folder: Path) -> Story:
    (image,) = wait_for(session.images, 30, "the picture in GIMP")
    found: list[tuple[int, int]] = []

    def see() -> bool:
        desktop.press("1")  # 100 %
        corner = find_on_screen(desktop.picture(), original)
        found[:] = [corner] if corner else []
        return bool(corner)

    wait_for(see, 60, "the picture on the screen")
    return Story(desktop, session, image, found[0], original, folder)


def draw(story: Story, head: Example) -> None:
    """The path, with the mouse and the Paths tool."""
    (handle, target), *_ = head.drags
    story.desktop.press("b")
    story.click(handle)
    story.click(target)
    wait_for(lambda: story.session.state(story.image)["paths"], 20, "the path")
    story.session.call(story.image, "clean_all")
    story.note("path drawn")
    story.look("path drawn")


def run(story: Story) -> None:
    """The filter, from the menu: it is the last entry of Filters."""
    story.desktop.press("alt+r", "Up", "Right")
    story.look("menu")
    story.desktop.press("Return")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: "plug-in of Python" in story.log, 20, "the plug-in")
    story.look("dialog")
    story.desktop.press("alt+d")
    watch(story)
    wait_for(lambda: not story.window(), 20, "the end of the window")
    story.note("result")
    wait_for(lambda: shows(story.look("result"), story, "result"), 20, "the result on the screen")


def watch(story: Story) -> None:
    """Until the job is done, keep the first and the newest screenshot of each of its phases."""
    deadline = time.monotonic() + 180
    while " done: " not in story.log:
        assert time.monotonic() < deadline, "the job is not done after three minutes"
        phase = story.phase
        screen = story.desktop.picture()
        if phase and phase == story.phase:
            name = f"{phase} newest" if f"{phase} first" in story.screens else f"{phase} first"
            story.screens[name] = screen
        time.sleep(0.1)


def undo(story: Story) -> None:
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 1, 20, "undo")
    story.note("undone")
    wait_for(lambda: shows(story.look("undone"), story, "undone"), 20, "the picture as it was on the screen")


def cancel(story: Story) -> None:
    """In the dialog; then at work, with the Escape key, which is the Cancel button, and by closing the window."""
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    story.desktop.press("alt+a")
    story.look("dialog with all choices")
    story.desktop.press("Escape")
    wait_for(lambda: not story.window(), 20, "the end of the dialog")
    story.note("cancelled in the dialog")
    for count, keys in enumerate(("Escape", "alt+F4"), start=1):
        story.desktop.press("ctrl+f")
        story.desktop.wait_for_window(TITLE)
        story.desktop.press(keys)
        story.wait_for_log("cancelled by the artist", count, 20)
        wait_for(lambda: not story.window(), 20, "the end of the window")
        story.note(f"cancelled with {keys}")


def be_refused(story: Story) -> None:
    """Without a path the filter refuses, with a sentence in a window of GIMP's own."""
    story.session.remove_paths(story.image)
    story.session.call(story.image, "clean_all")
    story.note("no path")
    before = set(windows(story))
    story.desktop.press("ctrl+f")
    wait_for(lambda: set(windows(story)) - before, 30, "the refusal")
    story.look("refusal")
    story.note("refused")
    story.desktop.press("Escape")


def windows(story: Story) -> list[str]:
    return story.desktop.xdotool("search", "--onlyvisible", "--name", ".").split()


def shows(screen: np.ndarray, story: Story, name: str) -> bool:
    """Whether the canvas shows the pixels that were noted, but for the path and the outline drawn over them."""
    (x, y), (height, width) = story.corner, story.original.shape[:2]
    seen = screen[y : y + height, x : x + width]
    inner = np.s_[LEFT_OUT:-LEFT_OUT, LEFT_OUT:-LEFT_OUT]
    same = (seen[inner] == story.pixels[name][inner]).all(axis=2)
    return float(same.mean()) > 0.99


def count(screen: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((screen == colour).all(axis=2).sum())


def test_the_path_drawn_by_mouse_is_where_it_was_clicked(story: Story, head: Example):
    ((_, _, _, strokes),) = story.states["path drawn"]["paths"]
    ((points, closed),) = strokes
    assert not closed
    (handle, target), *_ = head.drags
    assert np.allclose([points[2:4], points[8:10]], [handle, target], atol=1)


def test_the_menu_and_the_dialog_open(story: Story):
    assert not np.array_equal(story.screens["menu"], story.screens["path drawn"])
    assert not np.array_equal(story.screens["dialog"], story.screens["menu"])


def test_the_window_shows_handle_and_target_on_a_preview_that_moves(story: Story):
    first, inverted = story.screens["invert first"], story.screens["invert newest"]
    dragged = story.screens.get("drag newest", story.screens["drag first"])
    for screen in (first, inverted, dragged):
        assert count(screen, markers.HANDLE) > 20
        assert count(screen, markers.TARGET) > 20
    assert not np.array_equal(first, inverted)
    assert not np.array_equal(inverted, dragged)


def test_the_result_is_a_new_layer_and_is_seen_on_the_screen(story: Story):
    before, after = story.states["path drawn"], story.states["result"]
    assert after["layers"][1:] == before["layers"]
    assert len(after["layers"]) == 2
    assert after["layers"][0]["mask"]
    assert (story.pixels["result"] != story.pixels["path drawn"]).any(axis=2).mean() > 0.05
    assert shows(story.screens["result"], story, "result")


def test_selected_layer_selection_and_path_are_kept(story: Story, gimp: Gimp):
    before, after = story.states["path drawn"], story.states["result"]
    if gimp.version.startswith("3.2"):  # there, a path that is not visible would be lost to the eye
        before = {**before, "paths": [[*path[:2], True, *path[3:]] for path in before["paths"]]}
    for part in ("selected layers", "selection", "paths", "selected paths"):
        assert after[part] == before[part], part


def test_one_ctrl_z_takes_it_all_away(story: Story):
    """An image counts its undo steps from where it was marked clean: clean again after one, so it was one step."""
    assert story.states["result"]["changed"]
    assert story.states["undone"] == story.states["path drawn"]
    assert not story.states["undone"]["changed"]
    assert np.array_equal(story.pixels["undone"], story.original)
    assert shows(story.screens["undone"], story, "path drawn")


@pytest.mark.parametrize("how", ["in the dialog", "with Escape", "with alt+F4"])
def test_cancelling_leaves_the_image_as_it_was(story: Story, how: str):
    assert story.states[f"cancelled {how}"] == story.states["path drawn"]


def test_a_refusal_is_a_sentence_on_the_screen_and_changes_nothing(story: Story):
    assert re.search(r"WARNING draggan: There is no path", story.log)
    assert not np.array_equal(story.screens["refusal"], story.screens["undone"])
    assert story.states["refused"] == story.states["no path"]
