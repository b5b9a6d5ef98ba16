"""What of the plug-in needs no GIMP: from strokes to drags, the backend and its jobs, pixels as bytes."""
