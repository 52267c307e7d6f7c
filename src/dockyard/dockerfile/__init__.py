"""Reads and judges Dockerfiles; never runs them."""
