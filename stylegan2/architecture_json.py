"""An architecture in a model file's header: written as JSON, read back and checked entry by entry."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from .architecture import (
    VARIANTS,
    DiscriminatorArchitecture,
    DiscriminatorBlockArchitecture,
    GeneratorArchitecture,
    MappingArchitecture,
    SynthesisBlockArchitecture,
    Variant,
    discriminator_layers,
    synthesis_layers,
)
from .errors import ModelError

MAX_RESOLUTION = 4096
MAX_WIDTH = 65536


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
    variant = entries.variant("skip")
    blocks = tuple(
        SynthesisBlockArchitecture(
            resolution=block.whole("resolution", 4, MAX_RESOLUTION),
            channels=block.whole("channels", 1, MAX_WIDTH),
            use_noise=tuple(flag is True for flag in block.items("use_noise", 1 if first else 2)),
            conv_clamp=block.clamps("conv_clamp", len(synthesis_layers(variant, first=first, last=last))),
        )
        for first, last, block in entries.children("blocks")
    )
    entries.check_doubling([block.resolution for block in blocks], first=4)
    architecture = GeneratorArchitecture(
        mapping=_mapping(entries.child("mapping")),
        img_channels=entries.whole("img_channels", 1, 4),
        const_size=entries.size("const_size"),
        blocks=blocks,
        num_fp16_res=entries.whole("num_fp16_res", 0, 16),
        variant=variant,
    )
    if max(architecture.image_size) > MAX_RESOLUTION:
        raise entries.error("const_size", f"a size that makes images of {MAX_RESOLUTION} pixels at most")
    return architecture


def _discriminator(entries: _Entries) -> DiscriminatorArchitecture:
    variant = entries.variant("resnet")
    blocks = tuple(
        DiscriminatorBlockArchitecture(
            resolution=block.whole("resolution", 8, MAX_RESOLUTION),
            in_channels=block.whole("in_channels", 1, MAX_WIDTH),
            out_channels=block.whole("out_channels", 1, MAX_WIDTH),
            conv_clamp=block.clamps("conv_clamp", len(discriminator_layers(variant, first=first))),
        )
        for first, _, block in entries.children("blocks")
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
        variant=variant,
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

    def error(self, key: str, expected: str) -> ModelError:
        value = repr(self.data.get(key, "missing"))[:60]
        return ModelError(
            f"In the model file {self.file}, {self.path}.{key} should be {expected}, not {value}; get it again."
        )

    def check_doubling(self, resolutions: list[int], first: int) -> None:
        if resolutions != [first * 2**k for k in range(len(resolutions))]:
            raise self.error("blocks", f"blocks whose sizes double from {first}")

    def child(self, key: str) -> _Entries:
        return _Entries(self.data.get(key), f"{self.path}.{key}", self.file)

    def optional(self, key: str) -> _Entries | None:
        return None if self.data.get(key) is None else self.child(key)

    def children(self, key: str) -> list[tuple[bool, bool, _Entries]]:
        """The objects of a list, each with whether it is the first, and the last."""
        items = self.items(key, None)
        return [
            (i == 0, i == len(items) - 1, _Entries(item, f"{self.path}.{key}[{i}]", self.file))
            for i, item in enumerate(items)
        ]

    def variant(self, before: Variant) -> Variant:
        """How the blocks are connected; `before` is what it was in files from before there was a choice."""
        value = self.data.get("variant", before)
        for variant in VARIANTS:
            if value == variant:
                return variant
        raise self.error("variant", f"one of {', '.join(VARIANTS)}")

    def items(self, key: str, length: int | None) -> list[Any]:
        value = self.data.get(key)
        if not isinstance(value, (list, tuple)) or not value or len(value) > 64:
            raise self.error(key, "a list")
        if length is not None and len(value) != length:
            raise self.error(key, f"a list of {length}")
        return list(value)

    def whole(self, key: str, low: int, high: int) -> int:
        value = self.data.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"a whole number from {low} to {high}")
        return value

    def whole_or_none(self, key: str, low: int, high: int) -> int | None:
        return None if self.data.get(key) is None else self.whole(key, low, high)

    def positive(self, key: str) -> float:
        return self._positive(key, self.data.get(key))

    def _positive(self, key: str, value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < math.inf:
            raise self.error(key, "a positive number")
        return float(value)

    def clamp(self, key: str) -> float | None:
        return None if self.data.get(key) is None else self.positive(key)

    def clamps(self, key: str, length: int) -> tuple[float | None, ...]:
        return tuple(None if v is None else self._positive(key, v) for v in self.items(key, length))

    def size(self, key: str) -> tuple[int, int]:
        height, width = self.items(key, 2)
        if not all(isinstance(side, int) and 1 <= side <= 64 for side in (height, width)):
            raise self.error(key, "[height, width]")
        return height, width
