"""RUN: a command on an overlay of the layers so far; what it changed becomes a layer."""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from msgspec.structs import replace

from dockyard.build import authorities
from dockyard.build.confide import leaks
from dockyard.build.enter import Cell
from dockyard.build.fault import RunFailedError, place
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.dockerfile.instructions import Run
from dockyard.layers import snapshot
from dockyard.layers.diff import diff
from dockyard.layers.layer import Layer
from dockyard.runtime import container, copied, unsettled
from dockyard.runtime import network as networks
from dockyard.runtime.bundle import Mount, spec
from dockyard.runtime.placing import placed
from dockyard.runtime.rootfs import Overlay, lower_dirs
from dockyard.runtime.user import resolve_user
from dockyard.runtime.way import ROOT, IdsMissingError, Way

if TYPE_CHECKING:
    from dockyard.build.mounting import Wanted
    from dockyard.build.tools import Tools

HOST_GATEWAY = "host-gateway"  # what Docker's users write for this machine's address, whatever that is
_HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")
_PLAIN = ("nosuid", "nodev", "noexec")
_GROUPS = Mount("cgroup", "/sys/fs/cgroup", type="cgroup", options=_PLAIN)
_UNIFIED = Path("/sys/fs/cgroup/cgroup.controllers")
_SINGLE = (
    "This build has one user ID only, so a command that gives a file to another user or becomes one fails "
    "(Operation not permitted, Invalid argument). `dockyard doctor` gives the commands that give you more IDs."
)


def execute(
    stage: Stage,
    instruction: Run,
    args: Sequence[str],
    environment: Mapping[str, str],
    network: str,
    files: Mapping[str, bytes],
    mounts: "tuple[Wanted, ...]" = (),
    instead: Callable[[Cell], NoReturn] | None = None,
) -> Layer:
    """Run `args` in a container on the stage's layers and return the layer of what it changed.

    Args:
        stage: its state has the layers, user and working folder; its tools the store and the folder to work in.
        instruction: for its security and for errors.
        args: the command line, shell included.
        environment: the variables of the stage.
        network: one of `network.WORDS`.
        files: further files for the command to see, by absolute path; they do not enter the layer.
        mounts: what `--mount` asks for.
        instead: called with the container that is ready, and nothing is run; it has to raise.

    Raises:
        RunFailedError: with the exit code and the last lines.
        IdsMissingError: the stage's user needs an ID that this build does not have.
        LimitRefusedError: a limit that was asked for cannot be set here.
        NoWayError: this process can run nothing.
    """
    tools, state, way = stage.tools, stage.state, stage.tools.way
    tools.limits.check(way)
    data = tools.data
    runs = tools.runs
    name = f"build-{os.getpid()}-{os.urandom(4).hex()}"
    work = data / "work" / name
    reached = networks.chosen(network, root=way.ids == "all" or not way.mounts)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        binds = _machine_files(tools.hosts, reached, tools.hostname, work) + _files(files, work)
        overlays: list[tuple[Overlay, Path]] = []
        confided: dict[str, str] = {}
        targets: list[str] = []
        if mounts:
            from dockyard.build.mounting import in_memory, prepared  # loaded only when something is mounted

            ready = stack.enter_context(prepared(stage, mounts, work))
            binds += ready.mounts
            overlays, confided, targets = ready.overlays, ready.environment, ready.targets
        trusted: dict[str, str] = {}
        if tools.certificates:
            bundle = work / "ca-bundle.pem"
            bundle.parent.mkdir(parents=True, exist_ok=True)
            bundle.write_bytes(authorities.whole(state, tools.certificates))
            bundle.chmod(0o644)
            binds.append(Mount(str(bundle), authorities.INSIDE))
            targets.append(authorities.INSIDE)
            trusted = authorities.environment()
        given = [
            tools.secrets[each.source]
            for each in mounts
            if each.mount.type == "secret" and each.source in tools.secrets
        ]
        memory = stack.enter_context(in_memory()) if confided else None
        root = _Overlaid(stage, work) if way.overlay else _Copied(stage, work)
        named = str(state.config.get("User") or "")
        user = resolve_user(named, root.read("etc/passwd"), root.read("etc/group"), numbers=True)
        if way.ids == "single" and (user.uid or user.gid):
            raise IdsMissingError(
                f"USER {state.config.get('User')} needs the ID {user.uid}:{user.gid}", context=place(instruction.node)
            )
        proxies = networks.proxies(tools.proxies) if networks.private(reached) else tools.proxies
        document = spec(
            args=args,
            env={"HOME": user.home, **trusted, **environment, **proxies, **confided},
            cwd=state.workdir,
            user=user,
            network="none" if reached == "none" else "host",
            mounts=[*binds, *_groups(tools, way)],
            hostname=tools.hostname,
            privileged=instruction.security == "insecure",
        )
        tools.limits.put_on(document, name)
        node, shell = instruction.node, str(state.shell[0])
        seen = tuple(overlays)
        cell = Cell(document, root.place, seen, runs / name, name, shell, node.start_line, node.text, way, reached)
        with root.ready(binds):
            if instead is not None:
                instead(cell)
            code = container.run(
                document,
                overlay=root.place,
                folder=runs / name,
                name=name,
                output=stage.step.take,
                overlays=overlays,
                cancelled=tools.cancelled.is_set,
                way=way,
                network=reached,
                memory=memory,
            )
            stage.step.flush()
            if code != 0 and tools.halted is not None and not tools.cancelled.is_set():
                tools.halted(replace(cell, status=code))
        if code != 0:
            raise RunFailedError(
                f"the command ended with status {code}",
                context={
                    **place(instruction.node),
                    **({"log": stage.step.path} if stage.step.path is not None else {}),
                    "output": "\n    ".join(["", *stage.step.tail]),
                },
                hint=_SINGLE if way.ids == "single" else None,
            )
        for path, secret in leaks(root.changed, given):
            stage.step.log(
                f"warning: line {node.start_line}: the command wrote the secret {secret!r} to /{path}, "
                "which is in the image now"
            )
        return root.layer([*_HOST_FILES, *files, *targets])


