"""A stage under way: its layers, configuration, history, and the variables that its instructions see."""

import json
import posixpath
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from dockyard.build.cache.cache import Made
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.layers.tree import FileTree
from dockyard.layers.unsaid import Unsaid

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMENT = "buildkit.dockerfile.v0"  # tools tell by this word that entries follow BuildKit's form
DEFAULT_SHELL = ("/bin/sh", "-c")
_WINDOWS = "windows"
_WINDOWS_SHELL = ("cmd", "/S", "/C")
# What a build takes over of its base, as BuildKit does: other builders leave more, like the name of the machine that an
# image was made on.
_EXECUTION = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "OnBuild",
    "Shell",
)
_HEALTHCHECK = ("Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")
_HISTORY = ("created", "created_by", "author", "comment", "empty_layer")


def rfc3339(seconds: float) -> str:
    """A time as image configurations write it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _environment(config: dict[str, Any]) -> dict[str, str]:
    """The variables of an image, by name."""
    return {name: value for name, _, value in (str(item).partition("=") for item in config.get("Env") or [])}


def _known(found: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Of `found` what has one of the `names` and says something."""
    return {name: found[name] for name in names if found.get(name)}


def seconds(text: str) -> int:
    """The time that `rfc3339` wrote."""
    return int(datetime.fromisoformat(text).timestamp())  # `time.strptime` loads what knows all languages' months


