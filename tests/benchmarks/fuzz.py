"""Requests of every kind to every route of a real backend, sensible, hostile and broken: does it ever answer wrongly?

A canary is a file that must not be read, and an address that must not be fetched; requests name both wherever they can.
"""

from __future__ import annotations

import argparse
import http.client
import json
import secrets
import socketserver
import tempfile
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from backend.client.protocol import PROTOCOL, TOKEN_HEADER
from tests.backend.server.harness import Backend

ENDPOINTS = (
    *("drag", "frames", "thumbnails", "sample", "result", "steer", "keep", "health", "region", "models"),
    *("download", "cancel_download", "add_model", "remove_model", "resources", "clear_cache"),
    *("nowhere", "../run/stop"),
)
ROUTES = ("upload", "info", "cancel", "reset", "startup-events", "queue/join", "queue/data", "queue/status")
CLOSED = ("proxy=", "file/", "component_server", "stream/x", "process_recording", "vibe-edit", "token", "deep_link")
STOP = 11  # of the endpoint that ends the backend, which is to live
PATIENCE = 5.0  # seconds for an answer, or what has come of one that never ends
MOST = 1 << 20  # bytes of an answer that are read


def add_command(commands: Any) -> None:
    """Add the command `fuzz`."""
    parser = commands.add_parser("fuzz", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=3000, help="(3000)")
    parser.add_argument("--seed", type=int, default=1, help="(1)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print how the requests were answered."""
    with tempfile.TemporaryDirectory() as folder:
        backend = Backend(Path(folder) / "backend").start()
        try:
            answers = fuzz(backend, Path(folder), arguments.requests, arguments.seed)
        finally:
            backend.end()
    print(", ".join(f"{count} times {status}" for status, count in sorted(answers.items())))
    print("No traceback, no canary, no error without a sentence; the backend lives.")


def fuzz(backend: Backend, folder: Path, requests: int, start: int) -> Counter[int]:
    """Send requests and check each answer.

    Args:
        backend: a running one.
        folder: for the canary.
        requests: how many.
        start: of the random numbers.

    Returns:
        How often each status was answered.

    Raises:
        AssertionError: an answer that must not be.
    """
    answers: Counter[int] = Counter()
    with canary(folder) as bird:

        @seed(start)
        @settings(
            max_examples=requests,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        )
        @given(asked=_requests(bird))
        def check(asked: Asked) -> None:
            status, body = _send(backend, asked)
            answers[status] += 1
            wrong = _wrong(status, body, bird)
            assert not wrong, f"{wrong}: {status} {body[:500]!r} to {asked}"

        check()
        assert bird.fetched == [], "an address was fetched"
    assert backend.health()["protocol"]
    return answers


@dataclass
class Canary:
    """What must not be touched."""

    file: Path
    secret: str
    url: str
    fetched: list[str]


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    body: bytes
    kind: str


@contextmanager
def canary(folder: Path) -> Iterator[Canary]:
    """A file with a secret, and a server that writes down who asks it."""
    secret, fetched = secrets.token_hex(20), []
    file = folder / "canary.png"
    file.write_text(secret)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            fetched.append(str(self.request.recv(1000)))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Canary(file, secret, f"http://127.0.0.1:{server.server_address[1]}/picture.png", fetched)
        server.shutdown()


def _requests(bird: Canary) -> st.SearchStrategy[Asked]:
    places = [str(bird.file), bird.url, f"file://{bird.file}", f"../../../..{bird.file}", "/etc/passwd", ""]
    texts = st.one_of(st.text(max_size=20), st.sampled_from(places))
    file = st.fixed_dictionaries(
        {"path": texts, "meta": st.just({"_type": "gradio.FileData"})},
        optional={"url": texts, "orig_name": texts, "is_stream": st.booleans(), "size": st.integers()},
    )
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, file, _options(texts)),
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
        max_leaves=8,
    )
    functions = st.integers(-2, 40).filter(lambda index: index != STOP)
    call = st.fixed_dictionaries(
        {"data": st.one_of(st.lists(values, max_size=8), _drag_data(file, values), _one(_options(texts)), values)},
        optional={
            "session_hash": st.one_of(st.none(), texts, st.just("fuzz")), "fn_index": functions,
            "event_id": texts, "trigger_id": values, "event_data": values, "simple_format": values,
        },
    ).map(_json)  # fmt: skip
    broken = st.one_of(values.map(_json), st.binary(max_size=60))
    called = st.builds(
        lambda way, name, tail: f"/gradio_api/{way}/{name}{tail}",
        st.sampled_from(["run", "call"]), st.sampled_from(ENDPOINTS), st.sampled_from(["", "", "", "/", "/x", "?x=y"]),
    )  # fmt: skip
    other = st.builds("/gradio_api/{}{}".format, st.sampled_from((*ROUTES, *CLOSED)), st.one_of(st.just(""), texts))
    starts = ["/gradio_api/file=", "/gradio_api/file=", "/gradio_api/heartbeat/", "/file=", "/gradio_api/proxy=", "/"]
    named = st.builds("{}{}".format, st.sampled_from(starts), texts)
    methods = st.sampled_from(["POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
    kinds = st.sampled_from(["application/json", "multipart/form-data; boundary=e", "multipart/form-data", "x"])
    post, uploaded = st.just("POST"), _multipart(texts, st.binary(max_size=80))
    return st.one_of(
        st.builds(Asked, post, called, call, st.just("application/json")),
        st.builds(Asked, post, called, call, st.just("application/json")),
        st.builds(Asked, post, called, broken, st.just("application/json")),
        st.builds(Asked, post, st.just("/gradio_api/queue/join"), call, st.just("application/json")),
        st.builds(Asked, post, st.just("/gradio_api/upload"), uploaded, st.just("multipart/form-data; boundary=e")),
        st.builds(Asked, st.just("GET"), named, st.just(b""), st.just("x")),
        st.builds(Asked, methods, st.one_of(called, other, named), st.one_of(call, broken, uploaded), kinds),
    )


def _one(value: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return value.map(lambda one: [one])


def _options(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    number = st.one_of(st.integers(-3, 5), st.floats(), texts)
    return st.fixed_dictionaries(
        {},
        optional={
            "model": texts, "name": texts, "seeds": st.lists(number, max_size=3), "steps": number, "count": number,
            "live": st.booleans(), "region": texts, "revision": number, "drags": st.lists(number, max_size=2),
        },
    )  # fmt: skip


def _drag_data(file: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    drags = st.just([{"handle": [40, 32], "target": [52, 32]}])
    return st.tuples(file, st.one_of(st.none(), file), drags, values, st.none(), st.just(PROTOCOL), st.none()).map(list)


def _multipart(texts: st.SearchStrategy[str], content: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    head = '--e\r\nContent-Disposition: form-data; name="files"; filename="{}"\r\n\r\n'
    return st.builds(
        lambda name, inside, end: head.format(name).encode("utf-8", "replace") + inside + end,
        texts, content, st.sampled_from([b"\r\n--e--\r\n", b"", b"\r\n--e\r\n"]),
    )  # fmt: skip


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _send(backend: Backend, asked: Asked) -> tuple[int, bytes]:
    """Send a request; of an answer that never ends, what comes at first. Of a job that was begun, how it ends."""
    status, body = _once(backend, asked)
    if status == 200 and asked.method == "POST" and asked.path.startswith("/gradio_api/call/"):
        path = f"{asked.path.partition('?')[0].rstrip('/')}/{json.loads(body)['event_id']}"
        _, stream = _once(backend, Asked("GET", path, b"", "x"))
        if b"event: error" in stream:
            return 500, stream.rpartition(b"data: ")[2].strip()
    return status, body


def _once(backend: Backend, asked: Asked) -> tuple[int, bytes]:
    port = int(backend.ready["url"].rstrip("/").rpartition(":")[2])
    headers = {TOKEN_HEADER: backend.ready["token"], "Content-Type": asked.kind}
    path = urllib.parse.quote(asked.path.encode("utf-8", "replace"), safe="/=?&%:.")
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request(asked.method, path, asked.body, headers)
        response = connection.getresponse()
        endless = "event-stream" in (response.getheader("Content-Type") or "")
        try:
            jobs = "/gradio_api/call/" in asked.path
            body = response.read1(MOST) if endless and not jobs else response.read(MOST)
        except (TimeoutError, http.client.HTTPException):
            body = b""
        return response.status, body


def _wrong(status: int, body: bytes, bird: Canary) -> str | None:
    """What is wrong with an answer."""
    if b"Traceback (most recent" in body or b'File "/' in body:
        return "a traceback"
    if bird.secret.encode() in body:
        return "the file was read"
    if status >= 500:
        try:
            sentence = json.loads(body)["error"]
        except (ValueError, LookupError, TypeError):
            return "an error without a sentence"
        return None if isinstance(sentence, str) and sentence.endswith(".") else "an error that is no sentence"
    return None
