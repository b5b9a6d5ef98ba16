"""A PyTorch module as a pickle describes it: typed access to its attributes, children and tensors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..architecture import VARIANTS, Variant
from ..errors import ModelError
from .arrays import number
from .pickles import entries_of, is_call

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
MAX_MODULES = 1000  # the largest published network has about 120
MAX_CHILDREN = 64


def stored_module(node: Any, path: str, name: str) -> StoredModule:
    """The module behind a call of NVIDIA's persistence mechanism; its module_src stays an unread string.

    Raises ModelError when `node` is something else.
    """
    meta = node.args[0] if is_call(node, PERSISTENT) and len(node.args) == 1 else None
    if not isinstance(meta, dict) or meta.get("type") != "class" or not isinstance(meta.get("state"), dict):
        raise ModelError(
            f"The model file {path} has no StyleGAN2 network under {name}; choose a .safetensors, .pkl or .pt file."
        )
    return StoredModule(meta["state"], path, name)


class StoredModule:
    """One module; every getter raises ModelError when the file says something else than a StyleGAN2 would."""

    def __init__(self, state: dict[Any, Any], path: str, name: str) -> None:
        self.state, self.path, self.name = state, path, name

    def unusual(self, attribute: str) -> ModelError:
        return ModelError(
            f"The model file {self.path} holds a network that this version cannot compute: "
            f"{attribute} of {self.name} is {self._shown(attribute)}; "
            "choose a StyleGAN2 model of the default kind."
        )

    def _shown(self, attribute: str) -> str:
        """A value in few letters; a hostile one could be endless to print."""
        if attribute not in self.state:
            return "missing"
        value = self.state[attribute]
        if isinstance(value, str):
            return repr(value[:40])
        short = value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) < 1 << 63)
        return repr(value) if short else f"a {type(value).__name__}"

    # Attributes

    def expect(self, attribute: str, value: str | int) -> None:
        found = self.state.get(attribute)
        if type(found) is not type(value) or found != value:
            raise self.unusual(attribute)

    def expect_number(self, attribute: str, value: float) -> None:
        if not math.isclose(self.number(attribute), value, rel_tol=1e-5):
            raise self.unusual(attribute)

    def variant(self, attribute: str) -> Variant:
        value = self.state.get(attribute)
        for variant in VARIANTS:
            if type(value) is str and value == variant:
                return variant
        raise self.unusual(attribute)

    def flag(self, attribute: str) -> bool:
        value = self.state.get(attribute)
        if not isinstance(value, bool):
            raise self.unusual(attribute)
        return value

    def whole(self, attribute: str) -> int:
        value = self.state.get(attribute)
        if type(value) is not int or abs(value) >= 1 << 31:
            raise self.unusual(attribute)
        return value

    def whole_or_none(self, attribute: str) -> int | None:
        return None if attribute in self.state and self.state[attribute] is None else self.whole(attribute)

    def whole_numbers(self, attribute: str) -> list[int]:
        value = self.state.get(attribute)
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= 16
            or not all(type(n) is int and 0 < n < 1 << 31 for n in value)
        ):
            raise self.unusual(attribute)
        return value

    def number(self, attribute: str) -> float:
        value = number(self.state.get(attribute))
        if value is None or not math.isfinite(value):
            raise self.unusual(attribute)
        return value

    def number_or_none(self, attribute: str) -> float | None:
        return None if attribute in self.state and self.state[attribute] is None else self.number(attribute)

    # Children and tensors

    def _entries(self, attribute: str) -> dict[Any, Any]:
        """A module's dictionary: a plain one, or the OrderedDict of older versions of PyTorch."""
        entries = entries_of(self.state.get(attribute))
        if entries is None:
            raise self.unusual(attribute)
        return entries

    def has_child(self, name: str) -> bool:
        return self._entries("_modules").get(name) is not None

    def child(self, name: str) -> StoredModule:
        if not self.has_child(name):
            raise ModelError(
                f"The model file {self.path} holds no StyleGAN2 network: {self.name} has no {name}; "
                "choose a StyleGAN2 model."
            )
        return stored_module(self._entries("_modules")[name], self.path, f"{self.name}.{name}")

    def own_tensors(self) -> dict[str, Any]:
        """Parameters and buffers together: frozen layers keep their weights among the buffers."""
        both = self._entries("_parameters") | self._entries("_buffers")
        if len(both) > MAX_CHILDREN:
            raise self.unusual("_parameters")
        return {self._checked(name): node for name, node in both.items() if node is not None}

    def _checked(self, name: object) -> str:
        """The name of a child or tensor, which may end up in a message."""
        if not isinstance(name, str) or not name.isidentifier() or len(name) > 64:
            raise self.unusual("_modules")
        return name

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The shape of one of the module's own tensors, of at least two dimensions."""
        node = self.own_tensors().get(tensor)
        if is_call(node, "torch._utils._rebuild_parameter") and node.args:
            node = node.args[0]
        shape = node.args[2] if is_call(node, "torch._utils._rebuild_tensor_v2") and len(node.args) > 3 else None
        if not isinstance(shape, tuple) or not 2 <= len(shape) <= 4:
            raise self.unusual(tensor)
        if not all(type(side) is int and 0 < side < 1 << 20 for side in shape):
            raise self.unusual(tensor)
        return shape

    def tensor_nodes(self) -> Iterator[tuple[str, Any]]:
        """The full names (from this module down) and undecoded tensors of the module and all its children.

        A module may hold itself in a hostile file, hence the limits.
        """
        pending = [("", self)]
        visited = 0
        while pending:
            prefix, module = pending.pop()
            visited += 1
            children = module._entries("_modules")
            if visited > MAX_MODULES or len(children) > MAX_CHILDREN:
                raise module.unusual("_modules")
            for name, node in module.own_tensors().items():
                yield prefix + name, node
            names = [module._checked(name) for name in children if children[name] is not None]
            pending += [(f"{prefix}{name}.", module.child(name)) for name in names]
