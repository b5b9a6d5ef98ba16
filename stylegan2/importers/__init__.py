"""Foreign model files, recognised by their content and read without running anything they contain."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ..errors import ModelError
from ..model import Model
from . import nvidia_torch
from .pickles import read_pickle
from .tensors import is_call

MAX_SIZE = 4 << 30  # bytes; the largest published StyleGAN2 file has 0.4 GB
TENSORFLOW_NETWORK = "dnnlib.tflib.network.Network"
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # what torch.save wrote first until version 1.6


def import_model(path: Path) -> Model:
    """Read a model file that is not ours. Raises ModelError for everything that is no StyleGAN2 model."""
    size = path.stat().st_size
    if size > MAX_SIZE:
        raise ModelError(f"The file {path} is larger than any StyleGAN2 model; choose a .pkl or .safetensors file.")
    with path.open("rb") as file:
        _refuse_other_kinds(path, file.read(512))
        file.seek(0)
        content = read_pickle(file, size, nvidia_torch.NAMES | {TENSORFLOW_NETWORK}, str(path))
    if isinstance(content, tuple) and any(is_call(part, TENSORFLOW_NETWORK) for part in content):
        raise ModelError(
            f"The model file {path} is NVIDIA's TensorFlow kind, which this version cannot read yet; "
            "choose the PyTorch .pkl of the same model."
        )
    if not isinstance(content, dict) or not ({"G_ema", "G"} & content.keys()):
        raise _no_checkpoint(path)
    return nvidia_torch.build(content, path, size)


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    if not start:
        raise ModelError(f"The model file {path} is empty; get it again.")
    if start.startswith(OLD_TORCH) or (start.startswith(b"PK") and _is_torch_archive(path)):
        raise ModelError(
            f"The model file {path} is a PyTorch .pt file (rosinality's kind, perhaps), which this version "
            "cannot read yet; choose NVIDIA's .pkl or a .safetensors file."
        )
    if start.startswith(b"PK"):
        raise ModelError(f"The file {path} is a ZIP archive; unpack it and choose the model inside.")
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ModelError(f"The file {path} is a web page, not a model: the download went wrong; get it again.")
    if not start.startswith(b"\x80"):
        raise _no_checkpoint(path)


def _is_torch_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _no_checkpoint(path: Path) -> ModelError:
    return ModelError(f"The file {path} is not a StyleGAN2 checkpoint; choose a .pkl or .safetensors file.")
