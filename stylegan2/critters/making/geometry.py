"""The shape of an animal as signed distances: positive outside, negative inside, in head units.

The parts are ellipsoids melted into each other (smooth minimum) or carved out of each other (smooth maximum).
An ellipsoid's distance is an estimate, good near its surface; ray marching takes shorter steps for that
reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch import _dynamo as dynamo

from stylegan2.critters.making.anatomy import EYE_Y, HEAD_HEIGHT, HEAD_Y, LEFT, NOSE_Y, RIGHT, Animal

BODY_CENTRE = (0.0, -1.80, -0.25)  # in the body's axes
BODY_RADII = (0.92, 1.05, 0.80)


@dataclass(frozen=True)
class Parts:
    """Distances of points to the parts of an animal, each `[P]`."""

    fur: Tensor  # everything that fur covers: head, ears, lids, body
    eye: Tensor  # the nearer eyeball
    nose: Tensor
    tongue: Tensor
    mouth: Tensor  # the hole
    ear: Tensor
    ear_inside: Tensor  # the hollow of the ear
    ear_height: Tensor  # 0 at the root of the ear, 1 at its tip
    body: Tensor

    @property
    def surface(self) -> Tensor:
        """Distance to the animal."""
        return torch.minimum(torch.minimum(self.fur, self.eye), torch.minimum(self.nose, self.tongue))


def parts(head: Tensor, body: Tensor, animal: Animal) -> Parts:
    """Points in the head's axes `[3, P]`, the same points in the body's axes -> their distances."""
    return _run(head, body, animal)


def compile_parts() -> None:
    """From now on compile `parts`: three times as fast, after half a minute of compiling.

    Where no compiler is found, it stays as it is.
    """
    global _run
    dynamo.config.suppress_errors = True
    _run = torch.compile(_parts, dynamic=True)


def _parts(head: Tensor, body: Tensor, animal: Animal) -> Parts:
    x, y, z = head.unbind(0)
    across = x.abs()
    right = x > 0
    ear, ear_inside, ear_height = _ear(across, y, z, right, animal)
    eye, lids = _eye(across, y, z, animal)
    smile_y = y - animal.mouth_y - animal.smile * x * x
    mouth = ellipsoid(x, smile_y, z - animal.mouth_z, animal.mouth_width, animal.mouth_height, animal.mouth_depth)
    trunk = body_distance(body)
    fur = melt(skull_and_snout(head, animal), ear, 0.14)
    fur = melt(fur, lids, 0.05)
    fur = carve(fur, torch.maximum(mouth, -animal.mouth_height), 0.045)
    return Parts(
        fur=melt(fur, trunk, 0.22),
        eye=eye,
        nose=_nose(x, y, z, animal),
        tongue=_tongue(x, smile_y, z, animal),
        mouth=mouth,
        ear=ear,
        ear_inside=ear_inside,
        ear_height=ear_height,
        body=trunk,
    )


_run = _parts


def skull_and_snout(head: Tensor, animal: Animal) -> Tensor:
    """Distance to the bare head: skull, cheeks, snout and jaw; no ears, no lids, the mouth not yet cut."""
    x, y, z = head.unbind(0)
    wide, cheek = animal.face_width, animal.cheek
    skull = ellipsoid(x, y - HEAD_Y, z, wide, HEAD_HEIGHT, HEAD_HEIGHT)
    cheeks = ellipsoid(x.abs() - 0.42 * wide, y + 0.30, z - 0.36, 0.46 * cheek, 0.38 * cheek, 0.42)
    snout = ellipsoid(x, y + 0.22, z - animal.snout_z, 0.40 * animal.snout_width, 0.30, animal.snout_depth)
    jaw = ellipsoid(x, y - animal.jaw_y, z - animal.jaw_z, 0.31 * animal.snout_width, 0.19, animal.jaw_depth)
    return melt(melt(skull, cheeks, 0.22), melt(snout, jaw, 0.06), 0.20)


def body_distance(body: Tensor) -> Tensor:
    """Distance to the body, points in the body's axes `[3, P]`."""
    x, y, z = (body[axis] - centre for axis, centre in enumerate(BODY_CENTRE))
    return ellipsoid(x, y, z, *BODY_RADII)


