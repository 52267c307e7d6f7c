"""A full system: unpacked packages configured by their own scripts, in a container."""

import os
import secrets
from collections import deque
from pathlib import Path

from dockyard._internal import leftover
from dockyard.build.tools import WORK
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.layers import snapshot
from dockyard.layers.diff import diff
from dockyard.layers.layer import Layer
from dockyard.layers.tree import FileTree
from dockyard.layers.write import LayerWriter
from dockyard.progress import Progress
from dockyard.runtime import container, copied
from dockyard.runtime.bundle import spec
from dockyard.runtime.rootfs import Overlay, lower_dirs
from dockyard.runtime.user import User
from dockyard.runtime.way import IdsMissingError, Way

_SCRIPT = """
set -e
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
[ -e /usr/bin/awk ] || ln -s mawk /usr/bin/awk
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
touch /etc/shadow /etc/fstab
dpkg --force-depends --configure base-passwd
rm -f /usr/bin/awk
dpkg --force-depends --configure base-files mawk
dpkg --configure -a
rm -f /usr/sbin/policy-rc.d /etc/fstab
printf '%s' "$SOURCES" > /etc/apt/sources.list
rm -rf /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /tmp/* /var/tmp/* /run/*
rm -f /etc/machine-id /var/lib/dbus/machine-id /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/.pwd.lock
rm -f /var/lib/dpkg/lock /var/lib/dpkg/lock-frontend /var/lib/dpkg/triggers/Lock /var/cache/apt/*.bin
rm -rf /etc/ssl/certs/java
"""


class ConfigureFailedError(Error):
    """A package's own script failed while a full base image was configured; the last lines say which."""

    reference = "configure-failed"
    hint = "Leave the package out, or report it with these lines."


def configurable(way: Way) -> None:
    """Make sure that packages' scripts can run here.

    Raises:
        IdsMissingError: this process has one user ID only, and packages give files to several.
    """
    if way.ids == "single":
        raise IdsMissingError("a full system has files of several users, and there is one user ID only")


def configure(
    unpacked: Layer, store: Layout, data: Path, *, mtime: int, sources: str, way: Way, progress: Progress
) -> Layer:
    """Run the packages' scripts on `unpacked` and return the layer of what they changed.

    Logs, caches, locks and machine identities are removed, so that the same packages give the same layer.

    Args:
        unpacked: the layer with the packages' files.
        store: gets the new layer.
        data: where layers are unpacked and work is done.
        mtime: the time of every file, in seconds since 1970.
        sources: the text of the image's sources.list.
        way: how a container can be run here.
        progress: is told of the work.

    Raises:
        ConfigureFailedError: with the last lines.
    """
    task = progress.start("configure", total=None)
    name = f"base-{os.getpid()}-{secrets.token_hex(4)}"
    tail: deque[bytes] = deque(maxlen=60)
    environment = {
        "DEBIAN_FRONTEND": "noninteractive",
        "DEBCONF_NONINTERACTIVE_SEEN": "true",
        "HOME": "/root",
        "LC_ALL": "C.UTF-8",
        "SOURCES": sources,
        "SOURCE_DATE_EPOCH": str(mtime),
    }
    with leftover.beside(data / WORK, folder=True) as (work, _):
        if way.overlay:
            lowers = lower_dirs([unpacked], data, progress, way)
            root: Overlay | Path = Overlay(lowers, work / "upper", work / "work", user=way.ids != "all", passing=True)
            before = {}
        else:
            root = work / "root"
            copied.taken([unpacked], data, root, way, progress)
            before = snapshot.snapshot(root)
        network = "none" if way.mounts else "host"
        document = spec(
            args=["/bin/sh", "-c", _SCRIPT], env=environment, cwd="/", user=User(0, 0, (), "/root"), network=network
        )
        runs = data / "run"
        container.sweep(runs)
        code = container.run(document, overlay=root, folder=runs / name, name=name, output=tail.append, way=way)
        if code != 0:
            shown = b"".join(tail)[-6000:].decode(errors="replace")
            raise ConfigureFailedError(f"configuring ended with status {code}", context={"output": "\n" + shown})
        with LayerWriter(store, epoch=mtime) as writer:
            lower = FileTree.of([unpacked])
            if isinstance(root, Overlay):
                diff(work / "upper", writer, lower=lower, ids=way.ids)
            else:
                snapshot.changes(before, root, writer, lower=lower, ignored=["proc", "sys", "dev"], ids=way.ids)
            layer = writer.commit()
    task.done()
    return layer
