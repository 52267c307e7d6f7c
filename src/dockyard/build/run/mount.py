"""One mount of a RUN, its variables replaced; whose it is, and with which permissions."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dockyard.build.state import State
from dockyard.dockerfile.mounts import Mount
from dockyard.layers.layer import Layer
from dockyard.runtime.way import IdsMissingError

if TYPE_CHECKING:
    from dockyard.build.tools import Tools


class Wanted(msgspec.Struct, frozen=True):
    """One mount, resolved: `key` is what the step's result depends on, `target` is absolute.

    For a bind, `layer` has what comes from a folder of this machine, and `state` is the stage or image it comes from.
    """

    mount: Mount
    target: str
    key: str
    layer: Layer | None = None
    state: State | None = None
    source: str = ""

    @property
    def kind(self) -> str:
        """What it is, for telling which input differs."""
        return {"bind": "file", "secret": "secret"}.get(self.mount.type, "mount")

    @property
    def name(self) -> str:
        """For telling which one differs."""
        if self.mount.type == "bind":
            return f"{self.mount.source or '/'}{f' of {self.mount.from_}' if self.mount.from_ else ''}"
        return self.source if self.mount.type == "secret" else f"{self.mount.type} {self.mount.id or self.target}"


def give(tools: "Tools", path: Path, mount: Mount) -> None:
    """Give what is mounted to the owner that the mount names, root by default.

    Raises:
        IdsMissingError: the build does not have that ID.
    """
    uid, gid = mount.uid or 0, mount.gid or 0
    try:
        os.chown(path, uid, gid)
    except OSError as error:
        if tools.way.ids == "all":
            raise
        raise IdsMissingError(
            f"RUN --mount=type={mount.type} needs the ID {uid}:{gid}", context={"target": mount.target}
        ) from error


def mode(mount: Mount, usual: int) -> int:
    """The permissions of a mount. As with BuildKit, where Go has other numbers for them, set bits go nowhere."""
    return usual if mount.mode is None else mount.mode & 0o777
