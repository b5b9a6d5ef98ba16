"""What is wanted of a studio's live drag, so that another replica can go on with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Point = Sequence[float]


class Steered:
    """The newest that a session's client has asked for, and from where its handles went on.

    To a replica that goes on with a drag, a handle was set where it had gone; the client names it by where it pressed.
    """

    def __init__(self) -> None:
        self.asked: dict[str, Any] | None = None
        self._moved: dict[tuple[int, Point], Point] = {}

    def wanted(self) -> dict[str, Any] | None:
        """Return it as the replica that the drag is on knows its handles."""
        if self.asked is None:
            return None
        drags = [{**drag, "handle": self._moved.get(_named(drag), drag["handle"])} for drag in self.asked["drags"]]
        return {**self.asked, "drags": drags}

    def move(self, ids: Iterable[int], points: Iterable[Point]) -> None:
        """Go on elsewhere, from where the handles have gone; no step back leads to what was before."""
        if self.asked is None:
            return
        there = dict(zip(ids, points, strict=False))
        for drag in self.asked["drags"]:
            if drag["id"] in there and not _is_pin(drag):
                self._moved[_named(drag)] = list(there[drag["id"]])
        self.asked = {**self.asked, "back_to": None}


def _named(drag: Mapping[str, Any]) -> tuple[int, Point]:
    return drag["id"], tuple(drag["handle"])


def _is_pin(drag: Mapping[str, Any]) -> bool:
    return not drag.get("via") and tuple(drag["handle"]) == tuple(drag["target"])
