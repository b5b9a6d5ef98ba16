"""Where the parts of an animal are in its image: points of its surface, projected, with visibility."""

from __future__ import annotations

from math import cos, radians, sin

import torch
from torch import Tensor

from stylegan2.critters.making.anatomy import EYE_Y, HEAD_HEIGHT, HEAD_Y, LEFT, NOSE_Y, RIGHT, Animal, animals
from stylegan2.critters.making.geometry import skull_and_snout
from stylegan2.critters.making.rays import CAMERA_DISTANCE, HALF_FIELD, HIT, STEP, cast, march, to_world

# Right and left are the viewer's, as the image shows an animal that faces him.
LANDMARKS: tuple[str, ...] = (
    "nose",
    "right ear tip",
    "left ear tip",
    "chin",
    "right eye",
    "left eye",
    "right mouth corner",
    "crown",
    "left mouth corner",
    "lower lip",
)
# A landmark hides where the ray to it meets a surface so much earlier (head units). A closed lid lies 0.03
# before the eye's front and does not hide the eye as a place; a cheek before a mouth corner does hide it.
HIDDEN = 0.08
CROWN = radians(30)  # so far before the topmost point of the skull that one sees it from the front


def landmark(name: str) -> int:
    """Row of the landmark `name`; raises KeyError for an unknown one."""
    if name not in LANDMARKS:
        raise KeyError(f"There is no landmark {name!r}; the landmarks are {', '.join(LANDMARKS)}.")
    return LANDMARKS.index(name)


@torch.no_grad()
def landmarks(factors: Tensor, height: int, width: int | None = None) -> tuple[Tensor, Tensor]:
    """Factors `[N, 36]` -> where `LANDMARKS` are in the image of height x width pixels that render makes.

    Returns points float `[N, 10, 2]`, (x, y) in pixels from the image's top left corner (pixel centres at
    +0.5), and their visibility float `[N, 10]`: 1 visible, 0 hidden behind the animal itself or outside the
    image.
    """
    width = height if width is None else width
    scenes = animals(torch.as_tensor(factors, dtype=torch.float32))
    u, v, distance = _project_landmarks(_surface_points(scenes), scenes)
    points = torch.stack([width / 2 + u * height / 2, height / 2 - v * height / 2], dim=-1)
    size = points.new_tensor([width, height])
    inside = ((points >= 0) & (points < size)).all(-1)
    return points, (inside & _in_sight(u, v, distance, scenes)).float()


def head_width(factors: Tensor, height: int) -> Tensor:
    """Factors `[N, 36]` -> width of the head in pixels `[N]`, in images of `height` pixels.

    It is the width of skull and cheeks (the wider of the two, ears left out) of an animal that faces the
    viewer, seen at the distance of the head's centre; turning the head doesn't change it.
    """
    animal = animals(torch.as_tensor(factors, dtype=torch.float32))
    cheeks = 0.42 * animal.face_width + 0.46 * animal.cheek
    half = torch.maximum(animal.face_width, cheeks) * animal.scale
    outline = half / (CAMERA_DISTANCE**2 - half.square()).sqrt()  # tangent of the angle to the edge of a ball
    return outline / HALF_FIELD * height


def _surface_points(animal: Animal) -> Tensor:
    """The landmarks in the head's axes, `[3, L, N]`."""
    zero = torch.zeros_like(animal.scale)
    one = torch.ones_like(zero)
    eye_front = animal.eye_z + animal.eye_radius
    below_tongue = animal.mouth_y - 1.04 * animal.mouth_height - 0.06
    corner_x = 0.95 * animal.mouth_width
    corner_y = animal.mouth_y + animal.smile * corner_x * corner_x
    points = {
        "nose": (zero, NOSE_Y * one, animal.nose_z + 0.11 * animal.nose_size),
        "right ear tip": _ear_tip(animal, RIGHT),
        "left ear tip": _ear_tip(animal, LEFT),
        "chin": _face(zero, animal.jaw_y - 0.16, animal),
        "right eye": (animal.eye_x, EYE_Y * one, eye_front),
        "left eye": (-animal.eye_x, EYE_Y * one, eye_front),
        "right mouth corner": _face(corner_x, corner_y, animal),
        "left mouth corner": _face(-corner_x, corner_y, animal),
        "lower lip": _face(zero, below_tongue, animal),
        "crown": (zero, (HEAD_Y + HEAD_HEIGHT * cos(CROWN)) * one, HEAD_HEIGHT * sin(CROWN) * one),
    }
    return torch.stack([torch.stack(points[name]) for name in LANDMARKS], dim=1)


def _ear_tip(animal: Animal, side: int) -> tuple[Tensor, Tensor, Tensor]:
    side_cos, side_sin = animal.ear_splay[side]
    along = 1.05 * animal.ear_length  # centre at 0.45 lengths plus a semi-axis of 0.60
    x = 0.50 * animal.face_width + 0.10 * side_sin + side_sin * along
    y, z = 0.62 - 0.10 * side_sin + side_cos * along, torch.full_like(x, -0.05 + 0.10)
    return (x if side == RIGHT else -x), y, z


def _face(x: Tensor, y: Tensor, animal: Animal) -> tuple[Tensor, Tensor, Tensor]:
    """The point of the bare face at x, y (the mouth not cut), found by marching from the front along -z."""
    z = torch.full_like(x, 2.5)
    for _ in range(64):
        gap = skull_and_snout(torch.stack([x, y, z]), animal)
        z = torch.where(gap < HIT, z, z - STEP * gap)
    return x, y, z


def project(points: Tensor, animal: Animal) -> tuple[Tensor, Tensor, Tensor]:
    """Points of the head `[3, P]` -> u, v and distance from the camera in head units, each `[P]`.

    `animal` holds one animal, or one for each point.
    """
    world = to_world(animal.head_axes, points) * animal.scale
    x, y = world[0] + animal.shift[0], world[1] + animal.shift[1]
    depth = CAMERA_DISTANCE - world[2]
    distance = (x * x + y * y + depth * depth).sqrt() / animal.scale
    return x / (depth * HALF_FIELD), y / (depth * HALF_FIELD), distance


def _project_landmarks(points: Tensor, animal: Animal) -> tuple[Tensor, Tensor, Tensor]:
    """Points of the head `[3, L, N]` -> u, v and distance from the camera in head units, each `[N, L]`."""
    repeated = animal.at(torch.arange(animal.count).repeat(points.shape[1])) if animal.count > 1 else animal
    u, v, distance = (value.view(points.shape[1:]).T.contiguous() for value in project(points.flatten(1), repeated))
    return u, v, distance


def _in_sight(u: Tensor, v: Tensor, distance: Tensor, animal: Animal) -> Tensor:
    """Whether nothing lies before points at u, v and a distance from the camera, all `[N, L]`."""
    count = u.shape[1]
    per_ray = animal.at(torch.arange(animal.count).repeat_interleave(count)) if animal.count > 1 else animal
    hit = march(cast(u.flatten(), v.flatten(), per_ray)).view_as(u)
    return hit > distance - HIDDEN
