"""Is the layer after a drag what it should have become?  Rendered heads with a pattern, dragged little and far.

The truth is a rendering: of the animal that the model's image shows after the drag, so that what the drag missed,
or did besides, is not charged to the layer. All of it is found with the model's own preset, inversion included.
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from backend.editing.correspondence import to_array
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.layers import composite_over
from backend.editing.optical_flow import CUBIC, dense_flow, warp
from backend.editing.pixels import digest
from backend.editing.region import Region
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making import geometry
from stylegan2.critters.making.renderer import render
from stylegan2.samples import to_bytes
from tests.benchmarks import layer_sheets
from tests.benchmarks.detector import Detector, load_detector
from tests.benchmarks.drags import opaque
from tests.benchmarks.factor_fit import SHAPE, fit_factors
from tests.benchmarks.layer_measures import NOISE, Judge, Measures, seam
from tests.benchmarks.layer_scenes import SIDE, SIZES, LayerScene, layer_scenes
from tests.benchmarks.one_leap import one_leap
from tests.benchmarks.patterned_heads import patterned

INVERSIONS = Path(__file__).parents[2] / ".cache" / "benchmarks" / "layers"  # by the layer's hash: a minute each
SIZE_NAMES = ("small", "middle", "large")


@dataclass(frozen=True)
class Outcome:
    """A drag of a scene: of the layer, of version 0.1's, of the model's enlarged image, and of the truth itself.

    bent: of the truth, bent onto the model's image: nearer no layer can come that follows the model.
    """

    seed: int
    kind: str
    size: int
    way: float
    layer: Measures
    one_leap: Measures
    model: Measures
    truth: Measures
    bent: Measures
    seam: float
    outside: int


def add_command(commands: Any) -> None:
    """Add the command `layers`, which prints the table and has some images to show."""
    parser = commands.add_parser("layers", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=42, help="scenes, of seven kinds in turn; three drags each (42)")
    parser.add_argument("--seed", type=int, default=8010, help="the first one; up to 8009 were built with (8010)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (one for each core)")
    parser.set_defaults(run=run)
    layer_sheets.add_commands(parser.add_subparsers(title="to look at"))


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each drag as it is done, and the table."""
    outcomes: list[Outcome] = []
    measure = functools.partial(outcomes_of, arguments.count, arguments.seed)
    # started anew, not forked: torch's threads do not survive a fork
    with ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        for found in pool.map(measure, range(arguments.count)):
            outcomes += found
            for outcome in found:
                print(f"  {line(outcome)}", flush=True)
    print(table(outcomes))


@functools.cache
def scenes(count: int, first_seed: int) -> list[LayerScene]:
    """Made anew in each process: the tensors of one are not to be read in another that outlives it."""
    return list(layer_scenes(count, first_seed))


@functools.cache
def bench() -> tuple[Editor, Detector]:
    """What every scene needs, once for each process."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    geometry.compile_parts()
    return Editor(open_model(EMBEDDED)), load_detector()


def outcomes_of(count: int, first_seed: int, number: int) -> list[Outcome]:
    """Find the layer of one of the scenes in the model, and drag it by each of the sizes."""
    scene, (editor, _) = scenes(count, first_seed)[number], bench()
    layer = scene.layer()
    state = inverted(editor, layer)
    animal = fit_factors(editor.image(state.w_plus)[0].clamp(-1, 1), scene.factors)
    return [_outcome(scene, size, layer, state, animal) for size in range(len(SIZES))]


def _outcome(scene: LayerScene, size: int, layer: np.ndarray, state: EditState, animal: Tensor) -> Outcome:
    """One drag, measured.  animal: the factors [1, 36] of the inverted image."""
    editor, detector = bench()
    editor.open_state(state, opaque(layer))
    for _ in editor.drag([*scene.drags[size], *scene.besides[size]]):
        pass
    result = editor.result()
    before, edited = (editor.image(code)[0].clamp(-1, 1) for code in (state.w_plus, result.state.w_plus))
    truth = _truth(scene.factors, animal, detector, before, edited)
    wanted = patterned(truth, SIDE, SIDE).numpy()
    after = composite_over(opaque(layer), result.layer, result.mask, result.offset)[..., :3]
    start, end = _enlarged(before), _enlarged(edited)
    assert editor.model.discriminator is not None
    judge = Judge(editor.model.discriminator, layer, wanted, (start, end), (scene.factors, truth))
    return Outcome(
        seed=scene.seed,
        kind=scene.kind.name,
        size=size,
        way=scene.way(size),
        layer=judge.of(after),
        one_leap=judge.of(one_leap(layer, before, edited)),
        model=judge.of(end),
        truth=judge.of(wanted),
        bent=judge.of(_bent(wanted, truth, edited)),
        seam=seam(after, layer, result.mask),
        outside=int((after != layer).any(axis=2)[result.mask == 0].sum()),
    )


def inverted(editor: Editor, layer: np.ndarray) -> EditState:
    """The layer found in the model, as an artist's; remembered on disk."""
    height, width = layer.shape[:2]
    region = Region(0, 0, width, height, editor.generator.image_size)
    INVERSIONS.mkdir(parents=True, exist_ok=True)
    file = INVERSIONS / f"{digest(opaque(layer))[:16]}.safetensors"
    if not file.exists():
        editor.open(opaque(layer), region)
        editor.result().state.save(file)
    return EditState.load(file)


