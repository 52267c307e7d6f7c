"""One stage's instructions, carried out in order: each is looked up in the cache before anything is done."""

import hashlib
import os
import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dockyard._internal.lock import locked
from dockyard.build import configure
from dockyard.build.cache import Made, StepCache, key
from dockyard.build.context import Context, Found
from dockyard.build.copy import Order, from_context, from_tree
from dockyard.build.destination import Destination
from dockyard.build.fault import NotSupportedYetError, SourceMissingError, place
from dockyard.build.owner import owner
from dockyard.build.state import State, rfc3339
from dockyard.content.layout import Layout
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile.parser import parse, parse_heredoc
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter
from dockyard.progress import Progress

_TICK = 50_000_000  # nanoseconds
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Tools:
    """What steps work with, the same for the whole build."""

    store: Layout
    data: Path
    cache: StepCache
    context: Context
    escape: str
    epoch: int | None
    build_args: Mapping[str, str]
    global_args: Mapping[str, str]
    progress: Progress
    use_cache: bool = True


class Sources(Protocol):
    """What `--from` may name."""

    def source(self, name: str, node: Any) -> State:
        """The finished stage or image of that name."""


@dataclass
class StepReport:
    """One step as the result tells it."""

    line: int
    text: str
    cached: bool
    seconds: float
    size: int = 0

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it; `size` is the layer's blob in bytes."""
        return {"line": self.line, "step": self.text, "cached": self.cached, "seconds": self.seconds, "size": self.size}


