"""A sheet of drags to look at: each image before with its arrows, after, and beside them what was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from backend.editing.points import Drag, Point
from tests.benchmarks.scenes import Outcome

COLUMNS = 3
SIDE, SMALL = 256, 128  # pixels of an image, and of the small one
GAP, LABEL = 10, 44  # pixels between drags, and of the two lines above one
DRAG_COLOUR, PIN_COLOUR, OUTLINE = (255, 40, 40), (40, 110, 255), (255, 255, 255)
INK, FAILURE = (20, 20, 20), (200, 0, 0)


def sheet(outcomes: Sequence[Outcome]) -> Image.Image:
    """The drags, row by row."""
    width, height = 2 * SIDE + SMALL + GAP, SIDE + LABEL + GAP
    rows = math.ceil(len(outcomes) / COLUMNS)
    result = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), "white")
    for index, outcome in enumerate(outcomes):
        row, column = divmod(index, COLUMNS)
        result.paste(cell(outcome), (GAP + column * width, GAP + row * height))
    return result


def cell(outcome: Outcome) -> Image.Image:
    """One drag: what it was and what came of it, before with arrows, after, and small what was asked for."""
    scene, rest = outcome.scene, outcome.rest
    result = Image.new("RGB", (2 * SIDE + SMALL, SIDE + LABEL), "white")
    draw = ImageDraw.Draw(result)
    lines = (
        f"{scene.kind.name}, seed {scene.seed}",
        f"{'arrived' if rest.arrived else 'NOT arrived'}: {rest.share:.0%} of the way left (tracker: "
        f"{outcome.tracker:.0%}), {outcome.steps} steps",
    )
    for number, text in enumerate(lines):
        colour = INK if rest.arrived or number == 0 else FAILURE
        draw.text((0, 20 * number), text, fill=colour, font=ImageFont.load_default(16))
    before, after, asked = (Image.fromarray(image) for image in (scene.before, outcome.after, scene.asked))
    scale = SIDE / before.width
    before = before.resize((SIDE, round(before.height * scale)), Image.Resampling.LANCZOS)
    result.paste(with_arrows(before, (*scene.drags, *scene.besides), scale), (0, LABEL))
    result.paste(after.resize(before.size, Image.Resampling.LANCZOS), (SIDE, LABEL))
    small = (SMALL, round(before.height * SMALL / SIDE))
    result.paste(asked.resize(small, Image.Resampling.LANCZOS), (2 * SIDE, LABEL))
    draw.text((2 * SIDE + 4, LABEL + small[1] + 4), "asked for", fill=INK, font=ImageFont.load_default(14))
    return result


def with_arrows(image: Image.Image, drags: Sequence[Drag], scale: float) -> Image.Image:
    """Drags as arrows and pins as dots, with a light outline; drawn at four times the size, then shrunk: smooth."""
    fine = 4
    large = image.resize((image.width * fine, image.height * fine), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(large)
    for drag in drags:
        handle, target = (_times(point, scale * fine) for point in (drag.handle, drag.target))
        for colour, wider in ((OUTLINE, fine), (PIN_COLOUR if drag.is_pin else DRAG_COLOUR, 0)):
            _dot(draw, handle, 3 * fine + wider, colour)
            if not drag.is_pin:
                _arrow(draw, handle, target, fine, wider, colour)
    return large.resize(image.size, Image.Resampling.LANCZOS)


def _arrow(
    draw: ImageDraw.ImageDraw, start: Point, end: Point, fine: int, wider: int, colour: tuple[int, int, int]
) -> None:
    """A line of 2 pixels and a head of 9, each `wider` all around; `fine` drawn pixels are one of the sheet."""
    draw.line([start, end], fill=colour, width=2 * fine + 2 * wider)
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    tip = (end[0] + 1.5 * wider * math.cos(angle), end[1] + 1.5 * wider * math.sin(angle))
    length = 9 * fine + 2.5 * wider
    sides = [
        (tip[0] - length * math.cos(angle + turn), tip[1] - length * math.sin(angle + turn)) for turn in (-0.45, 0.45)
    ]
    draw.polygon([tip, *sides], fill=colour)


def _dot(draw: ImageDraw.ImageDraw, centre: Point, radius: float, colour: tuple[int, int, int]) -> None:
    x, y = centre
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def _times(point: Point, scale: float) -> Point:
    return point[0] * scale, point[1] * scale
