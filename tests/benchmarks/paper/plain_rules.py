"""The loop of the paper as it is written, and by the rules of the code that was released with it.

Written from their description. Both: Adam, a pull of 1 pixel, L1 of the patches (Eq. 1, means as the released lambda
wants them), the nearest neighbour of the start's features on whole pixels (Eq. 2). A handle within a pixel of its
target is not pulled: there Eq. 1 is 0/0. The released code's whole image and enlarged map are its own; the paper's
features are computed by our fast step, which is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.editing.drag_features import DragFeatures
from backend.editing.feature_map import FeatureMap, disc, square
from backend.editing.preset import LoadedModel, default_drag_settings
from stylegan2.generator import Generator
from tests.benchmarks.paper.moves import Asked, End, Move
from tests.plain_drag import plain_maps

PAPER_SIZE = 512
RELEASED_BLOCK = 128  # at every size of the image


@dataclass(frozen=True)
class Rules:
    """Constants and habits of a loop; lengths are pixels of the model's image.

    Attributes:
        step_size: Adam's.
        r1: radius of the patch.
        r2: half side of the square that is searched.
        block: the feature block.
        stop_radius: within which a handle has arrived; None: the paper's, 1 for up to 5 points, else 2.
        norm: 1 or 2, of the difference of features that tracking looks for the least of.
        whole_pixels: whether handles are rounded to whole pixels.
        enlarged: whether the whole image is made, and the whole map enlarged to it, in each step.
        layers: of W+ that move.
    """

    step_size: float
    r1: float
    r2: float
    block: int
    stop_radius: float | None = None
    norm: int = 1
    whole_pixels: bool = False
    enlarged: bool = False
    layers: int = 6

    def stop_radius_for(self, points: int) -> float:
        """Return the pixels within which a handle has arrived."""
        return self.stop_radius or (1.0 if points <= 5 else 2.0)


def paper_rules(loaded: LoadedModel) -> Rules:
    """Return the paper's: its constants at the size of the model's image, its step scaled by the spread of W."""
    settings = default_drag_settings(loaded.model.generator)
    return Rules(settings.step_size, settings.r1, settings.r2, settings.feature_block)


def released_rules(loaded: LoadedModel) -> Rules:
    """Return those of the released code: whole pixels everywhere, block 128, tracking by L2, 2 pixels to stop."""
    settings = default_drag_settings(loaded.model.generator)
    height = loaded.model.generator.image_size[0]
    r1, r2 = (max(round(length * height / PAPER_SIZE), 1) for length in (3, 12))
    block = min(RELEASED_BLOCK, height // 2)
    return Rules(settings.step_size, r1, r2, block, 2.0, norm=2, whole_pixels=True, enlarged=True)


def by(rules_for: Callable[[LoadedModel], Rules]) -> Move:
    """Return the row of a loop with the rules for a model."""
    return lambda asked: follow(rules_for(asked.loaded), asked)


def follow(rules: Rules, asked: Asked) -> End:
    """Drag until all handles have arrived, or the steps are spent."""
    start = asked.w_plus
    ends, points = torch.as_tensor(asked.targets).float(), torch.as_tensor(asked.handles).float()
    if rules.whole_pixels:
        ends, points = ends.floor() + 0.5, points.floor() + 0.5
    patch, searched = disc(rules.r1, points.device), square(rules.r2, 1.0, points.device)
    offset = torch.zeros_like(start[:, : rules.layers]).requires_grad_()
    adam = torch.optim.Adam([offset], rules.step_size)
    maps = _maps(rules, asked.generator, start)
    features = maps(offset, points)
    templates = features.detach().read(points)
    for step in range(asked.max_steps):
        left = ends - points
        if bool((left.norm(dim=1) <= rules.stop_radius_for(len(points))).all()):
            return End(_moved(start, offset.detach()), step)
        adam.zero_grad()
        loss = _motion_loss(features, points, left, patch)
        if loss.requires_grad:
            loss.backward()
            adam.step()
        features = maps(offset, points)
        points = _tracked(features.detach(), points, templates, searched, rules.norm)
    return End(_moved(start, offset.detach()), asked.max_steps)


def _maps(rules: Rules, generator: Generator, start: Tensor) -> Callable[[Tensor, Tensor], FeatureMap]:
    """Return what makes the feature map of an offset, at least where it is read around points."""
    if rules.enlarged:
        return lambda offset, points: plain_maps(generator, _moved(start, offset), rules.block)[1]
    features, reach = DragFeatures(generator, start, rules.layers, rules.block), rules.r2 + rules.r1 + 1
    low = start[:, : rules.layers]
    return lambda offset, points: features.within(low + offset, points - reach, points + reach)


def _motion_loss(features: FeatureMap, points: Tensor, left: Tensor, patch: Tensor) -> Tensor:
    """Eq. 1: each handle's patch one pixel further towards its target looks as it does where it is."""
    distance = left.norm(dim=1, keepdim=True)
    pulled = distance[:, 0] >= 1
    if not bool(pulled.any()):
        return points.new_zeros(())
    places = points[pulled][:, None] + patch
    ahead = places + (left / distance.clamp(min=1))[pulled][:, None]
    return (features.detach().read(places) - features.read(ahead)).abs().mean(dim=(1, 2)).sum()


def _tracked(features: FeatureMap, points: Tensor, templates: Tensor, searched: Tensor, norm: int) -> Tensor:
    """Eq. 2: of the places around each handle the one that looks most like it did at the start."""
    height, width = features.image_size
    places = points[:, None] + searched
    unlike = torch.linalg.vector_norm(features.read(places) - templates[:, None], ord=norm, dim=-1)
    inside = ((places >= 0) & (places <= places.new_tensor([width, height]))).all(-1)
    best = unlike.masked_fill(~inside, torch.inf).argmin(dim=1)
    return places[torch.arange(len(points)), best]


def _moved(start: Tensor, offset: Tensor) -> Tensor:
    layers = offset.shape[1]
    return torch.cat([start[:, :layers] + offset, start[:, layers:]], dim=1)
