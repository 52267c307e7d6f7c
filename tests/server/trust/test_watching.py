"""A new feed is matched with all that is stored, whatever is wrong with one image."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from dockyard.content.memory import Memory
from dockyard.content.store import read
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.feed import compile_feed
from dockyard.server.instance import Instance, open_instance
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import INVENTORY
from dockyard.server.settings import Settings
from dockyard.server.trust import scanning
from dockyard.server.trust.scanning import findings
from making.asgi import call
from making.images import image, layer
from making.pushed import blob

NAME = "team/app"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = open_instance(Settings(storage=str(tmp_path)))
    yield instance
    instance.close()


@pytest.fixture
def digests(instance: Instance) -> list[str]:
    """Three images with the same package, looked at and matched with a first feed."""
    found = []
    for number in range(3):
        store = Memory()
        metadata = b"Metadata-Version: 2.1\nName: werkzeug\nVersion: 2.0\n\n"
        files = {"site/werkzeug-2.0.dist-info/METADATA": metadata, "number": str(number).encode()}
        made = image(store, layer(store, files))
        for each in made.manifest.references:
            blob(instance.registry, NAME, read(store, each))
        raw, media_type = made.manifest.raw, made.descriptor.media_type
        found.append(str(instance.registry.put_manifest(NAME, str(number), raw, media_type).digest))
    feed(instance, "CVE-1")
    run(instance, "scan")
    run(instance, "match")
    return found


def feed(instance: Instance, *ids: str) -> None:
    known = [Advisory("pypi", "werkzeug", each, "test", severity="HIGH", ranges=[Range(fixed="2.3")]) for each in ids]
    compile_feed(instance.folder / "feed.sqlite", known)


class Work:
    """The job under way."""

    def __init__(self) -> None:
        self.arguments: dict[str, Any] = {}

    def progress(self, text: str) -> None:
        """Nobody asks it to end."""


def run(instance: Instance, name: str) -> Any:
    """Have a task done as the server does, but now."""
    return instance.jobs._tasks[name].run(Work())  # type: ignore[attr-defined]


def known(instance: Instance, digest: str) -> list[str]:
    return sorted(each.id for each in findings(instance.database, digest) or [])


def damage(instance: Instance, digest: str) -> None:
    statement = update(INVENTORY).where(INVENTORY.c.digest == digest).values(body=b"\xc1 no inventory")
    instance.database.write(lambda connection: connection.execute(statement))


def test_a_damaged_inventory_is_made_anew_and_holds_up_no_other(
    instance: Instance, digests: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    damage(instance, min(digests))
    feed(instance, "CVE-1", "CVE-2")
    assert run(instance, "match") == {"images": 3}
    assert [known(instance, each) for each in digests] == [["CVE-1", "CVE-2"]] * 3
    assert any(min(digests) in each and "cannot be read" in each for each in caplog.messages)


def test_one_that_cannot_be_matched_is_counted_and_told_of_and_is_not_taken_for_matched(
    instance: Instance, digests: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = min(digests)
    usual = scanning._replace

    def broken(connection: Any, digest: str, *rest: Any) -> None:
        if digest == bad:
            raise KeyError("what nobody foresaw")
        usual(connection, digest, *rest)

    monkeypatch.setattr(scanning, "_replace", broken)
    feed(instance, "CVE-1", "CVE-2")
    with caplog.at_level(logging.ERROR, "dockyard.trust"):
        assert run(instance, "match") == {"images": 3, "failed": 1}
    assert [known(instance, each) for each in digests if each != bad] == [["CVE-1", "CVE-2"]] * 2
    assert findings(instance.database, bad) is None, "what was found before may no longer be all"
    assert any(bad in each for each in caplog.messages)
    with instance.database.read() as connection:
        rows = connection.execute(select(EVENT.c.digest, EVENT.c.detail).where(EVENT.c.kind == "scan.failed")).all()
    assert [(digest, json.loads(detail)) for digest, detail in rows] == [(bad, {"reason": "KeyError"})]
    monkeypatch.undo()
    feed(instance, "CVE-3")
    assert run(instance, "match") == {"images": 3}
    assert known(instance, bad) == ["CVE-3"]


def test_packages_that_cannot_be_read_fail_no_answer(instance: Instance, digests: list[str]) -> None:
    damage(instance, digests[0])
    path = f"/api/v1/repositories/team%2Fapp/artifacts/{digests[0]}/packages"
    host = [(b"host", b"localhost:5000")]
    answer = call(instance.app, "GET", path, headers=host)
    assert (answer.status, answer.document[0]["scanned"]) == (200, False)
    assert call(instance.app, "GET", f"/image/{NAME}@{digests[0]}/packages", headers=host).status == 200
