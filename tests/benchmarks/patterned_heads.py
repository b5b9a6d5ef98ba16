"""Rendered heads with a pattern on their skin, and where each point of the skin is in another rendering of the head.

The renderer's animals have no detail that a model of 256 pixels could not show. Here every point of the surface gets
grain, stripes and spots that are functions of its place on the body, so that they move, turn and stretch with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan2.critters.making.anatomy import LEFT, RIGHT, Animal, animals
from stylegan2.critters.making.geometry import body_distance, ellipsoid, parts, skull_and_snout
from stylegan2.critters.making.landmarks import project
from stylegan2.critters.making.rays import cast, march
from stylegan2.critters.making.renderer import render

BACKGROUND, HEAD, JAW, RIGHT_EAR, LEFT_EAR, BODY = range(6)
HIDDEN = 0.04  # head units: a point that lies this much behind the surface that is seen is hidden
EAR_DEPTH = 0.15
GRAIN_CELLS = 130  # per head unit: 3 pixels of an image of 1500 x 1500
GRAIN, STRIPES, SPOTS = 0.05, 0.03, 0.05  # amplitudes, as shares of the colour
STRIPES_PER_UNIT, SPOTS_PER_UNIT = 28.0, 5.0
BACKGROUND_STRIPES = 0.10
RAYS = 262_144  # at a time


@dataclass(frozen=True)
class Surface:
    """What the middle of each pixel shows.

    part: [P], one of BACKGROUND .. BODY.  place: [3, P], in the part's own axes, the same for the same point of the
    skin however the animal is turned or stretched; of the background (u, v, 0).
    """

    part: Tensor
    place: Tensor


@torch.no_grad()
def surface(factors: Tensor, height: int, width: int) -> Surface:
    """The surface that a rendering of `factors` [1, 36] shows."""
    animal = animals(factors)
    pixels = torch.arange(height * width)
    found = [_surface(some, animal, height, width) for some in pixels.split(RAYS)]
    return Surface(torch.cat([part for part, _ in found]), torch.cat([place for _, place in found], dim=1))


@torch.no_grad()
def patterned(factors: Tensor, height: int, width: int, striped_background: bool = False) -> Tensor:
    """The rendering of `factors` [1, 36] with the pattern, uint8 [height, width, 3]."""
    image = render(factors, height, width)[0].permute(1, 2, 0).float()
    pattern = _pattern(surface(factors, height, width), striped_background).view(height, width, 1)
    return (image * (1 + pattern)).round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def origin(seen: Surface, factors: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where the points of `seen` are in a rendering of the same animal's `factors` [1, 36].

    Returns (x, y) [2, P] in pixels, centres at +0.5, and whether they show there [P].
    """
    animal = animals(factors)
    spots, shows = [], []
    for start in range(0, len(seen.part), RAYS):
        some = slice(start, start + RAYS)
        part, place = seen.part[some], seen.place[:, some]
        u, v, distance = project(_in_head(part, place, animal), animal)
        hit = march(cast(u, v, animal))
        behind = part == BACKGROUND
        u, v = torch.where(behind, place[0], u), torch.where(behind, place[1], v)
        in_front = march(cast(u, v, animal)).isfinite() if bool(behind.any()) else hit.isfinite()
        shows.append(torch.where(behind, ~in_front, hit > distance - HIDDEN))
        spots.append(torch.stack([width / 2 + u * height / 2, height / 2 - v * height / 2]))
    where, seen_there = torch.cat(spots, dim=1), torch.cat(shows)
    inside = (where >= 0).all(0) & (where[0] < width) & (where[1] < height)
    return where, seen_there & inside


def _surface(pixels: Tensor, animal: Animal, height: int, width: int) -> tuple[Tensor, Tensor]:
    x, y = pixels % width + 0.5, pixels // width + 0.5
    u, v = (2 * x - width) / height, 1 - 2 * y / height
    rays = cast(u, v, animal)
    distance = march(rays)
    part = torch.full_like(pixels, BACKGROUND)
    place = torch.stack([u, v, torch.zeros_like(u)])
    hit = distance.isfinite().nonzero()[:, 0]
    if len(hit):
        head, body = rays.select(hit).points(distance[hit])
        part[hit], place[:, hit] = _of_points(head, body, animal)
    return part, place


def _of_points(head: Tensor, body: Tensor, animal: Animal) -> tuple[Tensor, Tensor]:
    here = parts(head, body, animal)
    skull, trunk = skull_and_snout(head, animal), body_distance(body)
    x, y, z = head
    jaw = ellipsoid(x, y - animal.jaw_y, z - animal.jaw_z, animal.snout_width * 0.31, 0.19, animal.jaw_depth)
    part = torch.where(jaw < skull + 0.01, JAW, HEAD)
    ear = (here.ear < skull) & (here.ear < here.eye)
    part = torch.where(ear, torch.where(x > 0, RIGHT_EAR, LEFT_EAR), part)
    part = torch.where(trunk < torch.minimum(skull, here.ear), BODY, part)
    place = head.clone()
    place[:, part == JAW] -= _jaw(animal)
    for side, which in ((RIGHT, RIGHT_EAR), (LEFT, LEFT_EAR)):
        place[:, part == which] = _to_ear(head[:, part == which], animal, side)
    place[:, part == BODY] = body[:, part == BODY]
    return part, place


