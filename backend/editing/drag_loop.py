"""The drag loop: motion supervision moves the code, point tracking finds the handles again, until all have arrived."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch

import stylegan2
from backend.editing.drag_features import DragFeatures
from backend.editing.feature_map import FeatureMap
from backend.editing.motion_supervision import LONGEST, MotionSupervision
from backend.editing.point_tracking import reach, track
from backend.editing.polyak import PolyakSteps
from backend.editing.settings import DragSettings, W

PATIENCE = 60  # steps without coming nearer after which a drag is given up
FARTHEST = 4.0  # the most that one step may be, in step sizes: those of the paper are Adam's, which are one each
MASK_SHARE = 0.4  # of the mask weight: lambda belongs to sums, and squares weigh the mask's larger term more
NEARER = 0.25  # pixels of the model's image that count as having come nearer


@dataclasses.dataclass(frozen=True)
class LoopStep:
    """One step of the loop.

    Attributes:
        step: 0 is the start.
        w_plus: [1, num_ws, w_dim], the code after the step.
        points: [N, 2], (x, y) in pixels of the model's image, where point tracking finds the handles.
        distances: [N], pixels of the model's image to each handle's target, along its way-points.
        arrived: bool [N], whether a handle is within the stop radius of its target.
        stuck: whether the drag is given up here, because no handle comes nearer.
    """

    step: int
    w_plus: torch.Tensor
    points: np.ndarray
    distances: np.ndarray
    arrived: np.ndarray
    stuck: bool = False


class DragLoop:
    """One drag: an iterator of its steps. All points are (x, y) in pixels of the model's image."""

    def __init__(
        self,
        generator: stylegan2.Generator,
        w_plus: torch.Tensor,
        handles: np.ndarray,
        goals: Sequence[np.ndarray],
        mask: torch.Tensor | None,
        settings: DragSettings,
    ) -> None:
        """Read the features of the start.

        Args:
            generator: of the edit.
            w_plus: [1, num_ws, w_dim], the code to start from.
            handles: [N, 2].
            goals: for each handle [G, 2], its way-points and at last its target; a pin's only goal is itself.
            mask: float [height, width], 1 = may move, of the model's image; None = everything may.
            settings: the constants of the drag.
        """
        self.settings = settings
        self.device, self.dtype = w_plus.device, w_plus.dtype
        self.points = self._tensor(handles)
        self.goals = [self._tensor(goal) for goal in goals]
        self.next_goal = [0] * len(self.goals)
        self.trajectory_starts = self.points.clone()
        pins = [len(goal) == 1 and bool((goal[0] == point).all()) for goal, point in zip(goals, handles, strict=True)]
        self.pinned = torch.tensor(pins, device=self.device)
        self.stop_radius = settings.stop_radius_for(int((~self.pinned).sum()))
        self.code = _OptimizedCode(w_plus, min(settings.layers, w_plus.shape[1]), settings.latent_space)
        self.optimizer = PolyakSteps(self.code.offset, FARTHEST * settings.step_size)
        mask = None if settings.mask_weight == 0 else mask
        self.features = DragFeatures(generator, w_plus, self.code.layers, settings.feature_block, mask is not None)
        self.r1 = max(settings.r1, 1.001 * self.features.texel)
        # what is read of a step: where a handle is found again, from there as far as it is pulled or as its target is
        # when it has arrived, and around that the patch
        self.reach = reach(settings.r2, self.features.texel) + max(self.stop_radius, LONGEST) + self.r1
        self.held = self.pinned.clone()
        with torch.no_grad():
            features = self._features()
            self.supervision = MotionSupervision(features, self.r1, mask, settings.mask_weight)
            self.templates = features.read(self.points)
            self.held_patches = self.supervision.patches(features, self.points)

    def __iter__(self) -> Iterator[LoopStep]:
        """Yield step 0, the start, then one LoopStep after each step; ends when all arrived, or at the last step."""
        best, best_step = float("inf"), 0
        for step in range(self.settings.max_steps + 1):
            features = self._features()
            if step:
                self.points = self._track(features.detach())
            distances = self._update_goals(features.detach())
            remaining = float(distances[~self.pinned].sum())
            if remaining < best - NEARER:
                best, best_step = remaining, step
            arrived = self._arrived(distances)
            all_arrived = bool(arrived[~self.pinned].all())
            stuck = not all_arrived and step - best_step >= PATIENCE
            yield LoopStep(
                step, self.code.w_plus(), self.points.cpu().numpy(), distances.cpu().numpy(),
                arrived.cpu().numpy(), stuck,
            )  # fmt: skip
            if all_arrived or stuck or step == self.settings.max_steps:
                return
            self.optimizer.zero_grad(set_to_none=True)
            loss = self._loss(features)
            (loss + (MASK_SHARE * self.supervision.mask_loss(features)).square() / 2).backward()
            self.optimizer.step(loss.detach())  # without the mask's, which no step can do away with

    def _tensor(self, points: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.asarray(points), dtype=self.dtype, device=self.device)

    def _features(self) -> FeatureMap:
        """The features around the handles as they are, and around the targets of those that are held there."""
        patches = self._targets().where(self.held[:, None], self.points)
        low = torch.minimum(self.points - self.reach, patches - self.r1)
        high = torch.maximum(self.points + self.reach, patches + self.r1)
        return self.features.within(self.code.moving(), low, high)

    def _targets(self) -> torch.Tensor:
        return torch.stack([goal[index] for goal, index in zip(self.goals, self.next_goal, strict=True)])

    def _track(self, features: FeatureMap) -> torch.Tensor:
        trajectories = torch.stack([self.trajectory_starts, self._targets()], dim=1)
        return track(features, self.points, self.templates, self.settings.r2, trajectories)

    def _loss(self, features: FeatureMap) -> torch.Tensor:
        """The handles' terms of Eq. 1, each squared: one that is nearly done then counts for little."""
        terms = [features.texels.new_zeros(1)]
        moving = ~self.held
        if moving.any():
            terms.append(self.supervision.motion_loss(features, self.points[moving], self._targets()[moving]))
        if self.held.any():
            # at their targets: held where point tracking sees them, they would creep
            terms.append(self.supervision.pin_loss(features, self._targets()[self.held], self.held_patches[self.held]))
        return torch.cat(terms).square().sum() / 2

    def _update_goals(self, features: FeatureMap) -> torch.Tensor:
        """Go on to the next way-points, hold the handles that arrived, and return the distances left [N]."""
        distances = []
        for handle, goal in enumerate(self.goals):
            while self.next_goal[handle] < len(goal) - 1 and self._remaining(handle) <= self.stop_radius:
                self.trajectory_starts[handle] = goal[self.next_goal[handle]]
                self.next_goal[handle] += 1
            ahead = goal[self.next_goal[handle] :]
            distances.append(self._remaining(handle) + (ahead[1:] - ahead[:-1]).norm(dim=-1).sum())
        remaining = torch.stack(distances)
        arrived = self._arrived(remaining) | self.pinned
        newly_arrived = arrived & ~self.held
        if newly_arrived.any():
            self.held_patches[newly_arrived] = self.supervision.patches(features, self.points[newly_arrived])
        self.held = arrived
        return remaining

    def _remaining(self, handle: int) -> torch.Tensor:
        return (self.goals[handle][self.next_goal[handle]] - self.points[handle]).norm()

    def _arrived(self, distances: torch.Tensor) -> torch.Tensor:
        return distances <= self.stop_radius


class _OptimizedCode:
    """A W+ code whose first layers move, each by itself (W+) or all together (W)."""

    def __init__(self, w_plus: torch.Tensor, layers: int, latent_space: str) -> None:
        self.start = w_plus.detach().clone()
        self.layers = layers
        moving = self.start[:, : 1 if latent_space == W else layers]
        self.offset = torch.zeros_like(moving).requires_grad_()

    def moving(self) -> torch.Tensor:
        """The layers that move [1, layers, w_dim], with a gradient."""
        return self.start[:, : self.layers] + self.offset

    def w_plus(self) -> torch.Tensor:
        """[1, num_ws, w_dim]."""
        return torch.cat([self.moving().detach(), self.start[:, self.layers :]], dim=1)
