"""Set DragGAN for GIMP up: `python3 install.py` installs it, `... demo` shows it, `... test` runs all tests.

`python3 install.py --uninstall` takes it off again; `--on NAME@HOST` does either on another computer, too, which then
computes; `... release` packs it for those without git. Standard library only. Safe to run again: what is there is
kept, what is half done is finished.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.errors import UserError
from backend.files import write_text_whole
from backend.installer import other_computer, placement, release, removal
from backend.installer.environment import (
    Environment,
    check_python,
    create,
    fingerprints,
    has_nvidia,
    link_program,
    pip,
    program_environment,
    run_quietly,
    say,
    torch_index,
)
from backend.installer.removal import data_folder

ROOT = Path(__file__).resolve().parent
PROGRAM_PARTS = ("backend", "stylegan2", "LICENSE")
BACKEND_REQUIREMENTS = ROOT / "backend" / "requirements.txt"
STUDIO_REQUIREMENTS = ROOT / "backend" / "requirements-studio.txt"
TEST_REQUIREMENTS = ROOT / "tests" / "requirements.txt"
GIMP_BUILDER = ROOT / "tests" / "gimp" / "gimp_root.py"
VENDOR_LOCK = ROOT / "gimp_plugin" / "vendor.lock"
VENDOR_OPTIONS = (  # one and the same folder on every system; vendor.lock says why
    *("--no-deps", "--no-compile", "--only-binary=:all:"),
    *("--python-version=3.10", "--implementation=cp", "--platform=manylinux2014_x86_64"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # the stream is None under pythonw
        if reconfigure is not None:
            reconfigure(errors="replace")  # a Windows console may lack characters of a path
    parser = argparse.ArgumentParser(prog="install.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", nargs="?", choices=("install", "demo", "test", "release"), default="install")
    parser.add_argument("--uninstall", action="store_true", help="take it off again; the models you added can stay")
    parser.add_argument("--on", metavar="NAME@HOST", help="another computer, reached by ssh, that is to compute")
    parser.add_argument("--without-gimp", action="store_true", help="only what computes, for clients elsewhere")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "test":
        parser.error(f"unknown argument {rest[0]}")
    for name in ("uninstall", "on", "without_gimp"):
        if getattr(options, name) and options.command != "install":
            parser.error(f"--{name.replace('_', '-')} stands alone, without {options.command}")
    try:
        check_python(sys.version_info[:2])
        if options.uninstall:
            return other_computer.uninstall(options.on, ROOT) if options.on else uninstall()
        if options.command == "test":
            return test(rest)
        if options.command == "install":
            if options.on:
                other_computer.install(options.on, ROOT)
            return install_without_gimp() if options.without_gimp else install()
        return {"demo": demo, "release": make_release}[options.command]()
    except UserError as error:
        complain(str(error))
    except OSError as error:
        complain(f"{error.filename or 'A file'} cannot be used ({error.strerror}); mend that and run this again.")
    except KeyboardInterrupt:
        complain("Stopped. Run the same command again to go on.")
    return 1


def complain(sentence: str) -> None:
    """Say why it did not work, where errors belong."""
    print(sentence, file=sys.stderr, flush=True)


# ------------------------------------------------------------------ the commands


def install() -> int:
    """Put the program into the user's data folder and the plug-in into every GIMP 3 profile."""
    data = data_folder()
    program = install_program()
    say(f"The program is in {data}; this folder is not needed any more.")
    console = placement.find_console()
    found = gimp_profiles(console)
    settings = backend_settings(program)
    make_manual(program)
    for profile in found:
        plugin = placement.install_plugin(profile / "plug-ins", program.vendor, program.manual, settings)
        say(f"The plug-in is in {plugin}.")
    looked = {"profile_roots": [str(root) for root in placement.profile_roots()], "console": console}
    write_text_whole(data / "installation.json", json.dumps(looked, indent=1))  # for `python -m backend doctor`
    check_registration(console)
    for line in next_steps(found, program):
        say(line)
    return 0


