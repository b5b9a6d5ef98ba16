"""Model files that want to run code: refused in one sentence, nothing run.

Every hostile file is also given to Python's own unpickler (or what NVIDIA's programs do with it) to show that it
is not harmless by accident: there it does leave its mark.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from model_bytes import CHECKPOINTS, GOOD, Calls, first_storage, pickles_of, refused, with_storage

from stylegan2 import load


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that hostile code would create."""
    return tmp_path / "it-ran"


def touching(mark: Path) -> dict[str, Calls]:
    """Several ways to have Python create a file while it unpickles."""
    code = f"open({str(mark)!r}, 'w').close()"
    command = f'"{sys.executable}" -c "{code}"'
    return {
        "os.system": Calls(os.system, command),
        "builtins.eval": Calls(eval, code),
        "builtins.exec": Calls(exec, code),
        "builtins.open": Calls(open, str(mark), "w"),
        "pickle.loads": Calls(pickle.loads, pickle.dumps(Calls(exec, code))),
        "torch.load": Calls(torch.load, io.BytesIO(b"")),
    }


WAYS = ["os.system", "builtins.eval", "builtins.exec", "builtins.open", "pickle.loads"]


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["top", "G_ema", "beside"])
def test_a_call_of_another_function_is_refused_and_not_run(
    tmp_path: Path, mark: Path, protocol: int, way: str, place: str
):
    evil = touching(mark)[way]
    content = {"top": evil, "G_ema": {"G_ema": evil}, "beside": {"G_ema": None, "training_set_kwargs": [evil]}}
    data = pickle.dumps(content[place], protocol)
    refused(tmp_path / "model.pkl", data, "nothing of it was run")
    assert not mark.exists()
    pickle.loads(data)
    assert mark.exists()


@pytest.mark.parametrize(
    "name",
    [
        *("builtins getattr", "builtins __import__", "builtins compile", "builtins globals", "posix system"),
        *("nt system", "subprocess Popen", "operator attrgetter", "functools partial", "types FunctionType"),
        *("torch load", "torch.hub load", "torch.storage _load_from_bytes.__globals__", "importlib import_module"),
        *("torch._utils _rebuild_wrapper_subclass", "numpy load", "numpy.core.multiarray os.system"),
        *("collections OrderedDict.__reduce__", "dnnlib.util open_url", "torch_utils.persistence exec"),
    ],
)
def test_every_name_that_a_model_does_not_need_is_refused(tmp_path: Path, name: str):
    module, attribute = name.split(" ")
    old = b"\x80\x02c" + module.encode() + b"\n" + attribute.encode() + b"\n."
    texts = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, attribute))
    for data in (old, b"\x80\x04" + texts + b"\x93."):
        refused(tmp_path / "model.pkl", data, f"{module}.{attribute}")


def with_source(source: str) -> bytes:
    """official_square.pkl, its modules carrying Python source as NVIDIA's files do; still a sound pickle."""
    text = source.encode()
    key = b"\x8c\nmodule_src\x94"
    assert GOOD.count(key + b"\x8c\x00") == 1  # every later module refers to this first one
    return GOOD.replace(key + b"\x8c\x00", key + b"X" + struct.pack("<I", len(text)) + text)


def nvidias_loader(data: bytes) -> None:
    """What matters of the original: it runs the source stored in the file."""

    def reconstruct(meta: dict[str, Any]) -> object:
        exec(meta["module_src"], {})
        return object()

    class Loader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return reconstruct if name == "_reconstruct_persistent_obj" else super().find_class(module, name)

    Loader(io.BytesIO(data)).load()


def test_source_code_in_a_model_file_is_never_run(tmp_path: Path, mark: Path):
    data = with_source(f"open({str(mark)!r}, 'w').close()")
    path = tmp_path / "model.pkl"
    path.write_bytes(data)
    model = load(path)
    assert not mark.exists()
    expected = load(CHECKPOINTS / "official_square.pkl")
    for name, tensor in expected.generator.state_dict().items():
        assert torch.equal(model.generator.state_dict()[name], tensor)
    nvidias_loader(data)
    assert mark.exists()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("position", [0, 1, 2, 3, 4])
def test_a_pickle_inside_a_stored_tensor_is_refused_and_not_run(tmp_path: Path, mark: Path, way: str, position: int):
    parts = pickles_of(first_storage())
    parts[position] = pickle.dumps(touching(mark)[way], 2)
    storage = b"".join(parts)
    refused(tmp_path / "model.pkl", with_storage(storage), "nothing of it was run")
    assert not mark.exists()
    with contextlib.suppress(Exception):  # it fails in the end, but the harm is done by then
        torch.load(io.BytesIO(storage), weights_only=False)
    assert mark.exists()


def test_a_pickle_inside_a_tensor_that_is_not_needed_stays_unread(tmp_path: Path, mark: Path):
    path = tmp_path / "model.pkl"
    path.write_bytes(with_storage(pickle.dumps(touching(mark)["os.system"]), network="G"))
    assert load(path).generator.img_resolution == 32  # G_ema is used, G is not
    assert not mark.exists()


def test_a_whole_zip_archive_inside_a_stored_tensor_is_refused_and_not_run(tmp_path: Path, mark: Path):
    buffer = io.BytesIO()
    torch.save({"x": touching(mark)["os.system"]}, buffer)
    refused(tmp_path / "model.pkl", with_storage(buffer.getvalue()), "damaged")
    assert not mark.exists()
