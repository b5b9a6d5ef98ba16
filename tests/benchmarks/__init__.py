"""Measurements, not tests: they print numbers to be read, and never fail."""