class _Overlaid:
    """The stage's layers stacked by overlayfs, whose upper folder is what the command changed."""

    def __init__(self, stage: Stage, work: Path) -> None:
        self._stage = stage
        tools, state, way = stage.tools, stage.state, stage.tools.way
        lowers = lower_dirs(state.layers, tools.data, stage.step, way)
        if not lowers:
            empty = work / "empty"
            empty.mkdir(parents=True, exist_ok=True)
            lowers = [empty]
        self._lowers = lowers
        laid = authorities.laid_over(state, tools.certificates, work / "trusted") if tools.certificates else None
        self._upper = self.changed = work / "upper"
        shown = [*lowers, *([laid] if laid is not None else [])]
        self.place = Overlay(shown, self._upper, work / "work", way.ids != "all", passing=True)

    def read(self, path: str) -> bytes:
        """A file of the image; nothing where it is none. From the unpacked layer: a packed one is read whole for it."""
        node = self._stage.state.tree.get(path)
        if node is None or node.entry.kind != "file":
            return b""
        with open(self._lowers[node.layer] / node.content, "rb") as stream:
            return stream.read(1 << 20)

    def ready(self, binds: Sequence[Mount]) -> contextlib.AbstractContextManager[None]:
        """Nothing is to be done before: everything is mounted."""
        return contextlib.nullcontext()

    def layer(self, targets: Sequence[str]) -> Layer:
        """The layer of what was changed."""
        tools, state, way = self._stage.tools, self._stage.state, self._stage.tools.way
        if tools.certificates:
            authorities.taken_out(state, tools.certificates, self._upper)
        _tidy(self._upper, state, targets)
        with tools.writer() as writer:
            diff(self._upper, writer, lower=state.tree, folders=self._lowers, ids=way.ids)
            layer = writer.commit()
        if tools.epoch is None:
            _keep(self._upper, layer, tools.data / way.layers)
        return layer


