"""Nothing is answered without the token, or under another name than this machine's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

from backend.server import access, app
from backend.server.access import Access
from backend.server.catalogue import ModelCatalogue
from backend.server.jobs import JobRunner
from tests.backend.server.harness import TOKEN_HEADER, Backend

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
}


def endpoints(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of all routes, of mounted applications and included routers too."""
    for context in iter_route_contexts(routes):
        if isinstance(context.original_route, Mount):
            mounted = context.original_route
            yield from endpoints(mounted.routes, prefix + mounted.path)
        else:
            path = re.sub(r"\{[^}]*\}", "x", f"{prefix}{context.path}")
            yield from ((method, path) for method in context.methods or {"GET"})


@pytest.fixture(scope="module")
def every_route(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    built, *_ = app.build(JobRunner(tmp_path_factory.mktemp("files")), ModelCatalogue(), "token", 1, lambda: None)
    found: Any = built.app
    return set(endpoints(found.routes))


def test_the_enumeration_finds_the_routes_that_matter(every_route: set[tuple[str, str]]) -> None:
    assert len(every_route) > 60
    assert {
        ("GET", "/config"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data"),
        ("GET", "/gradio_api/heartbeat/x"),
        ("GET", "/gradio_api/file=x"),
        ("POST", "/gradio_api/run/x"),
    } <= every_route


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TOKEN_HEADER: None}, 401),
        ({TOKEN_HEADER: "wrong"}, 401),
        ({TOKEN_HEADER: ""}, 401),
        ({"Host": "example.org"}, 403),
        ({"Host": "localhost:1"}, 403),
        ({"Host": "example.org", TOKEN_HEADER: None}, 403),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "example.org", "X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1"}, 403),
        ({**WEBSOCKET, TOKEN_HEADER: None}, 401),
        ({**WEBSOCKET, "Host": "example.org"}, 403),
    ],
)
def test_every_route_is_closed(
    backend: Backend, every_route: set[tuple[str, str]], headers: dict[str, str | None], status: int
) -> None:
    for method, path in sorted(every_route):
        assert backend.request(method, path, headers=headers) == (status, b""), (method, path)


def test_what_no_client_needs_is_not_there_at_all(backend: Backend, every_route: set[tuple[str, str]]) -> None:
    """Gradio would fetch addresses, read files, run code of a page and change it."""
    closed = {(method, path) for method, path in every_route if not access.OPEN.fullmatch(path)}
    assert {
        ("GET", "/"),
        ("GET", "/gradio_api/proxy=x"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/gradio_api/openapi.json"),
    } <= closed
    assert len(every_route - closed) < 20
    for method, path in sorted(closed):
        assert backend.request(method, path) == (404, b""), (method, path)


def test_a_request_that_is_too_large_is_not_read(backend: Backend) -> None:
    large = {"/gradio_api/upload": access.LARGEST_UPLOAD, "/gradio_api/run/region": access.LARGEST_BODY}
    for path, largest in large.items():
        assert backend.request("POST", path, headers={"Content-Length": str(largest + 1)}) == (413, b"")


def test_a_request_that_does_not_say_how_large_it_is_ends_where_it_is_too_large(backend: Backend) -> None:
    length = access.LARGEST_BODY + 1
    pieces: Any = (b" " * (1 << 20) for _ in range(length // (1 << 20) + 1))
    before = backend.health()
    try:
        status, _ = backend.request("POST", "/gradio_api/run/region", pieces)
    except OSError:  # it went while the rest was sent
        status = 400
    assert status >= 400
    assert backend.health() == before


def test_a_path_that_does_not_exist_is_closed_too(backend: Backend) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        assert backend.request(method, "/nowhere", headers={TOKEN_HEADER: None})[0] == 401


def test_token_and_host_open(backend: Backend) -> None:
    port = backend.ready["url"].rstrip("/").rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}"):
        status, body = backend.request("GET", "/config", headers={"Host": host})
        assert status == 200
        assert b'"api_name":"drag"' in body


def test_the_page_for_documentation_names_no_endpoint(backend: Backend) -> None:
    status, body = backend.request("GET", "/gradio_api/info")
    assert status == 200
    assert b"/drag" not in body


def test_only_files_of_jobs_are_served(backend: Backend) -> None:
    for path in (backend.ready_file, Path("/etc/passwd"), backend.home / "work" / ".." / "backend.json"):
        status, body = backend.request(
            "GET",
            f"/gradio_api/file={str(path).replace(' ', '%20')}".replace("ö", "%C3%B6").replace("ü", "%C3%BC"),
        )
        assert status in (403, 404), path
        assert b"token" not in body


def answer(scope: dict[str, Any]) -> list[dict[str, Any]]:
    """What Access sends for `scope`; the application behind it sends {"type": "passed"}."""
    sent: list[dict[str, Any]] = []

    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "passed"})

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing of a refused request is read")

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Access(inner, "secret", 5)(scope, receive, send))
    return sent


GOOD = [(b"host", b"127.0.0.1:5"), (b"x-draggan-token", b"secret")]


def test_websockets_are_refused_before_they_are_accepted() -> None:
    assert answer({"type": "websocket", "path": "/config", "headers": GOOD}) == [{"type": "passed"}]
    assert answer({"type": "websocket", "headers": GOOD[:1]}) == [{"type": "websocket.close", "code": 1008}]
    extended = {"type": "websocket", "headers": GOOD[:1], "extensions": {"websocket.http.response": {}}}
    assert answer(extended)[0]["status"] == 401
    assert answer({**extended, "headers": GOOD[1:]})[0]["status"] == 403


def test_a_doubled_header_is_refused() -> None:
    assert answer({"type": "http", "path": "/config", "headers": GOOD}) == [{"type": "passed"}]
    assert answer({"type": "http", "headers": [*GOOD, GOOD[0]]})[0]["status"] == 403
    assert answer({"type": "http", "headers": [*GOOD, GOOD[1]]})[0]["status"] == 401


def test_refused_requests_do_not_keep_the_server_from_idling() -> None:
    async def inner(_scope: Any, _receive: Any, _send: Any) -> None:
        assert server.seconds_alone == 0

    async def nothing(*_: Any) -> Any:
        return None

    server = Access(inner, "secret", 5)
    server._last -= 100
    asyncio.run(server({"type": "http", "headers": []}, nothing, nothing))
    assert server.seconds_alone >= 100
    asyncio.run(server({"type": "http", "path": "/config", "headers": GOOD}, nothing, nothing))
    assert server.seconds_alone < 50
