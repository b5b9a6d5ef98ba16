"""What is asked of an animal in a measured drag: two images of it, and its landmarks from the one to the other.

A scene is an animal, that is a latent z, at two values of one factor: all else that z says stays. Handles and targets
are landmarks of the two images as the detector finds them, not the renderer's exact ones: a generated image need
not show what the renderer would, and what the detector is off by is nearly the same in all three images (before,
asked, after), so that it cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from backend.editing.points import Drag
from stylegan2.critters.making import factors
from stylegan2.critters.making.landmarks import landmark
from stylegan2.samples import latents
from tests.benchmarks.detector import Detector

PSI = 0.7  # truncation, as in the plug-in's own samples
SHORTEST, LONGEST = 0.08, 0.25  # of the image's width: what a drag that is measured may ask
ARRIVED_SHARE = 0.25  # of the way asked that may be left
ARRIVED_WIDTH = 0.02  # of the image's width that may be left: twice what the detector is off by
SHOWS = 0.5  # the detector's probability from which on a landmark counts as visible

Image = np.ndarray  # uint8 [H, W, 3]
Show = Callable[[Tensor], Image]  # the image of a latent [1, z_dim]
# Images uint8 [N, 3, H, W] -> points [N, 10, 2] in pixels and how probably each shows [N, 10]; Detector.find.
Find = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Kind:
    """A kind of drag: the factor that is asked to go from one value to the other, and the landmarks to do it with.

    helping: landmarks that are dragged along, on ways too short to be measured.  pinned: those that stay.  Of both,
    what does not show is left out.  both_ways: odd seeds ask for the way back.
    """

    name: str
    factor: str
    values: tuple[float, float]
    handles: tuple[str, ...]
    helping: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    both_ways: bool = False

    def ends(self, seed: int) -> tuple[float, float]:
        """The factor's value in the image that is dragged, and the one that is asked for."""
        start, asked = self.values
        return (asked, start) if self.both_ways and seed % 2 else (start, asked)


# An eye's place in the head, the head's size and a mouth move landmarks by a few percent of the width at most: the eye
# is moved with the head through the image, the head's growth is measured at the ear tips, and most mouths can't be
# asked.
KINDS: tuple[Kind, ...] = (
    Kind("head turned", "yaw", (0.36, 0.64), ("nose",), both_ways=True),
    Kind("mouth opened", "mouth open", (0.25, 0.97), ("lower lip",), pinned=("nose",)),
    Kind("ear longer", "ear length", (0.2, 0.9), ("right ear tip",), pinned=("right eye", "left eye", "nose")),
    Kind("nodded", "pitch", (0.3, 0.72), ("nose",), both_ways=True),
    Kind("eye moved", "x", (0.1, 0.9), ("right eye",), both_ways=True),
    Kind("head bigger", "size", (0.08, 0.94), ("right ear tip", "left ear tip"), helping=("right eye", "left eye")),
    Kind("ears against each other", "ear splay", (0.25, 0.75), ("right ear tip", "left ear tip"), both_ways=True),
)


@dataclass(frozen=True)
class Scene:
    """A drag to be measured, in pixels of the image; `besides` are the drags that help, and the pins."""

    kind: Kind
    seed: int
    z: Tensor  # [1, z_dim], of the image that is dragged
    before: Image
    asked: Image
    drags: tuple[Drag, ...]
    besides: tuple[Drag, ...]

    @property
    def starts(self) -> np.ndarray:
        """Way that each handle is asked to go, pixels `[handles]`."""
        return np.array([math.dist(drag.handle, drag.target) for drag in self.drags])


@dataclass(frozen=True)
class Rest:
    """Where the handles' landmarks are after the drag, as the detector sees it; lengths in pixels `[handles]`."""

    starts: np.ndarray
    rests: np.ndarray
    arrived: bool

    @property
    def share(self) -> float:
        """What is left of the way, over all handles; 0 is there, 1 is where it started."""
        return float(self.rests.sum() / self.starts.sum())


@dataclass(frozen=True)
class Outcome:
    """What became of a scene.

    tracker: what the tracker says is left of the way, over all handles, as a share of it.  changed: how much the
    looks changed, see `looks_changed`.  psnr: of the inversion in dB, None for a sample.
    """

    scene: Scene
    after: Image
    rest: Rest
    tracker: float
    changed: float
    steps: int
    seconds: float
    psnr: float | None = None


