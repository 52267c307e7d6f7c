"""The settings of one mirrored registry."""

import msgspec


class Mirror(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """An upstream.

    Attributes:
        upstream: its host, such as `docker.io`.
        prefix: the repositories here that mean it: with `hub`, `hub/library/alpine` is its `library/alpine`. Empty:
            every repository that no other prefix fits.
        mirrors: other places of the same content, asked before the upstream, in this order.
        insecure, ca: as for registries in config.toml.
        username, password_file: how to log in there; the file holds the password alone.
        ttl: seconds for which a tag is believed before the upstream is asked again.
    """

    upstream: str
    prefix: str = ""
    mirrors: list[str] = []
    insecure: bool = False
    ca: str = ""
    username: str = ""
    password_file: str = ""
    ttl: int = 3600
