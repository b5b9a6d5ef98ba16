"""The server's endpoints: a Gradio app without a page worth seeing, behind the check of token and Host.

The endpoints are called by their names: /drag, /frames, /thumbnails and /sample, /result, /steer, /keep, /health,
/region, /models, /download, /cancel_download, /add_model, /remove_model, /resources, /clear_cache and /stop. By
gradio_client, or at once over plain HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.components import Component
from gradio.routes import App
from starlette.responses import FileResponse
from starlette.routing import Mount

from backend.server import log
from backend.server.access import LARGEST_UPLOAD, Access
from backend.server.catalogue import ModelCatalogue
from backend.server.error_messages import handle_exception, one_sentence, refuse_malformed
from backend.server.gradio_queue import GradioQueue
from backend.server.job_setup import shown_region
from backend.server.jobs import JobRunner, Updates
from backend.server.presence import client_gone
from backend.server.requests import Request
from backend.server.result_files import NO_FILES
from backend.server.uploads import Uploads

CHUNK = 1 << 20  # bytes of a result file sent at a time
JOBS = "jobs"  # Gradio's name of the one queue of all that computes
PREVIEWS_BEHIND = 50  # updates that a client has not read yet, after which it gets no previews
MOST_BEHIND = 2000  # after which it will not read any more, as far as anybody can tell

Answer = tuple[dict[str, Any] | None, str | None, str | None, str | None]


def build(
    runner: JobRunner, catalogue: ModelCatalogue, token: str, port: int, stop: Callable[[], None], at_once: int = 1
) -> tuple[Access, asyncio.Event, Uploads]:
    """Build the whole ASGI application.

    Args:
        runner: does the jobs.
        catalogue: knows the models, and fetches them.
        token: what every request must bring in the header X-DragGAN-Token.
        port: the loopback port it is served on, for the check of the Host header.
        stop: called when a client asks the server to end.
        at_once: jobs that the runner does side by side.

    Returns:
        The application, the event that ends the clients' endless streams (heartbeats), and what clients have sent.
    """
    FileResponse.chunk_size = CHUNK  # with starlette's 64 KB a large layer takes twice as long; Gradio sets no other
    page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    access = Access(page, token, port)
    blocks = gr.Blocks(analytics_enabled=False, title="DragGAN for GIMP")
    queue = GradioQueue(blocks)
    uploads = Uploads(runner.files.folder, blocks, queue)
    blocks.process_api = refuse_malformed(blocks.process_api)
    _fill(blocks, _Endpoints(runner, catalogue, stop, uploads, queue), uploads, at_once)

    async def forget(request: gr.Request) -> None:
        session = _session(request)
        await client_gone(session, access, blocks.app.stop_event)
        await queue.forget(session)
        runner.forget(session)

    with blocks:
        blocks.unload(forget)
    blocks.queue(max_size=None, api_open=False)
    queue.on_push(uploads.note)
    queue.ignore_unknown_clients()
    gradio_app = _mount(page, blocks, port)
    return access, gradio_app.stop_event, uploads


def _mount(page: FastAPI, blocks: gr.Blocks, port: int) -> App:
    """Mount Gradio without all that it would show, share or tell; errors are one sentence."""
    gr.mount_gradio_app(
        page,
        blocks,
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
    for one in (page, gradio_app):
        one.add_exception_handler(Exception, handle_exception)
    return gradio_app


class _Endpoints:
    """What the endpoints do. Gradio reads their arguments' types: a gr.Request is the client's."""

    def __init__(
        self,
        runner: JobRunner,
        catalogue: ModelCatalogue,
        stop: Callable[[], None],
        uploads: Uploads,
        queue: GradioQueue,
    ) -> None:
        self._runner, self._catalogue, self._stop = runner, catalogue, stop
        self._uploads, self._queue = uploads, queue

    def health(self) -> dict[str, Any]:
        with one_sentence("looking after the backend"):
            return self._runner.health()

    def region(self, layer_size: Any, selected: Any, options: Any) -> dict[str, Any]:
        with one_sentence("choosing the region"):
            return shown_region(layer_size, selected, options)

    def models(self, options: Any) -> dict[str, Any]:
        with one_sentence("listing the models"):
            return self._catalogue.models(options)

    def download(self, options: Any) -> dict[str, Any]:
        with one_sentence("starting a download"):
            return self._catalogue.download(options)

    def cancel_download(self) -> dict[str, Any]:
        with one_sentence("cancelling a download"):
            return self._catalogue.cancel_download()

    def add_model(self, options: Any) -> dict[str, Any]:
        with one_sentence("adding a model"):
            return self._catalogue.add(options)

    def remove_model(self, options: Any) -> dict[str, Any]:
        with one_sentence("removing a model"):
            return self._catalogue.remove(options)

    def resources(self) -> dict[str, Any]:
        with one_sentence("looking at what is in use"):
            return self._runner.resources()

    def clear_cache(self) -> dict[str, Any]:
        with one_sentence("clearing the cache"):
            self._runner.clear_cache()
            return self._runner.resources()

    def stop(self) -> dict[str, Any]:
        self._stop()
        return {}

    def keep(self, request: gr.Request) -> dict[str, Any]:
        self._runner.queue.finish_early(_session(request))
        return {}

    def steer(self, steering: Any, request: gr.Request) -> dict[str, Any]:
        with one_sentence("steering a drag"):
            return self._runner.steer(steering, _session(request))

    def drag(
        self, image: Path | None, mask: Path | None, drags: Any, options: Any, edit: Path | None, protocol: Any,
        original: Path | None, request: gr.Request,
    ) -> Iterator[Answer]:  # fmt: skip
        job = Request(
            image=image, mask=mask, edit=edit, original=original, drags=drags,
            options=options, protocol=protocol, session=_session(request),
        )  # fmt: skip
        yield from self._stream("dragging", self._uploading(job, self._runner.drag), job.session)

    def frames(
        self, image: Path | None, mask: Path | None, options: Any, edit: Path | None, protocol: Any,
        original: Path | None, request: gr.Request,
    ) -> Iterator[Answer]:  # fmt: skip
        job = Request(
            image=image, mask=mask, edit=edit, original=original, drags=None,
            options=options, protocol=protocol, session=_session(request),
        )  # fmt: skip
        yield from self._stream("making frames", self._uploading(job, self._runner.frames), job.session)

    def thumbnails(self, options: Any, request: gr.Request) -> Iterator[Answer]:
        session = _session(request)
        yield from self._stream("drawing thumbnails", self._runner.thumbnails(options, session), session)

    def sample(self, options: Any, request: gr.Request) -> Iterator[Answer]:
        session = _session(request)
        yield from self._stream("drawing a sample", self._runner.sample(options, session), session)

    def result(self, request: gr.Request) -> Answer:
        """Return the last update of the session's latest job again, None where it has no result yet, or any more."""
        with one_sentence("looking for a result"):
            found = self._runner.files.finished(_session(request))
            return (found.update.model_dump(mode="json"), *found.files) if found else (None, *NO_FILES)

    def _uploading(self, request: Request, do: Callable[[Request], Updates]) -> Updates:
        with self._uploads.used((request.image, request.mask, request.edit, request.original), request.session):
            yield from do(request)

    def _stream(self, doing: str, updates: Updates, session: str) -> Iterator[Answer]:
        """Send a job's updates; whatever goes wrong becomes one sentence for the user.

        What a client does not read stays in memory: so it gets less where it is behind, and at last its drag ends, with
        a result to come back for.
        """
        number = secrets.token_hex(4)  # by which its lines are found in the log
        steps = log.of_job(number, updates)
        with one_sentence(doing, number), log.phases(number) as enter:
            for update, files in steps:
                enter(update.phase)
                behind = self._queue.unread(session)
                if behind > PREVIEWS_BEHIND and update.result is None:
                    update = update.model_copy(update={"preview": None})
                if behind > MOST_BEHIND:
                    self._runner.queue.finish_early(session)
                try:
                    yield (update.model_dump(mode="json"), *files)
                except GeneratorExit:
                    if self._queue.is_abandoned(session) and self._runner.queue.leave(session):
                        threading.Thread(target=_finish, args=(steps,), daemon=True).start()  # Gradio cannot wait
                    raise


