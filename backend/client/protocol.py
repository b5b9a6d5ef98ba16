"""What a client and the backend agree on before anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROTOCOL = 3
"""Version of the protocol; both sides refuse another one."""

TOKEN_HEADER = "X-DragGAN-Token"
"""The HTTP header with the token of the ready file, which every request must bring."""

OTHER_VERSION = "This plug-in and its backend are of different versions; update both by running install.py."

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}
"""Environment variables to set before gradio or gradio_client is imported, on either side.

Without them these ask huggingface.co, send a saved Hugging Face token along, and follow HTTP_PROXY even to this
machine (measured).
"""

Flag = Callable[[], bool]
"""Asked again and again while something lasts: whether it is to end."""


@dataclass(frozen=True)
class DragRequest:
    """A drag job.

    Args:
        layer: the layer's pixels, an 8-bit PNG file.
        mask: a grey PNG file of the layer's size, white = may move; None: everything may.
        drags: {"handle": (x, y), "target": (x, y), "via": [...]} each, in pixels of the layer.
        options: as `Options` in backend/server/protocol.py; what is left out is left to the model's preset.
        edit: the edit state that the layer carries, to go on from.
        original: the pixels that this edit began with, a PNG file.
    """

    layer: Path
    mask: Path | None
    drags: Sequence[Mapping[str, object]]
    options: Mapping[str, object]
    edit: Path | None = None
    original: Path | None = None


@dataclass(frozen=True)
class FramesRequest:
    """A job that makes motion frames of an edit; the files are as a DragRequest's.

    Args:
        layer: that carries the edit.
        mask: what may move.
        edit: the edit state.
        original: the pixels that the edit began with; without them, the layer's own are moved.
        options: as `FrameOptions` in backend/server/protocol.py.
    """

    layer: Path
    mask: Path | None
    edit: Path
    original: Path | None
    options: Mapping[str, object]
