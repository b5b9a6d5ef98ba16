"""What the settings show of the backend: whether it runs and what it uses, and what comes of each button."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.client.resources import Resources
from backend.errors import UserError
from core import backend_watch, check, logs, watch
from core.backend_watch import BackendWatch, Seen
from core.check import Check, Finding
from tests.gimp_plugin.backend_home import BackendHome, wait_until

USED = Resources("processor", 2, 512_000_000, None, "/models", 0, 23_000_000)
DOCTOR = """
import sys
assert sys.argv[1:] == ["doctor"], sys.argv
print("ok     environment: Python 3.13, torch 2, in /a: home")
print("WRONG  backend: it says ♞; run install.py again", flush=True)
print({said!r}, file=sys.stderr)
sys.exit({code})
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "IDLE_SECONDS", 0.05)


class Watched:
    """A watch, and all that it has seen."""

    def __init__(self, home: BackendHome) -> None:
        self.seen: list[Seen] = []
        self.watch = BackendWatch(home.backend(), self.seen.append)

    def wait_until_it(self, runs: bool) -> Seen:
        wait_until(lambda: self.seen and (self.seen[-1].used is not None) == runs, 60)
        return self.seen[-1]


@pytest.fixture
def watched(home: BackendHome) -> Iterator[Watched]:
    watched = Watched(home)
    yield watched
    watched.watch.close()


def test_looking_starts_nothing(watched: Watched, home: BackendHome):
    wait_until(lambda: len(watched.seen) > 2)
    assert set(watched.seen) == {Seen()}
    assert not home.ready_file.exists()


def test_the_backend_is_started_looked_at_and_ended(watched: Watched):
    watched.watch.do(backend_watch.start)
    assert watched.wait_until_it(runs=True).used == USED
    watched.watch.do(backend_watch.stop)
    assert watched.wait_until_it(runs=False).problem == ""


def test_a_clear_cache_is_seen_and_a_refusal_is_told_until_the_next_command(watched: Watched):
    watched.watch.do(backend_watch.start)
    watched.wait_until_it(runs=True)
    watched.watch.do(backend_watch.clear_cache)
    wait_until(lambda: watched.seen[-1].used and watched.seen[-1].used.cache_bytes == 0)
    watched.watch.do(backend_watch.clear_cache)
    wait_until(lambda: watched.seen[-1].problem)
    before = len(watched.seen)
    wait_until(lambda: len(watched.seen) > before + 2)
    assert watched.seen[-1].problem == "The backend is at work; clear the cache when it is done."
    watched.watch.do(backend_watch.start)
    wait_until(lambda: not watched.seen[-1].problem)


def test_a_backend_that_cannot_be_started_says_why(home: BackendHome):
    seen: list[Seen] = []
    watch = BackendWatch(home.backend("-c", "raise SystemExit('no torch here')"), seen.append)
    watch.do(backend_watch.start)
    wait_until(lambda: any("no torch here" in one.problem for one in seen), 60)
    watch.close()


@pytest.mark.parametrize(
    ("health", "sentence"),
    [
        (None, "It does not run; it starts by itself when it is needed."),
        ({"version": "1.2.3", "busy": False}, "It runs (version 1.2.3) and has nothing to do."),
        ({"version": "1.2.3", "busy": True}, "It runs (version 1.2.3) and is at work."),
    ],
)
def test_the_state_is_one_sentence(health: dict[str, object] | None, sentence: str):
    assert backend_watch.state(Seen(health)) == sentence


def test_sizes_are_told_in_words():
    card = Resources("NVIDIA H200", 16, 812_000_000, 3_000_000_000, "/models", 364_000_000, 5_400_000)
    assert [backend_watch.device(one) for one in (USED, card)] == ["The processor, 2 cores", "NVIDIA H200"]
    assert [backend_watch.memory(one) for one in (USED, card)] == ["512 MB", "812 MB, and 3000 MB of the graphics card"]
    assert [backend_watch.models(one) for one in (USED, card)] == ["/models", "/models (364 MB)"]
    assert backend_watch.cache(card).startswith("5.4 MB, ")


def findings(home: BackendHome, code: int, said: str = "") -> list[Finding]:
    """What a check finds with a doctor that has two findings, then says something and ends with a code."""
    file = home.folder / "doctor.py"
    file.write_text(DOCTOR.format(code=code, said=said), encoding="utf-8")
    return list(check.findings(home.installation(str(file), "serve"), lambda: False))


def test_the_findings_of_the_check_come_in_its_words_and_order(home: BackendHome):
    assert findings(home, code=1) == [
        Finding("Program", True, "Python 3.13, torch 2, in /a: home"),
        Finding("Backend", False, "it says ♞; run install.py again"),
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("The environment is incomplete.", "The environment is incomplete."),
        ("", "It does not start; run install.py again."),
    ],
)
def test_a_check_that_breaks_off_says_why(home: BackendHome, said: str, told: str):
    assert findings(home, code=2, said=said)[-1] == Finding("Program", False, told)


def test_a_check_without_its_python_says_so(home: BackendHome):
    gone = dataclasses.replace(home.installation(), python="/no/python")
    with pytest.raises(UserError, match=r"run install\.py again"):
        list(check.findings(gone, lambda: False))


def test_the_check_ends_once_it_is_over(home: BackendHome):
    file = home.folder / "doctor.py"
    file.write_text(DOCTOR.format(code=0, said=""), encoding="utf-8")
    found: list[Finding] = []
    over: list[bool] = []
    Check(home.installation(str(file), "serve"), found.append, lambda: over.append(True))
    wait_until(lambda: over)
    assert [finding.is_well for finding in found] == [True, False]


def test_of_a_long_log_the_last_lines_are_shown(tmp_path: Path):
    log = tmp_path / "backend.log"
    assert logs.end_of(log) == ""
    log.write_text("".join(f"line {number} ä\n" for number in range(100_000)), encoding="utf-8")
    lines = logs.end_of(log).splitlines()
    assert lines == [f"line {number} ä" for number in range(100_000 - logs.LINES, 100_000)]
