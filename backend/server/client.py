"""Ask the running backend over plain HTTP: what `status` and `stop` need, without Gradio's client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from backend.errors import UserError
from backend.server.access import TOKEN_HEADER

TIMEOUT = 10.0  # seconds


def ask(ready: dict[str, Any], endpoint: str) -> dict[str, Any]:
    """Call `endpoint` ("health" or "stop") of the backend that wrote `ready`; returns its answer.

    Raises UserError when it does not answer.
    """
    request = urllib.request.Request(
        f"{ready['url']}gradio_api/run/{endpoint}",
        data=b'{"data": []}',
        headers={"Content-Type": "application/json", TOKEN_HEADER: ready["token"]},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return json.load(response)["data"][0]
    except (OSError, ValueError, LookupError) as error:
        raise UserError(
            f"The backend (process {ready.get('pid')}) does not answer ({error}); end it with: python -m backend stop"
        ) from None
