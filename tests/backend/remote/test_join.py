"""Joining a studio: what is said where it fails, and that the studio of before is still reached then."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backend import paths
from backend.client.launcher import UNAVAILABLE
from backend.remote.__main__ import main
from backend.server import instance
from tests.backend.server.harness import ROOT
from tests.backend.studio.certificates import make_certificate

ARTIST = "anna@localhost"
NOBODY = "9"  # a port at which nothing listens


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("token\n"))
    return tmp_path / "Jörg Müller"


def refusal(capsys: pytest.CaptureFixture[str], certificate: Path) -> str:
    """The one sentence that is said, after the question for the token."""
    assert main(["join", ARTIST, "--port", NOBODY, "--certificate", str(certificate)]) == UNAVAILABLE
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()[-1]


def test_a_certificate_that_cannot_be_read_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing, no_certificate = tmp_path / "missing.pem", tmp_path / "picture.png"
    no_certificate.write_bytes(b"\x89PNG")
    for file in (missing, no_certificate):
        said = refusal(capsys, file)
        assert said.startswith(f"The certificate {file} cannot be read (")
        assert said.endswith("); give the one that the studio has, PEM.")


def test_a_studio_that_does_not_answer_leaves_the_one_of_before_as_it_was(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = instance.installation().on(ARTIST).ready_file.with_name("certificate.pem")
    paths.make_private(own.parent)
    own.write_text("of before")
    assert refusal(capsys, make_certificate(tmp_path)[0]).startswith(
        f"https://localhost:{NOBODY}/ lets nobody in with this token"
    )
    assert [own.read_text(), list(own.parent.iterdir())] == ["of before", [own]]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal for another process")
def test_ctrl_c_ends_it_without_a_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.remote", "join", ARTIST], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background run of the tests ignores it
    )  # fmt: skip
    assert process.stderr
    assert process.stderr.readline() == "The token that the studio has given you, then Enter:\n"
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=10)[1]
    assert (process.returncode, said) == (130, "Stopped; nothing was changed.\n")
