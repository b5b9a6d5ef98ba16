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
from backend.models.catalogue import Entry
from backend.models.encoders import find_encoder
from backend.models.records import record_of
from stylegan2.architecture_json import from_json
from stylegan2.critters import MAKES, WEIGHTS

EMBEDDED = "critters"
"""The name of the model that comes with the program."""

EMBEDDED_TITLE = MAKES[:1].upper() + MAKES[1:]

FILE_ENDINGS = (".safetensors", ".pkl", ".pt", ".pth")


def available() -> list[str]:
    """Return the names that open_model() takes at this moment: the embedded model, then the models folder's, sorted."""
    return [EMBEDDED, *sorted(stored())]


def stored() -> dict[str, Path]:
    """Return the models folder's files by name; a published file put there goes by its name in the catalogue."""
    folder = paths.models_folder()
    found = {path.stem: path for path in sorted(folder.glob("*.safetensors")) if path.stem != EMBEDDED}
    for entry in catalogue.entries():
        path = folder / entry.file
        if entry.name not in found and path.is_file():
            found[entry.name] = path
    return found


@dataclass(frozen=True)
class Offered:
    """A model that can be chosen.

    Attributes:
        name: by which it is chosen.
        path: of its file.
        size: (height, width) of its images, None where its file cannot be read.
        licence: of its weights, in a few words.
        source: where it is from.
        entry: of the catalogue, None where it is in none.
        usable_height: rows in the middle of its images that show anything, None for all.
        classes: how many it has, 0 for none, None where nobody has looked.
    """

    name: str
    path: Path
    size: tuple[int, int] | None
    licence: str = "unknown"
    source: str = "unknown"
    entry: Entry | None = None
    usable_height: int | None = None
    classes: int | None = None

    @property
    def band(self) -> int:
        """Rows of its images at the top, and as many at the bottom, that show nothing."""
        height = self.size[0] if self.size else 0
        return (height - min(self.usable_height or height, height)) // 2

    @property
    def title(self) -> str:
        """The title of a published model that goes by its own name; else the name that the user chose."""
        if self.name == EMBEDDED:
            return EMBEDDED_TITLE
        return self.entry.title if self.entry and self.entry.name == self.name else self.name


def title_of(name: str) -> str:
    """Return the title of a model that goes by the name of the embedded or a published one; else the name."""
    entry = catalogue.by_name(name)
    return EMBEDDED_TITLE if name == EMBEDDED else entry.title if entry else name


def offered() -> list[Offered]:
    """Describe each of available() without loading it."""
    return [_described(name, path) for name, path in {EMBEDDED: WEIGHTS, **dict(sorted(stored().items()))}.items()]


def sizes() -> dict[str, tuple[int, int]]:
    """Return (height, width) of each of available() without loading it; what cannot be read is left out."""
    return {model.name: model.size for model in offered() if model.size is not None}


def _described(name: str, path: Path) -> Offered:
    entry = _entry_of(name, path)
    if entry is not None and path.name == entry.file:  # a published file, as it was put here
        source = entry.urls[0] if entry.urls else entry.title
        return Offered(name, path, (entry.height, entry.width), entry.licence.name, source, entry, entry.usable_height)
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
        generator, _ = from_json(json.loads(header["architecture"]), str(path))
    except (OSError, ValueError, LookupError, RecursionError, safetensors.SafetensorError):
        return Offered(name, path, None)
    height, width = (side << (len(generator.blocks) - 1) for side in generator.const_size)
    licence, source = (header.get(key, "unknown") for key in ("licence", "source"))
    usable_height, classes = _usable_height(path, entry), generator.mapping.c_dim
    return Offered(name, path, (height, width), licence, source, entry, usable_height, classes)


def _usable_height(path: Path, entry: Entry | None) -> int | None:
    record = record_of(path)
    return record.usable_height if record else entry.usable_height if entry else None


def _entry_of(name: str, path: Path, sha256: str = "") -> Entry | None:
    """The catalogue's entry of a model: by the checksum of its original, of its own file if given, or by its name.

    A name alone says nothing of a file that was added under it.
    """
    record, named = record_of(path), catalogue.by_name(name)
    if record is None:
        return catalogue.by_sha256(sha256) or named
    downloaded = named is not None and named.sha256 is None and record.licence == named.licence
    return catalogue.by_sha256(record.original_sha256) or (named if downloaded else None)


def open_model(name_or_path: str | Path, device: str | torch.device = "cpu") -> LoadedModel:
    """Load a model to `device`.

    Args:
        name_or_path: one of available(), or the path of a model file.

    Raises:
        UserError, ModelError: there is no such model, or its file is not one; the text says what to do.
    """
    path = find(name_or_path)
    model = stylegan2.load(path, device=str(device))
    name = str(name_or_path) if not is_path(name_or_path) else path.stem
    entry, encoder = _entry_of(name, path, model.sha256), find_encoder(model)
    makes = MAKES if path == WEIGHTS else entry.makes if entry else ""
    preset = preset_for(model, entry.preset if entry else {})
    known = record_of(path) or entry
    aligned = known is not None and known.aligned_faces
    rows = _usable_height(path, entry)
    return LoadedModel(name, model, preset, encoder and encoder.to(device), makes, rows, aligned)


def find(name_or_path: str | Path) -> Path:
    """Return the file of a model.

    Args:
        name_or_path: as open_model() takes it.

    Raises:
        UserError: there is no such model.
    """
    if is_path(name_or_path):
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


def is_path(name_or_path: str | Path) -> bool:
    """Whether a model is named by the path of its file."""
    if isinstance(name_or_path, Path):
        return True
    return name_or_path.lower().endswith(FILE_ENDINGS) or any(sign in name_or_path for sign in "/\\")


def _absent(name: str) -> str:
    entry = catalogue.by_name(name)
    if entry is not None and entry.urls:
        return (
            f'The model "{name}" is not on this computer yet; download it, in GIMP with Filters > DragGAN > Models, or '
            f"with `python -m backend models download {name}`."
        )
    if entry is not None:
        return (
            f'The model "{name}" is not on this computer yet, and no address of it is known; get its file yourself and '
            f"put it there as {place_by_hand(entry)}."
        )
    return (
        f'There is no model called "{name}"; choose one of {", ".join(available())}, or give the path of a model file.'
    )


def place_by_hand(entry: Entry) -> Path:
    """Return where the user can put the file of a published model; there it is offered as it is."""
    return paths.models_folder() / entry.file
