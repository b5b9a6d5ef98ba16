"""Hostile and broken requests to every route; `python -m tests.benchmarks fuzz` sends ten times as many."""

from __future__ import annotations

from pathlib import Path

from tests.backend.server.harness import Backend, submit, updates
from tests.benchmarks.fuzz import fuzz


def test_no_request_gets_a_traceback_a_file_or_an_error_without_a_sentence(
    backend: Backend, picture: Path, tmp_path: Path
) -> None:
    answers = fuzz(backend, tmp_path, requests=300, start=7)
    assert answers[200] > 20
    assert answers[500] > 20
    spoken_to = {line.split(" ", 1)[1] for line in backend.addresses.read_text(encoding="utf-8").splitlines()}
    assert spoken_to <= {"127.0.0.1", "localhost", "b'127.0.0.1'"}
    backend.wait_idle()
    assert list(updates(submit(backend.client(), picture)))[-1][0]["phase"] == "done"
