"""Taking secrets out of text that people and logs will see."""

import re
from urllib.parse import urlsplit, urlunsplit

_QUERY_SECRETS = re.compile(r"(?i)((?:token|signature|sig|secret|password|credential|key)[^=&]*=)[^&]+")


def url(text: str) -> str:
    """`text` with the user's password and secret query values replaced by `***`."""
    parts = urlsplit(text)
    netloc = parts.netloc
    if "@" in netloc:
        user, _, host = netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}:***@{host}"
    return urlunsplit(parts._replace(netloc=netloc, query=_QUERY_SECRETS.sub(r"\1***", parts.query)))
