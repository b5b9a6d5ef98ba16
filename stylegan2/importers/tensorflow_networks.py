"""One network of NVIDIA's TensorFlow pickles: its variables, keyword arguments and parts.

It is a call that would run Python source stored beside it; that source is ignored.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import ModelError
from .arrays import number, stored_array
from .other_models import PROGAN, STYLEGAN1, other_model
from .pickles import Call, entries_of, is_call
from .stored import StoredTensor, Tensors
from .tensors import Budget

NETWORK = "dnnlib.tflib.network.Network"
PARTS = ("synthesis", "mapping")
FIRST_VERSION = 4  # of the pickles; earlier ones hold StyleGAN1
MAX_VARIABLES = 2000
MAX_NUMBER = 1e9
OWN = ("lod", "dlatent_avg")  # what a network keeps beside its layers


class Network:
    """One network of the file: its variables, keyword arguments, and the networks that it is made of."""

    def __init__(self, node: Any, path: str, budget: Budget, given: dict[Any, Any] | None = None) -> None:
        state = node.state if isinstance(node, Call) else None
        if not is_call(node, NETWORK) or not isinstance(state, dict):
            raise ModelError(f"The model file {path} holds a network that is damaged; get it again.")
        self.path, self.version = path, state.get("version")
        self.arguments = (given or {}) | (entries_of(state.get("static_kwargs")) or {})
        self.variables = Tensors(self._variables(state.get("variables"), budget), path)
        parts = {} if given is not None else entries_of(state.get("components")) or {}
        self.components = {name: Network(parts[name], path, budget, self.arguments) for name in PARTS if name in parts}

    def _variables(self, entries: Any, budget: Budget) -> dict[str, StoredTensor]:
        if not isinstance(entries, list) or len(entries) > MAX_VARIABLES:
            raise ModelError(f"The model file {self.path} holds a network without variables; get it again.")
        found: dict[str, StoredTensor] = {}
        for entry in entries:
            if not isinstance(entry, (tuple, list)) or len(entry) != 2 or not _is_name(entry[0]) or entry[0] in found:
                raise ModelError(f"The model file {self.path} holds a damaged variable; get it again.")
            found[entry[0]] = stored_array(entry[1], self.path, budget)
        return found

    def refuse_others(self) -> None:
        """Raise ModelError when it is of another kind that has the same format."""
        parts = (self, *self.components.values())
        names = [name for part in parts for name in part.variables.tensors]
        if any("StyleMod" in name for name in names):
            raise other_model(self.path, STYLEGAN1)
        growing = next(filter(None, map(_GROWING.search, names)), None)
        if growing is not None and any("mod_weight" in name for name in names):
            configuration = "a progressively grown network of the configurations a to d"
            raise other_model(self.path, configuration, f"it has {growing[0]}")
        if growing is not None:
            raise other_model(self.path, PROGAN)
        if type(self.version) is not int or not FIRST_VERSION <= self.version < 100:
            raise other_model(self.path, "a network from before StyleGAN2")

    def expect(self, argument: str, value: Any) -> None:
        """Raise ModelError when a keyword argument is there and says something else."""
        found = self.arguments.get(argument, value)
        if isinstance(found, tuple):
            found = list(found)
        if type(found) is not type(value) or found != value:
            raise ModelError(
                f"The model file {self.path} holds a network that this version cannot compute ({argument} is not "
                f"{value}); choose a StyleGAN2 model of the default kind."
            )

    def number(self, argument: str, default: float) -> float:
        found = number(self.arguments.get(argument, default))
        if found is None or not abs(found) < MAX_NUMBER:
            raise ModelError(f"In the model file {self.path}, {argument} is no number; get it again.")
        return found

    def clamp(self) -> float | None:
        return None if self.arguments.get("conv_clamp") is None else self.number("conv_clamp", 0)

    def scopes(self) -> list[str]:
        """What the names of each resolution start with, coarse to fine: 4x4, 8x8, ..."""
        found = {
            match[0]: int(match[1]) * int(match[2]) for match in map(_SCOPE.match, self.variables.tensors) if match
        }
        return sorted(found, key=lambda scope: found[scope])

    def finish(self) -> None:
        """Raise ModelError when a variable was not used."""
        self.variables.left.difference_update(OWN)
        self.variables.finish()


_GROWING = re.compile(r"(To|From)RGB_lod\d{0,2}")
_SCOPE = re.compile(r"(\d{1,5})x(\d{1,5})(?=/)")


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) < 200 and value.isprintable()
