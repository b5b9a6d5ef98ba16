"""Pulling with the mouse in the drag window of a real GIMP 3.0 and 3.2, with the real engine.

The window opens without a path; points are placed while the picture is found; the subject follows while the button is
held. The story is played once for each GIMP, at 100 %; its screenshots are kept in the run's folder.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from desktop import GIMP_TITLE, find_on_screen
from gimp_root import Gimp
from session import KILL, left_behind, newest_log, wait_for
from story import CANCELLED, KEPT, TITLE, Story, asked, count, open_picture, told

from core import markers
from stylegan2.critters.making.examples import Example

PATIENCE = 90.0  # seconds
CHEST, EAR, EAR_UP = (330, 420), (230, 170), (215, 140)
FARTHER = (20, 15)  # by which a target is moved on
HELD = (520, 380)  # where the brush paints
MIDDLE_OF_THE_WINDOW = "400", "400"
BUTTONS = 4  # after the settings
LARGEST_RESULT = 4_000_000  # bytes of a file
MOVED = 4000  # pixels that are different where the subject has moved
ALIKE = 0.98  # of the pixels
AROUND = 30  # pixels around a point in which marks are drawn


@pytest.fixture(scope="module")
def story(
    either_gimp: Gimp, vendor: Path, head: Example, picture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The whole story, played once."""
    with told(either_gimp, vendor, tmp_path_factory.mktemp("drag-window"), picture) as story:
        open_picture(story)
        story.session.call(story.image, "clean_all")
        story.note("opened")
        nose, to = head.drags[0]
        open_window(story)
        pin_while_it_is_found(story)
        pull_the_nose(story, nose, to)
        pull_an_ear_while_it_moves(story, to)
        move_a_target(story, to)
        take_back(story)
        paint(story)
        go_half_way(story)
        see_the_original(story)
        keep(story, "pulled")
        undo_and_redo(story)
        drag_along_a_path_without_the_mouse(story, nose, to)
        cancel(story)
        wait_for_start(story)
        lack_room_for_frames(story)
        lose_the_backend(story)
        yield story


def open_window(story: Story) -> None:
    """From the menu; there is no path."""
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Return")
    story.desktop.wait_for_window(TITLE)
    story.look_anew("window", story.screens["menu"])


def pin_while_it_is_found(story: Story) -> None:
    """Look at the picture at 100 %, and hold its chest, before the subject can move."""
    see_at_full_size(story)
    point_at(story, CHEST, "click", "1")
    wait_for(lambda: count(story.look("pin placed"), markers.PIN) > 20, "the pin", PATIENCE)
    story.states["phase at the pin"] = story.phase
    wait_for(lambda: story.phase == "drag", "the drag", instead=lambda: story.log[-500:])


def see_at_full_size(story: Story) -> None:
    """The corner of the picture in the window becomes the story's."""
    story.desktop.press("1")
    story.desktop.xdotool("mousemove", "2", "900", "keydown", "space")
    story.corner = wait_for(lambda: find_on_screen(story.look("original"), story.original), "the layer", PATIENCE)
    story.desktop.xdotool("keyup", "space")


def point_at(story: Story, point: tuple[float, float], *then: str) -> None:
    assert story.corner
    x, y = (str(round(story.corner[k] + point[k])) for k in (0, 1))
    story.desktop.xdotool("mousemove", x, y, "sleep", "0.05", *then)


