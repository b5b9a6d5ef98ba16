"""The step of the drag loop: as far along the gradient as it takes to do away with the loss (Polyak's step)."""

from __future__ import annotations

import torch

MOMENTUM = 0.5  # share of the steps before: without it, handles that pull against each other take turns


class PolyakSteps(torch.optim.Optimizer):
    """Steps of the length at which a loss that is a parabola, 0 at its least, would be 0.

    How far that is, the loss says itself. Adam's steps, equally long in each coordinate, change most what hardly
    moves the handles, and so leave the images that the model knows.
    """

    def __init__(self, code: torch.Tensor, longest: float) -> None:
        """Prepare for steps of `code` that are at most `longest`: root mean square of the change, in its units."""
        super().__init__([code], {"longest": longest})
        self.code, self.longest = code, longest

    @torch.no_grad()
    def step(self, loss: torch.Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Change the code, whose gradient is that of `loss`."""
        gradient, past = self.code.grad, self.state[self.code]
        assert gradient is not None
        smallest = torch.finfo(gradient.dtype).tiny  # where nothing pulls, both loss and gradient are 0
        step = gradient * (-2 * loss / gradient.square().sum().clamp(min=smallest))
        past["mean"] = step.lerp(past["mean"], MOMENTUM) if past else step * (1 - MOMENTUM)
        past["weight"] = MOMENTUM * past.get("weight", 0.0) + 1 - MOMENTUM
        step = past["mean"] / past["weight"]
        self.code += step * (self.longest / step.square().mean().sqrt().clamp(min=self.longest))
