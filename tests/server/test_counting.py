"""Pulls are counted, by many threads, through failures."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from dockyard.server.clock import now
from dockyard.server.counting import Pulls
from dockyard.server.database import DatabaseError
from dockyard.server.jobs.pulse import Pulse
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY
from making.pushed import image, opened


def test_pulls_are_written_down_by_repository_manifest_and_tag(tmp_path: Path) -> None:
    with opened(tmp_path) as instance:
        one = image(instance.registry, "team/web", "1")
        image(instance.registry, "team/web", "2", note="other")
        pulls = Pulls(instance.database)
        began = now()

        def pull() -> None:
            for _ in range(100):
                pulls.counted("team/web", "1", one)
                pulls.counted("team/web", str(one), one)

        threads = [threading.Thread(target=pull) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        pulls.counted("nobody/knows", "1", one)
        assert pulls.flush() == 801
        assert pulls.flush() == 0
        with instance.database.read() as connection:
            count, at = connection.execute(select(REPOSITORY.c.pulls, REPOSITORY.c.pulled_at)).one()
            times = {row[0]: row[1] for row in connection.execute(select(TAG.c.name, TAG.c.pulled_at))}
            manifests = {row[0]: row[1] for row in connection.execute(select(MANIFEST.c.digest, MANIFEST.c.pulled_at))}
        assert count == 800
        assert at >= began
        assert times["1"] >= began
        assert times["2"] is None
        assert manifests[str(one)] >= began
        assert list(manifests.values()).count(None) == 1


def test_what_could_not_be_written_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as instance:
        one = image(instance.registry, "team/web", "1")
        pulls = Pulls(instance.database)
        pulls.counted("team/web", "1", one)
        with monkeypatch.context() as patch:

            def fail(work: object) -> None:
                raise DatabaseError("away")

            patch.setattr(instance.database, "write", fail)
            with pytest.raises(DatabaseError):
                pulls.flush()
        pulls.counted("team/web", "1", one)
        pulse = Pulse([pulls.flush], 3600)
        pulse.start()
        pulse.stop()  # beats a last time
        with instance.database.read() as connection:
            assert connection.execute(select(REPOSITORY.c.pulls)).scalar_one() == 2
