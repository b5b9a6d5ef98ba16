"""Models in the windows of a real GIMP: chosen by title, fetched from a server of ours, dragged with, removed, added.

The story is played once, in one GIMP, with the real backend; the other GIMP only shows the window. The catalogue is the
real one, but for its first model, which is a small network. The screenshots are kept in the run's folder.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from desktop import GIMP_TITLE
from gimp_root import CLONE, Gimp
from gimp_root import locate_other as locate_other_gimp
from session import left_behind, wait_for
from story import TITLE, Story, asked, count, told

from backend.models import catalogue
from core import markers
from tests.backend.catalogue_backend import write_catalogue
from tests.backend.file_server import FileServer, serving

MODEL = CLONE / "tests" / "data" / "checkpoints" / "official_square.pkl"
CONTENT = MODEL.read_bytes()
NAME = "lions-512"
MODELS, LICENCE, REMOVE, ADD = "^Models$", "^Licence$", "^Remove Model$", "^Add Model File$"
PATIENCE = 60.0  # seconds
SLOWLY = len(CONTENT) / 8  # bytes a second
SAMPLES = 5_000  # colours that they bring
PATH = [(100, 128), (130, 120)]


@pytest.fixture(scope="module")
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


def backend_with(folder: Path, server: FileServer) -> list[str]:
    """The arguments of a backend that gets its first model from a server."""
    first, *others = catalogue.entries()
    small = first.model_copy(
        update={
            "urls": (server.url,),
            "bytes": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "height": 32,
            "width": 32,
            "preset": {},
        }
    )
    _, file = write_catalogue(folder / "catalogue.json", small, *others)
    return ["-u", "-m", "tests.backend.catalogue_backend", file, "serve"]


@pytest.fixture(scope="module")
def story(gimp: Gimp, vendor: Path, server: FileServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, played once."""
    folder = tmp_path_factory.mktemp("models")
    with told(gimp, vendor, folder, arguments=backend_with(folder, server)) as story:
        open_window(story)
        choose_what_is_not_here(story)
        refuse_the_licence(story)
        download_and_cancel(story, server)
        download(story, server)
        drag_with_it(story)
        remove_it(story)
        add_a_file(story)
        yield story


def open_window(story: Story) -> None:
    """The drag window on a sample of the embedded model, its settings unfolded, its list of models open."""
    story.image = story.session.sample(seed=2)["image"]
    story.session.draw_path(story.image, PATH)
    story.session.display(story.image)
    story.desktop.wait_for_window("256x256")
    story.press("menu", "alt+r", "Up", "Right")
    story.desktop.press("Return")
    story.desktop.wait_for_window(TITLE)
    wait_for(lambda: count(story.look("window"), markers.HANDLE) > 20, "the window's picture", PATIENCE)
    story.wait_for_log("here: ['critters'], at rest")
    time.sleep(0.5)
    story.desktop.press("alt+t")
    time.sleep(0.5)
    story.look("window")
    story.desktop.press("alt+m")
    story.press("models to choose from", "space")


def choose_what_is_not_here(story: Story) -> None:
    """The first one below those that are here: the window opens on it."""
    seen = story.log.count("at rest")
    story.desktop.press("Down", "Return")
    story.desktop.wait_for_window(MODELS)
    story.wait_for_log("at rest", seen)
    time.sleep(1)
    story.look("models")


def refuse_the_licence(story: Story) -> None:
    story.desktop.press("alt+d")
    story.desktop.wait_for_window(LICENCE)
    story.look_anew("licence", story.screens["models"])
    story.desktop.press("Escape")
    story.desktop.wait_for_window(MODELS)


def download_and_cancel(story: Story, server: FileServer) -> None:
    story.states["requests before the licence was accepted"] = len(server.ranges)
    server.bytes_per_second = SLOWLY
    story.desktop.press("alt+d")
    story.desktop.wait_for_window(LICENCE)
    story.desktop.press("alt+a")
    story.wait_for_log(f"{NAME}: downloading")
    story.desktop.wait_for_window(MODELS)
    time.sleep(2)
    story.look("downloading")
    time.sleep(1)
    story.look("further on")
    seen = story.log.count("at rest")
    story.desktop.press("alt+n")
    story.wait_for_log("at rest", seen)
    time.sleep(0.5)
    story.look("cancelled")


def download(story: Story, server: FileServer) -> None:
    """Again, without a question this time."""
    server.bytes_per_second = None
    story.desktop.press("alt+d")
    story.wait_for_log(f"here: ['critters', '{NAME}']")
    story.states["ranges"] = server.ranges
    time.sleep(1)
    story.look("here")


