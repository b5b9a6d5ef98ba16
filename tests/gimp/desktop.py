"""A screen without a monitor beside GIMP: start programs on it, press keys, click, take pictures of it."""

from __future__ import annotations

import re
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from gimp_root import CLONE, Gimp
from session import Session, wait_for

WIDTH, HEIGHT = 1280, 960
GIMP_TITLE = "GIMP$|GNU Image Manipulation Program"
BORDER = 6  # pixels beside a picture's edge, where GIMP draws the layer's outline
SETTLING_SECONDS = 0.5  # what GIMP shows so long after it was told something, it keeps on showing
ALMOST_ALL = 0.99  # of a picture's pixels: a path, its anchors and the pointer are drawn over it


class Desktop:
    """Xvfb with a window manager. Coordinates are (x, y) in pixels of the screen."""

    def __init__(self, gimp: Gimp, home: Path, width: int = WIDTH) -> None:
        self._gimp, self._home = gimp, home
        number = home / "display"
        with open(number, "wb") as output:
            screen = ["-screen", "0", f"{width}x{HEIGHT}x24", "-nolisten", "tcp", "-fbdir", str(home)]
            self._server = gimp.popen(["Xvfb", "-displayfd", "1", *screen], home, log=output)
        # the number stands on a line of its own, among warnings about keyboards
        found = wait_for(lambda: re.search(r"^(\d+)\n", number.read_text(), re.MULTILINE), "the screen")
        self.display = f":{found[1]}"
        self._manager = gimp.popen(["openbox"], home, env={"DISPLAY": self.display})

    def start_gimp(self, *files: Path, language: str = "en", env: Mapping[str, str] | None = None) -> Session:
        """A GIMP with its window filling the screen, or the left of a wider one."""
        program = [self._gimp.windowed, "--new-instance", "--no-splash", *map(str, files)]
        variables = {"DISPLAY": self.display, "LANGUAGE": language, **(env or {})}
        session = Session(self._gimp, self._home, program, variables)
        self.xdotool("mousemove", "2", str(HEIGHT - 2))  # away from the picture
        self.wait_for_window(GIMP_TITLE)

        def size() -> str:
            return self.xdotool("getactivewindow", "getwindowgeometry")

        def has_size() -> bool:  # GIMP may give its window another one after ours, when a picture is opened
            self.xdotool("getactivewindow", "windowmove", "0", "0", "windowsize", str(WIDTH), str(HEIGHT))
            time.sleep(SETTLING_SECONDS)
            return f"{WIDTH}x{HEIGHT}" in size()

        wait_for(has_size, "GIMP's window at its size", instead=size)
        return session

    def xdotool(self, *arguments: str) -> str:
        """Run xdotool and return what it says."""
        command = self._gimp.command(["xdotool", *arguments], [self._home, CLONE])
        env = self._gimp.environment(self._home, {"DISPLAY": self.display})
        return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True).stdout.strip()

    def wait_for_window(self, name: str) -> None:
        """Wait until a window whose title matches has the keyboard: keys pressed before go elsewhere."""

        def here() -> bool:
            return bool(re.search(name, self.xdotool("getactivewindow", "getwindowname")))

        wait_for(here, f"the keyboard at a window {name!r}", instead=self.windows)

    def windows(self) -> str:
        """A sentence on what windows there are, for messages."""
        titles = self.xdotool("search", "--onlyvisible", "--name", ".", "getwindowname", "%@").splitlines()
        return f"the keyboard is at {self.xdotool('getactivewindow', 'getwindowname')!r} of the windows {titles}"

    def click(self, x: float, y: float, *keys: str) -> None:
        """Click with the left button, with keys such as "shift" held."""
        self.xdotool("mousemove", str(round(x)), str(round(y)))
        held = [word for key in keys for word in ("keydown", key)]
        freed = [word for key in keys for word in ("keyup", key)]
        self.xdotool(*held, "sleep", "0.1", "click", "1", "sleep", "0.1", *freed)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        self.xdotool("key", "--delay", "60", *keys)

    def picture(self) -> np.ndarray:
        """The screen now: uint8 [height, width, 3]. Xvfb keeps it in a file, in the format of xwd; milliseconds."""
        data = (self._home / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        width, height, row, colours = header[4], header[5], header[12], header[19]
        start = header[0] + 12 * colours
        rows = np.frombuffer(data, np.uint8, height * row, start).reshape(height, row)
        return rows[:, : 4 * width].reshape(height, width, 4)[..., 2::-1].copy()  # blue, green, red, unused

    def close(self) -> None:
        for process in (self._manager, self._server):
            process.kill()
            process.wait()


def find_on_screen(screen: np.ndarray, picture: np.ndarray) -> tuple[int, int] | None:
    """Where the whole picture (uint8 [h, w, 3]) is shown pixel for pixel: (x, y) of its top left corner, or None.

    A picture of which a part is cut off or covered is not found: GIMP has not yet put it where it will stay.
    """
    height, left = picture.shape[0], picture.shape[1] // 4
    for row in (height // 4, height // 2, 3 * height // 4):  # one may have a path drawn over it
        wanted = picture[row, left : 3 * left].tobytes()
        for y in range(screen.shape[0]):
            at = screen[y].tobytes().find(wanted)
            if at >= 0 and at % 3 == 0:
                corner = at // 3 - left, y - row
                if likeness(screen, picture, corner) > ALMOST_ALL:
                    return corner
    return None


def likeness(screen: np.ndarray, picture: np.ndarray, corner: tuple[int, int]) -> float:
    """The share of the picture's pixels, without its border, that the screen shows at this corner."""
    (x, y), (height, width) = corner, picture.shape[:2]
    if min(x, y) < 0:
        return 0.0
    seen = screen[y : y + height, x : x + width]
    if seen.shape != picture.shape:
        return 0.0
    inner = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    return float((seen[inner] == picture[inner]).all(axis=2).mean())
