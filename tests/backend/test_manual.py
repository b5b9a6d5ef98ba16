"""The manual that is installed with the plug-in: complete in itself, with a page for each Help button."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from backend import manual

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual") / "gimp manual"
    manual.write(ROOT, folder)
    return folder


def html(pages: Path) -> list[Path]:
    return sorted(pages.rglob("*.html"))


def asked_for() -> set[str]:
    """The sections that the plug-in's Help buttons open."""
    calls = (
        node
        for file in (ROOT / "gimp_plugin" / "drag_gan" / "gimp").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("add_help", "help_button")
    )
    return {str(call.args[1].value) for call in calls if isinstance(call.args[1], ast.Constant)}


def test_each_help_button_has_its_section(pages: Path):
    assert len(asked_for()) >= 3
    there = {file.stem for file in (pages / "section").iterdir()}
    assert asked_for() - there == set()


def test_all_its_links_and_pictures_are_in_it(pages: Path):
    lost = []
    for page in html(pages):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r'(?:href|src|url)="?([^">]+)"', text):
            place, _, anchor = target.partition("#")
            there = (page.parent / place).resolve() if place else page
            if re.match(r"[a-z]+:", target):
                continue
            if not there.is_file() or (anchor and f'id="{anchor}"' not in there.read_text(encoding="utf-8")):
                lost.append(f"{page.name}: {target}")
    assert lost == []


def test_nothing_of_it_is_fetched_from_elsewhere(pages: Path):
    sources = [src for page in html(pages) for src in re.findall(r'src="([^"]+)"', page.read_text(encoding="utf-8"))]
    assert sources
    assert [src for src in sources if re.match(r"[a-z]+:|//", src)] == []
    assert not any("<script" in page.read_text(encoding="utf-8") for page in html(pages))


def test_what_is_in_no_page_is_no_link():
    page = manual.to_html("docs/using.md", "[licence](../LICENSE), [engine](engine.md#errors), [site](https://a.org/)")
    assert "<a>licence</a>" in page
    assert '<a href="engine.html#errors">engine</a>' in page
    assert '<a href="https://a.org/">site</a>' in page


def test_a_page_has_the_title_of_its_document_and_anchors_as_on_github():
    page = manual.to_html("README.md", "# One & only\n\n## Models of one's own\n\n| a | b |\n| - | - |\n| 1 | 2 |\n")
    assert "<title>One &amp; only</title>" in page
    assert '<h2 id="models-of-ones-own">' in page
    assert "<td>1</td>" in page


def test_an_older_manual_is_replaced(tmp_path: Path):
    (tmp_path / "old.html").write_text("")
    manual.write(ROOT, tmp_path)
    assert not (tmp_path / "old.html").exists()
    assert (tmp_path / "docs" / "using.html").is_file()
