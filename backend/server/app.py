"""The server's endpoints: a Gradio app without a page worth seeing, behind the check of token and Host.

The endpoints are called by their names: /drag, /frames, /thumbnails and /sample, /steer, /keep, /health, /region,
/models, /download, /cancel_download, /add_model, /remove_model, /resources, /clear_cache and /stop. By
gradio_client, or at once over plain HTTP.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from gradio.components import Component
from gradio.routes import App
from starlette.responses import FileResponse
from starlette.routing import Mount

from backend.errors import UserError
from backend.server import log
from backend.server.access import LARGEST_UPLOAD, Access
from backend.server.catalogue import ModelCatalogue
from backend.server.jobs import JobRunner, Updates
from backend.server.requests import Request
from stylegan2.errors import ModelError

CHUNK = 1 << 20  # bytes of a result file sent at a time
NOT_UPLOADED = "The request names a file that was not uploaded; send the file itself."
JOBS = "jobs"  # Gradio's name of the one queue of all that computes

Answer = tuple[dict[str, Any], str | None, str | None, str | None]


def build(
    runner: JobRunner, catalogue: ModelCatalogue, token: str, port: int, stop: Callable[[], None]
) -> tuple[Access, asyncio.Event]:
    """Build the whole ASGI application.

    Args:
        runner: does the jobs.
        catalogue: knows the models, and fetches them.
        token: what every request must bring in the header X-DragGAN-Token.
        port: the loopback port it is served on, for the check of the Host header.
        stop: called when a client asks the server to end.

    Returns:
        The application, and the event that ends the clients' endless streams (heartbeats).
    """
    FileResponse.chunk_size = CHUNK  # with starlette's 64 KB a large layer takes twice as long; Gradio sets no other
    page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        page,
        _blocks(_Endpoints(runner, catalogue, stop)),
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


class _Endpoints:
    """What the endpoints do. Gradio reads their arguments' types: a gr.Request is the client's."""

    def __init__(self, runner: JobRunner, catalogue: ModelCatalogue, stop: Callable[[], None]) -> None:
        self._runner, self._catalogue, self._stop = runner, catalogue, stop

    def health(self) -> dict[str, Any]:
        with _one_sentence("looking after the backend"):
            return self._runner.health()

    def region(self, layer_size: Any, selected: Any, options: Any) -> dict[str, Any]:
        with _one_sentence("choosing the region"):
            return self._runner.region(layer_size, selected, options)

    def models(self, options: Any) -> dict[str, Any]:
        with _one_sentence("listing the models"):
            return self._catalogue.models(options)

    def download(self, options: Any) -> dict[str, Any]:
        with _one_sentence("starting a download"):
            return self._catalogue.download(options)

    def cancel_download(self) -> dict[str, Any]:
        with _one_sentence("cancelling a download"):
            return self._catalogue.cancel_download()

    def add_model(self, options: Any) -> dict[str, Any]:
        with _one_sentence("adding a model"):
            return self._catalogue.add(options)

    def remove_model(self, options: Any) -> dict[str, Any]:
        with _one_sentence("removing a model"):
            return self._catalogue.remove(options)

    def resources(self) -> dict[str, Any]:
        with _one_sentence("looking at what is in use"):
            return self._runner.resources()

    def clear_cache(self) -> dict[str, Any]:
        with _one_sentence("clearing the cache"):
            self._runner.clear_cache()
            return self._runner.resources()

    def stop(self) -> dict[str, Any]:
        self._stop()
        return {}

    def keep(self, request: gr.Request) -> dict[str, Any]:
        self._runner.queue.finish_early(_session(request))
        return {}

    def steer(self, steering: Any, request: gr.Request) -> dict[str, Any]:
        with _one_sentence("steering a drag"):
            return self._runner.steer(steering, _session(request))

    def drag(
        self, image: str | None, mask: str | None, drags: Any, options: Any, edit: str | None, protocol: Any,
        original: str | None, request: gr.Request,
    ) -> Iterator[Answer]:  # fmt: skip
        job = Request(
            image=_path(image), mask=_path(mask), edit=_path(edit), original=_path(original), drags=drags,
            options=options, protocol=protocol, session=_session(request),
        )  # fmt: skip
        yield from _stream("dragging", self._runner.drag(job))

    def frames(
        self, image: str | None, mask: str | None, options: Any, edit: str | None, protocol: Any,
        original: str | None, request: gr.Request,
    ) -> Iterator[Answer]:  # fmt: skip
        job = Request(
            image=_path(image), mask=_path(mask), edit=_path(edit), original=_path(original), drags=None,
            options=options, protocol=protocol, session=_session(request),
        )  # fmt: skip
        yield from _stream("making frames", self._runner.frames(job))

    def thumbnails(self, options: Any, request: gr.Request) -> Iterator[Answer]:
        yield from _stream("drawing thumbnails", self._runner.thumbnails(options, _session(request)))

    def sample(self, options: Any, request: gr.Request) -> Iterator[Answer]:
        yield from _stream("drawing a sample", self._runner.sample(options, _session(request)))

    def forget(self, session: str) -> None:
        self._runner.forget(session)


def _blocks(endpoints: _Endpoints) -> gr.Blocks:
    async def gone(request: gr.Request) -> None:
        # Gradio alone leaves a waiting job in the queue when its client goes before it listens for updates.
        await blocks._queue.clean_events(session_hash=_session(request))
        endpoints.forget(_session(request))

    with gr.Blocks(analytics_enabled=False, title="DragGAN for GIMP") as blocks:
        gr.Markdown("This is the service behind DragGAN for GIMP; use it from GIMP: Filters > DragGAN.")
        image, mask, edit, original = (gr.File(visible=False) for _ in range(4))
        layer_size, selected, drags, options, protocol, steering = (gr.JSON(visible=False) for _ in range(6))
        answer, *files = (gr.JSON(visible=False), *(gr.File(visible=False) for _ in range(3)))
        for component in (image, mask, edit, original, layer_size, selected, drags, options, protocol, steering):
            _take_uploads_only(component, blocks.upload_file_set)
        of_models: dict[str, list[Component]] = {
            name: [options] for name in ("models", "download", "add_model", "remove_model")
        }
        questions = {"region": [layer_size, selected, options], "steer": [steering], **of_models}
        _add_questions(endpoints, questions, answer)
        request = [image, mask, drags, options, edit, protocol, original]
        of_samples: dict[str, list[Component]] = {"thumbnails": [options], "sample": [options]}
        frames: list[Component] = [image, mask, options, edit, protocol, original]
        _add_jobs(endpoints, {"drag": request, "frames": frames, **of_samples}, [answer, *files])
        blocks.unload(gone)
    blocks.queue(max_size=None, api_open=False)
    return blocks


def _add_questions(endpoints: _Endpoints, inputs: dict[str, list[Component]], answer: Component) -> None:
    """Add what is answered at once, off the queue: while a job runs, and to a client that speaks plain HTTP."""
    button = gr.Button(visible=False)
    for name in (*inputs, "health", "keep", "cancel_download", "resources", "clear_cache", "stop"):
        function = getattr(endpoints, name)
        button.click(function, inputs.get(name, []), answer, api_name=name, queue=False, api_visibility="undocumented")


def _add_jobs(endpoints: _Endpoints, inputs: dict[str, list[Component]], outputs: list[Component]) -> None:
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
            concurrency_limit=1,
            show_progress="hidden",
        )


def _take_uploads_only(component: Component, uploaded: set[str]) -> None:
    """Refuse what a request names in the place of an upload, before anything of it is read.

    Gradio, mounted in another application, would otherwise copy any file that its process can read into its cache, and
    fetch what is named by a URL.

    Args:
        component: an input.
        uploaded: Gradio's own record of the files that were uploaded.
    """

    async def check(path: str | None) -> str | None:
        if path is not None and str(path) not in uploaded:
            raise gr.Error(NOT_UPLOADED, print_exception=False)
        return path

    component.async_move_resource_to_block_cache = check  # pyright: ignore[reportAttributeAccessIssue]


def _stream(doing: str, updates: Updates) -> Iterator[Answer]:
    """Send a job's updates; whatever goes wrong becomes one sentence for the user."""
    number = secrets.token_hex(4)  # by which its lines are found in the log
    with _one_sentence(doing, number):
        for update, files in log.of_job(number, updates):
            yield (update.model_dump(mode="json"), *files)


@contextmanager
def _one_sentence(doing: str, job: str = log.NO_JOB) -> Iterator[None]:
    """Turn whatever goes wrong inside into one sentence for the user.

    Args:
        doing: what is done, for the sentence about an error that nobody expected.
        job: its number in the log.
    """
    try:
        yield
    except (UserError, ModelError) as error:
        with log.belonging_to(job):
            log.logger.info("Refused: %s", error)
        raise gr.Error(str(error), print_exception=False) from None
    except Exception:
        raise gr.Error(log.unexpected(doing, job), print_exception=False) from None


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
