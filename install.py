"""Set DragGAN for GIMP up: `python3 install.py` installs it, `... demo` shows it, `... test` runs all tests.

Standard library only. Safe to run again: what is there is kept, what is half done is finished.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gimp_plugin import placement
from gimp_plugin.placement import PlacementError

ROOT = Path(__file__).resolve().parent
OLDEST_PYTHON = (3, 10)
TORCH_HOST = "https://download.pytorch.org/whl"
TORCH_CUDA = "cu130"  # the CUDA version that the torch of backend/requirements.txt is built for
HOST_PATIENCE = 4.0  # seconds
PROGRAM_PARTS = ("backend", "stylegan2", "LICENSE")
BACKEND_REQUIREMENTS = ROOT / "backend" / "requirements.txt"
TEST_REQUIREMENTS = ROOT / "tests" / "requirements.txt"
GIMP_BUILDER = ROOT / "tests" / "gimp" / "gimp_root.py"
VENDOR_LOCK = ROOT / "gimp_plugin" / "vendor.lock"
VENDOR_OPTIONS = (  # one and the same folder on every system; vendor.lock says why
    *("--no-deps", "--no-compile", "--only-binary=:all:"),
    *("--python-version=3.10", "--implementation=cp", "--platform=manylinux2014_x86_64"),
)


class InstallError(Exception):
    """Something the user can put right; the text is one sentence that says how."""


class Environment(NamedTuple):
    """A Python of our own: its folder, what is installed in it, and where its `-m backend` comes from."""

    folder: Path
    requirements: tuple[Path, ...]
    program: Path

    @property
    def python(self) -> Path:
        """The program file of this Python."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def vendor(self) -> Path:
        """The plug-in's own packages, kept here to be copied beside each plug-in."""
        return self.folder / "gimp-vendor"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # the stream is None under pythonw
        if reconfigure is not None:
            reconfigure(errors="replace")  # a Windows console may lack characters of a path
    parser = argparse.ArgumentParser(prog="install.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", nargs="?", choices=("install", "demo", "test"), default="install")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "test":
        parser.error(f"unknown argument {rest[0]}")
    try:
        check_python(sys.version_info[:2])
        if options.command == "test":
            return test(rest)
        return demo() if options.command == "demo" else install()
    except (InstallError, PlacementError) as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename or 'A file'} cannot be used ({error.strerror}); mend that and run this again.")
    except KeyboardInterrupt:
        complain("Stopped. Run the same command again to go on.")
    return 1


def check_python(version: tuple[int, ...]) -> None:
    """Refuse a Python that is too old for the packages."""
    if version < OLDEST_PYTHON:
        wanted, found = (".".join(map(str, pair)) for pair in (OLDEST_PYTHON, version))
        raise InstallError(f"Python {wanted} or newer is needed, and this is {found}; run install.py with a newer one.")


def say(text: str) -> None:
    """Print at once, so that the order is right when other programs print too."""
    print(text, flush=True)


def complain(sentence: str) -> None:
    """Say why it did not work, where errors belong."""
    print(sentence, file=sys.stderr, flush=True)


# ------------------------------------------------------------------ the three commands


def install() -> int:
    """Put the program into the user's data folder and the plug-in into every GIMP 3 profile."""
    data = data_folder()
    program = Environment(data / "environment", (BACKEND_REQUIREMENTS,), data / "program")
    set_up(program)
    if (program.program / "backend").is_dir():  # the new program runs from the next drag on
        run_quietly([str(program.python), "-m", "backend", "stop"])
    copy_program(program.program)
    say(f"The program is in {data}; this folder is not needed any more.")
    console = placement.find_console()
    found = gimp_profiles(console)
    settings = backend_settings(program)
    for profile in found:
        say(f"The plug-in is in {placement.install_plugin(profile / 'plug-ins', program.vendor, settings)}.")
    check_registration(console)
    for line in next_steps(found, program):
        say(line)
    return 0


def gimp_profiles(console: str | None) -> list[Path]:
    """Every GIMP 3 profile there is, and the one that an installed GIMP will make when it first starts."""
    roots = placement.profile_roots()
    found = placement.profiles(roots)
    if console:
        own = roots[0] / placement.version_of(console).rpartition(".")[0]
        found += [] if own in found else [own]
    if not found:
        looked = ", ".join(map(str, roots))
        raise InstallError(f"No GIMP 3 was found (looked in {looked}); start GIMP 3 once and run this again.")
    return found


def check_registration(console: str | None) -> None:
    """Ask the GIMP on this machine, where there is one, whether it has taken the plug-in."""
    if console is None:
        return
    say("Starting GIMP once without a window to see that it finds the plug-in...")
    if not placement.is_registered(console):
        raise InstallError(f"{console} does not list the plug-in; Troubleshooting in README.md says what to look at.")


