"""The one error of this package: a model file or an architecture that cannot be used."""

from __future__ import annotations


class ModelError(ValueError):
    """A model file cannot be used; the text is one sentence that tells the user what to do."""
