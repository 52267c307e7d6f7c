"""Forms that browsers send, and the tokens that show that they come from our own pages."""

import hashlib
import hmac
import secrets
from urllib.parse import parse_qs

from dockyard.errors import UsageError
from dockyard.registry.app.call import Call
from dockyard.registry.interface import WireError

_BYTES = 1 << 20
# A robot may have hundreds of rights, each with a field and a box for each action.
_FIELDS = 2500


class FormRefusedError(UsageError):
    """A form did not come from one of this registry's pages, or from one that is too old."""

    reference = "form-refused"
    hint = "Open the page again and send the form from there."


class FormUnreadableError(UsageError):
    """A form is too long, or cannot be read."""

    reference = "form-unreadable"
    hint = "Send less, as a form of the page itself."


async def read(call: Call) -> dict[str, list[str]]:
    """The fields of the form in a request's body.

    Raises:
        FormUnreadableError: it is longer than 1 MiB, has more than 2500 fields, comes too slowly, or is no form.
    """
    kind = call.header(b"content-type").partition(";")[0].strip().lower()
    try:
        body = await call.body(_BYTES)
    except WireError as error:
        raise FormUnreadableError(f"the form did not arrive: {error.detail or error.code.meaning}") from None
    if kind != "application/x-www-form-urlencoded":
        raise FormUnreadableError(f"not a form: {kind[:60]!r}")
    if body.count(b"&") >= _FIELDS:
        raise FormUnreadableError(f"the form has more than {_FIELDS} fields")
    try:
        return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:
        raise FormUnreadableError("the form cannot be read") from error


def token(secret: str) -> str:
    """A token for forms of whoever has the secret (that of the session, or of a cookie for forms alone).

    Each is another one, so that compression in a proxy tells nothing about them.
    """
    nonce = secrets.token_hex(8)
    return f"{nonce}.{_sealed(nonce, secret)}"


def demand(call: Call, secret: str, sent: str) -> None:
    """Pass if a form was sent from a page of ours.

    Raises:
        FormRefusedError: it was not, or that cannot be told.
    """
    # Browsers say where a request comes from, and no page can make them lie about it.
    if call.header(b"sec-fetch-site") not in ("", "same-origin", "none"):
        raise FormRefusedError("the form was sent from another site")
    nonce, dot, seal = sent.partition(".")
    good = hmac.compare_digest(seal.encode("utf-8", "replace"), _sealed(nonce, secret).encode())
    if not secret or not dot or not good:
        raise FormRefusedError("the form's token is missing or no longer good")


def _sealed(nonce: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"form {nonce}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
