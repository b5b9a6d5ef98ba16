"""The encoder of a generator: image -> W+, in a few passes that each see what is still missing.

Each pass gets the image beside the generator's draft of the code so far and corrects that code, as in ReStyle (Alaluf
et al. 2021). The network predicts whitened codes: coordinates of the generator's own W, of mean 0 and deviation 1.
Beside it stands the network that finds the subject in a larger view.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .generator import Generator
from .latent_space import LatentSpace
from .localization import LocalizationNetwork

LONGEST_SIDE = 128  # pixels of the image that the encoder sees
COARSEST_SIDE = 4  # pixels, of the shorter side, of the last features
WIDTHS = (48, 96, 160, 224, 256)  # channels, from the finest features on
HIDDEN = 384
GROUPS = 8  # of the group normalisation
DRAFT_SIDE = 64  # pixels, at least, of the shorter side of the generator's draft
PASSES = 3  # each pass gives less than the one before


@dataclasses.dataclass(frozen=True)
class EncoderArchitecture:
    """What an encoder's tensors are shaped after.

    Attributes:
        input_size: (height, width) of the image that it sees.
        num_ws: layers of W+.
        w_dim: numbers of a layer.
    """

    input_size: tuple[int, int]
    num_ws: int
    w_dim: int

    @classmethod
    def for_generator(cls, generator: Generator) -> EncoderArchitecture:
        """Return that of the encoder of a generator."""
        height, width = generator.image_size
        smaller = max(max(height, width) // LONGEST_SIDE, 1)
        return cls((height // smaller, width // smaller), generator.num_ws, generator.w_dim)

    @property
    def stages(self) -> int:
        """How often the features are halved after the first time."""
        return max(round(math.log2(min(self.input_size) / (2 * COARSEST_SIDE))), 0)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm0, self.norm1 = nn.GroupNorm(GROUPS, channels), nn.GroupNorm(GROUPS, channels)
        self.conv0 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features [N, C, H, W] to features of the same shape."""
        y = self.conv0(F.silu(self.norm0(x)))
        return x + self.conv1(F.silu(self.norm1(y)))


class Encoder(nn.Module):
    """One pass: image and draft -> a correction of the whitened code."""

    def __init__(self, architecture: EncoderArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        widths = WIDTHS[: architecture.stages + 1]
        height, width = (side >> (architecture.stages + 1) for side in architecture.input_size)
        layers: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(6 * 4, widths[0], 3, padding=1)]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), ResidualBlock(after)]
        layers += [nn.GroupNorm(GROUPS, widths[-1]), nn.SiLU(), nn.Flatten()]
        self.features = nn.Sequential(*layers)
        numbers = architecture.num_ws * architecture.w_dim
        self.from_features = nn.Linear(widths[-1] * height * width, HIDDEN)
        self.from_code = nn.Linear(numbers, HIDDEN)
        self.correction = nn.Linear(HIDDEN, numbers)
        self.localization = LocalizationNetwork()
        # How unlike its images of the generator's own samples are, [samples, parts]: what a fit is compared with.
        self.sample_distances: Tensor | None = None
        # Where the generator's W lies: kept with the weights, since the signs of principal axes differ from one
        # computer to another.
        self.mean: Tensor
        self.basis: Tensor
        self.register_buffer("mean", torch.zeros(architecture.w_dim))
        self.register_buffer("basis", torch.eye(architecture.w_dim))

    @classmethod
    def for_generator(cls, generator: Generator) -> Encoder:
        """Return a new encoder that predicts the mean of W for whatever it sees."""
        encoder = cls(EncoderArchitecture.for_generator(generator))
        space = LatentSpace(generator)
        encoder.mean.copy_(space.mean)
        encoder.basis.copy_(space.axes * space.deviation)
        nn.init.zeros_(encoder.correction.weight)
        nn.init.zeros_(encoder.correction.bias)
        return encoder

    def forward(self, image: Tensor, draft: Tensor, code: Tensor) -> Tensor:
        """Correct a code.

        Args:
            image: [N, 3, H, W] of the input size, -1 .. 1.
            draft: [N, 3, H, W] of the input size, what the generator shows of the code.
            code: [N, num_ws, w_dim], whitened.

        Returns:
            [N, num_ws, w_dim], whitened.
        """
        hidden = self.from_features(self.features(torch.cat([image, draft], dim=1))) + self.from_code(code.flatten(1))
        return code + self.correction(F.silu(hidden)).view_as(code)

    def to_w_plus(self, code: Tensor) -> Tensor:
        """Convert a whitened code to W+."""
        return self.mean + code @ self.basis.T

    def to_whitened(self, w_plus: Tensor) -> Tensor:
        """Convert W+ to a whitened code."""
        return torch.linalg.solve(self.basis, (w_plus - self.mean).mT).mT

    def draft(self, generator: Generator, code: Tensor) -> Tensor:
        """Return what the generator shows of a whitened code, as far as a small image needs: [N, 3, h, w]."""
        return self.draft_of(generator, self.to_w_plus(code))

    def draft_of(self, generator: Generator, w_plus: Tensor) -> Tensor:
        """Return the same of W+."""
        return generator.synthesis.draft(w_plus, DRAFT_SIDE)

    def to_input(self, image: Tensor) -> Tensor:
        """Scale an image [N, 3, h, w] to the input size, without aliasing where it is larger."""
        size = self.architecture.input_size
        if image.shape[2] >= size[0]:
            return F.adaptive_avg_pool2d(image, size)
        return F.interpolate(image, size, mode="bilinear", align_corners=False)

    @torch.no_grad()
    def encode(self, generator: Generator, image: Tensor, weight: Tensor, passes: int = PASSES) -> Tensor:
        """Predict the codes of images.

        Args:
            generator: the one the encoder was trained for.
            image: [N, 3, H, W], -1 .. 1.
            weight: [N, 1, H, W], 0 .. 1, how much a pixel counts (its alpha).
            passes: how often the code is corrected.

        Returns:
            [N, num_ws, w_dim], W+.
        """
        code = self.mean.new_zeros(len(image), self.architecture.num_ws, self.architecture.w_dim)
        opaque = F.adaptive_avg_pool2d(weight, self.architecture.input_size)
        seen = self.to_input(image * weight) / opaque.clamp(min=1e-6)
        for _ in range(passes):
            draft = self.to_input(self.draft(generator, code)).clamp(-1, 1)
            code = self(torch.lerp(draft, seen, opaque), draft, code)
        return self.to_w_plus(code)
