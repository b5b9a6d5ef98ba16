"""From factors to an animal: lengths, angles and colours that geometry and shading work with.

Lengths are in head units: a head of middling size is an ellipsoid of about 1 x 0.92 x 0.92 around the origin.
Axes of the head: x to the viewer's right, y up, z out of the nose towards the viewer. All fields are tensors
whose last dimension counts animals (`[N]`), points (`[P]`, one animal's value for each point) or is 1 (one
for all points).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from stylegan2.critters.making import factors as factor_names

RIGHT, LEFT = 0, 1  # of the viewer, for fields with one value per side

WHITE = (0.98, 0.95, 0.90)
BLACK = (0.16, 0.13, 0.13)
PINK = (0.95, 0.58, 0.60)
DARK_NOSE = (0.13, 0.10, 0.11)
PINK_NOSE = (0.80, 0.42, 0.45)
FURS = (
    (0.95, 0.55, 0.22),  # fox
    (0.72, 0.45, 0.26),  # brown
    (0.93, 0.80, 0.60),  # sand
    (0.62, 0.62, 0.66),  # grey
    (0.33, 0.34, 0.40),  # slate
    (0.45, 0.60, 0.82),  # blue
    (0.52, 0.76, 0.66),  # mint
    (0.93, 0.62, 0.68),  # rose
    (0.90, 0.42, 0.30),  # red
)
IRISES = (
    (0.42, 0.26, 0.12),  # brown
    (0.80, 0.52, 0.12),  # amber
    (0.35, 0.62, 0.25),  # green
    (0.20, 0.55, 0.75),  # blue
    (0.45, 0.35, 0.75),  # violet
)
EYE_Y = 0.14  # height of the eyes' centres
NOSE_Y = -0.03  # height of the nose's centre
HEAD_Y, HEAD_HEIGHT = 0.06, 0.92  # centre and semi-axis of the skull; the semi-axis holds for y and z


@dataclass(frozen=True)
class Animal:
    """Everything an image of an animal depends on; see the module for units and shapes."""

    head_axes: Tensor  # [3, 3, N] rotation, world = head_axes @ head
    body_axes: Tensor  # [3, 3, N] the body turns less than the head
    shift: Tensor  # [2, N] of the whole animal in the world, right and up
    scale: Tensor  # [N] world units per head unit
    face_width: Tensor  # [N] semi-axis of the skull along x
    cheek: Tensor  # [N] factor of the cheeks' size
    snout_width: Tensor  # [N] factor of the snout's width
    snout_z: Tensor  # [N] centre of the snout
    snout_depth: Tensor  # [N] its semi-axis along z
    jaw_y: Tensor  # [N] centre of the jaw
    jaw_z: Tensor
    jaw_depth: Tensor  # [N] its semi-axis along z
    mouth_y: Tensor  # [N] centre of the hole that is the mouth
    mouth_z: Tensor
    mouth_width: Tensor  # [N] its semi-axes
    mouth_height: Tensor
    mouth_depth: Tensor
    smile: Tensor  # [N] how far the mouth rises with the square of x
    ear_length: Tensor  # [N]
    ear_width: Tensor  # [N] semi-axis at the root
    ear_splay: Tensor  # [2 sides, 2 (cos, sin), N] of the angle between the ear and upright
    ear_point: Tensor  # [N] how much narrower the ear is at its tip
    eye_x: Tensor  # [N] centre of the eyes, mirrored
    eye_z: Tensor
    eye_radius: Tensor  # [N]
    upper_lid: Tensor  # [2 (cos, sin), N] of the angle of the lid's edge above the gaze plane
    lower_lid: Tensor
    lid_slant: Tensor  # [2 (cos, sin), N] of the angle by which the upper lid's edge falls towards the nose
    gaze: Tensor  # [3, N] direction
    nose_z: Tensor  # [N] centre of the nose
    nose_size: Tensor  # [N]
    fur: Tensor  # [3, N] colours, linear mix of red, green, blue in [0, 1]
    pale: Tensor
    mask: Tensor
    ear_tip: Tensor
    ear_inside: Tensor
    iris: Tensor
    nose: Tensor
    ground: Tensor  # [3, N] background at the bottom
    sky: Tensor  # [3, N] background at the top
    mask_amount: Tensor  # [N] opacities
    blaze_amount: Tensor
    tip_amount: Tensor
    light: Tensor  # [3, N] direction to the light, in the world

    def at(self, which: slice | Tensor) -> Animal:
        """Those that `which` names along the last dimension; what is the same for all points stays."""
        if self.scale.shape[-1] == 1:
            return self
        return Animal(*(getattr(self, field.name)[..., which] for field in fields(self)))

    @property
    def count(self) -> int:
        """Length of the last dimension."""
        return self.scale.shape[-1]


def animals(factors: Tensor) -> Animal:
    """Factors `[N, 36]` in [0, 1] -> the animals they describe, all fields on the device of `factors`."""
    values = _Values(factors)
    return Animal(**_pose(values), **_snout(values), **_ears(values), **_eyes(values), **_colours(values))


class _Values:
    """Columns of a factor table by name."""

    def __init__(self, factors: Tensor) -> None:
        if factors.ndim != 2 or factors.shape[1] != factor_names.COUNT:
            raise ValueError(f"Factors come as [N, {factor_names.COUNT}], not as {list(factors.shape)}.")
        self._columns = factors.float()

    def __call__(self, name: str) -> Tensor:
        """The factor in [0, 1], `[N]`."""
        return self._columns[:, factor_names.index(name)]

    def signed(self, name: str) -> Tensor:
        """The factor in [-1, 1]."""
        return 2 * self(name) - 1

    def between(self, name: str, low: float, high: float) -> Tensor:
        """The factor as a number between two ends."""
        return low + (high - low) * self(name)

    def beyond(self, name: str, start: float) -> Tensor:
        """0 up to `start`, from there on rising to 1."""
        return ((self(name) - start) / (1 - start)).clamp(0, 1)


def _pose(values: _Values) -> dict[str, Tensor]:
    yaw, pitch, roll = (values.signed(name) for name in ("yaw", "pitch", "roll"))
    return {
        "head_axes": _rotation(0.66 * yaw, 0.30 * pitch, 0.28 * roll),  # radians: 38, 17 and 16 degrees
        "body_axes": _rotation(0.25 * yaw, 0.04 * pitch, 0.06 * roll),
        "shift": torch.stack([0.22 * values.signed("x"), 0.15 * values.signed("y") - 0.24]),
        "scale": values.between("size", 1.02, 1.36),
    }


def _snout(values: _Values) -> dict[str, Tensor]:
    length = values("snout length")
    opened = values.beyond("mouth open", 0.3)
    width = values.between("snout width", 0.82, 1.25)
    snout_z, snout_depth = 0.62 + 0.34 * length, 0.42 + 0.22 * length
    return {
        "face_width": values.between("face width", 0.90, 1.16),
        "cheek": values.between("cheeks", 0.75, 1.25),
        "snout_width": width,
        "snout_z": snout_z,
        "snout_depth": snout_depth,
        "jaw_y": -0.40 - 0.20 * opened,
        "jaw_z": snout_z - 0.06,
        "jaw_depth": snout_depth - 0.06,
        "mouth_y": -0.405 - 0.10 * opened,
        "mouth_z": snout_z + 0.12,
        "mouth_width": 0.34 * width * (1 - 0.10 * opened),
        "mouth_height": 0.022 + 0.150 * opened,
        "mouth_depth": snout_depth + 0.02,
        "smile": values.between("smile", 0.05, 1.25),
        "nose_z": snout_z + 0.77 * snout_depth,
        "nose_size": values.between("nose size", 0.75, 1.2),
    }


def _ears(values: _Values) -> dict[str, Tensor]:
    splay, uneven = values.between("ear splay", 0.08, 1.20), 0.40 * values.signed("ear asymmetry")
    return {
        "ear_length": values.between("ear length", 0.48, 1.25),
        "ear_width": values.between("ear width", 0.19, 0.40),
        "ear_splay": torch.stack([_cos_sin(splay + uneven), _cos_sin(splay - uneven)]),
        "ear_point": values("ear pointedness"),
    }


def _eyes(values: _Values) -> dict[str, Tensor]:
    face_width = values.between("face width", 0.90, 1.16)
    radius = values.between("eye size", 0.22, 0.33)
    eye_x = values.between("eye distance", 0.37, 0.48) * (0.5 + 0.5 * face_width)
    on_skull = HEAD_HEIGHT * (1 - (eye_x / face_width) ** 2 - ((EYE_Y - HEAD_Y) / HEAD_HEIGHT) ** 2).sqrt()
    across, up = 0.40 * values.signed("gaze x"), 0.28 * values.signed("gaze y")
    opened = 0.25 + 0.75 * (1 - (1 - values("eye openness")) ** 3)
    return {
        "eye_x": eye_x,
        "eye_z": on_skull - 0.36 * radius,  # a third of the radius sunk into the skull
        "eye_radius": radius,
        "upper_lid": _cos_sin(-0.30 + 1.32 * opened),
        "lower_lid": _cos_sin(-0.36 - 0.46 * opened),
        "lid_slant": _cos_sin(0.36 * values.signed("expression")),
        "gaze": torch.stack([across.sin(), up.sin(), across.cos() * up.cos()]),
    }


def _colours(values: _Values) -> dict[str, Tensor]:
    like = values("yaw")
    white, black, pink = (_constant(colour, like) for colour in (WHITE, BLACK, PINK))
    fur = _palette(FURS, values("fur colour")) * values.between("fur brightness", 0.78, 1.12)
    pale = torch.lerp(fur, white, values.between("pale parts", 0.25, 0.95))
    nose_pink = 0.6 * (1.4 * values("pale parts") - 0.7).clamp(0, 1)
    mask = values.signed("eye mask")
    hue = 0.02 + 0.92 * values("background hue")
    azimuth, height = 0.95 * values.signed("light azimuth"), 0.35 + 0.75 * values("light height")
    return {
        "fur": fur,
        "pale": pale,
        "mask": torch.where(mask > 0, black, white),
        "ear_tip": torch.lerp(fur, black, 0.85),
        "ear_inside": torch.lerp(pale, pink, 0.70),
        "iris": _palette(IRISES, values("iris")),
        "nose": torch.lerp(_constant(DARK_NOSE, like), _constant(PINK_NOSE, like), nose_pink),
        "ground": _hsv(
            hue + 0.10,
            values.between("background saturation", 0.25, 0.60),
            values.between("background brightness", 0.32, 0.80),
        ),
        "sky": _hsv(
            hue,
            values.between("background saturation", 0.15, 0.50),
            values.between("background brightness", 0.55, 0.97),
        ),
        "mask_amount": 0.85 * ((mask.abs() - 0.25) / 0.75).clamp(0, 1),
        "blaze_amount": values.beyond("blaze", 0.4),
        "tip_amount": values.beyond("ear tips", 0.3),
        "light": torch.stack([azimuth.sin() * height.cos(), height.sin(), azimuth.cos() * height.cos()]),
    }


def _rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Angles `[N]` in radians -> `[3, 3, N]`: nod, then turn, then tilt."""
    cy, sy, cp, sp, cr, sr = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin(), roll.cos(), roll.sin()
    turned_x = torch.stack([cy, sy * sp, sy * cp])
    turned_y = torch.stack([torch.zeros_like(cp), cp, -sp])
    turned_z = torch.stack([-sy, cy * sp, cy * cp])
    return torch.stack([cr * turned_x - sr * turned_y, sr * turned_x + cr * turned_y, turned_z])


def _cos_sin(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()])


def _constant(colour: Sequence[float], like: Tensor) -> Tensor:
    """One colour for all animals, `[3, N]`."""
    return like.new_tensor(colour)[:, None].expand(3, like.shape[0])


def _palette(colours: Sequence[Sequence[float]], place: Tensor) -> Tensor:
    """Places `[N]` in [0, 1] along a list of colours -> `[3, N]`."""
    table = place.new_tensor(colours).T
    along = place.clamp(0, 0.9999) * (len(colours) - 1)  # below 1, so that there is always a next colour
    first = along.long()
    return torch.lerp(table[:, first], table[:, first + 1], along - first)


def _hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Hue (any number of turns), saturation and value `[N]` -> red, green, blue `[3, N]`."""
    sixth = 6 * (hue - hue.floor())
    pure = torch.stack([(sixth - 3).abs() - 1, 2 - (sixth - 2).abs(), 2 - (sixth - 4).abs()]).clamp(0, 1)
    return value * (1 - saturation + saturation * pure)
