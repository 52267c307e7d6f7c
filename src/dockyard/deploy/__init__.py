"""Rolls a verified image out and watches it settle."""
