"""The distribution protocol as an ASGI application over any registry: one file for each kind of object."""
