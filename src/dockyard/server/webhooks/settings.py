"""The settings of webhooks."""

from typing import Annotated

import msgspec


class Webhooks(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """How webhooks are delivered.

    Attributes:
        private_addresses: whether receivers may be at addresses that are not public: loopback, private networks,
            link-local ones such as a cloud's metadata service.
        hosts: where not empty, the only hosts that receivers may be at.
        timeout: seconds for a whole try.
        attempts: how often a delivery is tried before it counts as dead.
        first_pause: seconds after the first try that failed; each further pause is twice as long, up to an hour.
        keep: seconds for which the log of what was delivered, or is dead, is kept.
    """

    private_addresses: bool = False
    hosts: list[str] = []
    timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0
    attempts: Annotated[int, msgspec.Meta(ge=1, le=50)] = 12
    first_pause: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    keep: Annotated[int, msgspec.Meta(ge=60)] = 14 * 24 * 3600
