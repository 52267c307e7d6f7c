"""Lines of CSV (RFC 4180) for spreadsheets, with strangers' texts in them."""

import csv
import io
from collections.abc import Iterable
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(values: Iterable[Any]) -> str:
    """One line; what a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_plain(each) for each in values])
    return out.getvalue()


def _plain(value: Any) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