def pull(story: Story, start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    """Pull with the mouse, and keep what is seen while the button is held, from some time after its press."""
    point_at(story, start, "mousedown", "1")
    for step in range(1, 9):
        point_at(story, (start[0] + step / 8 * (end[0] - start[0]), start[1] + step / 8 * (end[1] - start[1])))
        time.sleep(0.15)
        story.look(f"{name} {step}")
    wait_for(lambda: moved(story, f"{name} 1", story.look(f"{name} held")), "another picture", PATIENCE)


def picture(story: Story, screen: np.ndarray) -> np.ndarray:
    """What of a screenshot is the picture."""
    assert story.corner
    height, width = story.original.shape[:2]
    x, y = story.corner
    return screen[y : y + height, x : x + width]


def moved(story: Story, name: str, screen: np.ndarray) -> bool:
    before, after = picture(story, story.screens[name]), picture(story, screen)
    return bool((before != after).any(axis=2).sum() > MOVED)


def alike(story: Story, name: str, screen: np.ndarray) -> bool:
    before, after = picture(story, story.screens[name]), picture(story, screen)
    return bool((before == after).all(axis=2).mean() > ALIKE)


def see_at_rest(story: Story, name: str) -> None:
    """Wait until nothing moves any more."""

    def rests() -> bool:
        before = story.look(name)
        time.sleep(1)
        return np.array_equal(picture(story, before), picture(story, story.look(name)))

    point_at(story, (5, 5))
    wait_for(rests, f"rest: {name}", PATIENCE)


def pull_the_nose(story: Story, nose: tuple[float, float], to: tuple[float, float]) -> None:
    """What moves is in the image, too, also after the button is released."""
    pull(story, nose, to, "nose")
    story.note("nose held")
    story.desktop.xdotool("mouseup", "1")
    see_at_rest(story, "nose pulled")
    story.note("nose pulled")


def pull_an_ear_while_it_moves(story: Story, to: tuple[float, float]) -> None:
    """Move the nose's target on, and let the ear go elsewhere before the nose is there."""
    pull(story, to, (to[0] + FARTHER[0], to[1] + FARTHER[1]), "nose again")
    story.desktop.xdotool("mouseup", "1")
    pull(story, EAR, EAR_UP, "ear")
    story.desktop.xdotool("mouseup", "1")
    see_at_rest(story, "ear pulled")


def move_a_target(story: Story, to: tuple[float, float]) -> None:
    """Take the nose's target, which is there already, and put it back."""
    there = to[0] + FARTHER[0], to[1] + FARTHER[1]
    pull(story, there, to, "target moved")
    story.desktop.xdotool("mouseup", "1")
    see_at_rest(story, "target moved")


def take_back(story: Story) -> None:
    story.note("before taking back")
    story.desktop.press("ctrl+z")
    wait_for(lambda: alike(story, "ear pulled", story.look("target back")), "the picture before", PATIENCE)
    story.note("taken back")
    story.desktop.press("ctrl+shift+z")
    wait_for(lambda: alike(story, "target moved", story.look("target again")), "the picture after", PATIENCE)
    story.desktop.press("ctrl+z")
    wait_for(lambda: alike(story, "ear pulled", story.look("target back again")), "the picture before", PATIENCE)


def paint(story: Story) -> None:
    """Hold a part of the picture, and choose the tool for pulling again."""
    story.desktop.press("alt+e")
    point_at(story, HELD, "mousedown", "1", "mousemove_relative", "40", "10", "sleep", "0.1", "mouseup", "1")
    see_at_rest(story, "painted")
    story.desktop.press("alt+p")


def go_half_way(story: Story) -> None:
    """With the slider's keys."""
    see_at_rest(story, "all the way")
    story.desktop.press("alt+w", *["Page_Up"] * 5)
    wait_for(lambda: moved(story, "all the way", story.look("half way")), "another picture", PATIENCE)
    see_at_rest(story, "half way")


def see_the_original(story: Story) -> None:
    story.desktop.press("alt+o")
    wait_for(lambda: find_on_screen(story.look("original again"), story.original), "the layer", PATIENCE)
    story.desktop.press("alt+o")


def layers(story: Story) -> int:
    return len(story.session.state(story.image)["layers"])


def keep(story: Story, name: str) -> None:
    """Keep it; what was asked is noted under a name, and the image."""
    before = layers(story)
    story.keep()
    wait_for(lambda: layers(story) == before + 1, "the new layer", PATIENCE, story.desktop.windows)
    story.wait_without_window()
    story.states[f"asked: {name}"] = asked(story)
    story.note(f"kept: {name}")


def undo_and_redo(story: Story) -> None:
    for key, name, number in (("ctrl+z", "undone", 1), ("ctrl+y", "redone", 2), ("ctrl+z", "undone again", 1)):
        story.desktop.press(key)
        wait_for(lambda number=number: layers(story) == number, name, PATIENCE)
        story.note(name)


def drag_along_a_path_without_the_mouse(story: Story, nose: tuple[float, float], to: tuple[float, float]) -> None:
    """A path that was drawn before is a drag as soon as the window opens; another pin is set with keys."""
    story.session.draw_path(story.image, [nose, to])
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: count(story.look("path"), markers.HANDLE) > 20, "the path's drag", PATIENCE)
    story.states["log before a result"] = newest_log(story.session.home)
    story.desktop.press("shift+Down", "shift+Down", "Down", "Return", "Return")
    wait_for(lambda: count(story.look("pin by key"), markers.PIN) > 20, "the pin", PATIENCE)
    keep(story, "along a path")


def cancel(story: Story) -> None:
    """With the Escape key, and by closing the window, once the subject has moved."""
    for key in ("Escape", "alt+F4"):
        story.note("before")
        story.desktop.press("ctrl+shift+f")
        story.desktop.wait_for_window(TITLE)
        wait_for(lambda: "phase drag" in newest_log(story.session.home), "the drag", PATIENCE)
        time.sleep(1)
        story.desktop.press(key)
        story.wait_without_window()
        story.states["log below a result"] = newest_log(story.session.home)
        story.states[f"cancelled with {key}"] = CANCELLED in newest_log(story.session.home)
        story.note(f"after {key}")
        story.states[f"changed by {key}"] = story.states["before"] != story.states[f"after {key}"]


