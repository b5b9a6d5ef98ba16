"""What a network looks like, as plain data: written into a model file's header, read back and checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ModelError

MAX_RESOLUTION = 4096
MAX_WIDTH = 65536


@dataclass(frozen=True)
class MappingArchitecture:
    """z (and a class label c) -> w: dense layers with a leaky ReLU between them."""

    z_dim: int
    c_dim: int
    w_dim: int
    num_layers: int
    embed_features: int
    layer_features: int
    lr_multiplier: float


@dataclass(frozen=True)
class SynthesisBlockArchitecture:
    """One resolution of the generator: conv0 (missing in the first block), conv1, torgb.

    `use_noise` has one entry per convolution, `conv_clamp` one more for torgb; None means no clamping. Files
    differ here from layer to layer, which is why nothing is derived from a default.
    """

    resolution: int
    channels: int
    use_noise: tuple[bool, ...]
    conv_clamp: tuple[float | None, ...]


@dataclass(frozen=True)
class GeneratorArchitecture:
    """A StyleGAN2 generator with skip connections; `const_size` is (height, width) of the learned constant.

    `num_fp16_res` only records how many resolutions the authors ran in half precision; here all is float32.
    """

    mapping: MappingArchitecture
    img_channels: int
    const_size: tuple[int, int]
    blocks: tuple[SynthesisBlockArchitecture, ...]
    num_fp16_res: int = 0

    @property
    def num_ws(self) -> int:
        """One w per convolution and one for the last torgb."""
        return 2 * len(self.blocks)


@dataclass(frozen=True)
class DiscriminatorBlockArchitecture:
    """One halving of the resolution. `conv_clamp`: conv0, conv1, skip, and fromrgb in the first block."""

    resolution: int
    in_channels: int
    out_channels: int
    conv_clamp: tuple[float | None, ...]


@dataclass(frozen=True)
class DiscriminatorArchitecture:
    """A residual StyleGAN2 discriminator; `mapping` embeds the class label and is None without classes."""

    img_channels: int
    blocks: tuple[DiscriminatorBlockArchitecture, ...]
    final_size: tuple[int, int]
    final_channels: int
    final_clamp: float | None
    mbstd_group_size: int | None
    mbstd_num_channels: int
    mapping: MappingArchitecture | None


def generator_architecture(
    *,
    z_dim: int,
    w_dim: int,
    img_resolution: int,
    c_dim: int = 0,
    img_channels: int = 3,
    mapping_layers: int = 8,
    lr_multiplier: float = 0.01,
    channel_base: int = 32768,
    channel_max: int = 512,
    conv_clamp: float | None = None,
    use_noise: bool = True,
) -> GeneratorArchitecture:
    """The square architecture in the papers' few numbers: block R has min(channel_base / R, channel_max)."""
    resolutions = [2**k for k in range(2, int(math.log2(img_resolution)) + 1)]
    blocks = tuple(
        SynthesisBlockArchitecture(
            resolution=resolution,
            channels=min(channel_base // resolution, channel_max),
            use_noise=(use_noise,) * (1 if resolution == 4 else 2),
            conv_clamp=(conv_clamp,) * (2 if resolution == 4 else 3),
        )
        for resolution in resolutions
    )
    embed = w_dim if c_dim else 0
    mapping = MappingArchitecture(z_dim, c_dim, w_dim, mapping_layers, embed, w_dim, lr_multiplier)
    return GeneratorArchitecture(mapping, img_channels, (4, 4), blocks)


def discriminator_architecture(
    *,
    img_resolution: int,
    img_channels: int = 3,
    channel_base: int = 32768,
    channel_max: int = 512,
    conv_clamp: float | None = None,
    mbstd_group_size: int = 4,
) -> DiscriminatorArchitecture:
    """The square architecture in the papers' few numbers, without classes; channels as in the generator."""
    resolutions = [2**k for k in range(int(math.log2(img_resolution)), 2, -1)]
    channels = {resolution: min(channel_base // resolution, channel_max) for resolution in (*resolutions, 4)}
    blocks = tuple(
        DiscriminatorBlockArchitecture(
            resolution=resolution,
            in_channels=channels[resolution],
            out_channels=channels[resolution // 2],
            conv_clamp=(conv_clamp,) * (4 if i == 0 else 3),
        )
        for i, resolution in enumerate(resolutions)
    )
    return DiscriminatorArchitecture(
        img_channels=img_channels,
        blocks=blocks,
        final_size=(4, 4),
        final_channels=channels[4],
        final_clamp=conv_clamp,
        mbstd_group_size=mbstd_group_size,
        mbstd_num_channels=1,
        mapping=None,
    )


def to_json(generator: GeneratorArchitecture, discriminator: DiscriminatorArchitecture | None) -> dict[str, Any]:
    """Both networks as data that json.dumps takes."""
    return {
        "generator": dataclasses.asdict(generator),
        "discriminator": dataclasses.asdict(discriminator) if discriminator else None,
    }


def from_json(data: object, file: str) -> tuple[GeneratorArchitecture, DiscriminatorArchitecture | None]:
    """The reverse of `to_json`; `file` names the model file in messages.

    Raises ModelError when an entry is missing, of the wrong kind or out of range.
    """
    entries = _Entries(data, "architecture", file)
    generator, discriminator = _generator(entries.child("generator")), entries.optional("discriminator")
    return generator, None if discriminator is None else _discriminator(discriminator)


def check(network: GeneratorArchitecture | DiscriminatorArchitecture, file: str) -> None:
    """The same check for an architecture that an importer made. Raises ModelError."""
    entries = _Entries(dataclasses.asdict(network), "architecture", file)
    if isinstance(network, GeneratorArchitecture):
        _generator(entries)
    else:
        _discriminator(entries)


def _generator(entries: _Entries) -> GeneratorArchitecture:
    blocks = tuple(
        SynthesisBlockArchitecture(
            resolution=block.whole("resolution", 4, MAX_RESOLUTION),
            channels=block.whole("channels", 1, MAX_WIDTH),
            use_noise=tuple(flag is True for flag in block.items("use_noise", 1 if first else 2)),
            conv_clamp=block.clamps("conv_clamp", 2 if first else 3),
        )
        for first, block in entries.children("blocks")
    )
    entries.check_doubling([block.resolution for block in blocks], first=4)
    return GeneratorArchitecture(
        mapping=_mapping(entries.child("mapping")),
        img_channels=entries.whole("img_channels", 1, 4),
        const_size=entries.size("const_size"),
        blocks=blocks,
        num_fp16_res=entries.whole("num_fp16_res", 0, 16),
    )


def _discriminator(entries: _Entries) -> DiscriminatorArchitecture:
    blocks = tuple(
        DiscriminatorBlockArchitecture(
            resolution=block.whole("resolution", 8, MAX_RESOLUTION),
            in_channels=block.whole("in_channels", 1, MAX_WIDTH),
            out_channels=block.whole("out_channels", 1, MAX_WIDTH),
            conv_clamp=block.clamps("conv_clamp", 4 if first else 3),
        )
        for first, block in entries.children("blocks")
    )
    entries.check_doubling([block.resolution for block in reversed(blocks)], first=8)
    mapping = entries.optional("mapping")
    return DiscriminatorArchitecture(
        img_channels=entries.whole("img_channels", 1, 4),
        blocks=blocks,
        final_size=entries.size("final_size"),
        final_channels=entries.whole("final_channels", 1, MAX_WIDTH),
        final_clamp=entries.clamp("final_clamp"),
        mbstd_group_size=entries.whole_or_none("mbstd_group_size", 1, MAX_WIDTH),
        mbstd_num_channels=entries.whole("mbstd_num_channels", 0, MAX_WIDTH),
        mapping=None if mapping is None else _mapping(mapping),
    )


def _mapping(entries: _Entries) -> MappingArchitecture:
    return MappingArchitecture(
        z_dim=entries.whole("z_dim", 0, MAX_WIDTH),
        c_dim=entries.whole("c_dim", 0, MAX_WIDTH),
        w_dim=entries.whole("w_dim", 1, MAX_WIDTH),
        num_layers=entries.whole("num_layers", 1, 64),
        embed_features=entries.whole("embed_features", 0, MAX_WIDTH),
        layer_features=entries.whole("layer_features", 1, MAX_WIDTH),
        lr_multiplier=entries.positive("lr_multiplier"),
    )


class _Entries:
    """One JSON object of the architecture; every read says the path of what is wrong."""

    def __init__(self, data: object, path: str, file: str) -> None:
        if not isinstance(data, Mapping):
            raise ModelError(f"The model file {file} has no {path} that can be read; get it again.")
        self.data, self.path, self.file = data, path, file

    def _error(self, key: str, wanted: str) -> ModelError:
        value = repr(self.data.get(key, "missing"))[:60]
        return ModelError(
            f"In the model file {self.file}, {self.path}.{key} should be {wanted}, not {value}; get it again."
        )

    def check_doubling(self, resolutions: list[int], first: int) -> None:
        if resolutions != [first * 2**k for k in range(len(resolutions))]:
            raise self._error("blocks", f"blocks whose sizes double from {first}")

    def child(self, key: str) -> _Entries:
        return _Entries(self.data.get(key), f"{self.path}.{key}", self.file)

    def optional(self, key: str) -> _Entries | None:
        return None if self.data.get(key) is None else self.child(key)

    def children(self, key: str) -> list[tuple[bool, _Entries]]:
        """The objects of a list, each with whether it is the first."""
        items = self.items(key, None)
        return [(i == 0, _Entries(item, f"{self.path}.{key}[{i}]", self.file)) for i, item in enumerate(items)]

    def items(self, key: str, length: int | None) -> list[Any]:
        value = self.data.get(key)
        if not isinstance(value, (list, tuple)) or not value or len(value) > 64:
            raise self._error(key, "a list")
        if length is not None and len(value) != length:
            raise self._error(key, f"a list of {length}")
        return list(value)

    def whole(self, key: str, low: int, high: int) -> int:
        value = self.data.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self._error(key, f"a whole number from {low} to {high}")
        return value

    def whole_or_none(self, key: str, low: int, high: int) -> int | None:
        return None if self.data.get(key) is None else self.whole(key, low, high)

    def positive(self, key: str) -> float:
        return self._positive(key, self.data.get(key))

    def _positive(self, key: str, value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
            raise self._error(key, "a positive number")
        return float(value)

    def clamp(self, key: str) -> float | None:
        return None if self.data.get(key) is None else self.positive(key)

    def clamps(self, key: str, length: int) -> tuple[float | None, ...]:
        return tuple(None if v is None else self._positive(key, v) for v in self.items(key, length))

    def size(self, key: str) -> tuple[int, int]:
        height, width = self.items(key, 2)
        if not all(isinstance(side, int) and 1 <= side <= 64 for side in (height, width)):
            raise self._error(key, "[height, width]")
        return height, width