def install_program() -> Environment:
    """Put the program into the user's data folder."""
    data = data_folder()
    program = Environment(data / "environment", (BACKEND_REQUIREMENTS,), data / "program")
    set_up(program)
    if (program.program / "backend").is_dir():  # the new program runs from the next drag on
        run_quietly([str(program.python), "-m", "backend", "stop"])
    copy_program(program.program)
    return program


def install_without_gimp() -> int:
    """Put the program into the user's data folder, and tell a client elsewhere where its Python is."""
    say(f"{other_computer.PYTHON}{json.dumps(str(install_program().python))}")
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
        raise UserError(f"No GIMP 3 was found (looked in {looked}); start GIMP 3 once and run this again.")
    return found


def check_registration(console: str | None) -> None:
    """Ask the GIMP on this machine, where there is one, whether it has taken the plug-in."""
    if console is None:
        return
    say("Starting GIMP once without a window to see that it finds the plug-in...")
    if not placement.is_registered(console):
        raise UserError(
            f'{console} does not list the plug-in; README.md says under "When something does not work" what to look at.'
        )


def next_steps(found: Sequence[Path], program: Environment) -> list[str]:
    """What the artist does now; more of it where GIMP is locked in and cannot start the backend by itself."""
    lines = [
        "Done. Start GIMP anew, open a picture and draw a path with the Paths tool: click on a point of the "
        "subject, then click where it should go, and do not press Enter. Then choose "
        "Filters > DragGAN > Drag Along Paths..."
    ]
    if any(map(placement.is_sandboxed, found)) or shutil.which("flatpak"):
        lines.append(f"A GIMP from Flatpak has to be allowed once to start the backend: {placement.PERMISSION}")
        lines.append(
            "A GIMP from Snap cannot start other programs: for such a GIMP, start the backend yourself before you use "
            f'the filter, with "{program.python}" -m backend serve'
        )
    return lines


def uninstall() -> int:
    """Stop the backend and delete everything that is not the user's; asks about the models where it can."""
    data = data_folder()
    python = Environment(data / "environment", (), data / "program").python
    if python.exists():
        stop = [str(python), "-m", "backend", "stop"]
        if subprocess.call(stop, env=program_environment(), stdout=subprocess.DEVNULL) == 2:
            raise UserError("The backend still runs, as is said above; end it and run this again.")
    added = removal.models(data)
    with_models = bool(added) and asked_to_delete(added)
    profiles = placement.profiles(placement.profile_roots())
    gone = removal.remove(profiles, data, removal.log_folder(), added if with_models else [])
    for path in gone:
        say(f"Deleted {path}")
    if added and not with_models:
        say(f"The models you added stay in {data / 'models'}.")
    say(
        "DragGAN for GIMP is off this computer." if gone else "DragGAN for GIMP was not installed; nothing was deleted."
    )
    return 0


