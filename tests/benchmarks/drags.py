"""Does the subject go where it was dragged?  Animals of the model, or rendered ones, dragged and looked at again.

The landmark detector says where a dragged landmark is afterwards. It knows nothing of the tracker, whose own claim is
printed beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.layers import composite_over
from backend.editing.pixels import digest
from backend.editing.region import Region
from backend.editing.settings import InversionSettings, with_changes
from backend.models import EMBEDDED, open_model
from stylegan2.critters.making.renderer import render
from stylegan2.samples import to_bytes
from tests.benchmarks.detector import load_detector
from tests.benchmarks.drag_sheet import sheet
from tests.benchmarks.scenes import (
    ARRIVED_SHARE,
    ARRIVED_WIDTH,
    PSI,
    Image,
    Outcome,
    Scene,
    looks_changed,
    rest_of,
    scenes,
    truncated_factors,
)

PRESET = "preset"
SETTINGS: dict[str, dict[str, Any]] = {
    PRESET: {},
    "step 0.02": {"step_size": 0.02},
    "step 0.05": {"step_size": 0.05},
    "block 32": {"feature_block": 32, "r1": 12.0},
    "block 64": {"feature_block": 64, "r1": 6.0},
    "block 128": {"feature_block": 128, "r1": 3.0},
    "r1 12": {"r1": 12.0},
    "r2 4": {"r2": 4.0},
    "r2 12": {"r2": 12.0},
    "layers 4": {"layers": 4},
    "layers 8": {"layers": 8},
    "W": {"latent_space": "W"},
}


def add_command(commands: Any) -> None:
    """Add the command `drags`, which has three of its own."""
    parser = commands.add_parser("drags", help=(__doc__ or "").splitlines()[0])
    actions = parser.add_subparsers(required=True)
    drawn = actions.add_parser("sheet", help="12 drags of samples, before and after, in one picture; none is selected")
    drawn.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png")
    many = actions.add_parser("many", help="many drags of samples, in numbers")
    inverted = actions.add_parser("inverted", help="drags of rendered pictures that the model never saw, inverted")
    for action, count in ((drawn, 12), (many, 100), (inverted, 14)):
        action.add_argument("--model", default=EMBEDDED, metavar="FILE", help="the model (the embedded one)")
        action.add_argument(
            "--seed", type=int, default=2000, help="the first one; the preset was chosen on 1000 to 1099 (2000)"
        )
        action.set_defaults(run=run, inverted=action is inverted, count=count, settings=[PRESET], output=None)
    for action in (many, inverted):
        action.add_argument("--count", type=int, help="drags for each of the settings")
        action.add_argument("--settings", nargs="*", choices=list(SETTINGS), help="constants to compare")


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each drag, and what they come to for each of the settings."""
    torch.set_num_threads(1)  # more than one gain little on an image this small
    bench = Bench(Editor(open_model(arguments.model)), inverted=arguments.inverted)
    opened = list(bench.open(arguments.count, arguments.seed))
    print(f"skipped, because it can't be asked: {'; '.join(bench.skipped) or 'nothing'}")
    print(f"arrived: at most {ARRIVED_SHARE:.0%} of the way left, or {ARRIVED_WIDTH:.0%} of the picture's width")
    for name in arguments.settings:
        print(f"\n{name} {SETTINGS[name] or ''}")
        outcomes = []
        for scene, state in opened:
            outcomes.append(bench.drag(scene, state, SETTINGS[name]))
            print(line(outcomes[-1]), flush=True)
        print(summary(outcomes), flush=True)
        if arguments.output:
            sheet(outcomes).save(arguments.output)
            print(f"written to {arguments.output}")


