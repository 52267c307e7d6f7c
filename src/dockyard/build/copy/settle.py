"""Overlapping sources of one COPY resolved: the last one wins, each path is written once."""

from collections.abc import Iterable

from msgspec.structs import replace

from dockyard.build.copy.copy import Planned
from dockyard.build.copy.trees import Held
from dockyard.build.sources.source import Item
from dockyard.layers.tar import Entry

Given = list[tuple[list[Planned], Held]]


class Settled:
    """Takes in what was planned for one source after another, and gives what is left of it.

    Writing over one of a file's names leaves its other names as they were, as in a file system; a tar with both in it
    would not say so. What is planned has to come from items, as it is kept until all is known.
    """

    def __init__(self) -> None:
        self._all: Given = []
        self._folders: dict[str, Planned] = {}
        self._files: dict[str, tuple[Entry, Item | None, Held]] = {}
        self._overwritten = False

    def take(self, planned: Iterable[Planned], source: Held) -> None:
        """Take in what `source` gives."""
        self._all.append((list(planned), source))
        for entry, content in self._all[-1][0]:
            if entry.kind == "dir":
                self._folders[entry.path] = (entry, None)
                continue
            before = self._files.pop(entry.path, None)
            self._overwritten = self._overwritten or before is not None
            if entry.kind == "hardlink":
                self._files[entry.path] = self._files[entry.target]
            else:
                self._files[entry.path] = (entry, content if isinstance(content, Item) else None, source)

    def given(self) -> Given:
        """All of it, as it was planned; where something was overwritten folders come first, then the rest by source.

        A file's further names are hard links to the first that is left.
        """
        if not self._overwritten:
            return self._all
        found: dict[int, tuple[list[Planned], Held]] = {}
        first: dict[int, str] = {}
        for path, file in self._files.items():
            entry, content, source = file
            planned, _ = found.setdefault(id(source), ([], source))
            name = first.setdefault(id(file), path)
            if name == path:
                planned.append((replace(entry, path=path), content))
            else:
                planned.append((replace(entry, path=path, kind="hardlink", size=0, target=name), None))
        return [(list(self._folders.values()), self._all[0][1]), *found.values()]
