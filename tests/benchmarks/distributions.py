"""How alike two sets of images are as sets, from features of each image: Frechet distance, precision and recall."""

from __future__ import annotations

import torch
from torch import Tensor

NEIGHBOURS = 3


def frechet_distance(features: Tensor, others: Tensor) -> float:
    """Squared Frechet distance of the Gaussians with the means and covariances of two sets `[N, F]`, `[M, F]`.

    |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½), Dowson and Landau 1982, as used by Heusel et al. 2017
    (https://arxiv.org/abs/1706.08500). It is biased: sets of the same distribution have a distance above 0, the
    more so the smaller they are. Compare only distances of sets of the same sizes.
    """
    (mean, covariance), (other_mean, other_covariance) = _moments(features), _moments(others)
    root = _square_root(covariance)
    # C1 C2 has the eigenvalues of C1^½ C2 C1^½, which is symmetric.
    overlap = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp(min=0).sqrt().sum()
    distance = (mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * overlap
    return max(float(distance), 0.0)


def precision_and_recall(generated: Tensor, real: Tensor, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """Share of generated that looks real, and share of real that can be generated; features `[N, F]`, `[M, F]`.

    A set's manifold is the union of balls around its members, each reaching to its third nearest neighbour:
    Kynkaanniemi et al. 2019, https://arxiv.org/abs/1904.06991.
    """
    return _covered(generated, real, neighbours), _covered(real, generated, neighbours)


def _covered(features: Tensor, manifold: Tensor, neighbours: int) -> float:
    """Share of `features` that lies in the manifold of the set `manifold`."""
    # The nearest is the member itself, at 0.
    radii = _distances(manifold, manifold).topk(neighbours + 1, dim=1, largest=False).values[:, -1]
    return float((_distances(features, manifold) <= radii).any(1).float().mean())


def _distances(features: Tensor, others: Tensor) -> Tensor:
    # Through the product of matrices, equal features would not be at exactly 0.
    return torch.cdist(features.double(), others.double(), compute_mode="donot_use_mm_for_euclid_dist")


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    values = features.double()
    return values.mean(0), values.T.cov()


def _square_root(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
