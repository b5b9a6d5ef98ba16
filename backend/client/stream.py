"""gradio_client's Client, but for a gap between two jobs through which a job could fall."""

from __future__ import annotations

from typing import Literal

import gradio_client


class Client(gradio_client.Client):
    """Goes on listening where a job was sent just when the stream of updates came to its end.

    The server ends the stream with a session's last job. gradio_client (2.7.2) opens another one for a job only where
    it has read that end already: otherwise it takes the job for one of the old stream, and gives it up.
    """

    def stream_messages(self, protocol: Literal["sse_v1", "sse_v2", "sse_v2.1", "sse_v3"], session_hash: str) -> None:
        """Read the updates of the jobs until there is no job any more, in the stream's own thread."""
        while True:
            super().stream_messages(protocol, session_hash)
            with self.pending_lock:
                still_open = self.stream_open  # it has not come to its end, or somebody has opened the next one
                if still_open or not self.pending_event_ids:
                    return
                self.stream_open = True
