"""Inversion: find the code in W+ whose image is the target, near enough to the mean of W to stay editable."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Generator, Iterator

import torch

import stylegan2
from backend.editing.initial_candidates import DRAFT_SIDE, initial_candidates
from backend.editing.reconstruction_loss import ReconstructionLoss, psnr
from backend.editing.settings import InversionSettings
from backend.editing.tensor_cache import TensorCache
from stylegan2.encoder import Encoder
from stylegan2.latent_space import LatentSpace

VERSION = 5  # to be raised when invert() finds other codes: what was remembered before is not found any more
DRAFT_SHARE = 0.25  # of the steps, on drafts; the others, at most, on whole images
WARM_UP, COOL_DOWN = 0.05, 0.5  # shares of those in which Adam's step grows to its size, and shrinks back to 0
LAYER_RATE = 0.3  # of Adam's step for each layer, beside that for all layers together
HISTORY = 60  # steps, nearly always all, from which L-BFGS knows the curvature
MOST_EVALUATIONS = 25  # of the loss in a step of L-BFGS; nearly always it takes one
PROBES = 4  # random ones, by which L-BFGS's coordinates are scaled
SMALLEST_OF_LAYER, SMALLEST = 0.05, 0.01  # curvature, as a share of the layer's mean, and of the mean of all
PATIENCE, IMPROVEMENT = 8, 0.1  # the end: in so many steps, the loss falls by a smaller share
FAILED = 0.022  # loss at the end above which the encoder's guess is not trusted: the search is tried as well
# Optimising one candidate ends in the wrong pose as often as not (20 dB instead of 29), so the search is by successive
# halving (Jamieson and Talwalkar 2016): each round optimises all candidates and keeps the better half.
CANDIDATES = 16
ROUND_SHARE = 0.08  # steps of one candidate in one round, as a share of the steps


Found = tuple[float, torch.Tensor]
"""The loss of a code, on its draft or on its whole image, and the code, W+ [1, num_ws, w_dim]."""


@dataclasses.dataclass(frozen=True)
class InversionStep:
    """The code after a step of at most `steps`, w_plus [1, num_ws, w_dim]; image and PSNR are made when asked for."""

    step: int
    steps: int
    w_plus: torch.Tensor
    inversion: _Inversion

    @functools.cached_property
    def image(self) -> torch.Tensor:
        """[1, 3, H, W], unclamped: costs one synthesis."""
        with torch.no_grad():
            return self.inversion.generator.synthesis(self.w_plus, noise_mode="const")

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio against the target, in dB."""
        return psnr(self.image, self.inversion.target, self.inversion.weight)


def invert(
    model: stylegan2.Model,
    image: torch.Tensor,
    weight: torch.Tensor,
    settings: InversionSettings,
    cache: TensorCache | None = None,
    encoder: Encoder | None = None,
) -> Iterator[InversionStep]:
    """Yield an InversionStep after each step, and some of step 0 before; it ends when nothing improves.

    The encoder's guess is optimised; where that fails, the best of a search is, too, and the better one comes last.

    Args:
        model: whose W+ is searched.
        image: [1, 3, H, W], -1 .. 1, of the size of the model's image.
        weight: [1, 1, H, W], 0 .. 1, how much a pixel counts (its alpha).
        settings: how long and how far from the mean.
        cache: remembers what every search without an encoder begins with.
        encoder: of the model; without one, a start is searched at once.
    """
    inversion = _Inversion(model, image, weight, settings)
    best: Found | None = None
    if encoder is not None:
        guess = encoder.encode(model.generator, image, weight)
        yield inversion.step(guess)
        if not settings.steps:
            return
        # begun with one code for all layers, each of which then goes its own way, it ends nearer (measured)
        best = yield from _optimise(inversion, inversion.to_layers(guess.mean(dim=1)))
    if best is None or best[0] > FAILED:
        start = yield from _search(model, inversion, cache or TensorCache())
        searched = yield from _optimise(inversion, start)
        best = searched if best is None else min(best, searched, key=lambda found: found[0])
    if settings.steps:
        inversion.done = inversion.steps
        yield inversion.step(best[1])


