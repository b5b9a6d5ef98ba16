"""What of the plug-in works in GIMP: layers and paths, dialogs and windows, the procedures."""
