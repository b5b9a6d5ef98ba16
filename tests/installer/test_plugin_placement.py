"""Where install.py puts what, on which system."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar

import platformdirs
import pytest

import install
from backend import paths
from backend.errors import UserError
from backend.installer import placement, removal


class TestProfiles:
    def test_linux_has_the_folders_of_packages_flatpak_and_snap(self, home: Path):
        roots = placement.profile_roots("linux", {}, home)
        assert [root.relative_to(home).as_posix() for root in roots] == [
            ".config/GIMP",
            ".var/app/org.gimp.GIMP/config/GIMP",
            "snap/gimp/current/.config/GIMP",
        ]

    def test_linux_follows_the_users_own_configuration_folder(self, home: Path):
        assert placement.profile_roots("linux", {"XDG_CONFIG_HOME": "/elsewhere"}, home)[0] == Path("/elsewhere/GIMP")

    def test_windows_uses_appdata(self, home: Path):
        environ = {"APPDATA": str(home / "AppData" / "Roaming")}
        assert placement.profile_roots("win32", environ, home) == [home / "AppData" / "Roaming" / "GIMP"]
        assert placement.profile_roots("win32", {}, home) == [home / "AppData" / "Roaming" / "GIMP"]

    def test_macos_uses_application_support(self, home: Path):
        assert placement.profile_roots("darwin", {}, home) == [home / "Library" / "Application Support" / "GIMP"]

    def test_every_gimp_3_profile_is_found_and_nothing_else(self, home: Path):
        for name in (".config/GIMP/2.10", ".config/GIMP/3.0", ".config/GIMP/3.2", ".config/GIMP/3.0.backup"):
            (home / name).mkdir(parents=True)
        flatpak = home / ".var/app/org.gimp.GIMP/config/GIMP/3.2"
        flatpak.mkdir(parents=True)
        found = placement.profiles(placement.profile_roots("linux", {}, home))
        assert found == [home / ".config/GIMP/3.0", home / ".config/GIMP/3.2", flatpak]

    def test_only_the_sandboxed_profiles_need_the_backend_started_by_hand(self, home: Path):
        package, flatpak, snap = placement.profile_roots("linux", {}, home)
        assert [placement.is_sandboxed(root / "3.0") for root in (package, flatpak, snap)] == [
            False,
            True,
            True,
        ]

    @pytest.mark.skipif(os.name == "nt", reason="the stand-in for GIMP is a shell script")
    def test_a_gimp_2_is_not_taken_for_a_gimp_3(self, tmp_path: Path):
        for name, version in (("gimp-console", "2.10.34"), ("gimp-console-3.0", "3.0.4")):
            program = tmp_path / name / name
            program.parent.mkdir()
            program.write_text(f"#!/bin/sh\necho GNU Image Manipulation Program version {version}\n")
            program.chmod(0o755)
        assert placement.find_console("linux", {"PATH": str(tmp_path / "gimp-console")}) is None
        found = placement.find_console("linux", {"PATH": str(tmp_path / "gimp-console-3.0")})
        assert found == str(tmp_path / "gimp-console-3.0" / "gimp-console-3.0")
        assert placement.version_of(str(found)) == "3.0.4"


class TestPlugin:
    SETTINGS: ClassVar[dict[str, object]] = {"python": "/p", "version": "ü"}

    @pytest.fixture
    def vendor(self, tmp_path: Path) -> Path:
        folder = tmp_path / "gimp-vendor"
        (folder / "gradio_client").mkdir(parents=True)
        (folder / "gradio_client" / "__init__.py").write_text("")
        return folder

    @pytest.fixture
    def manual(self, tmp_path: Path) -> Path:
        folder = tmp_path / "gimp-manual"
        (folder / "docs").mkdir(parents=True)
        (folder / "docs" / "using.html").write_text("")
        return folder

    def test_it_arrives_whole_and_executable(self, home: Path, vendor: Path, manual: Path):
        folder = placement.install_plugin(home / "3.0" / "plug-ins", vendor, manual, self.SETTINGS)
        assert folder == home / "3.0" / "plug-ins" / "drag_gan"
        assert os.name == "nt" or (folder / "drag_gan.py").stat().st_mode & 0o777 == 0o755
        for part in (
            "core/drags.py",
            "gimp/along_paths.py",
            "locale/de/LC_MESSAGES/draggan.mo",
            "vendor/gradio_client/__init__.py",
            "manual/docs/using.html",
        ):
            assert (folder / part).is_file()
        assert (folder / "vendor/backend/client/launcher.py").is_file()
        assert sorted(path.name for path in (folder / "vendor/backend").iterdir()) == sorted(placement.CLIENT)
        assert json.loads((folder / "backend.json").read_text(encoding="utf-8")) == self.SETTINGS

    def test_it_replaces_an_older_one_without_leaving_its_files(self, home: Path, vendor: Path, manual: Path):
        (home / "drag_gan").mkdir()
        (home / "drag_gan" / "removed_since.py").write_text("")
        placement.install_plugin(home, vendor, manual, self.SETTINGS)
        assert not (home / "drag_gan" / "removed_since.py").exists()
        assert [entry.name for entry in home.iterdir()] == ["drag_gan"]

    def test_gimp_asks_it_for_its_menus_again(self, home: Path, vendor: Path, manual: Path):
        placement.install_plugin(home, vendor, manual, self.SETTINGS)
        os.utime(home / "drag_gan" / "drag_gan.py", (1, 1))
        placement.install_plugin(home, vendor, manual, self.SETTINGS)
        assert (home / "drag_gan" / "drag_gan.py").stat().st_mtime > 1

    def test_a_copy_that_fails_leaves_the_older_one_alone(self, home: Path, vendor: Path, manual: Path, tmp_path: Path):
        placement.install_plugin(home, vendor, manual, {"version": "old"})
        with pytest.raises(OSError, match="absent"):
            placement.install_plugin(home, tmp_path / "absent", manual, {"version": "new"})
        assert json.loads((home / "drag_gan" / "backend.json").read_text()) == {"version": "old"}

    def test_what_an_interrupted_copy_left_is_cleared_away(self, home: Path, vendor: Path, manual: Path):
        (home / "drag_gan.new" / "half").mkdir(parents=True)
        placement.install_plugin(home, vendor, manual, self.SETTINGS)
        assert [entry.name for entry in home.iterdir()] == ["drag_gan"]

    def test_a_copy_cut_off_between_its_two_renames_is_finished_by_the_next(
        self, home: Path, vendor: Path, manual: Path
    ):
        placement.install_plugin(home, vendor, manual, {"version": "old"})
        (home / "drag_gan").rename(home / "drag_gan.old")
        (home / "drag_gan.new").mkdir()
        placement.install_plugin(home, vendor, manual, {"version": "new"})
        assert [entry.name for entry in home.iterdir()] == ["drag_gan"]
        assert json.loads((home / "drag_gan" / "backend.json").read_text()) == {"version": "new"}

    def test_a_folder_in_use_is_named_and_left_as_it_was(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        for name in ("drag_gan", "drag_gan.new"):
            (home / name).mkdir()
        rename = Path.rename

        def refuse(self: Path, target: Path) -> Path:
            if self.name == "drag_gan.new":
                raise PermissionError(13, "used by another process")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(UserError, match="close GIMP and run this again"):
            placement.swap(home / "drag_gan.new", home / "drag_gan")
        assert (home / "drag_gan").is_dir()


class TestDataFolder:
    def test_it_is_where_the_backend_looks(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("DRAGGAN_HOME", raising=False)
        assert install.data_folder() == platformdirs.user_data_path("draggan-gimp", appauthor=False)

    def test_windows_and_macos_have_their_own_places(self, home: Path):
        local = str(home / "AppData" / "Local")
        assert install.data_folder("win32", {"LOCALAPPDATA": local}, home) == Path(local) / "draggan-gimp"
        mac = home / "Library" / "Application Support" / "draggan-gimp"
        assert install.data_folder("darwin", {}, home) == mac

    def test_a_folder_of_ones_own_can_be_named(self, home: Path):
        assert install.data_folder(environ={"DRAGGAN_HOME": str(home)}) == home

    def test_the_logs_are_where_the_backend_writes_them(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("DRAGGAN_HOME", raising=False)
        assert removal.log_folder() == paths.log_file().parent
        mac, windows = removal.log_folder("darwin", {}, home), removal.log_folder("win32", {}, home)
        assert mac == home / "Library" / "Logs" / "draggan-gimp"
        assert windows == home / "AppData" / "Local" / "draggan-gimp" / "Logs"
        monkeypatch.setenv("DRAGGAN_HOME", str(home))
        assert removal.log_folder() == paths.log_file().parent

    def test_every_file_that_the_backend_keeps_is_known_to_the_removal(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("DRAGGAN_HOME", str(home))
        kept = {paths.ready_file(), paths.lock_file(), paths.work_folder(), paths.cache_folder()}
        kept.add(paths.installation_file())
        assert {path.name for path in kept} <= set(removal.DATA)
        assert paths.log_file().name in removal.LOGS
