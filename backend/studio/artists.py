"""Who may use a studio: one token for each artist, of which only the hash is kept; and the check of it."""

from __future__ import annotations

import hashlib
import json
import secrets
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.client.protocol import TOKEN_HEADER
from backend.errors import UserError
from backend.files import write_text_whole

TOKEN, HOST = TOKEN_HEADER.lower().encode(), b"host"
UNAUTHORIZED = {"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]}


def read(file: Path) -> dict[str, str]:
    """Return the artists' names by the hashes of their tokens. Raises UserError."""
    try:
        return {str(sha256): str(name) for name, sha256 in json.loads(file.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{file} cannot be read ({error}); mend or delete it.") from error


def add(file: Path, name: str) -> str:
    """Give an artist a new token, in the place of an older one, and return it. Raises UserError."""
    token = secrets.token_urlsafe(32)
    known = {artist: sha256 for sha256, artist in read(file).items()}
    write_text_whole(file, json.dumps({**known, name: _hash(token.encode())}, indent=1))
    return token


class ArtistAccess:
    """ASGI middleware in front of a server's own check: lets artists in with their tokens, and nobody else.

    Args:
        app: the server's, which knows one token and one host.
        token, host: these.
        artists: names by the hashes of tokens.
    """

    def __init__(self, app: ASGIApp, token: str, host: str, artists: dict[str, str]) -> None:
        self._app, self._artists = app, artists
        self._own = [(TOKEN, token.encode()), (HOST, host.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an artist's request through, or answer 401."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = [(name.lower(), value) for name, value in scope.get("headers", [])]
        tokens = [value for name, value in headers if name == TOKEN]
        if scope["type"] != "http" or len(tokens) != 1 or _hash(tokens[0]) not in self._artists:
            await send(UNAUTHORIZED if scope["type"] == "http" else {"type": "websocket.close", "code": 1008})
            if scope["type"] == "http":
                await send({"type": "http.response.body", "body": b""})
            return
        others = [header for header in headers if header[0] not in (TOKEN, HOST)]
        await self._app({**scope, "headers": [*others, *self._own]}, receive, send)


def _hash(token: bytes) -> str:
    return hashlib.sha256(token).hexdigest()