def next_steps(found: Sequence[Path], program: Environment) -> list[str]:
    """What the artist does now; more of it where GIMP is locked in and cannot start the backend."""
    lines = [
        "Done. Start GIMP anew, open a picture and draw a path with the Paths tool: click on a point of the "
        "subject, then click where it should go, and do not press Enter. Then choose "
        "Filters > DragGAN > Drag Along Paths..."
    ]
    if any(map(placement.is_sandboxed, found)) or shutil.which("flatpak"):
        lines.append(
            "A GIMP from Flatpak or Snap cannot start other programs: for such a GIMP, start the backend "
            f'yourself before you use the filter, with "{program.python}" -m backend serve'
        )
    return lines


def demo() -> int:
    """Do the main job on the embedded model and example pictures, through GIMP where there is one."""
    environment = clone_environment()
    set_up(environment)
    home = ROOT / ".cache" / "demo"  # an installed backend is not disturbed
    environ = {**program_environment(), "DRAGGAN_HOME": str(home)}
    command = [str(environment.python), "-m", "backend.demo", str(ROOT / "demo")]
    console = placement.find_console()
    if console:
        settings = backend_settings(environment, environ)
        placement.install_plugin(home / "gimp" / "plug-ins", environment.vendor, settings)
        command += ["--gimp", console, "--profile", str(home / "gimp")]
    return subprocess.call(command, cwd=ROOT, env=environ)


def test(pytest_arguments: Sequence[str]) -> int:
    """Run every test, or those that pytest's arguments name; the last line printed is pytest's summary."""
    environment = clone_environment(TEST_REQUIREMENTS)
    set_up(environment)
    environ = program_environment()
    if not pytest_arguments or any("gimp" in argument for argument in pytest_arguments):
        environ.update(gimp_for_tests())
    chosen = pytest_arguments or ["tests"]
    return subprocess.call([str(environment.python), "-m", "pytest", *chosen], cwd=ROOT, env=environ)


def gimp_for_tests() -> dict[str, str]:
    """Build a GIMP 3 for the tests where none is installed; returns what tells them that they must not be skipped."""
    say("Looking for a GIMP 3 for the tests; where none is installed, one is built in .cache, in about a minute...")
    if subprocess.call([sys.executable, str(GIMP_BUILDER), "build"]) == 0:
        return {"DRAGGAN_REQUIRE_GIMP": "1"}
    if os.environ.get("CI"):
        raise InstallError("The tests with a real GIMP cannot run here, and in CI they must; mend what is said above.")
    say(
        "*" * 100
        + "\nWITHOUT A GIMP 3 THE TESTS IN tests/gimp DO NOT RUN; what is missing is said above.\n"
        + "*" * 100
    )
    return {}


# ------------------------------------------------------------------ a Python of our own


def clone_environment(*more: Path) -> Environment:
    """The .venv of this clone, for demo and test."""
    return Environment(ROOT / ".venv", (BACKEND_REQUIREMENTS, *more), ROOT)