def asked_to_delete(models: Sequence[Path]) -> bool:
    """Whether the user, at a terminal, says yes; no is the answer of whoever is not there."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    say("You have added:")
    for path in models:
        say(f"  {path}")
    return input("Delete that, too? [y/N] ").strip().lower() in ("y", "yes")


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
        make_manual(environment)
        placement.install_plugin(home / "gimp" / "plug-ins", environment.vendor, environment.manual, settings)
        command += ["--gimp", console, "--profile", str(home / "gimp")]
    return subprocess.call(command, cwd=ROOT, env=environ)


def test(pytest_arguments: Sequence[str]) -> int:
    """Run every test, or those that pytest's arguments name; the last line printed is pytest's summary.

    All of them run two files at a time: most tests wait for a backend or a GIMP, half of the time for nothing.
    """
    environment = clone_environment(STUDIO_REQUIREMENTS, TEST_REQUIREMENTS)
    set_up(environment)
    environ = program_environment()
    if not pytest_arguments or any("gimp" in argument for argument in pytest_arguments):
        environ.update(gimp_for_tests())
    environ.setdefault("OMP_NUM_THREADS", "1")  # two files at a time: torch's second threads would only wait
    chosen = pytest_arguments or ["tests", "--numprocesses", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return subprocess.call([str(environment.python), "-m", "pytest", *chosen], cwd=ROOT, env=environ)


def make_release() -> int:
    """Pack what is offered for download, from this clone."""
    environment = clone_environment()
    set_up(environment)
    archive = release.write(ROOT, environment.vendor, ROOT / "release")
    say(f"The release is {archive}, its checksum beside it.")
    return 0


def gimp_for_tests() -> dict[str, str]:
    """Build the GIMPs for the tests that are not installed; returns what tells them that they must not be skipped."""
    say("Looking for GIMP 3.0 and 3.2 for the tests; one not installed is built in .cache, in about a minute...")
    if subprocess.call([sys.executable, str(GIMP_BUILDER), "build"]) == 0:
        return {"DRAGGAN_REQUIRE_GIMP": "1"}
    if os.environ.get("CI"):
        raise UserError("The tests with a real GIMP cannot run here, and in CI they must; mend what is said above.")
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


def set_up(environment: Environment) -> None:
    """Make the environment, finish or renew it; returns at once when it is what the requirement files say."""
    nvidia = has_nvidia()
    of_plugin = (VENDOR_LOCK,) if VENDOR_LOCK.is_file() else ()  # not sent to a computer that only computes
    wanted = fingerprints((*environment.requirements, *of_plugin), nvidia)
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
    if of_plugin:
        fetch_vendor(environment)
    link_program(environment)
    write_text_whole(stamp, "\n".join(sorted(wanted)))


def fetch_vendor(environment: Environment) -> None:
    """Fetch the plug-in's packages for the oldest Python that a GIMP brings; they fit every newer one.

    A release carries them.
    """
    staging, carried = environment.folder / "gimp-vendor.new", ROOT / release.CARRIED
    shutil.rmtree(staging, ignore_errors=True)
    if carried.is_dir():
        shutil.copytree(carried, staging)
    else:
        pip(environment, *VENDOR_OPTIONS, "--target", str(staging), "-r", str(VENDOR_LOCK))
    for compiled in staging.rglob("*.so"):
        compiled.unlink()  # only speeds PyYAML up, and fits one system and one version of Python alone
    shutil.rmtree(staging / "bin", ignore_errors=True)
    placement.swap(staging, environment.vendor)


# ------------------------------------------------------------------ the program and its settings


def copy_program(target: Path) -> None:
    """Copy the backend and the networks to where they outlive this clone, as a whole or not at all."""
    staging = target.with_name(target.name + ".new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    for part in PROGRAM_PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, staging / part, ignore=shutil.ignore_patterns("__pycache__", "making"))
        else:
            shutil.copyfile(ROOT / part, staging / part)
    placement.swap(staging, target)


def make_manual(program: Environment) -> None:
    """Make the pages of the manual from this clone's documents."""
    if run_quietly([str(program.python), "-m", "backend.manual", str(ROOT), str(program.manual)]) is None:
        raise UserError(f"The manual cannot be made; delete {program.folder} and run this again.")


def backend_settings(program: Environment, environ: Mapping[str, str] | None = None) -> dict[str, object]:
    """What the plug-in has to know of the backend; the backend itself says where its files are."""
    question = (
        "import json, backend; from backend import paths; print(json.dumps({'version': backend.__version__, "
        "'ready_file': str(paths.ready_file()), 'log_file': str(paths.log_file())}))"
    )
    answer = run_quietly([str(program.python), "-c", question], environ)
    if answer is None:
        raise UserError(f"The backend does not start; delete {program.folder} and run this again.")
    return {
        "python": str(program.python),
        "arguments": ["-u", "-m", "backend", "serve"],
        "directory": str(program.program),
        **json.loads(answer),
    }


if __name__ == "__main__":
    sys.exit(main())
