"""What a client learns of the backend's memory, cache and models, and that it can clear the cache and end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.client import Connection, resources
from backend.errors import UserError
from tests.backend.server.harness import SHORT, WITHOUT_END, Backend, submit, until_phase, updates, wait_until


@pytest.fixture
def connection(backend: Backend, tmp_path: Path) -> Iterator[Connection]:
    opened = backend.connection(tmp_path)
    yield opened
    opened.close()


def remembered(backend: Backend) -> list[Path]:
    return list((backend.home / "cache").glob("*.safetensors"))


def test_the_backend_tells_what_it_uses(connection: Connection, backend: Backend):
    seen = resources.look(connection)
    assert seen.cores > 0
    assert seen.memory > 50e6  # torch alone
    assert seen.models_folder == str(backend.home / "models")
    assert seen.device_memory is None or seen.device_memory >= 0


def test_a_clear_cache_is_empty_and_a_drag_works_as_before(connection: Connection, backend: Backend, picture: Path):
    list(updates(submit(backend.client(), picture, SHORT)))
    sizes = [file.stat().st_size for file in remembered(backend)]
    assert resources.look(connection).cache_bytes >= sum(sizes) > 0
    resources.clear_cache(connection)
    assert remembered(backend) == []
    assert list(updates(submit(backend.client(), picture, SHORT)))[-1][0]["phase"] == "done"


def test_the_cache_is_not_cleared_while_a_drag_needs_it(connection: Connection, backend: Backend, picture: Path):
    job = submit(backend.client(), picture, {**SHORT, "steps": WITHOUT_END})
    until_phase(job, "drag")
    with pytest.raises(UserError, match="at work; clear the cache when it is done"):
        resources.clear_cache(connection)
    job.cancel()
    wait_until(lambda: not backend.health()["busy"], "the drag ended")


def test_a_client_can_end_the_backend(tmp_path: Path):
    running = Backend(tmp_path / "home").start()
    connection = running.connection(tmp_path)
    resources.stop(connection)
    assert running.process
    assert running.process.wait(30) == 0
    assert not connection.is_open()
    with pytest.raises(UserError, match="ended in the middle of the work"):
        resources.look(connection)
