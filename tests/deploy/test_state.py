"""What is wanted and what is, in two files that are replaced as one."""

import os
from pathlib import Path

import msgspec

from dockyard.deploy import state
from dockyard.deploy.state import Desired, Health, Outcome, Revision, Running, State

REVISION = Revision(
    number=3,
    reference="127.0.0.1:5000/shop/web:1.0",
    digest="sha256:" + "a" * 64,
    lowers=["/layers/1"],
    args=["/web"],
    env={"PATH": "/bin"},
    cwd="/",
    uid=1,
    gid=2,
    groups=[3],
    health=Health(http="/healthz"),
    port=8080,
)


def test_before_the_first_deploy_nothing_is_wanted_and_nothing_runs(tmp_path: Path) -> None:
    assert state.load_desired(tmp_path) == Desired()
    assert state.load(tmp_path) == State()


def test_what_is_written_is_read_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "apps" / "web"
    state.save_desired(folder, Desired(REVISION, stopped=True))
    running = Running(REVISION, "blue", "c1", 42, 40001, 1.5, restarts=2)
    known = State(running, None, [REVISION], [Outcome(3, True, steps=[("healthy", 0.5)])], "serving", 7)
    state.save(folder, known)
    assert state.load_desired(folder) == Desired(REVISION, stopped=True)
    assert state.load(folder) == known
    assert {name: (folder / name).stat().st_mode & 0o777 for name in os.listdir(folder)} == {
        "desired.json": 0o600,
        "state.json": 0o600,
    }


def test_two_revisions_are_the_same_where_only_their_numbers_differ() -> None:
    assert REVISION.same(msgspec.structs.replace(REVISION, number=4))
    assert not REVISION.same(msgspec.structs.replace(REVISION, env={"PATH": "/sbin"}))
