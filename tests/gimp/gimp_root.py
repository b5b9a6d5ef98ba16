#!/usr/bin/env python3
"""The real GIMP 3 to test with: the one of this machine, or one in a Debian folder of its own; and the other release.

Standard library only, because install.py uses it before anything else is installed.

    python3 tests/gimp/gimp_root.py build                    make sure that both GIMPs are there, say which ones
    python3 tests/gimp/gimp_root.py build FOLDER             the same for one in this folder
    python3 tests/gimp/gimp_root.py run HOME PROGRAM...      run a program beside it, with HOME as home folder

A folder is made by mmdebstrap: as root, in about a minute, 900 MB. Programs run in it by chroot inside a
private mount namespace: the bind mounts exist for that program and its children alone, so that deleting the
folder never deletes anything else.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
DEFAULT_FOLDER, OTHER_FOLDER = CLONE / ".cache" / "gimp-3.0", CLONE / ".cache" / "gimp-3.2"
SUITE, OTHER_SUITE = "trixie", "forky"  # with GIMP 3.0 and GIMP 3.2
DEFAULT_MIRROR = "http://deb.debian.org/debian"
PACKAGES = "gimp,python3-gi,gir1.2-gimp-3.0,xvfb,xdotool,openbox,dbus-x11,fonts-dejavu-core,ca-certificates"
CONSOLES = ("gimp-console-3.0", "gimp-console-3.2", "gimp-console-3")
DISPLAY_PROGRAMS = ("Xvfb", "openbox", "xdotool")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PRIVATE_MOUNTS = ("unshare", "--mount", "--propagation", "private")
APT_SETTINGS = (
    "Acquire::http",
    "Acquire::https",
    "Acquire::Check-Valid-Until",
    "Acquire::Retries",
    "Acquire::ForceIPv4",
)

# $1 = the folder, then the folders to share up to "--", then the program. The whole machine is seen at /host,
# so that a program inside can start one of the machine (the backend, with the machine's Python).
ENTER = """
set -e
root=$1
shift
mkdir -p "$root/host"
mount --rbind / "$root/host"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
while [ "$1" != "--" ]; do
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" "$@"
"""


class GimpRootError(RuntimeError):
    """There is no GIMP 3 here and none can be made; the text is one sentence that says why."""


@dataclass(frozen=True)
class Gimp:
    """One GIMP 3, and the way to run programs beside it.

    root     the folder it lives in, or None when it is installed on this machine
    console  the name of its program without windows; `windowed` is the other one
    version  for example "3.0.4"
    """

    root: Path | None
    console: str
    version: str

    @property
    def windowed(self) -> str:
        return self.console.replace("-console", "")

    def profile(self, home: Path) -> Path:
        """GIMP's own folder (with plug-ins/ in it) for a home folder."""
        return home / ".config" / "GIMP" / ".".join(self.version.split(".")[:2])

    def command(self, program: Sequence[str], shared: Iterable[Path] = ()) -> list[str]:
        """The program as this machine must start it; `shared` folders keep their absolute paths inside."""
        if self.root is None:
            return list(program)
        folders = [str(folder.resolve()) for folder in shared]
        return [*PRIVATE_MOUNTS, "sh", "-c", ENTER, "sh", str(self.root), *folders, "--", *program]

    def environment(self, home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """A clean environment with a home folder of its own: the user's GIMP settings are left alone."""
        return {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_DATA_HOME": str(home / ".local" / "share"),
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "NO_AT_BRIDGE": "1",
            "PYTHONUNBUFFERED": "1",
            **(extra or {}),
        }

    def popen(
        self,
        program: Sequence[str],
        home: Path,
        shared: Iterable[Path] = (),
        env: Mapping[str, str] | None = None,
        log=None,
    ) -> subprocess.Popen[bytes]:
        """Start a program, output to the open file `log` or nowhere. The process id is the program's own."""
        return subprocess.Popen(
            self.command(program, [home, *shared]),
            env=self.environment(home, env),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def run(
        self, program: Sequence[str], home: Path, shared: Iterable[Path] = (), timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return it with its output (stdout and stderr together)."""
        return subprocess.run(
            self.command(program, [home, *shared]),
            env=self.environment(home),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )

    def missing_display_programs(self) -> list[str]:
        """The programs that a test with windows needs and that are not there."""
        folders = [f"{self.root or ''}{part}" for part in PATH.split(":")]
        # lexists: a link of the folder means another file when it is seen from outside
        return [name for name in DISPLAY_PROGRAMS if not any(os.path.lexists(f"{part}/{name}") for part in folders)]


def locate(folder: Path | None = None, build: bool = True, suite: str = SUITE) -> Gimp:
    """The GIMP 3 of this machine, else the one in .cache of the clone, which is built first when it is not there.

    A `folder` that is named, here or in the environment variable DRAGGAN_GIMP_ROOT, is used before all others.

    Raises GimpRootError with one sentence when there is none (`build=False`) or none can be made.
    """
    named = folder or os.environ.get("DRAGGAN_GIMP_ROOT")
    found = None if named else installed()
    if found:
        return found
    folder = Path(named or DEFAULT_FOLDER)
    if not folder.is_dir():
        if not build:
            raise GimpRootError(f"There is no GIMP 3 on this machine and none in {folder}.")
        make_root(folder, suite=suite)
    return _in_folder(folder)


def locate_other(gimp: Gimp) -> Gimp:
    """The GIMP of the other release than that of `gimp`, in .cache of the clone; built first when it is not there.

    Raises GimpRootError.
    """
    if gimp.version.startswith("3.0."):
        return locate(OTHER_FOLDER, suite=OTHER_SUITE)
    return locate(DEFAULT_FOLDER, suite=SUITE)


def installed() -> Gimp | None:
    """The GIMP 3 that is installed on this machine, or None."""
    for console in CONSOLES:
        if shutil.which(console, path=PATH):
            version = _version(
                subprocess.run([console, "--version"], capture_output=True, text=True, env={"PATH": PATH})
            )
            return Gimp(None, console, version)
    return None


def _in_folder(folder: Path) -> Gimp:
    folder = folder.resolve()
    _refuse_if_impossible()
    for console in CONSOLES:
        if (folder / "usr" / "bin" / console).exists():
            asked = subprocess.run(["chroot", str(folder), console, "--version"], capture_output=True, text=True)
            return Gimp(folder, console, _version(asked))
    raise GimpRootError(f"There is no GIMP 3 in {folder}; delete that folder, and it will be built again.")


def _version(asked: subprocess.CompletedProcess[str]) -> str:
    found = re.search(r"\b3\.\d+\.\d+", asked.stdout)
    if not found:
        raise GimpRootError(f"GIMP did not tell its version; it said: {(asked.stdout + asked.stderr).strip()[:300]}")
    return found[0]


def _refuse_if_impossible() -> None:
    """Raise GimpRootError when this machine or this user cannot make or enter such a folder."""
    if sys.platform != "linux":
        raise GimpRootError(
            f"A GIMP 3 for tests can only be built on Linux, and this is {sys.platform}; install GIMP 3 here."
        )
    if os.geteuid() != 0:
        raise GimpRootError(
            "Only root can build and enter a GIMP 3 folder (chroot); run as root, or install GIMP 3 here."
        )
    if not shutil.which("unshare"):
        raise GimpRootError(
            "The program unshare (of util-linux) is missing, without which no GIMP 3 folder can be entered."
        )


def make_root(folder: Path, mirror: str | None = None, suite: str = SUITE) -> None:
    """Build the folder with GIMP 3 in it. It appears under its name only when it is complete.

    Installs mmdebstrap by apt-get when it is missing, and changes nothing else. Raises GimpRootError.
    """
    _refuse_if_impossible()
    _require_mmdebstrap()
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(f"{folder.name}.partial-*"):
        if not Path("/proc", leftover.name.rpartition("-")[2]).exists():
            remove(leftover)
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    # apt drops to its own user, which must be able to reach the folder
    command = [
        *PRIVATE_MOUNTS,
        "mmdebstrap",
        "--mode=root",
        "--variant=apt",
        f"--include={PACKAGES}",
        *_apt_options(),
    ]
    command += [suite, str(partial), mirror or debian_mirror()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        remove(partial)
        raise GimpRootError(f"mmdebstrap could not build the GIMP 3 folder; it ended with: {_last_lines(done.stdout)}")
    if folder.exists():
        remove(partial)  # another process was quicker
    else:
        partial.rename(folder)


def remove(folder: Path) -> None:
    """Delete a folder, unless something is mounted inside it: that would be deleted too."""
    if not folder.exists():
        return
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    inside = [point for point in mounted if point.startswith(f"{folder.resolve()}/")]
    if inside:
        raise GimpRootError(f"{inside[0]} is a mount point; unmount it before {folder} can be deleted.")
    shutil.rmtree(folder)


def _require_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    if not shutil.which("apt-get"):
        raise GimpRootError(
            "mmdebstrap is missing and there is no apt-get to install it; install mmdebstrap or GIMP 3."
        )
    install = ["apt-get", "install", "-y", "--no-install-recommends", "mmdebstrap"]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (install, ["apt-get", "update"], install):
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if shutil.which("mmdebstrap"):
            return
    raise GimpRootError(f"apt-get could not install mmdebstrap; it ended with: {_last_lines(done.stdout)}")


def _apt_options() -> list[str]:
    """The network settings of this machine's apt (proxy, retries, dates), for the folder's apt."""
    if not shutil.which("apt-config"):
        return []
    lines = subprocess.run(["apt-config", "dump"], capture_output=True, text=True).stdout.splitlines()
    wanted = [line for line in lines if line.startswith(APT_SETTINGS) and '""' not in line]
    return [f"--aptopt={line}" for line in wanted]


def debian_mirror(etc: Path = Path("/etc/apt")) -> str:
    """The Debian archive that this machine's apt uses (either format of sources), else deb.debian.org."""
    for source in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if source.suffix not in (".list", ".sources") or not source.is_file():
            continue
        text = source.read_text(encoding="utf-8", errors="replace")
        uris = _deb822_uris(text) if source.suffix == ".sources" else _one_line_uris(text)
        for uri in uris:
            if re.fullmatch(r"https?://\S+/debian/?", uri):
                return uri
    return DEFAULT_MIRROR


def _deb822_uris(text: str) -> list[str]:
    without_comments = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    fields = re.findall(r"^URIs:(.*(?:\n[ \t].*)*)", without_comments, flags=re.MULTILINE | re.IGNORECASE)
    return [uri for field in fields for uri in field.split()]


def _one_line_uris(text: str) -> list[str]:
    return re.findall(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s", text, flags=re.MULTILINE)


def _last_lines(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-3:])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make sure that the GIMPs for the tests are there and say which ones")
    build.add_argument("folder", nargs="?", type=Path)
    build.add_argument("--suite", default=SUITE, help="the Debian release to take it from (default: %(default)s)")
    run = commands.add_parser("run", help="run a program beside that GIMP 3")
    run.add_argument("home", type=Path)
    run.add_argument("program", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    try:
        if given.command == "build":
            found = [locate(given.folder, suite=given.suite)]
            if not given.folder:
                found.append(locate_other(found[0]))
            for gimp in found:
                print(f"GIMP {gimp.version}: {gimp.root or 'installed on this machine'}")
            return 0
        gimp = locate()
        given.home.mkdir(parents=True, exist_ok=True)
        home = given.home.resolve()
        command = gimp.command(given.program or [gimp.console], [home, CLONE])
        return subprocess.run(command, env=gimp.environment(home), cwd="/").returncode
    except GimpRootError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
