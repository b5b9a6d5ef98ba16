"""The demo, run once for all tests that look at what it leaves."""

from __future__ import annotations

import pytest

from tests.backend.demo_run import Demo, run_demo


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The whole demo: all examples, through a backend of its own."""
    place = tmp_path_factory.mktemp("demo")
    return run_demo(place / "out put", home=place / "home")
