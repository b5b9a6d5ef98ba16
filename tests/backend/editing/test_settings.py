"""What files and requests say of a drag and an inversion: taken strictly, refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from backend.editing.settings import DragSettings, InversionSettings, read_settings, with_changes
from backend.errors import UserError

SETTINGS = DragSettings(step_size=0.002, r1=3.0, r2=12.0, feature_block=64)


def test_changes_replace_and_none_leaves_as_it_is() -> None:
    changed = with_changes(SETTINGS, {"r1": 4, "r2": None, "latent_space": "W"})
    assert (changed.r1, changed.r2, changed.latent_space) == (4.0, 12.0, "W")
    assert with_changes(InversionSettings(), {"steps": 3}) == InversionSettings(steps=3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"r1": "3"}, "The setting r1 is not usable"),
        ({"max_steps": 10.5}, "The setting max_steps is not usable"),
        ({"feature_block": 64.0}, "The setting feature_block is not usable"),
        ({"layers": True}, "The setting layers is not usable"),
        ({"latent_space": 5}, "The setting latent_space is not usable"),
        ({"step_size": float("nan")}, "The step size must be more than 0"),
        ({"feature_block": 63}, "The feature block must be a power of two"),
        ({"r3": 1.0}, "There is no setting 'r3'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as refused:
        with_changes(SETTINGS, changes)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(UserError, match="The setting r2 is not usable"):
        read_settings(DragSettings, {"step_size": 0.002, "r1": 3.0, "feature_block": 64})