def _ear(across: Tensor, y: Tensor, z: Tensor, right: Tensor, animal: Animal) -> tuple[Tensor, Tensor, Tensor]:
    """Ear, the hollow inside it, and the height along it."""
    cos, sin = _of_side(animal.ear_splay, right)
    out, up, front = across - (0.50 * animal.face_width + 0.10 * sin), y - (0.62 - 0.10 * sin), z + 0.05
    side, along = cos * out - sin * up, sin * out + cos * up  # across the ear's axis and along it
    length = animal.ear_length
    height = (along / length).clamp(0, 1)
    width = animal.ear_width * (1 - 0.62 * animal.ear_point * height)
    along, front = along - 0.45 * length, front - 0.10 * height * height  # it bends forward
    ear = ellipsoid(side, along, front, width, 0.60 * length, 0.15)
    hollow = ellipsoid(side, along, front - 0.185, 0.70 * width, 0.48 * length, 0.13)
    return carve(ear, hollow.clamp(min=-0.09), 0.05), hollow, height


def _eye(across: Tensor, y: Tensor, z: Tensor, animal: Animal) -> tuple[Tensor, Tensor]:
    """Eyeball, and the two lids: shells around it, cut off by a plane through its centre."""
    out, up, front = across - animal.eye_x, y - EYE_Y, z - animal.eye_z
    distance = _length(out, up, front)
    shell = distance - 1.10 * animal.eye_radius
    upper_cos, upper_sin = animal.upper_lid
    lower_cos, lower_sin = animal.lower_lid
    slant_cos, slant_sin = animal.lid_slant
    slanted = slant_cos * up - slant_sin * out
    upper = carve(shell, upper_cos * slanted - upper_sin * front, 0.03)
    lower = carve(shell, lower_sin * front - lower_cos * up, 0.03)
    return distance - animal.eye_radius, torch.minimum(upper, lower)


def _nose(x: Tensor, y: Tensor, z: Tensor, animal: Animal) -> Tensor:
    size = animal.nose_size
    return ellipsoid(x, y - NOSE_Y, z - animal.nose_z, 0.165 * size, 0.115 * size, 0.11 * size)


def _tongue(x: Tensor, smile_y: Tensor, z: Tensor, animal: Animal) -> Tensor:
    """The tongue lies in the lower half of the mouth and follows its curve."""
    height = animal.mouth_height
    return ellipsoid(
        x,
        smile_y + 0.62 * height + 0.03,
        z - animal.mouth_z + 0.10,
        0.62 * animal.mouth_width,
        0.02 + 0.42 * height,
        0.86 * animal.mouth_depth - 0.02,
    )


def _of_side(values: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine `[P]` of the side a point is on, from `[2 sides, 2, P or 1]`."""
    both = torch.where(right, values[RIGHT], values[LEFT])
    return both[0], both[1]


def ellipsoid(x: Tensor, y: Tensor, z: Tensor, a: Tensor | float, b: Tensor | float, c: Tensor | float) -> Tensor:
    """Estimated distance of points, relative to its centre, to an ellipsoid of semi-axes a, b, c.

    k0 (k0 - 1) / k1 of Inigo Quilez's distance functions, https://iquilezles.org/articles/ellipsoids.
    """
    x, y, z = x / a, y / b, z / c
    relative = _length(x, y, z)
    return relative * (relative - 1) / _length(x / a, y / b, z / c)


def _length(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return (x * x + 1e-8).addcmul_(y, y).addcmul_(z, z).sqrt_()  # never 0: it is divided by


def melt(a: Tensor, b: Tensor, width: float) -> Tensor:
    """Union of two shapes, blended over `width` where their surfaces meet."""
    overlap = (width - (a - b).abs()).clamp(min=0)
    return torch.minimum(a, b) - overlap * overlap * (0.25 / width)


def carve(a: Tensor, b: Tensor, width: float) -> Tensor:
    """What of shape `a` is outside of shape `b`, its edge rounded over `width`."""
    overlap = (width - (a + b).abs()).clamp(min=0)
    return torch.maximum(a, -b) + overlap * overlap * (0.25 / width)