def drag_with_it(story: Story) -> None:
    """Back in the drag window, it is chosen, and the picture is found anew."""
    story.desktop.press("Escape")
    story.desktop.wait_for_window(TITLE)
    story.wait_for_log(f"'model': '{NAME}'")
    story.look("chosen in the window")
    story.note("before the drag")
    story.keep()

    def layers() -> int:
        return len(story.session.state(story.image)["layers"])

    wait_for(lambda: layers() == 2, "the new layer", PATIENCE, story.desktop.windows)
    wait_for(lambda: left_behind(story.session.home) == [], "the end of the plug-in", PATIENCE, story.desktop.windows)
    story.note("dragged")
    story.states["asked"] = asked(story)
    story.desktop.press("Escape")  # perhaps a message on points that have not arrived


def remove_it(story: Story) -> None:
    """The window from the menu, on the first model; the second one is removed."""
    story.desktop.wait_for_window(GIMP_TITLE)
    story.press("menu again", "alt+r", "Up", "Right", "Down")
    seen = story.log.count("here:")
    story.desktop.press("Return")
    story.desktop.wait_for_window(MODELS)
    story.wait_for_log("here:", seen)
    time.sleep(0.5)
    story.desktop.press("Down", "alt+r")
    story.desktop.wait_for_window(REMOVE)
    story.look("remove")
    seen = story.log.count("here: ['critters'], at rest")
    story.desktop.press("alt+r")
    story.wait_for_log("here: ['critters'], at rest", seen)
    story.states["files after the removal"] = model_files(story)


def add_a_file(story: Story) -> None:
    """First under a name that is taken."""
    file = story.session.home / "my squares.pkl"
    file.write_bytes(CONTENT)
    for name in ("critters", "my squares"):
        story.desktop.wait_for_window(MODELS)
        story.desktop.press("alt+a")
        story.desktop.wait_for_window(ADD)
        story.press("place of the file", "slash")
        story.desktop.xdotool("type", str(file).removeprefix("/"))
        story.desktop.press("alt+n", "ctrl+a")
        story.desktop.xdotool("type", name)
        story.look(f"add as {name}")
        story.desktop.press("Return")
        story.desktop.wait_for_window(MODELS)
        time.sleep(1)
        story.look(f"added as {name}")
    story.wait_for_log("here: ['critters', 'my squares'], at rest")
    time.sleep(1)
    story.look("added")
    story.desktop.press("Escape")
    story.wait_without_window(MODELS)


def colours(screen: np.ndarray) -> int:
    return len(np.unique(screen.astype(np.int32) @ [65536, 256, 1]))


def model_files(story: Story) -> list[str]:
    return sorted(file.name for file in (story.session.home / "backend" / "models").iterdir())


def test_nothing_is_fetched_before_the_licence_was_accepted(story: Story):
    assert story.states["requests before the licence was accepted"] == 0


def test_a_download_shows_its_progress_and_goes_on_where_it_was_cancelled(story: Story):
    assert not np.array_equal(story.screens["downloading"], story.screens["further on"])
    first, second = story.states["ranges"]
    assert first is None
    assert int(second.removeprefix("bytes=").removesuffix("-")) > 0


def test_the_model_that_was_fetched_is_chosen_and_dragged_with(story: Story):
    assert story.states["asked"]["model"] == NAME
    assert len(story.states["dragged"]["layers"]) == len(story.states["before the drag"]["layers"]) + 1


def test_a_model_that_is_removed_leaves_no_file(story: Story):
    assert story.states["files after the removal"] == []


def test_a_refusal_is_told_and_a_file_is_added(story: Story):
    assert 'There is a model called "critters" already' in story.log
    assert "my squares.safetensors" in model_files(story)
    assert left_behind(story.session.home) == []


def test_the_other_gimp_shows_the_window_too(gimp: Gimp, vendor: Path, server: FileServer, tmp_path: Path):
    other = locate_other_gimp(gimp)
    with told(other, vendor, tmp_path, arguments=backend_with(tmp_path, server)) as story:
        story.press("menu", "alt+r", "Up", "Right")  # what needs an image is passed over
        before = story.screens["menu"]
        story.desktop.press("Return")
        story.desktop.wait_for_window(MODELS)
        story.wait_for_log("here: ['critters'], at rest")
        wait_for(lambda: colours(story.look("models")) > colours(before) + SAMPLES, "samples", PATIENCE)
        story.press("placed by hand", "End")
        story.desktop.press("Escape")
        story.wait_without_window(MODELS)
