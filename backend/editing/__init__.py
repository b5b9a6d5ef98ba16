"""The drag engine: inversion, motion supervision, point tracking and compositing.  Knows nothing of Gradio or GIMP."""
