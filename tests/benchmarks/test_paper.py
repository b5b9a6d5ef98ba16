"""The paper's experiments: what is asked, what is measured, and that a second run goes on where the first stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.errors import UserError
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks.paper import experiments, table1, table2
from tests.benchmarks.paper.bench import Bench, Pair
from tests.benchmarks.paper.landmarks import ALL, FIVE, FIVE_POINTS, ONE, FaceLandmarks, finder_for, rows_of
from tests.benchmarks.paper.mask_figure import mask_of
from tests.benchmarks.paper.measures import landed, likeness
from tests.benchmarks.paper.moves import Asked, End
from tests.benchmarks.paper.picture_page import page
from tests.benchmarks.paper.plain_rules import follow, paper_rules, released_rules
from tests.benchmarks.paper.rows import FREE_DRAG, MOVES, NO_EDIT, OURS, PAPER, RELEASED
from tests.benchmarks.paper.store import Record, Store, Task

DATA = Path(__file__).parents[1] / "data"
SEED = 30_001  # a pair whose nose, eyes and mouth show, and go 40 pixels
FEW_STEPS = 10
NEARER = [name for name in MOVES if name not in (NO_EDIT, "ours in W", "ours, all layers")]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench("critters")


@pytest.fixture(scope="module")
def pair(bench: Bench) -> Pair:
    return bench.pair(SEED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all commands: what they find out of pairs and of the detector is kept there."""
    return tmp_path_factory.mktemp("results")


def nose_of(bench: Bench, pair: Pair) -> Asked:
    return Asked(bench.loaded, pair.codes[0], *pair.ways(rows_of(bench.finder, ONE)), max_steps=FEW_STEPS)


def left(bench: Bench, pair: Pair, end: End) -> float:
    """The share of the nose's way that is left."""
    found = landed(bench, pair, rows_of(bench.finder, ONE), bench.image(end.w_plus))
    return found["md"] / found["asked"]


