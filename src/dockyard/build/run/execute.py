"""RUN: a command on an overlay of the layers so far; what it changed becomes a layer."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from dockyard._internal import leftover
from dockyard.build.copy.destination import Destination
from dockyard.build.enter import Cell
from dockyard.build.fault import RunFailedError, place
from dockyard.build.program import lacking
from dockyard.build.run import authorities, dress
from dockyard.build.run.around import Around, around
from dockyard.build.secrets.confide import leaks
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.build.tools import WORK
from dockyard.dockerfile.instructions import Run
from dockyard.layers import snapshot
from dockyard.layers.diff import Left, diff
from dockyard.layers.layer import Layer
from dockyard.layers.unsaid import Unsaid
from dockyard.runtime import container, copied, unsettled
from dockyard.runtime import network as networks
from dockyard.runtime.bundle import Mount, spec
from dockyard.runtime.placing import placed
from dockyard.runtime.rootfs import Overlay, lower_dirs
from dockyard.runtime.user import resolve_user
from dockyard.runtime.way import ROOT, IdsMissingError

if TYPE_CHECKING:
    from dockyard.build.run.mount import Wanted
    from dockyard.build.tools import Tools

_GROUPS = Mount("cgroup", "/sys/fs/cgroup", type="cgroup", options=("nosuid", "nodev", "noexec"))
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
) -> tuple[Layer, Unsaid]:
    """Run `args` in a container on the stage's layers; gives the layer of what it changed, and what that leaves unsaid.

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
    tools, way = stage.tools, stage.tools.way
    tools.options.limits.check(way)
    runs = tools.runs
    name = f"build-{os.getpid()}-{os.urandom(4).hex()}"
    reached = networks.chosen(network, root=way.ids == "all" or not way.mounts)
    with contextlib.ExitStack() as stack:
        work, _ = stack.enter_context(leftover.beside(tools.data / WORK, folder=True))
        beside = around(stage, reached, files, mounts, work, stack)
        root = _Overlaid(stage, work) if way.overlay else _Copied(stage, work)
        document = _document(stage, instruction, args, environment, reached, beside, root)
        tools.options.limits.put_on(document, name)
        node, shell, seen = instruction.node, str(stage.state.shell[0]), tuple(beside.overlays)
        tree, changed = stage.state.tree, root.changed
        cell = Cell(
            document,
            root.place,
            seen,
            runs / name,
            name,
            shell,
            node.start_line,
            node.text,
            way,
            reached,
            lambda wanted: lacking(wanted, tree, changed),
        )
        with root.ready(beside.binds):
            if instead is not None:
                instead(cell)
            code = _carried_out(stage, cell, beside)
        if code != 0:
            raise _failed(stage, instruction, code, cell.lacking(document))
        _told(stage, instruction, root, mounts)
        return root.layer(beside.targets)


def _document(
    stage: Stage,
    instruction: Run,
    args: Sequence[str],
    environment: Mapping[str, str],
    network: networks.Network,
    beside: Around,
    root: "_Overlaid | _Copied",
) -> dict[str, Any]:
    """The container's specification.

    Raises:
        IdsMissingError: the stage's user needs an ID that this build does not have.
        UserUnknownError: the image has no such user.
    """
    tools, state = stage.tools, stage.state
    named = str(state.config.get("User") or "")
    user = resolve_user(named, root.read("etc/passwd"), root.read("etc/group"), numbers=True)
    if tools.way.ids == "single" and (user.uid or user.gid):
        raise IdsMissingError(f"USER {named} needs the ID {user.uid}:{user.gid}", context=place(instruction.node))
    folder = _folder(state)
    if state.tree.get(folder) is None:
        dress.made(state, folder.strip("/"), root.changed, user.uid, user.gid)
    proxies = networks.proxies(tools.proxies) if networks.private(network) else tools.proxies
    return spec(
        args=args,
        env={"HOME": user.home, **beside.trusted, **environment, **proxies, **beside.confided},
        cwd=folder,
        user=user,
        network="none" if network == "none" else "host",
        mounts=[*beside.binds, *_groups(tools)],
        hostname=tools.hostname,
        privileged=instruction.security == "insecure",
    )


def _folder(state: State) -> str:
    """The working folder; where links lead to one that is not there, that itself, as it is made then."""
    if state.tree.get(state.workdir) is not None:
        return state.workdir
    return f"/{Destination(state.tree).resolve(state.workdir)}"


