"""A random image of a model, or the shape of one with the look of another: its code in W+."""

from __future__ import annotations

import torch
import torch.nn.functional as F

import stylegan2
from backend.errors import UserError

# Of the feature map, where the look begins (looked at: with the embedded model's 256 pixels, at 16 it takes the face
# along, and at 64 the colours are a mixture); where images are larger, at most what StyleGAN's authors call fine.
LOOK_SHARE, FINE = 8, 64


@torch.no_grad()
def sample(
    generator: stylegan2.Generator, seed: int, truncation_psi: float, label: int | None, look: int | None = None
) -> torch.Tensor:
    """Draw a code [1, num_ws, w_dim] of W+ on the generator's device.

    Args:
        seed: of the latent z.
        truncation_psi: 1 leaves the code where it is, 0 moves it to the mean of W.
        label: the class, from 0 on, for a model with classes.
        look: the seed of another sample, whose styles the finer layers get; None: their own.

    Raises:
        UserError: the model has no such class.
    """
    w_plus = _drawn(generator, seed, truncation_psi, label)
    if look is None:
        return w_plus
    first = 2 * (max(min(generator.img_resolution // LOOK_SHARE, FINE), 4).bit_length() - 1) - 4
    other = _drawn(generator, look, truncation_psi, label)
    return torch.cat([w_plus[:, :first], other[:, first:]], dim=1)


def _drawn(generator: stylegan2.Generator, seed: int, truncation_psi: float, label: int | None) -> torch.Tensor:
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    device = generator.mapping.w_avg.device
    return generator.mapping(z.to(device), _one_hot(generator.c_dim, label, device), truncation_psi=truncation_psi)


def _one_hot(classes: int, label: int | None, device: torch.device) -> torch.Tensor | None:
    """Return the class `label` as [1, classes], None for a model without classes."""
    if not classes:
        if label is not None:
            raise UserError("This model has no classes; leave the class out.")
        return None
    if label is None or not 0 <= label < classes:
        raise UserError(f"This model has {classes} classes; choose one from 0 to {classes - 1}.")
    return F.one_hot(torch.tensor([label], device=device), classes)
