"""Result layers to look at: the hard cases in one sheet, large layers at full size, and five drags in turn."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from backend.editing.editor import Editor
from backend.editing.layers import composite_over
from backend.editing.points import Drag
from backend.editing.region import Region, choose_region
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making import factors, geometry
from stylegan2.critters.making.anatomy import animals
from stylegan2.critters.making.landmarks import landmark, landmarks
from stylegan2.critters.making.rays import CAMERA_DISTANCE, HALF_FIELD
from stylegan2.critters.making.sweep import fine_sweep
from tests.benchmarks.drags import opaque
from tests.benchmarks.layer_measures import detail
from tests.benchmarks.patterned_heads import BACKGROUND, patterned, surface

PSI = 0.7
SIDE, SHOWN = 1200, 480  # pixels of the layers of the sheet, and as they are shown there
CROP = 700  # pixels of a large layer that are shown at full size
LABEL = 30
TURNS = 5


@dataclass(frozen=True)
class Case:
    """A change of one factor, asked for by dragging a landmark; for an eyelid, from above the eye down to it."""

    name: str
    seed: int
    factor: str
    values: tuple[float, float]
    handle: str
    pinned: tuple[str, ...] = ()
    striped: bool = False
    cut_out: bool = False


CASES = (
    Case("mouth opened", 1, "mouth open", (0.3, 0.95), "lower lip", ("nose", "left eye", "right eye")),
    Case("eye closed", 2, "eye openness", (0.75, 0.05), "right eye", ("nose", "left eye")),
    Case("ear longer", 3, "ear length", (0.2, 0.85), "right ear tip", ("nose", "left eye", "right eye")),
    Case("head turned, striped background", 4, "yaw", (0.3, 0.7), "nose", striped=True),
    Case("head turned, cut out", 5, "yaw", (0.7, 0.35), "nose", cut_out=True),
)
LARGE = Case("head turned", 6, "yaw", (0.36, 0.64), "nose")


def add_commands(actions: Any) -> None:
    """Add the commands `sheet`, `large` and `turns`."""
    for name, function, text in (
        ("sheet", sheet, "hard cases: before, after, the model's picture, what was asked for"),
        ("large", large, "layers of 2400 x 2400 and 6000 x 4000 pixels, before, after and truth at full size"),
    ):
        parser = actions.add_parser(name, help=text)
        parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
        parser.set_defaults(run=function)
    actions.add_parser("turns", help="five drags in turn on one layer: how sharp it stays").set_defaults(run=turns)


def sheet(arguments: argparse.Namespace) -> None:
    """Draw the sheet of CASES."""
    editor, rows = _editor(), []
    for case in CASES:
        before = _layer(case, case.values[0], (SIDE, SIDE))
        after, edited = _dragged(editor, case, before)
        asked = _layer(case, case.values[1], (SIDE, SIDE))
        model = opaque(np.asarray(Image.fromarray(edited).resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
        rows.append(_row(case.name, [before, after, model, asked]))
        print(case.name, flush=True)
    _save(rows, arguments.output)


def large(arguments: argparse.Namespace) -> None:
    """Show the same drag on both sizes, around the eye and at the outline, at full size."""
    editor, rows = _editor(), []
    for height, width in ((2400, 2400), (4000, 6000)):
        before = _layer(LARGE, LARGE.values[0], (height, width))
        after, edited = _dragged(editor, LARGE, before)
        region = choose_region((height, width), editor.generator.image_size)
        value = fine_sweep(edited, _factors(LARGE, LARGE.values[0]), LARGE.factor).value
        truth = _layer(LARGE, value, (height, width))
        points, _ = landmarks(_factors(LARGE, value), height, width)
        for name in ("right eye", "left ear tip"):
            x, y = (int(c - CROP / 2) for c in points[0, landmark(name)])
            x, y = max(min(x, width - CROP), 0), max(min(y, height - CROP), 0)
            crops = [image[y : y + CROP, x : x + CROP] for image in (before, after, truth)]
            rows.append(_row(f"{width} x {height}, {name}: before, after, truth", crops, CROP))
        print(f"{width} x {height}: region {region.width} x {region.height}, {LARGE.factor} {value:.2f}", flush=True)
    _save(rows, arguments.output)


def turns(arguments: argparse.Namespace) -> None:
    """Drag five times in turn, from the original's pixels as the plug-in does, and from the result's, to compare."""
    editor = _editor()
    values = np.linspace(*LARGE.values, TURNS + 1)
    before = _layer(LARGE, values[0], (SIDE, SIDE))
    region = Region(0, 0, SIDE, SIDE, editor.generator.image_size)
    places = [landmarks(_factors(LARGE, value), SIDE)[0][0, landmark(LARGE.handle)].tolist() for value in values]
    for with_original in (True, False):
        _open(editor, before, region)
        state, layer, first = None, before, 0.0
        for turn in range(TURNS):
            if state is not None:
                editor.open_state(state, layer, before if with_original else None)
            for _ in editor.drag([Drag((*places[turn],), (*places[turn + 1],))]):
                pass
            result = editor.result()
            layer = composite_over(layer, result.layer, result.mask, result.offset)
            state = result.state.continued(region)
            sharpness = _sharpness(layer, before, _factors(LARGE, values[turn + 1]))
            first = first or sharpness
            pixels = "original's" if with_original else "result's"
            kept = f"{sharpness:.0%} of the source's, {sharpness / first:.0%} of that after the first"
            print(f"the {pixels} pixels, drag {turn + 1}: detail {kept}", flush=True)


def _sharpness(layer: np.ndarray, before: np.ndarray, animal: Tensor) -> float:
    """Median strength of the detail on the head and the ears, as a share of what it was."""
    small = SIDE // 6
    head = (surface(animal, small, small).part != BACKGROUND).view(small, small).numpy()
    head = cv2.erode(head.astype(np.uint8), np.ones((15, 15), np.uint8))
    head[int(0.7 * small) :] = 0  # the body hardly moves
    inside = cv2.resize(head, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0
    after, source = (np.median(detail(np.ascontiguousarray(p[..., :3]))[inside]) for p in (layer, before))
    return float(after / source)


def _editor() -> Editor:
    torch.set_num_threads(1)  # more than one gain little on a model this small
    geometry.compile_parts()
    return Editor(open_model(EMBEDDED))


def _factors(case: Case, value: float) -> Tensor:
    animal = factors.random(case.seed, psi=PSI)
    return factors.changed(factors.changed(animal, "mouth open", 0.3), case.factor, value)


def _layer(case: Case, value: float, size: tuple[int, int]) -> np.ndarray:
    """Uint8 [height, width, 4]."""
    animal = _factors(case, value)
    layer = opaque(patterned(animal, *size, striped_background=case.striped).numpy())
    if case.cut_out:
        behind = (surface(animal, *size).part == BACKGROUND).view(size).numpy()
        layer[..., 3] = np.where(behind, 0, 255)
    return layer


def _dragged(editor: Editor, case: Case, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The layer after the drag [H, W, 4], and the model's image then [h, w, 3]."""
    height, width = before.shape[:2]
    _open(editor, before, choose_region((height, width), editor.generator.image_size))
    *_, last = editor.drag(_drags(case, height, width))
    result = editor.result()
    return composite_over(before, result.layer, result.mask, result.offset), last.preview()