def command(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> None:
    line = ["benchmarks", "paper", "--quick", "--seed", str(SEED), "-o", str(folder), *arguments]
    monkeypatch.setattr("sys.argv", line)
    benchmarks.main()


@pytest.mark.parametrize("name", NEARER)
def test_each_row_brings_the_nose_nearer(bench: Bench, pair: Pair, name: str):
    end = MOVES[name](nose_of(bench, pair))
    assert 0 < end.steps <= FEW_STEPS
    assert left(bench, pair, end) < 0.95


def test_no_edit_leaves_all_of_the_way(bench: Bench, pair: Pair):
    end = MOVES[NO_EDIT](nose_of(bench, pair))
    assert end.steps == 0
    assert left(bench, pair, end) == pytest.approx(1, abs=1e-3)


def test_only_the_first_six_layers_move(bench: Bench, pair: Pair):
    asked = dataclasses.replace(nose_of(bench, pair), max_steps=2)
    for name in (PAPER, RELEASED, FREE_DRAG, OURS):
        moved = (MOVES[name](asked).w_plus != asked.w_plus).any(-1)[0]
        assert moved.tolist() == [True] * 6 + [False] * 8, name


def test_the_released_rules_stay_on_whole_pixels_and_stop_sooner(bench: Bench, pair: Pair):
    paper, released = paper_rules(bench.loaded), released_rules(bench.loaded)
    assert (paper.stop_radius_for(5), paper.stop_radius_for(6), released.stop_radius_for(1)) == (1, 2, 2)
    asked = nose_of(bench, pair)
    near = dataclasses.replace(asked, targets=asked.handles.round() + 1.9)
    assert follow(released, dataclasses.replace(near, handles=asked.handles.round() + 0.2)).steps == 0
    assert follow(paper, dataclasses.replace(near, handles=asked.handles.round() + 0.2)).steps > 0


def test_the_five_points_are_the_papers_and_all_are_those_that_show(bench: Bench, pair: Pair):
    assert [bench.finder.names[row] for row in rows_of(bench.finder, FIVE)] == list(FIVE_POINTS)
    assert bench.rows(pair, FIVE) == rows_of(bench.finder, FIVE)
    hidden = dataclasses.replace(pair, shown=pair.shown.clone())
    hidden.shown[1, rows_of(bench.finder, FIVE)[4]] = False
    assert bench.rows(hidden, FIVE) is None
    assert bench.rows(hidden, ONE) == rows_of(bench.finder, ONE)
    everything = bench.rows(hidden, ALL)
    assert everything is not None
    assert rows_of(bench.finder, FIVE)[4] not in everything


def test_a_landmark_that_no_longer_shows_counts_as_not_moved(bench: Bench, pair: Pair, monkeypatch: pytest.MonkeyPatch):
    """All are where they are wanted, but the last one does not show."""
    rows = rows_of(bench.finder, FIVE)
    visibility = torch.ones(1, len(bench.finder.names))
    visibility[0, rows[-1]] = 0.4
    monkeypatch.setattr(bench.finder, "find", lambda images: (pair.points[1:], visibility))
    found = landed(bench, pair, rows, pair.images[1:])
    handles, targets = pair.ways(rows)
    assert found["hidden"] == 1
    assert found["md"] == pytest.approx(np.linalg.norm(targets - handles, axis=1)[-1] / 5, abs=1e-3)


def test_images_are_the_less_alike_the_further_apart_they_are(bench: Bench, pair: Pair):
    start, end = pair.codes
    near, far = (likeness(bench, bench.image(start.lerp(end, share)), pair.images[:1]) for share in (0.1, 0.6))
    assert likeness(bench, pair.images[:1], pair.images[:1]) == {"mse": 0, "unlike": 0}
    assert 0 < near["unlike"] < far["unlike"]
    assert 0 < near["mse"] < far["mse"]


def test_what_is_dragged_in_table_2_looks_the_same_where_it_goes(bench: Bench):
    start, end = table2.perturbed(bench, SEED)
    handles, targets = table2.ways(bench, start, end, SEED)
    assert handles.shape == targets.shape == (table2.PIXELS, 2)
    before, after = (bench.image(code)[0].permute(1, 2, 0).numpy().astype(float) for code in (start, end))
    moved = np.linalg.norm(targets - handles, axis=1) > 3
    assert moved.any()

    def unlike(places: np.ndarray) -> float:
        x, y = np.floor(places).clip(0, 255).astype(int).T
        goal_x, goal_y = np.floor(targets).astype(int).T
        return float(np.abs(before[y, x] - after[goal_y, goal_x])[moved].mean())

    assert unlike(handles) < 0.7 * unlike(targets)


def test_the_mask_holds_the_landmarks_of_both_images_and_not_all_of_the_image(pair: Pair):
    mask = mask_of(pair)
    for turn in (0, 1):
        x, y = pair.points[turn][pair.shown[turn]].long().T
        assert (mask[y, x] == 1).all()
    assert 0.2 < mask.mean() < 0.9


def records(*distances: float, row: str = OURS) -> list[Record]:
    same = {"points": ONE, "asked": 20.0, "steps": 3, "seconds": 0.5, "features": None}
    return [{**same, "row": row, "seed": seed, "md": distance} for seed, distance in enumerate(distances)]


def test_the_table_says_what_is_left_as_a_share_of_no_edit():
    text = table1.report([*records(20, 20, row=NO_EDIT), *records(1, 3)], (NO_EDIT, OURS))
    assert "MD  20.00 px (100%)" in text
    assert "2 pairs   MD   2.00 px ( 10%), median  2.00 " in text
    assert "Frechet distance      -     3.0 steps   0.50 s" in text


def test_the_table_says_how_far_a_row_is_behind_ours_on_the_same_pairs():
    text = table1.report([*records(1, 3), *records(2, 6, row=NO_EDIT)], (NO_EDIT, OURS))
    assert "behind ours by  2.00 ±1.00" in text  # 1 and 3 px
    assert text.count("behind") == 1


def test_a_line_that_was_cut_short_is_none_and_the_next_one_is_whole(tmp_path: Path):
    store, task = Store(tmp_path, "table", "model"), Task("row", "1", 7)
    store.add(task, {"md": 1.0})
    with store.file.open("a") as file:
        file.write('{"row": "row", "points": "1", "se')
    store.add(Task("row", "1", 8), {"md": 2.0})
    assert {task.seed: record["md"] for task, record in store.records().items()} == {7: 1.0, 8: 2.0}


def test_a_second_run_does_only_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
):
    done: list[Task] = []

    def measure(_: Bench, task: Task) -> Record:
        done.append(task)
        return {"md": 1.0, "asked": 10.0, "hidden": 0, "steps": 1, "seconds": 0.1, "features": None}

    counted = dataclasses.replace(experiments.EXPERIMENTS["table1"], name="counted", measure=measure)
    monkeypatch.setitem(experiments.EXPERIMENTS, "table1", counted)
    command(monkeypatch, folder, "--table", "1", "--points", ONE, "--rows", OURS)
    command(monkeypatch, folder, "--table", "1", "--points", ONE, "--rows", OURS, FREE_DRAG)
    assert [task.row for task in done] == [OURS, OURS, FREE_DRAG, FREE_DRAG]
    assert "2 pairs   MD   1.00 px ( 10%)" in capsys.readouterr().out


