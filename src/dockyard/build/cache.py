"""What steps made, by the key of their inputs. One small file a step; blobs stay in the store.

A record counts only while its layer is in the store, so removing images never breaks a build.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from dockyard._internal import atomic
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest


def key(*parts: Any) -> str:
    """A key over JSON-like `parts`; the same parts give the same key on every machine."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Record(msgspec.Struct, omit_defaults=True):
    """A record as it is kept."""

    created: str
    content: str = ""
    media_type: str = ""
    digest: str = ""
    size: int = 0
    diff_id: str = ""


class Made(msgspec.Struct, frozen=True):
    """What a step made: when (RFC 3339), its layer if it has one, and for copies the key of what was copied."""

    created: str
    layer: Layer | None = None
    content: str = ""


class StepCache:
    """The records in `folder`. Several processes may use one folder.

    Args:
        folder: holds them.
        store: has the layers.
        variant: how layers are compressed, where that is not the default.
        again: packs a layer of another variant as this one's; without it records of other variants are not seen.

    Attributes:
        used: the keys that were found or put, in their order.
        mounts: the cache mounts that were used, by id, each with its folder.
    """

    def __init__(
        self, folder: Path, store: Layout, variant: str = "", again: Callable[[Layer], Layer | None] | None = None
    ) -> None:
        self._folder = folder
        self._store = store
        self._variant = variant
        self._again = again
        self.used: dict[str, None] = {}
        self.mounts: dict[str, Path] = {}

    def get(self, step: str) -> Made | None:
        """What the step of that key made, if it is known and its layer still there."""
        path = self._path(step)
        made = self._read(path)
        if made is None:
            made = self._repacked(step, path)
            if made is None:
                return None
            self.put(step, made)
        self.used[step] = None
        with contextlib.suppress(OSError):
            os.utime(path)  # for throwing the longest unused away
        return made

    def _read(self, path: Path) -> Made | None:
        """What a record says; None where it is absent, damaged or without its layer: the step is carried out again."""
        try:
            made = self._made(msgspec.json.decode(path.read_bytes(), type=Record))
        except (OSError, msgspec.MsgspecError, Error):
            return None
        return made if made.layer is None or self._store.exists(made.layer.descriptor) else None

    def _repacked(self, step: str, path: Path) -> Made | None:
        """What the step made in a build with another compression, its layer packed as this one's."""
        if self._again is None:
            return None
        for other in sorted(path.parent.glob(f"{step}*")):
            made = self._read(other) if other != path and not other.name.endswith(".tmp") else None
            if made is not None and made.layer is None:
                return made
            if made is not None and made.layer is not None:
                layer = self._again(made.layer)
                if layer is not None:
                    return Made(made.created, layer, made.content)
        return None

    def _made(self, record: Record) -> Made:
        if not record.digest:
            return Made(record.created, None, record.content)
        descriptor = Descriptor(record.media_type, Digest.parse(record.digest), record.size)
        return Made(record.created, Layer(descriptor, Digest.parse(record.diff_id), self._store), record.content)

    def put(self, step: str, made: Made) -> None:
        """Keep what the step of that key made."""
        self.used[step] = None
        record = Record(made.created, made.content)
        if made.layer is not None:
            descriptor = made.layer.descriptor
            record.media_type, record.digest, record.size = (
                descriptor.media_type,
                str(descriptor.digest),
                descriptor.size,
            )
            record.diff_id = str(made.layer.diff_id)
        path = self._path(step)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, msgspec.json.encode(record), durable=False)

    def stands_for(self, step: str, other: str) -> None:
        """`step` means something on this machine only; what was used is `other`."""
        self.used.pop(step, None)
        self.used[other] = None

    def lock(self, step: str) -> Path:
        """The lock file for running the step of that key."""
        return self._folder / "locks" / step[:3]

    def _path(self, step: str) -> Path:
        return self._folder / "steps" / step[:2] / (step + self._variant)
