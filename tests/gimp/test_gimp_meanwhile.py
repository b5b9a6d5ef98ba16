"""What an artist may do to the image while the drag window is open, in the windows of a real GIMP 3.0 and 3.2.

Everything counts as it is when the artist comes back to the window; where the model cannot show the layer, another
question comes. The backend is the real one but for its engine, which moves a square (patch_backend.py).
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gimp_root import Gimp
from patch_backend import BETTER, FOREIGN_LAYERS
from session import Session, left_behind, newest_log, wait_for
from story import TITLE, Story, asked, count, see_picture, told

from backend.client.progress import POOR_FIT
from core import markers

PATIENCE = 60.0  # seconds
FIRST, SECOND = [(100, 110), (120, 110)], [(90, 140), (110, 150)]
CLOSED = [[(100, 110), (120, 110), (110, 130)]]
SHIFT = (5, -3)  # by which the layer is moved meanwhile
SELECTED = (60, 100, 90, 80)  # x, y, width, height in the image
QUESTION = "^Drag All the Same"
FOREIGN = "//example.invalid/share/model.safetensors"


@pytest.fixture(scope="module")
def story(either_gimp: Gimp, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, played once."""
    with told(either_gimp, vendor, tmp_path_factory.mktemp("dialog")) as story:
        image = story.session.sample(seed=2)["image"]
        story.session.draw_path(image, FIRST)
        story.session.display(image)
        see_picture(story, "256x256")
        change_everything(story)
        draw_a_closed_path(story)
        come_from_elsewhere(story)
        be_asked(story)
        change_nothing(story)
        yield story


def open_window(story: Story, name: str) -> None:
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: count(story.look(name), markers.HANDLE) > 20, "the window's picture", PATIENCE)


def layers(session: Session, image: int) -> list[int]:
    return [layer["id"] for layer in session.state(image)["layers"]]


def change_everything(story: Story) -> None:
    """Path, selection, the layer's place and its pixels, which the edit that it carries fits no more."""
    session, image = story.session, story.image
    (layer,) = layers(session, image)
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Return")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: count(story.look("before the changes"), markers.HANDLE) > 20, "the window's picture", PATIENCE)
    session.remove_paths(image)
    session.draw_path(image, SECOND)
    session.move(layer, *SHIFT)
    session.select(image, *SELECTED)
    session.paint(layer, 100, 130)
    story.come_back("256x256")
    story.keep()
    wait_for(lambda: len(layers(session, image)) == 2, "the new layer", PATIENCE, story.desktop.windows)
    story.wait_without_window()
    story.note("dragged")
    story.states["asked"] = asked(story)
    story.states["log"] = newest_log(session.home)
    result, _ = layers(session, image)
    session.show(result, False)
    story.note("changed")  # not before: what moved in the image could be in it
    session.show(result, True)


def draw_a_closed_path(story: Story) -> None:
    """On the layer that was dragged; while it is looked at, the path becomes an open one."""
    session, image = story.session, story.image
    session.remove_paths(image)
    session.draw_path(image, *CLOSED, closed=True)
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: "phase drag" in newest_log(session.home), "the drag", PATIENCE)
    story.look("closed path")
    story.states["closed path"] = told_above(story)
    session.remove_paths(image)
    session.draw_path(image, SECOND)
    story.come_back("256x256")
    wait_for(lambda: count(story.look("opened path"), markers.HANDLE) > 20, "the path's drag", PATIENCE)
    story.states["opened path"] = told_above(story)
    story.desktop.press("Escape")
    story.wait_without_window()


def told_above(story: Story) -> str:
    """What stands above the picture by now."""
    *_, sentence = re.findall(r"above the picture: (.*)", newest_log(story.session.home))
    return ast.literal_eval(sentence)


def come_from_elsewhere(story: Story) -> None:
    """The layer names a model's file that the backend does not offer; the window leaves the artist's model alone."""
    session, image = story.session, story.image
    session.select_nothing(image)
    result, _ = layers(session, image)
    session.claim(result, model=FOREIGN)
    session.select_layers(image, [result])
    open_window(story, "from elsewhere")
    story.keep()
    wait_for(lambda: len(layers(session, image)) == 3, "the new layer", PATIENCE, story.desktop.windows)
    story.wait_without_window()
    story.states["asked from elsewhere"] = asked(story)


