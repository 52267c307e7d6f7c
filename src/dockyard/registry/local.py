"""What is this machine."""

import socket


def is_local(host: str) -> bool:
    """Whether `host[:port]` is this machine, where plain HTTP is the custom."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name == "localhost":
        return True
    name = name.strip("[]")
    try:
        if ":" in name:
            return socket.inet_pton(socket.AF_INET6, name) == bytes(15) + b"\x01"
        return socket.inet_pton(socket.AF_INET, name)[0] == 127
    except (OSError, ValueError):
        return False
