"""The rules of the house: layers point one way, the top level stays as it is, every pin is exact."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.installer import placement

ROOT = Path(__file__).resolve().parents[1]
TOP_LEVEL = {
    *("gimp_plugin", "backend", "stylegan2", "tests", "install.py", "README.md"),
    *("CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml", "LICENSE", ".ci", ".gitignore", "docs"),
}
SHARED = ("backend.computers", "backend.errors", "backend.files")  # by all rooms: the standard library is enough
REQUIREMENTS = ("backend/requirements.txt", "backend/requirements-studio.txt", "tests/requirements.txt")
MACHINE_PATHS = ("/" + "work/", "/" + "srv/", "/" + "opt/", "/" + "farm", "../" + "shared")


def tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).exists()]


def imported(file: Path) -> Iterator[str]:
    """The dotted names of all modules that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(folder: str, forbidden: tuple[str, ...], pattern: str = "**/*.py") -> list[str]:
    return [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in sorted((ROOT / folder).glob(pattern))
        if "vendor" not in file.parts
        for name in imported(file)
        if any(name == module or name.startswith(module + ".") for module in forbidden)
    ]


def test_the_networks_know_nothing_of_the_backend_the_service_or_gimp():
    assert offenders("stylegan2", ("backend", "gimp_plugin", "gradio", "gradio_client", "gi")) == []


def test_only_training_on_pictures_of_ones_own_reads_picture_files_in_the_networks_package():
    assert {line.split()[0] for line in offenders("stylegan2", ("PIL",))} == {"stylegan2/training/images.py"}


def test_the_engine_knows_nothing_of_where_models_come_from_of_the_service_or_gimp():
    above = ("backend.models", "backend.server", "gradio", "gradio_client", "gi", "gimp_plugin")
    assert offenders("backend/editing", above) == []


def test_the_models_know_nothing_of_the_service_or_gimp():
    assert offenders("backend/models", ("backend.server", "gradio", "gradio_client", "gi", "gimp_plugin")) == []


def test_the_service_of_one_artist_knows_nothing_of_a_studio():
    assert offenders("backend/server", ("backend.studio", "ray")) == []


def test_the_client_needs_nothing_but_gradio_client():
    """The plug-in carries it, into a Python 3.10 without torch, numpy or pydantic."""
    own = ("backend.client", *SHARED, "gradio_client", "httpx")  # httpx is what gradio_client is made of
    files = [ROOT / "backend" / name for name in placement.CLIENT if name.endswith(".py")]
    names = {name for file in (*files, *(ROOT / "backend/client").glob("**/*.py")) for name in imported(file)}
    foreign = {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}
    assert [name for name in foreign if name != "backend" and not name.startswith(own)] == []
    assert names & {"gradio_client", "httpx"}


def test_the_backend_never_reaches_into_the_plug_in():
    assert offenders("backend", ("gi", "gimp_plugin")) == []


def test_the_plug_in_uses_nothing_of_the_backend_but_its_client():
    assert offenders("gimp_plugin", ("stylegan2", "torch", "numpy", "PIL", "gradio")) == []
    carried = ("backend.client", *SHARED)
    found = [line for line in offenders("gimp_plugin", ("backend",)) if not line.split()[-1].startswith(carried)]
    assert found == []


def test_installing_needs_nothing_but_python():
    """Whoever runs install.py has none of our packages yet."""
    own = ("backend.installer", *SHARED, "backend.ssh", "backend.__version__")
    shared = ("__init__.py", "computers.py", "errors.py", "files.py", "ssh.py")
    modules = {
        name
        for file in (
            ROOT / "install.py",
            *(ROOT / "backend" / name for name in shared),
            *(ROOT / "backend/installer").glob("**/*.py"),
        )
        for name in imported(file)
        if name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert [name for name in modules if name != "backend" and not name.startswith(own)] == []
    assert "backend.installer.placement" in modules


def test_what_of_the_plug_in_needs_no_gimp_uses_nothing_that_does():
    assert len(list((ROOT / "gimp_plugin/drag_gan/core").glob("*.py"))) > 5
    assert offenders("gimp_plugin/drag_gan/core", ("gi", "gimp", "drag_gan")) == []


def test_all_of_the_plug_in_but_its_entry_stands_on_one_side_of_the_wall():
    folder = ROOT / "gimp_plugin/drag_gan"
    entries = {file.relative_to(folder).parts[0] for file in tracked_files() if folder in file.parents}
    assert entries == {"drag_gan.py", "core", "gimp", "locale"}


def test_an_upward_import_would_be_found(tmp_path: Path):
    (tmp_path / "layers.py").write_text("def late():\n    from backend.editing import points\n")
    assert "backend.editing" in set(imported(tmp_path / "layers.py"))


def test_the_top_level_is_the_agreed_list():
    assert {file.relative_to(ROOT).parts[0] for file in tracked_files()} <= TOP_LEVEL


def test_no_file_names_a_place_of_the_machine_it_was_written_on():
    found = [
        f"{file.relative_to(ROOT)}: {path}"
        for file in tracked_files()
        if file.suffix in {".py", ".md", ".toml", ".txt", ".json", ".lock", ".po", ".yml", ""}
        for path in MACHINE_PATHS
        if re.search(r"(?<![\w.~-])" + re.escape(path), file.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("name", [*REQUIREMENTS, "gimp_plugin/vendor.lock"])
def test_every_package_is_pinned_to_one_version(name: str):
    lines = [line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    packages = [line for line in lines if line and not line.startswith(("#", "--hash"))]
    assert packages
    assert [line for line in packages if not re.match(r"[A-Za-z0-9_.-]+(\[\w+\])?==[0-9][\w.]*(\s|;|$)", line)] == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_pin_says_why_it_is_there(name: str):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "==" in line and not re.search(r"  # \w+", line)] == []


def test_no_two_test_files_share_a_name():
    """Pytest refuses to collect the second: the test folders are no packages."""
    names = sorted(file.name for file in tracked_files() if file.match("test_*.py"))
    assert [name for name, other in itertools.pairwise(names) if name == other] == []


def test_python_files_say_in_their_first_line_what_they_are_for():
    silent = [
        str(file.relative_to(ROOT))
        for file in tracked_files()
        if file.suffix == ".py" and not (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").strip()
    ]
    assert silent == []


def test_ruff_finds_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format=concise", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("platform", ["Linux", "Windows", "Darwin"])
def test_the_types_fit_on(platform: str):
    checker = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    done = subprocess.run([*checker, "--pythonplatform", platform], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
