"""RUN: a command on an overlay of the layers so far; what it changed becomes a layer."""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from dockyard.build.enter import Cell
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

_HOST_FILES = ("/etc/resolv.conf", "/etc/hosts")


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
        network: `default`, `host` or `none`.
        files: further files for the command to see, by absolute path; they do not enter the layer.
        mounts: what `--mount` asks for.
        instead: called with the container that is ready, and nothing is run; it has to raise.

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
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        overlay = Overlay(_lowers(state, data, work, stage.step), work / "upper", work / "work")
        binds = [Mount(each, each) for each in _HOST_FILES if Path(each).exists()] + _files(files, work)
        if tools.hosts:
            binds = [each for each in binds if each.target != "/etc/hosts"] + [_hosts(tools.hosts, work)]
        overlays: list[tuple[Overlay, Path]] = []
        confided: dict[str, str] = {}
        targets: list[str] = []
        if mounts:
            from dockyard.build.mounting import prepared  # loaded only when something is mounted

            ready = stack.enter_context(prepared(stage, mounts, work))
            binds += ready.mounts
            overlays, confided, targets = ready.overlays, ready.environment, ready.targets
        user = resolve_user(str(state.config.get("User") or ""), _read(state, "etc/passwd"), _read(state, "etc/group"))
        document = spec(
            args=args,
            env={"HOME": user.home, **tools.proxies, **environment, **confided},
            cwd=state.workdir,
            user=user,
            network="none" if network == "none" else "host",
            mounts=binds,
            privileged=instruction.security == "insecure",
        )
        tools.limits.put_on(document, name)
        shell = str(state.shell[0])
        node = instruction.node
        cell = Cell(document, overlay, tuple(overlays), runs / name, name, shell, node.start_line, node.text)
        if instead is not None:
            instead(cell)
        code = container.run(
            document,
            overlay=overlay,
            folder=runs / name,
            name=name,
            output=stage.step.take,
            overlays=overlays,
            cancelled=tools.cancelled.is_set,
        )
        stage.step.flush()
        if code != 0:
            if tools.halted is not None and not tools.cancelled.is_set():
                tools.halted(replace(cell, status=code))
            raise RunFailedError(
                f"the command ended with status {code}",
                context={
                    **place(instruction.node),
                    **({"log": stage.step.path} if stage.step.path is not None else {}),
                    "output": "\n    ".join(["", *stage.step.tail]),
                },
            )
        assert overlay.upper is not None
        _tidy(overlay.upper, state, [*_HOST_FILES, *files, *targets])
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


def _read(state: State, path: str) -> bytes:
    node = state.tree.get(path)
    return state.tree.read(path, limit=1 << 20) if node is not None and node.entry.kind == "file" else b""


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
