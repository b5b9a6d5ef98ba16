"""What an artist may do to the image while a drag is at work, in the windows of a real GIMP 3.0 and 3.2.

The layer is deleted, or taken away by undo; the image is closed; GIMP is quit. The backend is the real one but for its
engine, which takes its time (patch_backend.py).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from desktop import GIMP_TITLE
from gimp_root import Gimp
from session import KILL, Session, left_behind, newest_log, plugin_process, wait_for
from story import TITLE, Story, see_picture, told

PATIENCE = 60.0  # seconds
PATH = [(100, 110), (120, 110)]
CLOSED = "The image was closed during the drag: the result is lost; run the filter again."
DELETED = "The layer was deleted during the drag; the result is now on top of the image."
PLACE = (6, -4)  # of the layer that is dragged on and goes


@pytest.fixture(scope="module")
def story(either_gimp: Gimp, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, played once."""
    with told(either_gimp, vendor, tmp_path_factory.mktemp("mid-run")) as story:
        open_sample(story)
        delete_the_layer(story)
        undo_the_layer(story)
        delete_for_good(story)
        close_the_image(story)
        work_as_usual(story)
        wait_for_another(story)
        quit_gimp(story)
        work_again(story, either_gimp)
        yield story


def open_sample(story: Story) -> None:
    image = story.session.sample(seed=2)["image"]
    story.session.draw_path(image, PATH)
    story.session.display(image)
    see_picture(story, "256x256")


def layer_on_top(story: Story) -> int:
    """A new layer, selected, whose making is what undo takes back."""
    layer = story.session.add_layer(story.image, *PLACE, 256, 256)
    story.session.select_layers(story.image, [layer])
    return layer


def begin(story: Story, name: str) -> None:
    """Run the filter again, and wait until the subject moves; the window stays until it is told to end."""
    story.desktop.press("ctrl+shift+f")
    see_the_drag(story, name)


def see_the_drag(story: Story, name: str) -> None:
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: "phase drag" in newest_log(story.session.home), "the drag", PATIENCE, story.desktop.windows)
    story.desktop.wait_for_window(TITLE)
    story.look(name)


def to_the_image(story: Story) -> None:
    """Give the keyboard to the image's window."""
    story.desktop.xdotool("search", "--onlyvisible", "--name", "256x256", "windowactivate", "--sync")
    story.desktop.wait_for_window("256x256")


def come_back_and_keep(story: Story) -> None:
    story.desktop.xdotool("search", "--onlyvisible", "--name", TITLE, "windowactivate", "--sync")
    story.keep()


def see_on_top(story: Story, name: str) -> None:
    """The result comes on top of the image, and GIMP says why: in a window, or in its status bar where there is room
    for it; then undo it with one key."""
    come_back_and_keep(story)
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 2, "the result", PATIENCE)
    wait_for(lambda: left_behind(story.session.home) == [], "the end of the plug-in", PATIENCE, story.desktop.windows)
    story.look(f"{name} told")
    if "GIMP Message" in story.desktop.windows():
        story.desktop.wait_for_window("GIMP Message")
        story.desktop.press("Escape")
    story.desktop.wait_for_window(GIMP_TITLE)
    story.note(name)
    story.states[f"{name} log"] = newest_log(story.session.home)
    to_the_image(story)
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 1, "undo", PATIENCE, story.desktop.windows)


def delete_the_layer(story: Story) -> None:
    """The first run of all, from the menu."""
    layer = layer_on_top(story)
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Return")
    see_the_drag(story, "layer deleted")
    story.session.remove_layer(story.image, layer)
    see_on_top(story, "layer deleted")


def undo_the_layer(story: Story) -> None:
    layer_on_top(story)
    begin(story, "layer undone")
    to_the_image(story)
    story.desktop.press("ctrl+z")
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 1, "undo", PATIENCE, story.desktop.windows)
    see_on_top(story, "layer undone")


def delete_for_good(story: Story) -> None:
    """Without undo, nothing is left of a layer; and this one would have given place to its result."""
    layer = layer_on_top(story)
    story.session.set_opacity(layer, 50)
    begin(story, "layer deleted for good")
    story.session.call(story.image, "undo_disable")
    story.session.remove_layer(story.image, layer)
    story.session.call(story.image, "undo_enable")
    see_on_top(story, "layer deleted for good")


