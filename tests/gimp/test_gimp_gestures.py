"""What artists do with mouse and keys besides the straight road, in the windows of a real GIMP 3.0 and 3.2.

A sample is dragged, and dragged on; several strokes, a curve, a pin, many anchors, a lasso; saved and gone on from.
The story is played once for each GIMP; its screenshots are kept in the run's folder. The backend is the real one but
for its engine, which moves a square (patch_backend.py).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from desktop import likeness
from gimp_root import Gimp
from session import left_behind, newest_log, plugin_process, to_array, wait_for
from story import TITLE, Story, asked, count, see_picture, told

from core import markers

SAMPLE_TITLE = "^New Sample Image$"
COLOURS = 20_000  # on the screen, when there are thumbnails on it
INVERTED = "phase invert"
STROKES = [[(60, 60), (90, 60)], [(60, 200), (100, 200)], [(200, 200)]]
ANCHORS = [(60, 60), (90, 80), (120, 60), (150, 90)]
CORNERS = [(40, 40), (210, 40), (210, 210), (40, 210), (40, 42)]  # of the lasso
AGAIN = "ctrl+f"
PATIENCE = 60.0  # seconds
MOST = 0.95  # of a small picture's pixels: a path and its anchors are drawn over it


@pytest.fixture(scope="module")
def story(either_gimp: Gimp, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, played once."""
    with told(either_gimp, vendor, tmp_path_factory.mktemp("gestures")) as story:
        choose_a_sample(story)
        drag_the_sample(story)
        go_on(story)
        undo_and_redo(story)
        save_and_go_on(story)
        draw_strokes(story)
        draw_many_anchors(story)
        draw_a_curve(story)
        draw_with_a_lasso(story)
        yield story


def layers(story: Story) -> list[dict[str, Any]]:
    return story.session.state(story.image)["layers"]


def drag(story: Story, name: str, keys: str = "") -> None:
    """Keep what the drag window has moved, or press keys that repeat the filter as it was.

    Wait until there is one more layer and it is seen; keep what was asked, and whether the picture was looked for.
    """
    before = len(layers(story))
    if keys:
        story.desktop.press(keys)
    else:
        story.keep()
    wait_for(lambda: len(layers(story)) == before + 1, "the new layer", PATIENCE, story.desktop.windows)
    story.wait_without_window()
    story.note(name)
    corner = story.corner
    assert corner
    wait_for(lambda: likeness(story.look(name), story.pixels[name], corner) > MOST, f"the picture {name!r}", PATIENCE)
    story.states[f"{name} asked"] = asked(story)
    story.states[f"{name} inverted"] = INVERTED in newest_log(story.session.home)


def window(story: Story, name: str) -> None:
    """The drag window again, with the drags of the paths in it."""
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: count(story.look(name), markers.HANDLE) > 20, "the window's picture", PATIENCE)


def draw_anew(story: Story, *strokes: list[tuple[int, int]]) -> None:
    """Strokes with the Paths tool, instead of the path that was there."""
    story.session.remove_paths(story.image)
    story.desktop.press("b")
    for stroke in strokes:
        for number, (x, y) in enumerate(stroke):
            assert story.corner
            keys = ["shift"] if number == 0 and stroke is not strokes[0] else []
            story.desktop.click(story.corner[0] + x, story.corner[1] + y, *keys)
    wait_for(lambda: anchors(story) == [[*map(list, stroke)] for stroke in strokes], "the path", PATIENCE)


def anchors(story: Story) -> list[list[list[float]]]:
    """The anchors of all strokes, to whole pixels."""
    paths = story.session.state(story.image)["paths"]
    return [
        [[round(x), round(y)] for x, y in zip(points[2::6], points[3::6], strict=True)]
        for *_, strokes in paths
        for points, _ in strokes
    ]


def choose_a_sample(story: Story) -> None:
    """Filters > DragGAN > New Sample Image: cancelled once, then the third of the fourth row; no image is open."""
    open_samples(story, "samples")
    story.desktop.press("Escape")
    story.wait_without_window(SAMPLE_TITLE)
    story.states["images after cancelling"] = story.session.images()
    open_samples(story, "samples again")
    see_thumbnails(story, "next samples", first=12)
    story.desktop.press("End")  # which scrolls, and more of them come
    see_thumbnails(story, "more samples", first=24)
    story.desktop.press("Down", "Down", "Down", "Right", "Right", "Return")
    see_picture(story, "256x256")


def open_samples(story: Story, name: str) -> None:
    story.press("menu", "alt+r", "Up", "Right")  # what needs an image is passed over; Models comes first
    story.desktop.press("Down", "Return")
    story.desktop.wait_for_window(SAMPLE_TITLE)
    see_thumbnails(story, name, first=0)


