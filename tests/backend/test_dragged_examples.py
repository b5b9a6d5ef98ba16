"""The main job on rendered pictures that no network made: the head turns, the ears grow, the mouth opens.

Arrival is measured twice: by the tracker, and without it by the renderer, which sweeps the one factor that was to
change and finds the picture nearest to the result. Both are printed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from backend.editing.compositing import laid_over
from backend.editing.editor import Editor
from backend.editing.points import Drag
from backend.editing.region import choose_region
from backend.models import open_model
from stylegan2.critters.examples import EXAMPLES, Example


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor(open_model("critters"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_subject_goes_where_it_is_dragged(example: Example, editor: Editor) -> None:
    rgb = example.picture()
    assert rgb.shape == (500, 700, 3)
    asked = [math.dist(*ends) / example.head_width for ends in example.drags]
    assert min(asked) >= 0.12, "a drag of at least 12 % of the head's width"
    picture = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    *_, found = editor.open(picture, choose_region(picture.shape[:2], editor.generator.image_size))
    drags = [Drag(*ends) for ends in example.drags]
    *_, last = editor.drag([*drags, *(Drag.pin(point) for point in example.pins)], example.mask())
    result = editor.result()
    edited = laid_over(picture, result.layer, result.mask, result.offset)
    rest = float(last.distances[: len(drags)].max() / np.mean(result.state.region.scale))
    before, after = example.achieved(rgb).value, example.achieved(edited[..., :3]).value
    moved = (after - example.start) / (example.asked - example.start)
    print(
        f"\n{example.name}: inverted at {found.psnr():.1f} dB; tracker: {rest:.2f} model pixels left after {last.step} "
        f"steps; renderer: {example.factor} {example.start:.2f} became {after:.2f}, {moved:.0%} of what was asked"
    )
    assert before == pytest.approx(example.start, abs=0.03), "the sweep sees the picture as it was"
    assert found.psnr() >= 22
    assert rest <= 2
    assert moved >= 0.5
