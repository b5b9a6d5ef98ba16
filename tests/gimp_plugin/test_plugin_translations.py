"""Every text of the plug-in is translated: into each language wholly, with its plurals and what is put into it."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.client.progress import POOR_FIT
from backend.errors import UserError
from core import i18n
from tests import translations

LANGUAGES = ("de", "fr")
# Not for artists: what the log says, errors that another part of the program catches, and what Python is told.
UNREAD = re.compile(r"(log|logger|logging|re|gi)\..*|ValueError|TypeError|LookupError|TypeVar")
# Words in a row, a word that begins a label, or a label with a key to press.
TEXT = re.compile(r"\w{2,} \w{2,}|^[A-Z][a-z]+( |\.|$)|^(_[A-Z]|[A-Z][a-z]*_)[a-z]+|\.\.\.$")
NO_WORDS = re.compile(r"R'G'B'A? u\d+|RGB u\d+|Y u8|flatpak override .*|.*\.png")  # formats of pixels, a command, files
NAMES = {"The DragGAN for GIMP authors", "MIT licence", "in use", "at rest"}


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    i18n.use(["C"])


def code() -> list[Path]:
    folder = translations.PLUGIN
    return [file for file in sorted(folder.rglob("*.py")) if "vendor" not in file.relative_to(folder).parts]


def escaped(tree: ast.AST) -> list[str]:
    """The texts in a piece of code that are shown as they are."""
    passed = set(translations.documentation(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_passed(node):
            passed |= {id(part) for part in ast.walk(node)}
        if isinstance(node, (ast.Compare, ast.Subscript, ast.AnnAssign, ast.arg)):
            inner = node.annotation if isinstance(node, (ast.AnnAssign, ast.arg)) else node
            passed |= {id(part) for part in ast.walk(inner)} if inner else set()
    return [
        f"{node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed
        if _is_label(node.value) and node.value not in NAMES
    ]


def _is_passed(call: ast.Call) -> bool:
    function = ast.unparse(call.func)
    return function in ("_", "ngettext") or bool(UNREAD.fullmatch(function))


def _is_label(text: str) -> bool:
    return bool(TEXT.search(re.sub(r"<[^>]*>", "", text))) and not NO_WORDS.fullmatch(text)


@pytest.mark.parametrize("file", code(), ids=lambda file: file.name)
def test_no_text_of_the_plug_in_escapes_translation(file: Path):
    assert escaped(ast.parse(file.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "shown",
    [
        'Gtk.Label(label="Cancelled")',
        'Gtk.Button.new_with_mnemonic("_Close")',
        'raise UserError("There is no path.")',
        'raise UserError(f"{count} paths are missing")',
        'dialog.set_title(f"Drag all {name}")',
        'label.set_markup("<b>Size</b>")',
        'show("Starting...")',
        'TITLE = "Settings"',
    ],
)
def test_a_text_that_is_not_translated_would_be_found(shown: str):
    assert escaped(ast.parse(shown))


def test_what_no_artist_reads_need_not_be_translated():
    assert escaped(ast.parse("log.info('the path is closed')\nraise ValueError('no place of a layer')")) == []


def test_there_are_the_languages_that_the_documents_promise():
    assert tuple(translations.languages()) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_catalogue_has_all_texts_and_no_others(language: str):
    """If this fails, run `python -m tests.translations` and translate what it lists."""
    catalogue = translations.read(language)
    assert {str(message.id) for message in catalogue} == {str(message.id) for message in translations.template()}
    assert [message.id for message in catalogue if message.id and not translations.is_translated(message)] == []
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str):
    file = translations.file_of(language)
    assert file.with_suffix(".mo").read_bytes() == translations.compiled(translations.read(language))
    assert file.read_bytes() == translations.written(translations.read(language))


def pairs(language: str) -> Iterator[tuple[str, str]]:
    """Every text of a message catalogue beside its translation; of plurals, the plural beside each form."""
    for message in translations.read(language):
        if message.id and isinstance(message.id, str):
            yield message.id, str(message.string)
        elif message.id:
            yield from ((message.id[1], form) for form in message.string or ())


def fields(text: str) -> list[str]:
    """What is put into a text, and in which format."""
    return sorted(f"{name}!{how}:{spec}" for _, name, spec, how in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_is_put_into_a_translation_as_into_its_text(language: str):
    assert [text for text, translated in pairs(language) if fields(text) != fields(translated)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_a_key_to_press_where_its_text_has_one(language: str):
    def keys(text: str) -> int:
        return len(re.findall(r"_\w", re.sub(r"\{.*?\}|`.*?`", "", text)))

    assert [text for text, translated in pairs(language) if keys(text) != keys(translated)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_markup_of_its_text(language: str):
    tags = re.compile(r"</?[a-z]+>")
    assert [text for text, translated in pairs(language) if tags.findall(text) != tags.findall(translated)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_ends_as_its_text_does(language: str):
    """A title has no full stop, a sentence has one, and what goes on has dots."""

    def end(text: str) -> str:
        return (re.search(r"[.:?…]*$", text.replace("...", "…")) or [""])[0]

    assert [text for text, translated in pairs(language) if end(text) != end(translated)] == []


def test_the_languages_an_artist_prefers_are_tried_in_their_order():
    i18n.use(["nl", "de_AT", "fr"])
    assert i18n._("Models") == "Modelle"
    i18n.use(["nl"])
    assert i18n._("Models") == "Models"


@pytest.mark.parametrize(("count", "drags"), [(0, "0 déplacement"), (1, "1 déplacement"), (2, "2 déplacements")])
def test_plurals_are_those_of_the_language(count: int, drags: str):
    i18n.use(["fr"])
    assert i18n.ngettext("{count} drag", "{count} drags", count).format(count=count) == drags


def test_a_sentence_of_the_backend_is_translated_with_what_it_puts_in():
    i18n.use(["de"])
    assert i18n.translated("Opening the model Toy animals.") == "Das Modell Spielzeugtiere wird geöffnet."
    assert i18n.translated(POOR_FIT).startswith("Das Modell kann diese Ebene nicht gut nachbilden")


def test_words_that_the_backend_puts_into_its_sentences_are_translated_too():
    i18n.use(["de"])
    said = "Finding the picture in the model. It fits the layer well so far."
    assert i18n.translated(said) == "Das Bild wird im Modell gesucht. Bisher passt es gut zur Ebene."
    said = "This model makes toy animals; it cannot rebuild this layer well."
    assert i18n.translated(said).startswith("Dieses Modell macht Spielzeugtiere;")


def test_an_error_of_the_backends_client_is_translated_with_its_log():
    i18n.use(["de"])
    error = UserError("The backend was not ready after 9 seconds; try again.", Path("/logs/a b.log"))
    expected = "Der Dienst war nach 9 Sekunden nicht bereit; versuchen Sie es noch einmal; das Protokoll ist"
    assert i18n.translated(error) == f"{expected} {Path('/logs/a b.log')}."


@pytest.mark.parametrize("said", ["Tensor w is missing in it.", "Beep.", "", "{0} {", "Two words. And more: Yes."])
def test_what_no_message_catalogue_knows_stays_as_it_was_said(said: str):
    i18n.use(["de"])
    assert i18n.translated(said) == said


def test_in_english_everything_stays_as_it_is():
    i18n.use(["C"])
    assert i18n.translated("Opening the model critters.") == "Opening the model critters."
    assert i18n.ngettext("{count} pin", "{count} pins", 1) == "{count} pin"
