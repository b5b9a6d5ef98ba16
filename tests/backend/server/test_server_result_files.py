"""The results that are kept for their clients, while several jobs of a studio end at a time and old results go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.server import result_files
from backend.server.protocol import Update
from backend.server.result_files import ResultFiles

DONE = Update(phase="done")
SESSIONS = 40


def test_jobs_that_end_at_the_same_time_all_have_their_results_kept(tmp_path: Path) -> None:
    results = ResultFiles(tmp_path)

    def end_jobs(first: int) -> None:
        for number in range(first, first + SESSIONS):
            file = results.new_folder(f"session{number}") / "layer.png"
            file.write_bytes(b"layer")
            results.keep(f"session{number}", DONE, (str(file), None, None))
            if number % 2:
                results.delete(f"session{number}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(end_jobs, range(0, 8 * SESSIONS, SESSIONS)))
    kept = [number for number in range(8 * SESSIONS) if results.finished(f"session{number}")]
    assert kept == list(range(0, 8 * SESSIONS, 2))


def test_the_latest_result_of_a_session_is_not_taken_for_its_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A studio's front keeps what its replicas have written."""
    monkeypatch.setattr(result_files, "MOST_BYTES", 10)
    replica, front = ResultFiles(tmp_path), ResultFiles(tmp_path)
    for session in ("first", "second", "first"):
        file = replica.new_folder(session) / "layer.png"
        file.write_bytes(b"layer" if front.finished(session) is None else b"larger layer")
        front.keep(session, DONE, (str(file), None, None))
    assert front.finished("first")
    assert not front.finished("second")
