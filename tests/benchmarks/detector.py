"""The landmark detector: a small network that says where an animal's parts are, whether they show, and what it is.

It looks at images alone, generated and composited ones as well, and knows nothing of the models that it
measures. `detector_training.py` trained it on rendered images, whose landmarks and factors are known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from stylegan2.critters.making import factors
from stylegan2.critters.making.landmarks import LANDMARKS

WEIGHTS = Path(__file__).parents[1] / "data" / "detector.safetensors"
INPUT = 128  # pixels across what the network sees
FEATURES = 128  # numbers that `Detector.features` gives
CHANNELS = (24, 48, 96, 144, 192)  # of the features at 64, 32, 16, 8 and 4 pixels across
MERGED = 64  # channels on the way back from 4 to 32 pixels across
AT_A_TIME = 64  # images


@dataclass(frozen=True)
class Sight:
    """What the detector sees in N images."""

    points: Tensor  # `[N, 10, 2]`, (x, y) of `LANDMARKS` in pixels of the images, pixel centres at +0.5
    visibility: Tensor  # `[N, 10]`, how probably each of them shows
    factors: Tensor  # `[N, 36]` in 0..1
    features: Tensor  # `[N, 128]`, what visibility and factors are read from


class Detector(nn.Module):
    """A pyramid of residual convolutions with a way down for what is seen, and one up again for where it is.

    Where: a heatmap of 32 x 32 for each landmark, softmax over its cells, and the mean of their centres under it
    (DSNT: Nibali et al. 2018, https://arxiv.org/abs/1801.07372). Training differentiates through that mean, so a
    point is not bound to the cells of 3 % of the width, which the brightest cell's place would be.
    """

    def __init__(self) -> None:
        super().__init__()
        first, *others = CHANNELS
        self.stem = _convolution(3, first, stride=2)
        self.down = nn.ModuleList(_Stage(i, o) for i, o in zip(CHANNELS, others, strict=False))
        self.lateral = nn.ModuleList(nn.Conv2d(channels, MERGED, 1) for channels in others)
        self.merge = nn.ModuleList(_convolution(MERGED, MERGED) for _ in others[:-1])
        self.heatmaps = nn.Conv2d(MERGED, len(LANDMARKS), 1)
        # A mean over the image would not know where things are: the 4 x 4 places stay apart.
        self.pool = nn.Sequential(_convolution(others[-1], 32, size=1), nn.Flatten(), nn.Linear(32 * 4 * 4, FEATURES))
        self.read = nn.Linear(FEATURES, len(LANDMARKS) + factors.COUNT)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images `[N, 3, 128, 128]` in -1..1 -> logits of the heatmaps `[N, 10, 32, 32]`, features `[N, 128]`."""
        x = self.stem(images)
        pyramid: list[Tensor] = []
        for stage in self.down:
            x = stage(x)
            pyramid.append(x)
        features = F.relu(self.pool(x))
        *finer, x = [lateral(level) for lateral, level in zip(self.lateral, pyramid, strict=True)]
        for merge, level in zip(reversed(self.merge), reversed(finer), strict=True):
            x = merge(F.interpolate(x, scale_factor=2, mode="nearest") + level)
        return self.heatmaps(x), features

    def visibility_and_factors(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features `[N, 128]` -> logits of the visibility `[N, 10]` and of the factors `[N, 36]`."""
        visibility, values = self.read(features).split([len(LANDMARKS), factors.COUNT], dim=1)
        return visibility, values

    @torch.no_grad()
    def look(self, images: Tensor) -> Sight:
        """Everything that is seen in images uint8 `[N, 3, H, W]`.

        As in the renderer the scene is a square that fills the height: a wider image is cut to its middle, a
        narrower one continued at its sides with its outermost columns.
        """
        seen = [self._look(some) for some in images.split(AT_A_TIME)]
        return Sight(*(torch.cat(parts) for parts in zip(*seen, strict=True)))

    def find(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 `[N, 3, H, W]` -> points `[N, 10, 2]` and visibility `[N, 10]`, as in `Sight`."""
        sight = self.look(images)
        return sight.points, sight.visibility

    def features(self, images: Tensor) -> Tensor:
        """Features `[N, 128]` of images uint8 `[N, 3, H, W]`."""
        return self.look(images).features

    def factors(self, images: Tensor) -> Tensor:
        """Factors `[N, 36]` in 0..1 of images uint8 `[N, 3, H, W]`."""
        return self.look(images).factors

    def _look(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        height, width = images.shape[-2:]
        logits, features = self(seen(images))
        visibility, values = self.visibility_and_factors(features)
        points = places(logits) * height + torch.tensor([(width - height) / 2, 0.0])
        return points, visibility.sigmoid(), values.sigmoid(), features


def seen(images: Tensor) -> Tensor:
    """Images uint8 `[N, 3, H, W]` -> what the network sees of them: `[N, 3, 128, 128]` in -1..1."""
    height, width = images.shape[-2:]
    columns = torch.arange(height) + (width - height) // 2
    square = images[..., columns.clamp(0, width - 1)].float() / 127.5 - 1
    return F.interpolate(square, size=(INPUT, INPUT), mode="bilinear", antialias=True)


def places(logits: Tensor) -> Tensor:
    """Logits of heatmaps `[N, L, h, w]` -> points `[N, L, 2]`, (x, y) as parts of the image's width and height."""
    share = logits.flatten(2).softmax(-1).view_as(logits)
    height, width = logits.shape[-2:]
    x = share.sum(2) @ ((torch.arange(width) + 0.5) / width)
    y = share.sum(3) @ ((torch.arange(height) + 0.5) / height)
    return torch.stack([x, y], dim=-1)


def load_detector(file: Path = WEIGHTS) -> Detector:
    """The trained detector, ready to look."""
    detector = Detector()
    weights = {name: value.float() for name, value in load_file(file).items()}
    detector.load_state_dict(weights, strict=False)  # the counters of the normalisation are not kept
    return detector.eval().requires_grad_(False)


def save_detector(detector: Detector, file: Path = WEIGHTS) -> None:
    """Write the weights as float16; those of the normalisation, which are few, as float32."""
    weights = {name: value for name, value in detector.state_dict().items() if value.is_floating_point()}
    file.write_bytes(to_bytes({n: v.half().contiguous() if v.ndim > 1 else v for n, v in weights.items()}))


class _Stage(nn.Module):
    """Halve the image, then a residual block of two convolutions."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.halve = _convolution(in_channels, out_channels, stride=2)
        self.change = nn.Sequential(
            _convolution(out_channels, out_channels),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.halve(x)
        return F.relu(x + self.change(x))


def _convolution(in_channels: int, out_channels: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