def _in_head(part: Tensor, place: Tensor, animal: Animal) -> Tensor:
    """Points in the head's axes [3, P], the inverse of _of_points."""
    head = place.clone()
    head[:, part == JAW] += _jaw(animal)
    for side, which in ((RIGHT, RIGHT_EAR), (LEFT, LEFT_EAR)):
        head[:, part == which] = _from_ear(place[:, part == which], animal, side)
    to_head = animal.head_axes[..., 0].T @ animal.body_axes[..., 0]
    head[:, part == BODY] = to_head @ place[:, part == BODY]
    return head


def _jaw(animal: Animal) -> Tensor:
    return torch.stack([torch.zeros_like(animal.jaw_y), animal.jaw_y, animal.jaw_z])


def _to_ear(head: Tensor, animal: Animal, side: int) -> Tensor:
    """Across, along and in front of the ear, in its own widths and lengths; the left one is told by its sign."""
    cos, sin = animal.ear_splay[side]
    out, up = head[0].abs() - (0.50 * animal.face_width + 0.10 * sin), head[1] - (0.62 - 0.10 * sin)
    across, along = cos * out - sin * up, sin * out + cos * up
    along = along / animal.ear_length
    width = _ear_width(along, animal)
    sign = 1.0 if side == RIGHT else -1.0
    return torch.stack([across / width, sign * (along + 3), (head[2] + 0.05) / EAR_DEPTH])


def _from_ear(place: Tensor, animal: Animal, side: int) -> Tensor:
    cos, sin = animal.ear_splay[side]
    sign = 1.0 if side == RIGHT else -1.0
    along = sign * place[1] - 3
    across, long = place[0] * _ear_width(along, animal), along * animal.ear_length
    out, up = cos * across + sin * long, cos * long - sin * across
    x, y = out + 0.50 * animal.face_width + 0.10 * sin, up + 0.62 - 0.10 * sin
    return torch.stack([sign * x, y, place[2] * EAR_DEPTH - 0.05])


def _ear_width(along: Tensor, animal: Animal) -> Tensor:
    return animal.ear_width * (1 - 0.62 * animal.ear_point * along.clamp(0, 1))


def _pattern(seen: Surface, striped_background: bool) -> Tensor:
    """How much brighter or darker the pattern makes each point, [P], around 0."""
    place = seen.place.clone()
    ears = (seen.part == RIGHT_EAR) | (seen.part == LEFT_EAR)
    place[0, ears] *= 0.3  # about head units again, so that the pattern is as fine there
    place[1, ears] *= 0.8
    place[2, ears] *= EAR_DEPTH
    behind = seen.part == BACKGROUND
    place[:, behind] *= 2.1
    place = place + 7.0 * seen.part  # no two parts have the same pattern
    grain = GRAIN * _noise(place, GRAIN_CELLS)
    slanted = place[0] + 0.4 * place[1]
    stripes = STRIPES * torch.sin(2 * torch.pi * STRIPES_PER_UNIT * slanted)
    spots = SPOTS * torch.tanh(4 * _noise(place, SPOTS_PER_UNIT))
    backdrop = BACKGROUND_STRIPES * torch.tanh(6 * torch.sin(18 * slanted)) if striped_background else 0 * grain
    return grain + torch.where(behind, backdrop, stripes + spots)


def _noise(place: Tensor, cells: float) -> Tensor:
    """Noise in -1 .. 1 on a grid of so many cells per unit, linear between its nodes; place [3, P]."""
    scaled = place.double() * cells
    low = scaled.floor()
    along = (scaled - low).float()
    low = low.long()
    total = torch.zeros(place.shape[1])
    for corner in range(8):
        offset = torch.tensor([corner & 1, corner >> 1 & 1, corner >> 2])[:, None]
        weight = torch.where(offset == 1, along, 1 - along).prod(0)
        total += weight * _hash(low + offset)
    return total


def _hash(node: Tensor) -> Tensor:
    """A number in -1 .. 1 that is as good as random, of whole numbers [3, P]."""
    mixed = node[0] * 73856093 ^ node[1] * 19349663 ^ node[2] * 83492791
    mixed = (mixed ^ (mixed >> 13)) * 1274126177 & 0x7FFFFFFF
    mixed = (mixed ^ (mixed >> 15)) * 2246822519 & 0x7FFFFFFF
    return mixed.float() / 2**30 - 1
