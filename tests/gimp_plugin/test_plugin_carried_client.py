"""The client that the plug-in carries: it works with nothing else than what is beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from backend.installer import placement
from tests.gimp_plugin.backend_home import BackendHome

VENDOR = Path(sys.prefix) / "gimp-vendor"  # as install.py fetches it, for tests, too

PROGRAM = """
import sys
plugin, home, *_ = sys.argv[1:]
sys.path[:0] = [plugin, plugin + "/vendor"]
from pathlib import Path
from backend.client import Backend, DragRequest, Installation, jobs
from backend.client import png
home = Path(home)
backend = Backend(Installation("", (), "", home / "ready.json", home / "log", ""), home / "downloads")
layer = home / "downloads" / "layer.png"
png.write(layer, 40, 30, 3, [bytes(3600)])
drags = [{"handle": [1, 2], "target": [30, 20], "via": []}]
result = jobs.drag(backend.connect(), DragRequest(layer, None, drags, {"model": "critters"}), lambda update: None)
foreign = [name for name in sys.modules if name.partition(".")[0] in ("torch", "numpy", "pydantic", "gradio", "PIL")]
print(result.layer.exists(), foreign, flush=True)
backend.close()
"""


def test_a_drag_works_with_nothing_but_what_lies_beside_the_plug_in(running: BackendHome, tmp_path: Path):
    """With -I and -S this Python has neither this clone nor its own packages."""
    (tmp_path / "manual").mkdir()
    folder = placement.install_plugin(tmp_path, VENDOR, tmp_path / "manual", {})
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(folder), str(running.folder)], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == ["True []"], done.stderr
