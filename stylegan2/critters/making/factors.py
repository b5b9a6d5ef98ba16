"""The 36 factors that describe a toy animal: their names, their meaning, where to get some.

A factor is a float in [0, 1]; 0.5 is the middle of what an animal can be. Factors travel as float tensors
`[N, 36]` in the order of `NAMES`.
"""

from __future__ import annotations

import torch
from torch import Tensor

MEANINGS: dict[str, str] = {
    "yaw": "turn of the head; 0 looks to the picture's left, 1 to its right",
    "pitch": "nod; 0 looks up, 1 looks down",
    "roll": "tilt; 0 leans to the picture's right, 1 to its left",
    "x": "place in the picture, from left to right",
    "y": "place in the picture, from low to high",
    "size": "size of the animal in the picture",
    "ear length": "from round and short to a hare's",
    "ear width": "from narrow to wide",
    "ear splay": "from upright to sideways",
    "ear asymmetry": "one ear lower than the other; 0.5 is even",
    "ear pointedness": "from round to pointed",
    "eye size": "radius of the eyeballs",
    "eye openness": "lids, from sleepy to wide open",
    "expression": "slant of the upper lids, from worried to fierce; 0.5 is level",
    "gaze x": "where the eyes look, from left to right",
    "gaze y": "where the eyes look, from low to high",
    "eye distance": "from close together to far apart",
    "snout length": "from flat to long",
    "snout width": "from narrow to wide",
    "mouth open": "closed up to 0.3, from there on opening to 1",
    "smile": "from flat to curved lips",
    "face width": "from slim to round",
    "cheeks": "size of the cheeks",
    "fur colour": "a walk over nine colours",
    "fur brightness": "from dark to bright",
    "pale parts": "how pale muzzle, belly and blaze are; the nose turns pink with it",
    "eye mask": "patches around the eyes: 0 white, 0.5 none, 1 black",
    "blaze": "stripe on the forehead, from 0.4 on",
    "ear tips": "dark tips of the ears, from 0.3 on",
    "background hue": "hue of the background",
    "background brightness": "brightness of the background",
    "light azimuth": "where the light comes from, from left to right",
    "light height": "where the light comes from, from low to high",
    "iris": "a walk over five colours of the iris",
    "nose size": "size of the nose",
    "background saturation": "from grey to colourful background",
}
NAMES: tuple[str, ...] = tuple(MEANINGS)
COUNT = len(NAMES)
# What changes the shape of the image; the others change its colours only.
GEOMETRY: tuple[str, ...] = (*NAMES[: NAMES.index("fur colour")], "nose size")


def index(name: str) -> int:
    """Column of the factor `name`; raises KeyError for an unknown one."""
    if name not in MEANINGS:
        raise KeyError(f"There is no factor {name!r}; the factors are {', '.join(NAMES)}.")
    return NAMES.index(name)


def random(seed: int, n: int = 1, psi: float = 1.0) -> Tensor:
    """Factors `[n, 36]` of random animals; the same seed gives the same animals everywhere.

    They are distributed as the embedded model's: the Gaussian CDF of normal numbers, which is uniform for psi
    = 1. A psi below 1 pulls them towards the middle as truncation does.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.special.ndtr(psi * torch.randn(n, COUNT, generator=generator, dtype=torch.float64)).float()


def from_latent(z: Tensor) -> Tensor:
    """Latents `[N, z_dim]`, z_dim >= 36 -> the factors `[N, 36]` that the embedded model shows for them.

    The first 36 coordinates of z, normalised to a root mean square of 1 as the mapping does, through the
    Gaussian CDF.
    """
    normalised = z / (z.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    return torch.special.ndtr(normalised[:, :COUNT]).float()


def changed(factors: Tensor, name: str, value: float | Tensor) -> Tensor:
    """A copy of factors `[N, 36]` in which the factor `name` has another value (a number, or one per row)."""
    result = factors.clone()
    result[:, index(name)] = value
    return result
