"""Mapping networks: latent z and class label c -> w, with truncation towards the mean of W."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from .architecture import MappingArchitecture
from .errors import ModelError
from .layers import Dense, normalize_second_moment


class DenseStack(nn.Module):
    """Normalised z, beside the embedded label when there are classes, through dense layers: [N, w_dim]."""

    def __init__(self, architecture: MappingArchitecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        if a.c_dim:
            self.embed = Dense(a.c_dim, a.embed_features)
        widths = [a.z_dim + (a.embed_features if a.c_dim else 0)]
        widths += [a.layer_features] * (a.num_layers - 1) + [a.w_dim]
        for i, (before, after) in enumerate(pairwise(widths)):
            self.add_module(f"fc{i}", Dense(before, after, leaky=True, lr_multiplier=a.lr_multiplier))

    def transform(self, z: Tensor | None, c: Tensor | None) -> Tensor:
        """z [N, z_dim] (None when z_dim is 0) and c [N, c_dim] (None when c_dim is 0) -> [N, w_dim]."""
        parts = [] if z is None else [normalize_second_moment(z.float())]
        if self.architecture.c_dim:
            if c is None:
                raise ModelError(f"This model has {self.architecture.c_dim} classes; pass a one-hot class label c.")
            parts.append(normalize_second_moment(self.embed(c.float())))
        x = torch.cat(parts, dim=1)
        for i in range(self.architecture.num_layers):
            x = cast(Dense, self.get_submodule(f"fc{i}"))(x)
        return x


class MappingNetwork(DenseStack):
    """The mapping network with truncation towards the mean of W; `w_avg` is that mean, [w_dim]."""

    def __init__(self, architecture: MappingArchitecture, num_ws: int) -> None:
        super().__init__(architecture)
        self.num_ws = num_ws
        self.w_avg: Tensor
        self.register_buffer("w_avg", torch.zeros(architecture.w_dim))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """Latent codes for the synthesis.

        Args: z [N, z_dim] drawn from N(0, I); c [N, c_dim] one-hot labels when the model has classes;
        truncation_psi 1 = as drawn, 0 = the mean; truncation_cutoff = how many layers it is for (None = all).
        Returns: [N, num_ws, w_dim]. Raises ModelError when a label is needed and missing.
        """
        ws = self.transform(z, c)[:, None].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            cutoff = self.num_ws if truncation_cutoff is None else truncation_cutoff
            ws[:, :cutoff] = self.w_avg.lerp(ws[:, :cutoff], truncation_psi)
        return ws
