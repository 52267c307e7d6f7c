"""Every kind of damage is found; repairing takes nothing that an image needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, update

from dockyard.oci.digest import Digest
from dockyard.server.instance import Instance
from dockyard.server.schema.content import BLOB, DELETION, MANIFEST, REFERENCE, TAG
from dockyard.server.schema.projects import USAGE
from dockyard.server.stored import deleting
from dockyard.server.stored.verify import verify
from making.asgi import call
from making.pushed import blob, image, index, opened


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    with opened(tmp_path, grace=0) as instance:
        children = [image(instance.registry, "team/a", "", [b"one", str(each).encode()]) for each in range(2)]
        index(instance.registry, "team/a", "1", children)
        image(instance.registry, "team/b", "2", [b"one"])
        yield instance


def file(instance: Instance, data: bytes) -> Path:
    path = instance.registry.holdings.blobs.place(Digest.of(data), 0).path
    assert path is not None
    return path


def kinds(instance: Instance, *, deep: bool = False, repair: bool = False) -> list[str]:
    report = verify(instance.registry.holdings, deep=deep, repair=repair)
    return sorted({each.kind for each in report.flaws} | {each.kind for each in report.leftovers})


def test_a_sound_registry_is_whole(instance: Instance) -> None:
    report = verify(instance.registry.holdings, deep=True)
    assert report.whole
    assert (report.tags, report.manifests, report.blobs, report.files) == (2, 4, 4, 4)
    assert report.to_json()["whole"] is True


def test_what_else_lies_among_the_blobs_is_passed_over(instance: Instance) -> None:
    place = file(instance, b"one").parents[1]
    for stray in (place.parent / "README", place.parent / "lost+found" / "#12", place / ".DS_Store"):
        stray.parent.mkdir(exist_ok=True)
        stray.write_text("not ours")
    (place / "nothing").mkdir()
    report = verify(instance.registry.holdings, deep=True, repair=True)
    assert (report.whole, report.leftovers) == (True, [])
    assert (place.parent / "README").exists()


def test_a_missing_a_shortened_and_a_changed_file_are_found_and_never_removed(instance: Instance) -> None:
    file(instance, b"one").unlink()
    assert kinds(instance, repair=True) == ["blob-missing"]
    file(instance, b"0").write_bytes(b"")
    assert kinds(instance, repair=True) == ["blob-damaged", "blob-missing"]
    file(instance, b"0").write_bytes(b"x")
    assert kinds(instance, repair=True) == ["blob-missing"]
    assert kinds(instance, deep=True) == ["blob-damaged", "blob-missing"]
    assert file(instance, b"0").read_bytes() == b"x"


@pytest.mark.parametrize("damage", [b"", b"x", b"longer than it was"])
def test_what_is_damaged_is_set_aside_and_mended_by_the_next_push(instance: Instance, damage: bytes) -> None:
    path, digest = file(instance, b"0"), Digest.of(b"0")
    path.write_bytes(damage)
    assert kinds(instance, deep=True, repair=True) == ["blob-damaged"]
    aside = path.parents[3] / "damaged" / f"sha256-{digest.hex}"
    assert (path.exists(), aside.read_bytes()) == (False, damage)
    name = "team/a"
    assert call(instance.app, "HEAD", f"/v2/{name}/blobs/{digest}").status == 404
    assert call(instance.app, "POST", f"/v2/{name}/blobs/uploads/?digest={digest}", b"0").status == 201
    assert call(instance.app, "GET", f"/v2/{name}/blobs/{digest}").body == b"0"
    assert kinds(instance, deep=True) == []


@pytest.mark.parametrize("damage", [b"", b"longer than it was"])
def test_a_file_of_the_wrong_size_is_said_to_be_gone_and_replaced_by_a_push(instance: Instance, damage: bytes) -> None:
    path, digest, name = file(instance, b"0"), Digest.of(b"0"), "team/a"
    for _ in range(2):  # the second time from memory
        assert call(instance.app, "HEAD", f"/v2/{name}/blobs/{digest}").status == 200
    path.write_bytes(damage)
    assert call(instance.app, "HEAD", f"/v2/{name}/blobs/{digest}").status == 404
    assert call(instance.app, "GET", f"/v2/{name}/blobs/{digest}").codes == ["BLOB_UNKNOWN"]
    mount = f"/v2/a/mounted/blobs/uploads/?mount={digest}&from={name}"
    assert call(instance.app, "POST", mount).status == 202, "what is damaged is not handed on"
    assert call(instance.app, "POST", f"/v2/{name}/blobs/uploads/?digest={digest}", b"0").status == 201
    assert path.read_bytes() == b"0"
    assert call(instance.app, "GET", f"/v2/{name}/blobs/{digest}").body == b"0"


def test_rows_that_lead_nowhere_are_found(instance: Instance) -> None:
    database = instance.database

    def work(connection: Connection) -> None:
        connection.execute(update(TAG).where(TAG.c.name == "2").values(digest=str(Digest.of(b"x"))))
        connection.execute(delete(REFERENCE).where(REFERENCE.c.child == str(Digest.of(b"0"))))

    database.write(work)
    assert kinds(instance) == ["manifest", "orphan-link", "tag"] or kinds(instance) == ["manifest", "tag"]
    database.write(lambda connection: connection.execute(update(MANIFEST).values(raw=b"{}")).rowcount)
    assert "manifest" in kinds(instance)


def test_an_orphan_file_is_noted_with_its_bytes_and_removed_by_repairing(instance: Instance) -> None:
    path = file(instance, b"nobody's")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"nobody's")
    assert kinds(instance) == ["orphan-file"]
    assert path.exists()
    report = verify(instance.registry.holdings, repair=True)
    assert [(each.bytes, each.repaired) for each in report.leftovers] == [(8, True)]
    assert (report.whole, report.left, report.left_bytes) == (True, 1, 8)
    assert not path.exists()
    assert kinds(instance) == []


def test_a_file_on_its_way_out_is_no_orphan(instance: Instance) -> None:
    digest = blob(instance.registry, "team/a", b"leaving")

    def forget(connection: Connection) -> None:
        from dockyard.server.stored import linking

        linking.unlink(instance.database, connection, 1, 1, digest)
        connection.execute(delete(BLOB).where(BLOB.c.digest == str(digest)))

    instance.database.write(forget)  # where collecting was cut off between its two transactions
    assert kinds(instance) == []
    deleting.collect(instance.registry.holdings)
    assert not file(instance, b"leaving").exists()


def test_what_nothing_would_ever_look_at_again_is_found_and_collected(instance: Instance) -> None:
    blob(instance.registry, "team/a", b"forgotten")
    instance.database.write(lambda connection: connection.execute(delete(DELETION)).rowcount)
    assert kinds(instance) == ["orphan-link"]
    assert kinds(instance, repair=True) == ["orphan-link"]
    assert kinds(instance) == []
    deleting.collect(instance.registry.holdings)
    assert not file(instance, b"forgotten").exists()
    assert kinds(instance) == []


def test_wrong_usage_is_found_and_counted_anew(instance: Instance) -> None:
    instance.database.write(
        lambda connection: connection.execute(update(USAGE).values(bytes=USAGE.c.bytes + 5)).rowcount
    )
    assert kinds(instance) == ["usage"]
    assert kinds(instance, repair=True) == ["usage"]
    assert kinds(instance) == []
