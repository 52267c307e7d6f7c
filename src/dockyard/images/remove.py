"""Removing images: a name goes, and with it the blobs that nothing else in the store needs."""

import json
import time
from collections.abc import Iterable

from dockyard._internal.limits import MANIFEST_BYTES
from dockyard._internal.lock import locked
from dockyard.content.layout import Layout
from dockyard.content.store import ContentNotFoundError, read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Manifest, parse
from dockyard.oci.mediatype import traits

GRACE_SECONDS = 600
"""Blobs younger than this stay: another process may have just put them there and not yet tagged its image."""


def remove(store: Layout, names: Iterable[str], *, grace: float = GRACE_SECONDS) -> tuple[int, int]:
    """Forget `names` and delete what only they needed; returns how many blobs and bytes went.

    Referrers, such as signatures, stay as long as what they refer to. Blobs younger than `grace` seconds stay and go
    with a later removal; so does everything while a build or a pull is running, which may count on it.

    Raises:
        TagNotFoundError: a name is not there; the ones before it are gone.
    """
    for name in names:
        store.untag(name)
    with store.alone() as alone, locked(store.path / ".collect"):
        if not alone:
            return 0, 0
        reached = needed(store)
        for each in store.roots():
            if each.digest not in reached:
                store.detach(each.digest)
        return _delete(store, reached, grace)


def needed(store: Layout) -> set[Digest]:
    """The digests of everything that a tagged image needs, and of what refers to it."""
    roots = store.roots()
    found: set[Digest] = set()
    for each in roots:
        if "org.opencontainers.image.ref.name" in each.annotations:
            _reach(store, each, found)
    loose = [each for each in roots if each.digest not in found]
    # A referrer of something needed is needed itself, and may be referred to in turn.
    more = True
    while more:
        more = False
        for each in list(loose):
            subject = _subject(store, each)
            if subject is not None and subject in found:
                _reach(store, each, found)
                loose.remove(each)
                more = True
    return found


def _delete(store: Layout, needed: set[Digest], grace: float) -> tuple[int, int]:
    count = size = 0
    for digest in list(store.walk()):
        if digest in needed:
            continue
        status = store.blob_path(digest).stat()
        if time.time() - max(status.st_mtime, status.st_ctime) >= grace:
            store.delete(digest)
            count, size = count + 1, size + status.st_size
    return count, size


def _reach(store: Layout, root: Descriptor, needed: set[Digest]) -> None:
    if root.digest in needed:
        return
    needed.add(root.digest)
    if traits(root.media_type).role in ("manifest", "index"):
        try:
            raw = read(store, root, limit=MANIFEST_BYTES)
        except ContentNotFoundError:
            return  # of an index, only one platform's image may be here
        for child in parse(raw, root.media_type).references:
            _reach(store, child, needed)


def _subject(store: Layout, root: Descriptor) -> Digest | None:
    try:
        raw = read(store, root, limit=MANIFEST_BYTES)
    except ContentNotFoundError:
        return None
    document = json.loads(raw)
    subject = Manifest(raw, root.media_type).subject if isinstance(document, dict) else None
    return None if subject is None else subject.digest
