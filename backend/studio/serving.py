"""Starting the replicas on Ray Serve, and in front of them the server."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before it is imported: nothing is told to anybody
import ray
from ray import serve as ray_serve

from backend.errors import UserError
from backend.server import lifecycle
from backend.server.log import logger
from backend.server.web import Server
from backend.studio.endpoint import StudioEndpoint
from backend.studio.replica import Replica
from backend.studio.runner import ReplicaHandle, StudioRunner
from backend.studio.web import StudioServer

ATTEMPTS = 4  # to start Ray
TIDY_EVERY = 60.0  # seconds
AT_ONCE = 100  # requests to a replica: jobs in its queue, and what is said to them


def serve(endpoint: StudioEndpoint, files: Path, replicas: int | None) -> None:
    """Be the studio until the system ends it.

    Args:
        endpoint: where it listens, and to whom.
        files: the work folder; on several machines one that all of them see.
        replicas: how many; one for each GPU of the cluster by default.
    """
    # Ray's own folder is one for all its users, and stays; the names of its sockets have to be short
    short = "/tmp" if sys.platform == "darwin" else None
    with tempfile.TemporaryDirectory(prefix="draggan-", dir=short, ignore_cleanup_errors=True) as folder:
        _serve(endpoint, files, replicas, folder)


def _serve(endpoint: StudioEndpoint, files: Path, replicas: int | None, folder: str) -> None:
    """Do so; what Ray writes while it runs goes into `folder`."""
    _start_ray(folder)
    try:
        gpus = int(ray.cluster_resources().get("GPU", 0))
        ray_serve.start(proxy_location="Disabled")
        started = [_start_replica(f"gpu{number}", files, gpus > 0) for number in range(replicas or gpus or 1)]
        server = StudioServer(StudioRunner(files, started), len(started), endpoint)
        threading.Thread(target=_tidy, args=(server,), daemon=True).start()
        with lifecycle.end_on_signals(server.stop), contextlib.closing(server.catalogue):
            logger.info("The studio listens at port %d with %d replicas", server.port, len(started))
            print(f"The studio listens at port {server.port} with {len(started)} replicas.", flush=True)
            server.serve_until_stopped()
    finally:
        ray_serve.shutdown()
        ray.shutdown()


def _tidy(server: Server) -> None:
    while True:
        time.sleep(TIDY_EVERY)
        server.tidy()


def _start_ray(folder: str) -> None:
    """Start Ray on this machine, its ports on loopback, its files in `folder`; or join the cluster of RAY_ADDRESS."""
    own = {"_node_ip_address": "127.0.0.1", "_temp_dir": folder}
    alone: dict[str, Any] = {} if "RAY_ADDRESS" in os.environ else own
    for left in reversed(range(ATTEMPTS)):
        try:
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False, **alone)
            return
        except Exception as error:  # it knows no other, and on a busy machine gives up after 30 seconds (2.60)
            ray.shutdown()
            if not left:
                raise UserError(f"Ray does not start ({error}).") from error


def _start_replica(name: str, files: Path, on_gpu: bool) -> ReplicaHandle:
    """Start a replica: an application of its own, so that whoever asks it asks that one."""
    options: dict[str, Any] = {"num_cpus": 0, "num_gpus": 1 if on_gpu else 0}
    deployment: Any = ray_serve.deployment(name=name, ray_actor_options=options, max_ongoing_requests=AT_ONCE)(Replica)
    return ReplicaHandle(name, ray_serve.run(deployment.bind(str(files)), name=name, route_prefix=None))
