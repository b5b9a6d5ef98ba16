"""What install.py is made of besides GIMP's own places: the standard library only, for any Python it may meet."""
