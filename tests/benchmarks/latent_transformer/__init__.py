"""UserControllableLT (Endo 2022), the paper's baseline: a latent transformer, trained from a model's own samples.

Why it is no "Quick pull" of the drag window: see docs/architecture.md.
"""
