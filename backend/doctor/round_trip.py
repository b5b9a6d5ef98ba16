"""The last check: the backend is reached or started, asked how it is, and given a tiny drag."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from backend import __version__, paths, pictures
from backend.client import Backend, Connection, DragRequest, jobs
from backend.doctor.checks import Finding
from backend.errors import UserError
from backend.server import instance

SIDE = 32  # pixels of the picture that is dragged


def round_trip() -> Finding:
    """Check that a drag comes back; a backend that was started for it is ended afterwards."""
    started = False
    try:
        started = instance.running() is None
        with tempfile.TemporaryDirectory() as folder:
            backend = Backend(instance.installation(), Path(folder))
            try:
                return _checked(backend.connect(), Path(folder))
            finally:
                backend.close()
    except UserError as error:
        return Finding("backend", False, str(error).rstrip("."))
    except Exception as error:  # whatever a client and a server can do to each other
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return Finding("backend", False, f"the drag failed ({reason}); see {paths.log_file()}")
    finally:
        if started:
            instance.stop()


def _checked(connection: Connection, folder: Path) -> Finding:
    health = connection.health
    if health["version"] != __version__:
        older = f"the one that runs is of version {health['version']}, not {__version__}"
        return Finding("backend", False, f"{older}; end it with: python -m backend stop")
    where = f"{connection.client.src} on {health['device']}"
    if health["busy"]:
        return Finding("backend", True, f"{where}, busy with a drag")
    _tiny_drag(connection, folder)
    return Finding("backend", True, f"{where} has done a drag of one step")


def _tiny_drag(connection: Connection, folder: Path) -> None:
    """Do a drag that takes no time. Raises UserError when it fails."""
    layer = folder / "grey.png"
    pictures.write(layer, np.full((SIDE, SIDE, 3), 128, np.uint8))
    drags = [{"handle": [SIDE / 2, SIDE / 2], "target": [SIDE / 2 + 4, SIDE / 2]}]
    request = DragRequest(layer, None, drags, {"inversion_steps": 0, "steps": 1})
    jobs.drag(connection, request, show=lambda update: None)
