"""What the stories told in GIMP's window share: mouse and keys, waiting, screenshots and states to look at later."""

from __future__ import annotations

import ast
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desktop import GIMP_TITLE, SETTLING_SECONDS, WIDTH, Desktop, find_on_screen, likeness
from gimp_root import Gimp
from PIL import Image
from session import QUICK, TOY, Session, newest_log, plugin_log, prepare_home, stop_backend, to_array, wait_for

TITLE = "^Drag Along Paths$"
KEPT, CANCELLED = "kept by the artist", "cancelled by the artist"
CHANGE = 1000  # pixels: less than the smallest menu entry has, more than a blinking cursor


@dataclass
class Story:
    """GIMP's window with the picture at 100 %, and what has been seen so far: screenshots and states by name."""

    desktop: Desktop
    session: Session
    original: np.ndarray
    folder: Path
    image: int = 0
    corner: tuple[int, int] | None = None  # of the picture, on the screen
    screens: dict[str, np.ndarray] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    pixels: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """What the plug-ins have logged."""
        return plugin_log(self.session.home)

    @property
    def phase(self) -> str:
        """The phase of the job at work."""
        before, _, after = self.log.rpartition("client: phase ")
        return after.split("\n")[0] if before else ""

    def look(self, name: str) -> np.ndarray:
        """Keep a screenshot under a name."""
        self.screens[name] = self.desktop.picture()
        return self.screens[name]

    def press(self, name: str, *keys: str) -> None:
        """Press keys one after the other, each when the one before is seen to work; keep the last screenshot."""
        for key in keys:
            before = self.desktop.picture()
            self.desktop.press(key)
            self.look_anew(name, before)

    def look_anew(self, name: str, before: np.ndarray) -> None:
        """Keep a screenshot under a name as soon as the screen is no longer as it was before."""

        def changed() -> bool:
            return (self.look(name) != before).any(axis=2).sum() > CHANGE

        wait_for(changed, f"the {name} on the screen", instead=self.desktop.windows)

    def save(self) -> None:
        """Write all screenshots, in their order, for a look."""
        for number, (name, screen) in enumerate(self.screens.items()):
            Image.fromarray(screen).save(self.folder / f"{number:02} {name}.png")

    def note(self, name: str) -> None:
        """Keep the state of the image and what an artist sees of it under a name."""
        self.states[name] = self.session.state(self.image)
        self.pixels[name] = to_array(self.session.visible_pixels(self.image))[..., :3]

    def click(self, point: tuple[float, float]) -> None:
        assert self.corner
        self.desktop.click(self.corner[0] + point[0], self.corner[1] + point[1])

    def wait_to_show(self, name: str) -> None:
        """Wait until the whole of what was noted under a name is seen on the screen."""

        def instead() -> str:
            assert self.corner
            other = 1 - likeness(self.screens[name], self.pixels[name], self.corner)
            unmoved = 1 - likeness(self.screens[name], self.original, self.corner)
            place = f"at {self.corner}, {other:.1%} of the pixels differ from it, {unmoved:.1%} from the original"
            return f"{place}; {self.desktop.windows()}"

        wait_for(lambda: shows(self.look(name), self, name), f"the picture {name!r} on the screen", instead=instead)

    def wait_for_end_of_window(self, title: str = TITLE) -> None:
        """Wait until there is no window with a title; GIMP's own or a message may have the keyboard then."""
        search = ("search", "--onlyvisible", "--name", title)
        wait_for(lambda: not self.desktop.xdotool(*search), "the end of the window", instead=self.desktop.windows)

    def wait_without_window(self, title: str = TITLE) -> None:
        """Wait until the plug-in has no window any more and GIMP's has the keyboard."""
        self.wait_for_end_of_window(title)
        self.desktop.wait_for_window(GIMP_TITLE)

    def keep(self) -> None:
        """Press Keep in the drag window until it is heard: it can be pressed as soon as the subject has moved."""
        self.desktop.wait_for_window(TITLE)

        def heard() -> bool:
            self.desktop.press("alt+k")
            return KEPT in newest_log(self.session.home)

        wait_for(heard, "the end of the drag", instead=self.desktop.windows)

    def come_back(self, image_title: str) -> None:
        """Go to GIMP's window and back to the drag window, as who has changed something there does."""
        for title in (image_title, TITLE):
            self.desktop.xdotool("search", "--onlyvisible", "--name", title, "windowactivate", "--sync")
            self.desktop.wait_for_window(title)

    def wait_for_log(self, text: str, seen: int = 0) -> None:
        """Wait until a text stands in the log, more often than it was seen before."""
        wait_for(
            lambda: self.log.count(text) > seen, f"{text!r} in the log", instead=lambda: f"it ends: {self.log[-500:]}"
        )


