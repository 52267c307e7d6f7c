"""From `s3://bucket/prefix` to a store: which service, and with which options."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from dockyard.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PATIENCE = timedelta(seconds=60)


class ObjectStorageAddressError(UsageError):
    """The address of the object storage is of no known form, or has an option that the service does not know."""

    reference = "object-storage-address"
    hint = "Write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix; options follow as ?endpoint=…"


def open_objects(address: str, options: Mapping[str, str] | None = None, *, tries: int = 8) -> "ObjectStore":
    """The store at an address. Nothing is asked of the service yet.

    What it refuses for being overloaded (429, 503), and what fails on the way, is tried again with growing pauses.

    Args:
        address: `s3://bucket/prefix?endpoint=http://…&region=…`; `gs://`, `az://` likewise.
        options: further options and credentials as obstore names them, such as `access_key_id`.
        tries: how often to try again.

    Raises:
        ObjectStorageAddressError: the address is of no known form, or has an unknown option.
        UsageError: obstore is not installed.
    """
    try:
        import obstore.store as stores
        from obstore.exceptions import BaseError
    except ImportError:
        raise UsageError(
            "object storage needs the library obstore", hint="Install it: pip install 'dockyard[objects]'."
        ) from None
    try:
        parts = urlsplit(address)
    except ValueError:
        raise ObjectStorageAddressError(f"not an object storage's address: {address[:80]!r}") from None
    kinds: dict[str, Any] = {"s3": stores.S3Store, "gs": stores.GCSStore, "az": stores.AzureStore}
    if parts.scheme not in kinds or not parts.netloc:
        raise ObjectStorageAddressError(f"not an object storage's address: {address[:80]!r}")
    given: dict[str, Any] = {**(options or {}), **dict(parse_qsl(parts.query))}
    plain = str(given.get("endpoint") or given.get("base_url") or "").startswith("http://")
    if parts.scheme == "gs" and "endpoint" in given:
        given["base_url"] = given.pop("endpoint")  # Google's name for the same thing
    pauses = {"init_backoff": timedelta(milliseconds=50), "max_backoff": timedelta(seconds=5), "base": 2}
    try:
        made: ObjectStore = kinds[parts.scheme](
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options={"allow_http": plain, "connect_timeout": "5 s", "timeout": "10 min"},
            retry_config={"max_retries": tries, "retry_timeout": _PATIENCE, "backoff": pauses},
            **given,
        )
    except (BaseError, ValueError, TypeError) as error:
        raise ObjectStorageAddressError(f"{address.partition('?')[0][:80]}: {str(error)[:200]}") from None
    return made
