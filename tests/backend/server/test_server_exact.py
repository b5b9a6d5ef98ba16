"""Jobs that ask for an exact likeness: what is said meanwhile, and how the next drag goes on from their edits."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import stylegan2
from backend.client.protocol import PROTOCOL
from backend.editing import edit_state
from backend.editing.edit_state import EditState
from backend.editing.preset import Preset, preset_for
from backend.editing.region import Region
from backend.editing.settings import TuningSettings
from backend.editing.steps import InversionProgress
from backend.models import models
from backend.server.jobs import JobRunner
from backend.server.progress import inversion_update
from backend.server.protocol import Update
from backend.server.requests import Request
from tests.drafts import remember_drafts

STEPS = 3  # of the tuning
SHORT = {"inversion_steps": 0, "steps": 1, "result": "whole"}
SEARCH, TUNING = "Finding the picture", "Making the likeness exact"


class Done(NamedTuple):
    """What a job has said, and what an artist has after it."""

    updates: list[Update]
    layer: Path
    edit: Path

    @property
    def opening(self) -> list[str]:
        """What was done before the drag, each once."""
        told = [update.message for update in self.updates if update.phase == "invert"]
        return list(dict.fromkeys(words for message in told for words in (SEARCH, TUNING) if message.startswith(words)))

    @property
    def report(self) -> Mapping[str, Any]:
        result = self.updates[-1].result
        assert result is not None
        return result.report["inversion"]


class Service:
    """A job runner whose cache is kept on disk, and whose model is tuned in few steps."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.restart()

    def restart(self) -> None:
        """As if it were tomorrow."""
        self.runner = JobRunner(self.home / "work", torch.device("cpu"), self.home / "cache")

    def drag(self, layer: Path, edit: Path | None = None, **options: Any) -> Done:
        """Drag by one step, and keep the layer that an artist has then, and its edit."""
        drags = [{"handle": [40, 32], "target": [52, 32]}]
        asked = Request(layer, None, edit, None, drags, {**SHORT, **options}, PROTOCOL, "one")
        outputs = list(self.runner.drag(asked))
        updates, (changed, _, state) = [update for update, _ in outputs], outputs[-1][1]
        number = len(list(self.home.iterdir()))
        next_layer, next_edit = (self.home / f"{number} {name}" for name in ("layer.png", "edit.safetensors"))
        next_edit.write_bytes(Path(str(state)).read_bytes())
        assert updates[-1].result is not None
        with Image.open(layer) as before, Image.open(str(changed)) as part:
            whole = before.convert("RGBA")
            whole.paste(part, updates[-1].result.offset)
        whole.save(next_layer)
        return Done(updates, next_layer, next_edit)


def quickly_tuned(model: stylegan2.Model, published: Mapping[str, Any] | None = None) -> Preset:
    return dataclasses.replace(preset_for(model, published), tuning=TuningSettings(steps=STEPS))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("exact")
    remember_drafts(home)
    (home / "work").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(models, "preset_for", quickly_tuned)
        patched.setattr("backend.server.progress.UPDATE_EVERY", 0.0)
        yield Service(home)


@pytest.fixture(scope="module")
def first(service: Service, picture: Path) -> Done:
    return service.drag(picture, likeness="exact")


def test_the_message_says_that_the_likeness_is_made_exact(first: Done) -> None:
    assert first.opening == [SEARCH, TUNING]
    inverting = [update for update in first.updates if update.phase == "invert"]
    assert {update.steps for update in inverting} == {STEPS}
    assert inverting[-1].step == STEPS
    assert any(update.preview is not None for update in inverting)


def test_the_message_tells_how_long_it_will_take() -> None:
    nothing = np.zeros((4, 4, 3), np.uint8)
    step = InversionProgress(
        *(3, 10, lambda: 30.0, lambda: nothing),
        region=Region(0, 0, 4, 4, (4, 4)),
        tuning=True,
        seconds_left=12.4,
    )
    message = inversion_update(step, step.region.box, "good", preview=False).message
    assert message == "Making the likeness exact, about 12 seconds to go. It fits the layer well so far."


def test_the_report_and_the_edit_say_it_too(first: Done) -> None:
    assert first.report["likeness"] == "exact"
    assert EditState.load(first.edit).tuned


def test_the_next_drag_on_the_same_picture_starts_at_once(service: Service, picture: Path, first: Done) -> None:
    again = service.drag(picture, likeness="exact")
    assert len([update for update in again.updates if update.phase == "invert"]) == 2
    assert again.report["psnr"] == first.report["psnr"]


@pytest.mark.parametrize("likeness", ["exact", "editable"])
def test_the_next_drag_goes_on_from_an_exact_edit_and_stays_exact(service: Service, first: Done, likeness: str) -> None:
    second = service.drag(first.layer, first.edit, likeness=likeness)
    assert second.opening == []
    assert second.report["likeness"] == "exact"


def test_an_edit_that_was_not_exact_is_made_so_where_it_is(service: Service, picture: Path) -> None:
    editable = service.drag(picture)
    assert editable.opening == [SEARCH]
    exact = service.drag(editable.layer, editable.edit, likeness="exact")
    assert exact.opening == [TUNING]
    assert exact.report["likeness"] == "exact"


@pytest.fixture
def named(service: Service, picture: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    """A drag whose weights are too large for the layer."""
    monkeypatch.setattr(edit_state, "MOST_CARRIED", 1000)
    done = service.drag(picture, likeness="exact")
    assert EditState.load(done.edit).tuned == {}
    return done


def test_weights_that_the_layer_only_names_are_found_again_tomorrow(service: Service, named: Done) -> None:
    service.restart()
    second = service.drag(named.layer, named.edit)
    assert second.opening == []
    assert second.report["likeness"] == "exact"
    assert EditState.load(second.edit).tuned_sha256 == EditState.load(named.edit).tuned_sha256


def test_when_these_weights_are_gone_the_picture_is_found_anew(
    service: Service, named: Done, caplog: pytest.LogCaptureFixture
) -> None:
    for file in (service.home / "cache").iterdir():
        file.unlink()
    remember_drafts(service.home)
    service.restart()
    with caplog.at_level(logging.INFO):
        anew = service.drag(named.layer, named.edit, likeness="exact")
    assert anew.opening == [SEARCH, TUNING]
    assert "left aside: The edit's tuned weights are not remembered any more" in caplog.text
