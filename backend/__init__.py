"""The local service behind the GIMP plug-in: the drag engine, its models and the server."""

__version__ = "0.1.0"
