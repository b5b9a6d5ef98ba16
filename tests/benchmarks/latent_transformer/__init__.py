"""UserControllableLT (Endo 2022), the paper's baseline: a latent transformer, trained from a model's own samples."""