@contextmanager
def told(
    gimp: Gimp,
    vendor: Path,
    folder: Path,
    picture: Path | None = None,
    arguments: list[str] | None = None,
    language: str = "en",
    width: int = WIDTH,
    env: Mapping[str, str] | None = None,
) -> Iterator[Story]:
    """A story from its beginning: a GIMP with a home of its own in `folder`, and `picture` open in its window.

    The backend's engine is a toy where there is no picture, unless `arguments` starts another backend; `width` is the
    screen's, and `env` is set for GIMP and the backend. However the
    story ends: its screenshots are written, what went wrong says where they are, and GIMP and backend are ended.
    """
    missing = gimp.missing_display_programs()
    if missing and os.environ.get("DRAGGAN_REQUIRE_GIMP") != "1":
        pytest.skip(f"NOT TESTED IN GIMP'S WINDOW: install {', '.join(missing)}")
    assert not missing
    home = folder / "a höme"
    backend = prepare_home(gimp, home, vendor, arguments or (QUICK if picture else TOY))
    files = [Path(shutil.copy(picture, home))] if picture else []
    original = np.array(Image.open(picture)) if picture else np.zeros((0, 0, 3), np.uint8)
    desktop = Desktop(gimp, home, width)
    try:
        session = desktop.start_gimp(*files, language=language, env=env)
        story = Story(desktop, session, original, folder)
        try:
            yield story
        except AssertionError as error:
            story.look("the end")
            raise AssertionError(f"{error}; what was on the screen is in {folder}") from error
        finally:
            story.save()
            session.process.kill()
            session.process.wait()
    finally:
        desktop.close()
        stop_backend(backend)


def open_picture(story: Story) -> None:
    """Wait until the whole picture is seen at 100 %, and stays where it is.

    GIMP may put it into place before its window has its size, and then leaves a part of it cut off until it is told
    to centre it. (Measured with GIMP 3.2: six times of 13 beside other work.)
    """
    (story.image,) = wait_for(story.session.images, "the picture in GIMP")

    def corner() -> tuple[int, int] | None:
        time.sleep(SETTLING_SECONDS)
        return find_on_screen(story.look("picture opened"), story.original)

    def see() -> bool:
        story.desktop.press("1", "shift+j")  # 100 %; in the middle of the window
        story.corner = corner()
        return bool(story.corner) and story.corner == corner()

    wait_for(see, "the picture on the screen", instead=story.desktop.windows)


def see_picture(story: Story, title: str) -> None:
    """Wait until the only image is seen in a window with this title: before, it is not complete."""
    story.desktop.wait_for_window(title)
    (story.image,) = story.session.images()
    story.original = to_array(story.session.visible_pixels(story.image))[..., :3]
    open_picture(story)


def shows(screen: np.ndarray, story: Story, name: str) -> bool:
    """Whether the whole of the pixels that were noted is seen, but for the path and the outline drawn over them."""
    return find_on_screen(screen, story.pixels[name]) is not None


def count(screen: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((screen == colour).all(axis=2).sum())


def asked(story: Story) -> dict[str, Any]:
    """What the drag at last was asked: the drags as in the request, and the options."""
    _, _, rest = newest_log(story.session.home).rpartition("asked: ")
    return ast.literal_eval(rest.split("\n")[0])
