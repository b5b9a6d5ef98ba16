"""The catalogue: every published model of the paper and its neighbours, each with what an artist has to know of it."""

from __future__ import annotations

import dataclasses
import json

import pytest
from pydantic import ValidationError

import stylegan2
from backend.editing.preset import preset_for
from backend.models import catalogue
from backend.models.catalogue import Entry
from stylegan2.critters import WEIGHTS

NAMES = [
    *("lions-512", "dogs-1024", "elephants-512", "horses-256", "parrots-512", "giraffes-512", "bicycles-256"),
    *("ffhq-512", "ffhq-1024", "ffhq-1024-ada", "ffhq-1024-pt", "metfaces-1024"),
    *("afhqcat-512", "afhqdog-512", "afhqwild-512"),
    *("lsun-cat-256", "lsun-horse-256", "lsun-church-256", "lsun-car-512"),
    *("shhq-512", "shhq-1024", "lhq-256", "lhq-1024"),
    *("microscope-512",),
]
ENTRIES = pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.name)


def test_it_holds_these_models() -> None:
    assert [entry.name for entry in catalogue.entries()] == NAMES


@pytest.mark.parametrize("field", ["name", "title", "file", "sha256"])
def test_no_two_are_the_same(field: str) -> None:
    values = [getattr(entry, field) for entry in catalogue.entries() if getattr(entry, field)]
    assert len(set(values)) == len(values)


@ENTRIES
def test_a_download_is_encrypted_and_can_be_checked(entry: Entry) -> None:
    assert all(url.startswith("https://") for url in entry.urls)
    assert entry.urls or entry.where, "nobody could get it"
    assert entry.sha256 or entry.name in ("afhqwild-512", "lhq-1024", "microscope-512"), "nobody published it"
    assert not (entry.bytes and entry.about_bytes)


@ENTRIES
def test_its_licence_is_named_and_found(entry: Entry) -> None:
    licence = entry.licence
    assert licence.non_commercial == (licence.name not in ("Apache-2.0", "MIT"))
    assert bool(licence.link) == (licence.name not in ("not stated", "unknown"))
    assert len(licence.short) <= 14


@ENTRIES
def test_its_preset_has_the_papers_constants_at_its_size(entry: Entry) -> None:
    model = stylegan2.load(WEIGHTS)
    model.metadata = dataclasses.replace(model.metadata, preset={})
    drag = preset_for(model, entry.preset).drag
    fast = entry.name in ("afhqcat-512", "lsun-car-512") or entry.name.startswith("ffhq-")
    assert drag.step_size == (0.002 if fast else 0.001)
    assert drag.mask_weight == 20
    assert drag.layers == 6
    assert drag.feature_block == min(256, entry.height // 4)
    assert drag.r1 == max(3 * entry.height / 512, 1.5 * entry.height / drag.feature_block)
    assert drag.r2 == 12 * entry.height / 512


@ENTRIES
def test_what_it_says_are_short_sentences(entry: Entry) -> None:
    for text in (entry.shows, entry.hint, entry.where or "None."):
        assert text[0].isupper()
        assert text.endswith(".")
        assert len(text) < 130
    assert len(entry.title) <= 33


def test_only_the_cars_have_rows_that_show_nothing() -> None:
    assert {entry.name: entry.usable_height for entry in catalogue.entries() if entry.usable_height} == {
        "lsun-car-512": 384
    }


@pytest.mark.parametrize(
    "change",
    [
        {"urls": ["ftp://example.com/a.pkl"]},
        {"urls": "https://example.com/a.pkl"},
        {"sha256": "ABC"},
        {"bytes": 0},
        {"bytes": "1"},
        {"file": "../a.pkl"},
        {"file": "a.exe"},
        {"name": "Cats"},
        {"licence": "MIT"},
        {"colour": "blue"},
        {"title": ""},
    ],
)
def test_an_entry_that_is_none_is_refused(change: dict[str, object]) -> None:
    good = catalogue.entries()[0].model_dump(mode="json")
    Entry.model_validate_json(_json(good))
    with pytest.raises(ValidationError):
        Entry.model_validate_json(_json({**good, **change}))


def _json(values: dict[str, object]) -> str:

    return json.dumps(values)
