"""Runs an application without building an image. Empty so far: fanotify, overlayfs and EROFS go in here."""