def wait_for_start(story: Story) -> None:
    """Without following the mouse nothing moves before Start is pressed; the way is kept as frames."""
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    story.desktop.press("alt+f")
    wait_for(lambda: "phase drag" in newest_log(story.session.home), "the drag", PATIENCE)
    story.desktop.xdotool("mousemove", *MIDDLE_OF_THE_WINDOW, "click", "2")  # the keyboard goes back to the picture
    see_at_full_size(story)
    see_at_rest(story, "waits")
    time.sleep(2)
    story.look("waits still")
    story.desktop.press("alt+s")
    wait_for(lambda: moved(story, "waits still", story.look("started")), "the start", PATIENCE)
    switch_the_image_off_and_on(story)
    before = layers(story)
    story.desktop.press("alt+r")
    time.sleep(1)
    story.look("where the frames may come")
    story.desktop.press("Return")
    wait_for(lambda: layers(story) > before, "the frames", instead=story.desktop.windows)
    story.wait_without_window()
    story.note("kept as frames")
    story.desktop.press("ctrl+z")
    wait_for(lambda: layers(story) == before, "undo", PATIENCE)


def lack_room_for_frames(story: Story) -> None:
    """The disk of the backend takes the result, but not its frames, as if it were full."""
    system: Any = psutil  # Linux's alone has limits
    backend = system.Process(json.loads((story.session.home / "backend" / "backend.json").read_text())["pid"])
    before, unlimited = layers(story), backend.rlimit(system.RLIMIT_FSIZE)
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: "phase drag" in newest_log(story.session.home), "the drag", PATIENCE)
    see_at_full_size(story)
    see_at_rest(story, "before frames without room")
    backend.rlimit(system.RLIMIT_FSIZE, (LARGEST_RESULT, unlimited[1]))
    try:
        story.desktop.press("alt+r")
        time.sleep(1)
        story.desktop.press("Return")
        wait_for(lambda: left_behind(story.session.home) == [], "the end", PATIENCE, story.desktop.windows)
    finally:
        backend.rlimit(system.RLIMIT_FSIZE, unlimited)
    story.look("frames without room")
    if "GIMP Message" in story.desktop.windows():
        story.desktop.wait_for_window("GIMP Message")
        story.desktop.press("Escape")
    story.desktop.wait_for_window(GIMP_TITLE)
    story.note("frames without room")
    story.states["log of frames without room"] = newest_log(story.session.home)
    story.desktop.press("ctrl+z")
    wait_for(lambda: layers(story) == before, "undo", PATIENCE)


def switch_the_image_off_and_on(story: Story) -> None:
    """The last of the folded settings; the artist deletes the layer in the image at last."""

    def live() -> list[int]:
        return story.session.state(story.image)["live layers"]

    wait_for(live, "the layer in the image", PATIENCE)
    story.desktop.press("alt+t")
    story.desktop.xdotool("mousemove", *MIDDLE_OF_THE_WINDOW, "click", "2")
    story.desktop.press(*["shift+Tab"] * BUTTONS, "shift+Tab", "space")
    wait_for(lambda: not live(), "the layer's end", PATIENCE, lambda: str(story.look("switch")[0, 0]))
    story.look("switched off")
    story.desktop.press("space")
    (layer,) = wait_for(live, "the layer in the image again", PATIENCE)
    story.session.remove_layer(story.image, layer)


def lose_the_backend(story: Story) -> None:
    """It is killed while one pulls; one is told, tries again, and keeps."""
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: "phase drag" in newest_log(story.session.home), "the drag", PATIENCE)
    see_at_full_size(story)
    point_at(story, EAR, "mousedown", "1")
    point_at(story, EAR_UP)
    os.kill(json.loads((story.session.home / "backend" / "backend.json").read_text())["pid"], signal.Signals[KILL])
    wait_for(lambda: "The backend ended" in newest_log(story.session.home), "the sentence", PATIENCE)
    story.desktop.xdotool("mouseup", "1")
    time.sleep(1)
    story.look("backend killed")
    story.note("backend killed")
    story.desktop.press("alt+y")
    keep(story, "after the death")


def ends(drag: dict[str, list[float]]) -> list[tuple[int, ...]]:
    return [tuple(round(number) for number in drag[end]) for end in ("handle", "target")]


