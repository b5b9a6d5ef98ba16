"""The backend on another computer: lent there, reached from here through a forwarded port of the system's own ssh."""
