"""What a studio needs before it starts anything, and what it says where that is not there."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from backend import paths
from backend.__main__ import main
from backend.studio import artists
from backend.studio.endpoint import listen
from tests.backend.studio.certificates import make_certificate


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a studio that has all it needs."""
    monkeypatch.setenv("DRAGGAN_HOME", str(tmp_path / "Jörg Müller"))
    paths.make_private(paths.data_folder())
    artists.add(paths.data_folder() / "artists.json", "anna")
    certificate, key = make_certificate(tmp_path)
    return ["studio", "--certificate", str(certificate), "--key", str(key), "--address", "127.0.0.1"]


def refusal(capsys: pytest.CaptureFixture[str], command: list[str]) -> str:
    """The one sentence of a studio that does not start."""
    assert main(command) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_a_port_that_is_in_use_is_said(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refusal(capsys, [*command, "--port", str(port)])
    assert said.startswith(f"The studio cannot listen at 127.0.0.1:{port} (")
    assert said.endswith("); give another --address or --port.\n")


@pytest.mark.parametrize("missing", ["--certificate", "--key"])
def test_a_certificate_that_cannot_be_read_is_said(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, missing: str
) -> None:
    command[command.index(missing) + 1] = str(tmp_path / "typing error.pem")
    said = refusal(capsys, command)
    assert "typing error.pem" in said
    assert said.endswith("give a certificate and its key, both PEM.\n")


def test_a_key_of_another_certificate_is_said(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    command[command.index("--key") + 1] = str(make_certificate(tmp_path / "other")[1])
    assert refusal(capsys, command).endswith("give a certificate and its key, both PEM.\n")


def test_a_log_that_cannot_be_written_is_said(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    paths.log_file().parent.write_text("a file in the place of the folder")
    assert refusal(capsys, command).startswith(f"The log {paths.log_file()} cannot be written")


def test_a_port_that_was_used_a_moment_ago_is_free() -> None:
    """A connection that the studio has ended keeps the port for a minute."""
    with socket.create_server(("127.0.0.1", 0)) as before:
        port = before.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            before.accept()[0].close()
            assert client.recv(1) == b""
    with listen(("127.0.0.1", port)) as again:
        assert again.getsockname()[1] == port
