"""Runs what is missing of an experiment, one pair after the other, so that all rows grow together."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tqdm import tqdm

from backend.errors import UserError
from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.experiments import Experiment
from tests.benchmarks.paper.store import Record, Store, Task

ASKABLE = "askable"
AT_A_TIME = 4  # tasks that a process is given

_bench: Bench | None = None  # of a worker


def run_experiment(experiment: Experiment, arguments: argparse.Namespace, count: int) -> str:
    """Do what is missing, and return the table.

    Args:
        experiment: which.
        arguments: of the command: model, rows, points, seed, workers and output.
        count: pairs for each number of points.

    Raises:
        UserError: there is no such row.
    """
    rows = known_rows(experiment.rows, arguments.rows)
    bench = Bench(arguments.model)
    asked = Store(arguments.output, ASKABLE, bench.loaded.name)
    seeds = {
        points: list(itertools.islice(seeds_for(experiment, bench, asked, points, arguments.seed), count))
        for points in arguments.points or experiment.points
    }
    tasks = [Task(row, points, some[turn]) for turn in range(count) for points, some in seeds.items() for row in rows]
    store = Store(arguments.output, experiment.name, bench.loaded.name)
    known = store.records()
    missing = [task for task in tasks if task not in known]
    results = done(experiment, bench, missing, arguments.model, arguments.workers)
    for task, record in zip(missing, tqdm(results, total=len(missing), disable=None), strict=True):
        store.add(task, record)
    known = store.records()
    return f"{experiment.title}\n{experiment.report([known[task] for task in tasks], rows)}"


def known_rows(rows: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """Return the rows that are wanted, all of them where none is named.

    Raises:
        UserError: there is no such row.
    """
    for name in wanted or ():
        if name not in rows:
            raise UserError(f"There is no row {name!r}; the rows are: {'; '.join(rows)}.")
    return list(wanted or rows)


def seeds_for(experiment: Experiment, bench: Bench, store: Store, points: str, first: int) -> Iterator[int]:
    """Give the seeds from `first` on whose pairs can be asked; which can is remembered."""
    known = {} if experiment.any_pair else store.records()
    for seed in itertools.count(first):
        task = Task(ASKABLE, points, seed)
        if not experiment.any_pair and task not in known:
            known[task] = {"askable": bench.rows(bench.pair(seed), points) is not None}
            store.add(task, known[task])
        if experiment.any_pair or known[task]["askable"]:
            yield seed


def done(
    experiment: Experiment, bench: Bench, tasks: Sequence[Task], model: str, workers: int
) -> Iterator[Record]:
    """Do tasks, in their order, here or in processes of their own."""
    if workers <= 1:
        yield from (experiment.measure(bench, task) for task in tasks)
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (model,)) as processes:
        yield from processes.map(_measure, itertools.repeat(experiment), tasks, chunksize=AT_A_TIME)


def _begin(model: str) -> None:
    global _bench
    _bench = Bench(model)


def _measure(experiment: Experiment, task: Task) -> Record:
    assert _bench is not None
    return experiment.measure(_bench, task)
