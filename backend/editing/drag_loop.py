"""The drag loop: motion supervision moves the code, point tracking finds the handles again, until all have arrived."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import torch

import stylegan2
from backend.editing.drag_features import DragFeatures
from backend.editing.feature_map import FeatureMap
from backend.editing.handles import Aim, Handle
from backend.editing.mask_loss import MaskLoss
from backend.editing.motion_supervision import LONGEST, MotionSupervision
from backend.editing.point_tracking import reach, track
from backend.editing.polyak import PolyakSteps
from backend.editing.settings import DragSettings, W

PATIENCE = 60  # steps without coming nearer after which a drag is given up
FARTHEST = 4.0  # the most that one step may be, in step sizes: those of the paper are Adam's, which are one each
MASK_SHARE = 0.4  # of the mask weight: lambda belongs to sums, and squares weigh the mask's larger term more
MASK_STEP = 0.1  # of the mask's loss that a step is to do away with: it pulls against the handles, and never goes
NEARER = 0.25  # pixels of the model's image that count as having come nearer
OWN = 0.5  # of a layer's own offset that is added to the one that all share, in W+
SETTLING = 30  # steps after another mask, though all have arrived: what it keeps goes back to how it was


@dataclasses.dataclass(frozen=True)
class LoopStep:
    """One step of the loop.

    Attributes:
        step: 0 is the start.
        w_plus: [1, num_ws, w_dim], the code after the step.
        points: [N, 2], (x, y) in pixels of the model's image, where point tracking finds the handles.
        distances: [N], pixels of the model's image to each handle's target, along its way-points.
        arrived: bool [N], whether a handle is within the stop radius of its target.
        last_step: where the drag ends at the latest.
        stuck: whether the drag is given up here, because no handle comes nearer.
        spent: whether no more steps are allowed.
        over: whether nothing is left to be done: stuck, spent, or all have arrived.
    """

    step: int
    w_plus: torch.Tensor
    points: np.ndarray
    distances: np.ndarray
    arrived: np.ndarray
    last_step: int
    stuck: bool
    spent: bool
    over: bool


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Where a drag was: its code's offsets from the start, and its handles."""

    offset: torch.Tensor
    handles: tuple[Handle, ...]


