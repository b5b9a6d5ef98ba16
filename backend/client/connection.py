"""A connection to a running backend: the ready file it is found by, quick questions to it, files fetched from it."""

from __future__ import annotations

import http.client
import json
import logging
import os
import socket
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from concurrent import futures
from pathlib import Path
from typing import Any, NamedTuple

from backend.client.progress import Box
from backend.client.protocol import OFFLINE, OTHER_VERSION, PROTOCOL, TOKEN_HEADER
from backend.computers import HERE
from backend.errors import UserError

DYING_SECONDS = 3.0  # a killed process closes its connections one after the other, its port perhaps last
QUESTION_SECONDS = 10.0  # for answers that a drag can do without
CHUNK = 1 << 20  # bytes of a file at a time
NO_ANSWER = (OSError, ValueError, LookupError, TypeError, http.client.HTTPException)  # what reading one can raise

log = logging.getLogger("draggan.client")


class NotRunningError(Exception):
    """The ready file names a backend that does not exist any more, or there is none."""


class Ready(NamedTuple):
    """What a running backend has written into its ready file."""

    url: str
    token: str
    pid: int
    host: str = ""  # that it goes by where it is, when that is another computer
    computer: str = ""  # NAME@HOST of that
    certificate: str = ""  # file of a studio's certificate, which it speaks TLS with

    @property
    def headers(self) -> dict[str, str]:
        """What every request must bring."""
        return {TOKEN_HEADER: self.token, **({"Host": self.host} if self.host else {})}

    @property
    def trusted(self) -> ssl.SSLContext | bool:
        """What a TLS connection is checked with: the studio's own certificate, or those of the system."""
        return ssl.create_default_context(cafile=self.certificate) if self.certificate else True

    @classmethod
    def parse(cls, text: str) -> Ready:
        """Read the content of a ready file.

        Raises:
            NotRunningError: it is empty or damaged.
            UserError: it was written by another version.
        """
        if not text:
            raise NotRunningError("no ready file")
        try:
            content = json.loads(text)
            named, protocol = (str(content["url"]), str(content["token"]), int(content["pid"])), content["protocol"]
            elsewhere = (str(content.get(name, "")) for name in ("host", "computer", "certificate"))
            ready = cls(*named, *elsewhere)
        except (ValueError, KeyError, TypeError) as error:
            raise NotRunningError(f"damaged ready file: {error!r}") from error
        if protocol != PROTOCOL:
            raise UserError(OTHER_VERSION)
        return ready