def close_the_image(story: Story) -> None:
    begin(story, "image closed")
    story.session.call(story.image, "clean_all")  # or GIMP would ask
    to_the_image(story)
    story.desktop.press("ctrl+w")
    wait_for(lambda: not story.session.images(), "the end of the image", PATIENCE, story.desktop.windows)
    come_back_and_keep(story)
    wait_for(lambda: CLOSED in newest_log(story.session.home), "the sentence", PATIENCE, story.desktop.windows)
    story.desktop.wait_for_window("GIMP Message")
    story.look("image closed told")
    story.desktop.press("Escape")
    story.desktop.wait_for_window(GIMP_TITLE)
    story.states["images when closed"] = story.session.images()


def work_as_usual(story: Story) -> None:
    open_sample(story)
    begin(story, "as usual")
    come_back_and_keep(story)
    story.wait_without_window()
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 2, "the new layer", PATIENCE)
    story.note("as usual")


def wait_for_another(story: Story) -> None:
    """Run the filter while the backend drags on another image, until that drag ends because its plug-in is killed."""
    other = story.session.sample(seed=3)["image"]
    story.session.draw_path(other, PATH)
    story.session.send("drag", other, steps=2000)
    wait_for(lambda: "phase drag" in newest_log(story.session.home), "the other drag", PATIENCE)
    first = plugin_process(story.session)
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: "phase wait" in newest_log(story.session.home), "its turn", PATIENCE, story.desktop.windows)
    story.desktop.wait_for_window(TITLE)
    story.look("another waits")
    os.kill(first, signal.Signals[KILL])
    assert story.session.receive()["status"] == "error"
    story.desktop.wait_for_window("GIMP Message")  # GIMP tells of the killed plug-in
    story.desktop.press("Escape")
    come_back_and_keep(story)
    wait_for(lambda: len(story.session.state(story.image)["layers"]) == 3, "the new layer", PATIENCE)
    story.wait_without_window()
    story.note("after another")


def quit_gimp(story: Story) -> None:
    begin(story, "quit")
    plugin = plugin_process(story.session)
    backend_log = story.session.home / "backend" / "logs" / "backend.log"
    ended = backend_log.read_text().count(" ends after ")
    story.session.call(story.image, "clean_all")
    to_the_image(story)
    story.desktop.press("ctrl+q")
    wait_for(lambda: not Path(f"/proc/{plugin}").exists(), "the end of the plug-in", PATIENCE, story.desktop.windows)
    wait_for(lambda: story.session.process.poll() is not None, "the end of GIMP", PATIENCE, story.desktop.windows)
    wait_for(lambda: backend_log.read_text().count(" ends after ") > ended, "the end of the job", PATIENCE)
    story.states["log at the end"] = newest_log(story.session.home)


def work_again(story: Story, gimp: Gimp) -> None:
    """An ordinary run in the next GIMP of this home, which cleans up after the one that was quit."""
    session = Session.console(gimp, story.session.home)
    image = session.sample(seed=2)["image"]
    session.draw_path(image, PATH)
    story.states["run after quitting"] = session.drag(image)["status"]
    story.states["left behind"] = left_behind(session.home)
    session.close_image(image)
    session.close()


@pytest.mark.parametrize("what", ["deleted", "undone", "deleted for good"])
def test_when_the_layer_is_gone_the_result_is_on_top_of_the_image_at_its_place(story: Story, what: str):
    result, other = story.states[f"layer {what}"]["layers"]
    assert result["name"] == "Small (dragged)"
    assert result["visible"]
    assert (result["offset"], result["size"]) == (list(PLACE), [256, 256])
    assert other["name"] == "critters, seed 2"
    assert DELETED in story.states[f"layer {what} log"]


def test_the_pixels_of_a_layer_that_was_deleted_for_good_are_those_it_had(story: Story):
    x, y = PLACE
    assert (story.pixels["layer deleted for good"][: 256 + y, x:] == 255).all()


def test_when_the_image_is_closed_the_artist_is_told(story: Story):
    assert story.states["images when closed"] == []


def test_the_next_ordinary_run_works(story: Story):
    result, source = story.states["as usual"]["layers"]
    assert result["name"] == "critters, seed 2 (dragged)"
    assert source["name"] == "critters, seed 2"


def test_a_drag_waits_for_another_and_is_done_after_it(story: Story):
    assert len(story.states["after another"]["layers"]) == 3


def test_when_gimp_is_quit_plug_in_and_job_end(story: Story):
    assert "unexpected" not in story.states["log at the end"]


def test_after_gimp_was_quit_the_next_run_works_and_nothing_is_left(story: Story):
    assert story.states["run after quitting"] == "success"
    assert story.states["left behind"] == []
