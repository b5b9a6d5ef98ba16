"""What the drag window says while nothing has to be waited for: what goes on, and what can be done now."""

from __future__ import annotations

from backend.client import Update
from core.drag_session import AS_PULLED, DragSession
from core.i18n import _, translated


def advice(session: DragSession, update: Update) -> str:
    """Return one or two sentences.

    Args:
        session: what is wanted.
        update: the newest of a drag.
    """
    if update.refused is not None:
        return translated(update.message)
    if session.how_far != AS_PULLED:
        percent = round(100 * session.how_far)
        return _("This is {percent} % of the way. Keep keeps just that.").format(percent=percent)
    if not session.scene.drags:
        return _("Pull a point of the picture.")
    if not session.pulls:
        return _("The pins hold their points. Pull a point of the picture.")
    if not session.running:
        return _("Place points, then press Start.")
    if update.running:
        return _("The subject follows.")
    return _("It is there, or as near as it comes. Pull on, or keep it.")
