"""The real backend with a toy for an engine: it sees every picture perfectly and moves a square of it at once, or
in a tenth of a second for each step where there may be LONG or more of them.

    python -m tests.gimp.patch_backend serve

What an edit changes of the layer, how it comes back and what it costs are the real ones; only the searching for the
picture and the dragging, which take half a minute on a CPU, are left out. A drag of less than a pixel changes nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterator

import numpy as np
import torch

from backend import __main__ as backend_main
from backend import paths
from backend.editing import correspondence
from backend.editing.correspondence import EditImages
from backend.editing.edit_state import EditState
from backend.editing.editor import Editor
from backend.editing.fit import Fit
from backend.editing.pixels import digest, to_model, to_pixels
from backend.editing.region import Region, choose_region
from backend.editing.settings import EDITABLE, DragSettings, InversionSettings, Likeness
from backend.editing.steps import Guess, InversionProgress
from backend.models import models
from backend.models.suggestion import Suggestion
from backend.server import jobs
from tests.gimp.patch_drag import PatchDrag

PICTURES = 4  # that a drag makes on its way
PLAIN_SUBJECTS = "plain subjects"  # a file in the data folder: the tests at work drag nothing with fine detail
FOREIGN_LAYERS = "foreign layers"  # a file in the data folder: the model cannot show what is opened
BETTER = "Cat faces"  # the model that can show it
COMPARED_SMALLER = 90  # pixels of a layer's shorter side; from there on images are compared at half their size
CELL = 4  # pixels of a picture for one of its features
GROUND = 0.15  # of -1 .. 1: a picture of its first colour shows the ground, whose features stay
REACH = 0.35  # of the model's image: how far around the first handle all is moved


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """What is seen, [1, 3, h, w], and for each pixel what moves along with it besides its colours, [1, 8, h, w]."""

    colours: torch.Tensor
    details: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Moved:
    """Another picture with the square around `handle` moved to `goal`; the `place`th of those on the way."""

    base: int
    place: int
    handle: np.ndarray
    goal: np.ndarray


class PatchEditor(Editor):
    """An editor whose pictures are made without its network: a code is the number of one that was made before."""

    def open_steps(
        self,
        image: np.ndarray,
        region: Region | None = None,
        settings: InversionSettings | None = None,
        likeness: Likeness = EDITABLE,
    ) -> Iterator[InversionProgress]:
        region = region or choose_region(image.shape[:2], self.generator.image_size)
        part = region.crop(image)
        small, weight = to_model(region.shrink(part), self.device)
        hidden = torch.where(weight > 0.5, small, small.new_tensor(-0.8))  # a network makes up what it cannot see
        code = self._code_of(hidden)
        fit: Fit = "poor" if (paths.data_folder() / FOREIGN_LAYERS).exists() else "good"
        yield InversionProgress(1, 1, lambda: 99.0, self._preview(code), region)
        state = self._new_state(digest(part), region, code, 99.0, fit)
        self._begin(np.ascontiguousarray(part), image.shape[:2], state, 0.0, code)

    def guess(self, image: np.ndarray, region: Region) -> Guess | None:
        return None

    def sample(
        self, seed: int, truncation_psi: float = 0.7, label: int | None = None, look: int | None = None
    ) -> np.ndarray:
        z = torch.randn(1, self.generator.z_dim, generator=torch.Generator().manual_seed(seed))
        w_plus = self.generator.mapping(z, truncation_psi=truncation_psi)
        picture = self.generator.synthesis(w_plus, noise_mode="const").clamp(-1, 1)
        pixels, (height, width) = to_pixels(picture), picture.shape[2:]
        layer = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
        region = Region(0, 0, width, height, (height, width))
        code = self._code_of(picture)
        self._begin(layer, (height, width), self._new_state(digest(layer), region, code, None, "good"), 0.0, code)
        return pixels

    def _new_drag(self, state: EditState, settings: DragSettings) -> PatchDrag:
        return PatchDrag(self, state, settings)

    def _draft(self, w_plus: torch.Tensor) -> np.ndarray:
        return self._preview(w_plus)()

    def image(self, w_plus: torch.Tensor) -> torch.Tensor:
        return self._picture(int(w_plus.max())).colours

    def _images(self, state: EditState) -> EditImages:
        """The pictures of this edit in their order; their features are colours and, as those of a network, tell of
        what is plain, too, whether it has moved."""
        # Where a pixel of the layer is two of the model's image, half of its size shows a plain disc as well.
        smaller = min(self._layer_size) >= COMPARED_SMALLER and (paths.data_folder() / PLAIN_SUBJECTS).exists()
        correspondence.LONGEST_SIDE = 128 if smaller else 256
        numbers = self._way(int(state.w_plus.max()), int(state.start_w_plus.max()))

        def number(share: float) -> int:
            return numbers[round(share * (len(numbers) - 1))]

        def features(share: float) -> torch.Tensor:
            picture = self._picture(number(share))
            both = torch.cat([picture.colours, picture.details], dim=1)
            return torch.nn.functional.avg_pool2d(both, CELL)[0]

        return EditImages(lambda share: self.image(self._numbered(number(share)))[0], features)

    @functools.cached_property
    def _made(self) -> list[Picture | Moved]:
        """What each number stands for."""
        return []

    def _code_of(self, colours: torch.Tensor) -> torch.Tensor:
        self._made.append(Picture(colours, details_of(colours)))
        return self._numbered(len(self._made) - 1)

    def code_of_moved(self, code: torch.Tensor, handle: np.ndarray, target: np.ndarray) -> torch.Tensor:
        """The code of what `code` shows with the square around `handle` moved to `target`, and of some on the way."""
        for place in range(1, PICTURES + 1):
            goal = handle + place / PICTURES * (target - handle)
            self._made.append(Moved(int(code.max()), place, handle, goal))
        return self._numbered(len(self._made) - 1)

    def _numbered(self, number: int) -> torch.Tensor:
        return torch.full((1, self.generator.num_ws, self.generator.w_dim), float(number))

    def _way(self, number: int, start: int) -> list[int]:
        """The numbers of the pictures from one to another."""
        made = self._made[number]
        if number == start or isinstance(made, Picture):
            return [number]
        return [*self._way(made.base, start), *range(number - made.place + 1, number + 1)]

    @functools.lru_cache(maxsize=8)  # noqa: B019 - there is one editor
    def _picture(self, number: int) -> Picture:
        """A picture, made again where it has to be: a drag that is pulled at has thousands."""
        made = self._made[number]
        if isinstance(made, Picture):
            return made
        start, details = self._picture(made.base).colours, self._picture(made.base).details
        picture = with_square_moved(start, made.handle, made.goal, start[:, :, :1, :1])
        behind = (picture - start[:, :, :1, :1]).abs().amax(dim=1, keepdim=True) < GROUND
        others = with_square_moved(details, made.handle, made.goal, details)
        return Picture(picture, torch.where(behind, details_of(start), others))


def details_of(picture: torch.Tensor) -> torch.Tensor:
    """[1, 8, h, w]: something that is different everywhere, as fine as the features are."""
    height, width = picture.shape[2:]
    values = torch.randn(1, 8, height // CELL, width // CELL, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(values, (height, width))


def with_square_moved(
    picture: torch.Tensor, handle: np.ndarray, target: np.ndarray, ground: torch.Tensor
) -> torch.Tensor:
    """`picture` [1, C, h, w] with the square around `handle` moved to `target`, both (x, y); `ground` fills the gap."""
    if np.hypot(*(target - handle)) < 1:
        return picture
    height, width = picture.shape[2:]
    step = round(float(target[0] - handle[0])), round(float(target[1] - handle[1]))
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")

    def square(centre: np.ndarray) -> torch.Tensor:
        return torch.maximum((x - float(centre[0])).abs(), (y - float(centre[1])).abs()) < REACH * min(height, width)

    shifted = torch.roll(picture, (step[1], step[0]), (2, 3))
    return torch.where(square(target), shifted, torch.where(square(handle), ground, picture))


if __name__ == "__main__":
    jobs.Editor = PatchEditor
    jobs.better_model = lambda *_: Suggestion(models.Offered(BETTER, models.WEIGHTS, None), "good", 0.3)
    models.find_encoder = lambda model: None  # which would look for an animal in the tests' layers
    sys.exit(backend_main.main())
