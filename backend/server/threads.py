"""How many threads torch computes with: fewer while other programs keep the cores busy.

torch's threads wait for each other after each operation, so one that has no core of its own holds all of them up. That
they sleep meanwhile (`backend/__init__.py`) makes it no slower than one thread less, but no faster either.
"""

from __future__ import annotations

import os
import sys
import time

import psutil
import torch

PERIOD = 1.0  # seconds over which it is seen what others compute: systems count in hundredths


class Threads:
    """Chooses the number of threads by the cores that others use; not by those of programs that give way."""

    def __init__(self) -> None:
        self._most = torch.get_num_threads()
        self._others = 0.0  # cores
        self._seen = _seconds()

    def choose(self) -> int:
        """Return for how many threads there are cores: at least 1, at most torch's own number."""
        now = _seconds()
        passed, busy, own = (new - old for new, old in zip(now, self._seen, strict=True))
        if passed >= PERIOD:
            self._others, self._seen = max(0.0, busy - own) / passed, now
        return max(1, min(self._most, _cores() - round(self._others)))


def _seconds() -> tuple[float, float, float]:
    """Seconds on a clock; those that all cores have been at work, at ordinary priority; those of this process."""
    times = psutil.cpu_times()
    return time.monotonic(), times.user + times.system, time.process_time()


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
