"""Runs what is missing of an experiment, one pair after the other, so that all rows grow together."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from backend.errors import UserError
from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.experiments import EXPERIMENTS, Experiment
from tests.benchmarks.paper.store import Record, Store, Task

ASKABLE = "askable"
AT_A_TIME = 4  # tasks that a process is given

_bench: Bench | None = None  # of a worker


@dataclass(frozen=True)
class Run:
    """What is wanted of an experiment.

    Attributes:
        model: a name or a file.
        rows: the rows to do.
        points: numbers of points.
        count: pairs for each of them.
        first_seed: of the pairs.
        workers: processes; 1 does the work here.
        folder: where the results are kept.
    """

    model: str
    rows: Sequence[str]
    points: Sequence[str]
    count: int
    first_seed: int
    workers: int
    folder: Path


def results(experiment: Experiment, run: Run) -> list[Record]:
    """Do what is missing, and return the records of all that is wanted; after Ctrl+C, of what is known by then."""
    bench = Bench(run.model)
    store = Store(run.folder, experiment.name, bench.loaded.name)
    tasks = list(_tasks(experiment, bench, run))
    known = store.records()
    missing = [task for task in tasks if task not in known]
    made = _done(experiment, bench, missing, run)
    with contextlib.suppress(KeyboardInterrupt):
        for task, record in zip(missing, tqdm(made, total=len(missing), disable=None), strict=True):
            store.add(task, record)
    known = store.records()
    return [known[task] for task in tasks if task in known]


def known_rows(experiment: Experiment, wanted: Sequence[str] | None) -> list[str]:
    """Return the rows that are wanted, all of them where none is named.

    Raises:
        UserError: there is no such row.
    """
    for name in wanted or ():
        if name not in experiment.rows:
            raise UserError(f"There is no row {name!r}; the rows are: {'; '.join(experiment.rows)}.")
    return list(wanted or experiment.rows)


def _tasks(experiment: Experiment, bench: Bench, run: Run) -> Iterator[Task]:
    """All edits, pair by pair."""
    store = Store(run.folder, ASKABLE, bench.loaded.name)
    streams = {points: _seeds(experiment, bench, store, points, run.first_seed) for points in run.points}
    for _ in range(run.count):
        for points, seeds in streams.items():
            seed = next(seeds)
            yield from (Task(row, points, seed) for row in run.rows)


def _seeds(experiment: Experiment, bench: Bench, store: Store, points: str, first: int) -> Iterator[int]:
    """Give the seeds from `first` on whose pairs can be asked; which can is remembered."""
    known = {} if experiment.any_pair else store.records()
    for seed in itertools.count(first):
        task = Task(ASKABLE, points, seed)
        if not experiment.any_pair and task not in known:
            known[task] = {ASKABLE: bench.rows(bench.pair(seed), points) is not None}
            store.add(task, known[task])
        if experiment.any_pair or known[task][ASKABLE]:
            yield seed


def _done(experiment: Experiment, bench: Bench, tasks: Sequence[Task], run: Run) -> Iterator[Record]:
    """Do tasks, in their order, here or in processes of their own."""
    if run.workers <= 1:
        yield from (experiment.measure(bench, task) for task in tasks)
        return
    with ProcessPoolExecutor(run.workers, get_context("spawn"), _begin, (run.model,)) as processes:
        yield from processes.map(_measure, itertools.repeat(experiment.name), tasks, chunksize=AT_A_TIME)


def _begin(model: str) -> None:
    global _bench
    _bench = Bench(model)


def _measure(name: str, task: Task) -> Record:
    assert _bench is not None
    return EXPERIMENTS[name].measure(_bench, task)
