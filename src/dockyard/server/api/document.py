"""The OpenAPI document as it is given. It is kept beside this file, as making it takes a second and some megabytes."""

import importlib.resources


def document() -> bytes:
    """The OpenAPI document of the API, as JSON."""
    return importlib.resources.files("dockyard.server.api").joinpath("openapi.json").read_bytes()
