"""Beside the picture of the drag window: tools, how far, steps back. Imported only when it is shown."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk

from core.advice import TIPS
from core.drag_session import AS_PULLED, DragSession
from core.gestures import Gestures, Tool
from core.i18n import _

FARTHEST = 150  # per cent of the way gone
GAP = 12  # pixels between groups
TOOLS = ((Tool.PULL, _("_Pull")), (Tool.PAINT, _("P_aint")), (Tool.ERASE, _("_Erase")))


class DragControls:
    """The controls and what they change.

    Args:
        changed: is called when what is wanted has changed, or how it is looked at.
        original: is told when the layer is to be seen as it was, and when no more.

    Attributes:
        box: to be put into the window.
    """

    def __init__(
        self,
        session: DragSession,
        gestures: Gestures,
        changed: Callable[[], None],
        original: Callable[[bool], None],
    ) -> None:
        self._session, self._gestures, self._changed = session, gestures, changed
        self._showing = False  # whether the controls are set by us
        self.box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=GAP)
        for part in (self._tools(), self._brush(), self._following(), self._far(), self._steps(), self._see(original)):
            self.box.pack_start(part, False, False, 0)
        self.show()

    def connect_keys(self, window: Gtk.Window) -> None:
        """Let the window's keys take back and do again, wherever the keyboard is."""
        keys = Gtk.AccelGroup()
        window.add_accel_group(keys)
        control = self.box.get_modifier_mask(Gdk.ModifierIntent.PRIMARY_ACCELERATOR)
        visible = Gtk.AccelFlags.VISIBLE
        self._undo.add_accelerator("clicked", keys, Gdk.KEY_z, control, visible)
        self._redo.add_accelerator("clicked", keys, Gdk.KEY_z, control | Gdk.ModifierType.SHIFT_MASK, visible)
        self._redo.add_accelerator("clicked", keys, Gdk.KEY_y, control, visible)

    def show(self) -> None:
        """Show what is wanted now."""
        self._showing = True
        session = self._session
        self._undo.set_sensitive(session.can_undo)
        self._redo.set_sensitive(session.can_redo)
        self._delete.set_sensitive(session.drag(session.chosen) is not None)
        self._scale.set_sensitive(session.can_keep)
        self._scale.set_value(round(100 * session.how_far))
        self._start.set_sensitive(not self._follow.get_active() and session.pulls)
        self._start.set_label(_("Pau_se") if session.running and not self._follow.get_active() else _("_Start"))
        self._brush_row.set_sensitive(self._gestures.tool is not Tool.PULL)
        self._showing = False

    def _tools(self) -> Gtk.Widget:
        row = Gtk.ButtonBox(layout_style=Gtk.ButtonBoxStyle.EXPAND, orientation=Gtk.Orientation.HORIZONTAL)
        first = None
        for tool, label in TOOLS:
            button = Gtk.RadioButton.new_with_mnemonic_from_widget(first, label)
            button.set_property("draw-indicator", False)
            button.set_tooltip_text(TIPS[tool])
            button.connect("toggled", lambda button, tool=tool: button.get_active() and self._take(tool))
            row.add(button)
            first = first or button
        return row

    def _brush(self) -> Gtk.Widget:
        longest = max(self._gestures.view.layer)
        scale = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 1, 50, 1)
        scale.set_value(100 * self._gestures.brush / longest)
        scale.set_draw_value(False)
        scale.connect("value-changed", lambda scale: self._set_brush(scale.get_value() * longest / 100))
        tip = _("How large the brush of Paint and Erase is.")
        self._brush_row = _labelled(_("_Brush size"), scale, tip)
        return self._brush_row

    def _following(self) -> Gtk.Widget:
        self._follow = Gtk.CheckButton.new_with_mnemonic(_("_Follow the mouse"))
        self._follow.set_tooltip_text(
            _("The subject moves while you pull. Without this it waits for Start, and you can place all points before.")
        )
        self._follow.set_active(self._session.running)
        self._start = Gtk.Button.new_with_mnemonic(_("_Start"))
        self._start.set_tooltip_text(_("Let the subject move to where it is pulled, or stop it where it is."))
        self._follow.connect("toggled", lambda button: self._run(button.get_active()))
        self._start.connect("clicked", lambda button: self._run(not self._session.running))
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        row.pack_start(self._follow, True, True, 0)
        row.pack_start(self._start, False, False, 0)
        return row

    def _far(self) -> Gtk.Widget:
        self._scale = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 0, FARTHEST, 1)
        self._scale.set_value(100 * AS_PULLED)
        self._scale.add_mark(100, Gtk.PositionType.BOTTOM, None)
        self._scale.set_value_pos(Gtk.PositionType.RIGHT)
        self._scale.connect("format-value", lambda scale, value: f"{value:.0f} %")
        self._scale.connect("value-changed", lambda scale: self._go(scale.get_value() / 100))
        tip = _(
            "Between the picture as it was (0 %) and as it was pulled (100 %), or beyond. Keep keeps what is shown."
        )
        return _labelled(_("Ho_w far"), self._scale, tip)

    def _steps(self) -> Gtk.Widget:
        self._undo = Gtk.Button.new_with_mnemonic(_("_Undo"))
        self._undo.set_tooltip_text(_("Take the last step back, and the picture with it (Ctrl+Z)."))
        self._redo = Gtk.Button.new_with_mnemonic(_("Redo"))
        self._redo.set_tooltip_text(_("Do again what was taken back (Ctrl+Shift+Z)."))
        self._delete = Gtk.Button.new_with_mnemonic(_("_Delete"))
        self._delete.set_tooltip_text(_("Remove the chosen point; what it moved stays moved (Delete)."))
        row = Gtk.ButtonBox(layout_style=Gtk.ButtonBoxStyle.EXPAND, orientation=Gtk.Orientation.HORIZONTAL)
        for button, act in (
            (self._undo, self._gestures.undo),
            (self._redo, self._session.redo),
            (self._delete, self._session.remove_chosen),
        ):
            button.connect("clicked", lambda button, act=act: (act(), self._changed()))
            row.add(button)
        return row

    def _see(self, original: Callable[[bool], None]) -> Gtk.Widget:
        button = Gtk.ToggleButton.new_with_mnemonic(_("Show the _original"))
        button.set_tooltip_text(_("See the layer as it was; or hold the space bar while the picture has the keyboard."))
        button.connect("toggled", lambda button: original(button.get_active()))
        return button

    def _take(self, tool: Tool) -> None:
        self._gestures.tool = tool
        self._changed()

    def _set_brush(self, brush: float) -> None:
        self._gestures.brush = brush
        self._changed()

    def _run(self, running: bool) -> None:
        if not self._showing:
            self._session.run(running)
            self._changed()

    def _go(self, how_far: float) -> None:
        if not self._showing:
            self._session.go(how_far)
            self._changed()


def _labelled(label: str, widget: Gtk.Widget, tip: str) -> Gtk.Box:
    """Return a widget beside its label, with a tool-tip for both."""
    name = Gtk.Label.new_with_mnemonic(label)
    name.set_mnemonic_widget(widget)
    name.set_xalign(0)
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6, tooltip_text=tip)
    row.pack_start(name, False, False, 0)
    row.pack_start(widget, True, True, 0)
    return row
