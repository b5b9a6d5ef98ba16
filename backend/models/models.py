"""Open a model by its name or its file, together with the drag preset that belongs to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch

import stylegan2
from backend import paths
from backend.editing.preset import LoadedModel, preset_for
from backend.errors import UserError
from backend.models import catalogue
from backend.models.encoders import find_encoder
from stylegan2.architecture_json import from_json
from stylegan2.critters import MAKES, WEIGHTS

EMBEDDED = "critters"
"""The name of the model that comes with the program."""

FILE_ENDINGS = (".safetensors", ".pkl", ".pt", ".pth")
READABLE_FORMATS = ("nvidia-torch", "nvidia-tensorflow", "rosinality")  # of the catalogue's


def available() -> list[str]:
    """Return the names that open_model() takes at this moment: the embedded model, then the models folder's, sorted."""
    return [EMBEDDED, *sorted(stored())]


def stored() -> dict[str, Path]:
    """Return the models folder's files by name; a published file goes by its name in the catalogue."""
    folder = paths.models_folder()
    found = {path.stem: path for path in sorted(folder.glob("*.safetensors")) if path.stem != EMBEDDED}
    for entry in catalogue.entries():
        path = folder / entry["file"]
        if entry["name"] not in found and path.is_file():
            found[entry["name"]] = path
    return found


@dataclass(frozen=True)
class Offered:
    """A model that can be chosen; `size` is (height, width) of its images, None where its file cannot be read."""

    name: str
    path: Path
    size: tuple[int, int] | None
    licence: str = "unknown"
    source: str = "unknown"


def offered() -> list[Offered]:
    """Describe each of available() without loading it."""
    return [_described(name, path) for name, path in {EMBEDDED: WEIGHTS, **dict(sorted(stored().items()))}.items()]


def sizes() -> dict[str, tuple[int, int]]:
    """Return (height, width) of each of available() without loading it; what cannot be read is left out."""
    return {model.name: model.size for model in offered() if model.size is not None}


def _described(name: str, path: Path) -> Offered:
    entry = catalogue.by_name(name)
    if entry is not None and path.name == entry["file"]:  # a published file, as it was downloaded
        size = (entry["height"], entry["width"]) if entry["format"] in READABLE_FORMATS else None
        return Offered(name, path, size, entry["licence"], entry["url"])
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
        generator, _ = from_json(json.loads(header["architecture"]), str(path))
    except (OSError, ValueError, LookupError, RecursionError, safetensors.SafetensorError):
        return Offered(name, path, None)
    height, width = (side << (len(generator.blocks) - 1) for side in generator.const_size)
    return Offered(name, path, (height, width), header.get("licence", "unknown"), header.get("source", "unknown"))


def open_model(name_or_path: str | Path, device: str | torch.device = "cpu") -> LoadedModel:
    """Load a model to `device`.

    Args:
        name_or_path: one of available(), or the path of a .safetensors, .pkl or .pt file.

    Raises:
        UserError, ModelError: there is no such model, or its file is not one; the text says what to do.
    """
    path = find(name_or_path)
    model = stylegan2.load(path, device=str(device))
    name = str(name_or_path) if not _is_path(name_or_path) else path.stem
    entry = catalogue.by_sha256(model.sha256) or catalogue.by_name(name)
    encoder, makes = find_encoder(model), MAKES if path == WEIGHTS else catalogue.makes(entry)
    return LoadedModel(name, model, preset_for(model, entry), encoder and encoder.to(device), makes)


def find(name_or_path: str | Path) -> Path:
    """Return the file of a model.

    Args:
        name_or_path: as open_model() takes it.

    Raises:
        UserError: there is no such model.
    """
    if _is_path(name_or_path):
        path = Path(name_or_path).expanduser()
        if not path.is_file():
            raise UserError(f"The model file {path} does not exist; check its path.")
        return path
    name = str(name_or_path)
    if name == EMBEDDED:
        return WEIGHTS
    path = stored().get(name)
    if path is None:
        raise UserError(_absent(name))
    return path


def _is_path(name_or_path: str | Path) -> bool:
    if isinstance(name_or_path, Path):
        return True
    return name_or_path.lower().endswith(FILE_ENDINGS) or any(sign in name_or_path for sign in "/\\")


def _absent(name: str) -> str:
    entry = catalogue.by_name(name)
    if entry is not None:
        return (
            f'The model "{name}" is not on this computer yet; download it from {entry["url"]} and save it as '
            f"{paths.models_folder() / entry['file']}, or give the path of the file as the model."
        )
    return (
        f'There is no model called "{name}"; choose one of {", ".join(available())}, '
        "or give the path of a .safetensors, .pkl or .pt file."
    )
