"""A live drag as a window has it: steered from one thread, followed in another."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backend.client import Connection, DragRequest, Result, Unfit, Update
from backend.client.steering import SteeredDrag, Steering, live_drag, steer
from backend.errors import Cancelled, UserError
from tests.backend.server.harness import wait_until

QUICK = {"inversion_steps": 0, "poor_fit": "drag"}
NOSE = SteeredDrag(1, (40.0, 34.0), (46.0, 34.0))
FAR = SteeredDrag(1, (40.0, 34.0), (60.0, 34.0))
EAR = SteeredDrag(2, (30.0, 16.0), (30.0, 12.0))
PIN = SteeredDrag(3, (24.0, 30.0), (24.0, 30.0))


def png(pixels: np.ndarray) -> bytes:
    """The bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Live:
    """An open live drag, and all that came of it, with the times at which it came."""

    def __init__(
        self,
        connection: Connection,
        image: Path,
        options: Mapping[str, Any] = QUICK,
        drags: tuple[Mapping[str, Any], ...] = (),
        mask: Path | None = None,
        edit: Path | None = None,
    ) -> None:
        self.connection = connection
        self.updates: list[tuple[float, Update]] = []
        self.steering = Steering(0)
        self.outcome: Result | Unfit | UserError | Cancelled | None = None
        self._seen = 0  # updates that were here when what is wanted was changed last
        self._cancelled, self._finished = threading.Event(), threading.Event()
        self._request = DragRequest(image, mask, drags, options, edit)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        flags = self._cancelled.is_set, self._finished.is_set
        try:
            self.outcome = live_drag(self.connection, self._request, self._show, *flags)
        except (UserError, Cancelled) as outcome:
            self.outcome = outcome

    def _show(self, update: Update) -> None:
        self.updates.append((time.monotonic(), update))

    @property
    def now(self) -> Update:
        return self.updates[-1][1]

    def until(self, happened: Callable[[Update], Any], what: str, patience: float = 60.0) -> Update:
        """Wait for an update since what is wanted was changed last, of which `happened` is true."""
        seen = self._seen

        def found() -> Update | None:
            assert self.outcome is None, self.outcome
            return next((update for _, update in self.updates[seen:] if happened(update)), None)

        return wait_until(found, what, patience)

    def opened(self) -> Live:
        """Wait until it can be pulled at."""
        self.until(lambda update: update.phase == "drag", "the picture is found")
        return self

    def wants(self, *drags: SteeredDrag, **changes: Any) -> int:
        """Change what is wanted; without `drags` they stay. Returns the revision."""
        once = {"back_to": None, "revision": self.steering.revision + 1}
        wanted: dict[str, Any] = {**vars(self.steering), **once, **({"drags": drags} if drags else {}), **changes}
        self.steering, self._seen = Steering(**wanted), len(self.updates)
        steer(self.connection, self.steering)
        return self.steering.revision

    def in_force(self, *drags: SteeredDrag, **changes: Any) -> Update:
        """The same; waits for the first update of it."""
        revision = self.wants(*drags, **changes)
        return self.until(lambda update: update.revision == revision, f"revision {revision} is in force")

    def at_rest(self) -> Update:
        """Wait for the frame at which what is wanted has come to rest."""
        revision = self.steering.revision

        def rests(update: Update) -> bool:
            return update.revision == revision and not update.running and update.preview is not None

        return self.until(rests, "the drag has come to rest")

    def finish(self) -> Any:
        """End it here; what came of it."""
        self._finished.set()
        return self._ended()

    def cancel(self) -> Any:
        self._cancelled.set()
        return self._ended()

    def _ended(self) -> Any:
        self._thread.join(60)
        assert self.outcome is not None
        return self.outcome

    def close(self) -> None:
        """Leave nothing behind, whatever has happened."""
        self.cancel()
        self.connection.close()
