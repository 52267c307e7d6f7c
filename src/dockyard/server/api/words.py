"""How words in requests look: as the OpenAPI document says it to programs, and as errors say it to people."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from dockyard.server.rules.labels import COLOR, NAME

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$"
_SHORT = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_DIGEST = "^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$"
_URL = "^https?://"
LINK = "^([0-9a-f]{64})?$"
FORMS: Mapping[str, str] = {
    _NAME: "letters, digits, dots, dashes, underscores and @, a letter or digit first; projects in lower case",
    _SHORT: "lower-case letters, digits, dots, dashes and underscores, a letter or digit first, at most 64",
    _DIGEST: "sha256: and 64 hexadecimal digits, or sha384: and 96, or sha512: and 128",
    _URL: "a URL that begins with http:// or https://",
    NAME: "letters, digits, blanks and . _ : @ + -, a letter or digit first, no blank last, at most 64",
    COLOR: "# and six hexadecimal digits",
    LINK: "64 hexadecimal digits",
}
"""What has to be written where one of these patterns has to fit."""
Name = Annotated[str, msgspec.Meta(pattern=_NAME, description=f"{FORMS[_NAME].capitalize()}.")]
ShortName = Annotated[str, msgspec.Meta(pattern=_SHORT, description=f"{FORMS[_SHORT].capitalize()}.")]
DigestText = Annotated[str, msgspec.Meta(pattern=_DIGEST)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=_URL)]
