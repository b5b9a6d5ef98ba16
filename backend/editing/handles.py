"""The handles of a drag: where each is, what it looked like when it was set, and what it has still to reach."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch


@dataclasses.dataclass(frozen=True)
class Aim:
    """What is wanted of one handle, in pixels of the model's image.

    Attributes:
        id: names the same handle from one change to the next.
        handle: [2], (x, y), where it was set.
        goals: [G, 2], its way-points and at last its target; a pin's only goal is its handle.
    """

    id: int
    handle: np.ndarray
    goals: np.ndarray

    @property
    def is_pin(self) -> bool:
        """True when the handle is to stay where it is."""
        return len(self.goals) == 1 and bool((self.goals[0] == self.handle).all())

    def is_of(self, handle: Handle) -> bool:
        """Tell whether `handle` is the one that this is about: one that was set elsewhere is another."""
        return self.id == handle.aim.id and bool((self.handle == handle.aim.handle).all())

    @property
    def length(self) -> float:
        """The way from the handle through the way-points to the target, in pixels."""
        return float(np.linalg.norm(np.diff(np.vstack([self.handle, self.goals]), axis=0), axis=1).sum())


@dataclasses.dataclass(frozen=True)
class Handle:
    """A handle at one step. Its points are kept by the processor, which decides by them; its features by the device.

    Attributes:
        aim: what is wanted of it.
        goals: [G, 2], those of `aim`.
        next_goal: which of them it is on its way to.
        trajectory_start: [2], where it began that way.
        point: [2], (x, y), where point tracking finds it.
        template: [C], its features in the image as it was when it was set.
        patch: [Q, C], what is held at its target: the patch around it when it was set, or when it arrived.
        pinned: whether it is a pin, and never was anything else: then it is held from the start.
        held: whether it is held, as a pin or because it has arrived.
    """

    aim: Aim
    goals: torch.Tensor
    next_goal: int
    trajectory_start: torch.Tensor
    point: torch.Tensor
    template: torch.Tensor
    patch: torch.Tensor
    pinned: bool
    held: bool

    @property
    def target(self) -> torch.Tensor:
        """[2], the goal that it is on its way to."""
        return self.goals[self.next_goal]

    @property
    def remaining(self) -> torch.Tensor:
        """The pixels to that goal."""
        return (self.target - self.point).norm()

    def to_go(self) -> torch.Tensor:
        """Return the pixels left to its last goal, along the way-points."""
        ahead = self.goals[self.next_goal :]
        return self.remaining + (ahead[1:] - ahead[:-1]).norm(dim=-1).sum()

    def gone_on(self, stop_radius: float) -> Handle:
        """Return it on its way to the first goal that is further than `stop_radius` away, or to the last."""
        handle = self
        while handle.next_goal < len(self.goals) - 1 and handle.remaining <= stop_radius:
            handle = dataclasses.replace(handle, trajectory_start=handle.target, next_goal=handle.next_goal + 1)
        return handle

    def aimed(self, aim: Aim) -> Handle:
        """Return it, where it is, on its way to other goals; those that it has passed stay passed."""
        if np.array_equal(aim.goals, self.aim.goals):
            return dataclasses.replace(self, aim=aim)
        passed, most = 0, min(self.next_goal, len(aim.goals) - 1)
        while passed < most and (aim.goals[passed] == self.aim.goals[passed]).all():
            passed += 1
        goals = torch.as_tensor(aim.goals, dtype=self.point.dtype, device=self.point.device)
        pinned = self.pinned and aim.is_pin
        changes = {"trajectory_start": self.point, "pinned": pinned, "held": self.held and pinned == self.pinned}
        return dataclasses.replace(self, aim=aim, goals=goals, next_goal=passed, **changes)
