"""The window "Settings" in a real GIMP, by keys alone: told once in German, looked at in English in the other release.

The backend's engine is a toy; the check of the installation is the real one. The screenshots are kept in the run's
folder.
"""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gimp_root import Gimp
from gimp_root import locate_other as locate_other_gimp
from session import Session, left_behind, wait_for
from story import Story, told

from backend.computers import HERE, Computers

SETTINGS, GERMAN, QUESTION = "^DragGAN Settings$", "^DragGAN-Einstellungen$", "^Zwischenspeicher leeren$"
PROCEDURE = "draggan-settings"
BROWSER = """[Desktop Entry]
Type=Application
Name=Browser
Exec="{home}/browser" %u
MimeType=text/html;
"""


@pytest.fixture(scope="module")
def story(gimp: Gimp, vendor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, played once."""
    with told(gimp, vendor, tmp_path_factory.mktemp("settings"), language="de") as story:
        story.session.send("run_command", PROCEDURE)
        see_what_does_not_run(story)
        start(story)
        read_the_log(story)
        check(story)
        ask_for_help(story)
        clear(story)
        stop(story)
        story.desktop.press("Escape")
        story.states["answer"] = story.session.receive()
        yield story


def ready_file(story: Story) -> Path:
    return story.session.home / "backend" / "backend.json"


def see_what_does_not_run(story: Story) -> None:
    story.desktop.wait_for_window(GERMAN)
    story.wait_for_log("the backend does not run")
    time.sleep(0.5)
    story.look("not running")
    story.states["started by looking"] = ready_file(story).exists()


def start(story: Story) -> None:
    story.desktop.press("alt+s")
    story.wait_for_log("the backend runs")
    story.states["started"] = ready_file(story).exists()
    time.sleep(1)
    story.look("running")


def read_the_log(story: Story) -> None:
    story.desktop.press("alt+r")
    time.sleep(1)
    story.look("log")


def check(story: Story) -> None:
    story.desktop.press("alt+p", "alt+m")
    story.wait_for_log("Finding(what='Dienst'")
    time.sleep(1)
    story.look("checked")


def ask_for_help(story: Story) -> None:
    """The desktop of this home has a browser, which writes down what it was to open."""
    home = story.session.home
    programs = home / ".local" / "share" / "applications"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "browser.desktop").write_text(BROWSER.format(home=home), encoding="utf-8")
    browser = home / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{home}/opened"\n', encoding="utf-8")
    browser.chmod(0o755)
    (home / ".config" / "mimeapps.list").write_text("[Default Applications]\ntext/html=browser.desktop\n")
    story.desktop.press("F1")
    wait_for((home / "opened").exists, "the manual in a browser")
    wait_for((home / "opened").read_text, "its address")
    story.states["opened"] = (home / "opened").read_text(encoding="utf-8").strip()


def clear(story: Story) -> None:
    cache = story.session.home / "backend" / "cache"
    (cache / "of a picture.safetensors").write_bytes(bytes(40_000_000))
    before = sorted(file.name for file in cache.iterdir())
    story.desktop.press("alt+d")
    time.sleep(3)
    story.look("cache with something in it")
    story.desktop.press("alt+l")
    story.desktop.wait_for_window(QUESTION)
    story.look("question")
    story.desktop.press("Escape")
    story.desktop.wait_for_window(GERMAN)
    story.states["cache after Escape"] = sorted(file.name for file in cache.iterdir()) == before
    story.desktop.press("alt+l")
    story.desktop.wait_for_window(QUESTION)
    story.desktop.press("alt+l")
    wait_for(lambda: not list(cache.glob("*.safetensors")), "the clear cache")
    story.desktop.wait_for_window(GERMAN)


def stop(story: Story) -> None:
    seen = story.log.count("the backend does not run")
    story.desktop.press("alt+b")
    story.wait_for_log("the backend does not run", seen)
    wait_for(lambda: not ready_file(story).exists(), "the end of the backend")
    time.sleep(1)
    story.look("ended")


def test_looking_starts_nothing(story: Story):
    assert not story.states["started by looking"]


def test_the_backend_is_started_and_ended_with_a_key(story: Story):
    assert story.states["started"]
    assert not np.array_equal(story.screens["not running"], story.screens["running"])


def test_the_installation_is_checked_to_its_last_point(story: Story):
    """The last one is a real drag over the backend that runs. There is no installation, only the plug-in's."""
    findings = [line for line in story.log.splitlines() if "Finding(what=" in line]
    assert len(findings) >= 5
    assert any("das Plugin wurde nie installiert" in line and "is_well=False" in line for line in findings)
    assert "is_well=True" in findings[-1], findings[-1]
    assert "hat einen Schritt weit gezogen" in findings[-1]


def test_f1_opens_the_right_section_of_the_manual_in_the_desktops_browser(story: Story):
    page = Path(urllib.parse.unquote(urllib.parse.urlsplit(story.states["opened"]).path))
    assert page.match("drag_gan/manual/section/settings.html")
    assert page.is_file()


def test_the_cache_is_cleared_only_after_a_yes(story: Story):
    assert story.states["cache after Escape"]


def test_the_window_is_closed_by_escape_and_leaves_nothing(story: Story):
    assert story.states["answer"]["status"] == "success"
    assert left_behind(story.session.home) == []


def test_the_other_gimp_shows_the_window_too_and_another_computer_is_chosen_by_keys(
    gimp: Gimp, vendor: Path, tmp_path: Path
):
    with told(locate_other_gimp(gimp), vendor, tmp_path) as story:
        data = story.session.home / "backend"
        Computers({"anna@gpu": "/python"}).write(data)
        story.session.send("run_command", PROCEDURE)
        story.desktop.wait_for_window(SETTINGS)
        story.wait_for_log("the backend does not run")
        story.desktop.press("alt+s")
        story.wait_for_log("the backend runs")
        time.sleep(1)
        story.look("settings")
        story.desktop.press("alt+p", "Down")
        story.wait_for_log("computes on anna@gpu")
        time.sleep(1)
        story.look("another computer")
        assert Computers.read(data).chosen == "anna@gpu"
        story.desktop.press("Up")
        story.wait_for_log("computes on this computer")
        assert Computers.read(data).chosen == HERE
        story.desktop.press("Escape")
        assert story.session.receive()["status"] == "success"
        assert left_behind(story.session.home) == []


def test_without_a_window_the_command_says_what_to_use(layers: Session):
    answer = layers.run_command(PROCEDURE, "NONINTERACTIVE")
    assert answer == {
        "status": "error",
        "message": "The settings need a screen; without one, use: python -m backend doctor.",
    }
