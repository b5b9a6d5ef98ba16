"""Finding a layer in the model: its progress, and what is done where the model cannot show the layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from backend.editing.editor import Editor
from backend.editing.fit import Fit
from backend.editing.region import Region
from backend.editing.steps import InversionProgress
from backend.models.models import Offered
from backend.server.progress import Throttle, inversion_update, unfit_update
from backend.server.protocol import Update
from backend.server.requests import Job


def find(
    job: Job,
    editor: Editor,
    region: Region,
    opening: Iterable[InversionProgress],
    throttle: Throttle,
    better: Callable[[], Offered | None],
) -> Iterator[Update]:
    """Open the image of a job; where its client wants to be asked, the encoder's guess is looked at first.

    Args:
        job: of a client. Where it goes on from an edit, its artist was asked before.
        editor: opens the image.
        region: the part that the model is to see.
        opening: the steps to the open edit.
        throttle: of the job.
        better: looks for another model that can show the image, which takes a moment.

    Yields:
        Updates; the last one has the phase "unfit" where the client is to be asked before anything moves.

    Raises:
        UserError: the model cannot show the image, and the client wants no drag then.
    """
    guess, asks = None, job.options.poor_fit == "ask" and job.edit is None
    if job.edit is None:
        guess = editor.guess(job.image, region)
        require(guess and guess.fit, job, editor)
    if guess is not None and guess.fit == "poor" and asks:
        yield unfit_update(editor.loaded, region.box, guess.preview(), better())
        return
    last = None
    for last, preview in throttle.limit(opening):
        yield inversion_update(last, last.region.box, guess and guess.fit, preview)
    require(editor.fit, job, editor)
    if editor.fit == "poor" and asks and last is not None:
        yield unfit_update(editor.loaded, last.region.box, last.preview(), better())


def require(fit: Fit | None, job: Job, editor: Editor) -> None:
    """Raise UserError where the client of a job wants no drag without a fit, and there is none."""
    if job.options.poor_fit == "refuse":
        editor.loaded.require_fit(fit, "layer")