class DragLoop:
    """One drag: an iterator of its steps. All points are (x, y) in pixels of the model's image.

    What is wanted may change between two steps.
    """

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
        self.code = _OptimizedCode(w_plus, min(settings.layers, w_plus.shape[1]), settings.latent_space)
        self.optimizer = PolyakSteps(self.code.offset, FARTHEST * settings.step_size)
        self.features = DragFeatures(generator, w_plus, self.code.layers, settings.feature_block)
        self.r1 = max(settings.r1, 1.001 * self.features.texel)
        self.supervision = MotionSupervision(self.r1, self.device)
        self.mask_loss: MaskLoss | None = None
        self.handles: tuple[Handle, ...] = ()
        self.step = self.settled = 0
        self.restrain(mask)
        self.aim([Aim(*one) for one in zip(range(len(goals)), handles, goals, strict=True)])

    def aim(self, aims: Sequence[Aim]) -> None:
        """Take other handles and targets. A handle that was there stays as it is, a new one is read as it is now."""
        known = {aim.id: handle.aimed(aim) for aim in aims for handle in self.handles if aim.is_of(handle)}
        pins = sum(known[aim.id].pinned if aim.id in known else aim.is_pin for aim in aims)
        self.stop_radius = self.settings.stop_radius_for(len(aims) - pins)
        # what is read of a step: where a handle is found again, from there as far as it is pulled or as its target is
        # when it has arrived, and around that the patch
        self.reach = reach(self.settings.r2, self.features.texel) + max(self.stop_radius, LONGEST) + self.r1
        new = self._read([aim for aim in aims if aim.id not in known])
        self.handles = tuple(known.get(aim.id) or new[aim.id] for aim in aims)
        self._begin_anew()

    def restrain(self, mask: torch.Tensor | None) -> None:
        """Take another mask: float [height, width], 1 = may move; None = everything may."""
        self.mask_loss = None
        if mask is not None and self.settings.mask_weight != 0:
            start = self.code.start[:, : self.code.layers]
            self.mask_loss = MaskLoss(self.features.kept(), start, mask, self.settings.mask_weight)
        self.settled = self.step + SETTLING if self.step else 0
        self._begin_anew()

    def snapshot(self) -> Snapshot:
        """Return where the drag is, to go back there later."""
        return Snapshot(self.code.offset.detach().clone(), self.handles)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from where the drag was."""
        with torch.no_grad():
            self.code.offset.copy_(snapshot.offset)
        self.optimizer.state.clear()
        self.handles = snapshot.handles
        self._begin_anew()

    def _begin_anew(self) -> None:
        """Allow as many steps, and as much patience, as at the start."""
        self._best, self._best_step, self._first_step = float("inf"), self.step, self.step
        self._current: FeatureMap | None = None

    def __iter__(self) -> Iterator[LoopStep]:
        """Yield step 0, the start, then one LoopStep after each step; ends when all arrived, or at the last step."""
        step = self.look()
        yield step
        while not step.over:
            self.move()
            step = self.look()
            yield step

    def move(self) -> None:
        """Take one step of the code, and find the handles again."""
        features = self._features() if self._current is None else self._current
        self.optimizer.zero_grad(set_to_none=True)
        loss, mask_loss = self._loss(features), self._mask_loss(features)
        (loss + mask_loss).backward()
        self.optimizer.step((loss + MASK_STEP * mask_loss).detach())
        self.step += 1
        self._current = self._features()
        self._track(self._current.detach())

    def look(self) -> LoopStep:
        """Go on to the next way-points, hold the handles that arrived, and tell how far the drag is."""
        distances = self._update_goals()
        pinned = np.array([handle.pinned for handle in self.handles], bool)
        remaining = float(distances[~pinned].sum())
        if remaining < self._best - NEARER:
            self._best, self._best_step = remaining, self.step
        arrived = distances <= self.stop_radius
        done = bool(arrived[~pinned].all()) and (self.step >= self.settled or not len(pinned))
        stuck = not done and self.step - self._best_step >= PATIENCE
        last_step = self._first_step + self.settings.max_steps
        spent = self.step >= last_step
        over = done or stuck or spent
        points = self.points.numpy()
        return LoopStep(self.step, self.code.w_plus(), points, distances, arrived, last_step, stuck, spent, over)

    @property
    def points(self) -> torch.Tensor:
        """[N, 2], where the handles are; on the processor."""
        return self._stacked([handle.point for handle in self.handles])

    @points.setter
    def points(self, points: torch.Tensor) -> None:
        pairs = zip(self.handles, points, strict=True)
        self.handles = tuple(dataclasses.replace(handle, point=point) for handle, point in pairs)

    def _stacked(self, rows: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(rows)) if rows else torch.zeros(0, 2, dtype=self.dtype)

    def _tensor(self, points: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.asarray(points), dtype=self.dtype)

    def _to_device(self, *points: torch.Tensor) -> Sequence[torch.Tensor]:
        """Points [N, 2] of the processor, on the device; all in one transfer, for which nothing waits."""
        at_once = self.device.type == "mps"  # which would read later what is not there any more
        there = torch.cat(points).to(self.device, non_blocking=not at_once)
        return there.split([len(some) for some in points])

    def _to_host(self, points: torch.Tensor) -> torch.Tensor:
        """Points [N, 2] of the device, on the processor: here, and nowhere else in a step, it waits for the device."""
        return points.cpu()

    @torch.no_grad()
    def _read(self, aims: Sequence[Aim]) -> dict[int, Handle]:
        """The handles of `aims`, set where they are to be in the image as it is now, by their ids."""
        if not aims:
            return {}
        points = self._tensor(np.array([aim.handle for aim in aims]))
        features = self._map(points - self.reach, points + self.reach)
        (there,) = self._to_device(points)
        read = zip(aims, points, features.read(there), self.supervision.patches(features, there), strict=True)
        return {
            aim.id: Handle(aim, self._tensor(aim.goals), 0, point, point, template, patch, aim.is_pin, aim.is_pin)
            for aim, point, template, patch in read
        }

    def _features(self) -> FeatureMap:
        """The features around the handles as they are, and around the targets of those that are held there."""
        points = self.points
        held = torch.tensor([handle.held for handle in self.handles])
        patches = self._targets(self.handles).where(held[:, None], points)
        low = torch.minimum(points - self.reach, patches - self.r1)
        high = torch.maximum(points + self.reach, patches + self.r1)
        return self._map(low, high)

    def _map(self, low: torch.Tensor, high: torch.Tensor) -> FeatureMap:
        """The features as they are now, at least between the corners [N, 2]; the last ones are gone then."""
        return self.features.within(self.code.moving(), low, high)

    def _targets(self, handles: Sequence[Handle]) -> torch.Tensor:
        return self._stacked([handle.target for handle in handles])

    def _track(self, features: FeatureMap) -> None:
        starts = self._stacked([handle.trajectory_start for handle in self.handles])
        points, *ends = self._to_device(self.points, starts, self._targets(self.handles))
        templates = torch.stack([handle.template for handle in self.handles])
        self.points = self._to_host(track(features, points, templates, self.settings.r2, torch.stack(ends, dim=1)))

    def _loss(self, features: FeatureMap) -> torch.Tensor:
        """The handles' terms of Eq. 1, each squared: one that is nearly done then counts for little."""
        terms = [features.texels.new_zeros(1)]
        moving = [handle for handle in self.handles if not handle.held]
        held = [handle for handle in self.handles if handle.held]
        now = self._stacked([handle.point for handle in moving])
        points, targets, kept = self._to_device(now, self._targets(moving), self._targets(held))
        if moving:
            terms.append(self.supervision.motion_loss(features, points, targets))
        if held:
            # at their targets: held where point tracking sees them, they would creep
            terms.append(self.supervision.pin_loss(features, kept, torch.stack([handle.patch for handle in held])))
        return torch.cat(terms).square().sum() / 2

    def _mask_loss(self, features: FeatureMap) -> torch.Tensor:
        """The mask's term, squared."""
        if self.mask_loss is None:
            return self.code.offset.new_zeros(())
        return (MASK_SHARE * self.mask_loss(self.code.moving(), features.before)).square() / 2

    def _update_goals(self) -> np.ndarray:
        """Go on to the next way-points, hold the handles that arrived, and return the distances left [N]."""
        handles = [handle.gone_on(self.stop_radius) for handle in self.handles]
        distances = [float(handle.to_go()) for handle in handles]
        for index, distance in enumerate(distances):
            held = handles[index].pinned or distance <= self.stop_radius
            handles[index] = self._held(handles[index]) if held else dataclasses.replace(handles[index], held=False)
        self.handles = tuple(handles)
        return np.array(distances)

    def _held(self, handle: Handle) -> Handle:
        """The handle, from now on held at its target as it looks now."""
        if handle.held:
            return handle
        if self._current is None:
            self._current = self._features()
        patch = self.supervision.patches(self._current.detach(), *self._to_device(handle.point[None]))[0]
        return dataclasses.replace(handle, held=True, patch=patch)


class _OptimizedCode:
    """A W+ code whose first layers move: all together, and in W+ each a little by itself besides.

    Layers that move by themselves alone leave the images that the model knows, and get less far (measured).
    """

    def __init__(self, w_plus: torch.Tensor, layers: int, latent_space: str) -> None:
        self.start = w_plus.detach().clone()
        self.layers = layers
        shared, own = self.start[:, :1], self.start[:, : 0 if latent_space == W else layers]
        self.offset = torch.zeros_like(torch.cat([shared, own], dim=1)).requires_grad_()

    def moving(self) -> torch.Tensor:
        """The layers that move [1, layers, w_dim], with a gradient."""
        moving = self.start[:, : self.layers] + self.offset[:, :1]
        return moving + OWN * self.offset[:, 1:] if self.offset.shape[1] > 1 else moving

    def w_plus(self) -> torch.Tensor:
        """[1, num_ws, w_dim]."""
        return torch.cat([self.moving().detach(), self.start[:, self.layers :]], dim=1)
