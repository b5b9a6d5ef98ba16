"""The names of the rows, and what they do."""

from __future__ import annotations

from tests.benchmarks.latent_transformer.one_pass import in_one_pass
from tests.benchmarks.paper import free_drag, moves, plain_rules
from tests.benchmarks.paper.moves import Asked, End, Move
from tests.benchmarks.paper.trackers import FlowTrackedLoop, SparselyTrackedLoop, UntrackedLoop


def in_a_pass(asked: Asked) -> End:
    """UserControllableLT (Endo 2022): no loop."""
    return End(in_one_pass(asked.loaded, asked.w_plus, asked.handles, asked.targets), 1)


NO_EDIT, OURS, OURS_IN_W = "no edit", "ours", "ours in W"
PAPER, RELEASED, FREE_DRAG = "the paper as written", "the released loop's rules", "FreeDrag's idea"
ONE_PASS = "UserControllableLT"
MOVES: dict[str, Move] = {
    NO_EDIT: moves.nothing,
    OURS: moves.ours(),
    PAPER: plain_rules.by(plain_rules.paper_rules),
    RELEASED: plain_rules.by(plain_rules.released_rules),
    FREE_DRAG: free_drag.move,
    ONE_PASS: in_a_pass,
    OURS_IN_W: moves.ours({"latent_space": "W"}),
    "ours, all layers": moves.with_all_layers,
    "ours, tracked by dense flow (DIS)": moves.ours(loop=FlowTrackedLoop),
    "ours, tracked by Lucas-Kanade": moves.ours(loop=SparselyTrackedLoop),
    "ours, not tracked": moves.ours(loop=UntrackedLoop),
}
COMPARED = (OURS, PAPER, RELEASED, FREE_DRAG, ONE_PASS)
