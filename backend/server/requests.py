"""What a client sends for a drag: as it came, and checked and decoded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend import pictures
from backend.editing.edit_state import EditState
from backend.editing.points import Drag, check_drags
from backend.errors import UserError
from backend.server import protocol
from backend.server.log import logger
from backend.server.protocol import FrameOptions, Options

NO_EDIT = "The layer carries no edit that can be read; drag it first, then take its motion."


@dataclass(frozen=True)
class Request:
    """What a client sent, not looked at yet, and the session it came in."""

    image: Path | None
    mask: Path | None
    edit: Path | None
    original: Path | None
    drags: Any
    options: Any
    protocol: Any
    session: str

    def digest(self) -> str:
        """Return the same for requests that ask for the same of the same files."""
        digest = hashlib.sha256(json.dumps([self.drags, self.options]).encode())
        for file in (self.image, self.mask, self.edit, self.original):
            digest.update(hashlib.sha256(file.read_bytes()).digest() if file else b"none")
        return digest.hexdigest()


@dataclass(frozen=True)
class Job:
    """A request that was understood.

    Attributes:
        image: uint8 [H, W, 4].
        mask: uint8 [H, W], 255 = may move, or None.
        edit: the edit that made the image, to go on from if it can be.
        original: uint8 [h, w, 4], the pixels that this edit began with.
        drags: in pixels of the image.
        options: what the artist chose.
    """

    image: np.ndarray
    mask: np.ndarray | None
    edit: EditState | None
    original: np.ndarray | None
    drags: list[Drag]
    options: Options

    @classmethod
    def read(cls, request: Request) -> Job:
        """Check and decode a request. Raises UserError."""
        protocol.check_protocol(request.protocol)
        drags, options = protocol.read_drags(request.drags), protocol.read_options(request.options)
        if not options.live:
            check_drags(drags)
        image = pictures.read_image(request.image)
        mask = pictures.read_mask(request.mask, image.shape[:2])
        return cls(image, mask, _read_edit(request.edit), _read_original(request.original), drags, options)


@dataclass(frozen=True)
class FramesJob:
    """A request for motion frames that was understood; its parts are as those of a Job."""

    image: np.ndarray
    mask: np.ndarray | None
    edit: EditState
    original: np.ndarray | None
    options: FrameOptions

    @classmethod
    def read(cls, request: Request) -> FramesJob:
        """Check and decode a request. Raises UserError."""
        protocol.check_protocol(request.protocol)
        options, edit = protocol.read_frame_options(request.options), _read_edit(request.edit)
        if edit is None:
            raise UserError(NO_EDIT)
        image = pictures.read_image(request.image)
        mask = pictures.read_mask(request.mask, image.shape[:2])
        return cls(image, mask, edit, _read_original(request.original), options)


def _read_edit(file: Path | None) -> EditState | None:
    """The edit that a layer carries. One that cannot be read costs an inversion: the artist could not mend it."""
    try:
        return EditState.load(file) if file else None
    except UserError as error:
        logger.info("The layer's edit is left aside: %s", error)
        return None


def _read_original(file: Path | None) -> np.ndarray | None:
    """The pixels that the edit began with. Without them, it goes on from the image's own."""
    try:
        return pictures.read_image(file) if file else None
    except UserError as error:
        logger.info("The layer that the edit began with is left aside: %s", error)
        return None
