"""New Sample Image in GIMP's window: two samples are mixed by keys, and the image that is made can be dragged.

The story is played once for each GIMP; its screenshots are kept in the run's folder.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gimp_root import Gimp
from session import newest_log, to_array, wait_for
from story import Story, told

TITLE = "^New Sample Image$"
SHAPE, LOOK = 5, 9  # the second of the second row, and the second of the third


@pytest.fixture(scope="module")
def story(either_gimp: Gimp, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, played once, with the real engine."""
    with told(either_gimp, vendor, tmp_path_factory.mktemp("samples"), None, ["-m", "backend", "serve"]) as story:
        story.press("menu", "alt+r", "Up", "Right")  # what needs an image is passed over; Models comes first
        story.desktop.press("Down", "Return")
        story.desktop.wait_for_window(TITLE)
        wait_for(lambda: 0 in drawn(story), "the samples", instead=story.desktop.windows)
        story.desktop.press("Down", "Down", "Right")
        story.look("samples")
        story.desktop.press("alt+k")
        wait_for(lambda: 0 in drawn(story, LOOK), "the mixed samples", instead=story.desktop.windows)
        story.desktop.press("Up")
        story.look("mixed")
        story.desktop.press("Return")
        (story.image,) = wait_for(story.session.images, "the image", instead=story.desktop.windows)
        story.desktop.wait_for_window("256x256")
        story.note("made")
        yield story


def drawn(story: Story, look: int | None = None) -> list[int]:
    """The first seeds of all that have come with this look."""
    come = re.findall(r"thumbnails have come: (\{.*\})$", newest_log(story.session.home), re.MULTILINE)
    options = [ast.literal_eval(one) for one in come]
    return [one["seeds"][0] for one in options if one.get("look") == look]


def test_the_image_has_the_shape_of_one_sample_and_the_look_of_another(story: Story):
    (layer,) = story.states["made"]["layers"]
    assert layer["name"] == f"critters, seed {SHAPE}, look {LOOK}"
    assert story.session.sample(seed=SHAPE, look=LOOK)["status"] == "success"
    twin = max(story.session.images())
    assert np.array_equal(to_array(story.session.visible_pixels(twin))[..., :3], story.pixels["made"])


def test_a_mixed_sample_is_dragged_without_being_looked_for(story: Story):
    story.session.draw_path(story.image, [(128, 128), (140, 128)])
    assert story.session.drag(story.image, steps=2)["status"] == "success"
    assert "phase invert" not in newest_log(story.session.home)
