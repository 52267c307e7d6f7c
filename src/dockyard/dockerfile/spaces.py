"""White space as BuildKit sees it: Go's `unicode.IsSpace`, which is not Python's `str.isspace`."""

import re

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# What separates the words of an instruction; a line feed cannot occur inside a logical line.
BETWEEN_WORDS = re.compile(r"[\t\v\f\r ]+")


def strip(text: str) -> str:
    """`text` without white space at either end."""
    return text.strip(SPACES)


def left_strip(text: str) -> str:
    """`text` without white space at its beginning."""
    return text.lstrip(SPACES)
