"""The way an artist goes, in the window of a real GIMP 3.0 and 3.2, with the real engine.

Draw a path by mouse, run the filter from the menu, watch, undo. The story is played once for each; the tests look at
what was seen on its way. Its screenshots are kept in the run's folder.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gimp_root import Gimp
from session import left_behind, wait_for
from story import CANCELLED, TITLE, Story, count, open_picture, shows, told

from core import markers
from stylegan2.critters.making.examples import Example

STOPPED = "stopped and kept by the artist"
CLOSED = ([(300, 200), (400, 200), (350, 300)],)  # strokes
JOB_SECONDS = 600.0


@pytest.fixture(scope="module")
def story(
    either_gimp: Gimp, vendor: Path, head: Example, picture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The whole story, played once."""
    with told(either_gimp, vendor, tmp_path_factory.mktemp("windows"), picture) as story:
        open_picture(story)
        draw(story, head)
        think_better_of_it(story)
        run(story)
        undo(story)
        keep(story)
        cancel(story)
        be_refused(story)
        yield story


def draw(story: Story, head: Example) -> None:
    """The path, with the mouse and the Paths tool."""
    drag, *_ = head.drags
    story.desktop.press("b")
    for point in drag:
        story.click(point)

    def paths() -> Any:
        return story.session.state(story.image)["paths"]

    wait_for(lambda: is_drawn(paths(), drag), f"the path {drag}", instead=lambda: f"there is {paths()}")
    story.session.call(story.image, "clean_all")
    story.note("path drawn")
    story.look("path drawn")


def is_drawn(paths: Any, drag: Sequence[tuple[float, float]]) -> bool:
    """Whether there is one open path, from the handle to the target of the drag."""
    anchors = [(points[2:4], points[8:10], closed) for *_, strokes in paths for points, closed in strokes]
    if len(anchors) != 1 or not anchors[0][1]:
        return False
    start, end, closed = anchors[0]
    return not closed and np.allclose([start, end], drag, atol=1)


def think_better_of_it(story: Story) -> None:
    """The filter, from the menu, is the last entry of Filters. Its window is closed again at once."""
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Return")
    story.desktop.wait_for_window(TITLE)
    story.wait_for_log("plug-in of Python")
    story.look_anew("window", story.screens["menu"])
    wait_for(lambda: count(story.look("window"), markers.HANDLE) > 20, "the path's drag")
    story.desktop.press("Escape")
    story.wait_without_window()
    story.note("cancelled in the window")


def run(story: Story) -> None:
    """The filter again, with the key that needs no answer."""
    story.desktop.press("ctrl+f")
    watch(story)
    story.wait_without_window()
    story.note("result")
    story.wait_to_show("result")


def watch(story: Story) -> None:
    """Until the job is done, keep the first and the newest screenshot of each of its phases."""
    deadline = time.monotonic() + JOB_SECONDS
    while " done: " not in story.log:
        assert time.monotonic() < deadline, f"the job is not done; the log ends: {story.log[-500:]}"
        phase = story.phase
        screen = story.desktop.picture()
        if phase and phase == story.phase:
            name = f"{phase} newest" if f"{phase} first" in story.screens else f"{phase} first"
            story.screens[name] = screen
        time.sleep(0.1)


def undo(story: Story) -> None:
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 1, "undo", instead=story.desktop.windows)
    story.note("undone")
    story.wait_to_show("undone")


def keep(story: Story) -> None:
    """The same drag again, ended with Stop and Keep as soon as it moves; then undone."""
    done = story.log.count(" done: ")
    story.desktop.press("ctrl+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: story.phase == "drag", "the drag", instead=lambda: story.log[-500:])

    def stopped() -> bool:  # the button can be pressed only when the window shows that the subject moves
        story.look("stop and keep")
        story.desktop.press("alt+s")
        return STOPPED in story.log

    wait_for(stopped, "the end of the drag", instead=lambda: story.log[-500:])
    story.wait_for_log(" done: ", done)
    story.wait_without_window()
    story.note("kept")
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 1, "undo", instead=story.desktop.windows)


def cancel(story: Story) -> None:
    """At work, with the Escape key, which is the Cancel button, and by closing the window."""
    for keys in ("Escape", "alt+F4"):
        seen = story.log.count(CANCELLED)
        story.desktop.press("ctrl+f")
        story.desktop.wait_for_window(TITLE)
        story.desktop.press(keys)
        story.wait_for_log(CANCELLED, seen)
        story.wait_without_window()
        story.note(f"cancelled with {keys}")


