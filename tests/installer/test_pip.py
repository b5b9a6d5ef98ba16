"""The environment that install.py makes: how it goes on after a failure, and which PyTorch it takes."""

from __future__ import annotations

import functools
import http.server
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import install
from backend.errors import UserError
from backend.installer import environment
from tests.installer.packages import installed, wheel

choose_torch_index = install.torch_index  # the real one, where a test has replaced it


class TestTorchBuild:
    """A loopback server stands in for PyTorch's own package index."""

    @pytest.fixture
    def host(self, tmp_path: Path) -> Iterator[str]:
        pages = tmp_path / "host"
        (pages / "cpu" / "torch").mkdir(parents=True)
        (pages / environment.TORCH_CUDA / "torch").mkdir(parents=True)
        wheel(pages / "cpu" / "torch", "torch", "2.13.0+cpu")
        wheel(pages / "default" / "torch", "torch", "2.13.0")
        handler = functools.partial(Quiet, directory=str(pages))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()

    def test_without_a_card_it_is_the_one_without_cuda(self, host: str):
        assert install.torch_index(False, "linux", host) == f"{host}/cpu"
        assert install.torch_index(False, "win32", host) == f"{host}/cpu"

    def test_with_a_card_linux_has_the_right_one_on_the_default_index_and_windows_does_not(self, host: str):
        assert install.torch_index(True, "linux", host) is None
        assert install.torch_index(True, "win32", host) == f"{host}/{environment.TORCH_CUDA}"

    def test_macos_has_one_build(self, host: str):
        assert install.torch_index(False, "darwin", host) is None

    def test_a_host_that_does_not_answer_is_passed_over(self, capsys: pytest.CaptureFixture[str]):
        assert install.torch_index(False, "linux", "http://127.0.0.1:9") is None
        assert "default index" in capsys.readouterr().out

    def test_a_host_without_the_page_is_passed_over(self, host: str):
        assert install.torch_index(False, "linux", f"{host}/nothing") is None

    def test_a_host_that_speaks_no_http_is_passed_over(self, capsys: pytest.CaptureFixture[str]):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"log in first\r\n")
                    connection.recv(1 << 16)

            threading.Thread(target=serve, daemon=True).start()
            assert install.torch_index(False, "linux", f"http://127.0.0.1:{listener.getsockname()[1]}") is None
        assert "default index" in capsys.readouterr().out

    @pytest.mark.parametrize(("reachable", "version"), [(True, "2.13.0+cpu"), (False, "2.13.0")])
    def test_pip_takes_the_small_build_where_it_can_and_the_default_one_elsewhere(
        self,
        host: str,
        small: install.Environment,
        monkeypatch: pytest.MonkeyPatch,
        reachable: bool,
        version: str,
    ):
        index = choose_torch_index(False, "linux", host if reachable else "http://127.0.0.1:9")
        small.requirements[0].write_text("torch==2.13.0\n")
        monkeypatch.setenv("PIP_INDEX_URL", f"{host}/default")
        monkeypatch.setattr(install, "torch_index", lambda nvidia: index)
        install.set_up(small)
        assert installed(small)["torch"] == version


class TestEnvironment:
    def test_missing_venv_uv_and_virtualenv_give_the_sentence_that_helps(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(environment.shutil, "which", lambda name: None)
        with pytest.raises(UserError, match="sudo apt install python3-venv"):
            install.create(home / "environment")

    @pytest.mark.parametrize("missing", ["venv", "ensurepip"])
    def test_without_venv_or_ensurepip_uv_is_used_then_virtualenv(self, missing: str, monkeypatch: pytest.MonkeyPatch):
        find_spec = environment.importlib.util.find_spec
        monkeypatch.setattr(
            environment.importlib.util, "find_spec", lambda name: None if name == missing else find_spec(name)
        )
        monkeypatch.setattr(environment.shutil, "which", lambda name: f"/bin/{name}")
        assert [maker[0] for maker in environment.environment_makers()] == ["/bin/uv", "/bin/virtualenv"]

    def test_the_second_run_installs_nothing(self, small: install.Environment, monkeypatch: pytest.MonkeyPatch):
        install.set_up(small)
        monkeypatch.setattr(install, "pip", never)
        install.set_up(small)

    def test_a_changed_pin_is_installed(self, small: install.Environment, home: Path):
        install.set_up(small)
        wheel(home / "wheels", "tiny", "2.0")
        small.requirements[0].write_text("tiny==2.0\n")
        install.set_up(small)
        assert installed(small)["tiny"] == "2.0"

    def test_the_environment_of_the_tests_serves_the_demo_as_it_is(
        self, small: install.Environment, home: Path, monkeypatch: pytest.MonkeyPatch
    ):
        more = home / "more.txt"
        more.write_text("")
        install.set_up(small._replace(requirements=(*small.requirements, more)))
        monkeypatch.setattr(install, "pip", never)
        install.set_up(small)

    def test_a_run_cut_off_in_pip_is_finished_by_the_next(
        self, small: install.Environment, monkeypatch: pytest.MonkeyPatch
    ):
        with monkeypatch.context() as cut:
            cut.setattr(install, "pip", never)
            with pytest.raises(AssertionError):
                install.set_up(small)
        install.set_up(small)
        assert installed(small)["tiny"] == "1.0"

    def test_a_broken_environment_is_made_anew(self, small: install.Environment):
        small.python.parent.mkdir(parents=True)
        small.python.write_text("not a program")
        install.set_up(small)
        assert installed(small)["tiny"] == "1.0"

    def test_its_python_finds_the_program_from_any_folder(self, small: install.Environment, tmp_path: Path):
        install.set_up(small)
        question = [str(small.python), "-c", "import json, marker; print(json.dumps(marker.__file__))"]
        answer = subprocess.run(question, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert Path(json.loads(answer)) == small.program / "marker.py"

    def test_what_pip_refuses_ends_in_one_sentence(self, small: install.Environment):
        small.requirements[0].write_text("no-such-package==1.0\n")
        with pytest.raises(UserError, match="pip could not install the packages"):
            install.set_up(small)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are not the tests' output."""


def never(*arguments: object) -> None:
    raise AssertionError("pip was called")
