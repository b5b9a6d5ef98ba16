"""install.py: what it puts where on which system, how it goes on after a failure, what it says at the end."""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import platformdirs
import pytest

import install
from backend import paths
from backend.errors import UserError
from backend.installer import environment, placement, removal

HOME_NAME = "Jörg Müller"
choose_torch_index = install.torch_index  # the real one, where a test has replaced it


@pytest.fixture(scope="session")
def empty_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but pip, made once: to make one takes seconds, to copy it does not."""
    folder = tmp_path_factory.mktemp("template") / "environment"
    install.create(folder)
    return folder


@pytest.fixture
def small(home: Path, empty_environment: Path, monkeypatch: pytest.MonkeyPatch) -> install.Environment:
    """An environment still to be made, out of a folder of empty packages and of no other source."""
    wheel(home / "wheels", "tiny", "1.0")
    (home / "requirements.txt").write_text("tiny==1.0\n")
    (home / "vendor.lock").write_text("tiny==1.0\n")
    (home / "program").mkdir()
    (home / "program" / "marker.py").write_text("")
    monkeypatch.setattr(install, "VENDOR_LOCK", home / "vendor.lock")
    monkeypatch.setattr(install, "torch_index", lambda nvidia: None)
    monkeypatch.setattr(install, "create", lambda folder: copy_environment(empty_environment, folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", (home / "wheels").as_uri())
    monkeypatch.setenv("PIP_INDEX_URL", (home / "nothing").as_uri())
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return install.Environment(home / "environment", (home / "requirements.txt",), home / "program")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a space and an umlaut in its name."""
    folder = tmp_path / HOME_NAME
    folder.mkdir()
    return folder


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


class TestTorchBuild:
    """A loopback server stands in for PyTorch's own package index."""

    @pytest.fixture
    def host(self, tmp_path: Path) -> Iterator[str]:
        pages = tmp_path / "host"
        (pages / "cpu" / "torch").mkdir(parents=True)
        (pages / environment.TORCH_CUDA / "torch").mkdir(parents=True)
        wheel(pages / "cpu" / "torch", "torch", "2.13.0+cpu")
        wheel(pages / "default" / "torch", "torch", "2.13.0")
        handler = functools.partial(Quiet, directory=str(pages))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()

    def test_without_a_card_it_is_the_one_without_cuda(self, host: str):
        assert install.torch_index(False, "linux", host) == f"{host}/cpu"
        assert install.torch_index(False, "win32", host) == f"{host}/cpu"

    def test_with_a_card_linux_has_the_right_one_on_the_default_index_and_windows_does_not(self, host: str):
        assert install.torch_index(True, "linux", host) is None
        assert install.torch_index(True, "win32", host) == f"{host}/{environment.TORCH_CUDA}"

    def test_macos_has_one_build(self, host: str):
        assert install.torch_index(False, "darwin", host) is None

    def test_a_host_that_does_not_answer_is_passed_over(self, capsys: pytest.CaptureFixture[str]):
        assert install.torch_index(False, "linux", "http://127.0.0.1:9") is None
        assert "default index" in capsys.readouterr().out

    def test_a_host_without_the_page_is_passed_over(self, host: str):
        assert install.torch_index(False, "linux", f"{host}/nothing") is None

    @pytest.mark.parametrize(("reachable", "version"), [(True, "2.13.0+cpu"), (False, "2.13.0")])
    def test_pip_takes_the_small_build_where_it_can_and_the_default_one_elsewhere(
        self,
        host: str,
        small: install.Environment,
        monkeypatch: pytest.MonkeyPatch,
        reachable: bool,
        version: str,
    ):
        index = choose_torch_index(False, "linux", host if reachable else "http://127.0.0.1:9")
        small.requirements[0].write_text("torch==2.13.0\n")
        monkeypatch.setenv("PIP_INDEX_URL", f"{host}/default")
        monkeypatch.setattr(install, "torch_index", lambda nvidia: index)
        install.set_up(small)
        assert installed(small)["torch"] == version