@dataclass
class Stage:
    """Carries out the instructions of one stage on `state`."""

    state: State
    tools: Tools
    sources: Sources
    title: str
    reports: list[StepReport] = field(default_factory=list)
    consumed: set[str] = field(default_factory=set)
    _cached: bool = True

    def run(self, instructions: Sequence[ins.Instruction]) -> None:
        """Carry out the base's ONBUILD instructions, then `instructions`."""
        triggers = self.state.triggers
        self.state.triggers = ()
        for text in triggers:
            for node in parse(text).nodes:
                self.step(ins.interpret(node))
        for instruction in instructions:
            self.step(instruction)

    def step(self, instruction: ins.Instruction) -> None:
        """Carry out one instruction."""
        began = time.monotonic()
        text = " ".join(instruction.node.text.split())
        task = self.tools.progress.start(f"[{self.title}] {text[:100]}", total=None)
        layers = len(self.state.layers)
        self._cached = True
        match instruction:
            case ins.Arg():
                self._arg(instruction)
            case ins.Run():
                self._run(instruction)
            case ins.Copy() | ins.Add():
                self._copy(instruction)
            case ins.Workdir():
                self._workdir(instruction)
            case _:
                created_by = configure.apply(self.state, instruction, self.expand, self.words)
                if created_by is None:
                    raise NotSupportedYetError(instruction.node.keyword.upper(), instruction.node)
                self._empty(created_by)
        new = self.state.layers[layers:]
        size = sum(layer.descriptor.size for layer in new)
        seconds = round(time.monotonic() - began, 3)
        self.reports.append(StepReport(instruction.node.start_line, text, self._cached, seconds, size))
        task.done("cached" if self._cached else f"{size} bytes" if new else "done")

    def expand(self, word: str) -> str:
        """`word` with the stage's variables."""
        return shell.expand(word, self.state.scope, self.tools.escape)

    def words(self, word: str) -> list[str]:
        """The words that `word` becomes."""
        return shell.words(word, self.state.scope, self.tools.escape)

    def _now(self) -> str:
        return rfc3339(time.time() if self.tools.epoch is None else self.tools.epoch)

    def _known(self, step: str) -> Made | None:
        return self.tools.cache.get(step) if self.tools.use_cache else None

    def _empty(self, created_by: str) -> None:
        """A step without a layer; its time is kept, so that building again gives the same configuration."""
        self.state.key = key(self.state.key, created_by, self.tools.epoch)
        made = self._known(self.state.key)
        if made is None:
            self._cached = False
            made = Made(self._now())
            self.tools.cache.put(self.state.key, made)
        self.state.add(made, created_by)

    def _arg(self, instruction: ins.Arg) -> None:
        shown = []
        for name, default in instruction.pairs:
            value = self.tools.build_args.get(name)
            self.consumed.add(name)
            if value is None:
                value = self.tools.global_args.get(name) if default is None else self.expand(default)
            if value is not None:
                self.state.scope[name] = value
                self.state.build_args[name] = value
            shown.append(name if default is None else f"{name}={value}")
        self._empty(f"ARG {' '.join(shown)}")

    def _run(self, instruction: ins.Run) -> None:
        node = instruction.node
        if instruction.mounts:
            raise NotSupportedYetError(f"RUN --mount=type={instruction.mounts[0].type}", node)
        if instruction.security != "sandbox":
            raise NotSupportedYetError(f"RUN --security={instruction.security}", node)
        if instruction.devices:
            raise NotSupportedYetError("RUN --device", node)
        args, files = self._command(instruction)
        shown = " ".join(args)
        if self.state.build_args:
            pairs = [f"{name}={value}" for name, value in self.state.build_args.items()]
            shown = f"|{len(pairs)} {' '.join(pairs)} {shown}"
        step = key(
            self.state.key, "run", args, self._environment(), instruction.network, self.tools.epoch, _hashes(files)
        )
        # Another process may be running the very same step: wait for it, then take what it made.
        with locked(self.tools.cache.lock(step)):
            made = self._known(step)
            if made is None:
                self._cached = False
                made = Made(self._now(), self._execute(instruction, args, files))
                self.tools.cache.put(step, made)
        self.state.key = step
        self.state.add(made, f"RUN {shown} # buildkit")

    def _execute(self, instruction: ins.Run, args: list[str], files: Mapping[str, bytes]) -> Layer:
        from dockyard.build import execute  # loaded only when something runs: a cached build is faster without

        tools = self.tools
        proxies = {name: value for name, value in tools.build_args.items() if name.upper() in PROXIES}
        self.consumed.update(proxies)
        return execute.execute(
            instruction,
            args,
            {**proxies, **self._environment()},
            self.state,
            store=tools.store,
            data=tools.data,
            epoch=tools.epoch,
            files=files,
            progress=tools.progress,
        )

    def _environment(self) -> dict[str, str]:
        environment = dict(self.state.scope)
        if self.tools.epoch is not None:
            environment.setdefault("SOURCE_DATE_EPOCH", str(self.tools.epoch))
        return environment

    def _command(self, instruction: ins.Run) -> tuple[list[str], dict[str, bytes]]:
        """The command line of a RUN, and the script file that a heredoc beginning with `#!` becomes."""
        docs = instruction.heredocs
        if not docs or not instruction.shell:
            return configure.command(self.state, instruction), {}
        line = instruction.args[0]
        if len(docs) == 1 and parse_heredoc(line.strip()) is not None:
            body = docs[0].body
            if body.startswith("#!"):
                script = f"/dev/pipes/{docs[0].name}"
                return [script], {script: body.encode()}
            return [*self.state.shell, body], {}
        whole = line + "".join(f"\n{doc.content}{doc.name}" for doc in docs)
        return [*self.state.shell, whole], {}

    def _copy(self, instruction: ins.Copy | ins.Add) -> None:
        node, state = instruction.node, self.state
        self._refuse_unsupported(instruction)
        order = self._order(instruction)
        name = node.keyword.upper()
        flags = "".join(
            f" --{flag}={value}"
            for flag, value in (("chown", instruction.chown), ("chmod", instruction.chmod), ("link", instruction.link))
            if value
        )
        shown = f"{name}{flags} {' '.join(order.sources)} {self.expand(instruction.destination)} # buildkit"
        before = state.key
        from_ = instruction.from_ if isinstance(instruction, ins.Copy) else ""
        linked = instruction.link and not instruction.chmod
        source = self.sources.source(from_, node) if from_ else None
        found: list[Found] = []
        if source is None:
            found = [each for pattern in order.sources for each in self.tools.context.sources(pattern, node)]
            _check_folder(order, len(found) + len(order.texts))
            stats, settled = _stats(found, self.tools.context)
        else:
            stats, settled = source.key, True
        quick = key(before, "copy", list(order.sources), order.target, order.into_folder, order.owner, order.chmod)
        quick = key(quick, order.unpack, linked, [(n, _hash(d)) for n, d in order.texts], self.tools.epoch, stats)
        with locked(self.tools.cache.lock(quick)):
            made = self._known(quick)
            if made is None:
                made = self._copied(order, found, source, linked)
                if settled:
                    self.tools.cache.put(quick, made)
        state.key = key(before, "copied", made.content)
        state.add(made, shown)

    def _copied(self, order: Order, found: Sequence[Found], source: State | None, linked: bool) -> Made:
        tree = None if linked else self.state.tree
        uid, gid = order.owner or (0, 0)
        destination = Destination(tree, uid, gid, order.mtime)
        with LayerWriter(self.tools.store, epoch=self.tools.epoch) as writer:
            if source is None:
                content = from_context(order, found, self.tools.context, destination, writer)
            else:
                content = from_tree(order, source.tree, source.layers, destination, writer)
            step = key(self.state.key, "copied", content)
            earlier = self._known(step)
            # The same content under new times: what was made before serves, and so do the steps after it. Nothing is
            # committed then, so no blob is written.
            if earlier is not None and self.tools.epoch is None:
                return Made(earlier.created, earlier.layer, content)
            self._cached = False
            made = Made(self._now(), writer.commit(), content)
        self.tools.cache.put(step, made)
        return made

    def _refuse_unsupported(self, instruction: ins.Copy | ins.Add) -> None:
        node = instruction.node
        if instruction.exclude:
            raise NotSupportedYetError(f"{node.keyword.upper()} --exclude", node)
        if isinstance(instruction, ins.Copy):
            if instruction.parents:
                raise NotSupportedYetError("COPY --parents", node)
            return
        if instruction.checksum:
            raise NotSupportedYetError("ADD --checksum", node)
        if instruction.keep_git_dir is not None:
            raise NotSupportedYetError("ADD --keep-git-dir", node)
        for source in map(self.expand, instruction.sources):
            if "://" in source or source.startswith("git@"):
                raise NotSupportedYetError(f"ADD of a URL ({source})", node)

    def _order(self, instruction: ins.Copy | ins.Add) -> Order:
        node = instruction.node
        sources = [self.expand(source) for source in instruction.sources]
        written = self.expand(instruction.destination)
        target = configure.joined(self.state.workdir, written, node)
        into = written.endswith(("/", "/.")) or written == "." or target == "/"
        many = len(sources) + len(instruction.heredocs) > 1
        if many and not into:
            raise SourceMissingError(
                "several sources need a folder as destination",
                context=place(node),
                hint=f"Write {written}/ with a slash.",
            )
        chown = self.expand(instruction.chown) if instruction.chown else ""
        from_ = instruction.from_ if isinstance(instruction, ins.Copy) else ""
        ids = (
            owner(chown, self.state.tree, node)
            if chown
            else None
            if from_ or isinstance(instruction, ins.Add)
            else (0, 0)
        )
        texts = []
        for doc in instruction.heredocs:
            body = (
                shell.process(doc.body, self.state.scope, self.tools.escape, skip_quotes=True).text
                if doc.expand
                else doc.body
            )
            texts.append((doc.name, body.encode("utf-8", "surrogateescape")))
        now = int(time.time()) if self.tools.epoch is None else self.tools.epoch
        unpack = isinstance(instruction, ins.Add) and instruction.unpack is not False
        chmod = self.expand(instruction.chmod) if instruction.chmod else ""
        return Order(node, sources, target.lstrip("/"), into, ids, chmod, unpack, texts, now)

    def _workdir(self, instruction: ins.Workdir) -> None:
        path = configure.joined(self.state.workdir, self.expand(instruction.path), instruction.node)
        self.state.config["WorkingDir"] = path
        created_by = f"WORKDIR {path}"
        if path == "/":
            self._empty(created_by)
            return
        step = key(self.state.key, "workdir", path, self.state.config.get("User"), self.tools.epoch)
        made = self._known(step)
        if made is None:
            self._cached = False
            user = str(self.state.config.get("User") or "")
            uid, gid = owner(user, self.state.tree, instruction.node) if user else (0, 0)
            now = int(time.time()) if self.tools.epoch is None else self.tools.epoch
            destination = Destination(self.state.tree, uid, gid, now)
            resolved = destination.folder(path)
            with LayerWriter(self.tools.store, epoch=self.tools.epoch) as writer:
                for entry in destination.parents(resolved):
                    writer.add(entry)
                if not destination.is_folder(resolved):
                    writer.add(Entry(resolved, "dir", 0o755, uid, gid, mtime=now))
                made = Made(self._now(), writer.commit())
            self.tools.cache.put(step, made)
        self.state.key = step
        self.state.add(made, created_by)


def _check_folder(order: Order, count: int) -> None:
    if count > 1 and not order.into_folder:
        # A wildcard that finds several files needs a folder just as several sources do.
        raise SourceMissingError(
            "several files match, so the destination must be a folder",
            context=place(order.node),
            hint="End it with a slash.",
        )


def _stats(found: Sequence[Found], context: Context) -> tuple[str, bool]:
    """What tells whether anything below `found` has changed since, and whether it can be relied on.

    A file's content cannot change without its ctime; but a file changed this very moment may change again within one
    tick of the clock, so what was touched in the last moments is not relied on.
    """
    digest = hashlib.sha256()
    newest = 0
    for source in found:
        each = [source, *context.walk(source)] if stat.S_ISDIR(source.status.st_mode) else [source]
        for item in each:
            status = item.status
            if stat.S_ISDIR(status.st_mode):
                facts: tuple[int, ...] = (status.st_mode,)
            else:
                newest = max(newest, status.st_ctime_ns)
                facts = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            digest.update(b"%b\0%b\n" % (os.fsencode(item.path), str(facts).encode()))
    return digest.hexdigest(), time.time_ns() - newest > _TICK


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: _hash(content) for path, content in files.items()}
