"""Taking secrets out of text that people and logs will see."""

import re

_LOGIN = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)([^/?#\s]*)@")
_QUERY_SECRETS = re.compile(
    r"(?i)([?&][^=&#\s]*(?:token|signature|sig|secret|password|credential|key)[^=&#\s]*=)[^&#\s]+"
)


def url(text: str) -> str:
    """`text`, a URL or something with URLs in it, with `***` in the place of logins and secret query values.

    A name alone stays where it is no secret, as in `ssh://git@host`; over HTTP it may be a token.
    """
    return _QUERY_SECRETS.sub(r"\1***", _LOGIN.sub(_hidden, text))


def _hidden(login: re.Match[str]) -> str:
    secret = ":" in login[2] or login[1].lower().startswith("http")
    return f"{login[1]}***@" if secret else login[0]
