"""What the mouse means on the picture of the drag window: pull, take a marker, set a pin, paint. Nothing of GIMP."""

from __future__ import annotations

import math
from enum import Enum

from core import may_move
from core.drag_session import AS_PULLED, DragSession
from core.i18n import _
from core.pull import Pull
from core.view import Box, Point, View

REACH = 11.0  # pixels of the screen around a marker's middle that take it
CLICK = 4.0  # pixels of the screen that a click may wander
OUTSIDE = _("The model sees only the bright part of the picture; pull there.")
NOT_AS_PULLED = _("The picture is shown as it was pulled again, so that it can be pulled on.")


class Tool(Enum):
    """What the left button does."""

    PULL, PAINT, ERASE = "pull", "paint", "erase"


class Gestures:
    """One press of the button to its release, again and again.

    Args:
        session: is changed.
        layer: (width, height) of the layer.

    Attributes:
        tool: that is held.
        brush: its diameter in pixels of the layer.
        view: through which the layer is seen.
        region: what the model sees of the layer, None while nobody knows.
        opening_mask: what may move as the job was opened, small; None: everything.
        pull: the last one of a target, None before; and after a step back.
        hint: why the last press did nothing, or not what was meant; "" where all is well.
    """

    def __init__(self, session: DragSession, layer: tuple[int, int]) -> None:
        self._session, self._layer = session, layer
        self.tool, self.brush = Tool.PULL, max(layer) / 8
        self.view = View((1, 1), layer)
        self.region: Box | None = None
        self.opening_mask: may_move.png.Pixels | None = None
        self.pull: Pull | None = None
        self.hint = ""
        self._start: Point | None = None  # on the screen, of the press
        self._last: Point = (0.0, 0.0)  # on the layer, of a brush
        self._taken: str | None = None  # the part of the chosen drag that is moved
        self._changed = False  # whether this press has changed anything yet

    @property
    def held(self) -> bool:
        """Whether the button is pressed on the picture."""
        return self._start is not None

    def press(self, point: Point) -> None:
        """Begin at a point of the screen."""
        self.hint, self._changed, self._taken = "", False, None
        place = self.view.to_layer(point)
        if self.tool is not Tool.PULL:
            self._start, self._last = point, place
            self._stroke(place)
            return
        found = self._session.nearest(place, REACH / self.view.scale)
        if found:
            self._session.chosen, self._taken = found
        elif not self._can_be_pulled(place):
            self.hint = OUTSIDE
            return
        else:
            self._session.chosen = None
        if self._session.how_far != AS_PULLED:
            self.hint = NOT_AS_PULLED
            self._session.go(AS_PULLED)
        self._start = point

    def move(self, point: Point) -> bool:
        """Go on to a point of the screen; return whether that has changed anything."""
        if self._start is None:
            return False
        if self.tool is not Tool.PULL:
            self._stroke(self.view.to_layer(point))
        elif self._changed or math.dist(point, self._start) > CLICK:
            self._pull(self._inside(self.view.to_layer(point)))
        else:
            return False
        return True

    def release(self, point: Point) -> None:
        """End at a point of the screen: a click on no marker sets a pin."""
        self.move(point)
        if self._start and self.tool is Tool.PULL and not self._changed and not self._taken:
            place = self._inside(self.view.to_layer(self._start))
            self._session.add(place, place)
        self._start = None

    def abandon(self) -> None:
        """Forget this press and what it has changed."""
        self.pull = None
        if self._start and self._changed:
            self._session.undo()
        self._start = None

    def undo(self) -> None:
        """Take back what is pulled or painted just now, else the last step."""
        if self.held:
            self.abandon()
        else:
            self.pull = None
            self._session.undo()

    def take_layer(self, size: tuple[int, int]) -> None:
        """Another layer is shown: (width, height)."""
        self._layer, self.region, self.view = size, None, self.view._replace(layer=size)

    def _pull(self, place: Point) -> None:
        session, chosen = self._session, self._session.chosen
        if chosen is None and self._start:
            added = session.add(self._inside(self.view.to_layer(self._start)), place)
            self._taken, self.pull = "target", Pull(added)
        elif chosen is not None and self._taken == "handle":
            session.grip_elsewhere(chosen, place, same_step=self._changed)
        elif chosen is not None:
            if not self._changed:
                self.pull = Pull(chosen)
            session.pull_on(chosen, place, same_step=self._changed)
        self._changed = True

    def _stroke(self, place: Point) -> None:
        """Paint from where the brush was to a point of the layer."""
        may = self.tool is Tool.PAINT
        mask = self.mask or may_move.everything(self._layer, may_move.HELD if may else may_move.MAY_MOVE)
        scale = mask.width / self._layer[0]
        start, end = ((x * scale, y * scale) for x, y in (self._last, place))
        value = may_move.MAY_MOVE if may else may_move.HELD
        mask = may_move.painted(mask, start, end, self.brush / 2 * scale, value)
        self._session.paint(mask, same_step=self._changed)
        self._last, self._changed = place, True

    @property
    def mask(self) -> may_move.png.Pixels | None:
        """What may move, small; None: everything."""
        return self._session.scene.mask or self.opening_mask

    def _can_be_pulled(self, place: Point) -> bool:
        x, y, width, height = self.region or (0, 0, *self._layer)
        return x <= place[0] < x + width and y <= place[1] < y + height

    def _inside(self, place: Point) -> Point:
        """Return the nearest point that the model sees."""
        x, y, width, height = self.region or (0, 0, *self._layer)
        return min(max(place[0], x), x + width - 0.01), min(max(place[1], y), y + height - 0.01)
