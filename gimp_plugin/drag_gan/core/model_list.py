"""The models in an artist's words: what a dialog offers to choose from, states, sizes, progress. Nothing of GIMP."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import NamedTuple

from backend.client.catalogue import Download, ListedModel, ModelList, in_megabytes
from core.i18n import _, ngettext, translated

HERE, DOWNLOADABLE, BY_HAND = _("On this computer"), _("Can be downloaded"), _("To be got elsewhere")
TO_GET = _("To get it")
UNFIT_FOR_NAMES = re.compile(r"[^\w .+-]")
LONGEST_NAME = 64


class Choice(NamedTuple):
    """A model in a dialog's list.

    Args:
        name: as scripts have it.
        text: as the artist reads it.
        is_here: whether it can be dragged with now.
    """

    name: str
    text: str
    is_here: bool


def choices(listing: ModelList | None, chosen: str) -> list[Choice]:
    """Return what a dialog offers: what is here, then what can be downloaded.

    Args:
        listing: None while nobody knows.
        chosen: is offered in any case: it may be a file's path.
    """
    models = listing.models if listing else ()
    here = [Choice(model.name, model.title, True) for model in models if model.state == "here"]
    if chosen not in {choice.name for choice in here}:
        here.append(Choice(chosen, Path(chosen.replace("\\", "/")).name, True))
    names = {choice.name for choice in here}
    elsewhere = [model for model in models if model.state not in ("here", "manual") and model.name not in names]
    download = listing.download if listing else None
    return here + [Choice(model.name, f"{model.title} - {state(model, download)}", False) for model in elsewhere]


def find(listing: ModelList | None, name: str) -> ListedModel | None:
    """Return the model of this name, None where there is none."""
    return next((model for model in listing.models if model.name == name), None) if listing else None


def is_here(listing: ModelList | None, name: str) -> bool:
    """Whether a model can be dragged with now."""
    model = find(listing, name)
    return model is not None and model.state == "here"


def section(model: ListedModel) -> str:
    """Return the heading that a model stands under."""
    return HERE if model.state == "here" else BY_HAND if model.state == "manual" else DOWNLOADABLE


def state(model: ListedModel, download: Download | None) -> str:
    """Say in few words what can be done with a model: "download, 364 MB".

    Args:
        download: what is under way, of whatever model.
    """
    if model.state == "here":
        if model.embedded:
            return _("a part of this program")
        return _("here") if model.height else _("cannot be read; remove it")
    if model.state == "manual":
        return _("no address is known")
    own = download if download and download.name == model.name else None
    if own is None:
        return _("download") if model.bytes is None else _("download, {size}").format(size=_size(model.bytes))
    if own.phase == "failed":
        return _("the download has failed")
    share = done(own)
    if own.phase == "downloading":
        return _("downloading") if share is None else _("downloading, {share:.0%}").format(share=share)
    return _("is made ready")


def row(model: ListedModel, download: Download | None) -> str:
    """Return what stands below a model's title in the list of all: its state, and whether it is non-commercial."""
    return _if_non_commercial(state(model, download), model)


def done(download: Download) -> float | None:
    """Return how much has come, 0 to 1; None where nobody knows."""
    if download.phase != "downloading" or not download.total_bytes:
        return None
    return min(1.0, download.done_bytes / download.total_bytes)


def progress(download: Download, listing: ModelList) -> str:
    """Say how far it is: "Lions: 120 MB of 364 MB, 3.4 MB a second, about 2 minutes left", or why it has failed."""
    model = find(listing, download.name)
    title = model.title if model else download.name
    if download.phase == "failed":
        return f"{title}: {translated(download.error or '')}"
    if download.phase == "converting":
        return _("{title}: it is checked and made ready...").format(title=title)
    parts = [_size(download.done_bytes)]
    if download.total_bytes:
        parts = [_("{size} of {whole}").format(size=parts[0], whole=_size(download.total_bytes))]
    if download.rate > 0:
        parts.append(_("{size} a second").format(size=_size(round(download.rate))))
    if download.seconds_left is not None:
        parts.append(_("{time} left").format(time=time_left(download.seconds_left)))
    return f"{title}: {', '.join(parts)}"


def time_left(seconds: float) -> str:
    """Return a time in words, about: "10 seconds", "2 minutes", "1.5 hours"."""
    if seconds < 50:
        count = max(1, round(seconds, -1 if seconds >= 10 else 0))
        return ngettext("about {count:g} second", "about {count:g} seconds", int(count)).format(count=count)
    if seconds < 55 * 60:
        count = max(1, round(seconds / 60))
        return ngettext("about {count} minute", "about {count} minutes", count).format(count=count)
    hours = max(1, round(seconds / 1800) / 2)
    return ngettext("about {count:g} hour", "about {count:g} hours", math.ceil(hours)).format(count=hours)


def facts(model: ListedModel) -> list[tuple[str, str]]:
    """Return what an artist wants to know of a model, but for its licence: (what, text)."""
    pixels = _("{width} x {height} pixels").format(width=model.width, height=model.height) if model.height else ""
    size = ", ".join(part for part in (pixels, "" if model.bytes is None else _size(model.bytes)) if part)
    known = [(_("Shows"), model.shows), (_("Suits"), model.hint), (_("Size"), size or _("unknown"))]
    if model.state == "manual":
        by_hand = f"{model.where} {_('When you have it, put it here:')}".strip()
        known.append((TO_GET, f"{by_hand}\n{model.path_to_place}"))
    return [(what, text) for what, text in known if text]


def terms(model: ListedModel) -> str:
    """Say what a licence is called, and that it is non-commercial where it is."""
    return _if_non_commercial(model.licence.name, model)


def name_for(file: Path) -> str:
    """Return a name for a model that is added, which the artist may change: that of its file, without odd letters."""
    words = UNFIT_FOR_NAMES.sub(" ", file.stem).strip(" .+-_").split()
    return " ".join(words)[:LONGEST_NAME].strip(" .")


def _if_non_commercial(words: str, model: ListedModel) -> str:
    return _("{words}, non-commercial").format(words=words) if model.licence.non_commercial else words


def _size(size: int) -> str:
    return translated(in_megabytes(size))
