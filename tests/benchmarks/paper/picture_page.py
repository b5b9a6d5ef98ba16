"""The page of pictures: the same drags by us and by the baselines side by side, none selected."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from backend.editing.points import Drag
from tests.benchmarks.drag_sheet import INK, with_arrows
from tests.benchmarks.paper.bench import Bench
from tests.benchmarks.paper.measures import edited, landed
from tests.benchmarks.paper.moves import Asked
from tests.benchmarks.paper.rows import COMPARED, MOVES
from tests.benchmarks.paper.store import Record, Task

START, WANTED = "start", "its landmarks are wanted"
ROWS = (START, WANTED, *COMPARED)
SIDE, GAP, LABEL = 192, 6, 38  # pixels: of an image's height, between images, of the text above one


def measure(bench: Bench, task: Task) -> Record:
    """Make the picture of one place of the page, as a PNG in base64."""
    pair = bench.pair(task.seed)
    rows = bench.rows(pair, task.points)
    assert rows is not None
    handles, targets = pair.ways(rows)
    if task.row == START:
        start = _image(pair.images[:1])
        scale = SIDE / start.height
        drags = [Drag(_point(handle), _point(target)) for handle, target in zip(handles, targets, strict=True)]
        return {"png": _png(with_arrows(_shrunk(start), drags, scale)), "label": ""}
    if task.row == WANTED:
        return {"png": _png(_shrunk(_image(pair.images[1:]))), "label": ""}
    _, image, cost = edited(bench, MOVES[task.row], Asked(bench.loaded, pair.codes[0], handles, targets))
    found = landed(bench, pair, rows, image)
    label = f"{found['md'] / found['asked']:.0%} left, {cost['steps']} steps"
    return {"png": _png(_shrunk(_image(image))), "label": label}


def page(records: Sequence[Record], names: Sequence[str]) -> Image.Image:
    """Lay the pictures out: a column for each row of the tables, a line for each drag; what is not known is white."""
    asked = list(dict.fromkeys((record["points"], record["seed"]) for record in records))
    known = {(record["points"], record["seed"], record["row"]): record for record in records}
    width = max((Image.open(_bytes(record)).width for record in records), default=0)
    height, font = SIDE + LABEL + GAP, ImageFont.load_default(13)
    result = Image.new("RGB", (GAP + len(names) * (width + GAP), GAP + len(asked) * height), "white")
    draw = ImageDraw.Draw(result)
    for line, (points, seed) in enumerate(asked):
        for column, name in enumerate(names):
            record, x, y = known.get((points, seed, name)), GAP + column * (width + GAP), GAP + line * height
            if record is None:
                continue
            result.paste(Image.open(_bytes(record)), (x, y + LABEL))
            draw.text((x, y), name, fill=INK, font=font)
            draw.text((x, y + 17), record["label"] or f"seed {seed}, {points} points", fill=INK, font=font)
    return result


def report(records: Sequence[Record], names: Sequence[str]) -> str:
    """Say what is on the page."""
    return f"{len(records)} pictures of: {', '.join(names)}"


def _shrunk(image: Image.Image) -> Image.Image:
    return image.resize((round(image.width * SIDE / image.height), SIDE), Image.Resampling.LANCZOS)


def _image(images: Tensor) -> Image.Image:
    return Image.fromarray(images[0].permute(1, 2, 0).contiguous().numpy())


def _point(point: np.ndarray) -> tuple[float, float]:
    x, y = point.tolist()
    return x, y


def _png(image: Image.Image) -> str:
    memory = io.BytesIO()
    image.save(memory, "PNG")
    return base64.b64encode(memory.getvalue()).decode()


def _bytes(record: Record) -> io.BytesIO:
    return io.BytesIO(base64.b64decode(record["png"]))
