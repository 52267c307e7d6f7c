"""How words in requests look, as far as the OpenAPI document can say it."""

from typing import Annotated

import msgspec

Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$",
        description="Letters, digits, dots, dashes, underscores and @; of projects in lower case.",
    ),
]