def test_after_ctrl_c_what_is_known_is_printed(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
):
    def measure(_: Bench, task: Task) -> Record:
        if task.row == FREE_DRAG:
            raise KeyboardInterrupt
        return {"md": 1.0, "asked": 10.0, "hidden": 0, "steps": 1, "seconds": 0.1, "features": None}

    stopped = dataclasses.replace(experiments.EXPERIMENTS["table1"], name="stopped", measure=measure)
    monkeypatch.setitem(experiments.EXPERIMENTS, "table1", stopped)
    command(monkeypatch, folder, "--table", "1", "--points", ONE, "--rows", OURS, FREE_DRAG)
    told = capsys.readouterr().out
    assert "1 pairs   MD   1.00 px ( 10%)" in told
    assert FREE_DRAG not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--table", "2", "--rows", NO_EDIT), "a pixel moves by"),
        (("--there-and-back", "--rows", OURS, "--points", ONE), "MD there"),
        (("--figure", "mask", "--rows", "mask, lambda 20", "--points", ONE), "outside the mask"),
        (("--out-of-distribution", "--rows", OURS), "1.5 x   landmarks gone"),
        (("--table", "3", "--rows", "no edit", "--points", ONE, "--workers", "2"), "no edit"),
    ],
    ids=["table 2", "there and back", "mask", "out of distribution", "in processes"],
)
def test_every_experiment_runs(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    said: str,
):
    command(monkeypatch, folder, *arguments)
    told = capsys.readouterr().out
    assert said in told
    assert "the landmark detector itself is off by" in told
    assert "nan" not in told


def test_the_page_shows_each_drag_by_each_row(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
):
    file = folder / "page.png"
    command(monkeypatch, folder, "--pictures", str(file), "--points", ONE, "--rows", "start", OURS)
    assert "4 pictures of: start, ours" in capsys.readouterr().out
    drawn = Image.open(file)
    known = list(Store(folder, "pictures", "critters").records().values())
    assert page(known[:2], ("start", OURS)).height < drawn.height < 2.1 * page(known[:2], ("start", OURS)).height


def test_an_unknown_row_and_a_model_without_landmarks_are_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with pytest.raises(SystemExit, match="There is no row 'RAFT'; the rows are: no edit; ours;"):
        command(monkeypatch, tmp_path, "--table", "1", "--rows", "RAFT")
    with pytest.raises(UserError, match="Nothing here finds landmarks in the images of horses"):
        finder_for(dataclasses.replace(bench.loaded, name="horses"))


def test_faces_have_the_papers_five_landmarks():
    finder = finder_for(dataclasses.replace(Bench("critters").loaded, name="ffhq", aligned_faces=True))
    assert isinstance(finder, FaceLandmarks)
    face = torch.from_numpy(np.array(Image.open(DATA / "face.jpg").convert("RGB"))).permute(2, 0, 1)[None]
    points, shown = finder.find(torch.cat([face, torch.zeros_like(face)]))
    assert shown[0].min() > 0.9
    assert (shown[1] == 0).all()
    place = dict(zip(finder.names, points[0].tolist(), strict=True))
    assert place["left eye"][1] < place["nose"][1] < place["left mouth corner"][1]
    assert min(place["left eye"][0], place["right eye"][0]) < place["nose"][0]
    assert place["nose"][0] < max(place["left eye"][0], place["right eye"][0])
