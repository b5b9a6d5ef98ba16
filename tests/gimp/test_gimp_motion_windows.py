"""Motion as Frames in the window of a real GIMP 3.0 and 3.2: from the menu, by keys, and undone in one step; and how
a drag is undone that has moved its path.

The story is played once for each; its screenshots are kept in the run's folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gimp_root import Gimp
from session import wait_for
from story import Story, open_picture, told

from stylegan2.critters.making.examples import Example

TITLE = "^Motion as Frames$"


@pytest.fixture(scope="module")
def story(
    either_gimp: Gimp, vendor: Path, head: Example, picture: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The whole story, played once."""
    with told(either_gimp, vendor, tmp_path_factory.mktemp("motion"), picture) as story:
        open_picture(story)
        story.session.draw_path(story.image, *head.drags)
        story.note("path drawn")
        story.session.drag(story.image, go_on=True)
        story.note("dragged")
        story.desktop.press("ctrl+z")
        wait_for(lambda: len(layers(story)) == 1, "undo of the drag", instead=story.desktop.windows)
        story.note("drag undone")
        story.desktop.press("ctrl+y")
        wait_for(lambda: len(layers(story)) == 2, "redo of the drag", instead=story.desktop.windows)
        story.session.select_layers(story.image, [layers(story)[0]["id"]])
        take(story)
        undo(story)
        cancel(story)
        yield story


def open_dialog(story: Story) -> None:
    """The third entry of the plug-in's menu, which is the last of Filters."""
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Down", "Down", "Return")
    story.desktop.wait_for_window(TITLE)


def take(story: Story) -> None:
    open_dialog(story)
    story.look_anew("dialog", story.screens["menu"])
    story.desktop.press("alt+n", "ctrl+a", "5", "Tab", "alt+m")
    wait_for(lambda: len(layers(story)) == 3, "the group of frames", instead=story.desktop.windows)
    story.wait_without_window(TITLE)
    story.note("taken")
    story.look("taken")


def undo(story: Story) -> None:
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(layers(story)) == 2, "undo", instead=story.desktop.windows)
    story.note("undone")
    story.desktop.press("ctrl+y")
    wait_for(lambda: len(layers(story)) == 3, "redo", instead=story.desktop.windows)
    story.note("redone")


def cancel(story: Story) -> None:
    """With so many frames that there is time for it. Redo has left another layer selected."""
    story.session.select_layers(story.image, [layers(story)[1]["id"]])
    open_dialog(story)
    seen = story.log.count("phase frames")
    story.desktop.press("alt+n", "ctrl+a", "2", "4", "0", "Tab", "alt+m")
    story.wait_for_log("phase frames", seen)
    story.look("at work")
    story.desktop.press("Escape")
    story.wait_without_window(TITLE)
    story.note("cancelled")


def layers(story: Story) -> list[dict[str, object]]:
    return story.session.state(story.image)["layers"]


def test_a_drag_and_its_moved_path_are_undone_in_one_step(story: Story):
    before, dragged, undone = (story.states[name] for name in ("path drawn", "dragged", "drag undone"))
    assert dragged["paths"] != before["paths"]
    assert (undone["paths"], undone["layers"]) == (before["paths"], before["layers"])


def test_as_many_frames_as_were_asked_for_are_in_the_group(story: Story):
    group, *others = story.states["taken"]["layers"]
    assert [child["name"] for child in group["children"]] == [f"Frame {n} (100ms)" for n in (5, 4, 3, 2, 1)]
    assert others == story.states["dragged"]["layers"]
    assert np.array_equal(story.pixels["taken"], story.pixels["dragged"])


def test_undo_takes_all_of_them_away_in_one_step_and_redo_brings_them_back(story: Story):
    assert story.states["undone"]["layers"] == story.states["dragged"]["layers"]
    assert story.states["redone"]["layers"] == story.states["taken"]["layers"]


def test_cancel_leaves_nothing(story: Story):
    assert story.states["cancelled"]["layers"] == story.states["redone"]["layers"]
