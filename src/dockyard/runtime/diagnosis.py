"""Which way containers will run here, and what is missing for a better one, each with the command that mends it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from dockyard._internal import process
from dockyard.runtime import network
from dockyard.runtime.way import NoWayError, way

# Settings of kernels and distributions that keep ordinary users from namespaces, and the value that lets them.
_SWITCHES = {
    "kernel.unprivileged_userns_clone": ("0", "1"),
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),
    "user.max_user_namespaces": ("0", "15000"),
}


class Lack(msgspec.Struct, frozen=True):
    """What is missing, and the command that mends it."""

    what: str
    advice: str

    def to_json(self) -> dict[str, str]:
        """As `--json` prints it."""
        return {"what": self.what, "advice": self.advice}


class Diagnosis(msgspec.Struct, frozen=True):
    """The way in words; `works` tells whether there is one. `network` is that of RUN steps that name none."""

    way: str
    works: bool
    network: str
    missing: list[Lack]

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        missing = [each.to_json() for each in self.missing]
        return {"way": self.way, "works": self.works, "network": self.network, "missing": missing}


def diagnose(data: Path, lacking: str, user: str) -> Diagnosis:
    """Try what this process can do with containers whose files are in `data`.

    Args:
        data: made if it is not there.
        lacking: what `namespace.enter` said was missing; it has been called.
        user: the name of who runs this, for the commands.
    """
    missing: list[Lack] = []
    try:
        found = way(data)
    except (NoWayError, process.ProgramMissingError) as error:
        missing = [Lack(error.message, error.hint), *_namespaces(), *_subordinate(lacking, user)]
        return Diagnosis("none: RUN steps cannot run", False, "", missing)
    if found.ids == "single":
        missing += _subordinate(lacking, user)
    if not found.mounts:
        missing += [
            Lack(
                "nothing can be mounted, as user namespaces are not allowed",
                "Run as root outside of a container, or allow them:",
            ),
            *_namespaces(),
        ]
    elif not found.overlay:
        missing.append(
            Lack(
                f"overlayfs does not work below {data}",
                "Load it: sudo modprobe overlay; or set DOCKYARD_HOME to a folder on ext4, xfs, btrfs or tmpfs",
            )
        )
    elif not found.runc:
        missing.append(
            Lack(
                "/proc cannot be mounted, as parts of it are hidden in this container",
                "Start the outer container with --security-opt systempaths=unconfined",
            )
        )
    root = found.ids == "all" or not found.mounts
    used = network.chosen("default", root=root)
    if not root and not network.private(used):
        missing += _network()
    return Diagnosis(found.name, True, used, missing)


def _subordinate(lacking: str, user: str) -> Iterator[Lack]:
    if not lacking:
        return
    add = f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
    if "gives" in lacking:
        yield Lack(lacking, f"Give it some that nobody else has: {add}")
    elif "not installed" in lacking:
        yield Lack(lacking, "Install it: sudo apt-get install uidmap")
    else:
        yield Lack(lacking, "See newuidmap(1); it must be set-uid: sudo apt-get install --reinstall uidmap")


def _namespaces() -> Iterator[Lack]:
    for name, (bad, good) in _SWITCHES.items():
        path = Path("/proc/sys", *name.split("."))
        if path.exists() and path.read_text().strip() == bad:
            yield Lack(
                f"{name} is {bad}: ordinary users get no namespaces", f"Allow them: sudo sysctl -w {name}={good}"
            )


def _network() -> Iterator[Lack]:
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        yield Lack("RUN steps share this machine's network: /dev/net/tun cannot be opened", network.TUNNEL_ADVICE)
    else:
        yield Lack("RUN steps share this machine's network", "Install: sudo apt-get install slirp4netns")
