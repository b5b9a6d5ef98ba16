"""A running GIMP that the tests talk to (see inside.py), and the home folder it runs with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gimp_root import CLONE, Gimp

from backend import manual
from backend.installer import placement
from tests.drafts import remember_drafts

INSIDE = Path(__file__).with_name("inside.py")
START_SECONDS = 600.0
ANSWER_SECONDS = 600.0
LIMIT_SECONDS = 200.0  # a limit, not a duration: most of what is waited for takes a second where nothing else runs
END_SECONDS = 10.0  # for Python to end, on a busy machine too
NOT_OURS = ("gimp", "plugin-", "gdk-pixbuf-glycin-tmp")  # what GIMP and its icon loader keep while they run
TOY = ["-u", "-m", "tests.gimp.patch_backend", "serve"]  # the arguments of a backend with a toy for an engine
QUICK = ["-u", "-m", "tests.gimp.quick_backend", "serve"]  # of one that searches for a picture in fewer steps
KILL = "SIGKILL"  # a name: Windows, where this is never run, has no such signal
TEMPORARY = "temporary files"  # the folder in a home
GIMPRC = """(color-profile-policy keep)
(show-welcome-dialog no)
(check-updates no)
(config-version "{version}")
"""

# The backend is this machine's, with its own Python and libraries; /host is this machine, seen from inside.
HOST_PYTHON = """#!/bin/sh
exec chroot /host /bin/sh -c 'cd "$0" && exec "$@"' "$PWD" "{python}" "$@"
"""


def prepare_home(gimp: Gimp, home: Path, vendor: Path, arguments: list[str] | None = None) -> Path:
    """Make a home folder whose GIMP has the plug-in, installed as install.py does it.

    Returns the folder of the backend of this home. `arguments` replaces the backend's command line.
    """
    profile = gimp.profile(home)
    profile.mkdir(parents=True)
    (profile / "gimprc").write_text(GIMPRC.format(version=gimp.version), encoding="utf-8")
    backend = home / "backend"
    backend.mkdir()
    remember_drafts(backend)
    (home / TEMPORARY).mkdir()
    settings = {
        "python": str(_python(gimp, home)),
        "arguments": arguments or ["-u", "-m", "backend", "serve"],
        "directory": str(CLONE),
        "ready_file": str(backend / "backend.json"),
        "log_file": str(backend / "logs" / "backend.log"),
        "version": "test",
    }
    manual.write(CLONE, home / "manual")
    placement.install_plugin(profile / "plug-ins", vendor, home / "manual", settings)
    return backend


def vendor_folder() -> Path:
    """The plug-in's own packages: those that install.py fetched, else fetched now by this Python's pip."""
    installed = Path(sys.prefix) / "gimp-vendor"
    if installed.is_dir():
        return installed
    lock = CLONE / "gimp_plugin" / "vendor.lock"
    folder = CLONE / ".cache" / f"gimp-vendor-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
        options = ["--no-deps", "--no-compile", "--only-binary=:all:", "--quiet", "--target", str(partial)]
        options += ["--python-version=3.10", "--implementation=cp", "--platform=manylinux2014_x86_64"]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, "-r", str(lock)], check=True)
        for compiled in partial.rglob("*.so"):
            compiled.unlink()
        partial.rename(folder)
    return folder


def _python(gimp: Gimp, home: Path) -> Path:
    if gimp.root is None:
        return Path(sys.executable)
    script = home / "host python"
    script.write_text(HOST_PYTHON.format(python=sys.executable), encoding="utf-8")
    script.chmod(0o755)
    return script


class Session:
    """One running GIMP. Unknown attributes are functions of inside.py: `session.load("picture.png")`."""

    def __init__(self, gimp: Gimp, home: Path, program: list[str], env: Mapping[str, str] | None = None) -> None:
        """Start `program`, a GIMP with its options, and wait until it answers; output in home/gimp.log."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(START_SECONDS)
        batch = [
            "--batch-interpreter=python-fu-eval",
            "-b",
            f"import sys; sys.path.insert(0, {str(INSIDE.parent)!r}); import inside; inside.serve()",
        ]
        variables = {
            "DRAGGAN_TEST_PORT": str(listener.getsockname()[1]),
            "DRAGGAN_HOME": str(home / "backend"),
            "TMPDIR": str(home / TEMPORARY),
            "PYTHONPYCACHEPREFIX": str(home / "compiled"),  # GIMP's Python is another one than ours
            "OMP_NUM_THREADS": "1",  # beside GIMP, a second thread waits more than it works
            **(env or {}),
        }
        self.home = home
        with open(home / "gimp.log", "ab") as log:
            self.process = gimp.popen([*program, *batch], home, [CLONE], variables, log)
        try:
            self._connection, _ = listener.accept()
        except TimeoutError:
            self.process.kill()
            raise AssertionError(f"GIMP did not start; it said: {(home / 'gimp.log').read_text()[-2000:]}") from None
        finally:
            listener.close()
        self._connection.settimeout(ANSWER_SECONDS)
        self._lines = self._connection.makefile("r", encoding="utf-8")

    @classmethod
    def console(cls, gimp: Gimp, home: Path) -> Session:
        """A GIMP without windows."""
        return cls(gimp, home, [gimp.console, "-i", "--quit"])

    def send(self, name: str, *positional: Any, **named: Any) -> None:
        """Start a function of inside.py; `receive` waits for its end."""
        self._connection.sendall((json.dumps([name, positional, named]) + "\n").encode())

    def receive(self) -> Any:
        """The value of the function that was sent; an AssertionError with its traceback if it failed."""
        line = self._lines.readline()
        assert line, f"GIMP ended; it said: {(self.home / 'gimp.log').read_text(errors='replace')[-2000:]}"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["value"]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def ask(*positional: Any, **named: Any) -> Any:
            self.send(name, *positional, **named)
            return self.receive()

        return ask

    def close(self) -> None:
        """End GIMP; kindly, if it wants to."""
        self._connection.shutdown(socket.SHUT_RDWR)  # inside.py's loop ends, and with it GIMP's batch
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def to_array(pixels: list[Any]) -> np.ndarray:
    """What inside.pixels returned, as uint8 [height, width, channels]."""
    width, height, data = pixels
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, -1)


