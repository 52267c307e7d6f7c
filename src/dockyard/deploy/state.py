"""What an application is meant to be and what it is: two small files, replaced whole.

`desired.json` is written by commands, `state.json` by the supervisor alone; so neither overwrites the other, and both
survive the loss of any process.
"""

from pathlib import Path

import msgspec

from dockyard._internal import atomic


class Health(msgspec.Struct, frozen=True):
    """How a version is probed; times in seconds."""

    http: str = ""
    command: list[str] = []
    interval: float = 2.0
    timeout: float = 3.0
    successes: int = 1
    deadline: float = 60.0


class Revision(msgspec.Struct, frozen=True):
    """One version of an application, complete: everything that is needed to start it."""

    number: int
    reference: str
    digest: str
    lowers: list[str]
    args: list[str]
    env: dict[str, str]
    cwd: str
    uid: int
    gid: int
    groups: list[int]
    health: Health
    port: int
    drain: float = 10.0
    stop: float = 10.0
    stop_signal: str = "SIGTERM"

    def same(self, other: "Revision") -> bool:
        """Whether starting this would change nothing but the number."""
        return msgspec.structs.replace(self, number=0) == msgspec.structs.replace(other, number=0)


class Desired(msgspec.Struct, frozen=True):
    """What is wanted: a revision, or nothing when the application is to stop."""

    revision: Revision | None = None
    stopped: bool = False


class Running(msgspec.Struct):
    """A container of a revision in one of the two slots, `blue` and `green`."""

    revision: Revision
    slot: str
    container: str
    pid: int
    port: int
    since: float
    restarts: int = 0
    healthy: bool = True
    said: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How the rollout of a revision ended."""

    number: int
    succeeded: bool
    reason: str = ""
    steps: list[tuple[str, float]] = []
    lines: list[str] = []


class State(msgspec.Struct):
    """What the supervisor knows. `history` holds revisions that served, newest last."""

    active: Running | None = None
    pending: Running | None = None
    history: list[Revision] = []
    outcomes: list[Outcome] = []
    step: str = ""
    proxy: int = 0


def load_desired(folder: Path) -> Desired:
    """What is wanted; nothing before the first deploy."""
    try:
        return msgspec.json.decode((folder / "desired.json").read_bytes(), type=Desired)
    except FileNotFoundError:
        return Desired()


def save_desired(folder: Path, desired: Desired) -> None:
    """Say what is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    atomic.write(folder / "desired.json", msgspec.json.encode(desired), mode=0o600)


def load(folder: Path) -> State:
    """What is; nothing before the first deploy."""
    try:
        return msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
    except FileNotFoundError:
        return State()


def save(folder: Path, state: State) -> None:
    """Say what is."""
    atomic.write(folder / "state.json", msgspec.json.encode(state), mode=0o600)
