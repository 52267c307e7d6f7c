"""What a RUN finds beside the image's files: this machine's name server, what is mounted for it, and variables."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dockyard.build.run import authorities
from dockyard.build.stage import Stage
from dockyard.runtime import network as networks
from dockyard.runtime.bundle import Mount
from dockyard.runtime.rootfs import Overlay

if TYPE_CHECKING:
    from dockyard.build.run.mount import Wanted

HOST_GATEWAY = "host-gateway"  # what Docker's users write for this machine's address, whatever that is
_HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")
_PLAIN = ("nosuid", "nodev", "noexec")


class Around(msgspec.Struct):
    """What is put around one command.

    Attributes:
        binds: files and folders from outside.
        overlays: folders that the command may change without changing them, each with its place in the image.
        trusted: variables that name the authorities it trusts; the stage's own go before them.
        confided: variables with secrets, and where agents are.
        targets: places made only to mount something on them, beside those of `binds` that the image has.
        memory: a folder in memory for what must touch no disk, if there is anything.
    """

    binds: list[Mount]
    targets: list[str]
    overlays: list[tuple[Overlay, Path]] = msgspec.field(default_factory=list)
    trusted: dict[str, str] = msgspec.field(default_factory=dict)
    confided: dict[str, str] = msgspec.field(default_factory=dict)
    memory: Path | None = None


def around(
    stage: Stage,
    network: networks.Network,
    files: Mapping[str, bytes],
    mounts: "Sequence[Wanted]",
    work: Path,
    stack: contextlib.ExitStack,
) -> Around:
    """Prepare it.

    Args:
        stage: of the command.
        network: the one it gets.
        files: further files for the command to see, by absolute path.
        mounts: what `--mount` asks for.
        work: a folder for what is made for it.
        stack: holds it, until the command has ended.

    Raises:
        as `mounting.prepared`.
    """
    tools = stage.tools
    found = Around(
        _machine_files(tools.options.hosts, network, tools.hostname, work) + _files(files, work), [*_HOST_FILES, *files]
    )
    if mounts:
        from dockyard.build.run.mounting import in_memory, prepared  # loaded only when something is mounted

        ready = stack.enter_context(prepared(stage, tuple(mounts), work))
        found.binds += ready.mounts
        found.targets += ready.targets
        found.overlays, found.confided = ready.overlays, ready.environment
        found.memory = stack.enter_context(in_memory()) if found.confided else None
    if tools.options.certificates:
        bundle = work / "ca-bundle.pem"
        bundle.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_bytes(authorities.whole(stage.state, tools.options.certificates))
        bundle.chmod(0o644)
        found.binds.append(Mount(str(bundle), authorities.INSIDE))
        found.targets.append(authorities.INSIDE)
        found.trusted = authorities.environment()
    return found


def _machine_files(hosts: Mapping[str, str], network: networks.Network, hostname: str, work: Path) -> list[Mount]:
    """The machine's name server as it is reached from the step's network, and hosts that are the same everywhere."""
    machine = Path("/etc/resolv.conf")
    text = machine.read_text() if machine.exists() else ""
    if networks.private(network):
        text = networks.resolver(text)
        hosts = {**dict.fromkeys(networks.MACHINE, networks.GATEWAY), **hosts}
    mounts = []
    if text:
        place_ = work / "resolv.conf"
        place_.parent.mkdir(parents=True, exist_ok=True)
        place_.write_text(text)
        place_.chmod(0o644)
        mounts.append(Mount(str(place_), "/etc/resolv.conf", options=_PLAIN))
    gateway = networks.GATEWAY if networks.private(network) else "127.0.0.1"
    hosts = {name: gateway if address == HOST_GATEWAY else address for name, address in hosts.items()}
    return [*mounts, _hosts(hosts, hostname, work)]


def _hosts(hosts: Mapping[str, str], hostname: str, work: Path) -> Mount:
    """An /etc/hosts as BuildKit gives it; the names that only this machine knows are none of the image's business."""
    path = work / "hosts"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = f"127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    path.write_text(known + "".join(f"{address}\t{name}\n" for name, address in hosts.items()))
    path.chmod(0o644)
    return Mount(str(path), "/etc/hosts", options=_PLAIN)


def _files(files: Mapping[str, bytes], work: Path) -> list[Mount]:
    mounts = []
    for number, (path, content) in enumerate(files.items()):
        place_ = work / "files" / str(number)
        place_.parent.mkdir(parents=True, exist_ok=True)
        place_.write_bytes(content)
        place_.chmod(0o755)
        mounts.append(Mount(str(place_), path))
    return mounts
