"""How the windows follow the backend's models: in a thread, with commands between questions, over one connection."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from backend.client import catalogue
from core import model_watch
from core.model_watch import ModelWatch, Seen
from tests.gimp_plugin.backend_home import BackendHome, wait_until


class Watched:
    """A watch, and all that it has told."""

    def __init__(self, home: BackendHome, with_samples: bool = False) -> None:
        self.told: list[Seen] = []
        self.watch = ModelWatch(home.backend(), self.told.append, with_samples)

    @property
    def state(self) -> dict[str, str]:
        """The states of the models, as they were told last."""
        listing = self.told[-1].listing if self.told else None
        return {model.name: model.state for model in listing.models} if listing else {}

    @property
    def problem(self) -> str:
        return self.told[-1].problem if self.told else ""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_watch, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(model_watch, "IDLE_SECONDS", 0.05)


@pytest.fixture
def watched(running: BackendHome) -> Iterator[Watched]:
    watched = Watched(running)
    wait_until(lambda: watched.state)
    yield watched
    watched.watch.do(functools.partial(catalogue.remove_model, name="cats"))
    wait_until(lambda: watched.state["cats"] == "downloadable")
    watched.watch.close()


def download(watched: Watched) -> None:
    watched.watch.do(functools.partial(catalogue.download, name="cats", accept_licence=True))


def test_the_models_are_told_again_and_again(watched: Watched):
    before = len(watched.told)
    wait_until(lambda: len(watched.told) > before + 2)
    assert watched.state == {"critters": "here", "cats": "downloadable"}


def test_a_download_is_followed_to_its_end(watched: Watched):
    download(watched)
    wait_until(lambda: watched.state["cats"] == "here")
    done = [seen.listing.download.done_bytes for seen in watched.told if seen.listing and seen.listing.download]
    assert done == sorted(done)
    assert len(set(done)) > 2
    assert not any(seen.problem for seen in watched.told)


def test_a_refusal_is_told_until_the_next_command(watched: Watched):
    watched.watch.do(functools.partial(catalogue.download, name="unicorns", accept_licence=True))
    wait_until(lambda: watched.problem)
    before = len(watched.told)
    wait_until(lambda: len(watched.told) > before + 2)
    assert watched.problem == "There is no such model; choose another one."
    assert watched.state["critters"] == "here"
    watched.watch.look()
    wait_until(lambda: not watched.problem)


def test_samples_are_asked_for_until_they_have_come_and_are_kept(running: BackendHome):
    watched = Watched(running, with_samples=True)
    wait_until(lambda: watched.told and watched.told[-1].listing and watched.told[-1].listing.models[0].thumbnail)
    before, asked = len(watched.told), len([one for one in running.jobs if one.get("thumbnails")])
    wait_until(lambda: len(watched.told) > before + 3)
    assert all(seen.listing and seen.listing.models[0].thumbnail == b"PNG" for seen in watched.told[before:])
    assert len([one for one in running.jobs if one.get("thumbnails")]) == asked
    watched.watch.close()


def test_all_of_it_goes_over_one_connection(running: BackendHome):
    before = sum("connected" in one for one in running.jobs)
    watched = Watched(running)
    wait_until(lambda: len(watched.told) > 4)
    watched.watch.close()
    assert sum("connected" in one for one in running.jobs) == before + 1


def test_a_closed_watch_tells_nothing_more(running: BackendHome):
    watched = Watched(running)
    wait_until(lambda: watched.told)
    watched.watch.close()
    before = len(watched.told)
    other = Watched(running)
    wait_until(lambda: len(other.told) > 4)
    other.watch.close()
    assert len(watched.told) <= before + 1


def test_where_no_backend_can_be_had_the_sentence_is_told_and_it_is_tried_again(home: BackendHome):
    told: list[Seen] = []
    watch = ModelWatch(home.backend("-c", "import sys; sys.exit('broken')"), told.append)
    wait_until(lambda: len(told) > 1)
    watch.close()
    assert all(seen.listing is None for seen in told)
    assert "The backend ended while it was starting" in told[0].problem
