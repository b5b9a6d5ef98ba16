"""The demo as a process of its own, and what it has left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.drafts import remember_drafts


class Demo(NamedTuple):
    """A demo that has ended: the folder of its pictures, the data folder of its user, and the process."""

    folder: Path
    home: Path
    done: subprocess.CompletedProcess[str]

    @property
    def examples(self) -> dict[str, dict[str, Any]]:
        """What the report says of each example, by its name."""
        assert self.done.returncode == 0, self.done.stderr
        report = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return {example["example"]: example for example in (report, *report["other_examples"])}


def run_demo(folder: Path, *options: str, home: Path) -> Demo:
    remember_drafts(home)
    done = subprocess.run(
        [sys.executable, "-m", "backend.demo", str(folder), *options],
        env={**os.environ, "DRAGGAN_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    return Demo(folder, home, done)