def scenes(
    count: int,
    first_seed: int,
    z_dim: int,
    show: Show,
    find: Find,
    skipped: list[str],
    kinds: Sequence[Kind] = KINDS,
) -> Iterator[Scene]:
    """`count` scenes, the kinds in turn, each from the next seed from `first_seed` on that can be asked.

    Which seeds were passed over, and why, is added to `skipped`.
    """
    seed = first_seed
    for number in range(count):
        kind = kinds[number % len(kinds)]
        while True:
            scene = scene_of(kind, seed, z_dim, show, find)
            seed += 1
            if isinstance(scene, Scene):
                break
            skipped.append(f"{seed - 1} {kind.name}: {scene}")
        yield scene


def scene_of(kind: Kind, seed: int, z_dim: int, show: Show, find: Find) -> Scene | str:
    """The scene of a seed, or in words why it can't be asked."""
    start, asked = (with_factor(latents(seed, 1, z_dim), kind.factor, value) for value in kind.ends(seed))
    images = show(start), show(asked)
    (before, after), (shown_before, shown_after) = find(_batch(*images))
    handles = [landmark(name) for name in kind.handles]
    if not bool((shown_before[handles] > SHOWS).all() and (shown_after[handles] > SHOWS).all()):
        return "hidden"
    height, width = images[0].shape[:2]
    places = torch.cat([before[handles], after[handles]])
    if not bool(((places >= 0) & (places < places.new_tensor([width, height]))).all()):
        return "outside the picture"
    ways = (after - before)[handles].norm(dim=1) / width
    if not bool(((ways >= SHORTEST) & (ways <= LONGEST)).all()):
        return f"{' and '.join(f'{way:.1%}' for way in ways.tolist())} of the width"
    helping = [index for index in map(landmark, kind.helping) if min(shown_before[index], shown_after[index]) > SHOWS]
    pins = [index for index in map(landmark, kind.pinned) if shown_before[index] > SHOWS]
    return Scene(
        kind,
        seed,
        start,
        *images,
        drags=tuple(Drag(_point(before[index]), _point(after[index])) for index in handles),
        besides=(
            *(Drag(_point(before[index]), _point(after[index])) for index in helping),
            *(Drag.pin(_point(before[index])) for index in pins),
        ),
    )


def with_factor(z: Tensor, name: str, value: float) -> Tensor:
    """Latents `[N, z_dim]` of the same animals whose factor `name` is `value` when they are shown truncated by `PSI`.

    The mapping looks at the direction of z alone, so the coordinates that mean nothing make up for the change: else
    all other factors would change a little too.
    """
    z = z / z.square().mean(dim=1, keepdim=True).sqrt()
    result = z.clone()
    result[:, factors.index(name)] = torch.special.ndtri(torch.tensor(value, dtype=torch.float64)).to(z) / PSI
    meaning, rest = result[:, : factors.COUNT], result[:, factors.COUNT :]
    left = z.shape[1] - meaning.square().sum(1, keepdim=True)
    return torch.cat([meaning, rest * (left / rest.square().sum(1, keepdim=True)).sqrt()], dim=1)


def truncated_factors(z: Tensor) -> Tensor:
    """The factors `[N, 36]` that latents `[N, z_dim]` stand for when they are shown truncated by `PSI`."""
    values = torch.special.ndtri(factors.from_latent(z.double()))
    return torch.special.ndtr(PSI * values).float()


def rest_of(scene: Scene, after: Image, find: Find) -> Rest:
    """What is left of the ways in the image after the drag.

    A landmark that does not show any more is a failure: it counts as if it were where it started. A handle has
    arrived within ARRIVED_SHARE of its way or within ARRIVED_WIDTH of the image's width, a drag when all have.
    """
    handles = [landmark(name) for name in scene.kind.handles]
    targets = torch.tensor([drag.target for drag in scene.drags])
    points, visibility = find(_batch(after))
    starts, rests = scene.starts, (points[0, handles] - targets).norm(dim=1).numpy()
    shows = visibility[0, handles].numpy() > SHOWS
    enough = np.maximum(ARRIVED_SHARE * starts, ARRIVED_WIDTH * scene.before.shape[1])
    return Rest(starts, np.where(shows, rests, starts), bool((shows & (rests <= enough)).all()))


def looks_changed(detector: Detector, before: Image, after: Image) -> float:
    """Mean change of the factors that are looks, not shape, as the detector sees them: 0 is the same animal."""
    looks = [factors.index(name) for name in factors.NAMES if name not in factors.GEOMETRY]
    first, second = detector.factors(_batch(before, after))[:, looks]
    return float((second - first).abs().mean())


def _batch(*images: Image) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def _point(point: Tensor) -> tuple[float, float]:
    x, y = point.tolist()
    return x, y
