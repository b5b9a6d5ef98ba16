"""What is sent for a job goes with it, however it ends, and without one when its sender is gone."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from backend.server.gradio_queue import GradioQueue
from backend.server.uploads import ALONE_SECONDS, Uploads
from tests.backend.server.harness import WITHOUT_END, Backend, submit, until_phase, wait_until

ENDLESS = {"inversion_steps": WITHOUT_END}


@pytest.fixture
def other_picture(tmp_path: Path) -> Path:
    """Gradio gives the same content the same place; the running job has one of its own."""
    Image.fromarray(np.full((64, 80, 3), 99, np.uint8)).save(tmp_path / "other.png")
    return tmp_path / "other.png"


def test_what_was_sent_for_a_job_that_is_cancelled_as_soon_as_it_waits_is_deleted(
    backend: Backend, picture: Path, other_picture: Path
) -> None:
    running = submit(backend.client(), picture, ENDLESS)
    until_phase(running, "invert")
    before = backend.uploads()
    waiting = submit(backend.client(), other_picture, ENDLESS)
    wait_until(lambda: waiting.communicator and waiting.communicator.event_id, "it waits")
    waiting.cancel()
    assert backend.queue_length() == 0
    wait_until(lambda: backend.uploads() == before, "what was sent for it is gone", 10)
    running.cancel()
    backend.wait_idle()


def test_what_no_job_has_asked_for_is_deleted_when_nobody_is_connected_any_more(tmp_path: Path) -> None:
    blocks = gr.Blocks()
    blocks.queue()
    uploads = Uploads(tmp_path, blocks, GradioQueue(blocks))
    sent = tmp_path / "of a client" / "layer.png"
    sent.parent.mkdir()
    sent.write_bytes(b"its layer")
    uploads.tidy(0.0)
    uploads.tidy(ALONE_SECONDS - 1)
    assert sent.exists()
    uploads.tidy(ALONE_SECONDS)
    assert not sent.parent.exists()
