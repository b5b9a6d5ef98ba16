"""Whatever goes wrong in a request becomes one sentence for who sent it; the log has the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse

from backend.errors import UserError
from backend.server import log
from backend.server.uploads import storage_error
from stylegan2.errors import ModelError

NOT_UNDERSTOOD = "The request is not what this endpoint takes; docs/engine.md says what that is."


def refuse_malformed(process: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap Blocks.process_api(): a request that is not what an endpoint takes gets one sentence, not an empty error."""

    async def process_or_refuse(*arguments: Any, **named: Any) -> Any:
        try:
            return await process(*arguments, **named)
        except gr.Error:
            raise
        except Exception as error:
            log.logger.info("Not understood: %r", error)
            raise gr.Error(NOT_UNDERSTOOD, print_exception=False) from None

    return process_or_refuse


async def handle_exception(_: Request, error: Exception) -> JSONResponse:
    """Answer with one sentence what no endpoint has caught: what Gradio could not read or store."""
    if isinstance(error, OSError):
        return JSONResponse({"error": storage_error(error)}, 507)
    return JSONResponse({"error": log.unexpected("reading a request")}, 500)


@contextmanager
def one_sentence(doing: str, job: str = log.NO_JOB) -> Iterator[None]:
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
