"""Results kept line by line, so that a second run goes on where the first was stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Record = dict[str, Any]


class Task(NamedTuple):
    """One edit of a table: by which row, of how many points, of which pair."""

    row: str
    points: str
    seed: int


class Store:
    """The records of one experiment with one model: a file of JSON lines. It is for one state of the program."""

    def __init__(self, folder: Path, experiment: str, model: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{experiment}-{model}.jsonl"

    def add(self, task: Task, record: Record) -> None:
        """Append a record; what a line was cut short of, when a run was killed, is closed first."""
        with self.file.open("ab+") as file:
            file.seek(max(file.tell() - 1, 0))
            torn = file.read(1) not in (b"", b"\n")
            file.write((("\n" if torn else "") + json.dumps({**task._asdict(), **record}) + "\n").encode())

    def records(self) -> dict[Task, Record]:
        """Return what is known, the newest of each task; a line that was cut short is none."""
        return {Task(line["row"], line["points"], line["seed"]): line for line in self._lines()}

    def _lines(self) -> Iterator[Record]:
        if not self.file.exists():
            return
        for line in self.file.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue
