"""Text from bytes that were not all UTF-8, made fit for documents."""

import re

_LONE = re.compile("[\ud800-\udfff]")


def wellformed(text: str) -> str:
    """`text` with `\ufffd` for each lone surrogate, which stands for a byte that is not UTF-8 (PEP 383), as BuildKit
    writes it.
    """
    return _LONE.sub("\ufffd", text)
