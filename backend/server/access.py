"""Who may speak to the server, and of what: only requests with the token, addressed to this machine by name.

Any program of any user of this machine can reach a loopback port, and so can a web page, also by a name that
resolves to 127.0.0.1 (DNS rebinding). The token stops the first, the checks of Host and Origin the second.
"""

from __future__ import annotations

import hmac
import re
import time
import urllib.parse
from collections import Counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.client.protocol import TOKEN_HEADER

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TOO_LARGE = 401, 403, 404, 413

UPLOAD, UPDATES = "/gradio_api/upload", "/gradio_api/queue/data"
LARGEST_UPLOAD = 512 << 20  # bytes of a body with files
LARGEST_BODY = 4 << 20  # bytes of any other: the largest is a mask of a live drag

# What clients need of Gradio. It has many routes more: they fetch addresses, read files, and change the page.
OPEN = re.compile(
    r"/config"
    r"|/gradio_api/(upload|info|cancel|reset|startup-events|queue/(join|data|status))"
    r"|/gradio_api/(heartbeat/[^/]+|run/[^/]+|call/[^/]+(/[^/]+)?|file=.+)"
)


class Access:
    """ASGI middleware around everything the server answers, websockets included; no route is exempt.

    It also knows how many requests are open and when the last one ended, by which idleness is noticed, and which
    sessions' updates are read.

    Args:
        app: the application behind it.
        token: what every request must bring.
        port: of the server, for the checks of the headers Host and Origin.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app = app
        self._token = token.encode()
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
        self._origins = {b"http://" + host for host in self._hosts}
        self._open = 0
        self._last = time.monotonic()
        self._listeners: Counter[str] = Counter()

    def is_heard(self, session: str) -> bool:
        """Whether somebody reads the updates of a session's jobs."""
        return session in self._listeners

    @property
    def seconds_alone(self) -> float:
        """Seconds for which no admitted request has been open; 0 while one is."""
        return 0.0 if self._open else time.monotonic() - self._last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 403 (wrong Host or Origin), 401 (no or wrong token) or 404 (no route)."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        status = self._refusal(scope)
        if status:
            await _refuse(scope, send, status)
            return
        listeners = _listener(scope)
        self._open += 1
        self._listeners += listeners
        try:
            await self.app(scope, _limited(receive, _largest(scope)), send)
        finally:
            self._listeners -= listeners
            self._open -= 1
            self._last = time.monotonic()

    def _refusal(self, scope: Scope) -> int | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return FORBIDDEN
        # only browsers send an Origin; no client is one, but a page of the server's own would be harmless
        if any(origin.lower() not in self._origins for origin in _values(scope, b"origin")):
            return FORBIDDEN
        tokens = _values(scope, TOKEN_HEADER.lower().encode())
        if len(tokens) != 1 or not hmac.compare_digest(tokens[0], self._token):
            return UNAUTHORIZED
        if not OPEN.fullmatch(scope.get("path", "")):
            return NOT_FOUND
        too_large = any(int(length) > _largest(scope) for length in _values(scope, b"content-length"))
        return TOO_LARGE if too_large else None


def _values(scope: Scope, name: bytes) -> list[bytes]:
    headers: list[tuple[bytes, bytes]] = scope.get("headers", [])
    return [value for key, value in headers if key.lower() == name]


def _listener(scope: Scope) -> Counter[str]:
    """The session whose updates a request is for, if it is for any."""
    if scope.get("path") != UPDATES:
        return Counter()
    return Counter(urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1")).get("session_hash", [])[:1])


def _largest(scope: Scope) -> int:
    return LARGEST_UPLOAD if scope.get("path") == UPLOAD else LARGEST_BODY


def _limited(receive: Receive, largest: int) -> Receive:
    """Receive what does not say how large it is; where it is too large, its client is as good as gone."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        return message if received <= largest else {"type": "http.disconnect"}

    return counted


async def _refuse(scope: Scope, send: Send, status: int) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        extensions: dict[str, Any] = scope.get("extensions") or {}
        if "websocket.http.response" not in extensions:
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http.response"
    start: Message = {"type": f"{kind}.start", "status": status, "headers": [(b"content-length", b"0")]}
    await send(start)
    await send({"type": f"{kind}.body", "body": b""})
