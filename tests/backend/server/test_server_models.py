"""A running backend offers what is in the store at that moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio_client.exceptions import AppError

from tests.backend.server.harness import ROOT, SHORT, Backend, submit, updates

MODEL = ROOT / "tests" / "data" / "checkpoints" / "official_square.pkl"


def offered(backend: Backend) -> list[str]:
    return [model["name"] for model in backend.health()["models"]]


def test_a_model_that_is_added_is_offered_used_and_gone_when_it_is_removed(backend: Backend, picture: Path) -> None:
    before = offered(backend)
    added = backend.command("models", "add", str(MODEL), "--name", "squares")
    assert added.returncode == 0, added.stderr
    assert offered(backend) == [*before, "squares"]
    options = {**SHORT, "model": "squares"}
    last = list(updates(submit(backend.client(), picture, options)))[-1][0]
    assert last["result"]["report"]["model"]["name"] == "squares"
    assert last["result"]["report"]["model"]["image_size"] == [32, 32]

    removed = backend.command("models", "remove", "squares")
    assert removed.returncode == 0, removed.stderr
    assert offered(backend) == before
    with pytest.raises(AppError, match='no model called "squares"'):
        list(updates(submit(backend.client(), picture, options)))
