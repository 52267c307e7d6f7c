"""`--output FILE` of the commands that print text: the file they name, or standard output."""

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dockyard._internal import atomic
from dockyard.cli import report
from dockyard.errors import UsageError


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """Open `path` for text in UTF-8, or give standard output where it is None.

    A file appears when the block ends well; a link is followed, and a pipe or device is written to as it is.

    Raises:
        OutputRefusedError, OutputClosedError, DiskFullError: as `atomic.output`.
    """
    if path is None:
        yield sys.stdout
        return
    with atomic.output(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()  # flushes; the stream is its owner's to close


def export(lines: Iterable[str], path: Path | None, *, json: bool) -> None:
    """Write `lines`, which have their ends, to `path` and say how many they were; or only print them.

    Raises:
        UsageError: one JSON document was asked for, and standard output has the lines.
        OutputRefusedError, OutputClosedError, DiskFullError: as `opened`.
    """
    if path is None and json:
        raise UsageError("--json says how an export went, and needs --output", hint="Write it to a file: --output FILE")
    count = 0
    with opened(path) as stream:
        for line in lines:
            stream.write(line)
            count += 1
    if path is not None:
        said = f"wrote {report.counted(count, 'line')}"
        report.told({"file": str(path), "lines": count}, said, json=json)