def be_refused(story: Story) -> None:
    """Along a closed path the filter cannot be repeated: it says so in a window of GIMP's own."""
    story.session.remove_paths(story.image)
    story.session.draw_path(story.image, *CLOSED, closed=True)
    story.session.call(story.image, "clean_all")
    story.note("closed path")
    before, screen = set(windows(story)), story.desktop.picture()
    story.desktop.press("ctrl+f")
    wait_for(lambda: set(windows(story)) - before, "the refusal", instead=story.desktop.windows)
    story.look_anew("refusal", screen)
    story.note("refused")
    story.desktop.press("Escape")


def windows(story: Story) -> list[str]:
    return story.desktop.xdotool("search", "--onlyvisible", "--name", ".").split()


def test_the_path_drawn_by_mouse_is_where_it_was_clicked(story: Story, head: Example):
    assert is_drawn(story.states["path drawn"]["paths"], head.drags[0])


def test_the_menu_and_the_window_open(story: Story):
    assert not np.array_equal(story.screens["menu"], story.screens["path drawn"])
    assert not np.array_equal(story.screens["window"], story.screens["menu"])


def test_the_window_has_the_drag_of_the_path(story: Story):
    assert count(story.screens["window"], markers.HANDLE) > 20
    assert count(story.screens["window"], markers.TARGET) > 20


def test_the_window_shows_handle_and_target_on_a_preview_that_moves(story: Story):
    first, inverted = story.screens["invert first"], story.screens["invert newest"]
    later = [screen for name, screen in story.screens.items() if name.split()[0] in ("drag", "compose", "done")]
    dragged = [screen for screen in later if count(screen, markers.HANDLE)][-1]  # the window stays until all is done
    for screen in (first, inverted, dragged):
        assert count(screen, markers.HANDLE) > 20
    for screen in (first, inverted):  # a handle that has arrived covers its target
        assert count(screen, markers.TARGET) > 20
    assert not np.array_equal(first, inverted)
    assert not np.array_equal(inverted, dragged)


def test_the_result_is_a_new_layer_and_is_seen_on_the_screen(story: Story):
    before, after = story.states["path drawn"], story.states["result"]
    assert after["layers"][1:] == before["layers"]
    assert len(after["layers"]) == 2
    assert after["layers"][0]["mask"]
    assert (story.pixels["result"] != story.pixels["path drawn"]).any(axis=2).mean() > 0.05
    assert shows(story.screens["result"], story, "result")


def test_selected_layer_selection_and_path_are_kept(story: Story, either_gimp: Gimp):
    before, after = story.states["path drawn"], story.states["result"]
    if either_gimp.version.startswith("3.2"):  # there, a path that is not visible would be lost to the eye
        before = {**before, "paths": [[*path[:2], True, *path[3:]] for path in before["paths"]]}
    for part in ("selected layers", "selection", "paths", "selected paths"):
        assert after[part] == before[part], part


def test_one_ctrl_z_takes_it_all_away(story: Story):
    """An image counts its undo steps from where it was marked clean: clean again after one, so it was one step."""
    assert story.states["result"]["changed"]
    assert story.states["undone"] == story.states["path drawn"]
    assert not story.states["undone"]["changed"]
    assert np.array_equal(story.pixels["undone"], story.original)
    assert shows(story.screens["undone"], story, "path drawn")


def test_stop_and_keep_leaves_the_drag_as_far_as_it_was(story: Story):
    assert STOPPED in story.log
    steps = [int(count) for count in re.findall(r"'steps': (\d+), 'seconds'", story.log)]
    assert len(steps) == 2
    assert steps[1] < steps[0]
    layers = story.states["kept"]["layers"]
    assert len(layers) == 2


@pytest.mark.parametrize("how", ["in the window", "with Escape", "with alt+F4"])
def test_cancelling_leaves_the_image_as_it_was(story: Story, how: str):
    assert story.states[f"cancelled {how}"] == story.states["path drawn"]


def test_a_refusal_is_a_sentence_on_the_screen_and_changes_nothing(story: Story):
    assert re.search(r"WARNING \S+ draggan: The path is closed", story.log)
    assert not np.array_equal(story.screens["refusal"], story.screens["undone"])
    assert story.states["refused"] == story.states["closed path"]
    assert left_behind(story.session.home) == []
