"""Signed distances: signs, sizes, and how shapes are joined."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stylegan2.critters.making import factors, geometry
from stylegan2.critters.making.anatomy import EYE_Y, animals


def points(*rows: tuple[float, float, float]) -> tuple[Tensor, Tensor, Tensor]:
    x, y, z = torch.tensor(rows).T
    return x, y, z


def test_a_sphere_has_its_exact_distance():
    distance = geometry.ellipsoid(*points((3, 0, 0), (0, 2, 0), (0, 0.5, 0)), 2.0, 2.0, 2.0)
    assert distance.tolist() == pytest.approx([1.0, 0.0, -1.5], abs=1e-4)


def test_an_ellipsoid_is_zero_on_its_surface_and_has_the_right_sign_off_it():
    distance = geometry.ellipsoid(*points((1, 0, 0), (0, 2, 0), (0, 0, 3), (0, 0, 3.1), (0, 0, 2.9)), 1.0, 2.0, 3.0)
    assert distance[:3].tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert distance[3] == pytest.approx(0.1, abs=0.01)
    assert distance[4] == pytest.approx(-0.1, abs=0.01)


def test_joining_is_a_plain_minimum_or_maximum_away_from_the_seam():
    a, b = torch.tensor([1.0, 0.2]), torch.tensor([0.2, 1.0])
    assert geometry.melt(a, b, 0.1).tolist() == pytest.approx([0.2, 0.2])
    assert geometry.carve(a, b, 0.1).tolist() == pytest.approx([1.0, 0.2])


def test_melting_adds_at_the_seam_and_carving_rounds_the_edge():
    half = torch.tensor([0.3])
    assert geometry.melt(half, half, 0.2).item() == pytest.approx(0.3 - 0.2 / 4)
    assert geometry.carve(half, -half, 0.2).item() == pytest.approx(0.3 + 0.2 / 4)


def test_an_animal_is_solid_inside_and_the_camera_is_outside():
    animal = animals(torch.full((1, 36), 0.5))
    inside_and_out = torch.tensor([[0.0, 0.0, 6.0], [0.0, 0.0, 0.0]]).T
    surface = geometry.parts(inside_and_out, inside_and_out, animal).surface
    assert surface[0] > 0.5  # flat ellipsoids underestimate great distances, which marching survives
    assert surface[1] < -0.3


def test_left_and_right_are_mirrored_when_nothing_is_uneven():
    animal = animals(torch.full((1, 36), 0.5))
    right = torch.tensor([[0.45, 0.2, 0.9], [0.9, 1.1, 0.0], [0.2, -0.5, 1.2]]).T
    left = right * torch.tensor([[-1.0], [1.0], [1.0]])
    assert torch.allclose(
        geometry.parts(right, right, animal).surface, geometry.parts(left, left, animal).surface, atol=1e-6
    )


def test_a_fierce_look_lowers_the_lids_towards_the_nose_on_both_sides():
    even = torch.full((1, 36), 0.5)
    fierce, worried = (animals(factors.changed(even, "expression", value)) for value in (1.0, 0.0))
    eye_x, eye_z, radius = float(fierce.eye_x), float(fierce.eye_z), 1.1 * float(fierce.eye_radius)
    out, up = 0.45 * radius, 0.66 * radius  # on the lids' sphere, just below the edge of a level lid
    y, z = EYE_Y + up, eye_z + (radius**2 - out**2 - up**2) ** 0.5
    points = torch.tensor([[side * (eye_x + o), y, z] for side in (1, -1) for o in (-out, out)]).T
    covered = geometry.parts(points, points, worried).fur - geometry.parts(points, points, fierce).fur
    inner, outer, inner_left, outer_left = covered
    assert inner > 0.02 > -0.02 > outer
    assert torch.isclose(inner, inner_left)
    assert torch.isclose(outer, outer_left)
