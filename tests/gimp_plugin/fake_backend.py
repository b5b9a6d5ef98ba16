"""A backend with the real protocol and no engine, whose job behaves as the name of the model says.

    python fake_backend.py READY_FILE [PROTOCOL]

Models: "critters" inverts the colours of a square; "broken" raises the user's sentence; "bug" raises another
error; "dies" exits in the middle; "hangs" stops its whole process; "short" ends its stream without a result;
"foreign" cannot show any layer; "slow" takes 100 steps of 0.1 s. A live drag lasts until it is kept. What the job was
asked, and how it ended, goes to READY_FILE.jobs as JSON lines.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
import numpy as np
import uvicorn
from fastapi import FastAPI
from PIL import Image

TOKEN = "a-token-for-tests"
SENTENCE = "The model is broken; choose another one."
BUSY = "The backend is at work; clear the cache when it is done."
UNKNOWN = "There is no such model; choose another one."
PICTURE = base64.b64encode(b"PNG").decode()
UNFIT = "This model makes ships; it cannot rebuild this layer well."


def health() -> dict[str, Any]:
    models = [
        {"name": "critters", "height": 256, "width": 256},
        {"name": "broken", "height": 64, "width": 64},
    ]
    return {"protocol": PROTOCOL, "version": "0", "device": "cpu", "busy": False, "models": models}


ENOUGH = threading.Event()
STEERED: list[dict[str, Any]] = []


def keep() -> dict[str, Any]:
    """The drag at work ends here; the real one asks whose it is."""
    ENOUGH.set()
    return {}


def steer(steering: Any) -> dict[str, Any]:
    """What a live drag is to do; it is noted, and followed at its next update."""
    note(steered=steering)
    STEERED.append(steering)
    return {}


CATS = {"state": "downloadable", "done": 0}
BYTES = 1000


def listed(thumbnails: bool = False) -> dict[str, Any]:
    """Two models; each time somebody asks, a fifth more of the second one has come."""
    if CATS["state"] == "downloading":
        CATS["done"] += BYTES // 5
        CATS["state"] = "here" if CATS["done"] >= BYTES else "downloading"
    licence = {"name": "CC0-1.0", "link": None, "non_commercial": False}
    common = {
        **{"bytes": BYTES, "height": 64, "width": 64, "licence": licence, "accepted": False, "shows": "", "hint": ""},
        **{"path_to_place": None, "where": "", "removable": True, "embedded": False},
    }
    models = [
        {"name": name, "title": name, "state": state, "thumbnail": PICTURE if thumbnails and state == "here" else None}
        for name, state in (("critters", "here"), ("cats", CATS["state"]))
    ]
    download = {
        **{"name": "cats", "phase": "downloading", "done_bytes": CATS["done"], "total_bytes": BYTES, "rate": 1.0},
        **{"seconds_left": 1.0, "error": None},
    }
    under_way = CATS["state"] == "downloading"
    return {"models": [{**common, **model} for model in models], "download": download if under_way else None}


def models(options: Any) -> dict[str, Any]:
    note(thumbnails=options["thumbnails"])
    return listed(options["thumbnails"])


def download(options: Any) -> dict[str, Any]:
    if options["name"] != "cats":
        raise gr.Error(UNKNOWN)
    CATS.update(state="downloading", done=0)
    return listed()


def remove_model(options: Any) -> dict[str, Any]:
    CATS.update(state="downloadable", done=0)
    return listed()


USED = {"cache_bytes": 23_000_000}


def resources() -> dict[str, Any]:
    common = {"device": "processor", "cores": 2, "memory": 512_000_000, "device_memory": None}
    return {**common, "models_folder": "/models", "models_bytes": 0, **USED}


def clear_cache() -> dict[str, Any]:
    if USED["cache_bytes"] == 0:
        raise gr.Error(BUSY)
    USED["cache_bytes"] = 0
    return resources()


def stop() -> dict[str, Any]:
    os._exit(0)


def region(layer_size: Any, selected: Any, options: Any) -> dict[str, Any]:
    """As wide as the model's name is long, to tell the answers apart."""
    note(region=options["model"])
    return {"region": [0, 0, len(options["model"]), layer_size[1]]}


