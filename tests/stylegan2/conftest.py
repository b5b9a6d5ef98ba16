"""Stand-ins for NVIDIA's modules, so that the tests can write pickles that name them."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest


@pytest.fixture
def nvidia_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions that NVIDIA's files call; called here they fail the test."""
    for module, name in [
        ("torch_utils.persistence", "_reconstruct_persistent_obj"),
        ("dnnlib.tflib.network", "Network"),
    ]:
        parent = module.rpartition(".")[0]
        for package in ("dnnlib", "torch_utils", parent):
            monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
        fake = types.ModuleType(module)

        def function(*_: Any) -> None:
            raise AssertionError("the file called a function")

        function.__module__, function.__qualname__, function.__name__ = module, name, name
        setattr(fake, name, function)
        monkeypatch.setitem(sys.modules, module, fake)
