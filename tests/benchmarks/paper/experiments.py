"""The experiments by their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks.paper import mask_figure, out_of_distribution, picture_page, table1, table2, there_and_back
from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.landmarks import ALL, FIVE, ONE
from tests.benchmarks.paper.rows import MOVES
from tests.benchmarks.paper.store import Record, Task


@dataclass(frozen=True)
class Experiment:
    """One table.

    Attributes:
        name: of its file of results.
        title: what is printed above it.
        rows: its rows, in their order.
        points: numbers of points that are dragged.
        measure: does one edit.
        report: makes the table of what is known.
        any_pair: whether it asks nothing of the landmarks.
    """

    name: str
    title: str
    rows: Sequence[str]
    points: Sequence[str]
    measure: Callable[[Bench, Task], Record]
    report: Callable[[Sequence[Record], Sequence[str]], str]
    any_pair: bool = False


PICTURES = "pictures"
EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "table1",
            "landmarks of one sample dragged to those of another (table 1)",
            tuple(MOVES),
            (ONE, FIVE, ALL),
            table1.measure,
            table1.report,
        ),
        Experiment(
            "table2",
            "an image rebuilt from another by 32 pixels of the motion between them (table 2)",
            table2.ROWS,
            (table2.POINTS,),
            table2.measure,
            table2.report,
            any_pair=True,
        ),
        Experiment(
            "table3",
            "ours with the features of other blocks (table 3)",
            tuple(table1.BLOCK_ROWS),
            (ONE, FIVE),
            table1.measure,
            table1.report,
        ),
        Experiment(
            "table4",
            "ours with other patches (table 4)",
            tuple(table1.RADIUS_ROWS),
            (ONE, FIVE),
            table1.measure,
            table1.report,
        ),
        Experiment(
            "mask",
            "what changes outside the mask",
            tuple(mask_figure.ROWS),
            (ONE, FIVE),
            mask_figure.measure,
            mask_figure.report,
        ),
        Experiment(
            "there-and-back",
            "landmarks dragged to those of another sample, and back",
            there_and_back.ROWS,
            (ONE, FIVE),
            there_and_back.measure,
            there_and_back.report,
        ),
        Experiment(
            "out-of-distribution",
            "edits that go on beyond their end",
            out_of_distribution.ROWS,
            (ONE,),
            out_of_distribution.measure,
            out_of_distribution.report,
        ),
        Experiment(
            PICTURES,
            "the same drags by us and by the baselines",
            picture_page.ROWS,
            (ONE, FIVE),
            picture_page.measure,
            picture_page.report,
        ),
    )
}
