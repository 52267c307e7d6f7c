"""What tells later which file of a copy changed: of a small one every file's content, of a large one its folders."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from dockyard.build.copy.trees import Taken
from dockyard.build.sources.context import Context
from dockyard.build.sources.source import Item, digest

_MOST_FILES, _MOST_BYTES = 500, 8 << 20


def facts(context: Context, taken: Sequence[Taken]) -> dict[str, Any]:
    """By path in the context: mode and digest of every file, or where these are many, a digest of every folder and
    what is known of the files that are named themselves.
    """
    single = [item for each in taken for item in each.items if item.kind != "dir"]
    folders = [item for each in taken for item in each.items if item.kind == "dir"]
    small = list(
        islice(chain(single, (each for folder in folders for each in _below(context, folder))), _MOST_FILES + 1)
    )
    if len(small) <= _MOST_FILES and sum(item.size for item in small) <= _MOST_BYTES:
        return {
            item.path: [item.mode, digest(item, context)[:16] if item.kind == "file" else item.target] for item in small
        }
    return {**context.folders, **{item.path: [item.mode, item.size, item.mtime] for item in single}}


def named(context: Context, why: str) -> str:
    """The reason, where it names a folder of which only that it changed is known: the file in it that changed last."""
    path = why.removeprefix("file ").removesuffix(" changed")
    if path not in context.folders:
        return why
    return f"file {context.newest(path, str(context.root / path))} changed"


def _below(context: Context, folder: Item) -> Iterator[Item]:
    stack = [folder]
    while stack:
        for item in context.children(stack.pop()):
            if item.kind == "dir":
                stack.append(item)
            else:
                yield item
