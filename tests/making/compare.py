"""Two images beside each other: configuration, history and merged files."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dockyard.images.image import Image
from dockyard.layers.links import Node

# Times later than this are the time of the build, which two builds do not share.
_BUILT = 1_750_000_000
_NOW = "when it was built"
# Compared below, each by itself; the digests in `rootfs` are those of layers, whose packing is no part of the language:
# what they hold is compared file by file.
_OWN = ("created", "rootfs", "history", "config")


def differences(ours: Image, theirs: Image, *, context_time: int) -> list[str]:
    """What differs, each as a line with both values; of times only whether both are the time of the build.

    Which layer has which headers of folders that did not change, and how files are named that a layer removes, is not
    compared: whoever unpacks the layers gets the same.

    A folder that has the context's own time with us may have the build's with BuildKit: its receiver of the context
    leaves its own time on a folder in which something changed since it last received one, so that what it makes
    depends on the builds before. The other way round is a difference.
    """
    found = _mapping("config", ours.config.execution, theirs.config.execution)
    one, two = ({name: each[name] for name in each if name not in _OWN} for each in _documents(ours, theirs))
    found += _mapping("document", one, two)
    found += ["rootfs is missing"] if "rootfs" not in ours.config.document else []
    one, two = ({"created": _when(each.get("created"))} for each in _documents(ours, theirs))
    if one["created"] != _NOW and two["created"] != "never":  # where no step has a date, BuildKit gives the image none
        found += _mapping("document", one, two)
    if ours.manifest.media_type != theirs.manifest.media_type:
        found.append(f"media type: {ours.manifest.media_type} / {theirs.manifest.media_type}")
    found += _history(ours, theirs)
    return found + _files(ours, theirs, context_time)


def _documents(*images: Image) -> list[dict[str, Any]]:
    return [image.config.document for image in images]


def _mapping(what: str, one: dict[str, Any], two: dict[str, Any]) -> list[str]:
    names = sorted(one.keys() | two.keys())
    return [f"{what} {name}: {one.get(name)!r} / {two.get(name)!r}" for name in names if one.get(name) != two.get(name)]


def _history(ours: Image, theirs: Image) -> list[str]:
    kept = ("created_by", "empty_layer", "comment", "author")
    one, two = ([_fact_of(item, kept) for item in each.config.history] for each in (ours, theirs))
    for a, b in zip(one, two, strict=False):
        if a["created"] == _NOW:  # BuildKit dates a step without a layer by a layer beside it, or not at all
            b["created"] = _NOW
    if len(one) != len(two):
        return [f"history: {[item['created_by'] for item in one]} / {[item['created_by'] for item in two]}"]
    return [f"history {number}: {a} / {b}" for number, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]


def _fact_of(item: Mapping[str, Any], kept: Sequence[str]) -> dict[str, Any]:
    return {**{name: item.get(name) for name in kept}, "created": _when(item.get("created"))}


def _when(text: str | None) -> str:
    """A time to the second, or that it is the build's: two builds do not share that."""
    if not text:
        return "never"
    seconds = int(datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp())
    return _NOW if seconds > _BUILT else str(seconds)


def _files(ours: Image, theirs: Image, context_time: int) -> list[str]:
    one, two = _facts(ours), _facts(theirs)
    found = []
    for path in sorted(one.keys() | two.keys()):
        a, b = one.get(path), two.get(path)
        if a is not None and b is not None:
            if "dir" in a and (a["mtime"], b["mtime"]) == (context_time, _BUILT):
                b = {**b, "mtime": context_time}
            if a != b:
                found += _mapping(f"/{path}", a, b)
        else:
            found.append(f"/{path}: {a} / {b}")
    return found


def _facts(image: Image) -> dict[str, dict[str, Any]]:
    tree = image.tree()
    nodes = [node for node in tree.walk() if node.path]
    contents = dict(tree.read_many([node.path for node in nodes if node.entry.kind == "file"]))
    groups: dict[tuple[int, str], list[str]] = {}
    for node in nodes:
        if node.entry.kind == "file":
            groups.setdefault((node.layer, node.content), []).append(node.path)
    return {node.path: _fact(node, contents, groups) for node in nodes}


def _fact(node: Node, contents: dict[str, bytes], groups: dict[tuple[int, str], list[str]]) -> dict[str, Any]:
    entry = node.entry
    fact: dict[str, Any] = {
        entry.kind: True,
        "mode": oct(entry.mode),
        "owner": (entry.uid, entry.gid),
        "mtime": min(entry.mtime, _BUILT),
        "target": entry.target,
        "device": (entry.major, entry.minor),
        "xattrs": dict(entry.xattrs),
    }
    if entry.kind == "file":
        data = contents[node.path]
        fact["content"] = data if len(data) < 2000 else hashlib.sha256(data).hexdigest()
        fact["links"] = sorted(groups[node.layer, node.content])
    return fact
