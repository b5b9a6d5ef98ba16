"""Stand-ins for what NVIDIA's pickles name, so that the tests can write such files."""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from typing import Any


def _never(*_: Any) -> None:
    raise AssertionError("the file called a function")


@contextlib.contextmanager
def nvidia_modules() -> Iterator[None]:
    """The names that NVIDIA's files call or make objects of, for a while; called here they fail the test."""
    reconstruct = types.FunctionType(_never.__code__, globals())
    network = type("Network", (), {"__init__": _never})
    edict = type("EasyDict", (dict,), {})
    modules: dict[str, types.ModuleType] = {}
    for module, name, thing in [
        ("torch_utils.persistence", "_reconstruct_persistent_obj", reconstruct),
        ("dnnlib.tflib.network", "Network", network),
        ("dnnlib.util", "EasyDict", edict),
        ("tfutil", "Network", type("Network", (), {})),
    ]:
        thing.__module__, thing.__qualname__, thing.__name__ = module, name, name
        for package in ("dnnlib", "dnnlib.tflib", "torch_utils", module):
            modules.setdefault(package, types.ModuleType(package))
        setattr(modules[module], name, thing)
    before = {module: sys.modules[module] for module in modules if module in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for module in modules:
            del sys.modules[module]
        sys.modules.update(before)


def made_of(module: str, name: str, state: Any) -> Any:
    """An object of a stand-in, pickled as the original is: made without arguments, then given its state."""
    thing = object.__new__(getattr(sys.modules[module], name))
    thing.__dict__.update(state)
    return thing