def drag(
    image: str, mask: str | None, drags: Any, options: Any, edit: str | None, protocol: int, original: str | None
) -> Iterator[Any]:
    """The same arguments and updates as the real one."""
    files = {"mask": bool(mask), "edit": bool(edit), "original": original and Image.open(original).size}
    note(drags=drags, options=options, mode=Image.open(image).mode, protocol=protocol, **files)
    model, steps = options["model"], 100 if options["model"] == "slow" else 5
    picture = np.array(Image.open(image).convert("RGBA"))
    if model == "broken":
        raise gr.Error(SENTENCE)
    if model == "bug":
        raise RuntimeError("an inner detail")
    if model == "foreign" and options.get("poor_fit") == "ask":
        yield {**update("unfit", 0, 0, picture, drags), "message": UNFIT}, None, None, None
        return
    step = 0
    ENOUGH.clear()
    STEERED.clear()
    try:
        while options.get("live") and not ENOUGH.is_set():
            wanted = STEERED[-1] if STEERED else {"revision": 0, "drags": []}
            points = {"ids": [one["id"] for one in wanted["drags"]], "revision": wanted["revision"]}
            yield {**update("drag", step, 0, picture, wanted["drags"]), **points}, None, None, None
            step += bool(STEERED)
            time.sleep(0.02)
        for step in range(1, steps + 1):
            if ENOUGH.is_set():
                break
            yield update("drag", step, steps, picture, drags), None, None, None
            time.sleep(0.1)
            if step == 2 and model == "dies":
                os._exit(9)
            if step == 2 and model == "hangs":
                os.kill(os.getpid(), signal.Signals["SIGSTOP"])
    except GeneratorExit:
        note(ended="by the client", step=step)
        raise
    if model != "short":
        report = {"steps": steps, "fit": "poor"} if model == "foreign" else {"steps": steps}
        result = {"offset": [2, 1], "report": report, "from_original": bool(edit and original)}
        yield (
            update("done", steps, steps, picture, drags, result),
            *result_files(picture, mask),
        )
    note(ended="done")


def update(phase: str, step: int, steps: int, picture: np.ndarray, drags: Any, result: Any = None) -> dict[str, Any]:
    small = np.ascontiguousarray(picture[::4, ::4, :3])
    packed = base64.b64encode(zlib.compress(small.tobytes(), 1)).decode()
    return {
        "phase": phase,
        "step": step,
        "steps": steps,
        "message": f"Dragging: step {step} of {steps}",
        "points": [one["handle"] for one in drags],
        "targets": [one["target"] for one in drags],
        "distances": [1.0 for _ in drags],
        "arrived": [False for _ in drags],
        "region": [0, 0, picture.shape[1], picture.shape[0]],
        "preview": {"width": small.shape[1], "height": small.shape[0], "channels": 3, "pixels": packed},
        "result": result,
    }


def result_files(picture: np.ndarray, mask_file: str | None) -> tuple[str, str, str]:
    """The layer less two left columns and a row on top, inverted in the middle, and the mask for it."""
    folder = Path(tempfile.mkdtemp())
    layer = picture[1:, 2:].copy()
    height, width = layer.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2, width // 4 : width // 2] = 255
    mask[height // 2, width // 4 : width // 2] = 128
    if mask_file:
        mask = np.minimum(mask, np.array(Image.open(mask_file).convert("L"))[1:, 2:])
    layer[mask > 0, :3] = 255 - layer[mask > 0, :3]
    Image.fromarray(layer).save(folder / "layer.png")
    Image.fromarray(mask).save(folder / "mask.png")
    (folder / "edit.safetensors").write_bytes(b"edit")
    return str(folder / "layer.png"), str(folder / "mask.png"), str(folder / "edit.safetensors")


def note(**facts: Any) -> None:
    with open(f"{READY}.jobs", "a", encoding="utf-8") as jobs:
        jobs.write(json.dumps(facts) + "\n")


class Guard:
    """Only requests with the token, as the real server wants it."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", []))
        token = headers.get(b"x-draggan-token", b"")
        if any(b"hf_secret" in value for value in headers.values()):
            note(leaked="a Hugging Face token")
        if scope.get("path") == "/config":
            note(connected="a client")  # each reads this once
        if scope["type"] == "http" and not hmac.compare_digest(token, TOKEN.encode()):
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})
            return
        await self.app(scope, receive, send)


def serve() -> None:
    with gr.Blocks() as blocks:
        image, mask, edit, original = gr.File(), gr.File(), gr.File(), gr.File()
        drags, options, protocol = gr.JSON(), gr.JSON(), gr.Number(precision=0)
        out = [gr.JSON(), gr.File(), gr.File(), gr.File()]
        gr.Button().click(health, None, gr.JSON(), api_name="health")
        places = [gr.JSON(), gr.JSON()]
        gr.Button().click(region, [*places, options], gr.JSON(), api_name="region", queue=False)
        for question in (models, download, remove_model, steer):
            gr.Button().click(question, options, gr.JSON(), api_name=question.__name__, queue=False)
        for question in (keep, resources, clear_cache, stop):
            gr.Button().click(question, None, gr.JSON(), api_name=question.__name__, queue=False)
        gr.Button().click(drag, [image, mask, drags, options, edit, protocol, original], out, api_name="drag")
    app = gr.mount_gradio_app(FastAPI(), blocks, path="/", show_error=False)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Guard(app), log_level="warning"))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    threading.Thread(target=announce, args=(server, url), daemon=True).start()
    server.run(sockets=[listener])


def announce(server: uvicorn.Server, url: str) -> None:
    while not server.started:
        time.sleep(0.02)
    content = {"url": url, "pid": os.getpid(), "token": TOKEN, "protocol": PROTOCOL}
    partial = Path(f"{READY}.partial")
    partial.write_text(json.dumps(content), encoding="utf-8")
    partial.replace(READY)


if __name__ == "__main__":
    READY = Path(sys.argv[1])
    PROTOCOL = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    serve()
