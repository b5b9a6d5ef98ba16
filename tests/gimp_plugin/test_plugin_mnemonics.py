"""In the drag window no two controls share a key, in no language, not even those that are folded away: GTK would then
only put the keyboard on one of them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from core import i18n
from tests import translations

PARTS = ("drag_buttons", "drag_controls", "drag_settings", "drag_status", "manual", "model_choice")


@pytest.fixture(params=["C", "de", "fr"])
def _language(request: pytest.FixtureRequest) -> Iterator[None]:
    i18n.use([request.param])
    yield
    i18n.use(["C"])


@pytest.mark.usefixtures("_language")
def test_each_control_of_the_drag_window_has_a_key_of_its_own():
    texts = {
        text
        for part in PARTS
        for text in translations.wrapped(ast.parse((translations.PLUGIN / "gimp" / f"{part}.py").read_text("utf-8")))
        if isinstance(text, str) and "_" in text
    }
    keys = Counter(shown[shown.index("_") + 1].lower() for shown in map(i18n._, texts) if "_" in shown)
    # Start and Pause are one button
    assert {key: count for key, count in keys.items() if count > 1} in ({}, {i18n._("Pau_se").partition("_")[2][0]: 2})
    assert len(texts) > 15
