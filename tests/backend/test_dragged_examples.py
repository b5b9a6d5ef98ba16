"""The main job on rendered pictures that no network made: the head turns, the ears grow, the mouth opens.

The service has dragged them, for the demo. Arrival is measured twice: by the tracker, and without it by the renderer,
which sweeps the one factor that was to change and finds the picture nearest to the result. Both are printed.
"""

from __future__ import annotations

import math

import pytest

from stylegan2.critters.examples import EXAMPLES, Example
from tests.backend.conftest import Demo


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_subject_goes_where_it_is_dragged(example: Example, demo_run: Demo) -> None:
    asked = [math.dist(*ends) / example.head_width for ends in example.drags]
    assert min(asked) >= 0.12, "a drag of at least 12 % of the head's width"
    report = demo_run.examples[example.name]
    found, shown = report["inversion"]["psnr"], report["renderer"]
    distances = report["distances_end"]["model_pixels"]
    rest = max(distances[number] for number, point in enumerate(report["points"]) if not point["pin"])
    print(
        f"\n{example.name}: inverted at {found:.1f} dB; tracker: {rest:.2f} model pixels left; "
        f"renderer: {shown['factor']} {shown['start']:.2f} became {shown['shown']:.2f}, "
        f"{shown['share_of_the_way']:.0%} of what was asked"
    )
    assert found >= 22
    assert rest <= 2
    assert shown["share_of_the_way"] >= 0.5


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_sweep_sees_the_picture_as_it_was(example: Example) -> None:
    """What the renderer's measure means: on the picture before the drag it finds what was drawn."""
    picture = example.picture()
    assert picture.shape == (500, 700, 3)
    assert example.achieved(picture).value == pytest.approx(example.start, abs=0.03)
