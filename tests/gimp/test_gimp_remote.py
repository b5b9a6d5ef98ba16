"""A drag in a real GIMP that is computed on another computer: through a real sshd, from the path to the layer.

The backend there has a toy for an engine; that it is installed there is seen in tests/backend/remote.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gimp_root import CLONE, Gimp
from session import TOY, Session, left_behind, prepare_home, stop_backend, wait_for

from backend.computers import Computers
from tests.ssh_server import NoServerError, SshServer

TOY_FOLDER = Path(__file__).with_name("toy")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    """The other computer, on which a backend is installed."""
    path = f"{TOY_FOLDER}{os.pathsep}{CLONE}"
    variables = {"DRAGGAN_HOME": str(tmp_path / "their home"), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    try:
        server = SshServer(tmp_path / "a höme" / "ssh", variables).prepare().start()
    except NoServerError as error:
        if os.environ.get("DRAGGAN_REQUIRE_GIMP") == "1":
            pytest.fail(f"The tests with a real sshd must run here and cannot: {error}")
        pytest.skip(f"NOT TESTED WITH A REAL SSHD: {error}")
    yield server
    server.cut()
    stop_backend(tmp_path / "their home")


def test_a_drag_is_computed_on_the_chosen_computer_until_gimp_ends(
    gimp: Gimp, vendor: Path, server: SshServer, tmp_path: Path
):
    home = tmp_path / "a höme"
    here, there = prepare_home(gimp, home, vendor, TOY), tmp_path / "their home"
    Computers({server.computer: sys.executable}, server.computer).write(here)
    path = f"{server.client_folder}:{gimp.environment(home)['PATH']}"
    session = Session(gimp, home, [gimp.console, "-i", "--quit"], {"PATH": path, "PYTHONPATH": str(CLONE)})
    image = session.build("plain", "rgb", "U8_NON_LINEAR", False, str(home))["image"]
    session.draw_path(image, [(60, 50), (75, 50)])
    before = len(session.state(image)["layers"])
    answer = session.drag(image)
    assert answer["status"] == "success", (answer, server.log()[-1000:])
    assert len(session.state(image)["layers"]) == before + 1
    assert left_behind(home) == []
    assert not (here / "backend.json").exists()
    leads_there = here / "remote" / server.computer / "backend.json"
    assert json.loads(leads_there.read_text())["computer"] == server.computer
    assert json.loads((there / "backend.json").read_text())["token"] in leads_there.read_text()
    session.close_image(image)
    session.close()
    wait_for(lambda: not leads_there.exists(), "the end of the way there")
    wait_for(lambda: not list((there / "client-processes").iterdir()), "the end of the client there")
