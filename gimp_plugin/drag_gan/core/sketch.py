"""What the dialog shows of a drag before it begins: the layer with arrows, pins, its fixed part, and the region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.client import png
from core import markers
from core.drags import Anchors, Drag, Stroke, drags_from_strokes, has_choice

LONGEST_SIDE = 360
Box = tuple[int, int, int, int]  # x, y, width, height in layer pixels


@dataclass(frozen=True)
class Sketch:
    """A layer and the strokes on it.

    Args:
        image: RGB, the whole layer made smaller.
        mask: one channel of the same size, white = may move; None when nothing is selected.
        strokes: in pixels of GIMP's image.
        offset: (x, y) of the layer in GIMP's image.
        size: (width, height) of the layer.
        selected: the box around what is selected of the layer, or None.
    """

    image: png.Pixels
    mask: png.Pixels | None
    strokes: Sequence[Stroke]
    offset: tuple[int, int]
    size: tuple[int, int]
    selected: Box | None

    @property
    def has_choice(self) -> bool:
        """Whether the artist can choose what the anchors between the first and the last one mean."""
        return has_choice(self.strokes)

    def drags(self, anchors: Anchors) -> list[Drag]:
        """Return the drags. Raises UserError."""
        return drags_from_strokes(self.strokes, self.offset, self.size, anchors)

    def tinted(self) -> png.Pixels:
        """Return the layer, reddish where it is not selected."""
        return markers.tint(self.image, self.mask) if self.mask else self.image

    def drawn(self, background: png.Pixels, drags: Sequence[Drag], region: Box | None) -> png.Pixels:
        """Draw the region's frame and the drags.

        Args:
            background: what `tinted` returned.
            region: in pixels of the layer.
        """
        if region:
            (left, top), (right, bottom) = self._to_preview(
                (region[0], region[1]), (region[0] + region[2], region[1] + region[3])
            )
            background = markers.frame(background, (left, top, right - left, bottom - top))
        trajectories = [drag.trajectory if not drag.is_pin else (drag.handle,) for drag in drags]
        return markers.draw(background, [self._to_preview(*points) for points in trajectories])

    def _to_preview(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        return markers.to_preview(points, (0, 0, *self.size), (self.image.width, self.image.height))


def box_around(mask: png.Pixels | None) -> Box | None:
    """Return the smallest box around all of a mask of one channel that is not zero; None when there is nothing."""
    if mask is None:
        return None
    rows = [mask.data[start : start + mask.width] for start in range(0, mask.width * mask.height, mask.width)]
    used = [y for y, row in enumerate(rows) if any(row)]
    if not used:
        return None
    left = min(len(rows[y]) - len(rows[y].lstrip(b"\0")) for y in used)
    right = max(len(rows[y].rstrip(b"\0")) for y in used)
    return left, used[0], right - left, used[-1] - used[0] + 1


def shrunk(mask: png.Pixels, size: tuple[int, int]) -> png.Pixels:
    """Return a mask of one channel at a smaller size (width, height): of every few pixels, the middle one."""
    columns = [int((x + 0.5) * mask.width / size[0]) for x in range(size[0])]
    rows = [int((y + 0.5) * mask.height / size[1]) * mask.width for y in range(size[1])]
    return png.Pixels(*size, 1, bytes(mask.data[row + column] for row in rows for column in columns))
