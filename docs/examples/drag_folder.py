"""Drag every picture of a folder in the same way, with GIMP's console and without a window.

    gimp-console-3.0 -i --quit --batch-interpreter=python-fu-eval -b "WHAT"

with these lines, joined by semicolons, for WHAT:

    import sys
    sys.path.insert(0, "docs/examples")
    import drag_folder
    drag_folder.run("pictures", "dragged", [[[324, 280], [340, 280]], [[300, 200]]])

drags the point 324, 280 of each picture in the folder pictures to 340, 280, holds the point 300, 200, and writes what
comes of it into the folder dragged. A picture that cannot be dragged is named with its reason, and left out.
"""

import json
import os

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio

PROCEDURE = "draggan-drag-along-paths"
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


def run(source, target, drags, **arguments):
    """Drag the pictures of one folder into another.

    Args:
        source: the folder with the pictures.
        target: the folder for the results, PNG files of the same names; it is made where there is none.
        drags: for each drag its points [x, y] in pixels: from where, by way of which, to where. One point alone stays.
        arguments: more of the filter's, model="ffhq-256" or likeness="exact" say.

    Returns:
        The names of the pictures that were dragged.
    """
    names = [name for name in sorted(os.listdir(source)) if name.lower().endswith(ENDINGS)]
    os.makedirs(target, exist_ok=True)
    done = []
    for name in names:
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file_at(source, name))
        problem = drag(image, drags, arguments)
        if problem:
            print(f"{name}: {problem}")
        else:
            image.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
            result = file_at(target, os.path.splitext(name)[0] + ".png")
            Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, result, None)
            done.append(name)
        image.delete()
    print(f"{len(done)} of {len(names)} pictures were dragged; they are in {target}.")
    return done


def drag(image, drags, arguments):
    """Drag the only layer of an image, which gets a new one; return why that cannot be done, or nothing."""
    procedure = Gimp.get_pdb().lookup_procedure(PROCEDURE)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", image.get_layers())
    config.set_property("drags", json.dumps(drags))
    config.set_property("require-fit", True)  # a picture that the model cannot show is refused, not spoiled
    for name, value in arguments.items():
        config.set_property(name.replace("_", "-"), value)
    values = procedure.run(config)
    return "" if values.index(0) == Gimp.PDBStatusType.SUCCESS else str(values.index(1))


def file_at(folder, name):
    """Return GIMP's name for a file."""
    return Gio.File.new_for_path(os.path.join(folder, name))
