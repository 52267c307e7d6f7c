"""The step RUN: found in the cache, or carried out by `execute`."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockyard._internal.lock import locked
from dockyard.build import configure
from dockyard.build.budget import RUN
from dockyard.build.cache.cache import Made, key
from dockyard.build.fault import PlatformRefusedError, place
from dockyard.build.stage import Stage
from dockyard.build.tools import HOSTNAME
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile.parser import parse_heredoc
from dockyard.errors import UsageError
from dockyard.oci.platform import Platform

if TYPE_CHECKING:
    from dockyard.build.run.mount import Wanted

_KINDS = ("file", "secret", "mount")  # that mounts are told by where one differs


class InsecureRefusedError(UsageError):
    """A RUN asks for --security=insecure, which gives it every power over this machine, and the build was not told to
    allow that.
    """

    reference = "insecure-refused"
    hint = "If you trust the Dockerfile, build with --allow security.insecure."


class DeviceMissingError(UsageError):
    """A RUN requires a device by --device=…,required. Dockyard gives RUN no devices of this machine."""

    reference = "device-missing"
    hint = "Leave ,required out where the command can do without the device."


class NetworkRefusedError(UsageError):
    """A RUN asks by --network=host for this machine's own network, where it reaches whatever listens on this machine,
    and the build was not told to allow that.
    """

    reference = "network-refused"
    hint = "If you trust the Dockerfile, build with --allow network.host, or --network=host for every RUN."


def run(stage: Stage, instruction: ins.Run) -> None:
    """Carry a RUN out.

    Raises:
        InsecureRefusedError, NetworkRefusedError: the build does not allow what the instruction asks for.
        DeviceMissingError: a device that is required is not there.
        RunFailedError and what else `execute.execute` raises.
    """
    state, tools, options = stage.state, stage.tools, stage.tools.options
    _allowed(stage, instruction)
    _runnable(state.platform.get("architecture", ""), instruction)
    args, files = _command(stage, instruction)
    environment = dict(state.scope)
    mounts: tuple[Wanted, ...] = ()
    if instruction.mount_texts:
        from dockyard.build.run import mounting  # loaded only when something is mounted

        mounts = tuple(mounting.wanted(stage, instruction))
    network = instruction.network if instruction.network != "default" else options.network
    shown = _shown(stage, args)
    ways: list[Any] = [network, instruction.security, sorted(options.hosts.items()), [mount.key for mount in mounts]]
    ways += [*options.limits.key, *([f"host {given}"] if (given := tools.build_args.get(HOSTNAME)) else [])]
    ways += [state.config.get("User"), state.workdir]
    step = key(state.key, "run", args, environment, ways, tools.epoch, _hashes(files))
    # Another process may be running the very same step: wait for it, then take what it made.
    with locked(tools.cache.lock(step)):
        made = stage.known(step)
        if made is None:
            stage.missed(
                base=state.key,
                instruction=" ".join(args),
                argument=environment,
                user=state.config.get("User"),
                workdir=state.workdir,
                **{kind: {each.name: each.key for each in mounts if each.kind == kind} for kind in _KINDS},
            )
            from dockyard.build.run import execute  # loaded only when something runs: a cached build is faster without

            stage.consumed.update(tools.proxies)
            with tools.budget.granted(RUN, tools.cancelled.is_set):
                layer, unsaid = execute.execute(stage, instruction, args, environment, network, files, mounts)
            made = Made(stage.now(), layer, unsaid=unsaid)
            tools.cache.put(step, made)
        elif mounts:
            from dockyard.build.run import cache_mount

            cache_mount.noted(tools, mounts)
    state.key = step
    state.add(made, shown, [mount.target for mount in mounts])


def _allowed(stage: Stage, instruction: ins.Run) -> None:
    node, options = instruction.node, stage.tools.options
    for device in instruction.devices:
        if device.required:
            raise DeviceMissingError(f"there is no device {device.name}", context=place(node))
        stage.warner(node.start_line)(f"there is no device {device.name}; the command runs without it")
    if instruction.security == "insecure" and not options.insecure:
        raise InsecureRefusedError("RUN --security=insecure is not allowed", context=place(node))
    if instruction.network == "host" and not (options.host_network or options.network == "host"):
        raise NetworkRefusedError("RUN --network=host is not allowed", context=place(node))


def _runnable(architecture: str, instruction: ins.Run) -> None:
    """Refuse what this machine's processor cannot run, unless the kernel has an interpreter for it."""
    if not architecture or architecture == Platform.host().architecture:
        return
    name = {"arm64": "aarch64", "amd64": "x86_64", "386": "i386"}.get(architecture, architecture)
    if not Path(f"/proc/sys/fs/binfmt_misc/qemu-{name}").exists():
        raise PlatformRefusedError(
            f"this machine cannot run programs for {architecture}", context=place(instruction.node)
        )


def _shown(stage: Stage, args: list[str]) -> str:
    words = list(args)
    if stage.state.args:
        known = {**stage.state.unseen, **stage.state.scope}
        pairs = [f"{name}={known.get(name, '')}" for name in stage.state.args]
        words = [f"|{len(pairs)}", *pairs, *words]
    return f"RUN {' '.join(words)} # buildkit"


def _command(stage: Stage, instruction: ins.Run) -> tuple[list[str], dict[str, bytes]]:
    """The command line of a RUN, and the script file that a heredoc beginning with `#!` becomes."""
    docs = instruction.heredocs
    if not docs or not instruction.shell:
        return configure.command(stage.state, instruction), {}
    line = instruction.args[0]
    if parse_heredoc(line.strip()) is not None:
        body = docs[0].body
        if body.startswith("#!"):
            script = f"/dev/pipes/{docs[0].name}"
            return [*stage.state.shell, script], {script: body.encode("utf-8", "surrogateescape")}
        return [*stage.state.shell, body], {}
    whole = line + "".join(f"\n{doc.content}{doc.name}" for doc in docs)
    return [*stage.state.shell, whole], {}


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
