"""Colour of an animal and of the background behind it: albedo of the parts, light, shadow, tone curve.

Colours are `[3, P]`, red, green and blue; 1 is white, before the tone curve they may exceed it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from stylegan2.critters.making.anatomy import EYE_Y, Animal
from stylegan2.critters.making.geometry import Parts, ellipsoid, parts
from stylegan2.critters.making.rays import Rays, to_local

MOUTH_INSIDE = (0.42, 0.10, 0.13)
TONGUE = (0.93, 0.45, 0.48)
EYE_WHITE = (0.97, 0.96, 0.94)
PUPIL = (0.04, 0.035, 0.05)
SUN = (1.02 * 1.03, 1.02, 1.02 * 0.94)  # colour of the light: warm
AMBIENT = (0.20, 0.21, 0.25)  # light from everywhere: cool
AMBIENT_ABOVE = (0.26, 0.27, 0.28)  # what the sky adds to it on surfaces that look up
WINDOW = (-0.35, -0.35, 0.87)  # direction of a second, faint reflection in the eyes
NORMAL_STEP = 0.006  # for the finite differences of normals
OCCLUSION_STEPS = (0.12, 0.34)  # heights above the surface where ambient occlusion looks for neighbours


def smoothstep(low: float, high: float, value: Tensor) -> Tensor:
    """0 at `low`, 1 at `high` (which may be the smaller one), smooth between."""
    along = ((value - low) / (high - low)).clamp(0, 1)
    return along * along * (3 - 2 * along)


def background(rays: Rays) -> Tensor:
    """What is seen where rays miss the animal: a gradient, a glow behind the head, darker edges."""
    u, v, animal = rays.u, rays.v, rays.animal
    sky = smoothstep(-1.1, 1.1, v + 0.25 * u * animal.light[0])
    glow = 0.14 * torch.exp(-1.6 * (u * u + (v - 0.1).square()))
    edges = (1 - 0.10 * (u * u + v * v)).clamp(min=0.6)  # the limit is reached by panoramas only
    return (torch.lerp(animal.ground.expand(3, len(u)), animal.sky.expand(3, len(u)), sky) + glow) * edges


def surface(rays: Rays, distance: Tensor) -> Tensor:
    """Colour of the animal where rays hit it, at distances `[P]` along them."""
    here = rays.parts(distance)
    is_eye = (here.eye < torch.minimum(here.fur, here.nose)).float()
    normal = _normal(rays, distance, here.surface)
    shadow = _shadow(rays, distance)
    albedo, gloss, sharpness = _albedo(rays, distance, here, is_eye)
    facing = (normal * rays.animal.light).sum(0)
    light = _diffuse(normal, facing, shadow, _occlusion(rays, distance, normal))
    light = torch.where(is_eye > 0, 0.35 + 0.65 * light, light)  # eyes shine a little by themselves
    half = rays.animal.light - rays.direction
    mirror = ((normal * half).sum(0) / half.square().sum(0).sqrt()).clamp(0, 1)
    shine = torch.exp(-6 * sharpness * (1 - mirror)) * gloss * shadow
    colour = albedo * light + shine + _rim(rays, normal, facing) * (1 - is_eye)
    sparkle = 0.95 * smoothstep(0.955, 0.975, mirror)
    sparkle = sparkle + 0.35 * smoothstep(0.972, 0.99, (normal * _column(WINDOW, normal)).sum(0))
    return torch.lerp(colour, torch.full_like(colour, 1.05), (is_eye * sparkle).clamp(0, 1))


def tone(colour: Tensor) -> Tensor:
    """Compress highlights: linear up to 0.8, from there on approaching 1."""
    return torch.where(colour > 0.8, 1 - 0.2 * torch.exp(5 * (0.8 - colour)), colour).clamp(0, 1)


def _normal(rays: Rays, distance: Tensor, here: Tensor) -> Tensor:
    """Unit normals in the world's axes, by forward differences along them."""
    head, body = rays.points(distance)
    animal = rays.animal
    to_head, to_body = NORMAL_STEP * animal.head_axes, NORMAL_STEP * animal.body_axes
    beside = [parts(head + to_head[axis], body + to_body[axis], animal).surface for axis in range(3)]
    normal = torch.stack(beside) - here
    return normal / (normal.square().sum(0) + 1e-12).sqrt()


def _above(rays: Rays, distance: Tensor, direction: Tensor, heights: list[float]) -> list[Tensor]:
    """Distances to the surface at heights above the hit points in a world direction `[3, P or 1]`."""
    animal = rays.animal
    head, body = rays.points(distance)
    to_head, to_body = to_local(animal.head_axes, direction), to_local(animal.body_axes, direction)
    return [parts(head + to_head * height, body + to_body * height, animal).surface for height in heights]


def _occlusion(rays: Rays, distance: Tensor, normal: Tensor) -> Tensor:
    """Ambient light that reaches the surface, 0.15 to 1: the gap above it compared with the height."""
    low, high = OCCLUSION_STEPS
    near, wide = _above(rays, distance, normal, [low, high])
    return (0.25 + 0.35 / low * near + 0.45 / high * wide).clamp(0.15, 1)


def _shadow(rays: Rays, distance: Tensor) -> Tensor:
    """Direct light that arrives, 0 to 1: the narrowest relative gap on nine points towards the light."""
    heights = [0.12 * 1.26**step for step in range(9)]
    shadow = torch.ones_like(distance)
    for height, gap in zip(heights, _above(rays, distance, rays.animal.light, heights), strict=True):
        shadow = torch.minimum(shadow, (0.62 + 1.9 / height * gap).clamp(0, 1))
    return shadow