def _carried_out(stage: Stage, cell: Cell, beside: Around) -> int:
    """The status that the command ends with; where it failed, whoever asked for that sees the container first."""
    tools = stage.tools
    code = container.run(
        cell.document,
        overlay=cell.overlay,
        folder=cell.folder,
        name=cell.name,
        output=stage.step.take,
        overlays=beside.overlays,
        cancelled=tools.cancelled.is_set,
        way=cell.way,
        network=cell.network,
        memory=beside.memory,
    )
    stage.step.flush()
    if code != 0 and tools.halted is not None and not tools.cancelled.is_set():
        tools.halted(replace(cell, status=code))
    return code


def _failed(stage: Stage, instruction: Run, code: int, missing: str) -> RunFailedError:
    step = stage.step
    hint = _SINGLE if stage.tools.way.ids == "single" else None
    if missing:
        hint = f"The image has no {missing}: bring it, or begin the stage FROM an image that has it."
    return RunFailedError(
        f"the command ended with status {code}",
        context={
            **place(instruction.node),
            **({"log": step.path} if step.path is not None else {}),
            "output": "\n    ".join(["", *step.tail]),
        },
        hint=hint,
    )


def _told(stage: Stage, instruction: Run, root: "_Overlaid | _Copied", mounts: "Sequence[Wanted]") -> None:
    """Warn of secrets that the command wrote into the image."""
    secrets = stage.tools.options.secrets
    given = [secrets[each.source] for each in mounts if each.mount.type == "secret" and each.source in secrets]
    for path, secret in leaks(root.changed, given):
        stage.step.log(
            f"warning: line {instruction.node.start_line}: the command wrote the secret {secret!r} to /{path}, "
            "which is in the image now"
        )


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
        given = tools.options.certificates
        laid = authorities.laid_over(state, given, work / "trusted") if given else None
        self._upper = self.changed = work / "upper"
        touched = state.touched if way.ids != "single" else {}
        shown = [*lowers, *([laid] if laid is not None else [])]
        shown += [dress.timed(state, touched, work / "touched")] if touched else []
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

    def layer(self, targets: Sequence[str]) -> tuple[Layer, Unsaid]:
        """The layer of what was changed, and what it does not tell."""
        tools, state, way = self._stage.tools, self._stage.state, self._stage.tools.way
        if tools.options.certificates:
            authorities.taken_out(state, tools.options.certificates, self._upper)
        _tidy(self._upper, state, targets)
        with tools.writer() as writer:
            left = Left()
            diff(self._upper, writer, lower=state.tree, folders=self._lowers, ids=way.ids, left=left)
            layer = writer.commit()
        if tools.epoch is None and not left.opened:
            # It serves other images, too, in which the layer may lie on something else.
            for path in reversed(left.paths):
                _remove(self._upper / path)
            _keep(self._upper, layer, tools.data / way.layers)
        return layer, left.unsaid()


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

    def layer(self, targets: Sequence[str]) -> tuple[Layer, Unsaid]:
        """The layer of what was changed, and what it does not tell; the folder is left for the step that follows."""
        tools, state = self._stage.tools, self._stage.state
        _tidy(self.place, state, targets)
        ignored = ["proc", "sys", "dev", *targets]
        with tools.writer() as writer:
            left = Left()
            snapshot.changes(
                self._before, self.place, writer, lower=state.tree, ignored=ignored, ids=tools.way.ids, left=left
            )
            layer = writer.commit()
        if tools.epoch is None:
            copied.given([*state.layers, layer], tools.data, self.place, tools.way)
        return layer, left.unsaid()


def _groups(tools: "Tools") -> list[Mount]:
    """The control groups, for programs that keep to their limits.

    Of version 1 each is a mount of its own, 8 ms a command: only where there are limits.
    """
    return [_GROUPS] if tools.way == ROOT and (tools.options.limits.cgroup or _UNIFIED.exists()) else []


def _tidy(upper: Path, state: State, files: Sequence[str]) -> None:
    """Remove the empty files and folders that the runtime made only to mount something on them.

    The folders around them keep their times, which the command may have set.
    """
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
        if not here.is_symlink() and (here.is_dir() or (here.is_file() and here.stat().st_size == 0)):
            _remove(here)


def _remove(here: Path) -> None:
    """Remove a file or an empty folder; the folder around it keeps its time."""
    with contextlib.suppress(OSError):
        around = here.parent.stat()
        if here.is_dir() and not here.is_symlink():
            here.rmdir()
        else:
            here.unlink()
        os.utime(here.parent, ns=(around.st_atime_ns, around.st_mtime_ns))


def _keep(upper: Path, layer: Layer, folder: Path) -> None:
    """Keep the upper folder as the unpacked layer, so that the next step need not unpack what was just packed."""
    kept = folder / layer.diff_id.hex[:24]
    kept.parent.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    unsettled.note(kept)
    with contextlib.suppress(OSError):  # another build has kept the same before
        upper.rename(kept)
