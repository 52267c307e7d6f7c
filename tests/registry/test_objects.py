"""Blobs in object storage: a real S3 server on loopback, one that throttles, and several replicas on one bucket."""

import hashlib
import http.server
import random
import threading
import time
import urllib.request
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from dockyard.oci.digest import Digest
from dockyard.registry.interface import WireError
from dockyard.registry.objects import ObjectBlobs, ObjectStorageError
from dockyard.registry.objects_open import ObjectStorageAddressError, open_objects
from dockyard.server.instance import open_instance
from dockyard.server.settings import Objects, Settings
from dockyard.server.stored.verify import verify
from making.objects import KEYS, Moto, Throttling, moto

pytestmark = pytest.mark.slow

_NUMBERS = count()
_MIB = 1 << 20


@pytest.fixture(scope="module")
def server() -> Iterator[Moto]:
    with moto() as server:
        yield server


@pytest.fixture
def address(server: Moto) -> str:
    return server.url(f"bucket-{next(_NUMBERS)}")


def replica(address: str, redirect: int = 0, tries: int = 8) -> ObjectBlobs:
    return ObjectBlobs(open_objects(address, KEYS, tries=tries), redirect=redirect)


def body(blobs: ObjectBlobs, upload: str, data: bytes) -> None:
    """One request's body, in pieces as the application gives them."""
    for at in range(0, len(data), _MIB):
        blobs.append(upload, data[at : at + _MIB])
    blobs.append(upload, b"")


def push(blobs: ObjectBlobs, data: bytes) -> Digest:
    upload, digest = blobs.begin("sha256"), Digest.of(data)
    body(blobs, upload, data)
    assert blobs.seal(upload, digest) == len(data)
    blobs.publish(upload, digest)
    blobs.cancel(upload)
    return digest


