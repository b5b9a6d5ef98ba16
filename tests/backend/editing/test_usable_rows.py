"""Models whose images have black bands above and below: the region and the inversion know only the rows between."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from backend.editing.editor import Editor
from backend.editing.points import Drag
from backend.editing.region import Region, choose_region
from backend.editing.settings import InversionSettings
from backend.models import open_model

CARS, BAND = (512, 512), 64
USABLE = 192  # rows of the embedded model's 256, for the tests of what they do


@pytest.fixture(scope="module")
def editor() -> Editor:
    """The embedded model, as if only the middle of its images could be used."""
    return Editor(dataclasses.replace(open_model("critters"), usable_height=USABLE))


@pytest.mark.parametrize(
    ("layer_size", "box"),
    [((384, 512), (0, 0, 512, 384)), ((768, 1024), (0, 0, 1024, 768)), ((600, 600), (0, 75, 600, 450))],
)
def test_the_region_has_the_shape_of_the_rows_between(layer_size: tuple[int, int], box: tuple[int, ...]) -> None:
    region = choose_region(layer_size, CARS, band=BAND)
    assert region.box == box
    assert region.to_model(np.array([[box[0], box[1]]])).tolist() == [[0, BAND]]


def test_around_a_selection_it_has_that_shape_too() -> None:
    region = choose_region((1000, 1000), CARS, (300, 400, 200, 60), "selection", BAND)
    assert region.width / region.height == pytest.approx(512 / 384, rel=0.01)
    assert region.x < 300
    assert region.y < 400


def test_the_bands_see_nothing_although_the_layer_goes_on() -> None:
    layer = np.random.default_rng(1).integers(0, 255, (512, 512, 4), np.uint8)
    layer[..., 3] = 255
    region = choose_region((512, 512), CARS, band=BAND)
    shown = region.shrink(region.crop(layer))
    assert shown.shape == (512, 512, 4)
    assert not shown[:BAND, :, 3].any()
    assert not shown[-BAND:, :, 3].any()
    assert (shown[BAND:-BAND, :, 3] > 230).all()
    assert np.abs(shown[BAND:-BAND].astype(int) - layer[64:-64]).mean() < 30, "it lies where it belongs"


def test_nothing_may_move_in_the_bands() -> None:
    region = choose_region((512, 512), CARS, band=BAND)
    small = region.shrink_mask(region.crop(np.full((512, 512), 255, np.uint8)))
    assert not small[:BAND].any()
    assert not small[-BAND:].any()
    assert (small[BAND:-BAND] == 255).all()


def test_a_handle_in_a_band_is_outside() -> None:
    region = choose_region((512, 512), CARS, band=BAND)
    region.check_inside([Drag((100, 70), (120, 440))])
    with pytest.raises(ValueError, match=r"at 100, 60 lies outside"):
        region.check_inside([Drag((100, 60), (120, 100))])


def test_a_sample_has_no_bands_and_can_be_dragged(editor: Editor) -> None:
    pixels = editor.sample(1)
    assert pixels.shape == (USABLE, 256, 3)
    assert editor.region.box == (0, 0, 256, USABLE)
    for _ in editor.drag([Drag((128, 96), (136, 96))], settings=_short(editor)):
        pass
    result = editor.result()
    assert result.layer.shape == (USABLE, 256, 4)
    assert result.mask.any()


def test_the_inversion_does_not_mind_what_it_cannot_see(editor: Editor) -> None:
    """Were the bands counted, as black, a head whose image goes on there would not be found."""
    whole = Editor(open_model("critters")).sample(1)
    layer = np.dstack([whole, np.full(whole.shape[:2], 255, np.uint8)])[32:-32]
    *_, last = editor.open_steps(np.ascontiguousarray(layer), settings=InversionSettings(steps=10))
    assert last.psnr() > 21  # with the bands counted as black it would be 13
    found = editor.image(editor._open_state.w_plus)[0].permute(1, 2, 0).numpy() * 127.5 + 127.5
    assert np.abs(found[:32] - whole[:32]).mean() < 40, "it goes on in the bands as a head does"


def _short(editor: Editor):
    return dataclasses.replace(editor.loaded.preset.drag, max_steps=5)


def test_a_region_without_bands_is_as_it_was() -> None:
    assert choose_region((384, 512), (512, 512)) == Region(64, 0, 384, 384, (512, 512))
