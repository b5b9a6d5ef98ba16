"""The measurement of imports measures what it says, shown on a small network."""

from __future__ import annotations

import sys

from tests.benchmarks.imports import FULL_SIZE, WORK, WRITERS, measured
from tests.stylegan2.plain_networks import Plan

SMALL = Plan("skip", channels=(8, 6), z_dim=5, dense_layers=2)


def test_every_step_of_every_format_is_measured_in_a_process_of_its_own():
    costs = list(measured(SMALL))
    assert [(cost.file, cost.step) for cost in costs] == [(file, step) for file in WRITERS for step in WORK]
    assert all(0.1 < cost.seconds < 60 for cost in costs)  # PyTorch alone takes as long
    if sys.platform == "linux":
        assert all(100e6 < cost.peak < 1e9 for cost in costs)


def test_the_network_of_full_size_is_the_papers():
    assert FULL_SIZE.resolutions[-1] == 1024
    assert FULL_SIZE.channels == (512, 512, 512, 512, 512, 256, 128, 64, 32)