def _diffuse(normal: Tensor, facing: Tensor, shadow: Tensor, occlusion: Tensor) -> Tensor:
    """Light on the surface: sun, wrapped a little around the edge, and ambient light."""
    sun = ((facing + 0.25) / 1.25).clamp(0, 1) * (0.45 + 0.55 * shadow)
    up = 0.5 + 0.5 * normal[1]
    ambient = _column(AMBIENT, normal) + _column(AMBIENT_ABOVE, normal) * up
    return _column(SUN, normal) * sun + occlusion * ambient


def _rim(rays: Rays, normal: Tensor, facing: Tensor) -> Tensor:
    """Light from behind that catches in the fur at the outline, coloured by the sky."""
    towards = -(normal * rays.direction).sum(0)
    outline = (1 - towards.clamp(0, 1)) ** 3
    amount = 0.55 * outline * (0.65 - 0.4 * facing + 0.4 * normal[1]).clamp(0, 1)
    return amount * (0.5 + 0.5 * rays.animal.sky)


def _albedo(rays: Rays, distance: Tensor, here: Parts, is_eye: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Colour of the material, its gloss and how sharp the gloss is."""
    head, body = rays.points(distance)
    animal = rays.animal
    colour = _fur(head, body, here, animal)
    is_tongue = ((here.tongue < here.fur + 0.001) & (here.tongue < here.nose)).float()
    is_nose = (here.nose <= torch.minimum(here.fur, here.tongue)).float()
    colour = torch.lerp(colour, _column(MOUTH_INSIDE, colour), smoothstep(0.030, 0.004, here.mouth))
    colour = torch.lerp(colour, _column(TONGUE, colour), is_tongue)
    colour = torch.lerp(colour, animal.nose.expand_as(colour), is_nose)
    colour = torch.lerp(colour, _eye(head, animal), is_eye)
    gloss = 0.10 + 0.20 * is_tongue
    gloss = torch.lerp(gloss, torch.full_like(gloss, 0.55), is_nose)
    return colour, gloss, 12 + 16 * is_nose


def _fur(head: Tensor, body: Tensor, here: Parts, animal: Animal) -> Tensor:
    """Fur with its markings, each painted over the ones before."""
    x, y, z = head
    across = x.abs()
    on_body = smoothstep(-0.03, 0.10, here.fur - here.body + 0.06) * smoothstep(-0.75, -0.95, y)
    on_head = 1 - on_body
    belly = ellipsoid(body[0], body[1] + 1.75, body[2] - 0.50, 0.50, 0.62, 0.5)
    muzzle = ellipsoid(x, y + 0.36, z - animal.snout_z, 0.50 * animal.snout_width, 0.36, animal.snout_depth + 0.14)
    lower_cheeks = ellipsoid(across - 0.34, y + 0.50, z - 0.55, 0.34, 0.24, 0.5)
    patch = ellipsoid(
        across - 1.04 * animal.eye_x,
        y - (EYE_Y - 0.03),
        z - animal.eye_z,
        1.75 * animal.eye_radius,
        1.55 * animal.eye_radius,
        0.6,
    )
    blaze = smoothstep(0.11, 0.03, across - 0.09 * (1 + 0.8 * y.clamp(0, 1)))
    blaze = blaze * smoothstep(0.02, 0.2, y) * smoothstep(0.1, 0.35, z)
    tip = smoothstep(0.06, -0.02, here.ear) * smoothstep(0.45, 0.72, here.ear_height)
    inside = smoothstep(0.05, 0.0, here.ear_inside) * smoothstep(0.25, 0.45, y)
    paint = (
        (animal.pale, smoothstep(0.08, -0.10, belly) * on_body),
        (animal.pale, smoothstep(0.10, -0.10, torch.minimum(muzzle, lower_cheeks)) * on_head),
        (animal.mask, smoothstep(0.12, -0.08, patch) * animal.mask_amount * on_head),
        (animal.pale, blaze * animal.blaze_amount * on_head),
        (animal.ear_tip, tip * animal.tip_amount),
        (animal.ear_inside, inside),
    )
    colour = animal.fur.expand_as(head)
    for tint, amount in paint:
        colour = torch.lerp(colour, tint.expand_as(head), amount)
    return colour


def _eye(head: Tensor, animal: Animal) -> Tensor:
    """White, iris with a dark rim and a bright lower half, pupil: rings around the direction of the gaze."""
    x, y, z = head
    radius = animal.eye_radius
    right = torch.where(x > 0, 1.0, -1.0)
    gaze_x, gaze_y, gaze_z = animal.gaze
    gaze_x = right * gaze_x - 0.05  # mirrored like the eye itself, and a little inwards
    length = (gaze_x * gaze_x + gaze_y * gaze_y + gaze_z * gaze_z).sqrt()
    out = (x.abs() - animal.eye_x) / radius - gaze_x / length
    up = (y - EYE_Y) / radius - gaze_y / length
    front = (z - animal.eye_z) / radius - gaze_z / length
    off_centre = (out * out + up * up + front * front).sqrt()
    in_iris, in_pupil = smoothstep(0.88, 0.80, off_centre), smoothstep(0.60, 0.52, off_centre)
    iris = animal.iris * (1 + 0.55 * (-1.6 * up).clamp(-0.6, 0.8))
    colour = torch.lerp(_column(EYE_WHITE, iris).expand_as(iris), iris, in_iris)
    colour = colour * (1 - 0.55 * smoothstep(0.66, 0.84, off_centre) * in_iris)
    return torch.lerp(colour, _column(PUPIL, colour), in_pupil)


def _column(colour: tuple[float, float, float], like: Tensor) -> Tensor:
    """A constant as `[3, 1]` on the device of `like`."""
    return like.new_tensor(colour)[:, None]
