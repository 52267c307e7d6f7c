"""`RUN --mount`: what is there only while the command runs."""

import contextlib
import os
import posixpath
import secrets as random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from dockyard._internal import interrupt
from dockyard.build.cache.cache import key
from dockyard.build.copy.copy import Copier, Order, Out, write, write_tree
from dockyard.build.copy.destination import Destination
from dockyard.build.copy.trees import TreeSource
from dockyard.build.fault import SecretInvalidError, SourceMissingError, place
from dockyard.build.run.cache_mount import cached
from dockyard.build.run.mount import Wanted, give, mode
from dockyard.build.secrets.agent import forwarded
from dockyard.build.sources.context import Context
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile.mounts import Mount, parse_mount
from dockyard.errors import Error, UsageError
from dockyard.layers.apply import apply
from dockyard.layers.layer import Layer
from dockyard.layers.write import LayerWriter
from dockyard.runtime import bundle
from dockyard.runtime.rootfs import Overlay, lower_dirs

if TYPE_CHECKING:
    from dockyard.build.tools import Tools

# In memory only, so that no disk ever holds a secret.
_CONFIDED = ("secret", "ssh")
_MEMORY = Path("/dev/shm")  # noqa: S108


class SecretMissingError(UsageError):
    """A RUN needs a secret or an SSH agent that was not given to the build."""

    reference = "secret-missing"
    hint = "Give it with --secret id=NAME,src=FILE, or --ssh default."


class MountRefusedError(Error):
    """A RUN asks for a file with a secret, or an SSH agent, where nothing can be mounted: it would have to be written
    into the root file system on disk.
    """

    reference = "mount-refused"
    hint = "Give the secret as a variable (--mount=type=secret,id=…,env=…), or build where mounting is allowed."


class Prepared(msgspec.Struct):
    """What a container needs for its mounts.

    Attributes:
        mounts: into the container.
        overlays: made before them, each with the folder that it is mounted on.
        environment: variables with secrets, and where agents are.
        targets: folders and files that the runtime makes to mount on.
    """

    mounts: list[bundle.Mount]
    overlays: list[tuple[Overlay, Path]]
    environment: dict[str, str]
    targets: list[str]


def wanted(stage: Stage, instruction: ins.Run) -> Iterator[Wanted]:
    """The mounts of a RUN in their order.

    Raises:
        SourceMissingError: a bind's source is not there.
        SecretMissingError: a required secret or agent was not given.
        DockerfileInvalidError: a value is wrong once its variables are replaced.
    """
    for text in instruction.mount_texts:
        mount = parse_mount(text, stage.expand, line=instruction.node.start_line)
        target = ""
        if mount.target or mount.type in ("bind", "cache", "tmpfs"):
            target = posixpath.normpath(posixpath.join("/", stage.state.workdir, mount.target))
        if target == "/":
            raise SourceMissingError("a mount cannot replace /", context=place(instruction.node), hint="Name a folder.")
        match mount.type:
            case "bind":
                yield _bind(stage, instruction, mount, target)
            case "cache":
                yield _cache(stage, instruction, mount, target)
            case "tmpfs":
                yield Wanted(mount, target, key("tmpfs", target, mount.size))
            case "secret":
                name = mount.source or mount.id or posixpath.basename(mount.target)
                if mount.required and name not in stage.tools.options.secrets:
                    raise SecretMissingError(f"the secret {name!r} was not given", context=place(instruction.node))
                if not target and not mount.env:
                    target = f"/run/secrets/{posixpath.basename(name)}"
                facts = [name, target, mount.env, mount.mode, mount.uid, mount.gid]
                yield Wanted(mount, target, key("secret", facts), source=name)
            case _:
                name = mount.id or "default"
                if mount.required and name not in stage.tools.options.agents:
                    raise SecretMissingError(f"the SSH agent {name!r} was not given", context=place(instruction.node))
                yield Wanted(mount, target, key("ssh", name, target), source=name)


def _bind(stage: Stage, instruction: ins.Run, mount: Mount, target: str) -> Wanted:
    found = _from(stage, instruction, mount) if mount.from_ else stage.tools.context
    source = posixpath.normpath("/" + mount.source.lstrip("/"))
    if isinstance(found, Context):
        layer, name, content = _held(stage.tools, found, source, instruction)
        return Wanted(mount, target, key("bind", content, target, mount.readonly), layer, None, name)
    # Not looked up before the command runs: where it is cached, the files of the stage may not be here.
    return Wanted(mount, target, key("bind", found.key, source, target, mount.readonly), None, found, source)


