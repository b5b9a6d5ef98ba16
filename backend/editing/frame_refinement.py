"""Refinement of a frame: its shift, scale and roll are optimised together with the code of what it shows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import stylegan2
from backend.editing.frame import FINER, Frame
from backend.editing.reconstruction_loss import ReconstructionLoss
from backend.editing.region import resized
from backend.editing.settings import InversionSettings
from stylegan2.latent_space import LatentSpace

STEPS = 40
STEP_SIZE = 0.006  # Adam's for the frame: of its side, of its scale, and in radians
# How far the frame may go from where it began. Farther away it would be another subject, or plain background.
MOST_SHIFT, MOST_SCALING, MOST_ROLL = 0.2, 0.25, math.radians(20)  # of its side, as a logarithm, in radians
REACH = 1.2  # of its longer side: how far from its centre a frame within these bounds can see
CODE_FOLLOWS = 0.5  # share of the steps until the code moves as fast as in an inversion
COMPARED_SIDE = 256  # pixels of the model's longer side: finer detail says nothing more of where it is


@dataclasses.dataclass(frozen=True)
class FrameStep:
    """The frame and its code w_plus [1, num_ws, w_dim] after a step, and the loss before it."""

    step: int
    frame: Frame
    w_plus: torch.Tensor
    loss: float


def refine_frame(
    model: stylegan2.Model,
    pixels: np.ndarray,
    frame: Frame,
    w_plus: torch.Tensor,
    settings: InversionSettings,
    steps: int = STEPS,
) -> Iterator[FrameStep]:
    """Yield a frame and a code that fit each other and the layer better after each step of Adam.

    The loss is the pixels' part of the inversion's, in units of the variance of what the frame shows: without that a
    frame would be the better the plainer what it shows.

    Args:
        model: whose image is compared.
        pixels: uint8 [H, W, 4], the layer.
        frame: to begin with, some percent of its side and some degrees off.
        w_plus: [1, num_ws, w_dim], about what it shows.
        settings: of the inversion.
        steps: how many.
    """
    generator, space = model.generator, LatentSpace(model.generator)
    compared = dataclasses.replace(model, discriminator=None)
    layer = _LayerView(pixels, frame, generator.image_size, w_plus.device)
    offset = torch.zeros_like(w_plus, requires_grad=True)
    change = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([{"params": [offset]}, {"params": [change]}])
    for step in range(1, steps + 1):
        slower = 0.5 + 0.5 * math.cos(math.pi * (step - 1) / steps)
        # the code follows: at once, it would bend to the frame as it is
        optimizer.param_groups[0]["lr"] = slower * min(step / (CODE_FOLLOWS * steps), 1)
        optimizer.param_groups[1]["lr"] = slower
        code = w_plus + space.spread * settings.step_size * offset
        target, weight = layer.seen(STEP_SIZE * change)
        image = F.avg_pool2d(generator.synthesis(code, noise_mode="const"), layer.shrink)
        loss = ReconstructionLoss(compared, target, weight).pixel_loss(image) / _variance(target, weight)
        loss = loss + settings.mean_weight * space.distance(code).sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            change.clamp_(-layer.most / STEP_SIZE, layer.most / STEP_SIZE)
            code = w_plus + space.spread * settings.step_size * offset
        yield FrameStep(step, layer.frame(STEP_SIZE * change.detach()), code, float(loss.detach()))


class _LayerView:
    """The layer around a frame, read through frames nearby, so that the loss knows how it depends on them.

    A change of the frame is [4]: x and y in its longer sides, logarithm of the scale, roll in radians.
    """

    most = torch.tensor([MOST_SHIFT, MOST_SHIFT, MOST_SCALING, MOST_ROLL])

    def __init__(self, pixels: np.ndarray, frame: Frame, model_size: tuple[int, int], device: torch.device) -> None:
        self.start, self.side = frame, max(model_size) * frame.scale
        self.shrink = max(max(model_size) // COMPARED_SIDE, 1)
        left, top = (max(int(centre - REACH * self.side), 0) for centre in (frame.x, frame.y))
        right, bottom = (max(math.ceil(centre + REACH * self.side), 1) for centre in (frame.x, frame.y))
        part = pixels[top:bottom, left:right]
        smaller = max(frame.scale * self.shrink / FINER, 1)
        height, width = (max(round(length / smaller), 1) for length in part.shape[:2])
        values = resized(part, (height, width), Image.Resampling.LANCZOS).astype(np.float32)
        colours, alpha = torch.from_numpy(values).permute(2, 0, 1)[None].to(device).split([3, 1], dim=1)
        self.values = torch.cat([(colours / 127.5 - 1) * (alpha / 255), alpha / 255], dim=1)
        self.corner = torch.tensor([left, top], device=device)
        self.extent = torch.tensor(part.shape[1::-1], device=device)
        y, x = (
            ((torch.arange(FINER * length // self.shrink, device=device) + 0.5) * self.shrink / FINER - length / 2)
            for length in model_size
        )
        self.places = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # from the centre of the model's image

    def seen(self, change: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the changed frame shows [1, 3, h, w], -1 .. 1, and its weight [1, 1, h, w], 0 outside of the layer."""
        change = change.to(self.places.device)
        scale, roll = self.start.scale * change[2].exp(), math.radians(self.start.roll) + change[3]
        cos, sin = scale * roll.cos(), scale * roll.sin()
        turned = self.places @ torch.stack([torch.stack([cos, sin]), torch.stack([-sin, cos])])
        centre = change[:2] * self.side + change.new_tensor([self.start.x, self.start.y])
        grid = (turned + centre - self.corner) * (2 / self.extent) - 1
        read = F.avg_pool2d(F.grid_sample(self.values, grid[None], align_corners=False), FINER)
        colours, weight = read.split([3, 1], dim=1)
        return colours / weight.clamp(min=1e-3), weight

    def frame(self, change: torch.Tensor) -> Frame:
        """Return the changed frame."""
        x, y, scaling, roll = change.tolist()
        return Frame(
            self.start.x + x * self.side,
            self.start.y + y * self.side,
            self.start.scale * math.exp(scaling),
            self.start.roll + math.degrees(roll),
        )


def _variance(image: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Of the colours of `image` [1, 3, h, w] where `weight` [1, 1, h, w] is."""
    total = weight.sum()
    mean = (image * weight).sum(dim=(2, 3), keepdim=True) / total
    return ((image - mean).square() * weight).sum() / (3 * total) + 1e-3
