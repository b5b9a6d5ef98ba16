"""Outlines that were moved fall on those of the edited image."""

from __future__ import annotations

import numpy as np
import pytest

from backend.editing.correspondence import Correspondence, find_correspondence
from backend.editing.matte import Matte, end_matte, start_matte
from backend.editing.optical_flow import warp
from backend.editing.outlines import align_outlines, drop_traces
from tests.backend.editing.images import edit_along, shown
from tests.backend.editing.test_matte import END, START, disc, image, layer

OFF = 2.0  # pixels


@pytest.fixture(scope="module")
def found() -> Correspondence:
    """A disc moves; the flow lags behind."""
    found = find_correspondence(edit_along(lambda share: shown(image(START + share * (END - START)))))
    return found._replace(flow=np.full_like(found.flow, (START - END + OFF, 0)))


@pytest.fixture(scope="module")
def mattes(found: Correspondence) -> tuple[Matte, Matte]:
    return start_matte(found, layer(image(START))), end_matte(found, layer(image(END)))


def missed(flow: np.ndarray) -> float:
    """How much of the disc's outline is elsewhere when it is moved along `flow`, in its pixels."""
    moved = warp(disc(START).astype(np.float32), flow)
    return float(np.abs(moved - disc(END)).sum())


def test_the_moved_outline_is_shifted_to_that_of_the_edited_image(
    found: Correspondence, mattes: tuple[Matte, Matte]
) -> None:
    assert missed(align_outlines(found, *mattes).flow) < 0.35 * missed(found.flow)


def test_far_from_the_outline_the_flow_stays(found: Correspondence, mattes: tuple[Matte, Matte]) -> None:
    far = (disc(END, 50) == 0) & (disc(START, 50) == 0)
    shift = align_outlines(found, *mattes).flow - found.flow
    assert far.any()
    assert np.abs(shift[far]).max() < 0.1


def test_what_stayed_keeps_its_outline(found: Correspondence, mattes: tuple[Matte, Matte]) -> None:
    """The layer's own is where it is, whatever the mattes say."""
    still = found._replace(flow=np.zeros_like(found.flow), end=found.start)
    aligned = align_outlines(still, mattes[0], mattes[0]._replace(coverage=np.roll(mattes[0].coverage, 2, axis=1)))
    assert not aligned.flow.any()


def test_nothing_is_shifted_where_the_colours_would_fit_less(
    found: Correspondence, mattes: tuple[Matte, Matte]
) -> None:
    right = found._replace(flow=np.full_like(found.flow, (START - END, 0)))
    wrong = mattes[1]._replace(coverage=disc(END, 23.0).astype(np.float32))
    assert missed(align_outlines(right, mattes[0], wrong).flow) < missed(right.flow) + 2


def test_where_the_subject_lies_beyond_its_outline_it_is_hardly_believed(
    found: Correspondence, mattes: tuple[Matte, Matte]
) -> None:
    half_sure = found._replace(confidence=np.full_like(found.confidence, 0.4))
    confidence = drop_traces(half_sure, *mattes).confidence
    beyond = (disc(END - OFF, 20.0) > 0) & (disc(END, 21.0) == 0)
    assert beyond.any()
    assert np.median(confidence[beyond]) < 0.1
    np.testing.assert_allclose(confidence[disc(END, 12.0) > 0], 0.4)
