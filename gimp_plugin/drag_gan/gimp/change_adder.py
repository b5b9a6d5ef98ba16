"""Adds a change of 8 bits to values of 16 bits, with the only library for arithmetic that GIMP's Python has: GEGL."""

from __future__ import annotations

import gi

gi.require_version("Gegl", "0.4")
from gi.repository import Gegl

SUM_WIDTH = 512  # some whole tiles of GEGL: it makes and clears all of a tile, however little of it is used
NONE = Gegl.AbyssPolicy.NONE


class ChangeAdder:
    """Adds up many numbers at once: GIMP's Python has no library for that, but GEGL.

    The numbers are given to GEGL as if each three of them were a colour of linear light, in rows that have nothing to
    do with the image's: of what they are it would add the light, not the numbers, and leave alpha out.

    Args:
        most: how many numbers are added up at a time. To make and end the buffers takes longer than to add.
    """

    def __init__(self, most: int) -> None:
        height = -(-most // (3 * SUM_WIDTH))
        self._values, self._after, self._before, self._total = (
            Gegl.Buffer.new(form, 0, 0, SUM_WIDTH, height) for form in ("RGB u16", "RGB u8", "RGB u8", "RGB u16")
        )
        self._graph = Gegl.Node()
        values, after, before = (
            self._node("gegl:buffer-source", buffer=buffer) for buffer in (self._values, self._after, self._before)
        )
        change, self._sum = self._node("gegl:subtract"), self._node("gegl:add")
        for source, target, pad in (
            (after, change, "input"),
            (before, change, "aux"),
            (values, self._sum, "input"),
            (change, self._sum, "aux"),
        ):
            source.connect_to("output", target, pad)

    def _node(self, operation: str, **properties: object) -> Gegl.Node:
        node = self._graph.create_child(operation)
        for name, value in properties.items():
            node.set_property(name, value)
        return node

    def add(self, values: bytes, after: bytes, before: bytes) -> bytes:
        """Return `values` plus the difference of `after` and `before`, within 16 bits.

        Args:
            values: 16 bits for each number.
            after, before: 8 bits for each number.
        """
        count = len(before)
        rows = -(-count // (3 * SUM_WIDTH))
        area = Gegl.Rectangle.new(0, 0, SUM_WIDTH, rows)
        missing = bytes(3 * SUM_WIDTH * rows - count)  # of the last row
        self._values.set(area, "RGB u16", values + 2 * missing)
        self._after.set(area, "RGB u8", after + missing)
        self._before.set(area, "RGB u8", before + missing)
        self._sum.blit_buffer(self._total, area, 0, NONE)
        return bytes(self._total.get(area, 1.0, "RGB u16", NONE))[: 2 * count]
