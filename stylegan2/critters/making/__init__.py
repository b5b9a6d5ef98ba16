"""How the embedded model is made: the renderer of its training images, the recipe, and what measures the result."""
