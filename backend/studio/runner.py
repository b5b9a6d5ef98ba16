"""The studio's side of the jobs: which replica does a session's, and what happens when that one dies."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ray.exceptions import RayActorError

from backend.errors import UserError
from backend.models.models import is_path
from backend.server.job_queue import JobQueue
from backend.server.jobs import ON_PROCESSOR, JobRunner, Updates
from backend.server.log import logger
from backend.server.protocol import Update
from backend.server.requests import Request
from backend.server.steering import read_steering
from backend.studio.replica import Refused, saved_edit
from backend.studio.steered import Steered

ATTEMPTS = 4
QUESTION_SECONDS = 30.0


@dataclasses.dataclass(eq=False)
class ReplicaHandle:
    """A replica: `handle` is Ray Serve's; the sessions that it has, and the model that it was asked for last.

    too_large: models that its graphics card has had too little memory for.
    """

    name: str
    handle: Any
    sessions: set[str] = dataclasses.field(default_factory=set)
    model: str | None = None
    too_large: set[str | None] = dataclasses.field(default_factory=set)
    lost: bool = False

    def ask(self, name: str, *arguments: Any) -> Any:
        """Ask its runner. Raises UserError, RayActorError."""
        answer = self.handle.ask.remote(name, *arguments).result(timeout_s=QUESTION_SECONDS)
        if isinstance(answer, Refused):
            raise UserError(answer.sentence)
        return answer

    def lose(self) -> None:
        """Give it nothing to do until Ray Serve has started it anew."""
        self.lost = True
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        while self.lost:
            try:
                self.handle.ask.remote("health").result()
                self.lost = False
            except RayActorError:
                continue
        logger.info("Replica %s is there again", self.name)


class StudioRunner(JobRunner):
    """Has jobs done by replicas. A session stays with its replica while that lives.

    Args:
        files: the work folder, which all replicas see.
        replicas: what does them.
    """

    def __init__(self, files: Path, replicas: Sequence[ReplicaHandle]) -> None:
        super().__init__(files)
        self._replicas = replicas
        self._steered: dict[str, Steered] = {}
        self._lock = threading.Lock()
        self.queue = _Queue(self)

    def drag(self, request: Request) -> Updates:
        """Do a drag; where its replica dies, another one goes on from what was saved last."""
        last: Update | None = None
        steered = self._steered[request.session] = Steered()
        saved = saved_edit(self.files.folder, request.session)
        self._delete_saved(request.session)
        model = _model_of(request.options)
        for attempt in range(ATTEMPTS):
            replica = self._replica_of(request.session, model)
            try:
                for number, (update, files) in enumerate(self._updates(replica, "drag", request.session, request)):
                    if attempt and number == 0 and steered.asked:  # the job can be steered from its first update on
                        replica.ask("steer", steered.wanted(), request.session)
                    last = update if update.phase == "drag" else last
                    if update.message == ON_PROCESSOR:
                        replica.too_large.add(model)
                    yield update, files
                self._delete_saved(request.session)
                if model in replica.too_large:
                    replica.sessions.discard(request.session)  # its next job is better off with another one
                return
            except RayActorError:
                self._lose(replica)
                if last is not None and saved.is_file():
                    request = self._resumed(request, last, saved, steered)
        raise UserError("The computers of the studio failed one after the other; try again in some minutes.")

    def frames(self, request: Request) -> Updates:
        yield from self._again("frames", request.options, request.session, request)

    def thumbnails(self, options: Any, session: str) -> Updates:
        yield from self._again("thumbnails", options, session, options, session)

    def sample(self, options: Any, session: str) -> Updates:
        yield from self._again("sample", options, session, options, session)

    def steer(self, steering: Any, session: str) -> dict[str, Any]:
        read_steering(steering)
        steered = self._steered.setdefault(session, Steered())
        steered.asked = steering
        try:
            return self._replica_of(session).ask("steer", steered.wanted(), session)
        except RayActorError:  # what is wanted goes with the drag to another replica
            return {}

    def forget(self, session: str) -> None:
        threading.Thread(target=self._forget, args=(session,), daemon=True).start()  # Gradio's loop cannot wait

    def _forget(self, session: str) -> None:
        self.ask("forget", session)
        self._steered.pop(session, None)
        self._delete_saved(session)
        with self._lock:
            for replica in self._replicas:
                replica.sessions.discard(session)

    def _delete_saved(self, session: str) -> None:
        saved = saved_edit(self.files.folder, session)
        for file in (saved, _taken_over(saved)):
            file.unlink(missing_ok=True)

    def ask(self, name: str, session: str) -> None:
        """Tell a session's replica something, if it has one."""
        for replica in self._replicas:
            if session in replica.sessions and not replica.lost:
                try:
                    replica.ask(name, session)
                except RayActorError:
                    self._lose(replica)

    def clear_cache(self) -> None:
        raise UserError("The cache belongs to all artists of the studio; ask whoever looks after it.")

    def _again(self, name: str, options: Any, session: str, *arguments: Any) -> Updates:
        """A job without a state that could be saved: from its beginning where its replica dies."""
        _model_of(options)
        for _ in range(ATTEMPTS):
            replica = self._replica_of(session)
            try:
                yield from self._updates(replica, name, session, *arguments)
                return
            except RayActorError:
                self._lose(replica)
        raise UserError("The computers of the studio failed one after the other; try again in some minutes.")

    def _updates(self, replica: ReplicaHandle, name: str, session: str, *arguments: Any) -> Updates:
        outputs: Iterator[Any] = iter(replica.handle.options(stream=True).job.remote(name, *arguments))
        try:
            for output in outputs:
                if isinstance(output, Refused):
                    raise UserError(output.sentence)
                update, files = output
                if update.phase == "done":
                    self.files.keep(session, update, files)
                yield output
        except GeneratorExit:  # the artist has cancelled it; again, nobody here can wait
            threading.Thread(target=self.ask, args=("queue.cancel", session), daemon=True).start()
            raise

    def _replica_of(self, session: str, model: str | None = None) -> ReplicaHandle:
        """The replica of a session; for a new one where the model fits, there with the fewest, then with the model."""
        with self._lock:
            there = [replica for replica in self._replicas if not replica.lost] or list(self._replicas)
            replica = next((replica for replica in there if session in replica.sessions), None)
            if replica is None:
                replica = min(there, key=lambda one: (model in one.too_large, len(one.sessions), one.model != model))
                replica.sessions.add(session)
                replica.model = model
                logger.info("Session %s computes on %s", session, replica.name)
            return replica

    def _lose(self, replica: ReplicaHandle) -> None:
        with self._lock:
            if replica.lost:
                return
            logger.warning("Replica %s has died; its %d sessions move", replica.name, len(replica.sessions))
            replica.sessions.clear()
            replica.lose()

    def _resumed(self, request: Request, last: Update, saved: Path, steered: Steered) -> Request:
        """Return the request of the same drag from where it was saved: its handles are where they have gone."""
        edit = saved.replace(_taken_over(saved))
        drags = [{**drag, "handle": list(point)} for drag, point in zip(request.drags, last.points, strict=False)]
        if steered.asked is not None:  # it is told again what is wanted as soon as it has begun
            drags = []
            steered.move(last.ids or (), last.points)
        logger.info("Session %s goes on from its last saved state", request.session)
        return dataclasses.replace(request, drags=drags, edit=edit)


class _Queue(JobQueue):
    """The replicas have the queues."""

    def __init__(self, runner: StudioRunner) -> None:
        super().__init__()
        self._runner = runner

    def finish_early(self, session: str) -> None:
        self._runner.ask("queue.finish_early", session)


def _taken_over(saved: Path) -> Path:
    """Where an edit lies that a replica goes on with, while it saves its own."""
    return saved.with_name(f"{saved.stem}-resumed.safetensors")


def _model_of(options: Any) -> str | None:
    """The model that an artist names.

    Raises:
        UserError: it is a path; what would be said of that tells what files there are.
    """
    model = options.get("model") if isinstance(options, dict) else None
    if not isinstance(model, str):  # the replica says what is wrong with anything else
        return None
    if is_path(model):
        raise UserError("A model cannot be named by a path here; choose one of the studio's by its name.")
    return model
