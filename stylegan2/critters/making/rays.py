"""Camera, rays, and marching along them to the surface of an animal.

The camera looks along -z from a distance of 7 world units. Image coordinates u, v: v runs from -1 at the
bottom to 1 at the top, u likewise in the square scene and beyond -1 and 1 where the image is wider than
high. Distances along rays are in head units.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegan2.critters.making.anatomy import Animal
from stylegan2.critters.making.geometry import BODY_CENTRE, BODY_RADII, Parts, parts

CAMERA_DISTANCE = 7.0  # world units
HALF_FIELD = 0.30  # tangent of half the field of view
NEAR, FAR = 1.9, 1.6  # how far before and behind the head's centre the surface is looked for
HIT = 0.0025  # a point so near to the surface is on it
STEP = 0.88  # part of the estimated distance that is marched: the estimate may be too long
MAX_STEPS = 56


@dataclass(frozen=True)
class Rays:
    """Rays in three systems of axes; all animals' rays start at the camera. `animal` holds P or 1 animals."""

    animal: Animal
    u: Tensor  # [P]
    v: Tensor
    direction: Tensor  # [3, P] in the world
    head_origin: Tensor  # [3, P or 1]
    head_direction: Tensor  # [3, P]
    body_origin: Tensor
    body_direction: Tensor

    def select(self, which: Tensor) -> Rays:
        """Only some rays: a mask `[P]` or indices."""
        if which.dtype == torch.bool:
            which = which.nonzero()[:, 0]
        return Rays(
            self.animal.at(which),
            self.u[which],
            self.v[which],
            self.direction[:, which],
            self.head_origin if self.animal.count == 1 else self.head_origin[:, which],
            self.head_direction[:, which],
            self.body_origin if self.animal.count == 1 else self.body_origin[:, which],
            self.body_direction[:, which],
        )

    def points(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        """Points at a distance `[P]` along the rays, in the head's and in the body's axes, each `[3, P]`."""
        return (
            torch.addcmul(self.head_origin, self.head_direction, distance),
            torch.addcmul(self.body_origin, self.body_direction, distance),
        )

    def parts(self, distance: Tensor) -> Parts:
        """Distances to the animal's parts at a distance `[P]` along the rays."""
        return parts(*self.points(distance), self.animal)

    @property
    def depth(self) -> Tensor:
        """Distance from the camera's plane to the head's centre, `[P or 1]`."""
        return CAMERA_DISTANCE / self.animal.scale

    @property
    def far(self) -> Tensor:
        """Where marching gives up, `[P or 1]`."""
        return self.depth + FAR


def cast(u: Tensor, v: Tensor, animal: Animal) -> Rays:
    """Rays from the camera through the image coordinates `[P]`."""
    direction = torch.stack([HALF_FIELD * u, HALF_FIELD * v, -torch.ones_like(u)])
    direction = direction / direction.square().sum(0).sqrt()
    depth = CAMERA_DISTANCE / animal.scale
    origin = torch.stack([*(-animal.shift / animal.scale), depth])
    head, body = animal.head_axes, animal.body_axes
    return Rays(
        animal,
        u,
        v,
        direction,
        to_local(head, origin),
        to_local(head, direction),
        to_local(body, origin),
        to_local(body, direction),
    )


def to_local(axes: Tensor, vector: Tensor) -> Tensor:
    """World vectors `[3, P]` in the axes of head or body `[3, 3, P or 1]`."""
    return axes[0] * vector[0] + axes[1] * vector[1] + axes[2] * vector[2]


def to_world(axes: Tensor, vector: Tensor) -> Tensor:
    """Vectors `[3, P]` of head or body in the world."""
    return (axes * vector[None]).sum(1)


def march(rays: Rays) -> Tensor:
    """Distance along each ray to the animal's surface, `[P]`; infinite where the ray misses it."""
    result = torch.full_like(rays.u, torch.inf)
    index = near_animal(rays).nonzero()[:, 0]
    rays = rays.select(index)
    distance = (rays.depth - NEAR).expand_as(rays.u).clone()
    for _ in range(MAX_STEPS):
        if not len(index):
            return result
        gap = rays.parts(distance).surface
        missed = distance > rays.far
        done = (gap < HIT) | missed
        distance = torch.where(done, distance, distance + STEP * gap)
        # Dropping finished rays costs a copy of the others, so it waits until it pays.
        if int(done.sum()) * 6 >= len(index):
            hit = done & ~missed
            result[index[hit]] = distance[hit]
            left = (~done).nonzero()[:, 0]
            index, distance, rays = index[left], distance[left], rays.select(left)
    hit = distance < rays.far
    result[index[hit]] = distance[hit]
    return result


def near_animal(rays: Rays) -> Tensor:
    """Whether rays come near enough to an animal to hit it, `[P]`: two spheres hold all of it."""
    animal = rays.animal
    ears = 0.62 + 0.50 * animal.face_width + 1.05 * animal.ear_length
    head = torch.maximum(ears, torch.full_like(ears, 1.9))
    centre = torch.tensor(BODY_CENTRE, device=rays.u.device)[:, None]
    return (_passing(rays.head_origin, rays.head_direction) < head.square()) | (
        _passing(rays.body_origin - centre, rays.body_direction) < (max(BODY_RADII) + 0.1) ** 2
    )


def _passing(origin: Tensor, direction: Tensor) -> Tensor:
    """Squared distance of the origin of axes to lines with unit directions, `[P]`."""
    along = (origin * direction).sum(0)
    return origin.square().sum(0) - along.square()
