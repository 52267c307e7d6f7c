"""TLS over a connection."""

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl


def secured(sock: Any, context: "ssl.SSLContext", host: str) -> Any:
    """`sock` with TLS towards `host` over it; over the TLS of a proxy, too.

    Raises:
        OSError, ValueError: the other side does not speak it, or is not whom its certificate names.
    """
    if isinstance(sock, socket.socket) and not hasattr(sock, "context"):
        return context.wrap_socket(sock, server_hostname=host)
    from urllib3.util.ssltransport import SSLTransport

    return SSLTransport(sock, context, server_hostname=host)
