"""The backend as one run of the plug-in uses it: over one connection, from the first question to the result."""

from __future__ import annotations

import logging
import threading
from concurrent import futures

from core.service import Asked, Backend, Connection, Tell

ANSWER_SECONDS = 10.0

log = logging.getLogger("draggan.service")


class RunBackend(Backend):
    """A backend whose `connect` returns the same connection for as long as that is answered.

    Without this, each question of a dialog would leave a client with its threads and its endless stream behind.
    """

    _connection: Connection | None = None

    def _connect(self, cancelled: Asked, tell: Tell) -> Connection:
        if self._connection and _answers(self._connection):
            return self._connection
        self._close()
        self._connection = super()._connect(cancelled, tell)
        return self._connection

    def close(self) -> None:
        """End the connection, if there is one."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:  # gradio_client waits up to a second for its stream's thread: nobody else has to
            threading.Thread(target=connection.client.close, daemon=True).start()


def _answers(connection: Connection) -> bool:
    """Whether the backend of a connection still answers: it may have stopped itself while a dialog was open."""
    try:
        connection.client.submit(api_name="/health").result(ANSWER_SECONDS)
    except futures.TimeoutError:  # it hangs; whoever uses the connection is told so
        return True
    except Exception as error:
        log.info("the connection is lost: %r", error)
        return False
    return True
