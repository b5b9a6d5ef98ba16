"""Makes the manual that is installed with the plug-in: HTML of the documents, `python -m backend.manual ROOT FOLDER`.

Each section of the manual has an address of its own, section/NAME.html, because a desktop opens a file in a browser,
but not a place in one.
"""

from __future__ import annotations

import html
import itertools
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

DOCUMENTS = ("README.md", "docs/using.md", "docs/engine.md", "docs/studio.md", "docs/architecture.md")
MANUAL = "docs/using.md"
STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
nav { border-bottom: 1px solid var(--line); padding-bottom: .5rem; }
nav a { margin-right: 1.2rem; }
h1, h2, h3 { line-height: 1.25; margin: 2rem 0 .6rem; scroll-margin-top: 1rem; }
h2 { border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
img { max-width: 100%; height: auto; border-radius: 6px; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; background: var(--soft); border-radius: 4px; }
code { padding: .1em .3em; } pre { padding: .7rem 1rem; overflow-x: auto; } pre code { padding: 0; background: none; }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><nav>{links}</nav>
{body}</body>
</html>
"""
TURN = """<!DOCTYPE html>
<meta charset="utf-8"><meta http-equiv="refresh" content="0; url={there}">
<title>DragGAN for GIMP</title><a href="{there}">{there}</a>
"""


def write(root: Path, folder: Path) -> None:
    """Write the manual.

    Args:
        root: of the repository.
        folder: what is in it is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for document in DOCUMENTS:
        page, content = folder / _page(document), to_html(document, (root / document).read_text(encoding="utf-8"))
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(content, encoding="utf-8")
        for picture in re.findall(r'<img [^>]*src="([^":]+)"', content):
            copy = folder / _resolved(document, picture)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / _resolved(document, picture), copy)
    sections = folder / "section"
    sections.mkdir()
    for name in section_names((root / MANUAL).read_text(encoding="utf-8")):
        there = f"../{_page(MANUAL)}#{name}"
        (sections / f"{name}.html").write_text(TURN.format(there=there), encoding="utf-8")


def to_html(document: str, text: str) -> str:
    """Return a document as a page.

    Args:
        document: its path in the repository.
        text: Markdown.
    """
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(text)
    for heading, inline in _headings(tokens):
        heading.attrSet("id", slug(inline.content))
    for token in tokens:
        _lead(document, token.children or [])
    body = markdown.renderer.render(tokens, markdown.options, {})
    title = next((inline.content for _, inline in _headings(tokens)), document)
    return PAGE.format(title=html.escape(title), style=STYLE, links=_links(document), body=body)


def section_names(text: str) -> list[str]:
    """Return the names of a document's sections, by which its help is found."""
    tokens = MarkdownIt("commonmark").parse(text)
    return [slug(inline.content) for heading, inline in _headings(tokens) if heading.tag == "h2"]


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub names it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _headings(tokens: list[Token]) -> Iterator[tuple[Token, Token]]:
    for token, inline in itertools.pairwise(tokens):
        if token.type == "heading_open":
            yield token, inline


def _lead(document: str, tokens: list[Token]) -> None:
    """Let links lead to pages of the manual; what is not in it is no link there."""
    for token in tokens:
        target = str(token.attrGet("href") or "")
        place, anchor, name = target.partition("#")
        if token.type == "link_open" and place and not re.match(r"[a-z]+:", place):
            if _resolved(document, place) in DOCUMENTS:
                token.attrSet("href", f"{_page(place)}{anchor}{name}")
            else:
                del token.attrs["href"]


def _resolved(document: str, place: str) -> str:
    parts: list[str] = []
    for part in (*Path(document).parent.parts, *place.split("/")):
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _page(document: str) -> str:
    return re.sub(r"\.md$", ".html", document)


def _links(document: str) -> str:
    up = "../" * document.count("/")
    named = ((MANUAL, "Using DragGAN"), ("README.md", "Install, limits, help"))
    return "".join(f'<a href="{up}{_page(place)}">{name}</a>' for place, name in named)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