def see_thumbnails(story: Story, name: str, first: int) -> None:
    """Wait until all those from this seed on have come and are seen."""
    come = re.compile(rf"thumbnails have come: .*'seeds': \[{first},")
    wait_for(lambda: come.search(newest_log(story.session.home)), "all thumbnails", PATIENCE, story.desktop.windows)
    wait_for(lambda: colours(story.look(name)) > COLOURS, "the thumbnails", PATIENCE, story.desktop.windows)


def colours(screen: np.ndarray) -> int:
    return len(np.unique(screen.astype(np.int32) @ [65536, 256, 1]))


def drag_the_sample(story: Story) -> None:
    draw_anew(story, [(100, 128), (130, 120)])
    story.note("sample")
    story.press("menu with a path", "alt+r", "Up", "Right")
    story.desktop.press("Return")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: count(story.look("first window"), markers.HANDLE) > 20, "the window's picture", PATIENCE)
    wait_in_the_window(story)
    drag(story, "sample dragged")


def wait_in_the_window(story: Story) -> None:
    """Leave it open while it asks for the models again and again; keep how many sockets and threads it has by then."""
    wait_for(lambda: "phase drag" in newest_log(story.session.home), "the drag", PATIENCE)
    for moment in ("at first", "later"):
        time.sleep(5)
        process = Path(f"/proc/{plugin_process(story.session)}")
        links = [os.readlink(link) for link in (process / "fd").iterdir() if link.is_symlink()]
        story.states[f"sockets {moment}"] = sum(link.startswith("socket:") for link in links)
        story.states[f"threads {moment}"] = len(list((process / "task").iterdir()))


def go_on(story: Story) -> None:
    """Select the layer above with its key and drag on it."""
    story.desktop.press("Page_Up")
    top = layers(story)[0]["id"]
    wait_for(lambda: story.session.state(story.image)["selected layers"] == [top], "the layer above", PATIENCE)
    draw_anew(story, [(130, 120), (110, 100)])
    drag(story, "gone on", AGAIN)


def undo_and_redo(story: Story) -> None:
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(layers(story)) == 2, "undo", PATIENCE)
    story.note("undone")
    story.desktop.press("ctrl+y")
    wait_for(lambda: len(layers(story)) == 3, "redo", PATIENCE)
    story.note("redone")


def save_and_go_on(story: Story) -> None:
    """Save as XCF, close, open the newest of the recent files, drag on."""
    story.desktop.press("ctrl+shift+s")
    story.desktop.wait_for_window("^Save Image$")
    story.desktop.xdotool("type", "~/to be continued")
    story.desktop.press("Return")
    file = story.session.home / "to be continued.xcf"
    wait_for(file.exists, "the file", PATIENCE, story.desktop.windows)
    wait_for(lambda: not story.session.state(story.image)["changed"], "the end of saving", PATIENCE)
    story.desktop.wait_for_window("to be continued")
    story.desktop.press("ctrl+w")
    wait_for(lambda: not story.session.images(), "the end of the image", PATIENCE, story.desktop.windows)
    story.desktop.press("ctrl+1")
    see_picture(story, "to be continued")
    story.note("opened again")
    story.desktop.press("Page_Up")
    draw_anew(story, [(110, 100), (110, 125)])
    drag(story, "gone on tomorrow", AGAIN)
    take_back(story)


def take_back(story: Story) -> None:
    """Undo the last drag."""
    before = len(layers(story))
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(layers(story)) == before - 1, "undo", PATIENCE)


def draw_strokes(story: Story) -> None:
    """Three strokes with Shift+click, the last of one anchor."""
    draw_anew(story, *STROKES)
    window(story, "strokes")
    drag(story, "strokes dragged")
    take_back(story)


def draw_many_anchors(story: Story) -> None:
    """Four anchors in one stroke, both ways."""
    draw_anew(story, ANCHORS)
    window(story, "way-points")
    drag(story, "way-points dragged")
    take_back(story)
    window(story, "separate")
    story.desktop.press("alt+t", "alt+n", "Down")
    one = count(story.screens["way-points"], markers.HANDLE)
    wait_for(lambda: count(story.look("separate"), markers.HANDLE) > 1.5 * one, "the second handle", PATIENCE)
    drag(story, "separate dragged")
    take_back(story)


