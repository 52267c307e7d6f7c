"""`dockyard load`: images from an archive."""

import contextlib
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import context, report
from dockyard.errors import UsageError


def load(*, input: Annotated[Path | None, Parameter(name=["--input", "-i"])] = None, json: bool = False) -> None:
    """Read images from an archive that `docker save`, `dockyard save` or skopeo wrote.

    Args:
        input: the file; standard input by default.
        json: print one JSON document.
    """
    from dockyard.images.archive import load as load_archive

    if input is None and sys.stdin.isatty():
        raise UsageError("an archive does not come from a terminal", hint="Read it from a file: dockyard load -i FILE")
    store = context.store()
    with contextlib.ExitStack() as stack:
        stack.enter_context(store.in_use())
        stream = sys.stdin.buffer if input is None else stack.enter_context(open(input, "rb"))
        found = load_archive(stream, store)
    if json:
        report.result([{"name": name, "digest": str(each.digest)} for name, each in found.items()])
    else:
        for name, each in found.items():
            print(f"{name} {each.digest}")
