"""Dockyard takes an application from source to a trusted, running container and keeps watching it."""

__version__ = "0.1.0"
