"""A real sshd for the tests: on a high port of this machine, with its own configuration, host key and user key.

Where there is no sshd or ssh, Debian's packages are unpacked into .cache of the clone; nothing is installed. As root,
sshd wants a user "sshd" and a folder /run/sshd: it gets both in a mount namespace of its own.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
UNPACKED = CLONE / ".cache" / "openssh"
PACKAGES = ("openssh-server", "openssh-client", "libwrap0")  # the last one few have
START_SECONDS = 20.0

# $1 = a folder for its own /etc/passwd, then sshd and its arguments
OWN_NAMESPACE = """
set -e
grep -v '^sshd:' /etc/passwd > "$1/passwd"
echo 'sshd:x:65534:65534::/nonexistent:/usr/sbin/nologin' >> "$1/passwd"
mount --bind "$1/passwd" /etc/passwd
mount -t tmpfs tmpfs /run
mkdir -m 755 /run/sshd
shift
exec "$@"
"""

CONFIGURATION = """
ListenAddress 127.0.0.1:{port}
HostKey "{folder}/host_key"
AuthorizedKeysFile "{folder}/user_key.pub"
PidFile "{folder}/sshd.pid"
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitUserEnvironment no
MaxStartups 100
{more}
"""

CLIENT = """
Host gpu
    HostName 127.0.0.1
    Port {port}
    IdentityFile "{folder}/user_key"
    IdentitiesOnly yes
    UserKnownHostsFile "{folder}/known_hosts"
    GlobalKnownHostsFile none
"""


class NoServerError(RuntimeError):
    """There is no sshd here and none can be had; the text is one sentence that says why."""


def programs() -> dict[str, str]:
    """Return sshd, ssh and ssh-keygen, of this machine or unpacked in .cache. Raises NoServerError."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = {name: shutil.which(name, path=path) for name in ("sshd", "ssh", "ssh-keygen")}
    if None in found.values():
        _unpack()
    return {
        name: program or str(UNPACKED / "usr" / ("sbin" if name == "sshd" else "bin") / name)
        for name, program in found.items()
    }


def _unpack() -> None:
    if UNPACKED.is_dir():
        return
    if sys.platform != "linux" or not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise NoServerError("There is no sshd here; install OpenSSH's server.")
    partial = UNPACKED.with_name(f"{UNPACKED.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "packages").mkdir(parents=True)
    try:
        download = ["apt-get", "download", *PACKAGES]
        done = _run(download, partial / "packages")
        if done.returncode and _run(["apt-get", "update"], partial).returncode == 0:
            done = _run(download, partial / "packages")
        if done.returncode:
            raise NoServerError(f"apt-get cannot fetch OpenSSH's server: {' / '.join(done.stdout.splitlines()[-2:])}")
        for package in (partial / "packages").glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(partial)], check=True)
        if not UNPACKED.is_dir():
            partial.rename(UNPACKED)  # else another process was quicker
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@dataclass
class SshServer:
    """A sshd that stands for another computer, which its client knows as `computer`.

    Args:
        folder: for its keys and what it says.
        variables: that a program which is started through it has.
    """

    folder: Path
    variables: dict[str, str]
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _programs: dict[str, str] = field(default_factory=dict)

    @property
    def computer(self) -> str:
        return f"{getpass.getuser()}@gpu"

    @property
    def client_folder(self) -> Path:
        """A folder for PATH: an ssh that reads this client's configuration instead of the user's."""
        return self.folder / "bin"

    @property
    def client_path(self) -> str:
        return f"{self.client_folder}{os.pathsep}{os.environ['PATH']}"

    def prepare(self) -> SshServer:
        """Make keys and configurations. Raises NoServerError."""
        self._programs = programs()
        self.folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        for name in ("host_key", "user_key"):
            file = str(self.folder / name)
            keygen = [self._programs["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-f", file]
            subprocess.run(keygen, check=True, env=self._environment)
        self.trust("host_key")
        variables = " ".join(f'"{name}={value}"' for name, value in self.variables.items())
        more = [f"SetEnv {variables}"]
        for option, name in (("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")):
            program = UNPACKED / "usr" / "lib" / "openssh" / name  # of newer releases, which would look for it in /usr
            more += [f"{option} {program}"] if program.exists() else []
        text = CONFIGURATION.format(port=self.port, folder=self.folder, more="\n".join(more))
        (self.folder / "sshd_config").write_text(text, encoding="utf-8")
        (self.folder / "config").write_text(CLIENT.format(port=self.port, folder=self.folder), encoding="utf-8")
        self.client_folder.mkdir()
        client = self.client_folder / "ssh"
        client.write_text(f'#!/bin/sh\nexec "{self._programs["ssh"]}" -F "{self.folder}/config" "$@"\n')
        client.chmod(0o755)
        return self

    def trust(self, key: str) -> None:
        """Have the client know this computer by one of the keys."""
        public = (self.folder / f"{key}.pub").read_text(encoding="utf-8")
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public}", encoding="utf-8")

    def start(self) -> SshServer:
        """Start it and wait until it answers."""
        command = [self._programs["sshd"], "-D", "-e", "-f", str(self.folder / "sshd_config")]
        if os.name == "posix" and os.geteuid() == 0:
            enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", OWN_NAMESPACE, "sh"]
            command = [*enter, str(self.folder), *command]
        with open(self.folder / "sshd.log", "ab") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"sshd did not start; it said: {self.log()[-2000:]}")

    def log(self) -> str:
        return (self.folder / "sshd.log").read_text(encoding="utf-8", errors="replace")

    def cut(self) -> None:
        """Break every connection at once, as a network does that fails, and take no other."""
        if self._process is None:
            return
        import psutil

        server = psutil.Process(self._process.pid)
        sessions = [one for one in server.children(recursive=True) if one.name().startswith("sshd")]
        self._process.kill()
        self._process.wait()
        for session in sessions:
            if session.is_running():
                os.kill(session.pid, signal.Signals["SIGKILL"])
        self._process = None

    @property
    def _environment(self) -> dict[str, str]:
        libraries = ":".join(str(folder) for folder in (UNPACKED / "usr" / "lib").glob("*-linux-gnu*"))
        return {**os.environ, "LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}".strip(":")}
