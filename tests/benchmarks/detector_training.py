"""The training of the landmark detector, on rendered images that are made worse in ways generated ones are worse."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from stylegan2.critters.making import factors
from stylegan2.critters.making.geometry import compile_parts
from stylegan2.critters.making.landmarks import LANDMARKS, landmarks
from stylegan2.critters.making.pairs import BLOCK, RESOLUTION, Pairs
from tests.benchmarks.detector import Detector, places, seen

STEPS = 5000  # of 32 images
BATCH = 32
BLOCKS = 40  # of pairs to learn from: 10 240 animals, and as many mirrored ones
LEARNING_RATE = 2e-3  # at most; it rises for 200 steps and falls along a cosine
WEIGHT_DECAY = 0.02
HEATMAP_SIGMA = 1.0  # cells, of the bump that a heatmap should be
HIDDEN_WEIGHT = 0.2  # of a landmark that is hidden: where it is can only be guessed
# What mirrors an animal: these factors change to 1 minus their value, and right and left landmarks swap.
MIRRORED = [factors.index(name) for name in ("yaw", "roll", "x", "gaze x", "light azimuth", "ear asymmetry")]
SWAPPED = [
    LANDMARKS.index(name.replace("left", "*").replace("right", "left").replace("*", "right")) for name in LANDMARKS
]


@dataclass(frozen=True)
class Examples:
    """Rendered images, and what there is to see in them."""

    images: Tensor  # uint8 `[N, 3, 128, 128]`
    factors: Tensor  # `[N, 36]`
    points: Tensor  # `[N, 10, 2]` of the landmarks, as parts of the image's width
    visibility: Tensor  # `[N, 10]`, 0 or 1

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def of(cls, pairs: Pairs, blocks: range) -> Examples:
        """Blocks of pairs, all in memory; those that are missing are rendered."""
        parts = [cls._block(pairs, block) for block in tqdm(blocks, "pictures", mininterval=5)]
        return cls(*(torch.cat(part) for part in zip(*parts, strict=True)))

    @staticmethod
    def _block(pairs: Pairs, block: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        pairs.render(block)
        z, images = pairs.read(block, torch.arange(BLOCK))
        values = factors.from_latent(z)
        points, visibility = landmarks(values, RESOLUTION)
        return ((seen(images) + 1) * 127.5).round().to(torch.uint8), values, points / RESOLUTION, visibility


class Batches:
    """Batches of examples, mirrored, moved, recoloured, softened and noisy by chance."""

    def __init__(self, examples: Examples, seed: int) -> None:
        self.examples = examples
        self.rng = torch.Generator().manual_seed(seed)

    def next(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images `[32, 3, 128, 128]` in -1..1, points, visibility, and the factors `[16, 36]` of the first half.

        The second half is moved and recoloured, after which the factors no longer describe it.
        """
        rows = torch.randint(len(self.examples), (BATCH,), generator=self.rng)
        examples = self.examples
        images = examples.images[rows].float() / 127.5 - 1
        points, visibility, values = examples.points[rows], examples.visibility[rows], examples.factors[rows]
        mirror = self._uniform(0, 1) < 0.5
        images, points, visibility, values = mirrored(mirror, images, points, visibility, values)
        half = BATCH // 2
        moved, points[half:], visibility[half:] = self._moved(images[half:], points[half:], visibility[half:])
        images = self._worse(torch.cat([images[:half], self._recoloured(moved)]))
        return images, points, visibility, values[:half]

    def _moved(self, images: Tensor, points: Tensor, visibility: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shifted by up to 5 % of the width and 8 % larger or smaller, the outermost pixels repeated."""
        count = len(images)
        zoom, shift = self._uniform(0.92, 1.08)[:count, None], self._uniform(-0.05, 0.05, 2)[:count]
        # What is at p comes to 0.5 + (p - 0.5) * zoom + shift; grid_sample asks where a pixel comes from, in -1..1.
        source = torch.zeros(count, 2, 3)
        source[:, 0, 0] = source[:, 1, 1] = 1 / zoom[:, 0]
        source[:, :, 2] = -2 * shift / zoom
        grid = F.affine_grid(source, list(images.shape), align_corners=False)
        images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
        points = 0.5 + (points - 0.5) * zoom[:, None] + shift[:, None]
        return images, points, visibility * inside(points)

    def _recoloured(self, images: Tensor) -> Tensor:
        """Other contrast, and other brightness of each colour."""
        contrast, brightness = self._uniform(0.85, 1.15, 1), self._uniform(-0.1, 0.1, 3)
        return images * contrast[: len(images), :, None, None] + brightness[: len(images), :, None, None]

    def _worse(self, images: Tensor) -> Tensor:
        """Softer, as if resampled or generated, or a little too sharp; and noisy."""
        if torch.rand((), generator=self.rng) < 0.3:
            size = int(torch.randint(48, 112, (), generator=self.rng))
            smaller = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
            images = F.interpolate(smaller, size=images.shape[-2:], mode="bilinear")
        soft = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
        images = torch.lerp(images, soft, self._uniform(-0.4, 1.0)[:, None, None, None])
        noise = torch.randn(images.shape, generator=self.rng)
        return images + noise * self._uniform(0, 0.06)[:, None, None, None]

    def _uniform(self, low: float, high: float, columns: int = 0) -> Tensor:
        """Numbers `[32]`, or `[32, columns]`."""
        shape = (BATCH, columns) if columns else (BATCH,)
        return low + (high - low) * torch.rand(shape, generator=self.rng)


def mirrored(
    which: Tensor, images: Tensor, points: Tensor, visibility: Tensor, values: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mirror those that `which` `[N]` names; points are parts of the image's width."""
    other_values = values.clone()
    other_values[:, MIRRORED] = 1 - values[:, MIRRORED]
    other_points = torch.stack([1 - points[..., 0], points[..., 1]], dim=-1)[:, SWAPPED]
    return (
        torch.where(which[:, None, None, None], images.flip(-1), images),
        torch.where(which[:, None, None], other_points, points),
        torch.where(which[:, None], visibility[:, SWAPPED], visibility),
        torch.where(which[:, None], other_values, values),
    )


def inside(points: Tensor) -> Tensor:
    """1 for the points `[N, 10, 2]` that are in the image, 0 for the others, `[N, 10]`."""
    return ((points >= 0) & (points < 1)).all(-1).float()


def train(folder: Path, seed: int = 0, steps: int = STEPS, minutes: float = math.inf) -> Detector:
    """Train a detector on the pairs in a folder; those that are missing are rendered first.

    The same seed and steps give the same detector on the same machine. Where the minutes are over sooner, the
    learning rate falls with the time.
    """
    compile_parts()
    batches = Batches(Examples.of(Pairs(folder), range(BLOCKS)), seed)
    torch.manual_seed(seed)
    detector = Detector().train()
    detector.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimiser = torch.optim.AdamW(detector.parameters(), weight_decay=WEIGHT_DECAY)
    started = time.monotonic()
    bar = tqdm(range(steps), "training", mininterval=10)
    for step in bar:
        done = max(step / steps, (time.monotonic() - started) / (60 * minutes))
        if done >= 1:
            break
        rate = LEARNING_RATE * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done))
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        total, said = loss(detector, *batches.next())
        total.backward()
        optimiser.step()
        if step % 50 == 0:
            bar.set_postfix_str(" ".join(f"{name} {float(value):.4f}" for name, value in said.items()))
    return detector.eval().requires_grad_(False)


