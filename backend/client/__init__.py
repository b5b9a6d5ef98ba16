"""The client of the backend: find or start it, send it a job, follow its progress, fetch the result.

Pure Python with gradio_client as its only library, so that the plug-in carries a copy of it (Python 3.10, no torch);
the demo, the doctor and the command line use it, too.

    backend = Backend(installation, downloads)
    connection = backend.connect()
    result = jobs.drag(connection, DragRequest(layer, mask, drags, options), show=print)
"""

from backend.client.connection import Connection
from backend.client.launcher import Backend, Installation
from backend.client.png import Pixels
from backend.client.progress import Box, Frames, Points, Result, Unfit, Update
from backend.client.protocol import PROTOCOL, TOKEN_HEADER, DragRequest, Flag, FramesRequest

__all__ = [
    "PROTOCOL",
    "TOKEN_HEADER",
    "Backend",
    "Box",
    "Connection",
    "DragRequest",
    "Flag",
    "Frames",
    "FramesRequest",
    "Installation",
    "Pixels",
    "Points",
    "Result",
    "Unfit",
    "Update",
]
