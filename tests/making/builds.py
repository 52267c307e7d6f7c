"""A place to build in: a context, a store and a data folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockyard.build.build import BuildResult, build
from dockyard.build.cache.cache import StepCache
from dockyard.build.options import Options
from dockyard.build.sources.bases import Bases
from dockyard.content.layout import Layout
from dockyard.layers.tree import FileTree
from dockyard.oci.reference import Reference


class Kept:
    """Progress that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> "Kept":
        return self

    def advance(self, amount: int) -> None:
        pass

    def done(self, note: str = "") -> None:
        pass

    def log(self, line: str) -> None:
        self.lines.append(line)


class Yard:
    """Builds Dockerfiles given as text."""

    def __init__(self, path: Path) -> None:
        self.path, self.context, self.data = path, path / "context", path / "data"
        self.context.mkdir(parents=True)
        self.store = Layout(path / "data" / "store", create=True)
        self.progress = Kept()

    def write(self, files: Mapping[str, bytes | str]) -> None:
        """Write `files` to the context."""
        for name, content in files.items():
            place = self.context / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def build(
        self, dockerfile: str, *, tag: str = "test:1", cache: StepCache | None = None, **options: Any
    ) -> BuildResult:
        """Build `dockerfile` without any network."""
        (self.context / "Dockerfile").write_text(dockerfile)
        return build(
            self.context,
            store=self.store,
            data=self.data,
            bases=Bases(self.store),
            options=Options(tags=[Reference.parse(tag)], **options),
            progress=self.progress,
            cache=cache,
        )

    def blobs(self) -> dict[str, int]:
        """The blobs of the store and when each was written."""
        return {path.name: path.stat().st_mtime_ns for path in (self.store.path / "blobs" / "sha256").iterdir()}


def members(result: BuildResult) -> dict[str, tuple[str, int, int, int]]:
    """What the last layer of an image holds: kind, mode, user, group by path."""
    entries = [entry for entry, _ in result.image.layers[-1].entries()]
    return {entry.path: (entry.kind, entry.mode, entry.uid, entry.gid) for entry in entries}


def facts(tree: FileTree) -> dict[str, tuple[object, ...]]:
    """All that a tree says of each path, its content included."""
    found: dict[str, tuple[object, ...]] = {}
    contents = dict(tree.read_many([node.path for node in tree.walk() if node.entry.kind == "file"]))
    for node in tree.walk():
        entry = node.entry
        content = contents.get(node.path, b"")
        found[node.path] = (entry.kind, entry.mode, entry.uid, entry.gid, entry.target, entry.mtime, content)
    return found