def to_floats(pixels: list[Any]) -> np.ndarray:
    """What inside.pixels returned for a float format, as float32 [height, width, channels]."""
    width, height, data = pixels
    return np.frombuffer(base64.b64decode(data), np.float32).reshape(height, width, -1)


def plugin_log(home: Path) -> str:
    """What all plug-ins of this home have logged, in the order in which they started."""
    return "".join(
        file.read_text(encoding="utf-8") for file in sorted((home / "backend" / "logs").glob("plugin-*.log"))
    )


def newest_log(home: Path) -> str:
    """What the plug-in of this home has logged that started last."""
    *_, newest = sorted((home / "backend" / "logs").glob("plugin-*.log"))
    return newest.read_text(encoding="utf-8")


def left_behind(home: Path) -> list[str]:
    """What runs of the plug-in in this home have left: processes and temporary files, but for the logs of those that
    had no other place for them, and for what GIMP and its own icon loader keep there while they run. A plug-in that
    has given GIMP its answer gets a moment to end.
    """
    deadline = time.monotonic() + END_SECONDS
    while (process := _plugin_process(home)) and time.monotonic() < deadline:
        time.sleep(0.02)
    files = [file.name for file in (home / TEMPORARY).iterdir() if not file.name.startswith(NOT_OURS)]
    return [*([f"process {process}"] if process else []), *files]


def plugin_process(session: Session) -> int:
    """Process id of the plug-in that is at work in this session's GIMP."""
    return wait_for(lambda: _plugin_process(session.home), "the plug-in's process")


def _plugin_process(home: Path) -> int | None:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        ours = any(word.endswith(b"/drag_gan/drag_gan.py") and bytes(home) in word for word in words)
        if ours and b"-run" in words:
            return int(folder.name)
    return None


def wait_for(
    look: Callable[[], Any], what: str, seconds: float = LIMIT_SECONDS, instead: Callable[[], str] | None = None
) -> Any:
    """Look until there is something, and return it; `instead` tells what there was when nothing came."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {seconds:.0f} seconds{f'; {instead()}' if instead else ''}")


def stop_backend(folder: Path) -> None:
    """Kill the backend of a test's home, if one runs."""
    try:
        os.kill(json.loads((folder / "backend.json").read_text())["pid"], signal.Signals[KILL])
    except (OSError, ValueError):
        return