class _Copied:
    """The stage's layers in one folder, compared before and after."""

    def __init__(self, stage: Stage, work: Path) -> None:
        tools = stage.tools
        self._stage, self._work = stage, work
        self.place = self.changed = work / "root"
        copied.taken(stage.state.layers, tools.data, self.place, tools.way, stage.step)
        self._before = snapshot.snapshot(self.place)

    def read(self, path: str) -> bytes:
        """A file of the image; nothing where it is none."""
        node = self._stage.state.tree.get(path)
        if node is None or node.entry.kind != "file":
            return b""
        return self._stage.state.tree.read(path, limit=1 << 20)

    def ready(self, binds: Sequence[Mount]) -> contextlib.AbstractContextManager[None]:
        """Put files into place where nothing can be mounted."""
        tools = self._stage.tools
        if tools.way.mounts:
            return contextlib.nullcontext()
        return placed(self.place, binds, tools.data, self._work / "aside")

    def layer(self, targets: Sequence[str]) -> Layer:
        """The layer of what was changed; the folder is left for the step that follows."""
        tools, state = self._stage.tools, self._stage.state
        _tidy(self.place, state, targets)
        ignored = ["proc", "sys", "dev", *targets]
        with tools.writer() as writer:
            snapshot.changes(self._before, self.place, writer, lower=state.tree, ignored=ignored, ids=tools.way.ids)
            layer = writer.commit()
        if tools.epoch is None:
            copied.given([*state.layers, layer], tools.data, self.place, tools.way)
        return layer


def _groups(tools: "Tools", way: Way) -> list[Mount]:
    """The control groups, for programs that keep to their limits.

    Of version 1 each is a mount of its own, 8 ms a command: only where there are limits.
    """
    return [_GROUPS] if way == ROOT and (tools.limits.cgroup or _UNIFIED.exists()) else []


def _machine_files(hosts: Mapping[str, str], network: networks.Network, hostname: str, work: Path) -> list[Mount]:
    """The machine's name server as it is reached from the step's network, and hosts that are the same everywhere."""
    machine = Path("/etc/resolv.conf")
    mounts = [Mount(str(machine), "/etc/resolv.conf", options=_PLAIN)] if machine.exists() else []
    if networks.private(network):
        place_ = work / "resolv.conf"
        place_.parent.mkdir(parents=True, exist_ok=True)
        place_.write_text(networks.resolver(machine.read_text() if machine.exists() else ""))
        place_.chmod(0o644)
        mounts = [Mount(str(place_), "/etc/resolv.conf", options=_PLAIN)]
        hosts = {**dict.fromkeys(networks.MACHINE, networks.GATEWAY), **hosts}
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


def _tidy(upper: Path, state: State, files: Sequence[str]) -> None:
    """Remove the empty files and folders that the runtime made only to mount something on them."""
    paths: set[str] = set()
    for each in files:
        path = each.lstrip("/")
        while path:
            paths.add(path)
            path = path.rpartition("/")[0]
    for path in sorted(paths, key=lambda each: -each.count("/")):
        if state.tree.get(path, follow=False) is not None:
            continue
        here = upper / path
        with contextlib.suppress(OSError):
            if here.is_dir() and not here.is_symlink():
                here.rmdir()
            elif here.is_file() and here.stat().st_size == 0:
                here.unlink()


def _keep(upper: Path, layer: Layer, folder: Path) -> None:
    """Keep the upper folder as the unpacked layer, so that the next step need not unpack what was just packed."""
    kept = folder / layer.diff_id.hex[:24]
    kept.parent.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    unsettled.note(kept)
    with contextlib.suppress(OSError):  # another build has kept the same before
        upper.rename(kept)
