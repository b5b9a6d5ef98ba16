"""Eq. 1: what the loss of a step asks for, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from backend.editing.feature_map import FeatureMap, disc
from backend.editing.motion_supervision import LONGEST, PULL, SHORTEST, MotionSupervision

SIZE = (64, 64)


def blob(x: float, y: float) -> torch.Tensor:
    """A feature map [1, 2, 32, 32] of a 64x64 image: a soft blob around (x, y) in image pixels."""
    centres = (torch.arange(32) + 0.5) * 2
    distance = (centres[None, :] - x) ** 2 + (centres[:, None] - y) ** 2
    return torch.stack([torch.exp(-distance / 50), -torch.exp(-distance / 80)])[None]


def whole(features: torch.Tensor) -> FeatureMap:
    return FeatureMap.whole(features, SIZE)


SUPERVISION = MotionSupervision(r1=3.0, device=torch.device("cpu"))


def test_features_are_read_at_pixel_centres_and_go_on_at_the_border() -> None:
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    points = torch.tensor([[1.0, 1.0], [3.0, 1.0], [4.0, 4.0], [-5.0, 1.0], [99.0, 1.0]])
    assert FeatureMap.whole(ramp, (8, 8)).read(points)[:, 0].tolist() == [0.0, 1.0, 1.5, 0.0, 3.0]


def test_the_patch_is_a_disc_of_whole_pixels() -> None:
    assert len(disc(1.0, torch.device("cpu"))) == 1
    assert len(disc(3.0, torch.device("cpu"))) == 25
    assert disc(3.0, torch.device("cpu")).norm(dim=1).max() < 3


def test_the_gradient_moves_the_content_towards_the_target() -> None:
    x = torch.tensor(30.0, requires_grad=True)
    centres = (torch.arange(32) + 0.5) * 2
    features = torch.exp(-((centres[None, :] - x) ** 2 + (centres[:, None] - 30) ** 2) / 50)[None, None]
    loss = SUPERVISION.motion_loss(whole(features), torch.tensor([[30.0, 30.0]]), torch.tensor([[50.0, 30.0]]))
    loss.backward()
    assert x.grad is not None
    assert x.grad < 0, "descending must move the blob to the right, where the target is"


def test_no_gradient_flows_through_the_patch_where_the_handle_is() -> None:
    features = blob(30, 30).requires_grad_()
    SUPERVISION.motion_loss(whole(features), torch.tensor([[10.0, 30.0]]), torch.tensor([[60.0, 30.0]])).backward()
    assert features.grad is not None
    touched = features.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten()
    assert touched.min() >= 3, "texels left of handle + one step belong to the patch that is held fixed"


@pytest.mark.parametrize(("way", "pull"), [(25.0, LONGEST), (8.0, PULL * 8.0), (2.0, SHORTEST), (0.5, 0.5), (0.0, 0.0)])
def test_a_handle_is_pulled_by_a_share_of_the_way_and_not_beyond_the_target(way: float, pull: float) -> None:
    features = whole(blob(30, 30))
    loss, at = SUPERVISION, torch.tensor([[28.0, 30.0]])
    moved = (loss.patches(features, at) - loss.patches(features, at + torch.tensor([[pull, 0.0]]))).abs().mean()
    assert float(loss.motion_loss(features, at, at + torch.tensor([[way, 0.0]]))) == pytest.approx(float(moved))


def test_each_handle_adds_the_mean_over_its_patch() -> None:
    features = blob(30, 30)
    loss, at, to = SUPERVISION, torch.tensor([[28.0, 30.0]]), torch.tensor([[50.0, 30.0]])
    one = loss.motion_loss(whole(features), at, to)
    torch.testing.assert_close(loss.motion_loss(whole(features), at.expand(3, 2), to.expand(3, 2)), one.expand(3))
    doubled = torch.cat([features, features], dim=1)
    torch.testing.assert_close(SUPERVISION.motion_loss(whole(doubled), at, to), one)


def test_holding_costs_nothing_in_place_and_something_elsewhere() -> None:
    features = blob(30, 30)
    loss, at = SUPERVISION, torch.tensor([[28.0, 30.0]])
    patches = loss.patches(whole(features), at)
    assert float(loss.pin_loss(whole(features), at, patches)) == 0.0
    assert float(loss.pin_loss(whole(blob(34, 30)), at, patches)) > 0.01