def _open(editor: Editor, layer: np.ndarray, region: Region) -> None:
    editor.open(layer, region)


def _drags(case: Case, height: int, width: int) -> list[Drag]:
    start, end = (_factors(case, value) for value in case.values)
    (points, _), (asked, _) = (landmarks(animal, height, width) for animal in (start, end))
    handle, target = points[0, landmark(case.handle)], asked[0, landmark(case.handle)]
    if case.factor == "eye openness":  # the lid has no landmark: it comes from the eyeball's upper edge
        animal = animals(start)
        radius = float(animal.eye_radius * animal.scale) * height / 2 / (CAMERA_DISTANCE * HALF_FIELD)
        target = handle + torch.tensor([0.0, 0.3 * radius])
        handle = handle - torch.tensor([0.0, 0.8 * radius])
    pins = [Drag.pin(_point(points[0, landmark(name)])) for name in case.pinned]
    return [Drag(_point(handle), _point(target)), *pins]


def _point(point: Tensor) -> tuple[float, float]:
    x, y = point.tolist()
    return x, y


def _row(name: str, images: Sequence[np.ndarray], side: int = SHOWN) -> Image.Image:
    """Images uint8 [h, w, 4] side by side, over a chequered ground, under their name."""
    row = Image.new("RGB", (len(images) * side, side + LABEL), "white")
    ImageDraw.Draw(row).text((6, 4), name, fill="black", font=ImageFont.load_default(18))
    y, x = np.mgrid[:side, :side] // 16
    ground = Image.fromarray(np.where((x + y) % 2, 170, 210).astype(np.uint8)).convert("RGBA")
    for index, image in enumerate(images):
        shown = Image.fromarray(np.ascontiguousarray(image)).resize((side, side), Image.Resampling.LANCZOS)
        row.paste(Image.alpha_composite(ground, shown).convert("RGB"), (index * side, LABEL))
    return row


def _save(rows: Sequence[Image.Image], file: Path) -> None:
    result = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        result.paste(row, (0, top))
        top += row.height
    result.save(file, quality=88)
    print(f"written to {file}")
