"""`dockyard registry openapi`: the document of the management API."""

import sys


def openapi(*, json: bool = False) -> None:
    """Print the OpenAPI document of a registry's management API, which servers give at /api/openapi.json, too.

    Args:
        json: the same: the document is JSON.
    """
    from dockyard.server.api.document import document

    sys.stdout.write(document().decode())
