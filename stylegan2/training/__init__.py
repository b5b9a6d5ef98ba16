"""Training of StyleGAN2: losses and steps for paired and for adversarial training, growing, averaging, the log."""
