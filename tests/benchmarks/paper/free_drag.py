"""FreeDrag (Ling et al. 2024) from its formulas: no tracking, but a template that adapts, and a search along the line.

Each handle has a place on the straight line to its target, at which its patch is asked to look like its template. After
at most so many steps the template takes over some of what is there, the more the nearer it came, and the next place is
looked for on the line: ahead, where the features differ about so much as one sub-step can bridge; back, where the patch
stayed behind.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backend.editing.drag_features import DragFeatures
from backend.editing.feature_map import FeatureMap, disc
from backend.editing.preset import default_drag_settings
from tests.benchmarks.paper.moves import Asked, End

UNLIKE = 0.12  # l, in deviations of the features: the paper's 0.3 belongs to those of its models
AHEAD = 3.0  # d at 512 pixels: how far ahead the next place may be
SUB_STEPS = 5  # of the code, at most, between two places
NEAR = 0.5  # of l: a sub-step ends here
LAYERS = 6
CANDIDATES = 13  # places of the line that are compared


def move(asked: Asked) -> End:
    """Drag until each handle is where it should be and looks as it should there, or the steps are spent."""
    return _FreeDrag(asked).run()


class _FreeDrag:
    """One drag; `along` is how far on its line each handle is asked to be, in pixels [N]."""

    def __init__(self, asked: Asked) -> None:
        generator, settings = asked.generator, default_drag_settings(asked.generator)
        w_plus, self.max_steps = asked.w_plus, asked.max_steps
        handles, targets = torch.as_tensor(asked.handles).float(), torch.as_tensor(asked.targets).float()
        self.start, self.handles = w_plus, handles
        self.length = (targets - handles).norm(dim=1)
        self.direction = (targets - handles) / self.length.clamp(min=1e-6)[:, None]
        self.features = DragFeatures(generator, w_plus, LAYERS, settings.feature_block)
        self.patch, self.r1 = disc(settings.r1, handles.device), settings.r1
        self.ahead = max(AHEAD * generator.image_size[0] / 512, 0.5 * self.features.texel)
        self.offset = torch.zeros_like(w_plus[:, :LAYERS]).requires_grad_()
        self.adam = torch.optim.Adam([self.offset], settings.step_size)
        self.along, self.steps = torch.zeros(len(handles)), 0
        with torch.no_grad():
            self.unlike = UNLIKE * float(generator.synthesis.features(w_plus, settings.feature_block).std())
            self.templates = self._patches(self._map(), self.along)

    def run(self) -> End:
        """Go from sub-motion to sub-motion."""
        self.along = self._next(self._map().detach(), torch.zeros_like(self.along))
        while self.steps < self.max_steps:
            loss = self._approach()
            features = self._map().detach()
            self._renew(features, loss)
            if bool(((self.along >= self.length - 1e-3) & (loss <= NEAR * self.unlike)).all()):
                break
            self.along = self._next(features, loss)
        code = torch.cat([self.start[:, :LAYERS] + self.offset.detach(), self.start[:, LAYERS:]], dim=1)
        return End(code, self.steps)

    def _approach(self) -> Tensor:
        """Take the steps of one sub-motion, and return how unlike their templates the patches are then [N]."""
        for _ in range(min(SUB_STEPS, self.max_steps - self.steps)):
            self.adam.zero_grad()
            loss = self._loss(self._map())
            if bool((loss <= NEAR * self.unlike).all()):
                return loss.detach()
            loss.sum().backward()
            self.adam.step()
            self.steps += 1
        return self._loss(self._map()).detach()

    def _loss(self, features: FeatureMap) -> Tensor:
        return (self._patches(features, self.along) - self.templates).abs().mean(dim=(1, 2))

    def _renew(self, features: FeatureMap, loss: Tensor) -> None:
        """T <- lambda F + (1 - lambda) T, with a lambda that falls with the loss."""
        alpha, beta = math.log(9) / (0.6 * self.unlike), 0.2 * self.unlike
        share = (alpha * (beta - loss)).sigmoid()[:, None, None]
        self.templates = share * self._patches(features, self.along) + (1 - share) * self.templates

    def _next(self, features: FeatureMap, loss: Tensor) -> Tensor:
        """Return the next place of each handle on its line [N].

        Ahead where it came near enough: that whose difference from the template is nearest to l, at most AHEAD. Else
        the most alike one of those behind.
        """
        steps = torch.linspace(0, self.ahead, CANDIDATES)
        forth = torch.minimum(self.along[:, None] + steps[1:], self.length[:, None])
        back = (self.along[:, None] - steps).clamp(min=0)
        further, behind = self._unlike(features, forth), self._unlike(features, back)
        went = forth.gather(1, (further - self.unlike).abs().argmin(1, keepdim=True))[:, 0]
        returned = back.gather(1, behind.argmin(1, keepdim=True))[:, 0]
        return torch.where(loss <= self.unlike, went, returned)

    def _unlike(self, features: FeatureMap, along: Tensor) -> Tensor:
        """How unlike its template each handle's patch is at places [N, K] of its line: [N, K]."""
        found = torch.stack([self._patches(features, column) for column in along.unbind(dim=1)], dim=1)
        return (found - self.templates[:, None]).abs().mean(dim=(2, 3))

    def _patches(self, features: FeatureMap, along: Tensor) -> Tensor:
        """The features [N, Q, C] around places [N] of the lines."""
        return features.read((self.handles + self.direction * along[:, None])[:, None] + self.patch)

    def _map(self) -> FeatureMap:
        """The features where anything is read before the next map."""
        place, reach = self.handles + self.direction * self.along[:, None], self.r1 + self.ahead + 1
        return self.features.within(self.start[:, :LAYERS] + self.offset, place - reach, place + reach)
