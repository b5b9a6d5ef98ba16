"""Stand-ins for NVIDIA's modules, so that the tests can write pickles that name them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stylegan2.stand_ins import nvidia_modules


@pytest.fixture
def nvidia_names() -> Iterator[None]:
    """The functions that NVIDIA's files call; called here they fail the test."""
    with nvidia_modules():
        yield
