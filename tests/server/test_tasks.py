"""The tasks of a server, done by its own runner."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from dockyard.server.instance import Instance
from dockyard.server.jobs import history
from dockyard.server.rules import retention_rules
from dockyard.server.schema.rules import RETENTION
from making.pushed import image, opened

pytestmark = pytest.mark.slow


def ended(instance: Instance, name: str, seconds: float = 20) -> Any:
    """The newest ended job of a task, once there is one."""
    deadline = time.monotonic() + seconds
    while True:
        found = [each for each in history.jobs(instance.database, name=name) if each.finished_at]
        if found:
            assert found[0].state == "done", found[0].error
            return found[0].result
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(instance: Instance, name: str, **arguments: Any) -> Any:
    assert instance.jobs.defer(name, arguments, key=f"asked {name}") is not None
    return ended(instance, name)


def test_a_server_collects_sweeps_and_verifies_when_asked(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        instance.start()
        registry = instance.registry
        gone = image(registry, "team/web", "1", [b"x" * 100])
        registry.delete_manifest("team/web", str(gone))
        time.sleep(0.01)
        assert asked(instance, "collect") == {"blobs": 2, "bytes": 102}
        old, young = registry.begin("team/web"), registry.begin("team/web")
        os.utime(tmp_path / "uploads" / old, (0, 0))
        orphan = tmp_path / "blobs" / "sha256" / "ab" / ("ab" * 32)
        orphan.parent.mkdir(exist_ok=True)
        orphan.write_bytes(b"nobody's")
        assert asked(instance, "sweep") == {"uploads": 1, "blobs": 1, "bytes": 8}
        assert registry.received("team/web", young) == 0
        assert not (tmp_path / "uploads" / old).exists()
        assert asked(instance, "verify", deep=True)["whole"] is True


def test_retention_runs_by_its_schedule_and_caches_forget_what_went(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        old = image(instance.registry, "team/web", "old", note="old")
        time.sleep(0.005)
        image(instance.registry, "team/web", "new", note="new")
        assert instance.registry.manifest("team/web", "old").digest == old
        assert instance.registry.cached("team/web", "old") is not None
        retention_rules.add(instance.database, "team", "latest-pushed", 1)
        retention_rules.schedule(instance.database, "team", 12)
        instance.database.write(lambda connection: connection.execute(update(RETENTION).values(next_at=1)).rowcount)
        instance.start()
        deadline = time.monotonic() + 20
        while not any(each.finished_at for each in history.jobs(instance.database, name="retention")):
            history.hasten(instance.database, "periodic retention", 1)  # the first start has set it five minutes ahead
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ended(instance, "retention") == {"team": {"kept": 1, "removed": 1, "bytes": len(b"{}old")}}
        assert instance.registry.cached("team/web", "old") is None
        assert list(instance.registry.tags("team/web", last="", count=9).items) == ["new"]
