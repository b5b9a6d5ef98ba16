"""Renews the plug-in's message catalogues and lists what is missing: `python -m tests.translations`.

A text is what stands in `_(...)` or `ngettext(...)` in the plug-in, and each sentence that the backend or its client
can say to an artist, with numbers in the places of what is put in. Run it after a text has changed; then translate what
it lists, in the .po files, and run it again.
"""

from __future__ import annotations

import ast
import datetime
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog, Message

from backend.models import catalogue, models

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "gimp_plugin" / "drag_gan"
FOLDER, DOMAIN = PLUGIN / "locale", "draggan"  # as in core/i18n.py
# Where what the backend says to artists comes from. Its command line, and why a foreign file is no model, stay English.
SPOKEN = ("ssh.py", "remote/*.py", "client/*.py", "server/*.py", "editing/*.py", "models/*.py")
UNSPOKEN = (
    *("commands.py", "settings.py", "instance.py", "lifecycle.py", "app.py", "error_messages.py", "log.py"),
    *("encoders.py", "studio.py"),
)
OF_A_MODEL = ("title", "makes", "shows", "hint", "where")  # in the catalogue of models, read by artists
SENTENCE = re.compile(r"[A-Z{\"].*[^\W\d] .*[.](\.\.)?", re.DOTALL)
LEAST, LEAST_OF_DOCTOR = 12, 9  # letters of a sentence without what is put in: fewer could be those of any other
COMMAND_LINE = re.compile(r"X,Y| --(?!on )[a-z]")
# What the backend puts together of pieces, or puts into a sentence.
PUT_TOGETHER = (
    *("{0} MB", "about {0} MB", "well", "fairly", "only roughly", "run install.py again"),
    "This model makes {0}; it cannot rebuild this layer well.",
    "The model {0} makes other pictures; it cannot rebuild this layer well.",
)
WIDTH = 110
SOME_DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def main() -> int:
    """Renew all message catalogues. Returns 1 where something is to be translated."""
    missing = [line for language in languages() for line in renew(language)]
    print("\n".join(missing) or "Nothing is missing.")
    return 1 if missing else 0


def languages() -> list[str]:
    """Those that there is a folder of."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def file_of(language: str) -> Path:
    """Return the message catalogue of a language; what is compiled of it lies beside it."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    """Read a language's message catalogue; what is obsolete in it is left out."""
    with file_of(language).open("rb") as file:
        return pofile.read_po(file, locale=language, ignore_obsolete=True)


def renew(language: str) -> list[str]:
    """Bring a message catalogue to the texts as they are, and compile it. Returns what is to be translated."""
    catalog = read(language) if file_of(language).is_file() else Catalog(language)
    catalog.update(template(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    file_of(language).parent.mkdir(parents=True, exist_ok=True)
    file_of(language).write_bytes(written(catalog))
    file_of(language).with_suffix(".mo").write_bytes(compiled(catalog))
    return [f"{language}: {message.id!r}" for message in catalog if message.id and not is_translated(message)]


def is_translated(message: Message) -> bool:
    """Whether a text is translated, in all its plurals."""
    return bool(message.string) and all([message.string] if isinstance(message.string, str) else message.string)


def written(catalog: Catalog) -> bytes:
    """Return a message catalogue as a .po file, without dates and places, which other changes would change."""
    out = io.BytesIO()
    pofile.write_po(out, catalog, width=WIDTH, no_location=True, sort_output=True, omit_header=True)
    head = f"Language: {catalog.locale}\\n", "Content-Type: text/plain; charset=UTF-8\\n"
    lines = [*head, "Content-Transfer-Encoding: 8bit\\n", f"Plural-Forms: {catalog.plural_forms}\\n"]
    top = "".join(f'"{line}"\n' for line in lines)
    return f'msgid ""\nmsgstr ""\n{top}\n'.encode() + out.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """Return a message catalogue as a .mo file, the same for the same texts."""
    catalog.creation_date = catalog.revision_date = SOME_DAY
    out = io.BytesIO()
    mofile.write_mo(out, catalog)
    return out.getvalue()


def template() -> Catalog:
    """Return all texts there are."""
    catalog = Catalog()
    for file in sorted(PLUGIN.rglob("*.py")):
        if "vendor" not in file.relative_to(PLUGIN).parts:
            for message in wrapped(ast.parse(file.read_text(encoding="utf-8"))):
                catalog.add(message)
    for text in sorted(said()):
        catalog.add(text)
    return catalog


def wrapped(tree: ast.AST) -> Iterator[str | tuple[str, ...]]:
    """Yield what is translated in a piece of the plug-in's code; of what has plurals, both."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
            texts = tuple(str(text.value) for text in node.args if isinstance(text, ast.Constant))
            if texts:
                yield texts if node.func.id == "ngettext" else texts[0]


def said() -> set[str]:
    """Return what the backend and its client say, {0}, {1}... in the places of what is put in."""
    files = [file for pattern in SPOKEN for file in (ROOT / "backend").glob(pattern) if file.name not in UNSPOKEN]
    found = {text for file in files for text in texts_of(ast.parse(file.read_text(encoding="utf-8")))}
    of_models = {text for entry in catalogue.entries() for key in OF_A_MODEL if (text := getattr(entry, key))}
    of_models |= {models.MAKES, models.EMBEDDED_TITLE}
    sentences = {text.strip() for text in found if is_sentence(text.strip())}
    return sentences | set(found_by_doctor()) | of_models | set(PUT_TOGETHER)


def found_by_doctor() -> Iterator[str]:
    """Yield what the check of the installation finds, for which its sentences have no full stop."""
    for file in (ROOT / "backend" / "doctor").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding":
                yield from (text for text in texts_of(node.args[2]) if len(letters_of(text)) >= LEAST_OF_DOCTOR)


def is_sentence(text: str) -> bool:
    """Whether a text of the backend's code is one that can be told from others."""
    return bool(SENTENCE.fullmatch(text)) and len(letters_of(text)) >= LEAST and not COMMAND_LINE.search(text)


def letters_of(text: str) -> str:
    """Return what of a text is its own, without what is put in."""
    return re.sub(r"\{\d+\}|\W", "", text)


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Yield the strings of a piece of code, but for those that describe it."""
    inner = set(documentation(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in ast.walk(node)}
            yield numbered(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def documentation(tree: ast.AST) -> Iterator[int]:
    """Yield the ids of the nodes that are docstrings, or strings that stand alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def numbered(string: ast.JoinedStr) -> str:
    """Return an f-string with numbers in the places of what it puts in."""
    pieces, number = [], 0
    for part in string.values:
        if isinstance(part, ast.Constant):
            pieces.append(str(part.value))
        else:
            pieces.append(f"{{{number}}}")
            number += 1
    return "".join(pieces)


if __name__ == "__main__":
    sys.exit(main())