class Bench:
    """Makes scenes of the model's own samples, or of rendered images that it has to invert, and drags in them."""

    def __init__(self, editor: Editor, inverted: bool, inversion: InversionSettings | None = None) -> None:
        """Prepare; `inversion` is the model's preset by default."""
        self.editor, self.inverted, self.inversion = editor, inverted, inversion
        self.detector = load_detector()
        self.skipped: list[str] = []

    def open(self, count: int, first_seed: int) -> Iterator[tuple[Scene, EditState]]:
        """`count` scenes, and the edits to drag in."""
        show = self._rendered if self.inverted else self._sampled
        z_dim = self.editor.generator.z_dim
        for scene in scenes(count, first_seed, z_dim, show, self.detector.find, self.skipped):
            yield scene, self._inversion(scene) if self.inverted else self._sample(scene)

    def drag(self, scene: Scene, state: EditState, changes: dict[str, Any]) -> Outcome:
        """Drag with the model's preset, some of it changed, and look where everything is then."""
        image = opaque(scene.before)
        self.editor.open_state(state, image)
        started = time.perf_counter()
        settings = with_changes(self.editor.loaded.preset.drag, changes)
        *_, last = self.editor.drag([*scene.drags, *scene.besides], None, settings)
        seconds = time.perf_counter() - started
        result = self.editor.result()
        after = composite_over(image, result.layer, result.mask, result.offset)[..., :3]
        return Outcome(
            scene,
            after,
            rest_of(scene, after, self.detector.find),
            tracker=float(last.distances[: len(scene.drags)].sum() / scene.starts.sum()),
            changed=looks_changed(self.detector, scene.before, after),
            steps=last.step,
            seconds=seconds,
            psnr=state.inversion_psnr,
        )

    def _sampled(self, z: Tensor) -> Image:
        with torch.no_grad():
            w_plus = self.editor.model.generator.mapping(z, truncation_psi=PSI)
            return to_bytes(self.editor.model.generator.synthesis(w_plus))[0].permute(1, 2, 0).contiguous().numpy()

    def _rendered(self, z: Tensor) -> Image:
        images = render(truncated_factors(z), *self.editor.generator.image_size)
        return images[0].permute(1, 2, 0).contiguous().numpy()

    def _sample(self, scene: Scene) -> EditState:
        image = opaque(scene.before)
        with torch.no_grad():
            w_plus = self.editor.model.generator.mapping(scene.z, truncation_psi=PSI)
        return EditState(
            self.editor.loaded.name,
            self.editor.model.sha256,
            digest(image),
            whole(image),
            *(w_plus, w_plus, w_plus),
        )

    def _inversion(self, scene: Scene) -> EditState:
        image = opaque(scene.before)
        self.editor.open(image, whole(image), self.inversion)
        return self.editor.result().state


def opaque(image: Image) -> np.ndarray:
    """An image uint8 `[H, W, 3]` as a layer, `[H, W, 4]`."""
    return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])


def whole(image: np.ndarray) -> Region:
    """The region of an image `[H, W, C]` that has the size of the model's image."""
    height, width = image.shape[:2]
    return Region(0, 0, width, height, (height, width))


def line(outcome: Outcome) -> str:
    """One drag in words."""
    scene, rest = outcome.scene, outcome.rest
    ways = "  ".join(f"{left:4.1f} of {way:4.1f} px" for left, way in zip(rest.rests, rest.starts, strict=True))
    inverted = "" if outcome.psnr is None else f"   inverted at {outcome.psnr:.1f} dB"
    return (
        f"  {scene.seed} {scene.kind.name:23} {'arrived' if rest.arrived else 'NOT    '}  left {rest.share:4.0%} "
        f"({ways})   tracker {outcome.tracker:4.0%}   looks {outcome.changed:.3f}   {outcome.steps:3} steps "
        f"{outcome.seconds:4.1f} s{inverted}"
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """What the drags come to: each kind, and all of them."""
    kinds = dict.fromkeys(outcome.scene.kind.name for outcome in outcomes)
    each = {name: [outcome for outcome in outcomes if outcome.scene.kind.name == name] for name in kinds}
    return "\n".join(f"  {name:23} {_numbers(some)}" for name, some in {**each, "all": outcomes}.items())


def _numbers(outcomes: Sequence[Outcome]) -> str:
    left = [outcome.rest.share for outcome in outcomes]
    claimed = [outcome.tracker for outcome in outcomes]
    arrived = sum(outcome.rest.arrived for outcome in outcomes)
    return (
        f"arrived {arrived:3} of {len(outcomes):3}   left, detector: mean {np.mean(left):4.0%} median "
        f"{np.median(left):4.0%}   tracker: mean {np.mean(claimed):4.0%} median {np.median(claimed):4.0%}   "
        f"looks {np.mean([outcome.changed for outcome in outcomes]):.3f}   "
        f"{np.mean([outcome.steps for outcome in outcomes]):3.0f} steps "
        f"{np.mean([outcome.seconds for outcome in outcomes]):4.1f} s"
    )
