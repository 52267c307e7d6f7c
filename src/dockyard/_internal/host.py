"""Hosts as URLs and HTTP have them."""


def written(host: str) -> str:
    """`host` in ASCII (RFC 3490) and, where it is an IPv6 address, in brackets.

    Raises:
        UnicodeError: no name is like that.
    """
    if ":" in host:
        return f"[{host}]"
    return host if host.isascii() else host.encode("idna").decode()
