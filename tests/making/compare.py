"""Two images beside each other: configuration, history and merged files."""

import hashlib
from typing import Any

from dockyard.images.image import Image
from dockyard.layers.tree import Node


def differences(ours: Image, theirs: Image, *, times: bool = True) -> list[str]:
    """What differs, each as a line with both values; times of folders and of what a RUN made are not compared."""
    found = _mapping("config", ours.config.execution, theirs.config.execution)
    for name in ("architecture", "os", "variant", "author"):
        one, two = ours.config.document.get(name), theirs.config.document.get(name)
        if (one or "") != (two or ""):
            found.append(f"{name}: {one!r} / {two!r}")
    found += _history(ours, theirs)
    return found + _files(ours, theirs, times)


def _mapping(what: str, one: dict[str, Any], two: dict[str, Any]) -> list[str]:
    names = sorted(one.keys() | two.keys())
    return [f"{what} {name}: {one.get(name)!r} / {two.get(name)!r}" for name in names if one.get(name) != two.get(name)]


def _history(ours: Image, theirs: Image) -> list[str]:
    kept = ("created_by", "empty_layer", "comment")
    one, two = ([{name: item.get(name) for name in kept} for item in each.config.history] for each in (ours, theirs))
    if len(one) != len(two):
        return [f"history: {[item['created_by'] for item in one]} / {[item['created_by'] for item in two]}"]
    return [f"history {number}: {a} / {b}" for number, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]


def _files(ours: Image, theirs: Image, times: bool) -> list[str]:
    one, two = _facts(ours), _facts(theirs)
    found = []
    for path in sorted(one.keys() | two.keys()):
        a, b = one.get(path), two.get(path)
        if a is not None and b is not None:
            if not times or "dir" in a:
                a, b = {**a, "mtime": 0}, {**b, "mtime": 0}
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
        "mode": oct(entry.mode) if entry.kind != "symlink" else "",
        "owner": (entry.uid, entry.gid),
        "mtime": entry.mtime,
        "target": entry.target,
        "device": (entry.major, entry.minor),
        "xattrs": dict(entry.xattrs),
    }
    if entry.kind == "file":
        data = contents[node.path]
        fact["content"] = data if len(data) < 2000 else hashlib.sha256(data).hexdigest()
        fact["links"] = sorted(groups[node.layer, node.content])
    return fact
