"""Which replica does the jobs of a session. Replicas are made up here: no graphics card is at hand, large or small."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.server.jobs import ON_PROCESSOR
from backend.server.protocol import Update
from backend.server.requests import Request
from backend.studio.runner import ReplicaHandle, StudioRunner

LARGE, SMALL = "ffhq-1024", "critters"


class Replica:
    """Answers as Ray Serve's handle of a replica whose card is too small for some models."""

    def __init__(self, *too_large: str) -> None:
        self.too_large = too_large
        self.jobs: list[str] = []
        self.job = self

    def options(self, stream: bool) -> Replica:
        assert stream
        return self

    def remote(self, _: str, request: Request) -> Iterator[tuple[Update, Any]]:
        self.jobs.append(request.session)
        model = request.options["model"]
        if model in self.too_large:
            yield Update(phase="load", message=ON_PROCESSOR), (None, None, None)
        yield Update(phase="drag"), (None, None, None)


@pytest.fixture
def studio(tmp_path: Path) -> tuple[StudioRunner, Replica, Replica]:
    """A studio of a replica with a small card and of one with a large one."""
    small, large = Replica(LARGE), Replica()
    return StudioRunner(tmp_path, [ReplicaHandle("small", small), ReplicaHandle("large", large)]), small, large


def drag(runner: StudioRunner, session: str, model: str) -> None:
    options = {"model": model}
    request = Request(
        image=None, mask=None, edit=None, original=None, drags=[], options=options, protocol=None, session=session
    )
    for _ in runner.drag(request):
        pass


def test_a_model_that_a_card_is_too_small_for_goes_to_another_one_from_then_on(
    studio: tuple[StudioRunner, Replica, Replica],
) -> None:
    runner, small, large = studio
    for session in ("first", "second", "third", "first"):
        drag(runner, session, LARGE)
    assert small.jobs == ["first"]
    assert large.jobs == ["second", "third", "first"]


def test_other_models_still_go_to_it(studio: tuple[StudioRunner, Replica, Replica]) -> None:
    runner, small, large = studio
    drag(runner, "first", LARGE)
    drag(runner, "second", LARGE)
    drag(runner, "third", SMALL)
    assert (small.jobs, large.jobs) == (["first", "third"], ["second"])


def test_sessions_are_shared_out_and_stay_where_they_are(studio: tuple[StudioRunner, Replica, Replica]) -> None:
    runner, small, large = studio
    for session in ("first", "second", "third", "first", "second"):
        drag(runner, session, SMALL)
    assert small.jobs == ["first", "third", "first"]
    assert large.jobs == ["second", "second"]


@pytest.mark.parametrize("job", ["drag", "frames", "thumbnails", "sample"])
@pytest.mark.parametrize("path", ["/etc/passwd", "..\\secret", "picture.pkl"])
def test_no_job_names_a_file_of_the_studio_as_its_model(
    studio: tuple[StudioRunner, Replica, Replica], job: str, path: str
) -> None:
    """What is said of a file tells whether there is one."""
    runner, *replicas = studio
    options = {"model": path}
    request = Request(
        image=None, mask=None, edit=None, original=None, drags=[], options=options, protocol=None, session="one"
    )
    arguments = (request,) if job in ("drag", "frames") else (options, "one")
    with pytest.raises(UserError, match="choose one of the studio's by its name"):
        list(getattr(runner, job)(*arguments))
    assert [replica.jobs for replica in replicas] == [[], []]
