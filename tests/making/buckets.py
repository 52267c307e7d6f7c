"""A real S3 server on loopback."""

import contextlib
import logging
from collections.abc import Iterator

from dockyard.content.objects import Bucket


@contextlib.contextmanager
def served(name: str) -> Iterator[Bucket]:
    """A new bucket of that name on a server of its own, gone when the block ends."""
    import urllib3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        urllib3.request("PUT", f"{endpoint}/{name}").close()
        yield Bucket(name, "us-east-1", endpoint, "key", "secret")
    finally:
        server.stop()
