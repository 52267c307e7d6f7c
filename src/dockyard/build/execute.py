"""RUN: a command on an overlay of the layers so far; what it changed becomes a layer."""

import contextlib
import os
import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.build.confide import leaks, masked, masks
from dockyard.build.fault import RunFailedError, place
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.dockerfile.instructions import Run
from dockyard.layers.diff import diff
from dockyard.layers.layer import Layer
from dockyard.progress import Progress
from dockyard.runtime import container
from dockyard.runtime.bundle import Mount, spec
from dockyard.runtime.rootfs import Overlay, lower_dirs
from dockyard.runtime.user import resolve_user

if TYPE_CHECKING:
    from dockyard.build.mounting import Wanted

_TAIL = 20
_HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")


def execute(
    stage: Stage,
    instruction: Run,
    args: Sequence[str],
    environment: Mapping[str, str],
    network: str,
    files: Mapping[str, bytes],
    mounts: "tuple[Wanted, ...]" = (),
) -> Layer:
    """Run `args` in a container on the stage's layers and return the layer of what it changed.

    Args:
        stage: its state has the layers, user and working folder; its tools the store and the folder to work in.
        instruction: for its security and for errors.
        args: the command line, shell included.
        environment: the variables of the stage.
        network: `default`, `host` or `none`.
        files: further files for the command to see, by absolute path; they do not enter the layer.
        mounts: what `--mount` asks for.

    Raises:
        RunFailedError: with the exit code and the last lines.
    """
    tools, state = stage.tools, stage.state
    data = tools.data
    runs = data / "run"
    container.sweep(runs)
    _sweep(data / "work")
    name = f"build-{os.getpid()}-{os.urandom(4).hex()}"
    work = data / "work" / name
    tail: deque[str] = deque(maxlen=_TAIL)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        overlay = Overlay(_lowers(state, data, work, tools.progress), work / "upper", work / "work")
        binds = [Mount(each, each) for each in _HOST_FILES if Path(each).exists()] + _files(files, work)
        if tools.hosts:
            binds = [each for each in binds if each.target != "/etc/hosts"] + [_hosts(tools.hosts, work)]
        overlays: list[tuple[Overlay, Path]] = []
        confided: dict[str, str] = {}
        targets: list[str] = []
        if mounts:
            from dockyard.build.mounting import in_memory, prepared  # loaded only when something is mounted

            ready = stack.enter_context(prepared(stage, mounts, work))
            binds += ready.mounts
            overlays, confided, targets = ready.overlays, ready.environment, ready.targets
        given = [
            tools.secrets[each.source]
            for each in mounts
            if each.mount.type == "secret" and each.source in tools.secrets
        ]
        memory = stack.enter_context(in_memory()) if confided else None
        user = resolve_user(
            str(state.config.get("User") or ""),
            _read(state, overlay.lowers, "etc/passwd"),
            _read(state, overlay.lowers, "etc/group"),
        )
        document = spec(
            args=args,
            env={"HOME": user.home, **tools.proxies, **environment, **confided},
            cwd=state.workdir,
            user=user,
            network="none" if network == "none" else "host",
            mounts=binds,
            privileged=instruction.security == "insecure",
        )
        lines = _Lines(tools.progress, tail, masks(given))
        code = container.run(
            document,
            overlay=overlay,
            folder=runs / name,
            name=name,
            output=lines.take,
            overlays=overlays,
            cancelled=tools.cancelled.is_set,
            memory=memory,
        )
        lines.end()
        if code != 0:
            raise RunFailedError(
                f"the command ended with status {code}",
                context={**place(instruction.node), "output": "\n    ".join(["", *tail])},
            )
        assert overlay.upper is not None
        _tidy(overlay.upper, state, [*_HOST_FILES, *files, *targets])
        for path, name_ in leaks(overlay.upper, given):
            tools.progress.log(
                f"warning: line {instruction.node.start_line}: the command wrote the secret {name_!r} to /{path}, "
                "which is in the image now"
            )
        with tools.writer() as writer:
            diff(overlay.upper, writer, lower=state.tree, folders=overlay.lowers)
            layer = writer.commit()
        if tools.epoch is None:
            _keep(overlay.upper, layer, data)
        return layer


def _hosts(hosts: Mapping[str, str], work: Path) -> Mount:
    """The machine's /etc/hosts with further lines."""
    path = work / "hosts"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = Path("/etc/hosts").read_text() if Path("/etc/hosts").exists() else ""
    path.write_text(known.rstrip("\n") + "\n" + "".join(f"{address}\t{name}\n" for name, address in hosts.items()))
    path.chmod(0o644)
    return Mount(str(path), "/etc/hosts")


def _sweep(parent: Path) -> None:
    """Remove the work folders of builds that were killed: their process is gone."""
    for folder in parent.glob("build-*-*") if parent.is_dir() else ():
        if not Path("/proc", folder.name.split("-")[1]).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _lowers(state: State, data: Path, work: Path, progress: Progress) -> list[Path]:
    lowers = lower_dirs(state.layers, data, progress)
    if not lowers:
        empty = work / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        lowers = [empty]
    return lowers


def _read(state: State, lowers: Sequence[Path], path: str) -> bytes:
    node = state.tree.get(path)
    if node is None or node.entry.kind != "file":
        return b""
    # From the unpacked layer: finding one file in a packed one means to read all of that.
    with open(lowers[node.layer] / node.content, "rb") as stream:
        return stream.read(1 << 20)


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


def _keep(upper: Path, layer: Layer, data: Path) -> None:
    """Keep the upper folder as the unpacked layer, so that the next step need not unpack what was just packed."""
    kept = data / "layers" / layer.diff_id.hex[:24]
    kept.parent.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    with contextlib.suppress(OSError):
        upper.rename(kept)


class _Lines:
    """Cuts output into lines for the progress and keeps the last ones for the error."""

    def __init__(self, progress: Progress, tail: deque[str], hidden: Sequence[bytes]) -> None:
        self._progress, self._tail, self._hidden, self._rest = progress, tail, hidden, b""

    def take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        if len(self._rest) > 1 << 16:
            self.end()

    def end(self) -> None:
        if self._rest:
            self._say(self._rest)
        self._rest = b""

    def _say(self, line: bytes) -> None:
        text = masked(line, self._hidden).decode(errors="replace").rstrip("\r")
        self._tail.append(text)
        self._progress.log(text)
