"""Judging Dockerfiles: one file a rule family, one class a rule."""
