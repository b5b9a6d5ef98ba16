"""Where the backend keeps its files: models, the ready file, the lock and the log.

The folders are the ones the operating system gives each user for programs' data. The environment variable
`DRAGGAN_HOME` puts all of them under one folder of its own, which is how the tests keep out of the user's.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import platformdirs

APPLICATION = "draggan-gimp"


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can enter, whatever the umask; one that is there is closed to others.

    A folder of another user, or one that all users share (with the sticky bit, as /tmp), stays as it is.

    Raises:
        OSError: the system refuses it.
    """
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    if sys.platform != "win32":
        state = folder.stat()
        if state.st_uid == os.getuid() and not state.st_mode & stat.S_ISVTX:
            folder.chmod(0o700)


def data_folder() -> Path:
    """The folder that holds everything the backend keeps for this user; it need not exist yet."""
    home = os.environ.get("DRAGGAN_HOME")
    if home:
        return Path(home).expanduser().absolute()
    return platformdirs.user_data_path(APPLICATION, appauthor=False)


def models_folder() -> Path:
    """The folder of the model files that can be chosen by name."""
    return data_folder() / "models"


def licences_file() -> Path:
    """Which licences of models the user has accepted, and when."""
    return data_folder() / "licences.json"


def download_lock_file() -> Path:
    """The file whose lock the one process holds that downloads or imports a model."""
    return data_folder() / "download.lock"


def encoders_folder() -> Path:
    """The folder of the encoders of models that were prepared, by the models' sha256."""
    return data_folder() / "encoders"


def installation_file() -> Path:
    """What install.py wrote down: where it looked for GIMP, and the program it found; absent in a mere clone."""
    return data_folder() / "installation.json"


def ready_file() -> Path:
    """The JSON file that says where the running backend listens; absent while none runs."""
    return data_folder() / "backend.json"


def lock_file() -> Path:
    """The file whose lock the one running backend of this user holds."""
    return data_folder() / "backend.lock"


def client_processes_folder() -> Path:
    """A file for each process that has a backend stay that was started for another computer."""
    return data_folder() / "client-processes"


def work_folder() -> Path:
    """The pictures of the running backend's jobs; emptied when it starts and when it ends."""
    return data_folder() / "work"


def cache_folder() -> Path:
    """What takes long to compute: inversions, some kilobytes for each image, and six megabytes for each model."""
    return data_folder() / "cache"


def log_file() -> Path:
    """The backend's log; older ones lie beside it as backend.log.1 and so on."""
    if os.environ.get("DRAGGAN_HOME"):
        return data_folder() / "logs" / "backend.log"
    return platformdirs.user_log_path(APPLICATION, appauthor=False) / "backend.log"