def be_asked(story: Story) -> None:
    """On a layer that the model cannot show: first cancelled, then dragged all the same."""
    session, image = story.session, story.image
    foreign = session.home / "backend" / FOREIGN_LAYERS
    foreign.touch()
    session.select_layers(image, [session.add_layer(image, 0, 0, 256, 256)])
    session.call(image, "clean_all")
    story.note("foreign layer")
    question(story, "Escape")
    story.desktop.wait_for_window(TITLE)
    time.sleep(1)
    story.look("asked and not dragged")
    story.states["not dragged, told"] = told_above(story)
    story.desktop.press("Escape")
    story.wait_without_window()
    story.note("not dragged")
    question(story, "alt+d")
    story.keep()
    wait_for(lambda: left_behind(session.home) == [], "the end of the plug-in", PATIENCE, story.desktop.windows)
    story.look("told of the fit")
    if "GIMP Message" in story.desktop.windows():  # else it stands in the status bar
        story.desktop.wait_for_window("GIMP Message")
        story.desktop.press("Escape")
    story.note("dragged all the same")
    story.states["told of the fit"] = newest_log(session.home)
    foreign.unlink()


def question(story: Story, key: str) -> None:
    """Run the filter until it asks, and answer with a key."""
    before = story.look("before the question")
    story.desktop.press("ctrl+shift+f")
    story.desktop.wait_for_window(QUESTION)
    story.look_anew("question", before)
    story.desktop.press(key)
    story.wait_for_end_of_window(QUESTION)


def change_nothing(story: Story) -> None:
    """Come back without having changed anything: what was found is not looked for again."""
    session, image = story.session, story.image
    newest, *_ = layers(session, image)
    session.select_layers(image, [newest])
    open_window(story, "nothing changed")
    wait_for(lambda: "phase drag" in newest_log(session.home), "the drag", PATIENCE)
    for _ in range(2):
        story.come_back("256x256")
    story.desktop.press("Escape")
    story.wait_without_window()
    story.states["nothing changed"] = newest_log(session.home)


def test_the_path_counts_as_it_is_afterwards_and_so_does_the_place_of_the_layer(story: Story):
    (drag,) = story.states["asked"]["drags"]
    x, y = SHIFT
    assert [drag["handle"], drag["target"]] == [[a - x, b - y] for a, b in SECOND]
    result, source = story.states["dragged"]["layers"]
    assert source["offset"] == list(SHIFT)
    assert result["offset"] == list(SHIFT)


def test_the_selection_counts_as_it_is_afterwards(story: Story):
    changed = (story.pixels["dragged"] != story.pixels["changed"]).any(axis=2)
    x, y, width, height = SELECTED
    inside = np.zeros_like(changed)
    inside[y : y + height, x : x + width] = True
    assert changed[inside].any()
    assert not changed[~inside].any()


def test_the_pixels_count_as_they_are_afterwards_and_with_them_the_edit(story: Story):
    assert "phase invert" in story.states["log"], "the layer was painted on, so its edit fits no more"


def test_what_is_wrong_with_a_path_is_said_until_it_is_mended(story: Story):
    assert story.states["closed path"].startswith("The path is closed")
    assert story.states["opened path"] == ""


def test_a_model_that_the_backend_does_not_offer_is_not_taken_from_a_layer(story: Story):
    assert story.states["asked from elsewhere"]["model"] == "critters"


def test_a_layer_that_the_model_cannot_show_is_left_alone_unless_the_artist_says_so(story: Story):
    assert "unfit: This model makes toy animals; it cannot rebuild this layer well." in story.states["told of the fit"]
    assert f'The model "{BETTER}" fits it better.' in story.states["told of the fit"]
    assert "Choose or get a model" in story.states["not dragged, told"]
    assert story.states["not dragged"] == story.states["foreign layer"]
    assert not story.states["not dragged"]["changed"], "nothing to undo"
    before, after = story.states["foreign layer"]["layers"], story.states["dragged all the same"]["layers"]
    assert after[1:] == before
    assert after[0]["name"] == "Small (dragged)"


def test_after_a_drag_on_such_a_layer_the_artist_is_told_of_it_again(story: Story):
    assert POOR_FIT in story.states["told of the fit"]


def test_who_comes_back_without_a_change_finds_the_window_as_it_was(story: Story):
    assert story.states["nothing changed"].count("phase drag") == 1
    assert left_behind(story.session.home) == []
