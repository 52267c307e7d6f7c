"""Going into the container of a step: to look around where a RUN has failed, or at any line."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dockyard.build.program import ProgramMissingError
from dockyard.runtime import console
from dockyard.runtime.network import Network
from dockyard.runtime.rootfs import Overlay
from dockyard.runtime.way import ROOT, Way


class Cell(msgspec.Struct, frozen=True):
    """What a RUN saw: files with all it changed so far, mounts, variables, user and working folder.

    Attributes:
        document: the configuration of its container.
        overlay, overlays: what to mount first.
        folder, name: where the container was made, and its name; a new one gets other ones.
        shell: what to run where nothing else is asked for.
        line, text: of the step.
        way, network: how it runs here, and what it reaches.
        lacking: the program of a configuration where the container's files do not have it, or nothing.
        status: what the step ended with; None where it was not run.
    """

    document: dict[str, Any]
    overlay: Overlay | Path
    overlays: Sequence[tuple[Overlay, Path]]
    folder: Path
    name: str
    shell: str
    line: int
    text: str
    way: Way = ROOT
    network: Network = "host"
    lacking: Callable[[Mapping[str, Any]], str] = lambda document: ""
    status: int | None = None

    def check(self, words: Sequence[str]) -> None:
        """Refuse what cannot be run in it.

        Raises:
            ProgramMissingError: its files do not have the program of `words`, or the shell.
        """
        process = {**self.document["process"], "args": list(words) or [self.shell]}
        if missing := self.lacking({**self.document, "process": process}):
            raise ProgramMissingError(f"there is no {missing} in the image at line {self.line}")

    def enter(self, words: Sequence[str], *, terminal: bool, variables: Sequence[str] = ()) -> int:
        """Run `words`, or the shell, in a new container on the same files, with this process's standard input, output
        and error; returns its exit code. What it changes goes nowhere.

        Args:
            words: a command and its arguments.
            terminal: give it a terminal of its own; standard input and output have to be one.
            variables: further ones, NAME=value.

        Raises:
            ContainerError: it could not be started.
        """
        document = copy.deepcopy(self.document)
        process = document["process"]
        process["args"] = list(words) or [self.shell]
        process["terminal"] = terminal
        process["env"] = [*process["env"], *variables]
        folder = self.folder.with_name(f"{self.folder.name}-in")
        return console.sit(
            document,
            overlay=self.overlay,
            folder=folder,
            name=f"{self.name}-in",
            overlays=self.overlays,
            way=self.way,
            network=self.network,
        )