def loss(
    detector: Detector, images: Tensor, points: Tensor, visibility: Tensor, values: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch as from `Batches.next`, and its parts.

    Landmarks: the distance, and that a heatmap is one narrow bump, without which the mean of two bumps would do.
    """
    with torch.autocast("cpu", torch.bfloat16):  # twice as fast
        logits, features = detector(images.to(memory_format=torch.channels_last))
        seen_visibility, seen_values = detector.visibility_and_factors(features)
    logits = logits.float()
    weight = inside(points) * (HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * visibility)
    distance = ((places(logits) - points).square().sum(-1) + 1e-8).sqrt()
    crossed = -(bumps(points, logits.shape[-1]) * logits.flatten(2).log_softmax(-1)).sum(-1)
    parts = {
        "distance": (distance * weight).sum() / weight.sum(),
        "heatmap": (crossed * weight).sum() / weight.sum(),
        "visibility": F.binary_cross_entropy_with_logits(seen_visibility.float(), visibility),
        "factors": (seen_values[: len(values)].float().sigmoid() - values).abs().mean(),
    }
    total = 20 * parts["distance"] + 0.1 * parts["heatmap"] + 0.2 * parts["visibility"] + 2 * parts["factors"]
    return total, parts


def bumps(points: Tensor, cells: int) -> Tensor:
    """Gaussians around points `[N, L, 2]` on a grid of cells x cells, flattened, their sums 1: `[N, L, cells²]`."""
    centres = torch.arange(cells) + 0.5
    x, y = ((centres - points[..., axis, None] * cells).square() / (-2 * HEATMAP_SIGMA**2) for axis in (0, 1))
    return (y[..., :, None] + x[..., None, :]).flatten(2).softmax(-1)
