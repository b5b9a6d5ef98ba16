"""What the filter "Drag Along Paths" tells GIMP of itself, and its arguments as options for the backend."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject

from core.i18n import _

PROCEDURE = "draggan-drag-along-paths"
SHORT = _("Move what is under a path's first anchor to its last one")
LONG = _(
    "Draw a path for each drag: its first anchor lies on the point to move, its last one where it should go; "
    "anchors between are passed in order, a path of one anchor holds a point in place. "
    "A selection limits what may move. The result is a new layer. On such a layer, the next drag goes on from it."
)
PRESET_HELP = _("0: as the model's author recommends")
FLAGS = GObject.ParamFlags.READWRITE


def describe(procedure: Gimp.ImageProcedure) -> None:
    """Tell GIMP of the filter: what it works on, its menu entry, its arguments."""
    # Every kind of image and layer is let in: a sentence helps more than a greyed-out menu entry.
    procedure.set_image_types("*")
    sensitivity = Gimp.ProcedureSensitivityMask
    procedure.set_sensitivity_mask(sensitivity.DRAWABLE | sensitivity.DRAWABLES | sensitivity.NO_DRAWABLES)
    procedure.set_menu_label(_("_Drag Along Paths..."))
    procedure.set_icon_name("gimp-tool-path")
    procedure.set_documentation(SHORT, LONG, PROCEDURE)
    _add_arguments(procedure)
    _add_advanced_arguments(procedure)
    procedure.add_layer_return_value("layer", _("Layer"), _("The new layer with the result"), True, FLAGS)


def _add_arguments(procedure: Gimp.Procedure) -> None:
    """Add the choices of the dialog and the arguments for scripts. The paths are read from the image."""
    model_help = _("The name of a model, or the path of a model file")
    procedure.add_string_argument("model", _("_Model"), model_help, "critters", FLAGS)
    anchors = Gimp.Choice.new()
    anchors.add(
        "way-points", 0, _("One drag with way-points"), _("The point passes each anchor on its way to the last one")
    )
    anchors.add("separate", 1, _("Separate drags"), _("Each two anchors are a drag: from the first to the second"))
    anchors_help = _("What a stroke of four, six or more anchors means")
    procedure.add_choice_argument("anchors", _("Many a_nchors"), anchors_help, anchors, "way-points", FLAGS)
    region = Gimp.Choice.new()
    region.add("layer", 0, _("Whole layer"), _("Work on as much of the layer as the model can show"))
    selection_help = _("Work on the square around the selection: sharper for a small subject")
    region.add("selection", 1, _("Around the selection"), selection_help)
    procedure.add_choice_argument("region", _("R_egion"), _("The part to work on"), region, "layer", FLAGS)
    likeness = Gimp.Choice.new()
    likeness.add("editable", 0, _("Editable"), _("As near as the model can show it"))
    likeness.add("exact", 1, _("Exact (takes longer)"), _("The model learns this picture before it is dragged"))
    procedure.add_choice_argument("likeness", _("Li_keness"), _("How like the layer"), likeness, "editable", FLAGS)
    steps_help = _("Most steps of the drag ({preset})").format(preset=PRESET_HELP)
    procedure.add_int_argument("steps", _("S_teps (0: automatic)"), steps_help, 0, 2000, 0, FLAGS)
    fit_help = _("For scripts: refuse the drag where the model cannot show the layer (an artist is asked)")
    procedure.add_boolean_argument("require-fit", _("Require a _fit"), fit_help, False, FLAGS)
    drags_help = _("For scripts, instead of paths: each drag's points in pixels of the image, [[[x, y], [x, y]], ...]")
    procedure.add_string_argument("drags", _("Drags"), drags_help, "", FLAGS)
    on_help = _("Move the path to where the drag ended and select the new layer, so that a repeated drag goes on there")
    procedure.add_boolean_argument("go-on", _("Repeat from where it ends"), on_help, False, FLAGS)
    show_help = _("While you pull, the subject moves in the image as well; switch it off if that makes it slow")
    procedure.add_boolean_argument("show-in-image", _("Show it in the image, too"), show_help, True, FLAGS)


def _add_advanced_arguments(procedure: Gimp.Procedure) -> None:
    """Add what stands under Advanced in the dialog."""
    space = Gimp.Choice.new()
    w_plus_help = _("All layers of the network are moved together, and each a little by itself: W+")
    space.add("w-plus", 0, _("Follows the path"), w_plus_help)
    space.add("w", 1, _("Stays natural"), _("All layers of the network are moved together: W"))
    procedure.add_choice_argument("latent-space", _("Mo_vement"), _("What the drag may change"), space, "w-plus", FLAGS)
    mask_help = _("How firmly unselected pixels are held (-1: as the model's author recommends)")
    procedure.add_double_argument("mask-weight", _("Mask _weight (-1: automatic)"), mask_help, -1, 1000, -1, FLAGS)
    inversion_help = _("More show the picture more exactly, and take longer ({preset})").format(preset=PRESET_HELP)
    label = _("Steps to _find the picture (0: automatic)")
    procedure.add_int_argument("inversion-steps", label, inversion_help, 0, 10000, 0, FLAGS)


def options_from(config: Gimp.ProcedureConfig) -> dict[str, object]:
    """Turn the arguments into the options of the protocol; what is left to the model's preset is left out."""
    options: dict[str, object] = {
        "model": config.get_property("model") or "critters",
        "region": config.get_property("region"),
        "likeness": config.get_property("likeness"),
        "latent_space": "W" if config.get_property("latent-space") == "w" else "W+",
    }
    for name in ("steps", "inversion-steps"):
        if config.get_property(name) > 0:
            options[name.replace("-", "_")] = config.get_property(name)
    if config.get_property("require-fit"):
        options["poor_fit"] = "refuse"
    if config.get_property("mask-weight") >= 0:
        options["mask_weight"] = config.get_property("mask-weight")
    return options
