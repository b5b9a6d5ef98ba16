"""Hostile and broken TensorFlow pickles, by what is wrong with each; pickles of all formats that would run something.

`nvidia_names` must be in use. Those that want to run code would create the file `mark`.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.stylegan2.foreign_files import as_rosinality, as_tensorflow, checkpoint, generator_variables
from tests.stylegan2.hostile_archives import PLAN, TENSORS
from tests.stylegan2.model_bytes import Calls
from tests.stylegan2.stand_ins import made_of


def sound_tensorflow() -> bytes:
    return as_tensorflow(PLAN, TENSORS)


def variable(value: Any, name: Any = "synthesis.4x4/Conv/bias") -> bytes:
    return as_tensorflow(PLAN, TENSORS, changes={name: value})


def reconstructed(state: Any, protocol: int = 4) -> bytes:
    """A pickle with an array whose state is another one."""
    array = np.ones(8, np.float32).__reduce__()

    class Array:
        def __reduce__(self) -> Any:
            return array[0], array[1], state

    return as_tensorflow(PLAN, TENSORS, changes={"synthesis.4x4/Conv/bias": Array()}, protocol=protocol)


def network(**changes: Any) -> bytes:
    """A triple of one network that says other things about itself."""
    state = {"version": 5, "static_kwargs": {}, "components": {}, "variables": []} | changes
    made = made_of("dnnlib.tflib.network", "Network", state)
    return pickle.dumps((made, None, made), 4)


def endless_network() -> bytes:
    made = made_of("dnnlib.tflib.network", "Network", {"version": 5, "static_kwargs": {}, "variables": []})
    made.__dict__["components"] = {"synthesis": made, "mapping": made}
    return pickle.dumps((made, made, made), 4)


def nested(depth: int) -> Any:
    inner: Any = []
    for _ in range(depth):
        inner = [inner, inner]
    return inner


F4 = np.dtype(np.float32)
TENSORFLOW: dict[str, Callable[[], bytes]] = {
    "an array with a negative side": lambda: reconstructed((1, (-8,), F4, False, b"\0" * 32)),
    "an array of 2^60 numbers": lambda: reconstructed((1, (1 << 60,), F4, False, b"\0" * 32)),
    "an array whose sides multiply to 2^90": lambda: reconstructed((1, (1 << 30,) * 3, F4, False, b"\0" * 32)),
    "an array of a thousand sides": lambda: reconstructed((1, (1,) * 1000, F4, False, b"\0" * 4)),
    "an array with too few bytes": lambda: reconstructed((1, (8,), F4, False, b"\0" * 31)),
    "an array with too many bytes": lambda: reconstructed((1, (8,), F4, False, b"\0" * 5000)),
    "an array of objects": lambda: reconstructed((1, (8,), np.dtype(object), False, [None] * 8)),
    "an array of texts": lambda: reconstructed((1, (8,), np.dtype("U2"), False, b"\0" * 64)),
    "an array of records": lambda: reconstructed((1, (8,), np.dtype([("a", "f4")]), False, b"\0" * 32)),
    "an array of dates": lambda: reconstructed((1, (8,), np.dtype("M8[s]"), False, b"\0" * 64)),
    "an array that says nothing": lambda: reconstructed(()),
    "an array whose type is a text": lambda: reconstructed((1, (8,), "f4", False, b"\0" * 32)),
    "an array whose bytes are a text": lambda: reconstructed((1, (8,), F4, False, "\u20ac" * 32)),
    "an array whose shape is a list": lambda: reconstructed((1, [8], F4, False, b"\0" * 32)),
    "a variable that is a network": lambda: variable(made_of("dnnlib.tflib.network", "Network", {"version": 5})),
    "a variable that is itself nested": lambda: variable(nested(100)),
    "a variable without a name": lambda: network(variables=[(7, np.ones(2))]),
    "a variable that is there twice": lambda: network(variables=[("a", np.ones(2)), ("a", np.ones(2))]),
    "a variable with a name of 10,000 letters": lambda: network(variables=[("a" * 10_000, np.ones(2))]),
    "a variable that is no pair": lambda: network(variables=[("a", 1, 2)]),
    "variables that are no list": lambda: network(variables={"a": 1}),
    "3,000 variables": lambda: network(variables=[(f"a{i}", 1.0) for i in range(3000)]),
    "parts that are numbers": lambda: network(components={"synthesis": 1, "mapping": 2}),
    "a network that is a part of itself": endless_network,
    "a network without a state": lambda: pickle.dumps((made_of("dnnlib.tflib.network", "Network", {}),), 4),
    "a version of 2^70": lambda: network(version=1 << 70),
    "a network of 100,000 pixels": lambda: network(
        components={
            "synthesis": made_of(
                "dnnlib.tflib.network", "Network", {"variables": [("99999x99999/ToRGB/weight", np.ones((1, 1, 1, 3)))]}
            ),
            "mapping": made_of("dnnlib.tflib.network", "Network", {"variables": []}),
        }
    ),
    "one large array as every variable": lambda: as_tensorflow(
        PLAN, TENSORS, changes=dict.fromkeys(generator_variables(PLAN, TENSORS), np.ones((99, 1000), np.float32))
    ),
    "a name of 10 million letters": lambda: (
        b"\x80\x04X" + struct.pack("<I", 10_000_000) + b"\1" * 10_000_000 + b"2\x93."
    ),
    "60,000 classes that are not averaged": lambda: as_tensorflow(
        replace(PLAN, c_dim=2),
        TENSORS | {"mapping.embed.weight": torch.ones(2, 60_000), "mapping.embed.bias": torch.ones(2)},
        changes={"own.dlatent_avg": None, "mapping.Dense0/weight": np.ones((7, 5), np.float32), "own.x": 1.0},
    ),
    "65,536 channels that are not there": lambda: variable(
        np.ones((1, 1, 65536, 3), np.float32)[:, :, :2], "synthesis.8x8/ToRGB/weight"
    ),
}


# Pickles that want to run something, in every place of either format


def running(mark: Path) -> dict[str, bytes]:
    """Files that would create `mark`, were they given to Python's own unpickler."""
    code = Calls(exec, f"open({str(mark)!r}, 'w').close()")
    content = checkpoint(PLAN, TENSORS)
    of_torch = {
        "at the top": code,
        "beside g_ema": content | {"args": code},
        "in g_ema": {"g_ema": {"style.1.weight": code}},
        "as latent_avg": content | {"latent_avg": code},
        "as d": content | {"d": code},
        "as a key": {(code,): 1},
    }
    files = {
        f"code {place}, {kind}": _saved(value, kind == "archive")
        for place, value in of_torch.items()
        for kind in ("archive", "old file")
    }
    files["code as a variable"] = variable(code)
    files["code as an argument"] = network(static_kwargs={"func": code})
    files["code as a part"] = network(components={"synthesis": code})
    files["code as a network"] = pickle.dumps((None, None, code), 4)
    files["code as an array's type"] = reconstructed((1, (8,), code, False, b"\0" * 32))
    files["code as an array's bytes"] = reconstructed((1, (8,), F4, False, code))
    files["code as a state"] = pickle.dumps(made_of("dnnlib.tflib.network", "Network", {"version": code}), 4)
    return files


def _saved(value: Any, archive: bool) -> bytes:
    return as_rosinality(value, archive=archive)


def opcode_tricks() -> dict[str, bytes]:
    """Every instruction that pickles have, alone, with arguments that are small, large or text."""
    fills = {"zeros": b"\0" * 24, "ones": b"\xff" * 24, "text": b"os\nsystem\n", "numbers": b"1\n2\n3\n"}
    found = {}
    for opcode in pickletools.opcodes:
        for name, fill in fills.items():
            for stack, before in {
                "nothing": b"",
                "a dictionary": b"}",
                "a mark": b"(",
                "two names": b"X\x02\0\0\0osX\x06\0\0\0system",
            }.items():
                data = b"\x80\x04" + before + opcode.code.encode("latin-1") + fill + b"."
                found[f"{opcode.name} of {name} on {stack}"] = data
    return found
