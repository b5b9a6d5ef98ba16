"""The folded part of the drag window: the model and how it is used. Imported only when it is shown."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, Gtk

from backend.client import Backend
from core.i18n import _
from gimp.model_choice import ModelChoice

SETTLING = 500  # milliseconds without another change before the job is begun anew
CHOICES = (
    ("region", _("Reg_ion")),
    ("likeness", _("_Likeness")),
    ("latent-space", _("Mo_vement")),
)
NUMBERS = (
    ("mask-weight", _("Mask weight"), 1.0, 0),
    ("inversion-steps", _("Steps to find the picture"), 10.0, 0),
)
AUTOMATIC = _("automatic")
ANCHORS, IN_IMAGE = "anchors", "show-in-image"
SWITCHES = (("go-on", _("Repeat from where it ends")), (IN_IMAGE, _("Show it in the image, too")))


class DragSettings:
    """The settings of the procedure's arguments that begin the job anew.

    Args:
        with_anchors: whether the paths can be read in two ways.
        changed: is called when a setting has changed and no other follows.
        read_anew: is called when the paths are read in the other way.
        show_in_image: is called when the subject is to be seen in the image, or no more.

    Attributes:
        widget: to be put into the window.
    """

    def __init__(
        self,
        window: Gtk.Window,
        config: Gimp.ProcedureConfig,
        backend: Backend,
        with_anchors: bool,
        changed: Callable[[], None],
        read_anew: Callable[[], None],
        show_in_image: Callable[[], None],
    ) -> None:
        self._config, self._changed = config, changed
        self._waiting = 0
        self._model = ModelChoice(window, config, backend)
        self.widget = Gtk.Expander(label=_("Model and se_ttings"), use_underline=True)
        self.widget.set_tooltip_text(_("Which model moves the subject, and how. A change finds the picture anew."))
        self.widget.add(self._grid(with_anchors))
        names = ("model", *(name for name, *_ in (*CHOICES, *NUMBERS)))
        self._handlers = [config.connect(f"notify::{name}", lambda *_: self._wait()) for name in names]
        for name, react in ((ANCHORS, read_anew), (IN_IMAGE, show_in_image)):
            self._handlers.append(config.connect(f"notify::{name}", lambda *_, react=react: react()))

    def unfold(self) -> None:
        """Let them be seen."""
        self.widget.set_expanded(True)

    def leave(self) -> None:
        """The window closes: forget what is still asked."""
        self._model.leave()
        if self._waiting:
            GLib.source_remove(self._waiting)
        for handler in self._handlers:
            self._config.disconnect(handler)

    def _grid(self, with_anchors: bool) -> Gtk.Grid:
        grid = Gtk.Grid(row_spacing=6, column_spacing=6, margin_top=6)
        grid.attach(self._model.row, 0, 0, 2, 1)
        choices = [*([(ANCHORS, _("Many a_nchors"))] if with_anchors else []), *CHOICES]
        rows = [(name, label, GimpUi.prop_choice_combo_box_new(self._config, name)) for name, label in choices]
        rows += [
            (name, label, GimpUi.prop_spin_button_new(self._config, name, step, 10 * step, digits))
            for name, label, step, digits in NUMBERS
        ]
        for row, (name, label, widget) in enumerate(rows, start=1):
            title = Gtk.Label.new_with_mnemonic(label)
            title.set_mnemonic_widget(widget)
            title.set_xalign(0)
            widget.set_hexpand(True)
            if isinstance(widget, Gtk.SpinButton):
                _name_lowest(widget)
            for part in (title, widget):
                part.set_tooltip_text(self._config.find_property(name).blurb)
            grid.attach(title, 0, row, 1, 1)
            grid.attach(widget, 1, row, 1, 1)
        for row, (name, label) in enumerate(SWITCHES, start=len(rows) + 1):
            switch = GimpUi.prop_check_button_new(self._config, name, label)
            switch.set_tooltip_text(self._config.find_property(name).blurb)
            grid.attach(switch, 0, row, 2, 1)
        return grid

    def _wait(self) -> None:
        if self._waiting:
            GLib.source_remove(self._waiting)
        self._waiting = GLib.timeout_add(SETTLING, self._settled)

    def _settled(self) -> bool:
        self._waiting = 0
        self._changed()
        return GLib.SOURCE_REMOVE


def _name_lowest(number: Gtk.SpinButton) -> None:
    """Show the lowest value, which leaves it to the model, as a word."""

    def show(number: Gtk.SpinButton) -> bool:
        if number.get_value() > number.get_adjustment().get_lower():
            return False
        number.set_text(AUTOMATIC)
        return True

    number.set_width_chars(len(AUTOMATIC))
    number.set_numeric(False)  # it takes the word, which is then not read as a number
    number.set_update_policy(Gtk.SpinButtonUpdatePolicy.IF_VALID)
    number.connect("output", show)
    number.update()
