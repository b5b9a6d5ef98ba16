"""The documents say what is so: their links and paths lead somewhere, their example runs, their pictures are used."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import backend.models
from backend.editing import Editor, editor
from tests.drafts import remembered

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("backend", "gimp_plugin", "stylegan2", "tests", "docs", ".ci")
LARGEST_SCREENSHOT = 150_000  # bytes
FIRST_LINES = 10  # of the README
FEW_STEPS = 3


def tracked_files() -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [name for name in done.stdout.decode().split("\0") if name and (ROOT / name).exists()]


FILES = tracked_files()
FOLDERS = {str(parent) for name in FILES for parent in Path(name).parents}
DOCUMENTS = [name for name in FILES if name.endswith(".md")]


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def prose_of(document: str) -> str:
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```|^    .*?$", "", text_of(document), flags=re.MULTILINE | re.DOTALL)


def links_of(document: str) -> list[str]:
    """The targets of links and images that are no addresses in the net."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text_of(document)) + re.findall(r'\bsrc="([^"]+)"', text_of(document))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors_of(document: str) -> set[str]:
    """What a link can point to inside a document: its headings, as GitHub names them, and its own anchors."""
    headings = re.findall(r"^#+ +(.+?) *$", text_of(document), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text_of(document)))


def paths_in(document: str) -> set[str]:
    """The files and folders of the repository that a document names in code style."""
    found = set()
    for code in re.findall(r"`([^`\n]+)`", prose_of(document)):
        for word in re.split(r"[\s,:;()\"']+", code):
            if word.split("/")[0] in ROOMS and "/" in word and not set(word) & set("*<>{}"):
                found.add(word.rstrip("/."))
    return found


def example() -> str:
    """The one Python block of docs/engine.md."""
    (block,) = re.findall(r"^```python\n(.*?)^```", text_of("docs/engine.md"), re.MULTILINE | re.DOTALL)
    return block


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_stands_twice_in_a_document(document: str) -> None:
    lines = [line for line in text_of(document).splitlines() if len(re.findall(r"\w+", line)) > 8]
    assert [line for line in set(lines) if lines.count(line) > 1] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_pictures_of_a_document_lead_somewhere(document: str):
    lost = []
    for link in links_of(document):
        place, _, anchor = link.partition("#")
        target = str((ROOT / document).parent.joinpath(place).resolve().relative_to(ROOT)) if place else document
        if (target not in FILES and target not in FOLDERS) or (anchor and anchor not in anchors_of(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_folders_that_a_document_names_exist(document: str):
    assert sorted(path for path in paths_in(document) if path not in FILES and path not in FOLDERS) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_modules_that_a_document_runs_exist(document: str):
    modules = set(re.findall(r"\bpython3? -m ([a-z_0-9.]+)", text_of(document)))
    assert sorted(name for name in modules if not importlib.util.find_spec(name.rstrip("."))) == []


def test_the_check_of_links_and_paths_would_find_a_lost_one():
    assert "docs/engine.md" in links_of("README.md")
    assert "backend/editing/region.py" in paths_in("docs/architecture.md")
    assert "the-way-of-a-drag" not in anchors_of("README.md")
    assert "when-something-does-not-work" in anchors_of("README.md")


def test_the_readme_says_first_what_the_embedded_model_knows():
    begin = " ".join(text_of("README.md").splitlines()[:FIRST_LINES])
    assert "knows toy animals" in begin
    assert "your own photographs need a model of their kind" in begin


def test_every_picture_of_the_documents_is_shown_and_small():
    shown = {
        str((ROOT / document).parent.joinpath(link).resolve().relative_to(ROOT))
        for document in DOCUMENTS
        for link in links_of(document)
        if "#" not in link
    }
    pictures = [name for name in FILES if name.startswith("docs/") and name.endswith((".png", ".jpg", ".svg"))]
    assert pictures
    assert [name for name in pictures if name not in shown] == []
    screenshots = [name for name in pictures if name.startswith("docs/screenshots/")]
    assert screenshots
    assert [name for name in screenshots if (ROOT / name).stat().st_size > LARGEST_SCREENSHOT] == []


def test_the_example_of_the_engine_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With the embedded model; its preset has fewer steps and its drafts are there, so that it takes seconds."""
    loaded = backend.models.open_model("critters")
    preset = dataclasses.replace(
        loaded.preset,
        drag=dataclasses.replace(loaded.preset.drag, max_steps=FEW_STEPS),
        inversion=dataclasses.replace(loaded.preset.inversion, steps=0),
    )
    quick = dataclasses.replace(loaded, preset=preset)
    cache = remembered(loaded)
    before = np.zeros((500, 700, 3), np.uint8)
    animal = Image.fromarray(Editor(loaded).sample(5))
    before[:, 100:600] = np.asarray(animal.resize((500, 500)))
    (tmp_path / "demo").mkdir()
    Image.fromarray(before).save(tmp_path / "demo" / "before.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backend.models, "open_model", lambda name: {"critters": quick}[name])
    monkeypatch.setattr(editor, "TensorCache", lambda: cache)

    exec(compile(example(), "docs/engine.md", "exec"), {"__name__": "example"})

    after = np.asarray(Image.open("after.png"))
    assert after.shape[:2] == before.shape[:2]
    assert (after[..., :3] != before).any()
    assert Path("edit.safetensors").is_file()
