"""Loaded by Python before the backend under test: writes down every address that the process speaks to."""

import contextlib
import os
import sys


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo":
        _note(event, arguments[0])
    elif event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        _note(event, address[0] if isinstance(address, tuple) else address)


def _note(event: str, address: object) -> None:
    with contextlib.suppress(OSError), open(os.environ["WATCHED_ADDRESSES"], "a", encoding="utf-8") as file:
        file.write(f"{event} {address}\n")


if "WATCHED_ADDRESSES" in os.environ:
    sys.addaudithook(_watch)
