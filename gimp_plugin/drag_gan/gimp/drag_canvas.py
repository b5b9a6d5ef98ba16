"""The middle of the drag window as a widget: mouse, wheel and keys on the picture. Imported only when it is shown."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk

from core.drag_session import DragSession
from core.gestures import Gestures
from core.view import Point, View
from gimp.drag_picture import DragPicture

LEFT, MIDDLE = 1, 2  # buttons
ZOOM = 1.25  # of one turn of the wheel
SMALL_STEP, LARGE_STEP = 2.0, 20.0  # pixels of the screen that the keyboard's cross goes, the latter with Shift
ARROWS = {Gdk.KEY_Left: (-1, 0), Gdk.KEY_Right: (1, 0), Gdk.KEY_Up: (0, -1), Gdk.KEY_Down: (0, 1)}
ZOOM_KEYS = {Gdk.KEY_plus: ZOOM, Gdk.KEY_KP_Add: ZOOM, Gdk.KEY_minus: 1 / ZOOM, Gdk.KEY_KP_Subtract: 1 / ZOOM}
FIT_KEYS = (Gdk.KEY_0, Gdk.KEY_KP_0)
FULL_SIZE_KEYS = (Gdk.KEY_1, Gdk.KEY_KP_1)  # as in GIMP
PRESS_KEYS = (Gdk.KEY_Return, Gdk.KEY_KP_Enter)
REMOVE_KEYS = (Gdk.KEY_Delete, Gdk.KEY_BackSpace, Gdk.KEY_KP_Delete)


class DragCanvas:
    """Shows the picture, and turns events into gestures.

    Args:
        changed: is called when the artist has changed what is wanted, or chosen something.

    Attributes:
        widget: to be put into the window.
    """

    def __init__(
        self, picture: DragPicture, session: DragSession, gestures: Gestures, changed: Callable[[], None]
    ) -> None:
        self._picture, self._session, self._gestures, self._changed = picture, session, gestures, changed
        self._image = Gtk.Image(xalign=0, yalign=0)
        self.widget = Gtk.Layout(can_focus=True, has_tooltip=False)
        self.widget.put(self._image, 0, 0)
        self._drawing = 0  # what draws it when there is nothing more urgent
        self._panned: Point | None = None  # where the middle button's pointer was
        self._fitted = True  # whether the view is still as large as can be
        self._connect()

    def redraw(self) -> None:
        """Draw it anew as soon as all events are heard."""
        if not self._drawing:
            self._drawing = GLib.idle_add(self._draw, priority=GLib.PRIORITY_HIGH_IDLE + 25)

    def fit(self) -> None:
        """Show all that the model sees, as large as can be."""
        gestures = self._gestures
        gestures.view = gestures.view.fitted(gestures.region or (0, 0, *gestures.view.layer))
        self._fitted = True
        self.redraw()

    def fit_again(self) -> None:
        """Do so if the artist has not chosen another view."""
        if self._fitted:
            self.fit()

    def show_original(self, original: bool) -> None:
        """Show the layer alone, or all."""
        if self._picture.original != original:
            self._picture.original = original
            self.redraw()

    def leave(self) -> None:
        """The window closes: draw no more."""
        if self._drawing:
            GLib.source_remove(self._drawing)

    def _connect(self) -> None:
        mask = Gdk.EventMask
        self.widget.add_events(
            mask.BUTTON_PRESS_MASK
            | mask.BUTTON_RELEASE_MASK
            | mask.POINTER_MOTION_MASK
            | mask.SCROLL_MASK
            | mask.SMOOTH_SCROLL_MASK
            | mask.LEAVE_NOTIFY_MASK
            | mask.KEY_PRESS_MASK
            | mask.KEY_RELEASE_MASK
        )
        for signal, react in (
            ("size-allocate", self._resized),
            ("button-press-event", self._pressed),
            ("button-release-event", self._released),
            ("motion-notify-event", self._went),
            ("leave-notify-event", self._left),
            ("scroll-event", self._scrolled),
            ("key-press-event", self._key_pressed),
            ("key-release-event", self._key_released),
            ("focus-in-event", self._focused),
            ("focus-out-event", self._unfocused),
        ):
            self.widget.connect(signal, lambda widget, event, react=react: react(event))

    def _draw(self) -> bool:
        self._drawing = 0
        self._image.set_from_pixbuf(self._picture.drawn())
        return GLib.SOURCE_REMOVE

    def _resized(self, place: Gdk.Rectangle) -> None:
        size = max(1, place.width), max(1, place.height)
        if size != self._gestures.view.size:
            self._gestures.view = self._gestures.view.resized(size)
            self.fit_again()
            self.redraw()

    def _pressed(self, event: Gdk.EventButton) -> bool:
        point = event.x, event.y
        if event.type != Gdk.EventType.BUTTON_PRESS or event.button not in (LEFT, MIDDLE):
            return False
        self.widget.grab_focus()
        self._picture.cursor = None
        if event.button == MIDDLE:
            self._panned = point
        else:
            self._gestures.press(point)
            self._tell()
        return True

    def _released(self, event: Gdk.EventButton) -> bool:
        if event.button == MIDDLE:
            self._panned = None
        elif event.button == LEFT and self._gestures.held:
            self._gestures.release((event.x, event.y))
            self._tell()
        return True

    def _went(self, event: Gdk.EventMotion) -> bool:
        self._picture.pointer = point = event.x, event.y
        if self._panned:
            self._look(self._gestures.view.moved(point[0] - self._panned[0], point[1] - self._panned[1]))
            self._panned = point
        elif self._gestures.move(point):
            self._tell()
        else:
            self.redraw()
        return True

    def _left(self, event: Gdk.EventCrossing) -> bool:
        self._picture.pointer = None
        self.redraw()
        return False

    def _scrolled(self, event: Gdk.EventScroll) -> bool:
        smooth, _, dy = event.get_scroll_deltas()
        if not smooth:
            _, direction = event.get_scroll_direction()
            dy = {Gdk.ScrollDirection.UP: -1, Gdk.ScrollDirection.DOWN: 1}.get(direction, 0)
        self._look(self._gestures.view.zoomed(ZOOM**-dy, (event.x, event.y)))
        return True

    def _look(self, view: View) -> None:
        self._gestures.view = view
        self._fitted = False
        self.redraw()

    def _key_pressed(self, event: Gdk.EventKey) -> bool:
        key, view = event.keyval, self._gestures.view
        if event.state & (Gdk.ModifierType.CONTROL_MASK | Gdk.ModifierType.MOD1_MASK):
            return False
        if key in ARROWS:
            self._go(ARROWS[key], LARGE_STEP if event.state & Gdk.ModifierType.SHIFT_MASK else SMALL_STEP)
        elif key in PRESS_KEYS:
            self._press_or_release()
        elif key in REMOVE_KEYS and not self._gestures.held:
            self._session.remove_chosen()
            self._tell()
        elif key in ZOOM_KEYS:
            self._look(view.zoomed(ZOOM_KEYS[key], self._picture.cursor or self._picture.pointer or self._middle))
        elif key in FULL_SIZE_KEYS:
            self._look(view.zoomed(1 / view.scale, self._middle))
        elif key in FIT_KEYS:
            self.fit()
        elif key == Gdk.KEY_space:
            self.show_original(True)
        elif key == Gdk.KEY_Escape and self._gestures.held:
            self._gestures.abandon()
            self._tell()
        else:
            return False
        return True

    def _key_released(self, event: Gdk.EventKey) -> bool:
        if event.keyval == Gdk.KEY_space:
            self.show_original(False)
        return False

    @property
    def _middle(self) -> Point:
        width, height = self._gestures.view.size
        return width / 2, height / 2

    def _go(self, direction: tuple[int, int], step: float) -> None:
        """Move the keyboard's cross, and with it what it has taken."""
        x, y = self._picture.cursor or self._middle
        width, height = self._gestures.view.size
        x, y = x + step * direction[0], y + step * direction[1]
        self._picture.cursor = point = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
        if self._gestures.move(point):
            self._tell()
        self.redraw()

    def _press_or_release(self) -> None:
        """Enter is the button: pressed once to take what is under the cross, once more to let it go."""
        self._picture.cursor = point = self._picture.cursor or self._middle
        if self._gestures.held:
            self._gestures.release(point)
        else:
            self._gestures.press(point)
        self._tell()

    def _focused(self, event: Gdk.EventFocus) -> bool:
        self.redraw()
        return False

    def _unfocused(self, event: Gdk.EventFocus) -> bool:
        self._picture.cursor = None
        self.show_original(False)
        self.redraw()
        return False

    def _tell(self) -> None:
        self.redraw()
        self._changed()
