"""Cache mounts: folders that outlive builds, each shared as its mount says."""

import contextlib
import hashlib
import os
import secrets as random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard._internal.lock import locked, try_locked
from dockyard.build.run.mount import Wanted, give, mode
from dockyard.errors import Error
from dockyard.layers.apply import apply
from dockyard.layers.layer import Layer

if TYPE_CHECKING:
    from dockyard.build.tools import Tools


def noted(tools: "Tools", mounts: tuple[Wanted, ...]) -> None:
    """A step was found in the cache: its cache mounts are the build's all the same, and are sent along with it."""
    for each in mounts:
        if each.mount.type != "cache":
            continue
        folder = _folder(tools, each)
        if (folder / "0").is_dir() and (folder / "id").is_file():
            tools.cache.mounts[(folder / "id").read_text()] = folder / "0"
        elif folder.name in tools.cache.lent:
            name, layer = tools.cache.lent[folder.name]
            tools.cache.mounts[name] = layer


def _folder(tools: "Tools", each: Wanted) -> Path:
    name = hashlib.sha256(each.source.partition("\0")[0].encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return tools.data / "cache" / "mounts" / name


@contextlib.contextmanager
def cached(tools: "Tools", each: Wanted, *, anew: bool = False) -> Iterator[Path]:
    """The folder of a cache, under the lock that its sharing asks for; one that is new has its first content.

    With `anew` it is begun anew, once in a build, as with BuildKit, and is the cache for the builds after that.
    """
    folder = _folder(tools, each)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "id").write_text(each.source.partition("\0")[0].lstrip("/") or "/")
    with contextlib.ExitStack() as stack:
        number = 0
        if each.mount.sharing == "private":
            while not stack.enter_context(try_locked(folder / f"{number}.lock")):
                number += 1
        elif each.mount.sharing == "locked":
            stack.enter_context(locked(folder / f"{number}.lock"))
        place_ = folder / str(number)
        if anew:
            _ended(tools, place_)
        if not place_.is_dir():
            _begun(tools, each, place_)
        os.utime(folder)
        if number == 0:
            tools.cache.mounts[(folder / "id").read_text()] = place_
        yield place_


def _ended(tools: "Tools", place_: Path) -> None:
    """Take away what a cache has from builds before this one."""
    with tools.cache.renewing:
        if place_ in tools.cache.renewed:
            return
        tools.cache.renewed.add(place_)
        tools.cache.lent.pop(place_.parent.name, None)
        before = place_.with_name(f".{place_.name}.{random.token_hex(4)}.tmp")
        with contextlib.suppress(FileNotFoundError):  # it is new
            place_.rename(before)
    shutil.rmtree(before, ignore_errors=True)


def _begun(tools: "Tools", each: Wanted, place_: Path) -> None:
    """A new cache, with its first content if it has any."""
    mount = each.mount
    beside = place_.with_name(f".{place_.name}.{random.token_hex(4)}.tmp")
    beside.mkdir(parents=True)
    lent = tools.cache.lent.get(place_.parent.name) if place_.name == "0" else None
    if lent is not None and _came(tools, lent[1], beside):
        pass
    elif each.layer is not None:
        beside.chmod(0o755)
        apply(each.layer, beside, whiteouts="apply", ids=tools.way.ids)
    else:
        give(tools, beside, mount)
        beside.chmod(mode(mount, 0o755))
    with contextlib.suppress(OSError):  # another build has made the same mount before
        beside.rename(place_)
    shutil.rmtree(beside, ignore_errors=True)


def _came(tools: "Tools", layer: Layer, folder: Path) -> bool:
    """Fill a cache with what came from another machine; without that it begins as if it were new."""
    try:
        apply(layer, folder, whiteouts="apply", ids=tools.way.ids)
    except Error as error:
        tools.progress.log(f"warning: a cache mount that was sent along cannot be had: {error.message}")
        shutil.rmtree(folder)
        folder.mkdir()
        return False
    return True