class State(msgspec.Struct):
    """What has been built of a stage.

    Attributes:
        key: covers everything that went in so far.
        own: how many of the layers are the base image's.
        unseen: arguments that no command and no expansion sees.
        stages: how many layers there were where each stage on the way ended.
        ran: for each RUN how many layers there were after it, its time in seconds, what was mounted in it, and what
            else of it no layer tells.
        below: the state that this one began with; the view of its files is shared.
    """

    key: str
    platform: dict[str, str]
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    layers: list[Layer] = msgspec.field(default_factory=list)
    history: list[dict[str, Any]] = msgspec.field(default_factory=list)
    scope: dict[str, str] = msgspec.field(default_factory=dict)
    args: list[str] = msgspec.field(default_factory=list)
    unseen: dict[str, str] = msgspec.field(default_factory=dict)
    author: str = ""
    command_set: bool = False
    triggers: Sequence[str] = ()
    own: int = 0
    stages: tuple[int, ...] = ()
    index: Path | None = None
    ran: tuple[tuple[int, int, tuple[str, ...], Unsaid], ...] = ()
    below: "State | None" = None
    _tree: FileTree | None = None

    @classmethod
    def scratch(cls, platform: dict[str, str], index: Path | None) -> "State":
        """An empty stage."""
        if platform.get("os") == _WINDOWS:
            return cls("scratch", platform, {"WorkingDir": "\\"}, index=index)
        config = {"Env": [f"PATH={PATH}"], "WorkingDir": "/"}
        return cls("scratch", platform, config, scope={"PATH": PATH}, index=index)

    @classmethod
    def on(cls, image: Image, index: Path | None) -> "State":
        """A stage on a base image; its ONBUILD instructions become `triggers` and are not inherited further."""
        config = _known(image.config.execution, _EXECUTION)
        if isinstance(config.get("Healthcheck"), dict):
            config["Healthcheck"] = _known(config["Healthcheck"], _HEALTHCHECK)
        if config.get("WorkingDir"):
            workdir = str(config["WorkingDir"])
            windows = image.config.document.get("os") == _WINDOWS
            if windows:
                workdir = workdir.replace("\\", "/")
                workdir = posixpath.normpath(workdir[2:] if workdir[1:2] == ":" else workdir)
            # BuildKit takes a relative one for relative to itself.
            absolute = workdir.startswith("/")
            workdir = workdir if absolute else posixpath.normpath(f"/{workdir}/{workdir}")
            config["WorkingDir"] = workdir.replace("/", "\\") if windows else workdir
        triggers = [str(item) for item in config.pop("OnBuild", None) or []]
        if "PATH" not in image.config.environment and image.config.document.get("os") != _WINDOWS:
            config["Env"] = [*(config.get("Env") or []), f"PATH={PATH}"]
        scope = _environment(config)
        platform = {
            key: str(value)
            for key, value in image.config.document.items()
            if key in ("architecture", "os", "variant", "os.version") and value
        }
        key = f"image {image.manifest.config.digest} {[str(each.digest) for each in image.manifest.layers]}"
        return cls(
            key,
            platform,
            config,
            list(image.layers),
            [_known(item, _HISTORY) for item in image.config.history],
            scope,
            author=str(image.config.document.get("author") or ""),
            triggers=triggers,
            own=len(image.layers),
            index=index,
        )

    def triggered(self) -> "State":
        """A new stage on this base image, whose ONBUILD instructions it carries out."""
        branch = self.branch()
        branch.triggers = self.triggers
        return branch

    def branch(self) -> "State":
        """A new stage on this one.

        Arguments are inherited, as BuildKit has it, but where a variable of the image has an argument's name its value
        counts again, whichever was set last.
        """
        config = json.loads(json.dumps(self.config))
        triggers = [str(item) for item in config.pop("OnBuild", None) or []]
        return State(
            self.key,
            dict(self.platform),
            config,
            list(self.layers),
            list(self.history),
            {**self.scope, **_environment(config)},
            list(self.args),
            dict(self.unseen),
            self.author,
            own=self.own,
            stages=(*self.stages, len(self.layers)),
            triggers=triggers,
            index=self.index,
            ran=self.ran,
            below=self,
        )

    @property
    def tree(self) -> FileTree:
        """The merged view of the layers so far."""
        tree = self._tree or (self.below.tree if self.below is not None else None)
        if tree is None or any(
            one is not other for one, other in zip_longest(tree.layers, self.layers[: len(tree.layers)])
        ):
            tree = FileTree.of(self.layers, cache=self.index)
        elif len(tree.layers) < len(self.layers):
            tree = tree.over(self.layers, cache=self.index)
        self._tree = tree
        return tree

    @property
    def stirred(self) -> dict[str, tuple[int, int]]:
        """The folders with a time from a RUN that no layer says: layers up to which it counts, and seconds.

        The command left the folder with nothing but its time changed; or something was mounted there: what is mounted
        in a RUN gets a place to be mounted on, and that is removed again. BuildKit leaves the folder around it with the
        time of that, for whoever copies from the stage.
        """
        found: dict[str, tuple[int, int]] = {}
        for count, seconds, targets, unsaid in self.ran:
            found.update({path: (count - 1, mtime) for path, mtime in unsaid.times.items()})
            for target in ("/etc/resolv.conf", "/etc/hosts", *targets):
                path = target.strip("/")
                if self.tree.get(path, follow=False) is None:
                    while path and self.tree.get(path, follow=False) is None:
                        path = path.rpartition("/")[0]
                    found[path] = (count - 1, seconds)
        return found

    @property
    def touched(self) -> dict[str, int]:
        """The times that commands left folders with which are there still and of which no layer has told since."""
        found: dict[str, int] = {}
        for count, _, _, unsaid in self.ran:
            for path, mtime in unsaid.times.items():
                node = self.tree.get(path, follow=False)
                if node is not None and node.path == path and node.entry.kind == "dir" and node.layer < count:
                    found[path] = mtime
        return found

    @property
    def joined(self) -> dict[str, tuple[int, str]]:
        """The paths that a RUN made names of one file, which the layers do not say: how many there were, and one."""
        found: dict[str, tuple[int, str]] = {}
        for count, _, _, unsaid in self.ran:
            for names in unsaid.names:
                found.update(dict.fromkeys(names, (count, names[0])))
        return found

    @property
    def windows(self) -> bool:
        """Whether the image is for Windows: nothing runs, but paths and shell forms are that system's."""
        return self.platform.get("os") == _WINDOWS

    @property
    def workdir(self) -> str:
        """The working folder, absolute and with slashes."""
        path = str(self.config.get("WorkingDir") or "/")
        return path.replace("\\", "/") if self.windows else path

    @property
    def shell(self) -> Sequence[str]:
        """What shell forms run under."""
        return list(self.config.get("Shell") or (_WINDOWS_SHELL if self.windows else DEFAULT_SHELL))

    def add(self, made: Made, created_by: str, mounted: Sequence[str] | None = None) -> None:
        """Add a step to layers and history; `mounted` is what a RUN had mounted."""
        entry: dict[str, Any] = {"created": made.created, "created_by": created_by, "comment": COMMENT}
        if made.layer is None:
            entry["empty_layer"] = True
        else:
            self.layers.append(made.layer)
        self.history.append(entry)
        if mounted is not None:
            self.ran += ((len(self.layers), seconds(made.created), tuple(mounted), made.unsaid),)

    def set_env(self, name: str, value: str) -> None:
        """Set a variable of the image."""
        self.scope[name] = value
        items: list[str] = list(self.config.get("Env") or [])
        for number, item in enumerate(items):
            if item.partition("=")[0] == name:
                items[number] = f"{name}={value}"
                break
        else:
            items.append(f"{name}={value}")
        self.config["Env"] = items