def _from(stage: Stage, instruction: ins.Run, mount: Mount) -> State | Context:
    return stage.sources.source(mount.from_, instruction.node, numbers=False)


def _cache(stage: Stage, instruction: ins.Run, mount: Mount, target: str) -> Wanted:
    """A cache. As with BuildKit, caches of one ID that begin otherwise are others."""
    name = mount.id or posixpath.normpath(mount.target)
    space = stage.tools.build_args.get("BUILDKIT_CACHE_MOUNT_NS", "")
    facts = key("cache", target, name, space, mount.readonly)
    source = posixpath.normpath("/" + mount.source.lstrip("/"))
    given = (mount.mode, mount.uid, mount.gid)
    if source == "/" and given != (None, None, None):
        # With an owner or mode it begins empty, whatever `from` has.
        name += f",mode={mode(mount, 0o755):o},uid={mount.uid or 0},gid={mount.gid or 0}"
        return Wanted(mount, target, key(facts, given), source=f"{space}/{name}")
    if not mount.from_:
        if source != "/":
            raise SourceMissingError(f"{mount.source!r} is not in a new cache", context=place(instruction.node))
        return Wanted(mount, target, facts, source=f"{space}/{name}")
    found = _from(stage, instruction, mount)
    if isinstance(found, Context):
        layer, file, _ = _held(stage.tools, found, source, instruction)
    else:
        layer, file = _taken(stage.tools, found, source, instruction)
    name += f",from={key(str(layer.diff_id))[:12]}"
    return Wanted(mount, target, key(facts, str(layer.diff_id)), layer, None, f"{space}/{name}\0{file}")


def _taken(tools: "Tools", state: State, source: str, instruction: ins.Run) -> tuple[Layer, str]:
    """A layer with what `source` in a stage or image names, as it is there, and the name of a single file in it."""
    node = state.tree.get(source)
    if node is None:
        raise SourceMissingError(f"{source!r} is not there", context=place(instruction.node))
    found = TreeSource(state)
    (item,) = found.find(source, instruction.node)
    copier = Copier(Order(instruction.node, "/"), Destination(None))
    with LayerWriter(tools.store) as writer:
        out = Out(writer)
        if item.kind == "dir":
            writer.add(replace(node.entry, path=""))
        write_tree(copier.plan(item, found), state.tree, out)
        return writer.commit(), item.name if item.kind != "dir" else ""


def _held(tools: "Tools", context: Context, source: str, instruction: ins.Run) -> tuple[Layer, str, str]:
    """A layer with what `source` in a context names, the name that a single file has in it, and the key of it all.

    It is made like a COPY, so it is kept by its content, belongs to root, and has what the ignore file lets through.
    """
    items = context.find(source, instruction.node)
    stamp, settled = context.stamp(items)
    step = key("mounted", stamp, tools.epoch)
    name = items[0].name if items[0].kind != "dir" else ""
    known = tools.cache.whole(step)
    tools.cache.used.pop(step, None)
    if known is not None and known.layer is not None and known.content:
        return known.layer, name, known.content
    copier = Copier(Order(instruction.node, "/"), Destination(None))
    with LayerWriter(tools.store, epoch=tools.epoch) as writer:
        out = Out(writer)
        write(copier.plan(items[0], context), context, out)
        layer = writer.commit()
    if settled:
        from dockyard.build.cache.cache import Made

        tools.cache.put(step, Made("", layer, out.key()))
        tools.cache.used.pop(step, None)
    return layer, name, out.key()


@contextlib.contextmanager
def prepared(stage: Stage, mounts: tuple[Wanted, ...], work: Path) -> Iterator[Prepared]:
    """Make everything ready; what is in memory only, and the locks of caches, are gone when the block ends."""
    tools = stage.tools
    ready = Prepared([], [], {}, [])
    with contextlib.ExitStack() as stack:
        memory: Path | None = None
        agents = [each for each in mounts if each.mount.type == "ssh"]
        # As with BuildKit, what is mounted above hides nothing that is mounted below it, however they are written.
        for number, each in enumerate(sorted(mounts, key=lambda one: (one.mount.type in _CONFIDED, one.target))):
            mount, folder = each.mount, work / "mounts" / str(number)
            if mount.type == "bind":
                ready.mounts.append(_bound(stage, each, folder, ready))
            elif mount.type == "cache":
                place_ = stack.enter_context(cached(tools, each, anew=stage.uncached))
                file = each.source.partition("\0")[2]
                ready.mounts.append(bundle.Mount(str(place_ / file), each.target, mount.readonly))
            elif mount.type == "tmpfs":
                options = ("nosuid", *([f"size={mount.size}"] if mount.size else []))
                ready.mounts.append(bundle.Mount("tmpfs", each.target, False, "tmpfs", options))
            else:
                memory = memory or stack.enter_context(in_memory())
                agent = agents.index(each) if each in agents else 0
                _confided(tools, each, memory / str(number), agent, ready, stack)
        ready.targets += [each.target for each in ready.mounts]
        yield ready


