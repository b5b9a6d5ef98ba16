"""StyleGAN2 in plain PyTorch, and its model files.

Example:
    model = load("cats.pkl")
    ws = model.generator.mapping(torch.randn(1, model.generator.z_dim), truncation_psi=0.7)
    image = model.generator.synthesis(ws)  # [1, 3, H, W], nominally -1..1
"""

from .checkpoint import describe, load, save
from .discriminator import Discriminator
from .errors import ModelError
from .generator import Generator
from .model import Description, Metadata, Model

__all__ = ["Description", "Discriminator", "Generator", "Metadata", "Model", "ModelError", "describe", "load", "save"]
