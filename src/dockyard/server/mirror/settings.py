"""The settings of one mirrored registry."""

from typing import Annotated

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
        patience: seconds for which its answer is waited for where what is kept here can be given meanwhile.
    """

    upstream: str
    prefix: str = ""
    mirrors: list[str] = []
    insecure: bool = False
    ca: str = ""
    username: str = ""
    password_file: str = ""
    ttl: int = 3600
    patience: Annotated[float, msgspec.Meta(gt=0)] = 10.0
