"""The experiments of "Drag Your GAN" (Pan et al. 2023), and of papers after it, on any model: tables and pictures."""