def draw_a_curve(story: Story) -> None:
    """The second anchor is drawn out, which bends the stroke."""
    draw_anew(story, [(60, 120)])
    assert story.corner
    x, y = story.corner
    bend = ["mousemove_relative", "10", "20"] * 3
    story.desktop.xdotool("mousemove", str(x + 160), str(y + 120), "mousedown", "1", *bend, "mouseup", "1")
    wait_for(lambda: anchors(story) == [[[60, 120], [160, 120]]], "the curve", PATIENCE, lambda: str(anchors(story)))
    window(story, "curve")
    drag(story, "curve dragged")
    take_back(story)


def draw_with_a_lasso(story: Story) -> None:
    """Only what lies in the lasso may move."""
    draw_anew(story, [(100, 110), (120, 110)])
    story.desktop.press("f")
    assert story.corner
    places = [(str(story.corner[0] + x), str(story.corner[1] + y)) for x, y in CORNERS]
    ways = [word for place in places[1:] for word in ("mousemove", *place, "sleep", "0.1")]
    story.desktop.xdotool("mousemove", *places[0], "mousedown", "1", *ways, "mouseup", "1")
    story.desktop.press("Return")
    wait_for(lambda: inside_lasso(story).any(), "the selection", PATIENCE)
    story.note("lasso")
    window(story, "lasso")
    drag(story, "lasso dragged")
    story.states["inside the lasso"] = inside_lasso(story)


def inside_lasso(story: Story) -> np.ndarray:
    return to_array(story.session.selection_pixels(story.image))[..., 0] > 0


def wire_drags(story: Story, name: str) -> list[dict[str, Any]]:
    return story.states[f"{name} asked"]["drags"]


def ends(drag: dict[str, Any]) -> list[list[int]]:
    return [[round(number) for number in drag[end]] for end in ("handle", "target")]


def test_a_sample_is_chosen_from_small_pictures(story: Story):
    (layer,) = story.states["sample"]["layers"]
    assert layer["name"] == "critters, seed 14"
    assert layer["size"] == [256, 256]


def test_cancelling_makes_no_image(story: Story):
    assert story.states["images after cancelling"] == []


def test_a_window_that_stays_open_costs_no_connection_for_each_question(story: Story):
    assert story.states["sockets later"] < 12
    for what in ("sockets", "threads"):
        assert story.states[f"{what} later"] <= story.states[f"{what} at first"] + 2


def test_a_sample_is_dragged_without_being_looked_for(story: Story):
    assert not story.states["sample dragged inverted"]
    assert (story.pixels["sample dragged"] != story.pixels["sample"]).any()


def test_the_result_layer_is_gone_on_from(story: Story):
    assert not story.states["gone on inverted"]
    assert len(story.states["gone on"]["layers"]) == 3
    assert (story.pixels["gone on"] != story.pixels["sample dragged"]).any()


def test_undo_takes_it_away_and_redo_brings_it_back(story: Story):
    assert np.array_equal(story.pixels["undone"], story.pixels["sample dragged"])
    assert np.array_equal(story.pixels["redone"], story.pixels["gone on"])


def test_the_saved_image_is_gone_on_from(story: Story):
    assert np.array_equal(story.pixels["opened again"], story.pixels["gone on"])
    assert not story.states["gone on tomorrow inverted"]
    assert (story.pixels["gone on tomorrow"] != story.pixels["opened again"]).any()


def test_strokes_begun_with_shift_are_drags_of_their_own_and_one_anchor_is_a_pin(story: Story):
    found = [ends(drag) for drag in wire_drags(story, "strokes dragged")]
    assert found == [[list(stroke[0]), list(stroke[-1])] for stroke in STROKES]


def test_four_anchors_are_one_drag_with_way_points_or_two_drags(story: Story):
    (one,) = wire_drags(story, "way-points dragged")
    assert ends(one) == [list(ANCHORS[0]), list(ANCHORS[-1])]
    assert [[round(x), round(y)] for x, y in one["via"]] == [list(anchor) for anchor in ANCHORS[1:-1]]
    two = [ends(drag) for drag in wire_drags(story, "separate dragged")]
    assert two == [[list(anchor) for anchor in pair] for pair in (ANCHORS[:2], ANCHORS[2:])]


def test_a_curve_is_followed(story: Story):
    (drag,) = wire_drags(story, "curve dragged")
    assert ends(drag) == [[60, 120], [160, 120]]
    assert len(drag["via"]) >= 3
    assert min(y for _, y in drag["via"]) < 110, "the way goes above the straight line"


def test_only_what_the_lasso_holds_changes(story: Story):
    changed = (story.pixels["lasso dragged"] != story.pixels["lasso"]).any(axis=2)
    inside = story.states["inside the lasso"]
    assert changed[inside].any()
    assert not changed[~inside].any()


def test_nothing_is_left_behind(story: Story):
    assert left_behind(story.session.home) == []