def _bound(stage: Stage, each: Wanted, folder: Path, ready: Prepared) -> bundle.Mount:
    tools = stage.tools
    source = each.source
    if each.state is not None:
        node = each.state.tree.get(source)
        if node is None:
            raise SourceMissingError(
                f"{each.mount.source!r} is not in {each.mount.from_}", context={"line": stage.step.line}
            )
        source = node.path
    layers = [each.layer] if each.layer is not None else list(each.state.layers if each.state is not None else ())
    lowers = _unpacked(tools, layers, folder / "unpacked")
    if not lowers:
        (folder / "empty").mkdir(parents=True)
        lowers = [folder / "empty"]
    if not tools.way.overlay:  # a copy of one's own, thrown away afterwards
        return bundle.Mount(str(lowers[0] / source), each.target, each.mount.readonly)
    if each.mount.readonly and len(lowers) == 1:
        return bundle.Mount(str(lowers[0] / source), each.target, True)
    merged = folder / "merged"
    for path in (merged, folder / "upper", folder / "work"):
        path.mkdir(parents=True)
        path.chmod(0o755)
    # What is written goes to folders that are thrown away.
    user = tools.way.ids != "all"
    ready.overlays.append((Overlay(lowers, folder / "upper", folder / "work", user, passing=True), merged))
    return bundle.Mount(str(merged / source), each.target, each.mount.readonly)


def _unpacked(tools: "Tools", layers: list[Layer], folder: Path) -> list[Path]:
    """The folders of `layers`, lowest first; where overlayfs cannot stack them, one `folder` with all of them."""
    if tools.way.overlay or not layers:
        return lower_dirs(layers, tools.data, tools.progress, tools.way)
    folder.mkdir(parents=True)
    for layer in layers:
        apply(layer, folder, whiteouts="apply", ids=tools.way.ids)
    return [folder]


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A folder that only root can enter, in memory. What a killed build left there is removed."""
    for old in _MEMORY.glob("dockyard-*-*"):
        if not Path("/proc", old.name.split("-")[1]).exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = _MEMORY / f"dockyard-{os.getpid()}-{random.token_hex(8)}"
    with interrupt.ended(lambda: shutil.rmtree(folder, ignore_errors=True)):
        folder.mkdir(mode=0o700)
        yield folder


def _confided(
    tools: "Tools", each: Wanted, path: Path, number: int, ready: Prepared, stack: contextlib.ExitStack
) -> None:
    """A secret's file or variable, or an agent's socket. One that was not given is left out: it was not required."""
    mount = each.mount
    if not tools.way.mounts and (mount.type == "ssh" or each.target):
        raise MountRefusedError(
            f"RUN --mount=type={mount.type} cannot be mounted here", context={"target": each.target}
        )
    if mount.type == "ssh":
        agent = tools.options.agents.get(each.source)
        target = each.target or f"/run/buildkit/ssh_agent.{number}"
        if agent is None:
            ready.environment.setdefault("SSH_AUTH_SOCK", target)
            return
        stack.enter_context(forwarded(agent, path))
        _owned(tools, path, mount, 0o600)
        ready.mounts.append(bundle.Mount(str(path), target, False))
        ready.environment.setdefault("SSH_AUTH_SOCK", target)
        return
    secret = tools.options.secrets.get(each.source)
    if secret is None:
        if mount.env:
            ready.environment[mount.env] = ""  # there, but empty
        return
    if mount.env:
        if b"\0" in secret.value:  # the runtime's own error would show it
            raise SecretInvalidError(
                f"the secret {secret.id!r} has a null byte, which no variable can hold",
                context={"variable": mount.env},
                hint="Take it as a file: leave env= out.",
            )
        ready.environment[mount.env] = secret.value.decode("utf-8", "surrogateescape")
    if each.target:
        path.write_bytes(secret.value)
        _owned(tools, path, mount, 0o400)
        ready.mounts.append(bundle.Mount(str(path), each.target, True))


def _owned(tools: "Tools", path: Path, mount: Mount, usual: int) -> None:
    give(tools, path, mount)
    path.chmod(mode(mount, usual))
