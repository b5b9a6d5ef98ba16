"""The models of a studio, which are everybody's: an artist fetches published ones, and takes none from the others."""

from __future__ import annotations

from typing import Any

from backend.errors import UserError
from backend.server.catalogue import ModelCatalogue

OF_ALL = "The models belong to all artists of the studio; ask whoever looks after it."


class StudioCatalogue(ModelCatalogue):
    """Answers as ModelCatalogue, but adds no file of the studio's computer and removes none."""

    def add(self, options: Any) -> dict[str, Any]:
        raise UserError(OF_ALL)

    def remove(self, options: Any) -> dict[str, Any]:
        raise UserError(OF_ALL)