class _Inversion:
    """What the steps of one inversion share. A code is W+ [1, num_ws, w_dim]."""

    def __init__(
        self,
        model: stylegan2.Model,
        target: torch.Tensor,
        weight: torch.Tensor,
        settings: InversionSettings,
    ) -> None:
        self.generator, self.target, self.weight, self.settings = model.generator, target, weight, settings
        self.space = LatentSpace(model.generator)
        self.loss = ReconstructionLoss(model, target, weight)
        self.round_steps = max(round(ROUND_SHARE * settings.steps), 1) if settings.steps else 0
        self.draft_steps = round(DRAFT_SHARE * settings.steps)
        self.steps = settings.steps
        self.done = 0

    def step(self, code: torch.Tensor) -> InversionStep:
        """The step that led to a code."""
        return InversionStep(self.done, self.steps, code, self)

    def to_layers(self, w: torch.Tensor) -> torch.Tensor:
        """W+ of w [1, w_dim]."""
        return w[:, None].repeat(1, self.generator.num_ws, 1)

    def loss_of(self, whitened: torch.Tensor, draft: bool) -> torch.Tensor:
        """The loss of a whitened code [1, num_ws, w_dim], on its draft or on its whole image."""
        w_plus, synthesis = self.space.unwhiten(whitened), self.generator.synthesis
        image = synthesis.draft(w_plus, DRAFT_SIDE) if draft else synthesis(w_plus, noise_mode="const")
        return self.loss.pixel_loss(image) + self.settings.mean_weight * whitened.square().mean()

    def approach(self, start: torch.Tensor, steps: int) -> Iterator[Found]:
        """Yield loss and code after each step of Adam on drafts."""
        loss_of = functools.partial(self.loss_of, draft=True)
        for loss, whitened in adam(self.space.whiten(start), loss_of, steps, self.settings.step_size):
            self.done += 1
            yield loss, self.space.unwhiten(whitened)

    def converge(self, start: torch.Tensor, steps: int) -> Iterator[Found]:
        """Yield loss and code after each step of L-BFGS on whole images, until nothing improves."""
        if not steps:
            return
        begin, losses = self.space.whiten(start), []
        scale = self._scale(begin)
        for loss, way in lbfgs(
            torch.zeros_like(begin), lambda way: self.loss_of(begin + scale * way, draft=False), steps
        ):
            self.done += 1
            losses.append(loss)
            yield loss, self.space.unwhiten(begin + scale * way)
            if len(losses) > PATIENCE and loss > (1 - IMPROVEMENT) * losses[-1 - PATIENCE]:
                return

    def _scale(self, whitened: torch.Tensor) -> torch.Tensor:
        """What each coordinate of a whitened code is to be scaled by, lest the loss curves more along one than another.

        Along some it curves 10,000 times as much. So scaled, 25 steps of L-BFGS come nearer than 60 (measured).
        """
        point, random = whitened.clone().requires_grad_(), torch.Generator().manual_seed(0)
        image = self.generator.synthesis(self.space.unwhiten(point), noise_mode="const")
        curvature = torch.full_like(whitened, self.settings.mean_weight / whitened.numel())
        for _ in range(PROBES):
            (gradient,) = torch.autograd.grad(self.loss.probe(image, random), point, retain_graph=True)
            curvature += gradient.square() / PROBES
        least = SMALLEST_OF_LAYER * curvature.mean(dim=2, keepdim=True) + SMALLEST * curvature.mean()
        return (curvature + least).rsqrt()


def _search(
    model: stylegan2.Model, inversion: _Inversion, cache: TensorCache
) -> Generator[InversionStep, None, torch.Tensor]:
    """Search W for a start, on drafts; yields each step, returns the code."""
    samples = inversion.space.samples
    inversion.steps += 2 * (CANDIDATES - 1) * inversion.round_steps + (inversion.steps if inversion.done else 0)
    codes: list[torch.Tensor] = []
    for candidates in initial_candidates(model, samples, inversion.target, inversion.weight, CANDIDATES, cache):
        codes = [inversion.to_layers(samples[index : index + 1]) for index in candidates]
        yield inversion.step(codes[0])
    while len(codes) > 1 and inversion.round_steps:
        found: list[Found] = []
        for start in codes:
            last = (float("inf"), start)
            for last in inversion.approach(start, inversion.round_steps):
                yield inversion.step(last[1])
            found.append(last)
        codes = [code for _, code in sorted(found, key=lambda entry: entry[0])[: len(codes) // 2]]
    return codes[0]


def _optimise(inversion: _Inversion, code: torch.Tensor) -> Generator[InversionStep, None, Found]:
    """Optimise a code in W+ on drafts, then on whole images; yields each step, returns the end."""
    found = near = math.inf, code
    for near in inversion.approach(code, inversion.draft_steps):
        yield inversion.step(near[1])
    for found in inversion.converge(near[1], inversion.settings.steps - inversion.draft_steps):
        yield inversion.step(found[1])
    return found


def adam(
    start: torch.Tensor, loss_of: Callable[[torch.Tensor], torch.Tensor], steps: int, rate: float
) -> Iterator[tuple[float, torch.Tensor]]:
    """Minimise the loss of a whitened code [1, num_ws, w_dim] by Adam; yields loss and code after each step.

    All layers together have a step of their own, which is how the generator was trained: what each layer would do for
    itself leads away from W, into poses from which nothing leads on.
    """
    together, apart = torch.zeros_like(start[:, :1]).requires_grad_(), torch.zeros_like(start).requires_grad_()
    optimizer = torch.optim.Adam([{"params": [together]}, {"params": [apart]}], betas=(0.9, 0.99))
    for step in range(1, steps + 1):
        now = rate * _schedule(step / steps)
        optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"] = now, LAYER_RATE * now
        loss = loss_of(start + together + apart)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield float(loss.detach()), (start + together + apart).detach()


def _schedule(progress: float) -> float:
    """Adam's step over the run (0 .. 1): a short warm-up, and a cosine down to 0."""
    down = 0.5 - 0.5 * math.cos(math.pi * min((1 - progress) / COOL_DOWN, 1))
    return min(progress / WARM_UP, 1) * down


def lbfgs(
    start: torch.Tensor, loss_of: Callable[[torch.Tensor], torch.Tensor], steps: int
) -> Iterator[tuple[float, torch.Tensor]]:
    """Minimise a smooth loss by L-BFGS with a line search; yields loss and point after each step.

    Near the minimum it is faster than Adam, and it needs no schedule, so that it can end when nothing improves.
    """
    point = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [point], max_iter=1, max_eval=MOST_EVALUATIONS, history_size=HISTORY, line_search_fn="strong_wolfe"
    )
    known: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []  # the last point, its loss and its gradient

    def closure() -> torch.Tensor:
        """The loss; its gradient is left in the point. The optimizer asks again for the end of its last search."""
        if not (known and torch.equal(known[0][0], point)):
            with torch.enable_grad():
                loss = loss_of(point)
                (gradient,) = torch.autograd.grad(loss, point)
            known[:] = [(point.detach().clone(), loss.detach(), gradient)]
        point.grad = known[0][2].clone()
        return known[0][1]

    for _ in range(steps):
        optimizer.step(closure)
        yield float(closure()), point.detach().clone()
