"""A training run lives in a folder, so that it can be stopped at any moment and go on another day.

`model.safetensors` is an ordinary model file, written again and again; `state.json` says how far the training
is, `log.csv` has a line now and then, `samples-*.png` show what the model makes.
"""

from __future__ import annotations

import csv
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..checkpoint import load, save
from ..errors import ModelError
from ..files import replace_file
from ..model import Model
from ..samples import sheet
from .average import centre_w
from .images import write_png

SAMPLES, COLUMNS = 16, 8


@dataclass
class State:
    """How far a training is."""

    stage: int = 0
    images: int = 0  # seen in this stage
    steps: int = 0  # of all stages
    seconds: float = 0.0  # spent on these steps


class RunFolder:
    """What a run keeps: model, state, log, samples."""

    def __init__(self, folder: Path, resume: bool) -> None:
        """Raises ModelError when there is a run in the folder that is not to go on, or none where one is."""
        self.folder = folder
        self.model_file, self.log_file = folder / "model.safetensors", folder / "log.csv"
        self._state_file = folder / "state.json"
        self.state = State()
        if self._state_file.exists():
            if not resume:
                raise ModelError(f"There is a training in {folder}: go on with --resume, or name another folder.")
            self.state = self._read_state()
        elif resume and not self.model_file.exists():
            raise ModelError(f"There is no training in {folder} to resume; start one without --resume.")

    def model(self) -> Model | None:
        """The model so far; None before there is one. Raises ModelError when it cannot be read."""
        return load(self.model_file) if self.model_file.exists() else None

    def keep(self, model: Model) -> None:
        """Write the model, then the state; each replaces its predecessor only once it is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        centre_w(model.generator)
        save(model, self.model_file)
        self.keep_state()
        stored = load(self.model_file).generator
        write_png(sheet(stored, 0, SAMPLES, 1.0, COLUMNS), self.folder / f"samples-{self.state.steps:07}.png")

    def keep_state(self) -> None:
        """Write how far the training is."""
        unfinished = self._state_file.with_suffix(f".{os.getpid()}.part")
        unfinished.write_text(json.dumps(asdict(self.state)))
        replace_file(unfinished, self._state_file)

    def log(self, columns: tuple[str, ...], numbers: dict[str, float]) -> None:
        """Add a line to log.csv: the state, then these columns; what a stage has no number for stays empty."""
        new = not self.log_file.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("a", newline="") as file:
            lines = csv.writer(file)
            if new:
                lines.writerow(["stage", "pictures", "steps", "seconds", *columns])
            values = [*asdict(self.state).values(), *(numbers.get(column, "") for column in columns)]
            lines.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in values])

    def _read_state(self) -> State:
        try:
            return State(**json.loads(self._state_file.read_text()))
        except (ValueError, TypeError) as error:
            raise ModelError(f"{self._state_file} is damaged; delete it to start this training anew.") from error
