"""The tasks of a server, done by its own runner."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dockyard.server.house import House
from dockyard.server.jobs import history
from dockyard.server.rules import retention_rules
from dockyard.server.schema.rules import RETENTION
from making.pushed import image, opened

pytestmark = pytest.mark.slow


def ended(house: House, name: str, seconds: float = 20) -> Any:
    """The newest ended job of a task, once there is one."""
    deadline = time.monotonic() + seconds
    while True:
        found = [each for each in history.jobs(house.database, name=name) if each.finished_at]
        if found:
            assert found[0].state == "done", found[0].error
            return found[0].result
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(house: House, name: str, **arguments: Any) -> Any:
    assert house.jobs.defer(name, arguments, key=f"asked {name}") is not None
    return ended(house, name)


def test_a_server_collects_sweeps_and_verifies_when_asked(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as house:
        house.start()
        registry = house.registry
        gone = image(registry, "team/web", "1", [b"x" * 100])
        registry.delete_manifest("team/web", str(gone))
        time.sleep(0.01)
        assert asked(house, "collect") == {"blobs": 2, "bytes": 102}
        old, young = registry.begin("team/web"), registry.begin("team/web")
        os.utime(tmp_path / "uploads" / old, (0, 0))
        orphan = tmp_path / "blobs" / "sha256" / "ab" / ("ab" * 32)
        orphan.parent.mkdir(exist_ok=True)
        orphan.write_bytes(b"nobody's")
        assert asked(house, "sweep") == {"uploads": 1, "blobs": 1, "bytes": 8}
        assert registry.received("team/web", young) == 0
        assert not (tmp_path / "uploads" / old).exists()
        assert asked(house, "verify", deep=True)["whole"] is True


def test_retention_runs_by_its_schedule_and_caches_forget_what_went(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as house:
        old = image(house.registry, "team/web", "old", note="old")
        time.sleep(0.005)
        image(house.registry, "team/web", "new", note="new")
        assert house.registry.manifest("team/web", "old").digest == old
        assert house.registry.cached("team/web", "old") is not None
        retention_rules.add(house.database, "team", "latest-pushed", 1)
        retention_rules.schedule(house.database, "team", 12)
        house.database.write(lambda connection: connection.execute(update(RETENTION).values(next_at=1)).rowcount)
        house.start()
        deadline = time.monotonic() + 20
        while not any(each.finished_at for each in history.jobs(house.database, name="retention")):
            history.hasten(house.database, "periodic retention", 1)  # the first start has set it five minutes ahead
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ended(house, "retention") == {"team": {"kept": 1, "removed": 1, "bytes": len(b"{}old")}}
        assert house.registry.cached("team/web", "old") is None
        assert list(house.registry.tags("team/web", last="", count=9).items) == ["new"]
