"""What a killed process leaves goes by itself; what is needed, under way or young stays."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete

from dockyard.oci.digest import Digest
from dockyard.server.instance import Instance, open_instance
from dockyard.server.schema.content import DELETION
from dockyard.server.settings import Objects, Settings
from dockyard.server.stored import deleting, leftovers, linking
from dockyard.server.stored.verify import verify
from making.objects import KEYS, moto
from making.postgres import Postgres
from making.pushed import blob, image, opened


def abandoned(instance: Instance, data: bytes, algorithm: str = "sha256") -> Digest:
    """As a process leaves it that is killed before it commits."""
    blobs, digest = instance.registry.holdings.blobs, Digest.of(data, algorithm)
    upload = blobs.begin(algorithm)
    blobs.append(upload, data)
    blobs.append(upload, b"")
    blobs.seal(upload, digest)
    blobs.cancel(upload)
    return digest


def test_bytes_that_no_row_speaks_of_are_collected_and_what_images_need_stays(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        holdings = instance.registry.holdings
        image(instance.registry, "team/a", "1", [b"mine"])
        gone = [abandoned(instance, b"nobody's"), abandoned(instance, b"nobody's either", "sha512")]
        assert leftovers.sweep(holdings) == (2, 23)
        deleting.collect(holdings)
        assert [holdings.blobs.exists(each) for each in gone] == [False, False]
        report = verify(holdings, deep=True)
        assert (report.flaws, report.leftovers, report.blobs) == ([], [], 2)
        assert leftovers.sweep(holdings) == (0, 0)


def test_what_may_be_an_upload_under_way_is_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path, grace=3600) as instance:
        holdings, digest = instance.registry.holdings, abandoned(instance, b"young")
        assert leftovers.sweep(holdings) == (0, 0)
        place = holdings.blobs.place(digest, 0).path
        assert place is not None
        os.utime(place, (0, 0))
        assert leftovers.sweep(holdings) == (1, 5)
        assert leftovers.sweep(holdings) == (0, 0), "it is collecting's now"


def test_a_sweep_goes_on_where_the_one_before_ended_and_then_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leftovers, "TOGETHER", 3)
    with opened(tmp_path, grace=0) as instance:
        holdings = instance.registry.holdings
        for number in range(4):
            blob(instance.registry, "team/a", f"kept {number}".encode())
            abandoned(instance, f"left {number}".encode(), "sha512" if number % 2 else "sha256")
        assert verify(holdings).files == 8
        found = [leftovers.sweep(holdings, most=3).blobs for _ in range(4)]
        assert sum(found) == 4
        assert max(found) <= 3
        assert leftovers._position(holdings) == 0
        last = abandoned(instance, b"left later")
        assert sum(leftovers.sweep(holdings, most=3).blobs for _ in range(4)) == 1
        deleting.collect(holdings)
        assert not holdings.blobs.exists(last)


def test_blobs_that_nothing_needs_and_nobody_looks_at_are_collected(tmp_path: Path) -> None:
    with opened(tmp_path, grace=0) as instance:
        holdings = instance.registry.holdings
        image(instance.registry, "team/a", "1", [b"mine"])
        blob(instance.registry, "team/a", b"forgotten")
        instance.database.write(lambda connection: connection.execute(delete(DELETION)).rowcount)
        assert [each.bytes for each in verify(holdings).leftovers] == [9]
        assert leftovers.sweep(holdings) == (1, 9)
        deleting.collect(holdings)
        assert verify(holdings, deep=True).blobs == 2


def _swept_under_a_push(mine: Instance, other: Instance, data: bytes) -> None:
    """Another process sweeps and collects between this one's sealing and publishing."""
    blobs, digest = mine.registry.holdings.blobs, Digest.of(data)
    upload = blobs.begin("sha256")
    blobs.append(upload, data)
    blobs.append(upload, b"")
    size = blobs.seal(upload, digest)
    assert leftovers.sweep(other.registry.holdings) == (1, len(data))
    deleting.collect(other.registry.holdings)
    assert not blobs.exists(digest)
    linking.publish(mine.registry.holdings, "team/a", digest, size, lambda: blobs.publish(upload, digest))
    blobs.cancel(upload)
    assert b"".join(other.registry.holdings.blobs.read(digest, 0, size)) == data
    report = verify(other.registry.holdings, deep=True)
    assert (report.flaws, report.leftovers, report.blobs) == ([], [], 1)


def _published_under_a_sweep(mine: Instance, other: Instance, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push ends between a sweep's looking and its noting; collecting then finds it young."""
    watch: Callable[..., None] = leftovers._watch
    abandoned(mine, data)

    def late(*words: object, **more: object) -> None:
        monkeypatch.undo()
        blob(mine.registry, "team/a", data)
        watch(*words, **more)

    if mine.database.postgresql:  # on SQLite there is one writer, so a push is before or after that
        monkeypatch.setattr(leftovers, "_watch", late)
    leftovers.sweep(other.registry.holdings)
    blob(mine.registry, "team/a", data)
    deleting.collect(other.registry.holdings)
    assert verify(mine.registry.holdings, deep=True).flaws == []


def test_a_push_that_is_swept_before_it_commits_is_whole_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path, grace=0) as mine, opened(tmp_path, grace=0) as other:
        _swept_under_a_push(mine, other, b"swept too soon")
        _published_under_a_sweep(mine, other, b"published meanwhile", monkeypatch)


@pytest.mark.slow
def test_replicas_with_one_database_and_one_bucket_sweep_beside_each_others_pushes(
    tmp_path: Path, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with moto() as storage:
        words = {"storage": storage.url("swept"), "database": server.fresh(), "grace": 0}
        made = [
            Settings(**words, folder=str(tmp_path / name), objects=Objects(options=KEYS))  # type: ignore[arg-type]
            for name in ("mine", "other")
        ]
        mine, other = open_instance(made[0]), open_instance(made[1])
        try:
            _swept_under_a_push(mine, other, b"swept too soon")
            _published_under_a_sweep(mine, other, b"published meanwhile", monkeypatch)
            monkeypatch.setattr(leftovers, "TOGETHER", 2)
            gone = [abandoned(mine, f"left {each}".encode()) for each in range(5)]
            assert sum(leftovers.sweep(other.registry.holdings, most=2).blobs for _ in range(5)) >= 5
            deleting.collect(mine.registry.holdings)
            assert not any(mine.registry.holdings.blobs.exists(each) for each in gone)
            report = verify(mine.registry.holdings, deep=True)
            assert (report.flaws, report.leftovers) == ([], [])
        finally:
            mine.close()
            other.close()
