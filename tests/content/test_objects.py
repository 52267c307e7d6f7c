"""Object storage behind the roles, against a real S3 server on loopback."""

import io
import time
from collections.abc import Iterator

import pytest

from dockyard.content.copy import copy
from dockyard.content.layout import Layout
from dockyard.content.memory import Memory
from dockyard.content.objects import Bucket, Objects, ObjectsUnreachableError, s3, spread
from dockyard.content.store import ContentNotFoundError, DigestMismatchError, read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from making.buckets import served
from making.images import synthesize

pytestmark = pytest.mark.slow  # the server alone takes a second to load


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with served("blobs-and-names") as found:
        yield found


def described(data: bytes) -> Descriptor:
    return Descriptor("application/octet-stream", Digest.of(data), len(data))


def test_a_blob_comes_back_as_it_went(bucket: Bucket) -> None:
    objects = Objects(s3(bucket), blobs="one/blobs/")
    data = bytes(range(256)) * 60_000  # more than one part of an upload, more than one piece of a download
    assert not objects.exists(described(data))
    objects.put(described(data), io.BytesIO(data))
    assert objects.exists(described(data))
    with objects.open(described(data)) as stream:
        assert stream.read() == data


def test_bytes_that_are_not_those_named_do_not_become_visible(bucket: Bucket) -> None:
    objects = Objects(s3(bucket), blobs="two/blobs/")
    for data in (b"these bytes", bytes(20 << 20)):  # in one request, and in parts
        wanted = described(data)
        with pytest.raises(DigestMismatchError):
            objects.put(wanted, io.BytesIO(data[:-1] + b"!"))
        assert not objects.exists(wanted)


def test_damage_in_the_bucket_shows_when_it_is_read(bucket: Bucket) -> None:
    objects = Objects(s3(bucket), blobs="three/blobs/", names="three/blobs/")
    wanted = described(b"these bytes")
    objects.name(str(wanted.digest), b"other bytes")
    with pytest.raises(DigestMismatchError), objects.open(wanted) as stream:
        stream.read()


def test_what_is_not_there_is_told(bucket: Bucket) -> None:
    objects = Objects(s3(bucket))
    with pytest.raises(ContentNotFoundError):
        objects.open(described(b"nothing"))
    with pytest.raises(ContentNotFoundError):
        objects.named("nothing")


def test_an_image_travels_through_a_bucket(bucket: Bucket, tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    here, there = Layout(tmp_path / "here", create=True), Layout(tmp_path / "there", create=True)
    image = synthesize(here)
    objects = Objects(s3(bucket), blobs="four/")
    spread(here, objects, image.descriptor)
    copy(objects, there, image.descriptor)
    assert read(there, image.descriptor) == read(here, image.descriptor)


@pytest.mark.slow
def test_what_is_used_is_stored_anew_before_it_is_too_old(bucket: Bucket) -> None:
    """So that a rule of the bucket's which deletes what is old leaves it; S3's clock counts whole seconds."""
    data = described(b"used again")
    young = Objects(s3(bucket), blobs="touched/", refresh=3600)
    young.put(data, io.BytesIO(b"used again"))
    first = s3(bucket).head(f"touched/{data.digest}")["last_modified"]
    time.sleep(1.1)
    assert young.exists(data)
    old = Objects(s3(bucket), blobs="touched/", refresh=0.5)
    assert not old.exists(data)
    store = Memory()
    store.put(data, io.BytesIO(b"used again"))
    copy(store, old, data)
    assert s3(bucket).head(f"touched/{data.digest}")["last_modified"] > first


def test_no_answer_is_no_content(bucket: Bucket) -> None:
    silent = Bucket("b", endpoint="http://127.0.0.1:9", access_key="a", secret_key="b")
    with pytest.raises(ObjectsUnreachableError):
        Objects(s3(silent)).named("x")


def test_credentials_stand_in_no_repr() -> None:
    assert "very-secret" not in repr(Bucket("b", secret_key="very-secret"))
