"""The server's endpoints: a Gradio app without a page worth seeing, behind the check of token and Host.

/health, /region, /drag, /keep, /thumbnails, /sample and /stop are called by their names (gradio_client, or plain HTTP
for those that need no session: /health, /region, /stop).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.routes import App
from starlette.responses import FileResponse
from starlette.routing import Mount

from backend.errors import UserError
from backend.server import log
from backend.server.access import Access
from backend.server.jobs import Files, JobRunner, Request
from backend.server.protocol import Update

LARGEST_UPLOAD = "512mb"
PIECE = 1 << 20  # bytes of a result file sent at a time: with starlette's 64 KB a large layer takes twice as long

Answer = tuple[dict[str, Any], str | None, str | None, str | None]


def build(runner: JobRunner, token: str, port: int, stop: Callable[[], None]) -> tuple[Access, asyncio.Event]:
    """The whole ASGI application, and the event that ends the clients' endless streams (heartbeats).

    Args:
        token: what every request must bring in the header X-DragGAN-Token.
        port: the loopback port it is served on, for the check of the Host header.
        stop: called when a client asks the server to end.
    """
    FileResponse.chunk_size = PIECE
    page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        page,
        _blocks(runner, stop),
        path="/",
        server_name="127.0.0.1",
        server_port=port,
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=LARGEST_UPLOAD,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    (gradio_app,) = (route.app for route in page.routes if isinstance(route, Mount))
    assert isinstance(gradio_app, App)
    return Access(page, token, port), gradio_app.stop_event


def _blocks(runner: JobRunner, stop: Callable[[], None]) -> gr.Blocks:
    def health() -> dict[str, Any]:
        return _answer("looking after the backend", runner.health)

    def region(layer_size: Any, selected: Any, options: Any) -> dict[str, Any]:
        return _answer("choosing the region", lambda: runner.region(layer_size, selected, options))

    def end() -> dict[str, Any]:
        stop()
        return {}

    def drag(
        image: str | None, mask: str | None, drags: Any, options: Any, edit: str | None, protocol: Any,
        original: str | None, request: gr.Request,
    ) -> Iterator[Answer]:  # fmt: skip
        job = Request(
            image=_path(image), mask=_path(mask), edit=_path(edit), original=_path(original), drags=drags,
            options=options, protocol=protocol, session=request.session_hash or "",
        )  # fmt: skip
        yield from _stream("dragging", runner.drag(job))

    def thumbnails(options: Any, request: gr.Request) -> Iterator[Answer]:
        yield from _stream("drawing thumbnails", runner.thumbnails(options, request.session_hash or ""))

    def sample(options: Any, request: gr.Request) -> Iterator[Answer]:
        yield from _stream("drawing a sample", runner.sample(options, request.session_hash or ""))

    def keep(request: gr.Request) -> dict[str, Any]:
        runner.queue.finish_early(request.session_hash or "")
        return {}

    async def gone(request: gr.Request) -> None:
        session = request.session_hash or ""
        # Gradio alone leaves a waiting job in the queue when its client goes before it listens for updates.
        await blocks._queue.clean_events(session_hash=session)
        runner.forget(session)

    with gr.Blocks(analytics_enabled=False, title="DragGAN for GIMP") as blocks:
        gr.Markdown("This is the service behind DragGAN for GIMP; use it from GIMP: Filters > DragGAN.")
        image, mask, edit, original = (gr.File(visible=False) for _ in range(4))
        drags, options, protocol, answer = (gr.JSON(visible=False) for _ in range(4))
        results = [gr.File(visible=False) for _ in range(3)]
        button = gr.Button(visible=False)
        # Off the queue: they must answer while a job runs, and to a client that speaks plain HTTP.
        places = [gr.JSON(visible=False) for _ in range(2)]
        for function, inputs, name in (
            (health, [], "health"),
            (region, [*places, options], "region"),
            (keep, [], "keep"),
            (end, [], "stop"),
        ):
            button.click(function, inputs, answer, api_name=name, queue=False, api_visibility="undocumented")
        for function, inputs, outputs, name in (
            (drag, [image, mask, drags, options, edit, protocol, original], [answer, *results], "drag"),
            (thumbnails, [options], [answer, *results], "thumbnails"),
            (sample, [options], [answer, *results], "sample"),
        ):
            button.click(
                function,
                inputs,
                outputs,
                api_name=name,
                api_visibility="undocumented",
                concurrency_limit=1,
                show_progress="hidden",
            )
        blocks.unload(gone)
    blocks.queue(max_size=None, api_open=False)
    return blocks


def _stream(doing: str, updates: Iterator[tuple[Update, Files]]) -> Iterator[Answer]:
    """The job's updates; whatever goes wrong becomes one sentence for the user."""
    number = secrets.token_hex(4)  # by which its lines are found in the log
    try:
        for update, files in log.of_job(number, updates):
            yield (update.model_dump(mode="json"), *files)
    except UserError as error:
        with log.belonging_to(number):
            log.logger.info("Refused: %s", error)
        raise gr.Error(str(error), print_exception=False) from None
    except Exception:
        raise gr.Error(log.unexpected(doing, number), print_exception=False) from None


def _answer(doing: str, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return function()
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except Exception:
        raise gr.Error(log.unexpected(doing), print_exception=False) from None


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
