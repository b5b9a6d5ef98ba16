"""What install.py is made of: the standard library only, for any Python it may meet."""
