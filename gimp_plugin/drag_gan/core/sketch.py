"""What the dialog shows of a drag before it begins: the layer with arrows, pins, what is held, and the region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core import markers, png
from core.drags import Anchors, Drag, Stroke, drags_from_strokes, has_choice

LONGEST_SIDE = 360
Box = tuple[int, int, int, int]  # x, y, width, height in layer pixels


@dataclass(frozen=True)
class Sketch:
    """A layer and the strokes on it.

    picture: RGB, the whole layer made smaller; mask: one channel of the same size, or None;
    strokes: in image pixels; offset (x, y) of the layer in the image; size (width, height) of the layer;
    selected: the box around what is selected of the layer, or None.
    """

    picture: png.Pixels
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
        """The drags; raises Problem."""
        return drags_from_strokes(self.strokes, self.offset, self.size, anchors)

    def tinted(self) -> png.Pixels:
        """The layer, reddish where it is not selected."""
        return markers.tint(self.picture, self.mask) if self.mask else self.picture

    def drawn(self, ground: png.Pixels, drags: Sequence[Drag], region: Box | None) -> png.Pixels:
        """`ground` (what `tinted` gave) with the region's frame and the drags."""
        if region:
            (left, top), (right, bottom) = self._small(
                (region[0], region[1]), (region[0] + region[2], region[1] + region[3])
            )
            ground = markers.frame(ground, (left, top, right - left, bottom - top))
        return markers.draw(ground, [self._small(*(drag.way if not drag.is_pin else (drag.handle,))) for drag in drags])

    def _small(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        return markers.to_picture(points, (0, 0, *self.size), (self.picture.width, self.picture.height))


def box_around(mask: png.Pixels | None) -> Box | None:
    """The smallest box around all of a mask of one channel that is not zero; None when there is nothing."""
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
    """A mask of one channel at a smaller size (width, height): of every few pixels, the middle one."""
    columns = [int((x + 0.5) * mask.width / size[0]) for x in range(size[0])]
    rows = [int((y + 0.5) * mask.height / size[1]) * mask.width for y in range(size[1])]
    return png.Pixels(*size, 1, bytes(mask.data[row + column] for row in rows for column in columns))
