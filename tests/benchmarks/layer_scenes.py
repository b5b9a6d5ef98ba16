"""Drags on rendered heads with a pattern, small to large, and what the layer should have become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backend.editing.points import Drag
from stylegan2.critters.making import factors
from stylegan2.critters.making.landmarks import landmark, landmarks
from stylegan2.critters.making.sweep import fine_sweep
from stylegan2.samples import latents
from tests.benchmarks.patterned_heads import patterned
from tests.benchmarks.scenes import KINDS, Kind, truncated_factors

SIDE = 1500  # pixels of the layer
SIZES = (0.08, 0.16, 0.25)  # of the width: how far the handles are dragged
LARGEST = SIZES[-1]
LOWEST, HIGHEST = 0.04, 0.96  # values of a factor that the model has often seen
STEPS = 47  # values tried between them


@dataclass(frozen=True)
class LayerScene:
    """An animal whose one factor is asked to change by each of SIZES.

    factors: [1, 36], the animal that is dragged.  asked: the factor's values.  drags, besides: for each size the
    drags that are measured, and those that help, with the pins; pixels of the layer.
    """

    kind: Kind
    seed: int
    factors: Tensor
    asked: tuple[float, ...]
    drags: tuple[tuple[Drag, ...], ...]
    besides: tuple[tuple[Drag, ...], ...]

    def layer(self, value: float | None = None) -> np.ndarray:
        """The layer, uint8 [SIDE, SIDE, 3], or what it is with another value of the factor."""
        changed = self.factors if value is None else factors.changed(self.factors, self.kind.factor, value)
        return patterned(changed, SIDE, SIDE).numpy()

    def truth(self, edited: np.ndarray) -> float:
        """The factor's value whose rendering is nearest to `edited`, uint8 [h, w, 3], the model's image."""
        return fine_sweep(edited, self.factors, self.kind.factor).value

    def way(self, size: int) -> float:
        """How far the handles are asked to go, as a share of the layer's width."""
        ways = [np.hypot(*np.subtract(drag.target, drag.handle)) for drag in self.drags[size]]
        return float(np.mean(ways)) / SIDE


def layer_scenes(count: int, first_seed: int) -> Iterator[LayerScene]:
    """`count` scenes, the kinds in turn, each from the next seed whose handles show all the way."""
    seed = first_seed
    for number in range(count):
        scene = None
        while scene is None:
            scene = _scene(KINDS[number % len(KINDS)], seed)
            seed += 1
        yield scene


def _scene(kind: Kind, seed: int) -> LayerScene | None:
    """The scene of a seed, or None where a handle is hidden or outside the layer.

    A factor whose whole range takes the handles less far than the largest size is asked for as large a part of its
    range as the size is of the largest.
    """
    start, asked_end = kind.ends(seed)
    end = HIGHEST if start < asked_end else LOWEST
    values = torch.linspace(start, end, STEPS)
    animal = factors.changed(truncated_factors(latents(seed, 1, factors.COUNT)), kind.factor, start)
    points, shows = landmarks(factors.changed(animal.repeat(STEPS, 1), kind.factor, values), SIDE)
    handles = [landmark(name) for name in kind.handles]
    ways = (points[:, handles] - points[:1, handles]).norm(dim=2).mean(dim=1) / SIDE
    asked = [int((ways - min(size, float(ways.max()) * size / LARGEST)).abs().argmin()) for size in SIZES]
    if not bool((shows[[0, *asked]][:, handles] > 0).all()):
        return None
    helping = [index for index in map(landmark, kind.helping) if bool(shows[[0, *asked], index].all())]
    pins = tuple(Drag.pin(_point(points[0, index])) for index in map(landmark, kind.pinned) if shows[0, index])

    def drags(which: list[int], value: int) -> tuple[Drag, ...]:
        return tuple(Drag(_point(points[0, index]), _point(points[value, index])) for index in which)

    return LayerScene(
        kind,
        seed,
        animal,
        tuple(float(values[index]) for index in asked),
        tuple(drags(handles, index) for index in asked),
        tuple((*drags(helping, index), *pins) for index in asked),
    )


def _point(point: Tensor) -> tuple[float, float]:
    x, y = point.tolist()
    return x, y
