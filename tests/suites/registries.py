"""What every registry must do, whoever it is (`registry.interface.Registry`).

`tests/server/stored/test_registry.py` runs it over the stored registry with SQLite and a disk.
"""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_INDEX, OCI_MANIFEST
from dockyard.registry.interface import BlobPlace, Registry, WireError
from making.pushed import blob, descriptor, image, index, manifest

NAME = "suite/web"
MISSING = Digest.of(b"nobody has this")


def content(place: BlobPlace) -> bytes:
    """A blob's bytes, wherever they are."""
    if place.read is not None:
        return b"".join(place.read(0, place.size))
    assert place.path is not None, "a suite cannot follow URLs"
    return place.path.read_bytes()


def code(error: "pytest.ExceptionInfo[WireError]") -> tuple[str, int]:
    """The code that goes over the wire."""
    return error.value.code.name, error.value.code.status


class RegistrySuite:
    """Subclass it with a fixture `registry` that is empty."""

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_a_blob_is_read_as_it_was_pushed(self, registry: Registry, algorithm: str) -> None:
        data = bytes(range(256)) * 5000
        digest = Digest.of(data, algorithm)
        upload = registry.begin(NAME, algorithm)
        for at in range(0, len(data), 500_000):
            assert registry.received(NAME, upload) == at
            registry.append(NAME, upload, data[at : at + 500_000])
        registry.finish(NAME, upload, digest)
        place = registry.blob(NAME, digest)
        assert place.size == len(data)
        assert content(place) == data
        with pytest.raises(WireError) as caught:
            registry.received(NAME, upload)
        assert code(caught) == ("BLOB_UPLOAD_UNKNOWN", 404)

    def test_an_empty_blob_is_a_blob(self, registry: Registry) -> None:
        assert content(registry.blob(NAME, blob(registry, NAME, b""))) == b""

    def test_other_bytes_than_those_named_are_refused(self, registry: Registry) -> None:
        upload = registry.begin(NAME)
        registry.append(NAME, upload, b"other")
        with pytest.raises(WireError) as caught:
            registry.finish(NAME, upload, MISSING)
        assert code(caught) == ("DIGEST_INVALID", 400)
        with pytest.raises(WireError) as caught:
            registry.blob(NAME, MISSING)
        assert code(caught)[1] == 404

    def test_a_cancelled_upload_is_gone(self, registry: Registry) -> None:
        upload = registry.begin(NAME)
        registry.cancel(NAME, upload)
        for action in (
            lambda: registry.received(NAME, upload),
            lambda: registry.append(NAME, upload, b"x"),
            lambda: registry.finish(NAME, upload, Digest.of(b"")),
            lambda: registry.cancel(NAME, upload),
        ):
            with pytest.raises(WireError) as caught:
                action()
            assert code(caught) == ("BLOB_UPLOAD_UNKNOWN", 404)

    @pytest.mark.parametrize("upload", ["0" * 32, "../../etc/passwd", "", "a/b", "\0", "ü" * 9])
    def test_an_upload_that_never_was_is_unknown(self, registry: Registry, upload: str) -> None:
        with pytest.raises(WireError) as caught:
            registry.received(NAME, upload)
        assert code(caught) == ("BLOB_UPLOAD_UNKNOWN", 404)

    def test_a_blob_is_had_only_by_the_repositories_that_it_was_pushed_to_or_mounted_in(
        self, registry: Registry
    ) -> None:
        digest = blob(registry, NAME, b"mine")
        with pytest.raises(WireError) as caught:
            registry.blob("suite/other", digest)
        assert code(caught) == ("BLOB_UNKNOWN", 404)
        assert list(registry.holders(digest)) == [NAME]
        assert not registry.mount("suite/other", MISSING, NAME)
        assert not registry.mount("suite/other", digest, "suite/nobody")
        assert registry.mount("suite/other", digest, NAME)
        assert content(registry.blob("suite/other", digest)) == b"mine"
        assert set(registry.holders(digest)) == {NAME, "suite/other"}

    def test_a_manifest_is_read_by_tag_and_by_digest_as_it_was_pushed(self, registry: Registry) -> None:
        digest = image(registry, NAME, "1")
        for reference in ("1", str(digest)):
            found = registry.manifest(NAME, reference)
            assert (found.digest, found.media_type, Digest.of(found.raw)) == (digest, OCI_MANIFEST, digest)
            cached = registry.cached(NAME, reference)
            assert cached is None or cached == found

    def test_what_was_cached_is_never_older_than_what_was_acknowledged(self, registry: Registry) -> None:
        for number in range(5):
            digest = image(registry, NAME, "moving", note=str(number))
            for _ in range(2):
                found = registry.cached(NAME, "moving") or registry.manifest(NAME, "moving")
                assert found.digest == digest
        registry.delete_manifest(NAME, "moving")
        assert registry.cached(NAME, "moving") is None

    def test_what_is_not_there_is_unknown(self, registry: Registry) -> None:
        image(registry, NAME, "1")
        for name, reference, wanted in (
            (NAME, "2", "MANIFEST_UNKNOWN"),
            (NAME, str(MISSING), "MANIFEST_UNKNOWN"),
            ("suite/nobody", "1", "NAME_UNKNOWN"),
        ):
            with pytest.raises(WireError) as caught:
                registry.manifest(name, reference)
            assert code(caught) == (wanted, 404)
            with pytest.raises(WireError) as caught:
                registry.delete_manifest(name, reference)
            assert code(caught) == (wanted, 404)
        with pytest.raises(WireError) as caught:
            registry.delete_blob(NAME, MISSING)
        assert code(caught) == ("BLOB_UNKNOWN", 404)
        with pytest.raises(WireError) as caught:
            registry.tags("suite/nobody", last="", count=9)
        assert code(caught) == ("NAME_UNKNOWN", 404)

    def test_a_manifest_that_names_what_is_missing_is_refused(self, registry: Registry) -> None:
        blob(registry, NAME, b"{}")
        for raw, media_type in (
            (manifest(b"{}", [b"never pushed"]), OCI_MANIFEST),
            (
                json.dumps(
                    {"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, MISSING, 2)]},
                ).encode(),
                OCI_INDEX,
            ),
        ):
            with pytest.raises(WireError) as caught:
                registry.put_manifest(NAME, "1", raw, media_type)
            assert code(caught) == ("MANIFEST_BLOB_UNKNOWN", 404)
        with pytest.raises(WireError):
            registry.manifest(NAME, "1")

    def test_layers_that_are_not_to_be_distributed_may_be_elsewhere(self, registry: Registry) -> None:
        blob(registry, NAME, b"{}")
        raw = manifest(b"{}", [b"far away"])
        raw = raw.replace(b"image.layer.v1.tar", b"image.layer.nondistributable.v1.tar")
        assert registry.put_manifest(NAME, "1", raw, OCI_MANIFEST).digest == Digest.of(raw)

    @pytest.mark.parametrize(
        ("raw", "media_type"),
        [
            (b"", OCI_MANIFEST),
            (b"{", OCI_MANIFEST),
            (b"[]", OCI_MANIFEST),
            (b"\xff\xfe", OCI_MANIFEST),
            (b"[" * 100_000, OCI_MANIFEST),
            (b'{"schemaVersion":1}', OCI_MANIFEST),
            (b'{"schemaVersion":2}', OCI_MANIFEST),
            (b'{"schemaVersion":2,"config":3,"layers":[]}', OCI_MANIFEST),
            (b'{"schemaVersion":2,"manifests":[1]}', OCI_INDEX),
            (b'{"schemaVersion":2,"manifests":[{"mediaType":"a","size":-1,"digest":"sha256:00"}]}', OCI_INDEX),
            (b'{"schemaVersion":2,"manifests":[],"subject":7}', OCI_INDEX),
            (b'{"schemaVersion":2,"manifests":[],"subject":{"digest":"\\ud800"}}', OCI_INDEX),
            (b'{"schemaVersion":2,"manifests":[],"mediaType":"application/other"}', OCI_INDEX),
            (b'{"schemaVersion":2,"manifests":[]}', "text/plain"),
            (b'{"schemaVersion":2,"manifests":[]}', ""),
        ],
    )
    def test_what_is_no_manifest_is_refused(self, registry: Registry, raw: bytes, media_type: str) -> None:
        with pytest.raises(WireError) as caught:
            registry.put_manifest(NAME, "1", raw, media_type)
        assert code(caught) == ("MANIFEST_INVALID", 400)

    def test_a_manifest_of_another_digest_or_too_many_bytes_is_refused(self, registry: Registry) -> None:
        raw = b'{"schemaVersion":2,"manifests":[]}'
        with pytest.raises(WireError) as caught:
            registry.put_manifest(NAME, str(MISSING), raw, OCI_INDEX)
        assert code(caught) == ("DIGEST_INVALID", 400)
        with pytest.raises(WireError) as caught:
            registry.put_manifest(NAME, "1", raw + b" " * (8 << 20), OCI_INDEX)
        assert code(caught) == ("SIZE_INVALID", 413)

    def test_a_tag_moves_only_from_where_it_is_expected(self, registry: Registry) -> None:
        one = image(registry, NAME, "1", note="one")
        raw = manifest(b"{}one", [b"layer"], note="other")
        for expected in (str(MISSING), "nonsense"):
            with pytest.raises(WireError) as caught:
                registry.put_manifest(NAME, "1", raw, OCI_MANIFEST, (), expected)
            assert code(caught)[1] == 412
        with pytest.raises(WireError) as caught:
            registry.put_manifest(NAME, "new", raw, OCI_MANIFEST, (), str(one))
        assert code(caught)[1] == 412
        assert registry.put_manifest(NAME, "1", raw, OCI_MANIFEST, (), str(one)).digest == Digest.of(raw)

    def test_of_many_that_expect_the_same_one_wins(self, registry: Registry) -> None:
        one = image(registry, NAME, "1")
        outcome: list[bool] = []

        def move(number: int) -> None:
            raw = manifest(b"{}", [b"layer"], note=str(number))
            try:
                registry.put_manifest(NAME, "1", raw, OCI_MANIFEST, (), str(one))
                outcome.append(True)
            except WireError:
                outcome.append(False)

        threads = [threading.Thread(target=move, args=(number,)) for number in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert sorted(outcome) == [False] * 5 + [True]

    def test_several_tags_are_set_at_once_or_not_at_all(self, registry: Registry) -> None:
        digest = image(registry, NAME, "1")
        raw = registry.manifest(NAME, "1").raw
        registry.put_manifest(NAME, "2", raw, OCI_MANIFEST, ["3", "2"])
        assert list(registry.tags(NAME, last="", count=9).items) == ["1", "2", "3"]
        with pytest.raises(WireError):
            registry.put_manifest(NAME, "4", raw, OCI_MANIFEST, ["5", "-bad"])
        assert list(registry.tags(NAME, last="", count=9).items) == ["1", "2", "3"]
        registry.delete_manifest(NAME, "2")
        assert registry.manifest(NAME, "3").digest == digest
        registry.delete_manifest(NAME, str(digest))
        assert list(registry.tags(NAME, last="", count=9).items) == []

    def test_lists_come_in_the_order_of_bytes_page_by_page(self, registry: Registry) -> None:
        tags = ["A", "B.1", "_x", "a", "a-b", "a.b", "a0", "aa", "b"]
        digest = image(registry, NAME, "A")
        raw = registry.manifest(NAME, str(digest)).raw
        registry.put_manifest(NAME, "A", raw, OCI_MANIFEST, tags)
        found: list[str] = []
        while True:
            page = registry.tags(NAME, last=found[-1] if found else "", count=2)
            found += page.items
            if not page.more:
                break
            assert len(page.items) == 2
        assert found == sorted(tags)
        assert list(registry.tags(NAME, last="b", count=2).items) == []
        assert registry.tags(NAME, last="", count=0).items == []
        for each in ("suite/z", "suite/a-b", "suite/a/b"):
            image(registry, each, "1")
        blob(registry, "suite/blobs-only", b"x")
        assert list(registry.repositories(last="", count=9).items) == ["suite/a-b", "suite/a/b", NAME, "suite/z"]
        assert registry.repositories(last="suite/a-b", count=1) == (["suite/a/b"], True)

    def test_referrers_are_found_by_subject_and_by_type(self, registry: Registry) -> None:
        subject = image(registry, NAME, "1")
        made = sorted(str(image(registry, NAME, "", subject=subject, note=str(each))) for each in range(3))
        page = registry.referrers(NAME, subject, artifact_type="", last="", count=2)
        assert ([str(each.digest) for each in page.items], page.more) == (made[:2], True)
        rest = registry.referrers(NAME, subject, artifact_type="", last=made[1], count=2)
        assert ([str(each.digest) for each in rest.items], rest.more) == (made[2:], False)
        assert page.items[0].annotations["note"] in "012"
        kind = page.items[0].artifact_type
        assert len(registry.referrers(NAME, subject, artifact_type=kind, last="", count=9).items) == 3
        assert registry.referrers(NAME, subject, artifact_type="application/x", last="", count=9).items == []
        assert registry.referrers("suite/nobody", subject, artifact_type="", last="", count=9).items == []
        registry.delete_manifest(NAME, made[0])
        assert len(registry.referrers(NAME, subject, artifact_type="", last="", count=9).items) == 2

    def test_the_subject_may_come_later_and_is_told_of(self, registry: Registry) -> None:
        for each in (b"{}", b"layer"):
            blob(registry, NAME, each)
        raw = manifest(b"{}", [b"layer"], MISSING)
        assert registry.put_manifest(NAME, "1", raw, OCI_MANIFEST).subject == MISSING

    def test_what_something_names_is_not_deleted(self, registry: Registry) -> None:
        child = image(registry, NAME, "child")
        whole = index(registry, NAME, "1", [child])
        with pytest.raises(WireError) as caught:
            registry.delete_blob(NAME, Digest.of(b"layer"))
        assert code(caught) == ("DENIED", 405)
        with pytest.raises(WireError) as caught:
            registry.delete_manifest(NAME, str(child))
        assert code(caught) == ("DENIED", 405)
        registry.delete_manifest(NAME, str(whole))
        registry.delete_manifest(NAME, str(child))
        registry.delete_blob(NAME, Digest.of(b"layer"))
        with pytest.raises(WireError):
            registry.blob(NAME, Digest.of(b"layer"))

    def test_a_tag_goes_only_while_it_is_what_was_expected_whoever_moves_it(self, registry: Registry) -> None:
        one, other = image(registry, NAME, "1", note="one"), image(registry, NAME, "2", note="other")
        raw = {each: registry.manifest(NAME, str(each)).raw for each in (one, other)}

        def tried(work: Callable[[], object]) -> bool:
            try:
                work()
            except WireError as error:
                statuses.add(error.code.status)
                return False
            return True

        statuses: set[int] = set()
        for _ in range(15):
            registry.put_manifest(NAME, "moving", raw[one], OCI_MANIFEST)
            works = (
                lambda: registry.delete_manifest(NAME, "moving", str(one)),
                lambda: registry.put_manifest(NAME, "moving", raw[other], OCI_MANIFEST, (), str(one)),
            )
            with ThreadPoolExecutor(2) as pool:
                gone, moved = pool.map(tried, works)
            assert gone != moved
            if moved:
                assert registry.manifest(NAME, "moving").digest == other
        assert statuses == {412}
        with pytest.raises(WireError) as caught:
            registry.delete_manifest(NAME, str(one), str(other))
        assert caught.value.code.status == 412
        registry.delete_manifest(NAME, str(one), f"{other},{one}")
        registry.delete_manifest(NAME, "2", "*")

    def test_many_push_the_same_at_once(self, registry: Registry) -> None:
        failures: list[Exception] = []

        def push(number: int) -> None:
            try:
                image(registry, f"suite/{number % 2}", "1", [b"same" * 10_000])
            except Exception as error:  # noqa: BLE001 (any failure counts)
                failures.append(error)

        threads = [threading.Thread(target=push, args=(number,)) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert failures == []
        digest = registry.manifest("suite/0", "1").digest
        assert registry.manifest("suite/1", "1").digest == digest
        assert content(registry.blob("suite/0", Digest.of(b"same" * 10_000))) == b"same" * 10_000
