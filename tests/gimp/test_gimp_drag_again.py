"""Drag Again in a real GIMP 3.0 and 3.2: GIMP's Repeat does the last drag without asking, with a path or without."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from session import Session, newest_log

QUICK = {"inversion_steps": 2, "steps": 3}
NOSE = [(324, 280), (340, 280)]
AGAIN = {"run_mode": "WITH_LAST_VALS"}


def asked(console: Session) -> list[dict[str, Any]]:
    """The drags of the last request, in pixels of its layer."""
    _, _, rest = newest_log(console.home).rpartition("asked: ")
    return ast.literal_eval(rest.split("\n")[0])["drags"]


def anchors(console: Session, image: int) -> list[list[list[float]]]:
    """For each stroke of the only path its anchors."""
    ((_, _, _, strokes),) = console.state(image)["paths"]
    return [[points[i + 2 : i + 4] for i in range(0, len(points), 6)] for points, _ in strokes]


def done(console: Session, image: int, **settings: Any) -> int:
    answer = console.drag(image, **settings)
    assert answer["status"] == "success", answer
    return answer["layer"]


@pytest.fixture
def dragged(console: Session, image: int) -> int:
    """The image, dragged once along a path that is gone since."""
    console.draw_path(image, NOSE, [(300, 200)])
    done(console, image, **AGAIN, **QUICK)
    console.remove_paths(image)
    return image


def test_without_a_path_the_last_drags_are_done_again_on_the_current_layer(console: Session, dragged: int):
    first = asked(console)
    assert first == [
        {"handle": [324, 280], "target": [340, 280], "via": []},
        {"handle": [300, 200], "target": [300, 200], "via": []},
    ]
    layer = console.state(dragged)["layers"][0]
    console.select_layers(dragged, [layer["id"]])
    done(console, dragged, **AGAIN)
    x, y = layer["offset"]
    assert [drag["handle"] for drag in asked(console)] == [[324 - x, 280 - y], [300 - x, 200 - y]]


def test_a_path_that_was_drawn_since_is_what_is_meant(console: Session, dragged: int):
    console.draw_path(dragged, [(320, 282), (330, 290)])
    done(console, dragged, **AGAIN)
    assert asked(console) == [{"handle": [320, 282], "target": [330, 290], "via": []}]


def test_going_on_moves_the_path_and_selects_the_new_layer_and_the_next_drag_begins_there(console: Session, image: int):
    console.draw_path(image, NOSE, [(300, 200)])
    layer = done(console, image, go_on=True, **QUICK)
    after = console.state(image)
    assert after["selected layers"] == [layer]
    (handle, target), pin = anchors(console, image)
    moved = np.subtract(handle, NOSE[0])
    assert np.hypot(*moved) > 0.3
    np.testing.assert_allclose(np.subtract(target, handle), np.subtract(NOSE[1], NOSE[0]), atol=1e-3)
    assert pin == [[300, 200]]

    done(console, image, go_on=True, **QUICK)
    offset = after["layers"][0]["offset"]
    np.testing.assert_allclose(asked(console)[0]["handle"], np.subtract(handle, offset), atol=1e-3)


def test_going_on_without_a_path_goes_on_from_where_the_last_drag_ended(console: Session, dragged: int):
    """The path is gone; a drag from where the subject lies now is nearer to the target than the first one was."""
    console.select_layers(dragged, [console.state(dragged)["layers"][0]["id"]])
    handles = []
    for _ in range(2):
        done(console, dragged, **AGAIN, **QUICK, go_on=True)
        handles.append(asked(console)[0]["handle"][0])
    assert handles[1] > handles[0] + 0.3


def test_a_script_gives_drags_without_a_path(console: Session, image: int):
    done(console, image, drags="[[[324, 280], [330, 284], [340, 280]], [[300, 200]]]", **QUICK)
    assert asked(console) == [
        {"handle": [324, 280], "target": [340, 280], "via": [[330, 284]]},
        {"handle": [300, 200], "target": [300, 200], "via": []},
    ]


def test_drags_that_cannot_be_read_are_refused(console: Session, image: int):
    before = console.state(image)
    answer = console.drag(image, drags="to the right")
    assert "The argument drags cannot be read" in answer["message"]
    assert console.state(image) == before