def _truth(source: Tensor, before: Tensor, detector: Detector, inverted: Tensor, edited: Tensor) -> Tensor:
    """The factors [1, 36] of what the layer should have become: changed as the model's image has.

    before: the factors of the inverted image; what it misses of the layer is in the edited one, too.
    """
    seen = detector.factors(torch.stack([to_bytes(image) for image in (inverted, edited)]))
    guess = before.clone()
    guess[:, SHAPE] += (seen[1] - seen[0])[SHAPE]
    after = fit_factors(edited, guess.clamp(0, 1))
    return (source + after - before).clamp(0, 1)


def _bent(wanted: np.ndarray, truth: Tensor, edited: Tensor) -> np.ndarray:
    """The truth (uint8 [SIDE, SIDE, 3], and its factors [1, 36]) bent to where the model's image shows each part."""
    model = to_array(edited)
    without_pattern = to_array(render(truth, *model.shape[:2])[0] / 127.5 - 1)
    flow = cv2.resize(dense_flow(without_pattern, model), (SIDE, SIDE)) * (SIDE / model.shape[0])
    return warp(wanted, flow, CUBIC)


def _enlarged(image: Tensor) -> np.ndarray:
    """The model's image at the layer's size."""
    pixels = to_bytes(image).permute(1, 2, 0).contiguous().numpy()
    return cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def line(outcome: Outcome) -> str:
    """One drag in words."""
    mine, leap, model, truth, bent = outcome.layer, outcome.one_leap, outcome.model, outcome.truth, outcome.bent
    return (
        f"{outcome.seed} {outcome.kind:23} {SIZE_NAMES[outcome.size]:6} {outcome.way:4.0%}   "
        f"dB {mine.distance:5.2f} one leap {leap.distance:5.2f} model {model.distance:5.2f} "
        f"bent truth {bent.distance:5.2f}   "
        f"where the model agrees {mine.agreed:5.2f} {leap.agreed:5.2f} {bent.agreed:5.2f}   "
        f"features {mine.features:.3f} {leap.features:.3f} {model.features:.3f}   "
        f"sharpness {mine.sharpness:4.0%} {leap.sharpness:4.0%} {model.sharpness:4.0%} truth "
        f"{truth.sharpness:4.0%}   ghosts {mine.ghosts:.2%} {leap.ghosts:.2%}   seam {outcome.seam:.1f}   "
        f"outside {outcome.outside}"
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """The means of each kind and size, then of all kinds."""
    kinds = [*dict.fromkeys(outcome.kind for outcome in outcomes)]
    lines = ["", "means; of ghosts, those that have one; layer / one leap / model / the truth (for dB: bent)"]
    for name in (*kinds, "all"):
        for size in range(len(SIZES)):
            some = [one for one in outcomes if one.size == size and name in (one.kind, "all")]
            lines.append(f"  {name:23} {SIZE_NAMES[size]:6} {_means(some)}")
    gains = [one.layer.distance - one.one_leap.distance for one in outcomes]
    lines.append(f"nearer to the truth than one leap: {sum(gain > 0 for gain in gains)} of {len(gains)} drags")
    return "\n".join(lines)


def _means(some: Sequence[Outcome]) -> str:
    def mean(name: str, form: str, *columns: str) -> str:
        values = [np.nanmean([getattr(getattr(one, column), name) for one in some]) for column in columns]
        return " / ".join(format(float(value), form) for value in values)

    ours, model = ("layer", "one_leap"), "model"
    ghosts = " / ".join(str(sum(getattr(one, column).ghosts > NOISE for one in some)) for column in ours)
    return (
        f"{np.mean([one.way for one in some]):4.0%}   dB {mean('distance', '5.2f', *ours, model, 'bent')}   "
        f"where the model agrees {mean('agreed', '5.2f', *ours, 'bent')}   "
        f"features {mean('features', '.3f', *ours, model)}   "
        f"sharpness {mean('sharpness', '4.0%', *ours, model, 'truth')}   ghosts {ghosts} of "
        f"{len(some)}   seam {np.mean([one.seam for one in some]):.1f}   outside {sum(one.outside for one in some)}"
    )
