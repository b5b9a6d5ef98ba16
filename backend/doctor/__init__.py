"""The command `python -m backend doctor`: one line per thing that has to be right, and what to do where it is not."""
