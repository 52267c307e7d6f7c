"""What steps made, by the key of their inputs. One small file a step; blobs stay in the store.

A record outlives its layer: a step whose layer nothing asks for need not be carried out again (see `lent`).
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
from msgspec.structs import replace

from dockyard._internal import atomic
from dockyard.build.lazy.lent import Lent, Offers, absent
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.layers.layer import Layer
from dockyard.layers.unsaid import Unsaid
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest


def key(*parts: Any) -> str:
    """A key over JSON-like `parts`; the same parts give the same key on every machine."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Record(msgspec.Struct, omit_defaults=True):
    """A record as it is kept. `claimed`: it comes from elsewhere, and nobody has looked yet whether it is true."""

    created: str
    content: str = ""
    media_type: str = ""
    digest: str = ""
    size: int = 0
    diff_id: str = ""
    claimed: bool = False
    plain: str = ""
    unsaid: Unsaid = Unsaid()


class Made(msgspec.Struct, frozen=True):
    """What a step made: when (RFC 3339), its layer if it has one, and for copies the key of what was copied.

    `plain` is the key of a copy that needs no look at the image that it goes to, where it was asked for; `unsaid` is
    what a command did that its layer does not tell.
    """

    created: str
    layer: Layer | None = None
    content: str = ""
    plain: str = ""
    unsaid: Unsaid = Unsaid()


class StepCache:
    """The records in `folder`. Several processes may use one folder.

    Args:
        folder: holds them.
        store: has the layers.
        variant: how layers are compressed, where that is not the default.
        again: packs a layer of another variant as this one's; without it records of other variants are not seen.

    Attributes:
        used: the keys that were found or put, in their order.
        mounts: the cache mounts that were used, by id, each with its folder, or its layer where none needed it yet.
        offers: where layers are fetched from that are not in the store.
        lent: cache mounts that came with a cache, by the name of their folder, each with its id and layer.
        renewed: the folders of cache mounts that this build has begun anew, under the lock `renewing`.
    """

    def __init__(
        self, folder: Path, store: Layout, variant: str = "", again: Callable[[Layer], Layer | None] | None = None
    ) -> None:
        self._folder = folder
        self._store = store
        self._variant = variant
        self._again = again
        self.used: dict[str, None] = {}
        self.mounts: dict[str, Path | Layer] = {}
        self.offers = Offers(store)
        self.lent: dict[str, tuple[str, Layer]] = {}
        self.renewed: set[Path] = set()
        self.renewing = Lock()

    def get(self, step: str) -> Made | None:
        """What the step of that key made, if it is known. Its layer may be absent (see `lent.absent`)."""
        path = self._path(step)
        made = self._read(path, step)
        if made is None or (made.layer is not None and absent(made.layer)):
            again = self._repacked(step, path)
            if again is not None:
                self.put(step, again)
                made = again
        if made is None:
            return None
        self.used[step] = None
        with contextlib.suppress(OSError):
            os.utime(path)  # for throwing the longest unused away
        return made

    def whole(self, step: str) -> Made | None:
        """The same, where its layer is here, or it has none."""
        made = self.get(step)
        return None if made is None or (made.layer is not None and absent(made.layer)) else made

    def _read(self, path: Path, step: str) -> Made | None:
        """What a record says; None where it is absent or damaged: the step is carried out again."""
        try:
            return self._made(msgspec.json.decode(path.read_bytes(), type=Record), step)
        except (OSError, msgspec.MsgspecError, Error):  # no such step yet, or its blobs are gone: it runs
            return None

    def _repacked(self, step: str, path: Path) -> Made | None:
        """What the step made in a build with another compression, its layer packed as this one's."""
        if self._again is None:
            return None
        for other in sorted(path.parent.glob(f"{step}*")):
            made = self._read(other, step) if other != path and not other.name.endswith(".tmp") else None
            if made is not None and made.layer is None:
                return made
            if made is not None and made.layer is not None and not absent(made.layer):
                layer = self._again(made.layer)
                if layer is not None:
                    return replace(made, layer=layer)
        return None

    def _made(self, record: Record, step: str) -> Made:
        if not record.digest:
            return Made(record.created, None, record.content, record.plain, record.unsaid)
        descriptor = Descriptor(record.media_type, Digest.parse(record.digest), record.size)
        diff_id = Digest.parse(record.diff_id)
        layer = Layer(descriptor, diff_id, self._store)
        here = Made(record.created, layer, record.content, record.plain, record.unsaid)
        if not record.claimed and self._store.exists(descriptor):
            return here
        lent = Lent(self.offers, diff_id, record.claimed, partial(self._keep, step, here))
        return replace(here, layer=Layer(descriptor, diff_id, lent))

    def put(self, step: str, made: Made, *, claimed: bool = False) -> None:
        """Keep what the step of that key made; `claimed` says that nobody has looked whether it is true."""
        self.used[step] = None
        self._keep(step, made, claimed=claimed)

    def _keep(self, step: str, made: Made, *, claimed: bool = False) -> None:
        if made.layer is not None and isinstance(made.layer.source, Lent):
            claimed = claimed or made.layer.source.unsure(made.layer.descriptor)
        record = Record(made.created, made.content, plain=made.plain, claimed=claimed, unsaid=made.unsaid)
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

    def lock(self, step: str) -> Path:
        """The lock file for running the step of that key."""
        return self._folder / "locks" / step[:3]

    def _path(self, step: str) -> Path:
        return self._folder / "steps" / step[:2] / (step + self._variant)
