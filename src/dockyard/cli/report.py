"""How results and errors reach people and programs: text on a terminal, lines in a pipe, one document with --json."""

import errno
import json as json_module
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from dockyard._internal import amounts
from dockyard.errors import DiskFullError, Error, FileDeniedError, FileMissingError, FileUnusableError

_FILES: Mapping[int, type[Error]] = {
    errno.ENOENT: FileMissingError,
    errno.EACCES: FileDeniedError,
    errno.EPERM: FileDeniedError,
    errno.EROFS: FileDeniedError,
}
# Those of Unicode's control characters that are neither line feed nor tab.
_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(9), *range(11, 32), *range(127, 160))}
_RED, _DIM, _BOLD, _OFF = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


def result(document: Any) -> None:
    """Print `document` as the one JSON document of a command run with --json."""
    text = json_module.dumps(document, indent=2, ensure_ascii=False, default=str)
    # Names that are not UTF-8 have surrogates; written as \\udcXX they are JSON's own escapes.
    print(text.encode("utf-8", "backslashreplace").decode())


def told(document: Any, text: str, *, json: bool) -> None:
    """Print what a command has to tell: `document` with --json, `text` otherwise."""
    if json:
        result(document)
    else:
        print(text)


def failure(error: Exception, *, json: bool) -> int:
    """Tell of `error` and return its exit code. An error that is not Dockyard's own shows its traceback."""
    known = _known(error)
    if known is None:
        import traceback

        traceback.print_exception(error)
        known = Error(
            f"internal error: {error!r}", hint="This is a fault of Dockyard's; report it with the lines above."
        )
    if json:
        result(known.to_json())
        return known.exit_code
    red, dim, bold, off = (_RED, _DIM, _BOLD, _OFF) if styled(sys.stderr) else ("", "", "", "")
    print(f"{red}{bold}error[{known.reference}]{off}: {harmless(known.message)}", file=sys.stderr)
    for key, value in known.context.items():
        print(f"  {dim}{key}:{off}{_below(harmless(value))}", file=sys.stderr)
    if known.hint:
        print(f"  hint: {harmless(known.hint)}", file=sys.stderr)
    return known.exit_code


def harmless(text: str) -> str:
    """`text` with its control characters as escapes: what comes from elsewhere moves no cursor and hides nothing."""
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def _below(text: str) -> str:
    """A value behind its key, with all its lines but the first further in than the key."""
    first, *others = text.rstrip("\n").split("\n")
    lines = [line if not line or line.startswith("    ") else f"    {line}" for line in others]
    return "\n".join([f" {first}" if first else "", *lines])


def _known(error: Exception) -> Error | None:
    if isinstance(error, Error):
        return error
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"no space left on the disk{f': {error.filename}' if error.filename else ''}")
    if not error.filename:
        return None
    kind = _FILES.get(error.errno or 0, FileUnusableError)
    return kind(f"{error.strerror}: {error.filename}", context={"file": error.filename})


def styled(stream: TextIO) -> bool:
    """Whether colours and other styles may go to `stream`: to a terminal, without NO_COLOR (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def counted(number: int, noun: str) -> str:
    """`number` of `noun` for people: 1 layer, 2 layers, 3 repositories."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def size(count: int) -> str:
    """`count` bytes for people: 512 B, 1.2 kB, 35 MB."""
    return amounts.shown(count)


def table(headings: list[str], rows: list[list[str]]) -> None:
    """Print a plain table, aligned by columns; on a terminal the headings are dim."""
    rows = [[harmless(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    dim, off = (_DIM, _OFF) if styled(sys.stdout) else ("", "")
    for number, row in enumerate([headings, *rows]):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        print(f"{dim}{line}{off}" if number == 0 else line)
