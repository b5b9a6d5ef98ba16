"""The last check: the backend is reached or started, asked how it is, and given a tiny drag."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gradio_client import handle_file
from PIL import Image

from backend import __version__, paths
from backend.doctor.checks import Finding
from backend.errors import UserError
from backend.server import PROTOCOL, lifecycle, visit
from backend.server.client import ask

SIDE = 32  # pixels of the picture that is dragged


def round_trip() -> Finding:
    """Whether a job comes back; a backend that was started for it is ended afterwards."""
    mine = False
    try:
        ready = lifecycle.running()
        mine = ready is None
        return _visited(ready or visit.started())
    except UserError as error:
        return Finding("backend", False, str(error).rstrip("."))
    except Exception as error:  # whatever a client and a server can do to each other
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        return Finding("backend", False, f"the drag failed ({reason}); see {paths.log_file()}")
    finally:
        if mine:
            visit.stop()


def _visited(ready: Mapping[str, Any]) -> Finding:
    health = ask(dict(ready), "health")
    if health["version"] != __version__:
        older = f"the one that runs is of version {health['version']}, not {__version__}"
        return Finding("backend", False, f"{older}; end it with: python -m backend stop")
    where = f"{ready['url']} on {health['device']}"
    if health["busy"]:
        return Finding("backend", True, f"{where}, busy with a drag")
    update = _tiny_drag(ready)
    if update["phase"] != "done":
        return Finding("backend", False, f"a drag ended early; see {paths.log_file()}")
    return Finding("backend", True, f"{where} has done a drag of one step")


def _tiny_drag(ready: Mapping[str, Any]) -> dict[str, Any]:
    """The last update of a drag that takes no time."""
    drags = [{"handle": [SIDE / 2, SIDE / 2], "target": [SIDE / 2 + 4, SIDE / 2]}]
    options = {"inversion_steps": 0, "steps": 1}
    with tempfile.TemporaryDirectory() as folder, visit.connected(ready, Path(folder)) as client:
        source = Path(folder) / "grey.png"
        Image.fromarray(np.full((SIDE, SIDE, 3), 128, np.uint8)).save(source)
        job = client.submit(handle_file(source), None, drags, options, None, PROTOCOL, None, api_name="/drag")
        return job.result(timeout=visit.START_SECONDS)[0]
