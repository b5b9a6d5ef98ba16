"""Faces are framed as the FFHQ data set frames them.

The face of tests/data/face.jpg is Eileen Collins', cut from a photograph by NASA, in the public domain.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.editing import faces
from backend.editing.faces import Face, detect_faces, find_face
from backend.editing.points import Drag
from backend.editing.region import Region, choose_region
from backend.editing.subject import find_subject

PHOTO = Image.open(Path(__file__).parents[2] / "data" / "face.jpg").convert("RGBA")
SIDE = 128  # of the model's image
SIZE = (SIDE, SIDE)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGBA"))


def beside_each_other() -> np.ndarray:
    """Two faces, the right one half as large, on a grey layer."""
    layer = Image.new("RGBA", (460, 260), "grey")
    layer.paste(PHOTO, (0, 0))
    layer.paste(PHOTO.resize((160, 160)), (290, 60))
    return pixels(layer)


def seen(layer: np.ndarray) -> np.ndarray:
    region = find_face(layer, SIZE)
    assert region is not None
    return region.shrink(region.crop(layer))[..., :3].astype(int)


def test_the_eyes_are_level_and_the_face_is_in_the_middle() -> None:
    (face,) = detect_faces(pixels(PHOTO))
    frame = face.aligned(SIDE)
    left, right = frame.to_model(np.array([face.left_eye, face.right_eye]), SIZE)
    assert abs(left[1] - right[1]) < 2
    assert abs((left[0] + right[0]) / 2 - SIDE / 2) < 2
    assert right[0] - left[0] == pytest.approx(SIDE / 4, abs=2), "a quarter of the width, as in FFHQ"


def test_a_long_face_is_framed_by_its_height() -> None:
    eyes = np.array([40.0, 50.0]), np.array([60.0, 50.0])
    frame = Face(*eyes, mouth=np.array([50.0, 90.0])).aligned(SIDE)
    assert (frame.x, frame.y, frame.roll) == (50, 54, 0)
    assert frame.scale == pytest.approx(3.6 * 40 / SIDE)


def test_a_face_that_leans_to_the_right_is_turned_back() -> None:
    turn = math.radians(20)
    across = np.array([math.cos(turn), math.sin(turn)])
    down = np.array([-across[1], across[0]])
    middle = np.array([100.0, 100.0])
    frame = Face(middle - 20 * across, middle + 20 * across, middle + 42 * down).aligned(SIDE)
    assert frame.roll == pytest.approx(20)


def test_a_large_and_tilted_one_is_shown_like_the_upright_one() -> None:
    tilted = PHOTO.rotate(-20, expand=True, fillcolor="grey")
    large = tilted.resize((tilted.width * 5, tilted.height * 5), Image.Resampling.BICUBIC)
    middle = slice(SIDE // 4, -SIDE // 4)
    upright, other = (seen(pixels(image))[middle, middle] for image in (PHOTO, large))
    assert np.abs(upright - other).mean() < 12


def test_of_two_the_one_nearest_to_the_handle_is_meant_else_the_larger() -> None:
    layer = beside_each_other()
    larger = find_face(layer, SIZE)
    dragged = find_face(layer, SIZE, [Drag((370.0, 130.0), (375.0, 130.0))])
    selected = find_face(layer, SIZE, within=(280, 50, 180, 180))
    assert larger is not None
    assert larger.frame is not None
    assert larger.frame.x < 200
    assert dragged == selected
    assert dragged is not None
    assert dragged.frame is not None
    assert dragged.frame.x > 330


def test_none_is_found_where_a_drag_leads_out_of_it_or_there_is_none() -> None:
    assert find_face(beside_each_other(), SIZE, [Drag((370.0, 130.0), (20.0, 30.0))]) is None
    assert find_face(np.full((200, 200, 4), 128, np.uint8), SIZE) is None


def test_only_models_of_aligned_faces_look_for_one() -> None:
    layer = beside_each_other()
    plain = choose_region(layer.shape[:2], SIZE)
    assert find_subject(None, layer, SIZE) == plain
    assert find_subject(None, layer, SIZE, aligned_faces=True) == find_face(layer, SIZE)


def test_without_the_library_the_region_stays_as_it_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "MTCNN", None)
    region = find_subject(None, pixels(PHOTO), SIZE, aligned_faces=True)
    assert region == Region(0, 0, *PHOTO.size, SIZE)
