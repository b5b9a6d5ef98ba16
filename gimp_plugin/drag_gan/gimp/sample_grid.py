"""The thumbnails of New Sample Image: as many as one scrolls to. Imported only when they are shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Gdk", "3.0")
gi.require_version("GdkPixbuf", "2.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk

from backend.client import png
from backend.errors import Cancelled, UserError
from core.i18n import _, translated
from gimp.widgets import text, to_pixbuf

COLUMNS, ROWS = 4, 3
COUNT = COLUMNS * ROWS  # that are asked for at a time
SIDE = 112  # pixels of a thumbnail
PEEK = SIDE // 4  # of the next row, so that one sees that it goes on
LOW = 800  # pixels of a screen on which one row less is shown

Options = dict[str, object]
Thumbnails = Callable[[Options, Callable[[], bool]], Iterator[png.Pixels]]


class SampleGrid:
    """Shows the samples of all seeds from a first one on, and asks for more when one comes near their end.

    Args:
        thumbnails: RGB images for these options, until the function it is given returns True; in another thread, too.
        largest_seed: that there is.
        choose: is called with the seed that the artist has chosen.
        take: is called when that is the one to be taken: by a double click, or by Enter.

    Attributes:
        widget: to be put into the window.
    """

    def __init__(
        self, thumbnails: Thumbnails, largest_seed: int, choose: Callable[[int], None], take: Callable[[], None]
    ) -> None:
        self._thumbnails, self._largest_seed, self._choose = thumbnails, largest_seed, choose
        self._images: list[Gtk.Image] = []
        self._options: Options = {}
        self._first = 0
        self._asked = 0  # what was asked before the last time is stale
        self._come = 0  # how many of those asked for at last are here
        self._choosing = False
        self._build()
        self._grid.connect("child-activated", lambda grid, child: take())
        self._grid.connect("selected-children-changed", lambda grid: self._chosen())
        self._scrolled.get_vadjustment().connect("value-changed", lambda adjustment: self._look_ahead())
        self._scrolled.get_vadjustment().connect("changed", lambda adjustment: self._look_ahead())

    def _build(self) -> None:
        self._grid = Gtk.FlowBox(selection_mode=Gtk.SelectionMode.BROWSE, homogeneous=True, valign=Gtk.Align.START)
        self._grid.set_activate_on_single_click(False)
        self._grid.set_min_children_per_line(COLUMNS)
        self._grid.set_max_children_per_line(COLUMNS)
        self._scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        is_low = Gdk.Display.get_default().get_monitor(0).get_workarea().height < LOW
        self._scrolled.set_min_content_height((ROWS - is_low) * (SIDE + 2) + PEEK)
        self._scrolled.add(self._grid)
        self._grid.set_focus_vadjustment(self._scrolled.get_vadjustment())
        self._text = text()
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.widget.pack_start(self._scrolled, True, True, 0)
        self.widget.pack_start(self._text, False, False, 0)
        self.widget.show_all()
        self._grid.connect("map", lambda grid: self.focus())

    def begin(self, options: Options, seed: int) -> None:
        """Show the samples from a seed on."""
        self._first, self._options = seed, options
        for child in self._grid.get_children():
            self._grid.remove(child)
        self._images = []
        self._draw()
        self._scrolled.get_vadjustment().set_value(0)
        self._select(0)
        self.focus()

    def draw_anew(self, options: Options) -> None:
        """Show the same samples with other options; each stays until its new one comes."""
        self._options = options
        self._draw()

    def focus(self) -> None:
        """Give the keyboard to the thumbnail that is chosen."""
        chosen = self._grid.get_selected_children()
        if chosen and self._grid.get_mapped():
            chosen[0].grab_focus()

    def leave(self) -> None:
        """The window closes: forget what is still asked."""
        self._asked += 1

    def image_of(self, seed: int) -> GdkPixbuf.Pixbuf | None:
        """Return the thumbnail of a seed, if it is here."""
        index = seed - self._first
        return self._images[index].get_pixbuf() if 0 <= index < len(self._images) else None

    def _draw(self) -> None:
        self._asked += 1
        self._come = 0
        if not self._images:
            self._append()
        self._tell(_("Drawing..."))
        threading.Thread(target=self._fetch, args=(self._asked, self._options), daemon=True).start()

    def _append(self) -> None:
        """Make room for the next of them."""
        for _number in range(min(COUNT, self._largest_seed + 1 - self._first - len(self._images))):
            image = Gtk.Image(width_request=SIDE, height_request=SIDE)
            self._images.append(image)
            self._grid.add(image)
        self._grid.show_all()

    def _look_ahead(self) -> None:
        """Ask for more when all are here and one sees the end of them."""
        adjustment = self._scrolled.get_vadjustment()
        near = adjustment.get_value() + adjustment.get_page_size() > adjustment.get_upper() - SIDE
        if near and self._images and self._come == len(self._images):
            self._append()
            if self._come < len(self._images):
                threading.Thread(target=self._fetch, args=(self._asked, self._options), daemon=True).start()

    def _fetch(self, number: int, options: Options) -> None:
        """Ask for all that there is room for, some at a time; in another thread."""
        said = _("Choose one with a double click or Enter; scroll for more.")
        try:
            while number == self._asked and self._come < len(self._images):
                start, end = self._come, min(self._come + COUNT, len(self._images))
                asked = {**options, "seeds": list(range(self._first + start, self._first + end))}
                for index, thumbnail in enumerate(self._thumbnails(asked, lambda: number != self._asked), start):
                    GLib.idle_add(self._put, number, index, thumbnail)
                if number == self._asked:
                    self._come = end
        except Cancelled:
            return
        except UserError as problem:
            said = translated(problem)
        GLib.idle_add(self._finish, number, said)

    def _put(self, number: int, index: int, thumbnail: png.Pixels) -> bool:
        if number == self._asked:
            scale = SIDE / max(thumbnail.width, thumbnail.height)
            size = max(1, round(thumbnail.width * scale)), max(1, round(thumbnail.height * scale))
            small = to_pixbuf(thumbnail).scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
            self._images[index].set_from_pixbuf(small)
            self._images[index].set_tooltip_text(str(self._first + index))
        return GLib.SOURCE_REMOVE

    def _finish(self, number: int, said: str) -> bool:
        if number == self._asked:
            self._tell(said)
            self._look_ahead()
        return GLib.SOURCE_REMOVE

    def _tell(self, said: str) -> None:
        self._text.set_text(said)

    def _select(self, index: int) -> None:
        self._choosing = True
        self._grid.select_child(self._grid.get_child_at_index(index))
        self._choosing = False

    def _chosen(self) -> None:
        chosen = self._grid.get_selected_children()
        if chosen and not self._choosing:
            self._choose(self._first + chosen[0].get_index())
