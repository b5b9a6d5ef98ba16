"""Quick questions of a client: one call of an endpoint that answers at once, and one sentence where it does not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent import futures
from typing import Any, TypeVar

from backend.client.connection import QUESTION_SECONDS, Connection
from backend.client.jobs import connection_lost, server_error
from backend.errors import UserError

log = logging.getLogger("draggan.client")
Answer = TypeVar("Answer")


def ask(
    connection: Connection, endpoint: str, understand: Callable[[Any], Answer], *options: Mapping[str, object]
) -> Answer:
    """Call an endpoint.

    Args:
        endpoint: its name.
        understand: reads the answer, the JSON object.
        options: what the endpoint takes.

    Raises:
        UserError: the backend's own sentence, or what happened to it.
    """
    from gradio_client.exceptions import AppError

    try:
        answer = connection.client.submit(*map(dict, options), api_name=f"/{endpoint}").result(QUESTION_SECONDS)
    except AppError as error:
        raise server_error(str(error), connection) from error
    except futures.TimeoutError as error:
        raise UserError(
            f"The backend does not answer; end its process, {connection.pid}, and try again.", connection.log_file
        ) from error
    except Exception as error:  # whatever a client says of a server that is gone
        log.info("%s: %r", endpoint, error)
        raise connection_lost(connection) from error
    try:
        return understand(answer)
    except (KeyError, TypeError, ValueError) as error:
        log.exception("answer not understood")
        raise UserError(
            "The backend's answer was not understood; update plug-in and backend by running install.py."
        ) from error
