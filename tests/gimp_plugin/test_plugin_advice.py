"""What the drag window says of a drag."""

from __future__ import annotations

from typing import Any

import pytest

from backend.client import Update
from core.advice import advice, with_time_left
from core.drag_session import DragSession
from core.drags import Drag
from core.gestures import Tool

PIN, PULL = Drag((5.0, 5.0), (5.0, 5.0)), Drag((1.0, 2.0), (30.0, 20.0))


def update(**changes: Any) -> Update:
    return Update("drag", 1, 9, "2 of 3 points have arrived.", **changes)


@pytest.mark.parametrize(
    ("drags", "running", "words"),
    [
        ([], False, "Press on the subject and pull"),
        ([PIN], False, "The pins hold"),
        ([PIN, PULL], True, "The subject follows"),
        ([PIN, PULL], False, "Pull on, or keep it"),
    ],
    ids=["nothing", "only a pin", "on its way", "at rest"],
)
def test_it_says_what_can_be_done_now(drags: list[Drag], running: bool, words: str):
    assert words in advice(DragSession(drags), update(running=running))


@pytest.mark.parametrize(("tool", "words"), [(Tool.PAINT, "what may move"), (Tool.ERASE, "what is to be held")])
def test_who_holds_a_brush_is_told_what_it_does_where_nothing_moves(tool: Tool, words: str):
    session = DragSession([PULL])
    assert words in advice(session, update(running=False), tool)
    assert "The subject follows" in advice(session, update(running=True), tool)


def test_who_does_not_follow_the_mouse_is_told_of_start():
    session = DragSession([PULL])
    session.run(False)
    assert "press Start" in advice(session, update(running=False))


def test_it_says_how_much_of_the_way_is_shown():
    session = DragSession([PULL])
    session.go(0.5)
    assert "50 % of the way" in advice(session, update(running=False))


def test_what_cannot_be_done_is_said_before_anything_else():
    refused = Update("drag", 1, 9, "The point lies outside; move it.", refused=4)
    assert advice(DragSession([PULL]), refused) == "The point lies outside; move it."


def test_what_lasts_is_told_how_long_once():
    finding = Update("invert", 50, 100, "Finding the picture in the model.")
    assert with_time_left("Es wird gesucht.", finding, 10.0) == "Es wird gesucht (about 10 seconds left)"
    assert with_time_left("Es wird gesucht.", finding, 1.0) == "Es wird gesucht."
    tuning = Update("invert", 50, 100, "Making the likeness exact, about 13 seconds to go.")
    assert with_time_left("Noch 13 Sekunden.", tuning, 10.0) == "Noch 13 Sekunden."
