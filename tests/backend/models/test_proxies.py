"""Which proxy a download goes through: the system's, as its other programs do, and none on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.models import proxies

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_systems_proxy_is_used_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxies.proxy_for("https://example.com/") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:8080")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost,.intern")
    assert proxies.proxy_for("https://example.com/") == "http://proxy.example:8080"
    assert proxies.proxy_for("https://files.intern/") is None
    assert proxies.proxy_for("https://127.0.0.1/") is None
    assert proxies.proxy_for("https://localhost:1/") is None


def test_a_proxy_set_in_the_system_counts_although_loopback_is_excepted_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in Windows, where urllib.request would look no further than NO_PROXY."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    registry = {"https": "https://proxy.example:8080"}
    monkeypatch.setattr("urllib.request.getproxies_registry", lambda: registry, raising=False)
    monkeypatch.setattr("urllib.request.proxy_bypass_registry", lambda host: host == "intern", raising=False)
    assert proxies.proxy_for("https://example.com/") == "https://proxy.example:8080"
    assert proxies.proxy_for("https://intern/") is None
    assert proxies.proxy_for("https://127.0.0.1/") is None


@pytest.mark.parametrize(
    ("past", "expected"),
    [("", "127.0.0.1,localhost"), (".intern", "127.0.0.1,localhost,.intern"), ("*", "*")],
)
def test_a_backend_keeps_what_the_user_has_excepted_from_proxies(past: str, expected: str) -> None:
    program = "import backend.server, os; print(os.environ['NO_PROXY'], os.environ['no_proxy'])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": past}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected, expected]
