"""Serve the shop on the port named by PORT."""

import os

from waitress import serve

from app.jsonlog import log
from app.web import Shop


def main() -> None:
    """Serve until told to stop."""
    port = int(os.environ.get("PORT", "8080"))
    version = os.environ.get("SHOP_VERSION", "0")
    log("starting", port=port, version=version)
    serve(Shop(version), host=os.environ.get("HOST", "127.0.0.1"), port=port, threads=4, _quiet=True)


if __name__ == "__main__":
    main()
