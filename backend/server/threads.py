"""How many threads torch computes with: fewer while other programs keep the cores busy.

torch's threads wait for each other after each operation, so one that has no core of its own holds all of them up: two
threads beside a busy program took 58 s for what takes 0.8 s otherwise (ten steps of an inversion, two cores).
"""

from __future__ import annotations

import math
import os
import sys
import time

import torch

LOAD_SECONDS = 60.0  # over which the system's load average is damped


class Threads:
    """Chooses the number of threads by the load that is not this process's own.

    Windows has no load average: the number stays what it is there.
    """

    def __init__(self) -> None:
        self._most = torch.get_num_threads()
        self._own_load = 0.0  # of this process, damped as the load average is
        self._seen = time.monotonic(), time.process_time()

    def choose(self) -> int:
        """Return for how many threads there are cores at this moment: at least 1, at most torch's own number."""
        self.note()
        load_average = getattr(os, "getloadavg", None)
        if load_average is None:
            return self._most
        others = max(0.0, load_average()[0] - self._own_load)
        return max(1, min(self._most, _cores() - round(others)))

    def note(self) -> None:
        """Take into account what this process has computed since the last call; call it where a job ends, too."""
        (before, used_before), self._seen = self._seen, (time.monotonic(), time.process_time())
        passed, used = self._seen[0] - before, self._seen[1] - used_before
        if passed > 0:
            old = math.exp(-passed / LOAD_SECONDS)
            self._own_load = self._own_load * old + used / passed * (1 - old)


def _cores() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
