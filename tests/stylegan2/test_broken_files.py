"""Files that are no models, are broken, or would eat time and memory: refused in one sentence, quickly."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from model_bytes import GOOD, first_storage, persistent, pickles_of, refused, with_storage

from stylegan2 import ModelError, load
from stylegan2.importers.arrays import number
from stylegan2.importers.modules import StoredModule
from stylegan2.importers.pickles import Call, Name
from stylegan2.importers.tensors import TensorReader


def test_the_helpers_that_rewrite_a_file_keep_a_sound_file_sound(tmp_path: Path):
    path = tmp_path / "model.pkl"
    path.write_bytes(with_storage(b"".join(pickles_of(first_storage()))))
    assert load(path).generator.img_resolution == 32


@pytest.mark.parametrize("change", ["longer", "shorter", "count", "type"])
def test_a_storage_that_contradicts_itself_is_refused(tmp_path: Path, change: str):
    parts = pickles_of(first_storage())
    if change == "longer":
        parts[5] += b"\x00\x00\x00\x00"
    elif change == "shorter":
        parts[5] = parts[5][:-4]
    elif change == "count":
        parts[5] = struct.pack("<q", 1 << 40) + parts[5][8:]
    else:
        parts[3] = parts[3].replace(b"FloatStorage", b"LongStorage")
    refused(tmp_path / "model.pkl", with_storage(b"".join(parts)), "damaged")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a memo index of two thousand million", b"\x80\x02}r\xff\xff\xff\xff."),
        ("a text of 2^60 bytes", b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"x."),
        ("bytes of 2^62", b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x."),
        ("a buffer of 2^62 bytes", b"\x80\x05\x96" + struct.pack("<Q", 1 << 62) + b"x."),
        ("a long of 2^31 bytes", b"\x80\x02\x8b" + struct.pack("<i", (1 << 31) - 1) + b"x."),
        ("a negative length", b"\x80\x02\x8b" + struct.pack("<i", -1) + b"x."),
        ("a number of a million digits", b"\x80\x02L" + b"9" * 1_000_000 + b"L\n."),
        ("a million marks", b"\x80\x02" + b"(" * 1_000_000 + b"."),
        ("240,000 lists in each other", b"\x80\x02" + b"]" * 240_000 + b"a" * 239_999 + b"."),
        ("a million instructions", b"\x80\x02" + b"N0" * 500_000 + b"N."),
        ("tuples doubling 200 times, as a key", b"\x80\x02)" + b"2\x86" * 200 + b"}\x85" + b"."),
        ("a key that takes 2^200 steps to hash", b"\x80\x04}N" + b"2\x86" * 200 + b"Ns."),
        ("an empty stack", b"\x80\x02."),
        ("a call of a number", b"\x80\x02K\x01)R."),
        ("a change of a number", b"\x80\x02K\x01}b."),
        ("an item of a number", b"\x80\x02K\x01NNs."),
        ("a memo that was never set", b"\x80\x02h\x07."),
        ("an extension code", b"\x80\x02\x82\x01."),
        ("an object of the oldest kind", b"\x80\x02(ios\nsystem\n."),
        ("a name that is a number", b"\x80\x04K\x01K\x02\x93."),
        ("no end", b"\x80\x02}"),
        ("bytes that mean nothing", b"\x80\x02\xff\xfe\xfd"),
        ("text that is no text", b"\x80\x04\x8c\x02\xff\xfe."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pickle_that_is_a_bomb_or_broken_is_refused_quickly(tmp_path: Path, name: str, data: bytes):
    refused(tmp_path / "model.pkl", data)


pytestmark = pytest.mark.usefixtures("nvidia_names")


def test_a_network_that_contains_itself_is_refused(tmp_path: Path):
    state: dict[str, Any] = {"_parameters": {}, "_buffers": {}, "_modules": {}}
    state["_modules"]["synthesis"] = persistent(state)
    state["_modules"]["b4"] = persistent(state)
    refused(tmp_path / "model.pkl", pickle.dumps({"G_ema": persistent(state)}, 4))


def test_a_list_that_contains_itself_is_refused(tmp_path: Path):
    loop: list[Any] = []
    loop.append(loop)
    refused(tmp_path / "model.pkl", pickle.dumps({"G_ema": loop}, 4), "no StyleGAN2 network")


@pytest.mark.parametrize("shape", [(1 << 20, 1 << 20), (-1, 4), (32, 1 << 62)])
def test_a_tensor_larger_than_its_bytes_is_refused_before_it_is_made(tmp_path: Path, shape: tuple[int, int]):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"")
    storage = Call(Name("torch.storage", "_load_from_bytes"), (first_storage(),))
    node = Call(Name("torch._utils", "_rebuild_tensor_v2"), (storage, 0, shape, (0, 0), False, None))
    with pytest.raises(ModelError, match="damaged tensor"):
        TensorReader(str(path), 1 << 20).tensor(node)


@pytest.mark.parametrize(
    ("attribute", "patched"),
    [
        (b"conv_clamp", b"conv_clomp"),
        (b"use_noise", b"use_nOise"),
        (b"architecture", b"architectuur"),
        (b"activation", b"activazion"),
        (b"weight_gain", b"weight_gane"),
        (b"block_resolutions", b"block_rezolutions"),
    ],
)
def test_an_attribute_that_the_file_does_not_state_is_not_guessed(tmp_path: Path, attribute: bytes, patched: bytes):
    data = GOOD.replace(b"\x8c" + bytes([len(attribute)]) + attribute, b"\x8c" + bytes([len(patched)]) + patched)
    assert data != GOOD
    refused(tmp_path / "model.pkl", data, f"{attribute.decode()} of .* is missing")


def doubling(levels: int = 200) -> tuple[Any, ...]:
    """Small in memory and in a file, but 2^levels steps to compare, to hash or to print."""
    nested: tuple[Any, ...] = ()
    for _ in range(levels):
        nested = (nested, nested)
    return nested


STRANGE: dict[str, Any] = {
    "a list": [],
    "tuples doubling 200 times": doubling(),
    "a number of 12,000 digits": 1 << 40_000,
    "a large negative number": -(1 << 70),
    "a long text": "x\n" * 1000,
    "no number": float("nan"),
    "nothing": None,
    "a dictionary": {},
}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("read", ["whole", "number", "flag", "whole_numbers", "shape", "child"])
def test_an_attribute_of_any_strange_kind_is_refused_with_one_short_sentence(kind: str, read: str):
    value = STRANGE[kind]
    module = StoredModule(
        {"_parameters": {"a": value}, "_buffers": {}, "_modules": {"a": value}, "a": value}, "file.pkl", "G_ema"
    )
    with pytest.raises(ModelError) as caught:
        getattr(module, read)("a")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\nb", "x" * 100, "", 7, "1"])
def test_a_strange_tensor_name_is_refused(name: object):
    module = StoredModule({"_parameters": {name: 1}, "_buffers": {}, "_modules": {}}, "file.pkl", "G_ema")
    with pytest.raises(ModelError, match="_modules of G_ema"):
        list(module.tensor_nodes())


def test_a_number_type_of_any_strange_kind_is_no_number():
    for kind in STRANGE.values():
        dtype = Call(Name("numpy", "dtype"), (kind,))
        assert number(Call(Name("numpy.core.multiarray", "scalar"), (dtype, b"\0" * 8))) is None
    assert number(STRANGE["a number of 12,000 digits"]) is None


@pytest.mark.parametrize(
    ("architecture", "match"),
    [("resn", "architecture of G_ema.synthesis.b4 is 'resn'"), ("orig", "torgb.weight', which is no part of")],
)
def test_generators_of_an_unknown_or_untrue_architecture_are_refused(tmp_path: Path, architecture: str, match: str):
    data = GOOD.replace(b"\x8c\x04skip\x94", b"\x8c\x04" + architecture.encode() + b"\x94", 1)
    refused(tmp_path / "model.pkl", data, match)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"Dear Sir or Madam,\n", "not a StyleGAN2 checkpoint"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not a StyleGAN2 checkpoint"),
        (b"\0" * 1000, "not a StyleGAN2 checkpoint"),
        (b"\n <!DOCTYPE html><html><body>Quota exceeded</body></html>", "web page"),
        (b"<html>404</html>", "web page"),
        (b"PK\x03\x04 and then nothing", "ZIP archive"),
        (pickle.dumps({"a": 1}), "not a StyleGAN2 checkpoint"),
        (pickle.dumps([1, 2, 3]), "not a StyleGAN2 checkpoint"),
        (pickle.dumps(None), "not a StyleGAN2 checkpoint"),
        (pickle.dumps({"G_ema": {"weight": 1.0}}), "no StyleGAN2 network"),
        (pickle.dumps({"G_ema": None, "G": None}), "no StyleGAN2 network"),
        (GOOD[:-1], "damaged or incomplete"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_a_file_that_is_no_model_is_refused_with_one_sentence(tmp_path: Path, data: bytes, match: str):
    refused(tmp_path / "model.pkl", data, match)


@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.37, 0.5, 0.75, 0.99])
def test_a_truncated_download_is_refused_with_one_sentence(tmp_path: Path, part: float):
    refused(tmp_path / "model.pkl", GOOD[: int(len(GOOD) * part)], "damaged or incomplete")


def test_a_file_with_a_flipped_byte_is_loaded_or_refused_but_never_worse(tmp_path: Path):
    path = tmp_path / "model.pkl"
    for position in range(60, 60_000, 4_001):
        data = bytearray(GOOD)
        data[position] ^= 0x55
        path.write_bytes(data)
        with contextlib.suppress(ModelError):
            load(path)


def test_other_zip_archives_are_recognised(tmp_path: Path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.pkl", GOOD[:100])
    refused(tmp_path / "model.zip", buffer.getvalue(), "unpack it")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path):
    for path in (tmp_path / "none.pkl", tmp_path):
        with pytest.raises(ModelError, match="cannot be read") as caught:
            load(path)
        assert str(path) in str(caught.value)


def test_frozen_layers_that_keep_their_weights_among_the_buffers_are_found(tmp_path: Path):
    """Models trained with frozen discriminator layers store these weights as buffers."""
    module = StoredModule(
        {"_parameters": {"bias": "b"}, "_buffers": {"weight": "w", "unused": None}, "_modules": {}},
        "file",
        "D.b8.conv0",
    )
    assert dict(module.tensor_nodes()) == {"bias": "b", "weight": "w"}
