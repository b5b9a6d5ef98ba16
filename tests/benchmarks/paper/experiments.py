"""The experiments by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.benchmarks.paper import table1
from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.landmarks import ALL, FIVE, ONE
from tests.benchmarks.paper.store import Record, Task


@dataclass(frozen=True)
class Experiment:
    """One table.

    Attributes:
        name: of its file of results.
        title: what is printed above it.
        rows: its rows, in their order.
        points: numbers of landmarks that are dragged; those of the paper.
        measure: does one edit.
        report: makes the table of what is known.
        any_pair: whether it asks nothing of the landmarks.
    """

    name: str
    title: str
    rows: Sequence[str]
    points: Sequence[str]
    measure: Callable[[Bench, Task], Record]
    report: Callable[[Iterable[Record], Sequence[str]], str]
    any_pair: bool = False


EXPERIMENTS = {
    "1": Experiment(
        "table1",
        "landmarks of one sample dragged to those of another (the paper's table 1)",
        tuple(table1.MOVES),
        (ONE, FIVE, ALL),
        table1.measure,
        table1.report,
    ),
}