def _fill(blocks: gr.Blocks, endpoints: _Endpoints, uploads: Uploads, at_once: int) -> None:
    with blocks:
        gr.Markdown("This is the service behind DragGAN for GIMP; use it from GIMP: Filters > DragGAN.")
        image, mask, edit, original = (gr.File(visible=False) for _ in range(4))
        layer_size, selected, drags, options, protocol, steering = (gr.JSON(visible=False) for _ in range(6))
        answer, *files = (gr.JSON(visible=False), *(gr.File(visible=False) for _ in range(3)))
        for component in (image, mask, edit, original, layer_size, selected, drags, options, protocol, steering):
            component.async_move_resource_to_block_cache = uploads.check  # pyright: ignore[reportAttributeAccessIssue]
        for file in (image, mask, edit, original):
            # Gradio's own leaves an empty file for each
            file.preprocess = _path  # pyright: ignore[reportAttributeAccessIssue]
        of_models: dict[str, list[Component]] = {
            name: [options] for name in ("models", "download", "add_model", "remove_model")
        }
        questions = {"region": [layer_size, selected, options], "steer": [steering], **of_models}
        _add_questions(endpoints, questions, answer)
        request = [image, mask, drags, options, edit, protocol, original]
        of_samples: dict[str, list[Component]] = {"thumbnails": [options], "sample": [options]}
        frames: list[Component] = [image, mask, options, edit, protocol, original]
        _add_jobs(endpoints, {"drag": request, "frames": frames, **of_samples}, [answer, *files], at_once)
        again = gr.Button(visible=False)
        again.click(
            endpoints.result, [], [answer, *files], api_name="result", queue=False, api_visibility="undocumented"
        )


def _add_questions(endpoints: _Endpoints, inputs: dict[str, list[Component]], answer: Component) -> None:
    """Add what is answered at once, off the queue: while a job runs, and to a client that speaks plain HTTP."""
    button = gr.Button(visible=False)
    for name in (*inputs, "health", "keep", "cancel_download", "resources", "clear_cache", "stop"):
        function = getattr(endpoints, name)
        button.click(function, inputs.get(name, []), answer, api_name=name, queue=False, api_visibility="undocumented")


def _add_jobs(
    endpoints: _Endpoints, inputs: dict[str, list[Component]], outputs: list[Component], at_once: int
) -> None:
    """Add what computes, all of it in one queue, so that whoever waits is told how many jobs come before."""
    button = gr.Button(visible=False)
    for name, components in inputs.items():
        button.click(
            getattr(endpoints, name),
            components,
            outputs,
            api_name=name,
            api_visibility="undocumented",
            concurrency_id=JOBS,
            concurrency_limit=at_once,
            show_progress="hidden",
        )


def _finish(steps: Iterator[Any]) -> None:
    """Do what is left of a job that nobody follows any more; its result is kept."""
    try:
        for _ in steps:
            pass
    except Exception:
        log.unexpected("finishing a drag")


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _path(file: Any) -> Path | None:
    return None if file is None else Path(file.path)
