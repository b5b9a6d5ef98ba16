"""The models one can drag with: the embedded one, the user's files, and what is known of published ones."""

from backend.models.models import EMBEDDED, LoadedModel, available, open_model
from backend.models.preset import Preset

__all__ = ["EMBEDDED", "LoadedModel", "Preset", "available", "open_model"]