class TestEnvironment:
    def test_missing_venv_uv_and_virtualenv_give_the_sentence_that_helps(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(environment.shutil, "which", lambda name: None)
        with pytest.raises(UserError, match="sudo apt install python3-venv"):
            install.create(home / "environment")

    @pytest.mark.parametrize("missing", ["venv", "ensurepip"])
    def test_without_venv_or_ensurepip_uv_is_used_then_virtualenv(self, missing: str, monkeypatch: pytest.MonkeyPatch):
        find_spec = environment.importlib.util.find_spec
        monkeypatch.setattr(
            environment.importlib.util, "find_spec", lambda name: None if name == missing else find_spec(name)
        )
        monkeypatch.setattr(environment.shutil, "which", lambda name: f"/bin/{name}")
        assert [maker[0] for maker in environment.environment_makers()] == ["/bin/uv", "/bin/virtualenv"]

    def test_the_second_run_installs_nothing(self, small: install.Environment, monkeypatch: pytest.MonkeyPatch):
        install.set_up(small)
        monkeypatch.setattr(install, "pip", never)
        install.set_up(small)

    def test_a_changed_pin_is_installed(self, small: install.Environment, home: Path):
        install.set_up(small)
        wheel(home / "wheels", "tiny", "2.0")
        small.requirements[0].write_text("tiny==2.0\n")
        install.set_up(small)
        assert installed(small)["tiny"] == "2.0"

    def test_the_environment_of_the_tests_serves_the_demo_as_it_is(
        self, small: install.Environment, home: Path, monkeypatch: pytest.MonkeyPatch
    ):
        more = home / "more.txt"
        more.write_text("")
        install.set_up(small._replace(requirements=(*small.requirements, more)))
        monkeypatch.setattr(install, "pip", never)
        install.set_up(small)

    def test_a_run_cut_off_in_pip_is_finished_by_the_next(
        self, small: install.Environment, monkeypatch: pytest.MonkeyPatch
    ):
        with monkeypatch.context() as cut:
            cut.setattr(install, "pip", never)
            with pytest.raises(AssertionError):
                install.set_up(small)
        install.set_up(small)
        assert installed(small)["tiny"] == "1.0"

    def test_a_broken_environment_is_made_anew(self, small: install.Environment):
        small.python.parent.mkdir(parents=True)
        small.python.write_text("not a program")
        install.set_up(small)
        assert installed(small)["tiny"] == "1.0"

    def test_its_python_finds_the_program_from_any_folder(self, small: install.Environment, tmp_path: Path):
        install.set_up(small)
        question = [str(small.python), "-c", "import json, marker; print(json.dumps(marker.__file__))"]
        answer = subprocess.run(question, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert Path(json.loads(answer)) == small.program / "marker.py"

    def test_what_pip_refuses_ends_in_one_sentence(self, small: install.Environment):
        small.requirements[0].write_text("no-such-package==1.0\n")
        with pytest.raises(UserError, match="pip could not install the packages"):
            install.set_up(small)


class TestCommands:
    def test_a_python_too_old_is_told_so(self):
        with pytest.raises(UserError, match=r"Python 3\.10 or newer is needed, and this is 3\.9"):
            install.check_python((3, 9))

    def test_without_a_gimp_the_artist_learns_where_it_was_looked_for(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        as_installed(monkeypatch, home, console=None)
        assert install.main([]) == 1
        assert f"looked in {home}" in capsys.readouterr().err

    def test_installing_puts_the_program_and_every_profiles_plug_in_in_place_twice_over(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        as_installed(monkeypatch, home, console=None)
        (home / "GIMP" / "3.0").mkdir(parents=True)
        (home / "GIMP" / "3.2").mkdir(parents=True)
        assert [install.main([]), install.main([])] == [0, 0]
        for version in ("3.0", "3.2"):
            assert (home / "GIMP" / version / "plug-ins" / "drag_gan" / "drag_gan.py").is_file()
        program = home / "data" / "program"
        assert (program / "backend" / "__main__.py").is_file()
        assert (program / "stylegan2" / "__init__.py").is_file()
        assert "Filters > DragGAN" in capsys.readouterr().out

    def test_a_gimp_that_never_ran_gets_the_folder_it_will_use(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        as_installed(monkeypatch, home, console="/usr/bin/gimp-console-3.0")
        monkeypatch.setattr(placement, "version_of", lambda console: "3.0.4")
        monkeypatch.setattr(placement, "is_registered", lambda console: True)
        assert install.main([]) == 0
        assert (home / "GIMP" / "3.0" / "plug-ins" / "drag_gan").is_dir()

    def test_a_gimp_newer_than_every_profile_gets_its_own(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        as_installed(monkeypatch, home, console="/usr/bin/gimp-console-3.2")
        (home / "GIMP" / "3.0").mkdir(parents=True)
        monkeypatch.setattr(placement, "version_of", lambda console: "3.2.6")
        monkeypatch.setattr(placement, "is_registered", lambda console: True)
        assert install.main([]) == 0
        for version in ("3.0", "3.2"):
            assert (home / "GIMP" / version / "plug-ins" / "drag_gan").is_dir()

    def test_a_gimp_that_overlooks_the_plug_in_is_a_failure(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        as_installed(monkeypatch, home, console="/usr/bin/gimp-console-3.0")
        monkeypatch.setattr(placement, "version_of", lambda console: "3.0.4")
        monkeypatch.setattr(placement, "is_registered", lambda console: False)
        assert install.main([]) == 1
        assert "When something does not work" in capsys.readouterr().err

    def test_an_unwritable_folder_is_named(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        (home / "file").write_text("")
        monkeypatch.setenv("DRAGGAN_HOME", str(home / "file" / "inside"))
        assert install.main([]) == 1
        assert str(home / "file") in capsys.readouterr().err

    def test_settings_name_a_backend_that_starts_from_any_folder(self):
        environment = install.Environment(Path(sys.prefix), (), install.ROOT)
        settings = install.backend_settings(environment, {**os.environ, "DRAGGAN_HOME": "/somewhere"})
        assert settings["arguments"] == ["-u", "-m", "backend", "serve"]
        assert settings["directory"] == str(install.ROOT)
        assert Path(str(settings["ready_file"])) == Path("/somewhere/backend.json").absolute()

    def test_it_writes_down_for_the_doctor_where_it_looked(self, home: Path, monkeypatch: pytest.MonkeyPatch):
        as_installed(monkeypatch, home, console=None)
        (home / "GIMP" / "3.0").mkdir(parents=True)
        assert install.main([]) == 0
        written = json.loads((home / "data" / "installation.json").read_text(encoding="utf-8"))
        assert written == {"profile_roots": [str(home / "GIMP")], "console": None}

    def test_output_that_a_narrow_console_cannot_show_does_not_stop_it(self, home: Path):
        code = "import install; install.install = lambda: install.say('J\\xf6rg'); install.main([])"
        environ = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(install.ROOT)}
        done = subprocess.run([sys.executable, "-c", code], env=environ, cwd=home, capture_output=True, text=True)
        assert done.stdout.strip() == "J?rg"


class TestUninstall:
    @pytest.fixture
    def installed_home(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A user with GIMP 3.0 and 3.2, files of other programs, and DragGAN installed and used."""
        as_installed(monkeypatch, home, console=None)
        for version in ("3.0", "3.2"):
            (home / "GIMP" / version / "plug-ins" / "other").mkdir(parents=True)
            (home / "GIMP" / version / "plug-in-settings").mkdir()
            (home / "GIMP" / version / "plug-in-settings" / "file-png-export.last").write_text("")
        self.before = tree(home)
        assert install.main([]) == 0
        monkeypatch.undo()  # from here on the environment is looked for where it would be
        monkeypatch.setenv("DRAGGAN_HOME", str(home / "data"))
        monkeypatch.setattr(placement, "profile_roots", lambda: [home / "GIMP"])
        for name in (
            "environment/lib/x",
            "work/picture.png",
            "backend.json",
            "backend.lock",
            "logs/backend.log.1",
            "logs/plugin-1-2.log",
        ):
            (home / "data" / name).parent.mkdir(parents=True, exist_ok=True)
            (home / "data" / name).write_text("")
        for name in ("plug-ins/drag_gan.old/half", "plug-in-settings/draggan-drag-along-paths.last"):
            (home / "GIMP" / "3.0" / name).parent.mkdir(exist_ok=True)
            (home / "GIMP" / "3.0" / name).write_text("")
        return home

    def test_it_leaves_the_computer_as_it_was(self, installed_home: Path, capsys: pytest.CaptureFixture[str]):
        assert install.main(["--uninstall"]) == 0
        assert tree(installed_home) == self.before
        said = capsys.readouterr().out
        assert f"Deleted {installed_home / 'GIMP' / '3.2' / 'plug-ins' / 'drag_gan'}" in said
        assert said.endswith("DragGAN for GIMP is off this computer.\n")

    @pytest.mark.parametrize(
        ("terminal", "answer", "kept"),
        [(False, "y", True), (True, "", True), (True, "n", True), (True, "y", False), (True, "Yes ", False)],
    )
    def test_models_of_the_users_own_go_only_when_the_user_says_so(
        self, installed_home: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, answer: str, kept: bool
    ):
        model = installed_home / "data" / "models" / "lions.safetensors"
        model.parent.mkdir()
        model.write_text("")
        monkeypatch.setattr(sys, "stdin", Terminal(terminal))
        monkeypatch.setattr("builtins.input", lambda question: answer)
        assert install.main(["--uninstall"]) == 0
        own = {"data", "data/models", "data/models/lions.safetensors"} if kept else set()
        assert tree(installed_home) == self.before | own

    def test_files_of_somebody_else_in_our_folders_stay(self, installed_home: Path):
        (installed_home / "data" / "notes.txt").write_text("mine")
        assert install.main(["--uninstall"]) == 0
        assert tree(installed_home) == self.before | {"data", "data/notes.txt"}

    def test_twice_does_no_harm(self, installed_home: Path, capsys: pytest.CaptureFixture[str]):
        assert [install.main(["--uninstall"]), install.main(["--uninstall"])] == [0, 0]
        assert capsys.readouterr().out.endswith("was not installed; nothing was deleted.\n")

    @pytest.mark.skipif(os.name == "nt", reason="the stand-in for the environment's Python is a shell script")
    def test_a_running_backend_is_stopped_first(self, installed_home: Path, monkeypatch: pytest.MonkeyPatch):
        link_python(installed_home / "data" / "environment")
        environ = {**os.environ, "PYTHONPATH": str(install.ROOT)}
        process = subprocess.Popen(
            [sys.executable, "-m", "backend", "serve"], env=environ, cwd=installed_home, stdin=subprocess.DEVNULL
        )
        try:
            ready, deadline = installed_home / "data" / "backend.json", time.monotonic() + 120
            while not (ready.is_file() and ready.read_text()) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert install.main(["--uninstall"]) == 0
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert tree(installed_home) == self.before

    def test_a_backend_that_does_not_end_keeps_everything(
        self, installed_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ):
        link_python(installed_home / "data" / "environment")
        monkeypatch.setattr(install.subprocess, "call", lambda *arguments, **options: 2)
        everything = tree(installed_home)
        assert install.main(["--uninstall"]) == 1
        assert "end it and run this again" in capsys.readouterr().err
        assert tree(installed_home) == everything

    @pytest.mark.parametrize("command", ["demo", "test"])
    def test_it_stands_alone(self, command: str, capsys: pytest.CaptureFixture[str]):
        with pytest.raises(SystemExit):
            install.main(["--uninstall", command])
        assert f"--uninstall stands alone, without {command}" in capsys.readouterr().err


# ------------------------------------------------------------------ helpers


class Terminal(io.StringIO):
    """A stdin that is a terminal, or is not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def tree(folder: Path) -> set[str]:
    """The names of all files and folders below."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def link_python(folder: Path) -> None:
    """Make the Python of these tests that of an environment: a starter that hands its arguments on."""
    python = install.Environment(folder, (), folder).python
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{install.ROOT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests are not the tests' output."""


def never(*arguments: object) -> None:
    raise AssertionError("pip was called")


def wheel(folder: Path, name: str, version: str) -> None:
    """An empty package that pip can install."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def copy_environment(template: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder, symlinks=True)


def installed(environment: install.Environment) -> dict[str, str]:
    """Names and versions of what an environment holds."""
    command = [str(environment.python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, check=True)
    return {package["name"]: package["version"] for package in json.loads(done.stdout)}


def as_installed(monkeypatch: pytest.MonkeyPatch, home: Path, console: str | None) -> None:
    """A user whose environment is made already: the one these tests run in."""
    (home / "vendor").mkdir()
    monkeypatch.setenv("DRAGGAN_HOME", str(home / "data"))
    monkeypatch.setattr(install, "set_up", lambda environment: None)
    monkeypatch.setattr(install.Environment, "python", property(lambda self: Path(sys.executable)))
    monkeypatch.setattr(install.Environment, "vendor", property(lambda self: home / "vendor"))
    monkeypatch.setattr(placement, "find_console", lambda: console)
    monkeypatch.setattr(placement, "profile_roots", lambda: [home / "GIMP"])
