"""What a build begins with before its words are read and its modules are loaded: listing its context."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dockyard.build.ahead import Ahead


@contextmanager
def listed(words: Sequence[str]) -> Iterator["Ahead | None"]:
    """What is known of the context that `words` seem to name, being compared with what is there now.

    Which word is the context shows only when all are read. The last that names a folder that was built before is
    taken for it; where it is another, nothing is lost but a little time of another processor.
    """
    from dockyard.build.ahead import Ahead
    from dockyard.cli.folders import data_folder

    data = data_folder()
    plain = [word for word in words if not word.startswith("-")]
    found = [each for word in reversed(plain or ["."]) if (each := Ahead.at(word, data)) is not None]
    chosen = next((each for each in found if each.seen is not None), found[0] if found else None)
    if chosen is None:
        yield None
        return
    chosen.begin()
    try:
        yield chosen
    finally:
        chosen.end()
