"""Everything that is stored is looked at, when somebody asks or by schedule."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from dockyard.content.memory import Memory
from dockyard.content.store import read
from dockyard.oci.mediatype import OCI_CONFIG, OCI_MANIFEST
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.feed import compile_feed
from dockyard.server.audit.read import Wanted, every
from dockyard.server.clock import now
from dockyard.server.instance import Instance
from dockyard.server.jobs.interface import JobStopped
from dockyard.server.schema.trust import FINDING, INVENTORY, SCAN_SCHEDULE
from dockyard.server.trust import scan_all, scan_schedule
from dockyard.server.trust.scan_schedule import ScanSchedule
from dockyard.server.trust.scanning import findings, packages_of
from dockyard.server.trust.watching import Watch
from making.images import image, layer
from making.pushed import blob, descriptor, index, opened

pytestmark = pytest.mark.slow

NAME = "team/app"


@pytest.fixture
def instance(tmp_path: Path, address: str) -> Iterator[Instance]:
    with opened(tmp_path, database=address) as made:
        yield made


def watch(instance: Instance) -> Watch:
    return Watch(instance.registry, instance.database, instance.folder / "feed.sqlite", instance.folder / "index")


def push(instance: Instance, number: int, name: str = NAME) -> str:
    store = Memory()
    metadata = b"Metadata-Version: 2.1\nName: werkzeug\nVersion: 2.0\n\n"
    made = image(store, layer(store, {"s/werkzeug-2.0.dist-info/METADATA": metadata, "n": str(number).encode()}))
    for each in made.manifest.references:
        blob(instance.registry, name, read(store, each))
    raw = made.manifest.raw
    return str(instance.registry.put_manifest(name, str(number), raw, made.descriptor.media_type).digest)


def attestation(instance: Instance) -> str:
    """A statement about an image as BuildKit keeps it beside the image in an index: it looks like an image."""
    statement, config = b'{"_type": "https://in-toto.io/Statement/v0.1"}', b'{"rootfs": {"diff_ids": []}}'
    layers = [descriptor("application/vnd.in-toto+json", blob(instance.registry, NAME, statement), len(statement))]
    kept = descriptor(OCI_CONFIG, blob(instance.registry, NAME, config), len(config))
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": kept, "layers": layers}
    return str(instance.registry.put_manifest(NAME, "statement", json.dumps(document).encode(), OCI_MANIFEST).digest)


def feed(instance: Instance, *ids: str) -> None:
    known = [Advisory("pypi", "werkzeug", each, "test", severity="HIGH", ranges=[Range(fixed="2.3")]) for each in ids]
    compile_feed(instance.folder / "feed.sqlite", known)


def ids(instance: Instance, digest: str) -> list[str]:
    return [each.id for each in findings(instance.database, digest) or []]


def test_images_that_nobody_has_looked_at_are_and_the_others_are_not(instance: Instance) -> None:
    feed(instance, "CVE-1")
    digests = [push(instance, number) for number in range(3)]
    push(instance, 0, "team/other")
    attestation(instance)
    assert scan_all.unseen(instance.database) == 3
    assert scan_all.run(watch(instance)) == (3, 0)
    assert [ids(instance, each) for each in digests] == [["CVE-1"]] * 3
    assert scan_all.unseen(instance.database) == 0
    assert scan_all.run(watch(instance)) == (0, 0)


def test_images_of_an_index_are_looked_at_each_once(instance: Instance) -> None:
    from dockyard.oci.digest import Digest

    digests = [push(instance, number) for number in range(2)]
    index(instance.registry, NAME, "both", [Digest.parse(each) for each in digests])
    assert scan_all.run(watch(instance)) == (2, 0)


def test_everything_is_matched_anew_where_that_is_asked(instance: Instance) -> None:
    feed(instance, "CVE-1")
    digest = push(instance, 1)
    scan_all.run(watch(instance))
    instance.database.write(lambda connection: connection.execute(delete(FINDING)).rowcount)
    assert scan_all.run(watch(instance)) == (0, 0)
    assert ids(instance, digest) == []
    assert scan_all.run(watch(instance), rematch=True) == (1, 0)
    assert ids(instance, digest) == ["CVE-1"]


def test_one_that_cannot_be_read_is_told_of_and_holds_up_nobody(instance: Instance, tmp_path: Path) -> None:
    digests = [push(instance, number) for number in range(3)]
    stored = json.loads(instance.registry.manifest(NAME, digests[1]).raw)
    broken = stored["layers"][0]["digest"].partition(":")[2]
    path = next(each for each in (tmp_path / "blobs").rglob(f"*{broken[4:]}*"))
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    assert scan_all.run(watch(instance)) == (3, 1)
    assert [packages_of(instance.database, each) is not None for each in digests] == [True, False, True]
    told = [each.digest for each in every(instance.database, Wanted(kind="scan.failed"))]
    assert told == [digests[1]]


def test_a_run_that_is_cut_off_goes_on_where_it_was(instance: Instance) -> None:
    for number in range(3):
        push(instance, number)

    def stop(text: str) -> None:
        if text.startswith("2 "):
            raise JobStopped

    with pytest.raises(JobStopped):
        scan_all.run(watch(instance), progress=stop)
    assert scan_all.unseen(instance.database) == 1
    assert scan_all.run(watch(instance)) == (1, 0)


class Work:
    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def progress(self, text: str) -> None:
        """Nobody asks it to end."""


def task(instance: Instance, **arguments: Any) -> Any:
    return instance.jobs._tasks["scan-all"].run(Work(**arguments))  # type: ignore[attr-defined]


def test_the_schedule_has_it_done_when_it_is_due_and_once(instance: Instance) -> None:
    push(instance, 1)
    assert not scan_schedule.due(instance.database)
    made = scan_schedule.schedule(instance.database, ScanSchedule("24h", rematch=True))
    assert made is not None
    assert made.next_at > now()
    assert not scan_schedule.due(instance.database)
    instance.database.write(lambda connection: connection.execute(update(SCAN_SCHEDULE).values(next_at=1)).rowcount)
    assert scan_schedule.due(instance.database)
    assert task(instance) == {"images": 1}
    assert not scan_schedule.due(instance.database)
    instance.database.write(lambda connection: connection.execute(delete(INVENTORY)).rowcount)
    assert task(instance, rematch=False) == {"images": 1}
    assert scan_schedule.schedule(instance.database, None) is None
    told = [each.detail["schedule"] for each in every(instance.database, Wanted(kind="scan.schedule"))]
    assert told == ["24h", ""]


def test_asking_is_an_event_and_done_once_at_a_time(instance: Instance) -> None:
    number = scan_all.ask(instance.database, instance.jobs, rematch=True)
    assert scan_all.ask(instance.database, instance.jobs) is None
    told = [each.detail for each in every(instance.database, Wanted(kind="scan.all"))]
    assert told == [{"rematch": True, "job": number}]
