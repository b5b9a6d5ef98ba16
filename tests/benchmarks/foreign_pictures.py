"""Pictures that the embedded model does not know: photographs, drawings, patterns, and renders of other things.

The photographs are those that installed packages carry; none of them is ours to hand on.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from stylegan2.critters.making import factors
from stylegan2.critters.making.renderer import render

SIDE = 256
PACKAGES = ("gradio", "skimage", "sklearn", "matplotlib", "scipy")
ENDINGS = (".jpg", ".jpeg", ".png")
SMALLEST = 200  # pixels of a side: smaller ones are icons
COLOURS = 3000  # of the picture at SIDE x SIDE: a photograph has more, a logo or a chart fewer

Picture = tuple[str, np.ndarray]  # its name; uint8 [SIDE, SIDE, 3]


def foreign_pictures(count: int) -> list[Picture]:
    """Return at most `count` pictures: what is made here, then as many photographs as there are."""
    return list(itertools.islice(itertools.chain(patterns(), other_renders(), drawings(), photographs()), count))


def photographs() -> Iterator[Picture]:
    """Yield the photographs in the packages that happen to be installed, the square in their middle; each once."""
    seen: set[bytes] = set()
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
        for file in sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in ENDINGS):
            with Image.open(file) as image:
                square = _square(image) if min(image.size) >= SMALLEST else None
            if square is None or len(np.unique(square.reshape(-1, 3), axis=0)) < COLOURS:
                continue
            if (digest := square[::8, ::8].tobytes()) not in seen:
                seen.add(digest)
                yield f"{package}: {file.name}", square


def _square(image: Image.Image) -> np.ndarray:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.convert("RGB").crop((left, top, left + side, top + side))
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def patterns() -> Iterator[Picture]:
    """Yield noise of several kinds, and plain and striped ones."""
    random = np.random.default_rng(0)
    yield "white noise", random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    for cells in (8, 32):
        coarse = random.integers(0, 256, (cells, cells, 3), np.uint8)
        blobs = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        yield f"noise of {cells} x {cells} blobs", np.asarray(blobs)
    yield "plain grey", np.full((SIDE, SIDE, 3), 128, np.uint8)
    ramp = np.linspace(0, 255, SIDE)
    yield (
        "gradient",
        np.dstack([np.tile(ramp, (SIDE, 1)), np.tile(ramp[:, None], (1, SIDE)), np.full((SIDE,) * 2, 90)]).astype(
            np.uint8
        ),
    )
    stripes = (np.arange(SIDE) // 16 % 2 * 200 + 25).astype(np.uint8)
    yield "stripes", np.repeat(np.tile(stripes, (SIDE, 1))[..., None], 3, axis=2)


def other_renders() -> Iterator[Picture]:
    """Yield shaded spheres above a chequered floor, and animals as the model never saw them."""
    for seed in range(3):
        yield f"rendered spheres {seed}", _spheres(seed)
    animals = [render(factors.random(900 + seed, 1), SIDE)[0].permute(1, 2, 0).numpy() for seed in range(4)]
    yield "animal upside down", np.ascontiguousarray(animals[0][::-1])
    small = [animal[::2, ::2] for animal in animals]
    yield "four animals", np.vstack([np.hstack(small[:2]), np.hstack(small[2:])])


def _spheres(seed: int) -> np.ndarray:
    """Three spheres, lit from the upper left, above a floor that vanishes at the horizon."""
    random = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    depth = 0.3 / (y - 0.1).clamp(min=1e-3)
    checks = ((depth * x * 3).floor() + (depth * 3).floor()) % 2
    sky, floor = torch.rand(3, generator=random), torch.rand(3, generator=random)
    image = torch.where((y > 0.1)[..., None], floor * (0.4 + 0.6 * checks[..., None]), sky * (1.2 + y[..., None]))
    for _ in range(3):
        (centre_x, centre_y), radius = (
            torch.rand(2, generator=random) * 1.4 - 0.7,
            0.2 + 0.25 * torch.rand(1, generator=random),
        )
        across, down = (x - centre_x) / radius, (y - centre_y) / radius
        height = (1 - across**2 - down**2).clamp(min=0).sqrt()
        light = 0.15 + 0.85 * (-0.5 * across - 0.6 * down + 0.62 * height).clamp(min=0)
        shaded = torch.rand(3, generator=random) * light[..., None] + (light[..., None] ** 20) * 0.5
        image = torch.where((height > 0)[..., None], shaded, image)
    return (image.clamp(0, 1) * 255).to(torch.uint8).numpy()


def drawings() -> Iterator[Picture]:
    """Yield a drawn cat, a house, and a page of text."""
    for name, draw in (("drawn cat", _cat), ("drawn house", _house), ("page of text", _page)):
        image = Image.new("RGB", (2 * SIDE, 2 * SIDE), (250, 248, 240))
        draw(ImageDraw.Draw(image))
        yield name, np.asarray(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _cat(draw: ImageDraw.ImageDraw) -> None:
    """The head of a cat, from the front, in outlines filled with one colour each."""
    fur, line = (235, 160, 70), (60, 40, 30)
    for ear in ([(120, 210), (130, 70), (230, 140)], [(392, 210), (382, 70), (282, 140)]):
        draw.polygon(ear, fill=fur, outline=line, width=6)
    draw.ellipse((100, 110, 412, 430), fill=fur, outline=line, width=6)
    for left in (170, 290):
        draw.ellipse((left, 210, left + 52, 276), fill=(120, 190, 90), outline=line, width=5)
        draw.ellipse((left + 19, 214, left + 33, 272), fill=(0, 0, 0))
    draw.polygon([(238, 310), (274, 310), (256, 332)], fill=(220, 120, 120), outline=line, width=4)
    draw.arc((206, 310, 256, 370), 0, 160, fill=line, width=5)
    draw.arc((256, 310, 306, 370), 20, 180, fill=line, width=5)
    for rise in (-20, 0, 20):
        draw.line((190, 335, 60, 335 + rise), fill=line, width=4)
        draw.line((322, 335, 452, 335 + rise), fill=line, width=4)


def _house(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((0, 0, 512, 330), fill=(150, 200, 240))
    draw.rectangle((0, 330, 512, 512), fill=(110, 170, 80))
    draw.rectangle((140, 220, 380, 430), fill=(220, 200, 170), outline=(60, 40, 30), width=5)
    draw.polygon([(110, 220), (410, 220), (260, 90)], fill=(170, 60, 50), outline=(60, 40, 30), width=5)
    draw.rectangle((230, 320, 290, 430), fill=(110, 70, 40))
    for left in (165, 305):
        draw.rectangle((left, 250, left + 50, 300), fill=(120, 170, 220), outline=(60, 40, 30), width=4)
    draw.ellipse((400, 30, 480, 110), fill=(250, 220, 80))


def _page(draw: ImageDraw.ImageDraw) -> None:
    random = np.random.default_rng(1)
    for top in range(40, 480, 24):
        left = 40
        while left < 440:
            width = int(random.integers(12, 60))
            draw.rectangle((left, top, min(left + width, 470), top + 10), fill=(40, 40, 50))
            left += width + 10