class Connection(NamedTuple):
    """A backend that has answered.

    Args:
        pid: its process.
        client: its gradio_client.Client.
        health: what it said about itself.
        downloads: a folder for the files that it sends.
        log_file: its log, to be named where it fails.
        computer: NAME@HOST of the other computer on which it runs, or HERE.
        certificate: file of a studio's certificate.
    """

    pid: int
    client: Any
    health: Mapping[str, Any]
    downloads: Path
    log_file: Path
    computer: str = HERE
    certificate: str = ""

    @property
    def models(self) -> list[str]:
        """Names of the models that the backend offers."""
        return [str(model["name"]) for model in self.health.get("models", [])]

    @property
    def titles(self) -> dict[str, str]:
        """The titles of these models, by their names, as the artist reads them."""
        return {str(model["name"]): str(model.get("title") or model["name"]) for model in self.health.get("models", [])}

    @property
    def session(self) -> str:
        """The name under which the backend's log knows this connection."""
        return str(self.client.session_hash)

    def region(self, size: tuple[int, int], selected: Box | None, options: Mapping[str, object]) -> Box | None:
        """Ask which part (x, y, width, height) of a layer the model would see.

        Args:
            size: (width, height) of the layer.
            selected: the box around what is selected.
            options: as a drag's.

        Returns:
            The box; None where the backend cannot tell.
        """
        try:
            question = list(size), selected and list(selected), dict(options)
            box = self.client.submit(*question, api_name="/region").result(QUESTION_SECONDS)["region"]
            return box and (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
        except Exception as error:  # only a frame on a preview depends on it
            log.info("region: %r", error)
            return None

    def fetch(self, file: Mapping[str, Any]) -> Path:
        """Copy a file of an answer, a gradio FileData, into the folder of the downloads.

        gradio_client itself would fetch all files of the last answer twice, in pieces of 8 KB (measured).

        Raises:
            httpx.HTTPError, OSError, KeyError: it does not come, cannot be stored, or is no FileData.
        """
        import httpx

        target = self.downloads / f"received {Path(file['path']).name}"
        source = urllib.parse.urlsplit(self.client.src)  # the server may know itself by another name
        place = urllib.parse.urlsplit(file["url"])._replace(scheme=source.scheme, netloc=source.netloc)
        options = {"verify": self.client.ssl_verify, **self.client.httpx_kwargs}
        request = httpx.stream("GET", place.geturl(), headers=self.client.headers, **options)
        with request as response, open(target, "wb") as out:
            response.raise_for_status()
            for chunk in response.iter_bytes(CHUNK):
                out.write(chunk)
        return target

    def post(self, endpoint: str, argument: object) -> dict[str, Any]:
        """Call an endpoint with one argument over plain HTTP, in this connection's session: in some milliseconds.

        Raises:
            UserError: the backend's own sentence, or it does not answer.
        """
        return _post(self._ready, endpoint, [argument], self.session)[0]

    def result_again(self) -> list[Any] | None:
        """Return the last output of this session's latest job, whose way here broke; None where there is none."""
        try:
            output = _post(self._ready, "result", [], self.session)
        except UserError as error:  # the artist is told of what went wrong first
            log.info("result: %s", error)
            return None
        return output if output[0] else None

    @property
    def _ready(self) -> Ready:
        token, host = str(self.client.headers[TOKEN_HEADER]), str(self.client.headers.get("Host", ""))
        return Ready(self.client.src, token, self.pid, host, certificate=self.certificate)

    def finish_early(self) -> None:
        """Ask that the drag of this connection ends at its next step, with its result."""
        try:
            self.client.submit(api_name="/keep").result(QUESTION_SECONDS)
        except Exception as error:  # then the drag goes on to its end, or the job's own failure says why not
            log.info("keep: %r", error)

    def is_open(self) -> bool:
        """Whether its port still takes connections and keeps them, as that of a hung process does.

        That of a dead process takes none; that of a dying one may still take one, which soon ends.
        """
        address = urllib.parse.urlsplit(self.client.src)
        try:
            with socket.create_connection((address.hostname, address.port), timeout=2) as connection:
                connection.settimeout(DYING_SECONDS)
                return bool(connection.recv(1))
        except TimeoutError:  # of the connection as of the silence after it
            return True
        except OSError:
            return False

    def close(self) -> None:
        """End the connection; the backend ends its jobs, and deletes their files, once nobody reads their updates."""
        # gradio_client waits up to a second for its stream's thread: nobody else has to
        threading.Thread(target=self.client.close, daemon=True).start()


def prepare_environment() -> None:
    """Keep gradio_client on this machine; call it before anything imports gradio_client."""
    os.environ.update(OFFLINE)


def open_connection(ready: Ready, downloads: Path, log_file: Path, silence_seconds: float) -> Connection:
    """Connect to the backend that wrote `ready`.

    Args:
        downloads: a folder for the files that it sends.
        log_file: the backend's.
        silence_seconds: how long it may say nothing before it counts as hung.

    Raises:
        NotRunningError: nothing answers there, or another program does.
        UserError: it hangs, or is of another version.
    """
    try:
        client, health = _greet(ready, silence_seconds)
    except TimeoutError as error:
        if ready.computer:
            raise UserError(
                f"The backend on {ready.computer} has not answered for {silence_seconds:.0f} seconds; try again "
                "when it can be reached.",
                log_file,
            ) from error
        raise UserError(
            f"The backend has not answered for {silence_seconds:.0f} seconds; end its process, {ready.pid}, "
            "and try again.",
            log_file,
        ) from error
    except Exception as error:
        # refused, reset, 401 of another program on that port, not JSON: it is not our backend
        raise NotRunningError(f"{ready.url}: {error!r}") from error
    if not isinstance(health, Mapping):
        client.close()
        raise NotRunningError(f"{ready.url} answered {health!r}")
    if health.get("protocol") != PROTOCOL:
        client.close()
        raise UserError(OTHER_VERSION)
    return Connection(ready.pid, client, health, downloads, log_file, ready.computer, ready.certificate)


def _greet(ready: Ready, silence_seconds: float) -> tuple[Any, Any]:
    """Make a client and ask the backend how it is. Raises TimeoutError when it says nothing for too long."""
    prepare_environment()
    import httpx

    from backend.client.stream import Client

    try:
        client = Client(
            ready.url,
            ssl_verify=ready.trusted,  # pyright: ignore[reportArgumentType] - httpx takes more than its type says
            headers=ready.headers,
            httpx_kwargs={"timeout": silence_seconds, "trust_env": False},
            download_files=False,
            analytics_enabled=False,
            verbose=False,
        )
        # httpx alone would wait for ever: the server's signs of life count as an answer (measured)
        return client, client.submit(api_name="/health").result(silence_seconds)
    except (httpx.TimeoutException, futures.TimeoutError) as error:
        raise TimeoutError from error


def ask(ready: Ready, endpoint: str) -> dict[str, Any]:
    """Call an endpoint that needs no session over plain HTTP: at once, without the second that gradio_client takes.

    Args:
        endpoint: "health" or "stop".

    Raises:
        UserError: the backend does not answer.
    """
    return _post(ready, endpoint, [], None)[0]


def _post(ready: Ready, endpoint: str, arguments: list[object], session: str | None) -> list[Any]:
    request = urllib.request.Request(
        f"{ready.url}gradio_api/run/{endpoint}",
        data=json.dumps({"data": arguments, "session_hash": session}).encode(),
        headers={"Content-Type": "application/json", **ready.headers},
    )
    tls = [urllib.request.HTTPSHandler(context=ready.trusted)] if isinstance(ready.trusted, ssl.SSLContext) else []
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *tls)
    try:
        with opener.open(request, timeout=QUESTION_SECONDS) as response:
            return json.load(response)["data"]
    except NO_ANSWER as error:
        sentence = _sentence(error)
        if sentence:
            raise UserError(sentence) from None
        raise UserError(
            f"The backend (process {ready.pid}) does not answer ({error}); end it with: python -m backend stop"
        ) from None


def _sentence(error: Exception) -> str | None:
    """What the backend itself says in an answer that is an error."""
    if not isinstance(error, urllib.error.HTTPError):
        return None
    try:
        return json.load(error)["error"]
    except NO_ANSWER:
        return None
