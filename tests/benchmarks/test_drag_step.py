"""The measurement of a drag step measures what it says, shown on the embedded model."""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
import pytest

from tests.benchmarks.drag_step import FAST, PLAIN, Setting, counted, difference, interleaved


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting.of(
        argparse.Namespace(resolution=512, block=128, model="critters", points=2, mask=True, device="cpu")
    )


def test_each_step_is_timed_in_turn(setting: Setting) -> None:
    assert {kind: len(seconds) for kind, seconds in interleaved(setting, 2).items()} == {FAST: 2, PLAIN: 2}


def test_operations_are_those_of_the_networks_layers(setting: Setting) -> None:
    """Twice those of a forward pass to the feature block with a gradient, and of the blocks beyond without."""
    handles = np.random.default_rng(0).uniform(0, 256, (60, 2))  # so many that the whole map costs less than windows
    many = dataclasses.replace(setting, handles=handles, mask=None)
    fast, plain = (counted(many.loop(kind)) for kind in (FAST, PLAIN))
    forward = many.loop(FAST).features._synthesis.work()
    assert forward * 1.9 < fast < forward * 2.1
    assert plain > 1.2 * fast


def test_a_mask_costs_a_part_of_what_the_whole_map_does(setting: Setting) -> None:
    masked, free = (counted(one.loop(FAST)) for one in (setting, dataclasses.replace(setting, mask=None)))
    assert masked - free < 0.6 * 2 * setting.loop(FAST).features._synthesis.work()


def test_with_a_mask_too_both_go_the_same_way(setting: Setting) -> None:
    assert difference(setting, 5) < 0.01