def some(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_an_object_knows_how_long_it_has_been_there(address: str) -> None:
    blobs = replica(address)
    digest = push(blobs, b"young")
    time.sleep(1)
    age = blobs.age(digest)
    assert age is not None
    assert 0.5 < age < 60
    assert blobs.age(Digest.of(b"absent")) is None


def test_what_an_upload_has_just_written_is_no_orphan_until_the_grace_period_is_over(
    address: str, tmp_path: Path
) -> None:
    for grace, kinds in ((60, []), (0, ["orphan-file"])):
        made = Settings(storage=address, folder=str(tmp_path), grace=grace, objects=Objects(options=KEYS))
        instance = open_instance(made)
        try:
            push(replica(address), b"written, and not committed yet")
            assert [each.kind for each in verify(instance.registry.holdings).leftovers] == kinds
        finally:
            instance.close()


@pytest.mark.parametrize("size", [0, 1, _MIB, 21 * _MIB + 7])
def test_what_was_pushed_is_read_in_whole_and_in_part(address: str, size: int) -> None:
    blobs, data = replica(address), some(size)
    digest = push(blobs, data)
    assert blobs.exists(digest)
    assert b"".join(blobs.read(digest, 0, size)) == data
    assert b"".join(blobs.read(digest, size // 2, size // 3)) == data[size // 2 : size // 2 + size // 3]
    assert all(len(piece) <= _MIB for piece in blobs.read(digest, 0, size))
    assert list(blobs.walk()) == [(digest, size)]
    assert blobs.sweep(-60) == 0  # no upload is left
    blobs.remove([digest])
    blobs.remove([digest])
    assert not blobs.exists(digest)
    with pytest.raises(WireError, match="BLOB_UNKNOWN"):
        list(blobs.read(digest, 0, 1))


def test_every_request_of_an_upload_may_reach_another_replica(address: str) -> None:
    replicas = [replica(address) for _ in range(3)]
    data = some(9 * _MIB + 5)
    upload = replicas[0].begin("sha256")
    pieces = [data[at : at + 3 * _MIB] for at in range(0, len(data), 3 * _MIB)]
    arrived = 0
    for number, piece in enumerate(pieces):
        there = replicas[(number * 2) % 3]
        assert there.received(upload) == arrived
        body(there, upload, piece)
        arrived += len(piece)
    digest = Digest.of(data)
    assert replicas[1].seal(upload, digest) == len(data)
    replicas[1].publish(upload, digest)
    replicas[1].cancel(upload)
    assert b"".join(replicas[2].read(digest, 0, len(data))) == data
    for each in replicas:
        with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
            each.received(upload)


def test_the_replica_that_began_an_upload_knows_what_another_took_first(address: str) -> None:
    first, second = replica(address), replica(address)
    upload = first.begin("sha256")
    body(second, upload, b"one ")
    body(first, upload, b"two ")
    assert second.received(upload) == first.received(upload) == 8
    digest = Digest.of(b"one two three")
    assert first.seal(upload, digest, [b"three"]) == 13
    first.publish(upload, digest)
    assert b"".join(second.read(digest, 0, 13)) == b"one two three"


def test_a_replica_that_went_away_takes_with_it_only_the_body_under_way(address: str) -> None:
    first, second = replica(address), replica(address)
    upload = first.begin("sha256")
    body(first, upload, b"whole")
    first.append(upload, b"never ended")
    del first
    assert second.received(upload) == 5
    body(second, upload, b" and more")
    digest = Digest.of(b"whole and more")
    second.seal(upload, digest)
    second.publish(upload, digest)
    assert b"".join(second.read(digest, 0, 14)) == b"whole and more"


def test_two_bodies_at_the_same_offset_never_make_a_mixture(address: str) -> None:
    first, second = replica(address), replica(address)
    upload = first.begin("sha256")
    first.append(upload, b"one")
    second.append(upload, b"another")
    first.append(upload, b"")
    second.append(upload, b"")
    arrived = first.received(upload)
    assert arrived in (3, 7)
    digest = Digest.of(b"one" if arrived == 3 else b"another")
    assert second.seal(upload, digest) == arrived


def test_the_wrong_digest_is_refused_and_the_upload_forgotten(address: str) -> None:
    blobs = replica(address)
    upload = blobs.begin("sha256")
    body(blobs, upload, b"something")
    with pytest.raises(WireError, match="DIGEST_INVALID"):
        blobs.seal(upload, Digest.of(b"something else"))
    with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
        blobs.received(upload)
    for each in ("0" * 32, "../blobs", ""):
        with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
            blobs.received(each)


def test_the_algorithm_may_turn_out_to_be_another(address: str) -> None:
    blobs = replica(address)
    upload = blobs.begin("sha256")
    body(blobs, upload, b"content")
    digest = Digest("sha512", hashlib.sha512(b"content").hexdigest())
    blobs.seal(upload, digest)
    blobs.publish(upload, digest)
    assert blobs.exists(digest)


def test_publishing_writes_a_blob_that_was_removed_since_it_was_sealed(address: str) -> None:
    blobs = replica(address)
    digest = push(blobs, b"content")
    upload = blobs.begin("sha256")
    body(blobs, upload, b"content")
    blobs.seal(upload, digest)
    blobs.remove([digest])
    blobs.publish(upload, digest)
    blobs.publish(upload, digest)  # a transaction that lost a race is run again
    assert b"".join(blobs.read(digest, 0, 7)) == b"content"


def test_old_uploads_are_swept_and_young_ones_kept(address: str) -> None:
    blobs = replica(address)
    upload = blobs.begin("sha256")
    body(blobs, upload, b"content")
    assert blobs.sweep(60) == 0
    assert blobs.received(upload) == 7
    assert blobs.sweep(-60) == 1
    with pytest.raises(WireError, match="BLOB_UPLOAD_UNKNOWN"):
        blobs.received(upload)


def test_a_signed_url_gives_the_blob_to_anybody(address: str) -> None:
    blobs = replica(address, redirect=60)
    digest = push(blobs, b"for everybody")
    place = blobs.place(digest, 13)
    assert place.url.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(place.url, timeout=10) as answer:
        assert answer.read() == b"for everybody"


def test_what_is_throttled_is_tried_again(server: Moto) -> None:
    front = Throttling(server.port, each=3)
    try:
        blobs = replica(server.url("throttled", front.endpoint))
        data = some(20 * _MIB)
        for size in (1, 5 * _MIB, 20 * _MIB):
            digest = push(blobs, data[:size])
            assert b"".join(blobs.read(digest, 0, size)) == data[:size]
        assert front.refused >= 5
    finally:
        front.close()


def test_a_storage_that_always_throttles_is_an_error_and_what_arrived_before_stays(server: Moto) -> None:
    front = Throttling(server.port, each=10**9)
    try:
        blobs = replica(server.url("closed", front.endpoint), tries=1)
        upload = blobs.begin("sha256")
        body(blobs, upload, b"before")
        front.closed = True
        with pytest.raises(ObjectStorageError, match=r"SlowDown|503"):
            body(blobs, upload, some(20 * _MIB))
        front.closed = False
        assert blobs.received(upload) == 6
        body(blobs, upload, b" after")
        digest = Digest.of(b"before after")
        blobs.seal(upload, digest)
        blobs.publish(upload, digest)
        assert blobs.exists(digest)
    finally:
        front.close()


def test_no_more_bodies_are_taken_at_once_than_memory_has_room_for(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockyard.registry.objects._MOST_BODIES", 3)
    blobs = replica(address)
    uploads = [blobs.begin("sha256") for _ in range(4)]
    for each in uploads[:3]:
        blobs.append(each, b"x")
    with pytest.raises(WireError, match="TOOMANYREQUESTS") as caught:
        blobs.append(uploads[3], b"x")
    assert caught.value.headers == {"retry-after": "5"}
    blobs.append(uploads[0], b"")
    body(blobs, uploads[3], b"x")
    assert blobs.received(uploads[3]) == 1


@pytest.mark.parametrize(
    "address", ["ftp://x/y", "s3://", "s3:bucket", "s3://bucket?no-such-option=1", "s3://[bad", ""]
)
def test_an_address_of_no_known_form_is_refused(address: str) -> None:
    with pytest.raises(ObjectStorageAddressError):
        open_objects(address, KEYS)


def test_many_objects_are_removed_with_one_request(server: Moto) -> None:
    front = Throttling(server.port, 10**9)
    try:
        blobs = replica(server.url(f"bucket-{next(_NUMBERS)}", front.endpoint))
        digests = [push(blobs, b"%d" % number) for number in range(30)]
        front.count = 0
        blobs.remove([*digests, Digest.of(b"never there")])
        assert front.count == 1
        assert not any(blobs.exists(each) for each in digests)
    finally:
        front.close()


def test_what_is_damaged_gives_way_to_the_next_push_or_is_set_aside(address: str) -> None:
    blobs, data = replica(address), some(1000)
    digest = push(blobs, data)
    store = open_objects(address, KEYS)
    path = f"blobs/sha256/{digest.hex[:2]}/{digest.hex}"
    store.put(path, data[:500])
    assert (blobs.exists(digest), blobs.exists(digest, 1000)) == (True, False)
    push(blobs, data)
    assert b"".join(blobs.read(digest, 0, 1000)) == data
    blobs.set_aside(digest)
    blobs.set_aside(digest)
    assert not blobs.exists(digest)
    assert bytes(store.get(f"damaged/sha256-{digest.hex}").bytes()) == data
    push(blobs, data)
    assert blobs.exists(digest, 1000)


_GOOGLE = '{"gcs_base_url":"","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}'


@pytest.mark.parametrize(
    ("form", "options", "path"),
    [
        # What an emulator of each is given; a real one is called the same way, but for the host.
        ("gs://bucket/pre?endpoint={}", {"service_account_key": _GOOGLE}, "/bucket/pre%2Fuploads%2F{}%2Fbegun"),
        (
            "az://bucket/pre?endpoint={}/account",
            {"account_name": "account", "account_key": "c2VjcmV0"},
            "/account/bucket/pre/uploads/{}/begun",
        ),
        ("s3://bucket/pre?endpoint={}", KEYS, "/bucket/pre/uploads/{}/begun"),
    ],
)
def test_each_service_is_called_at_its_endpoint_under_the_prefix(form: str, options: dict[str, str], path: str) -> None:
    seen: list[tuple[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers.get("Authorization", "")))
            self.send_response(201)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            endpoint = f"http://127.0.0.1:{listener.server_port}"
            upload = ObjectBlobs(open_objects(form.format(endpoint), options, tries=0)).begin("sha256")
        finally:
            listener.shutdown()
            thread.join()
    ((asked, authorization),) = seen
    assert asked == path.format(upload)
    assert authorization.startswith(("SharedKey account:", "AWS4-HMAC-SHA256")) or form.startswith("gs:")
