"""Every kind of damage is found; repairing takes nothing that an image needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from dockyard.oci.digest import Digest
from dockyard.server.house import House
from dockyard.server.schema.content import BLOB, DELETION, MANIFEST, REFERENCE, TAG
from dockyard.server.schema.projects import USAGE
from dockyard.server.stored import deleting
from dockyard.server.stored.verify import verify
from making.pushed import blob, image, index, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path, grace=0) as house:
        children = [image(house.registry, "team/a", "", [b"one", str(each).encode()]) for each in range(2)]
        index(house.registry, "team/a", "1", children)
        image(house.registry, "team/b", "2", [b"one"])
        yield house


def file(house: House, data: bytes) -> Path:
    path = house.registry.holdings.blobs.place(Digest.of(data), 0).path
    assert path is not None
    return path


def kinds(house: House, *, deep: bool = False, repair: bool = False) -> list[str]:
    return sorted({each.kind for each in verify(house.registry.holdings, deep=deep, repair=repair).flaws})


def test_a_sound_registry_is_whole(house: House) -> None:
    report = verify(house.registry.holdings, deep=True)
    assert report.whole
    assert (report.tags, report.manifests, report.blobs, report.files) == (2, 4, 4, 4)
    assert report.to_json()["whole"] is True


def test_a_missing_a_shortened_and_a_changed_file_are_found_and_never_removed(house: House) -> None:
    file(house, b"one").unlink()
    assert kinds(house, repair=True) == ["blob-missing"]
    file(house, b"0").write_bytes(b"")
    assert kinds(house, repair=True) == ["blob-damaged", "blob-missing"]
    file(house, b"0").write_bytes(b"x")
    assert kinds(house, repair=True) == ["blob-missing"]
    assert kinds(house, deep=True, repair=True) == ["blob-damaged", "blob-missing"]
    assert file(house, b"0").exists()


def test_rows_that_lead_nowhere_are_found(house: House) -> None:
    database = house.database

    def work(connection: Connection) -> None:
        connection.execute(update(TAG).where(TAG.c.name == "2").values(digest=str(Digest.of(b"x"))))
        connection.execute(delete(REFERENCE).where(REFERENCE.c.child == str(Digest.of(b"0"))))

    database.write(work)
    assert kinds(house) == ["manifest", "orphan-link", "tag"] or kinds(house) == ["manifest", "tag"]
    database.write(lambda connection: connection.execute(update(MANIFEST).values(raw=b"{}")).rowcount)
    assert "manifest" in kinds(house)


def test_an_orphan_file_is_found_and_removed(house: House) -> None:
    path = file(house, b"nobody's")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"nobody's")
    assert kinds(house) == ["orphan-file"]
    assert path.exists()
    report = verify(house.registry.holdings, repair=True)
    assert [each.repaired for each in report.flaws] == [True]
    assert not path.exists()
    assert kinds(house) == []


def test_a_file_on_its_way_out_is_no_orphan(house: House) -> None:
    digest = blob(house.registry, "team/a", b"leaving")

    def forget(connection: Connection) -> None:
        from dockyard.server.stored import linking

        linking.unlink(house.database, connection, 1, 1, digest)
        connection.execute(delete(BLOB).where(BLOB.c.digest == str(digest)))

    house.database.write(forget)  # where collecting was cut off between its two transactions
    assert kinds(house) == []
    deleting.collect(house.registry.holdings)
    assert not file(house, b"leaving").exists()


def test_what_nothing_would_ever_look_at_again_is_found_and_collected(house: House) -> None:
    blob(house.registry, "team/a", b"forgotten")
    house.database.write(lambda connection: connection.execute(delete(DELETION)).rowcount)
    assert kinds(house) == ["orphan-link"]
    assert kinds(house, repair=True) == ["orphan-link"]
    assert kinds(house) == []
    deleting.collect(house.registry.holdings)
    assert not file(house, b"forgotten").exists()
    assert kinds(house) == []


def test_wrong_usage_is_found_and_counted_anew(house: House) -> None:
    house.database.write(lambda connection: connection.execute(update(USAGE).values(bytes=USAGE.c.bytes + 5)).rowcount)
    assert kinds(house) == ["usage"]
    assert kinds(house, repair=True) == ["usage"]
    assert kinds(house) == []
