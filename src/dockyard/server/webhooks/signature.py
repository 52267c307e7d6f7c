"""The signature of a webhook's request, as Standard Webhooks has it: HMAC-SHA256 over number, time and body."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping

from dockyard.errors import UsageError

_PREFIX = "whsec_"
_TOLERANCE_S = 300


class WebhookSecretError(UsageError):
    """A webhook's secret is not `whsec_` and 24 to 64 bytes in base64."""

    reference = "webhook-secret"
    hint = "Leave it out, and one is made."


def new_secret() -> str:
    """A secret of 32 bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(secret: str, number: str, seconds: int, body: bytes) -> dict[str, str]:
    """The three headers of a request.

    Args:
        secret: as `new_secret` makes it.
        number: of the message; the same for every try.
        seconds: since 1970, now.
        body: of the request.

    Raises:
        WebhookSecretError: the secret is malformed.
    """
    return {
        "webhook-id": number,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{_digest(secret, number, str(seconds), body)}",
    }


def verified(secret: str, headers: Mapping[str, str], body: bytes, *, seconds: int) -> bool:
    """Whether a request was signed with `secret` within five minutes of `seconds`; header names in lower case."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(int(stamp) - seconds) > _TOLERANCE_S:
        return False
    right = "v1," + _digest(secret, headers.get("webhook-id", ""), stamp, body)
    return any(hmac.compare_digest(right, each) for each in headers.get("webhook-signature", "").split(" "))


def _digest(secret: str, number: str, stamp: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(_key(secret), f"{number}.{stamp}.".encode() + body, "sha256")).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise WebhookSecretError("the secret is malformed")
    return key


def check(secret: str) -> str:
    """The secret itself.

    Raises:
        WebhookSecretError: it is malformed.
    """
    _key(secret)
    return secret
