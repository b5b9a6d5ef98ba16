"""Who may speak to the server: only requests with the token, addressed to this machine by name.

Any program of any user of this machine can reach a loopback port, and so can a web page by a name that
resolves to 127.0.0.1 (DNS rebinding). The token stops the first, the check of the Host header the second.
"""

from __future__ import annotations

import hmac
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.client.protocol import TOKEN_HEADER

UNAUTHORIZED, FORBIDDEN = 401, 403


class Access:
    """ASGI middleware around everything the server answers, websockets included; no route is exempt.

    It also knows how many requests are open and when the last one ended, by which idleness is noticed.

    Args:
        app: the application behind it.
        token: what every request must bring.
        port: of the server, for the check of the Host header.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app = app
        self._token = token.encode()
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}
        self._open = 0
        self._last = time.monotonic()

    @property
    def seconds_alone(self) -> float:
        """Seconds for which no admitted request has been open; 0 while one is."""
        return 0.0 if self._open else time.monotonic() - self._last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 403 (wrong Host) or 401 (no or wrong token)."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        status = self._refusal(scope)
        if status:
            await _refuse(scope, send, status)
            return
        self._open += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._open -= 1
            self._last = time.monotonic()

    def _refusal(self, scope: Scope) -> int | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return FORBIDDEN
        tokens = _values(scope, TOKEN_HEADER.lower().encode())
        if len(tokens) != 1 or not hmac.compare_digest(tokens[0], self._token):
            return UNAUTHORIZED
        return None


def _values(scope: Scope, name: bytes) -> list[bytes]:
    headers: list[tuple[bytes, bytes]] = scope.get("headers", [])
    return [value for key, value in headers if key.lower() == name]


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
