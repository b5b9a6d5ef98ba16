"""The models one can drag with: the embedded one, the user's files, and what is known of published ones."""

from backend.models.models import EMBEDDED, available, open_model

__all__ = ["EMBEDDED", "available", "open_model"]
