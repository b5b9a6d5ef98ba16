"""A screen without a monitor beside GIMP: start programs on it, press keys, click, take pictures of it."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import numpy as np
from gimp_root import CLONE, Gimp
from session import Session, wait_for

WIDTH, HEIGHT = 1280, 960


class Desktop:
    """Xvfb with a window manager. Coordinates are (x, y) in pixels of the screen."""

    def __init__(self, gimp: Gimp, home: Path) -> None:
        self._gimp, self._home = gimp, home
        number = home / "display"
        with open(number, "wb") as output:
            screen = ["-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-fbdir", str(home)]
            self._server = gimp.popen(["Xvfb", "-displayfd", "1", *screen], home, log=output)
        # the number stands on a line of its own, among warnings about keyboards
        found = wait_for(lambda: re.search(r"^(\d+)\n", number.read_text(), re.MULTILINE), 30, "the screen")
        self.display = f":{found[1]}"
        self._manager = gimp.popen(["openbox"], home, env={"DISPLAY": self.display})

    def start_gimp(self, *files: Path) -> Session:
        """A GIMP with its window filling the screen."""
        program = [self._gimp.windowed, "--new-instance", "--no-splash", *map(str, files)]
        session = Session(self._gimp, self._home, program, {"DISPLAY": self.display})
        self.xdotool("mousemove", "2", str(HEIGHT - 2))  # away from the picture
        window = self.wait_for_window("GIMP|GNU Image Manipulation Program")
        self.xdotool("windowmove", window, "0", "0", "windowsize", window, str(WIDTH), str(HEIGHT))
        return session

    def xdotool(self, *arguments: str) -> str:
        """Run xdotool and return what it says."""
        command = self._gimp.command(["xdotool", *arguments], [self._home, CLONE])
        env = self._gimp.environment(self._home, {"DISPLAY": self.display})
        return subprocess.run(command, env=env, cwd="/", capture_output=True, text=True).stdout.strip()

    def wait_for_window(self, name: str, seconds: float = 60) -> str:
        """The id of the newest visible window whose title matches; waits until there is one."""
        search = ("search", "--onlyvisible", "--name", name)
        return wait_for(lambda: self.xdotool(*search), seconds, f"a window {name!r}").split()[-1]

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
    """Where the picture (uint8 [h, w, 3]) is shown pixel for pixel: (x, y) of its top left corner, or None.

    Only the middle half of its middle row is looked for: the border of the layer is drawn over its edges.
    """
    row, left = picture.shape[0] // 2, picture.shape[1] // 4
    wanted = picture[row, left : 3 * left].tobytes()
    for y in range(screen.shape[0]):
        at = screen[y].tobytes().find(wanted)
        if at >= 0 and at % 3 == 0:
            return at // 3 - left, y - row
    return None