def data_folder(system: str = sys.platform, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> Path:
    """The user's folder for this program, as backend/paths.py finds it with a library."""
    home = home or Path.home()
    if environ.get("DRAGGAN_HOME"):
        return Path(environ["DRAGGAN_HOME"]).expanduser().absolute()
    if system == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "draggan-gimp"
    if system == "darwin":
        return home / "Library" / "Application Support" / "draggan-gimp"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "draggan-gimp"


def set_up(environment: Environment) -> None:
    """Make the environment, finish or renew it; returns at once when it is what the requirement files say."""
    nvidia = has_nvidia()
    wanted = fingerprints((*environment.requirements, VENDOR_LOCK), nvidia)
    stamp = environment.folder / "draggan.stamp"
    if environment.python.exists() and stamp.is_file() and wanted <= set(stamp.read_text().split()):
        return
    stamp.unlink(missing_ok=True)
    if run_quietly([str(environment.python), "-m", "pip", "--version"]) is None:
        create(environment.folder)
    say(f"Installing packages into {environment.folder}; this takes some minutes the first time.")
    index = torch_index(nvidia)
    files = [argument for path in environment.requirements for argument in ("-r", str(path))]
    pip(environment, *files, *(["--extra-index-url", index] if index else []))
    fetch_vendor(environment)
    link_program(environment)
    write_by_rename(stamp, "\n".join(sorted(wanted)))


def fingerprints(files: Sequence[Path], nvidia: bool) -> set[str]:
    """One per file; it changes whenever other packages would have to be installed for that file."""
    card = b"nvidia" if nvidia else b"no nvidia"
    return {hashlib.sha256(card + path.name.encode() + path.read_bytes()).hexdigest() for path in files}


def create(folder: Path) -> None:
    """Make an environment with pip in it, by whichever of the usual tools is there."""
    for maker in environment_makers():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if subprocess.call([*maker, str(folder)], env=program_environment()) == 0:
            return
    raise InstallError(
        "This Python cannot make an environment: install its venv part (on Debian and Ubuntu with "
        '"sudo apt install python3-venv") or uv, and run this again.'
    )


def environment_makers() -> list[list[str]]:
    """Commands that make an environment in the folder named last; Debian's Python may lack the first."""
    makers: list[list[str]] = []
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        makers.append([sys.executable, "-m", "venv"])
    if uv := shutil.which("uv"):
        makers.append([uv, "venv", "--quiet", "--seed", "--python", sys.executable])
    if virtualenv := shutil.which("virtualenv"):
        makers.append([virtualenv, "--quiet", "--python", sys.executable])
    return makers


def pip(environment: Environment, *arguments: str) -> None:
    """Install with the environment's pip, which follows the user's own pip settings."""
    quiet = [] if sys.stdout is not None and sys.stdout.isatty() else ["-qq"]
    command = [
        str(environment.python),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--no-input",
        *quiet,
    ]
    environ = {**program_environment(), "PIP_USER": "0"}  # a user's default that no environment can follow
    if subprocess.call([*command, *arguments], env=environ) != 0:
        raise InstallError("pip could not install the packages and says why above; mend that and run this again.")


def torch_index(nvidia: bool, system: str = sys.platform, host: str = TORCH_HOST) -> str | None:
    """PyTorch's own package index, where pip's default one has a larger build than needed or no CUDA."""
    if system == "darwin" or (nvidia and system != "win32"):
        return None
    index = f"{host}/{TORCH_CUDA if nvidia else 'cpu'}"
    try:
        urllib.request.urlopen(f"{index}/torch/", timeout=HOST_PATIENCE).close()
    except OSError:
        say(f"{host} does not answer, so pip takes PyTorch from its default index; that build may be larger.")
        return None
    return index


def has_nvidia() -> bool:
    """Whether there is an NVIDIA card with a working driver."""
    tool = shutil.which("nvidia-smi")
    return tool is not None and (run_quietly([tool, "-L"]) or "").startswith("GPU")


def fetch_vendor(environment: Environment) -> None:
    """Fetch the plug-in's packages for the oldest Python that a GIMP brings; they fit every newer one."""
    staging = environment.folder / "gimp-vendor.new"
    shutil.rmtree(staging, ignore_errors=True)
    pip(environment, *VENDOR_OPTIONS, "--target", str(staging), "-r", str(VENDOR_LOCK))
    for compiled in staging.rglob("*.so"):
        compiled.unlink()  # only speeds PyYAML up, and fits one system and one version of Python alone
    shutil.rmtree(staging / "bin", ignore_errors=True)
    placement.swap(staging, environment.vendor)


def link_program(environment: Environment) -> None:
    """Let `-m backend` work from any folder; a relative line is plain ASCII whatever the user's name is."""
    question = "import json, sysconfig; print(json.dumps(sysconfig.get_path('purelib')))"
    answer = run_quietly([str(environment.python), "-c", question])
    if answer is None:
        raise InstallError(f"{environment.python} does not start; delete {environment.folder} and run this again.")
    packages = Path(json.loads(answer))
    write_by_rename(packages / "draggan.pth", os.path.relpath(environment.program, packages) + "\n")


# ------------------------------------------------------------------ the program and its settings


def copy_program(target: Path) -> None:
    """Copy the backend and the networks to where they outlive this clone, as a whole or not at all."""
    staging = target.with_name(target.name + ".new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for part in PROGRAM_PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, staging / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / part, staging / part)
    placement.swap(staging, target)


def backend_settings(program: Environment, environ: Mapping[str, str] | None = None) -> dict[str, object]:
    """What the plug-in has to know of the backend; the backend itself says where its files are."""
    question = (
        "import json, backend; from backend import paths; print(json.dumps({'version': backend.__version__, "
        "'ready_file': str(paths.ready_file()), 'log_file': str(paths.log_file())}))"
    )
    answer = run_quietly([str(program.python), "-c", question], environ)
    if answer is None:
        raise InstallError(f"The backend does not start; delete {program.folder} and run this again.")
    return {
        "python": str(program.python),
        "arguments": ["-u", "-m", "backend", "serve"],
        "directory": str(program.program),
        **json.loads(answer),
    }


def write_by_rename(path: Path, text: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    staging = path.with_name(path.name + ".new")
    staging.write_text(text, encoding="utf-8")
    staging.replace(path)


def program_environment() -> dict[str, str]:
    """The user's environment without what would lead our own Python to other packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def run_quietly(command: Sequence[str], environ: Mapping[str, str] | None = None) -> str | None:
    """What a program prints, or None when it is not there, fails or takes longer than a minute."""
    environ = program_environment() if environ is None else environ
    try:
        done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
