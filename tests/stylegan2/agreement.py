"""Whether a model that was read from a file computes what the equations over its tensors say."""

from __future__ import annotations

from pathlib import Path

import torch

from stylegan2 import Model, load, save
from tests.stylegan2.plain_networks import Plan, Tensors, generated, judged, mapped


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def loaded(path: Path, data: bytes) -> Model:
    path.write_bytes(data)
    return load(path)


def agrees(model: Model, g: Plan, tensors: Tensors, d: Plan | None = None, d_tensors: Tensors | None = None) -> None:
    """The model maps, generates and judges as the equations over its tensors do; so does its copy in our format."""
    z, ws = torch.randn(3, g.z_dim), torch.randn(2, g.num_ws, g.w_dim)
    c = torch.eye(g.c_dim)[torch.arange(3) % g.c_dim] if g.c_dim else None
    close(model.generator.mapping(z, c)[:, 0], mapped(g, tensors, z, c))
    close(model.generator.synthesis(ws), generated(g, tensors, ws))
    assert torch.equal(model.generator.mapping.w_avg, tensors["mapping.w_avg"])
    if d is None or d_tensors is None:
        assert model.discriminator is None
        return
    images = torch.randn(3, 3, d.resolutions[-1], d.resolutions[-1])
    assert model.discriminator is not None
    close(model.discriminator(images), judged(d, d_tensors, images))


def same_again(model: Model, path: Path) -> None:
    """Written as ours and read again, every number is the same."""
    save(model, path)
    again = load(path)
    assert again.generator.architecture == model.generator.architecture
    for old, new in ((model.generator, again.generator), (model.discriminator, again.discriminator)):
        before, after = (network.state_dict() if network is not None else {} for network in (old, new))
        assert before.keys() == after.keys()
        assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
