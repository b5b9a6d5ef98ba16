"""Drags of a model's samples by the loop alone: what the network shows in the end, and no layer put together of it.

`masked` drags what is local with a mask around the handles' ways, and without one: whether it arrives, and how much
changes outside.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

import stylegan2
from backend.editing.drag_loop import DragLoop
from backend.editing.points import Drag
from backend.editing.preset import LoadedModel
from backend.editing.settings import DragSettings
from backend.models import EMBEDDED, open_model
from stylegan2.samples import to_bytes
from tests.benchmarks.detector import Detector, load_detector
from tests.benchmarks.scenes import KINDS, PSI, Image, Kind, Rest, Scene, rest_of, scenes

LOCAL = tuple(kind for kind in KINDS if kind.name in ("mouth opened", "ear longer", "ears against each other"))
AROUND = 0.13  # of the image's height: what may move around a handle's way
NEAR = 0.08  # of the image's height: what is outside the mask, and near it


@dataclasses.dataclass(frozen=True)
class BareOutcome:
    """What became of a drag.

    Attributes:
        rest: where its landmarks are.
        steps: of the loop.
        change: [height, width], how much each pixel changed, mean over the colours, 0..255.
    """

    rest: Rest
    steps: int
    change: np.ndarray


def add_command(commands: Any) -> None:
    """Add the command `masked`."""
    parser = commands.add_parser("masked", help="what a mask holds, and whether the handles arrive all the same")
    parser.add_argument("--count", type=int, default=30, help="drags (30)")
    parser.add_argument("--seed", type=int, default=6000, help="the first one (6000)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a line without masks and one with them."""
    torch.set_num_threads(1)
    loaded, detector = open_model(EMBEDDED), load_detector()
    generator, settings = loaded.model.generator, loaded.preset.drag
    asked = scenes_of(loaded, detector, arguments.count, arguments.seed, LOCAL)
    masks = [mask_around(scene.drags, generator.image_size) for scene in asked]
    for name, used in (("without a mask", [None] * len(masks)), ("with one", masks)):
        drags = zip(asked, used, strict=True)
        outcomes = [bare_drag(generator, settings, detector, scene, mask) for scene, mask in drags]
        print(f"{name:14} {summary(outcomes, masks)}", flush=True)


def summary(outcomes: Sequence[BareOutcome], masks: Sequence[torch.Tensor]) -> str:
    """How many arrived, and how much changed outside the masks."""
    shares = [outcome.rest.share for outcome in outcomes]
    outside, near = np.mean([list(_outside(*pair)) for pair in zip(outcomes, masks, strict=True)], axis=0)
    steps, arrived = [outcome.steps for outcome in outcomes], sum(outcome.rest.arrived for outcome in outcomes)
    return (
        f"arrived {arrived} of {len(outcomes)}   left {np.mean(shares):.0%}   "
        f"changed outside {outside:.2f}, near the mask {near:.2f} of 255   steps {np.median(steps):.0f}, median"
    )


def bare_drag(
    generator: stylegan2.Generator,
    settings: DragSettings,
    detector: Detector,
    scene: Scene,
    mask: torch.Tensor | None = None,
) -> BareOutcome:
    """Do a scene's drag on the generator's device, and look at the end; `mask` [height, width], 1 = may move."""
    device = next(generator.parameters()).device
    drags = [*scene.drags, *scene.besides]
    handles, goals = np.array([drag.handle for drag in drags]), [np.array([drag.target]) for drag in drags]
    with torch.no_grad():
        w_plus = generator.mapping(scene.z.to(device), truncation_psi=PSI)
    loop = DragLoop(generator, w_plus, handles, goals, None if mask is None else mask.to(device), settings)
    *_, last = loop
    before, after = (_image(generator, code) for code in (w_plus, last.w_plus))
    change = np.abs(after.astype(float) - before).mean(axis=2)
    return BareOutcome(rest_of(scene, after, detector.find), last.step, change)


def scenes_of(
    loaded: LoadedModel, detector: Detector, count: int, first_seed: int, kinds: Sequence[Kind] = KINDS
) -> list[Scene]:
    """Scenes of the model's samples, found on the processor."""
    generator = loaded.model.generator

    def show(z: torch.Tensor) -> Image:
        with torch.no_grad():
            return _image(generator, generator.mapping(z, truncation_psi=PSI))

    return list(scenes(count, first_seed, generator.z_dim, show, detector.find, [], kinds))


def mask_around(drags: Sequence[Drag], size: tuple[int, int]) -> torch.Tensor:
    """1 within AROUND of a way, float [height, width]."""
    height, width = size
    y, x = np.mgrid[:height, :width] + 0.5
    near = np.zeros(size, bool)
    for drag in drags:
        (left, top), way = drag.handle, np.subtract(drag.target, drag.handle)
        along = (((x - left) * way[0] + (y - top) * way[1]) / max(float(way @ way), 1e-6)).clip(0, 1)
        near |= np.hypot(x - left - along * way[0], y - top - along * way[1]) < AROUND * height
    return torch.from_numpy(near.astype(np.float32))


def _outside(outcome: BareOutcome, mask: torch.Tensor) -> Iterator[float]:
    """How much changed outside the mask, and there near to it."""
    reach = round(NEAR * len(mask))
    grown = torch.nn.functional.max_pool2d(mask[None, None], 2 * reach + 1, 1, reach)[0, 0]
    for where in (mask == 0, (mask == 0) & (grown > 0)):
        yield float(outcome.change[where.numpy()].mean())


def _image(generator: stylegan2.Generator, w_plus: torch.Tensor) -> Image:
    with torch.no_grad():
        return to_bytes(generator.synthesis(w_plus).float())[0].permute(1, 2, 0).cpu().numpy()
