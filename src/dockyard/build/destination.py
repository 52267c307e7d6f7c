"""Where a COPY goes: the destination resolved in what the image already holds, parents made where they are missing."""

from dataclasses import dataclass, field

from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree


@dataclass
class Destination:
    """Builds the members of a copy's layer.

    Args:
        tree: what the image holds; None for a linked copy, which does not look at it.
        uid, gid, mtime: of folders that are made on the way.
    """

    tree: FileTree | None
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    made: dict[str, Entry] = field(default_factory=dict)

    def folder(self, path: str) -> str:
        """`path` with links in the image followed, as far as it exists there."""
        at: list[str] = []
        for part in (each for each in path.split("/") if each):
            at.append(part)
            if self.tree is None or "/".join(at) in self.made:
                continue
            node = self.tree.get("/".join(at))
            if node is not None:
                at = node.path.split("/") if node.path else []
        return "/".join(at)

    def is_folder(self, path: str) -> bool:
        """Whether `path` is a folder, in the image or among what was made."""
        made = self.made.get(path)
        if made is not None:
            return made.kind == "dir"
        node = self.tree.get(path) if self.tree is not None else None
        return path == "" or (node is not None and node.entry.kind == "dir")

    def parents(self, path: str) -> list[Entry]:
        """Headers for the folders above `path` that are not there yet, highest first."""
        missing: list[Entry] = []
        folder = path.rpartition("/")[0]
        while folder and folder not in self.made and not self.is_folder(folder):
            missing.append(Entry(folder, "dir", 0o755, self.uid, self.gid, mtime=self.mtime))
            folder = folder.rpartition("/")[0]
        for entry in missing:
            self.made[entry.path] = entry
        return missing[::-1]

    def add(self, entry: Entry) -> None:
        """Note that `entry` will be there."""
        self.made[entry.path] = entry