def test_the_window_opens_without_a_path_and_points_are_placed_while_the_picture_is_found(story: Story):
    assert story.states["phase at the pin"] != "drag"
    assert "There is no path" not in story.log


@pytest.mark.parametrize("name", ["nose", "nose again", "ear", "target moved"])
def test_the_subject_follows_while_the_button_is_held(story: Story, name: str):
    screens = [picture(story, screen) for title, screen in story.screens.items() if title.startswith(f"{name} ")]
    changes = [(a != b).any(axis=2).sum() > MOVED for a, b in itertools.pairwise(screens)]
    assert sum(changes) >= 3, "it moves on and on, not once"


def test_the_subject_moves_in_the_image_as_well(story: Story):
    assert len(story.states["nose held"]["live layers"]) == 1
    seen = [story.original, *(story.pixels[name] for name in ("nose held", "before taking back", "taken back"))]
    for before, after in itertools.combinations(seen, 2):
        assert (before != after).any(axis=2).sum() > MOVED
    changed = (story.pixels["nose pulled"] != story.original).any(axis=2)
    assert changed.mean() < 0.5, "what has not moved is as sharp as before"


def test_nothing_tells_of_the_layer_in_the_image_but_the_list_of_layers(story: Story):
    assert {**story.states["nose held"], "live layers": []} == story.states["opened"]
    assert story.states["kept: pulled"]["live layers"] == []


def test_what_is_kept_is_all_that_was_placed(story: Story, head: Example):
    nose, to = head.drags[0]
    asked = [ends(drag) for drag in story.states["asked: pulled"]["drags"]]
    pin, first, ear = asked
    assert np.allclose(pin, [CHEST] * 2, atol=1)
    assert np.allclose(first, [nose, (to[0] + FARTHER[0], to[1] + FARTHER[1])], atol=6), (
        "as it was before the step that was taken back"
    )
    assert np.allclose(ear, [EAR, EAR_UP], atol=1)


def test_what_was_painted_is_tinted(story: Story):
    x, y = HELD
    for name, tinted in (("target back again", False), ("painted", True)):
        red, green, _ = picture(story, story.screens[name])[y, x].astype(int)
        assert (red > green + 40) == tinted


def test_how_far_shows_what_lies_between(story: Story):
    assert moved(story, "all the way", story.screens["half way"])


def test_the_result_is_a_new_layer_that_one_undo_takes_away(story: Story):
    assert len(story.states["redone"]["layers"]) == 2
    assert story.states["undone"] == story.states["opened"]
    assert (story.pixels["redone"] != story.original).any(axis=2).mean() > 0.05
    assert np.array_equal(story.pixels["undone"], story.original)
    x, y = HELD
    assert np.array_equal(story.pixels["redone"][y, x], story.original[y, x]), "what was painted is held"


def test_a_path_is_dragged_along_without_a_touch_of_the_mouse(story: Story, head: Example):
    path, pin = (ends(drag) for drag in story.states["asked: along a path"]["drags"])
    assert np.allclose(path, head.drags[0], atol=1)
    assert pin[0] == pin[1]
    assert len(story.states["kept: along a path"]["layers"]) == 2


def test_who_drags_a_layer_again_is_reminded_of_the_result_above_it(story: Story):
    assert "This layer was dragged before" not in story.states["log before a result"]
    assert "This layer was dragged before" in story.states["log below a result"]


@pytest.mark.parametrize("key", ["Escape", "alt+F4"])
def test_cancelling_leaves_the_image_as_it_was(story: Story, key: str):
    assert story.states[f"cancelled with {key}"]
    assert not story.states[f"changed by {key}"]


def test_without_following_the_mouse_nothing_moves_before_start(story: Story):
    assert not moved(story, "waits", story.screens["waits still"])


def test_the_way_is_kept_as_a_group_of_layers(story: Story):
    group, *_ = story.states["kept as frames"]["layers"]
    assert group["size"][0] > 0
    assert len(story.states["kept as frames"]["layers"]) > len(story.states["after alt+F4"]["layers"])


def test_where_frames_have_no_room_the_result_is_a_layer(story: Story):
    assert "cannot store the frames" in story.states["log of frames without room"]
    before, after = (story.states[name]["layers"] for name in ("after alt+F4", "frames without room"))
    assert len(after) == len(before) + 1


def test_when_the_backend_dies_nothing_is_lost(story: Story):
    _, pulled = (ends(drag) for drag in story.states["asked: after the death"]["drags"])
    assert np.allclose(pulled, [EAR, EAR_UP], atol=1)
    assert KEPT in story.log
    assert len(story.states["kept: after the death"]["layers"]) == len(story.states["backend killed"]["layers"]) + 1
    assert left_behind(story.session.home) == []
