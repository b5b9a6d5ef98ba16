"""The models in an artist's words: what a dialog offers, what the models' window says of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.client.catalogue import Download, Licence, ListedModel, ModelList
from core import model_list
from core.model_list import Choice

FREE, LIMITED = Licence("Apache-2.0", "https://example.org", False), Licence("NVIDIA Source Code License", None, True)


def model(name: str, state: str, title: str = "", **more: object) -> ListedModel:
    known = ListedModel(
        name, title or name, state, 363_965_313, 512, 256, FREE, False, "", "", None, "", False, False, None
    )
    return replace(known, **more)


CRITTERS = model("critters", "here", "Toy animals", embedded=True)
CATS = model("afhqcat", "downloadable", "Cat faces (AFHQ Cat)", licence=LIMITED)
DOGS = model("dogs", "downloadable", "Dogs", bytes=None)
LOST = model("lost", "manual", "Lost", path_to_place="/models/lost.pkl", where="Ask around.", hint="Any.")
LISTING = ModelList((CRITTERS, CATS, DOGS, LOST), None)


def download(**more: object) -> Download:
    return replace(Download("afhqcat", "downloading", 91_000_000, 364_000_000, 3_400_000.0, 80.0, None), **more)


def test_a_dialog_offers_what_is_here_then_what_can_be_downloaded_with_its_size():
    assert model_list.choices(LISTING, "critters") == [
        Choice("critters", "Toy animals", True),
        Choice("afhqcat", "Cat faces (AFHQ Cat) - download, 364 MB", False),
        Choice("dogs", "Dogs - download", False),
    ]


@pytest.mark.parametrize("path", ["/home/an artist/my own.safetensors", r"C:\models\my own.safetensors"])
def test_a_file_that_a_script_chose_stays_chosen(path: str):
    assert Choice(path, "my own.safetensors", True) in model_list.choices(LISTING, path)


def test_what_is_chosen_is_offered_before_the_backend_has_answered():
    assert model_list.choices(None, "critters") == [Choice("critters", "critters", True)]


def test_a_dialog_says_how_far_a_download_is():
    under_way = replace(LISTING, models=(CRITTERS, replace(CATS, state="downloading")), download=download())
    assert model_list.choices(under_way, "critters")[1].text == "Cat faces (AFHQ Cat) - downloading, 25%"


@pytest.mark.parametrize(
    ("listed", "fetched", "words"),
    [
        (CRITTERS, None, "a part of this program"),
        (model("cats", "here"), None, "here"),
        (model("cats", "here", height=None), None, "cannot be read; remove it"),
        (LOST, None, "no address is known"),
        (CATS, None, "download, 364 MB, non-commercial"),
        (CATS, download(name="dogs"), "download, 364 MB, non-commercial"),
        (CATS, download(phase="failed"), "the download has failed, non-commercial"),
        (replace(DOGS, state="downloading"), download(name="dogs", total_bytes=None), "downloading"),
        (replace(DOGS, state="converting"), download(name="dogs", phase="converting"), "is made ready"),
    ],
)
def test_each_model_has_its_state_below_its_title(listed: ListedModel, fetched: Download | None, words: str):
    assert model_list.row(listed, fetched) == words


def test_the_window_is_in_three_parts():
    assert [model_list.section(listed) for listed in LISTING.models] == [
        model_list.HERE,
        model_list.DOWNLOADABLE,
        model_list.DOWNLOADABLE,
        model_list.BY_HAND,
    ]


@pytest.mark.parametrize(
    ("fetched", "words"),
    [
        (download(), "91 MB of 364 MB, 3.4 MB a second, about 1 minute left"),
        (download(total_bytes=None, seconds_left=None, rate=0.0), "91 MB"),
        (download(phase="converting"), "it is checked and made ready..."),
        (download(phase="failed", error="The server is gone; try again."), "The server is gone; try again."),
    ],
)
def test_progress_has_rate_and_time_left_and_a_failure_its_sentence(fetched: Download, words: str):
    assert model_list.progress(fetched, LISTING) == f"Cat faces (AFHQ Cat): {words}"


def test_a_file_that_is_added_is_called_by_its_name_before_it_is_listed():
    assert model_list.progress(download(name="mine", phase="converting"), LISTING).startswith("mine: ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (8.4, "8 seconds"), (34, "30 seconds"), (70, "1 minute"), (1500, "25 minutes"),
     (5000, "1.5 hours"), (7300, "2 hours")],
)  # fmt: skip
def test_a_time_is_told_as_exactly_as_it_is_known(seconds: float, words: str):
    assert model_list.time_left(seconds) == f"about {words}"


def test_facts_are_what_it_shows_what_it_suits_and_its_size():
    listed = replace(CATS, shows="Heads of cats.", hint="A head, upright.")
    assert model_list.facts(listed) == [
        ("Shows", "Heads of cats."),
        ("Suits", "A head, upright."),
        ("Size", "256 x 512 pixels, 364 MB"),
    ]


def test_what_is_placed_by_hand_says_where():
    what, text = model_list.facts(LOST)[-1]
    assert what == "To get it"
    assert text == "Ask around. When you have it, put it here:\n/models/lost.pkl"


def test_terms_say_where_there_is_no_commercial_use():
    assert model_list.terms(CRITTERS) == "Apache-2.0"
    assert model_list.terms(CATS) == "NVIDIA Source Code License, non-commercial"


@pytest.mark.parametrize(
    ("file", "name"),
    [("stylegan2-cats.pkl", "stylegan2-cats"), ("_My (best) cats!.pkl", "My best cats"), ("x" * 90 + ".pt", "x" * 64),
     ("katzen größer.pt", "katzen größer"), ("!.pkl", "")],
)  # fmt: skip
def test_a_file_suggests_a_name_that_the_backend_takes(file: str, name: str):
    assert model_list.name_for(Path(file)) == name
