"""Three animals to show what a drag does: a head that turns, ears that grow, a mouth that opens.

Each is a rendered picture of factors no training picture had, and a change of ONE factor that is asked for by
dragging: handles are landmarks of the picture, targets are where the same landmarks are when the factor has
the asked value. What a drag achieved is measured with `sweep`. They were chosen to be clear, and to work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from stylegan2.critters.making import factors as animal_factors
from stylegan2.critters.making.renderer import head_width, landmark, landmarks, render
from stylegan2.critters.making.sweep import Box, Sweep, fine_sweep

HEIGHT, WIDTH = 500, 700
SWEEP_HEIGHT = 160  # compared at a third of the size: 30 pictures cost few seconds then

Point = tuple[float, float]


@dataclass(frozen=True)
class Example:
    """One animal and the change asked of it. Points are (x, y) in pixels, (0, 0) the top left corner."""

    name: str
    factor: str  # the one that is to change
    start: float
    asked: float
    handles: tuple[str, ...]  # landmarks that are dragged
    pinned: tuple[str, ...] = ()  # landmarks that stay
    movable: tuple[float, float, float, float] | None = None
    """What may move, an ellipse: centre (from the middle of handles and targets), radii, in head widths."""
    look: Mapping[str, float] = field(default_factory=dict)  # the other factors, where they are not 0.5

    @cached_property
    def factors(self) -> Tensor:
        """The animal, float `[36]`."""
        return self.factors_at(self.start)

    def factors_at(self, value: float) -> Tensor:
        """The animal with another value of the factor that is to change, float `[36]`."""
        result = torch.full((1, animal_factors.COUNT), 0.5)
        for name, other in {**self.look, self.factor: value}.items():
            result = animal_factors.changed(result, name, other)
        return result[0]

    def picture(self, value: float | None = None) -> np.ndarray:
        """The picture, uint8 `[500, 700, 3]`, or the one with another value of the factor."""
        factors = self.factors_at(self.start if value is None else value)
        return render(factors[None], HEIGHT, WIDTH)[0].permute(1, 2, 0).contiguous().numpy()

    @cached_property
    def drags(self) -> list[tuple[Point, Point]]:
        """Handle and target of each drag."""
        return [(self._place(name, self.start), self._place(name, self.asked)) for name in self.handles]

    @cached_property
    def pins(self) -> list[Point]:
        """Points that are to stay."""
        return [self._place(name, self.start) for name in self.pinned]

    @cached_property
    def head_width(self) -> float:
        """Width of the head in pixels, see `landmarks.head_width`."""
        return float(head_width(self.factors[None], HEIGHT)[0])

    def mask(self) -> np.ndarray | None:
        """What may move, uint8 `[500, 700]`, 255 inside and 0 outside; None when everything may."""
        if self.movable is None:
            return None
        middle = np.mean(self.drags, axis=(0, 1))
        x, y, radius_x, radius_y = (self.head_width * number for number in self.movable)
        rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
        inside = ((columns - middle[0] - x) / radius_x) ** 2 + ((rows - middle[1] - y) / radius_y) ** 2 <= 1
        return (inside * 255).astype(np.uint8)

    def achieved(self, edited: np.ndarray, box: Box | None = None) -> Sweep:
        """The value of the factor that an edited picture uint8 `[500, 700, 3]` shows, others unchanged."""
        return fine_sweep(edited, self.factors, self.factor, box, height=SWEEP_HEIGHT)

    def _place(self, name: str, value: float) -> Point:
        points, _ = landmarks(self.factors_at(value)[None], HEIGHT, WIDTH)
        x, y = points[0, landmark(name)].tolist()
        return round(x, 1), round(y, 1)


EXAMPLES: list[Example] = [
    Example(
        name="head turned",
        factor="yaw",
        start=0.42,
        asked=0.62,
        handles=("nose",),
        look={
            "pitch": 0.45,
            "roll": 0.55,
            "y": 0.6,
            "size": 0.6,
            "ear length": 0.45,
            "ear width": 0.6,
            "ear pointedness": 0.7,
            "eye openness": 0.65,
            "eye size": 0.6,
            "mouth open": 0.45,
            "fur colour": 0.05,
            "fur brightness": 0.6,
            "pale parts": 0.75,
            "blaze": 0.3,
            "ear tips": 0.55,
            "background hue": 0.55,
            "iris": 0.5,
        },
    ),
    Example(
        name="ears longer",
        factor="ear length",
        start=0.30,
        asked=0.70,
        handles=("right ear tip", "left ear tip"),
        pinned=("right eye", "left eye", "nose"),
        movable=(0.0, 0.10, 0.75, 0.42),
        look={
            "yaw": 0.55,
            "pitch": 0.55,
            "roll": 0.45,
            "y": 0.35,
            "size": 0.4,
            "ear splay": 0.35,
            "ear pointedness": 0.5,
            "ear width": 0.5,
            "eye openness": 0.7,
            "mouth open": 0.35,
            "smile": 0.6,
            "fur colour": 0.62,
            "pale parts": 0.7,
            "eye mask": 0.4,
            "blaze": 0.55,
            "ear tips": 0.3,
            "background hue": 0.25,
            "background brightness": 0.6,
            "iris": 0.35,
        },
    ),
    Example(
        name="mouth opened",
        factor="mouth open",
        start=0.38,
        asked=0.95,
        handles=("lower lip",),
        pinned=("nose",),
        movable=(0.0, -0.03, 0.40, 0.28),
        look={
            "yaw": 0.74,  # from the front, the lip is an edge along which a tracked point slides
            "pitch": 0.40,
            "roll": 0.45,
            "y": 0.7,
            "size": 0.6,
            "ear length": 0.4,
            "ear pointedness": 0.35,
            "face width": 0.35,
            "cheeks": 0.40,
            "snout length": 0.65,
            "snout width": 0.40,
            "eye openness": 0.7,
            "smile": 0.6,
            "fur colour": 0.17,
            "fur brightness": 0.6,
            "pale parts": 0.45,
            "ear tips": 0.5,
            "background hue": 0.75,
            "light height": 0.35,
            "iris": 0.7,
        },
    ),
]
