"""The plug-in in the language that GIMP has: its menu, and the sentences that scripts and artists are told."""

from __future__ import annotations

from pathlib import Path

from gimp_root import Gimp
from session import TOY, Session, prepare_home, stop_backend

PROCEDURE = "draggan-drag-along-paths"


def labels_and_refusal(gimp: Gimp, home: Path, language: str) -> tuple[str, str]:
    """What the filter is called in the menu, and what it says where there is no path."""
    session = Session(gimp, home, [gimp.console, "-i", "--quit"], {"LANGUAGE": language})
    try:
        image = session.new_image(40, 30)
        return session.menu_label(PROCEDURE), session.drag(image)["message"]
    finally:
        session.close()


def test_a_gimp_that_gets_another_language_shows_the_plug_in_in_it(either_gimp: Gimp, vendor: Path, tmp_path: Path):
    home = tmp_path / "a höme"
    backend = prepare_home(either_gimp, home, vendor, TOY)
    try:
        label, refusal = labels_and_refusal(either_gimp, home, "en")
        assert label == "_Drag Along Paths..."
        assert refusal.startswith("There is no path to drag along")
        label, refusal = labels_and_refusal(either_gimp, home, "de")
        assert label == "Entlang von Pfaden _ziehen …"
        assert refusal.startswith("Es gibt keinen Pfad, an dem entlang gezogen werden könnte")
        label, refusal = labels_and_refusal(either_gimp, home, "fr")
        assert label == "_Déplacer le long de chemins…"
        assert refusal.startswith("Il n’y a pas de chemin à suivre")
    finally:
        stop_backend(backend)
