"""The procedures called by Script-Fu, in a real GIMP 3.0 and 3.2. (All other tests without windows call by Python.)"""

from __future__ import annotations

from session import Session, newest_log

DRAG = "(draggan-drag-along-paths #:run-mode RUN-NONINTERACTIVE #:image {image} #:drawables (vector {layer}))"
SAMPLE = "(draggan-new-sample-image #:run-mode RUN-NONINTERACTIVE #:seed 5)"


def test_script_fu_drags(layers: Session):
    made = layers.build("plain", "rgb", "U8_NON_LINEAR", False, str(layers.home))
    layers.draw_path(made["image"], [(60, 50), (75, 50)])
    answer = layers.script_fu(DRAG.format(**made))
    assert answer["status"] == "success", answer
    result, source = layers.state(made["image"])["layers"]
    assert result["name"] == "Subject (dragged)"
    assert source["id"] == made["layer"]
    layers.close_image(made["image"])


def test_script_fu_asks_for_an_exact_likeness(layers: Session):
    made = layers.build("plain", "rgb", "U8_NON_LINEAR", False, str(layers.home))
    layers.draw_path(made["image"], [(60, 50), (75, 50)])
    for words, wanted in (("", "editable"), (' #:likeness "exact"', "exact")):
        answer = layers.script_fu(DRAG.format(**made).replace(")", f"){words}", 1))
        assert answer["status"] == "success", answer
        assert f"'likeness': '{wanted}'" in newest_log(layers.home)
    layers.close_image(made["image"])


def test_script_fu_is_told_in_the_same_sentence(layers: Session):
    made = layers.build("plain", "rgb", "U8_NON_LINEAR", False, str(layers.home))
    before = layers.state(made["image"])
    answer = layers.script_fu(DRAG.format(**made))
    assert answer["status"] == "error"
    assert "There is no path to drag along; draw one first" in answer["message"]
    assert layers.state(made["image"]) == before
    layers.close_image(made["image"])


def test_script_fu_makes_samples(layers: Session):
    before = set(layers.images())
    answer = layers.script_fu(SAMPLE)
    assert answer["status"] == "success", answer
    (image,) = set(layers.images()) - before
    assert layers.state(image)["layers"][0]["name"] == "critters, seed 5"
    layers.close_image(image)
