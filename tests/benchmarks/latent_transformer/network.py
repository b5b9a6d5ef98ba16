"""The latent transformer: where the handles of a drag are to go -> the W+ code there, in one pass (Endo 2022).

No loop, no tracking: it has learned from the model's own samples how the code changes where an image moves. As the
same motion may have many causes it predicts their mean, so the subject moves coarsely and as a whole.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import stylegan2
from backend.editing.feature_map import FeatureMap
from stylegan2.latent_space import LatentSpace

LAYERS = 6  # of W+, from the first on, that it moves: as in the drag loop
FEATURE_BLOCK = 64  # at most
WIDTH, HEADS = 160, 5
ENCODER_LAYERS, DECODER_LAYERS = 2, 4


@dataclasses.dataclass(frozen=True)
class LatentTransformerArchitecture:
    """What a latent transformer's tensors are shaped after.

    Attributes:
        layers: of W+, from the first on, that it moves.
        w_dim: numbers of a layer.
        feature_block: resolution of the block whose features it sees.
        channels: of those features.
    """

    layers: int
    w_dim: int
    feature_block: int
    channels: int

    @classmethod
    def for_generator(cls, generator: stylegan2.Generator) -> LatentTransformerArchitecture:
        """Return that of the latent transformer of a generator."""
        blocks = [block for block in generator.architecture.blocks if block.resolution <= FEATURE_BLOCK]
        block = max(blocks, key=lambda block: block.resolution)
        return cls(min(LAYERS, generator.num_ws), generator.w_dim, block.resolution, block.channels)


class LatentTransformer(nn.Module):
    """An encoder over the handles, and a decoder whose queries are the layers of W+."""

    def __init__(self, architecture: LatentTransformerArchitecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.from_handle = nn.Linear(a.channels + 4, WIDTH)
        self.from_layer = nn.Linear(a.w_dim, WIDTH)
        self.layer = nn.Parameter(torch.zeros(a.layers, WIDTH))
        shape = {"d_model": WIDTH, "nhead": HEADS, "dim_feedforward": 4 * WIDTH, "dropout": 0.0}
        more = {"activation": "gelu", "batch_first": True, "norm_first": True}
        encoder = nn.TransformerEncoderLayer(**shape, **more)
        decoder = nn.TransformerDecoderLayer(**shape, **more)
        self.encoder = nn.TransformerEncoder(encoder, ENCODER_LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(decoder, DECODER_LAYERS, nn.LayerNorm(WIDTH))
        self.change = nn.Linear(WIDTH, a.w_dim)
        for name, size in (("mean", a.w_dim), ("feature_mean", a.channels)):
            self.register_buffer(name, torch.zeros(size))
        for name, size in (("spread", 1), ("feature_deviation", a.channels), ("motion_deviation", 1)):
            self.register_buffer(name, torch.ones(size))
        self.mean: Tensor
        self.spread: Tensor
        self.feature_mean: Tensor
        self.feature_deviation: Tensor
        self.motion_deviation: Tensor

    @classmethod
    def for_generator(cls, generator: stylegan2.Generator) -> LatentTransformer:
        """Return a new one, which leaves every code as it is."""
        network = cls(LatentTransformerArchitecture.for_generator(generator))
        space = LatentSpace(generator)
        network.mean.copy_(space.mean)
        network.spread.fill_(space.spread)
        nn.init.normal_(network.layer, std=0.02)
        nn.init.zeros_(network.change.weight)
        nn.init.zeros_(network.change.bias)
        return network

    def forward(self, code: Tensor, features: Tensor, places: Tensor, motion: Tensor, absent: Tensor) -> Tensor:
        """Predict codes.

        Args:
            code: [N, layers, w_dim], before the drag.
            features: [N, T, C], at the handles.
            places: [N, T, 2], of the handles, (x, y) in heights of the image from its centre.
            motion: [N, T, 2], (x, y) in heights of the image.
            absent: bool [N, T], where there is no handle.

        Returns:
            [N, layers, w_dim].
        """
        seen = (features - self.feature_mean) / self.feature_deviation
        handles = torch.cat([motion / self.motion_deviation, 2 * places, seen], dim=2)
        encoded = self.encoder(self.from_handle(handles), src_key_padding_mask=absent)
        queries = self.from_layer((code - self.mean) / self.spread) + self.layer
        decoded = self.decoder(queries, encoded, memory_key_padding_mask=absent)
        return code + self.spread * self.change(decoded)

    @torch.no_grad()
    def edit(self, generator: stylegan2.Generator, w_plus: Tensor, handles: Tensor, targets: Tensor) -> Tensor:
        """Predict the code at the end of a drag.

        Args:
            generator: the one that the network was trained for.
            w_plus: [1, num_ws, w_dim], the code to start from.
            handles: [N, 2], (x, y) in pixels of the model's image.
            targets: [N, 2].

        Returns:
            [1, num_ws, w_dim].
        """
        a = self.architecture
        height, width = generator.image_size
        features = FeatureMap.whole(generator.synthesis.features(w_plus, a.feature_block), (height, width))
        places = (handles - handles.new_tensor([width / 2, height / 2])) / height
        motion = torch.stack([targets - handles, torch.zeros_like(handles)]) / height
        seen = (one.expand(2, *one.shape) for one in (w_plus[0, : a.layers], features.read(handles), places))
        absent = torch.zeros(motion.shape[:2], dtype=torch.bool, device=motion.device)
        moved, still = self(*seen, motion, absent)
        # What it makes of no motion is nobody's wish: so a drag to where it is changes nothing.
        change = F.pad(moved - still, (0, 0, 0, w_plus.shape[1] - a.layers))
        return w_plus + change
