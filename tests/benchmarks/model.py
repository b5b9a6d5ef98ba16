"""How like the renderer's images the embedded model's are: as a set, in their fine detail, and one by one.

The sets are compared in the features of the landmark detector. It is ours, small and comes with the tests, and it
was trained to tell all 36 factors, so that it knows shapes and looks of these animals, where Inception's features,
which the field uses, were made for photographs. It was also trained not to mind softness and noise: those are what
gradient energy and power spectrum are for.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegan2 import load
from stylegan2.critters import WEIGHTS
from stylegan2.critters.making import anatomy, factors, geometry, rays, renderer, shading
from stylegan2.critters.making.measure import gradient_energy, peak_signal_to_noise
from stylegan2.critters.making.pairs import HELD_OUT
from stylegan2.generator import Generator
from stylegan2.samples import BATCH, latents, to_bytes
from tests.benchmarks.detector import load_detector
from tests.benchmarks.distributions import NEIGHBOURS, frechet_distance, precision_and_recall
from tests.benchmarks.spectrum import largest_deviation, spectrum_deviation

CACHE = Path(tempfile.gettempdir()) / "critters" / "renders"
PSIS = (0.3, 0.5, 0.7, 0.85)  # of the sweep, besides 1
# Seeds from which no training draws. As sets, images of the one are compared with renders of the other: renders of
# the same latents would be more alike than new ones can be.
SEED, OTHER_SEED = HELD_OUT, 2 * HELD_OUT


def add_command(commands: Any) -> None:
    """Add the command `model`."""
    parser = commands.add_parser("model", help=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, default=WEIGHTS, metavar="FILE", help="the model (the embedded one)")
    parser.add_argument("--count", type=int, default=512, help="pictures of each kind (512)")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="keeps the rendered pictures")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print everything."""
    generator, detector, count = load(arguments.weights).generator, load_detector(), arguments.count
    renders = Renders(arguments.cache, generator.image_size)
    z, other_z = (latents(seed, count, generator.z_dim) for seed in (SEED, OTHER_SEED))
    made = generated(generator, z, 1.0)
    meant, real = (renders.of(factors.from_latent(some)) for some in (z, other_z))
    real_features = detector.features(real)
    likeness = Likeness.between(detector.features(made), real_features)
    height, width = generator.image_size
    print(f"{width} x {height} pixels, {count} pictures of each kind")
    print(f"generated and rendered:   {likeness}")
    print(
        f"rendered and rendered:    {Likeness.between(detector.features(meant), real_features)}   (the best there is)"
    )
    print(f"generated and rendered picture of the same z: PSNR {_spread(peak_signal_to_noise(made, meant))}")
    deviation = spectrum_deviation(made, meant)
    print(f"gradient energy {gradient_energy(made) / gradient_energy(meant):.1%} of the renderer's")
    print(f"power of the luminance relative to the renderer's, dB, for 1 to {len(deviation)} cycles over the picture:")
    for row in deviation.split(16):
        print("  " + " ".join(f"{value:+6.2f}" for value in row.tolist()))
    print(f"largest deviation up to half the Nyquist frequency: {largest_deviation(deviation):+.2f} dB", flush=True)
    print("truncation; the likeness is to the renders at psi 1, the detail to renders of factors at the same psi:")
    for psi in (*PSIS, 1.0):
        images = generated(generator, z, psi) if psi < 1 else made
        same_psi = renders.of(factors.random(OTHER_SEED, max(count // 4, 1), psi)) if psi < 1 else meant
        print(
            f"  psi {psi:4.2f}   {Likeness.between(detector.features(images), real_features)}   "
            f"gradient energy {gradient_energy(images) / gradient_energy(same_psi):6.1%}   "
            f"largest deviation {largest_deviation(spectrum_deviation(images, same_psi)):+.2f} dB",
            flush=True,
        )


@dataclass(frozen=True)
class Likeness:
    """How alike two sets of images are."""

    distance: float
    precision: float
    recall: float

    @classmethod
    def between(cls, features: Tensor, real: Tensor) -> Likeness:
        """From features `[N, F]` and those of real ones."""
        return cls(frechet_distance(features, real), *precision_and_recall(features, real))

    def __str__(self) -> str:
        return (
            f"Frechet distance {self.distance:7.3f}   "
            f"precision {self.precision:.3f}   recall {self.recall:.3f} (k = {NEIGHBOURS})"
        )


class Renders:
    """Rendered images of one size, kept in a folder: the next run need not render them again."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        """`size` is (height, width)."""
        self.folder, self.size = folder, size

    def of(self, values: Tensor) -> Tensor:
        """Images uint8 `[N, 3, H, W]` of factors `[N, 36]`."""
        file = self.folder / f"{self._fingerprint(values)}.npy"
        if file.exists():
            return torch.from_numpy(np.load(file, allow_pickle=False))
        geometry.compile_parts()
        images = torch.cat([renderer.render(one, *self.size) for one in values.split(1)])
        self.folder.mkdir(parents=True, exist_ok=True)
        np.save(file, images.numpy(), allow_pickle=False)
        return images

    def _fingerprint(self, values: Tensor) -> str:
        """Of all that the images depend on; the renderer's source is part of it."""
        digest = hashlib.sha256(values.numpy().tobytes() + repr(self.size).encode())
        for module in (anatomy, geometry, rays, renderer, shading):
            digest.update(inspect.getsource(module).encode())
        return digest.hexdigest()[:16]


@torch.no_grad()
def generated(generator: Generator, z: Tensor, psi: float) -> Tensor:
    """Images uint8 `[N, 3, H, W]` of latents `[N, z_dim]`."""
    return torch.cat([to_bytes(generator(some, truncation_psi=psi)) for some in z.split(BATCH)])


def _spread(values: Tensor) -> str:
    low, middle, high = values.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    return f"{values.mean():.2f} dB on average, 10/50/90 % {low:.1f} / {middle:.1f} / {high:.1f} dB"
