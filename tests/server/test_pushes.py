"""The short way of uploads: what is answered is what the long way answers, and nothing else goes it."""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from dockyard.errors import DiskFullError
from dockyard.oci.digest import Digest
from dockyard.registry.app.body import Came, Ended
from dockyard.registry.app.call import Message, Scope
from dockyard.server.instance import Instance, open_instance
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.projects import PROJECT
from dockyard.server.settings import Settings
from making.asgi import Answer, call

NAME = "shop/web"
UPLOADS = f"/v2/{NAME}/blobs/uploads/"
DATA = b"a layer" * 20_000
DIGEST = Digest.of(DATA)
LENGTH = (b"content-length", str(len(DATA)).encode())


class Told:
    """A request whose body is told piece by piece (`app.body.Exchange`)."""

    def __init__(self, method: str, target: str, *headers: tuple[bytes, bytes]) -> None:
        path, _, query = target.partition("?")
        self.scope: Scope = {"type": "http", "method": method, "path": path, "scheme": "http"}
        self.scope.update(query_string=query.encode(), headers=list(headers), client=("127.0.0.1", "1"))
        self.sent: list[Any] = []
        self.came: Came | None = None
        self.ended = threading.Event()
        self.going = threading.Event()

    def put(self, message: Message) -> None:
        self.sent.append(message)

    def receive(self, came: Came) -> None:
        self.came = came

    def go_on(self) -> None:
        self.going.set()

    def end(self) -> None:
        assert not self.ended.is_set()
        self.ended.set()

    @property
    def answer(self) -> Answer:
        start, body = self.sent
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], found, body["body"])


def opened(folder: Path) -> Instance:
    instance = open_instance(Settings(storage=str(folder / "registry")))
    instance.access.keeper._fresh = 3600.0  # else callers are unknown once a second, and go the long way
    assert call(instance.app, "GET", "/v2/").status == 200
    return instance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = opened(tmp_path)
    yield instance
    instance.close()


def said(instance: Instance, told: Told, pieces: Sequence[bytes] = (), how: Ended = "whole") -> Answer:
    assert instance.app.prompt(told)
    if told.came is not None:
        assert not told.sent
        for piece in pieces:
            told.going.clear()
            if not told.came(piece, None):
                while not told.going.wait(0.01) and not told.ended.is_set():
                    continue
            if told.ended.is_set():
                return told.answer
        told.came(b"", how)
        assert told.ended.wait(20)
    return told.answer


def begun(instance: Instance) -> str:
    return said(instance, Told("POST", UPLOADS, (b"content-length", b"0"))).headers["location"]


def put(instance: Instance, where: str, data: bytes = DATA, digest: Digest = DIGEST, how: Ended = "whole") -> Answer:
    length = (b"content-length", str(len(DATA)).encode())
    return said(instance, Told("PUT", f"{where}?digest={digest}", length), [data[:1000], data[1000:]], how)


def names(answer: Answer) -> set[str]:
    return set(answer.headers)


def test_a_blob_is_pushed_and_every_answer_is_as_on_the_long_way(instance: Instance) -> None:
    usual = call(instance.app, "POST", UPLOADS)
    told = Told("POST", UPLOADS, (b"content-length", b"0"))
    answer = said(instance, told)
    assert (answer.status, names(answer), answer.body) == (usual.status, names(usual), usual.body)
    assert answer.headers["range"] == usual.headers["range"] == "0-0"
    assert len(answer.headers["location"]) == len(usual.headers["location"])
    made = put(instance, answer.headers["location"])
    other = b"another layer"
    long = call(instance.app, "PUT", f"{usual.headers['location']}?digest={Digest.of(other)}", other)
    assert (made.status, names(made)) == (long.status, names(long))
    assert made.headers["location"] == f"/v2/{NAME}/blobs/{DIGEST}"
    assert call(instance.app, "GET", f"/v2/{NAME}/blobs/{DIGEST}").body == DATA
    assert call(instance.app, "GET", answer.headers["location"]).status == 404, "the upload has ended"


def test_one_request_that_has_all_is_enough(instance: Instance) -> None:
    answer = said(instance, Told("POST", f"{UPLOADS}?digest=sha256%3A{DIGEST.hex}", LENGTH), [DATA])
    assert answer.status == 201
    assert call(instance.app, "GET", f"/v2/{NAME}/blobs/{DIGEST}").body == DATA


def test_what_was_begun_at_once_goes_on_the_long_way_too(instance: Instance) -> None:
    where = begun(instance)
    assert call(instance.app, "GET", where).status == 204
    assert call(instance.app, "PATCH", where, DATA[:5]).status == 202
    assert call(instance.app, "PUT", f"{where}?digest={DIGEST}", DATA[5:]).status == 201
    where = begun(instance)
    assert call(instance.app, "DELETE", where).status == 204
    assert call(instance.app, "GET", where).status == 404
    assert put(instance, where).codes == ["BLOB_UPLOAD_UNKNOWN"]


def test_another_process_ends_what_this_one_has_begun(instance: Instance, tmp_path: Path) -> None:
    where = begun(instance)
    other = opened(tmp_path)
    try:
        assert put(other, where).status == 201
    finally:
        other.close()
    assert call(instance.app, "GET", f"/v2/{NAME}/blobs/{DIGEST}").body == DATA
    assert call(instance.app, "GET", where).status == 404


def test_other_bytes_than_the_digest_says_are_refused_and_leave_nothing(instance: Instance, tmp_path: Path) -> None:
    where = begun(instance)
    answer = put(instance, where, DATA[:-1] + b"x")
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert call(instance.app, "GET", where).status == 404
    assert not list((tmp_path / "registry" / "uploads").iterdir())
    assert call(instance.app, "HEAD", f"/v2/{NAME}/blobs/{DIGEST}").status == 404


@pytest.mark.parametrize(("how", "code"), [("slow", 408), ("gone", 400)])
def test_of_a_body_that_does_not_end_what_came_counts(instance: Instance, how: Ended, code: int) -> None:
    where = begun(instance)
    assert put(instance, where, DATA[:5000], how=how).status == code
    state = call(instance.app, "GET", where)
    assert state.headers["range"] == "0-4999"
    assert call(instance.app, "PUT", f"{where}?digest={DIGEST}", DATA[5000:]).status == 201


def test_a_quota_holds_and_its_refusal_is_noted_with_its_caller(instance: Instance) -> None:
    assert put(instance, begun(instance)).status == 201
    instance.database.write(lambda connection: connection.execute(update(PROJECT).values(quota=len(DATA) + 5)).rowcount)
    other = b"more than five bytes" * 10
    length = (b"content-length", str(len(other)).encode())
    answer = said(instance, Told("PUT", f"{begun(instance)}?digest={Digest.of(other)}", length), [other])
    assert (answer.status, answer.codes) == (403, ["DENIED"])
    assert call(instance.app, "HEAD", f"/v2/{NAME}/blobs/{Digest.of(other)}").status == 404
    with instance.database.read() as connection:
        row = connection.execute(select(EVENT).where(EVENT.c.kind == "push.refused")).mappings().one()
    assert row["actor"] == "anonymous"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", "{upload}", [LENGTH]),
        ("PUT", "{upload}?digest=sha256:abc", [LENGTH]),
        ("PUT", "{upload}?digest={digest}&x=1", [LENGTH]),
        ("PUT", "{upload}?digest={digest}", [(b"content-length", b"1e3")]),
        ("PUT", "{upload}?digest={digest}", [LENGTH, (b"content-range", b"0-139999")]),
        ("PUT", "{upload}?digest={digest}", [LENGTH, (b"expect", b"100-continue")]),
        ("PUT", "{upload}?digest={digest}", [(b"content-length", b"9" * 5000)]),
        ("PATCH", "{upload}?x=1", [LENGTH]),
        ("PATCH", "{upload}", [LENGTH, (b"content-range", b"0-139999")]),
        ("POST", UPLOADS + "?digest={digest}", [(b"content-length", b"1048577")]),
        ("POST", UPLOADS, [(b"transfer-encoding", b"chunked")]),
        ("PUT", f"/v2/{NAME}/manifests/1", [LENGTH]),
        ("POST", UPLOADS, [LENGTH]),
        ("POST", UPLOADS + "?mount={digest}&from=shop/other", [(b"content-length", b"0")]),
        ("POST", UPLOADS + "?ns=docker.io", [(b"content-length", b"0")]),
        ("POST", "/v2/Shop/web/blobs/uploads/", [(b"content-length", b"0")]),
        ("DELETE", "{upload}", []),
    ],
)
def test_whatever_is_not_plain_goes_the_long_way_untouched(
    instance: Instance, method: str, target: str, headers: list[tuple[bytes, bytes]]
) -> None:
    where = begun(instance)
    told = Told(method, target.format(upload=where, digest=DIGEST), *headers)
    assert not instance.app.prompt(told)
    assert (told.sent, told.came, told.ended.is_set()) == ([], None, False)
    assert call(instance.app, "GET", where).status == 204


def test_requests_are_counted_and_none_stays_under_way(instance: Instance) -> None:
    put(instance, begun(instance))
    counts = instance.measuring.counts
    assert counts.counts["requests", "uploads", "POST", "202"] == 1
    assert counts.counts["requests", "upload", "PUT", "201"] == 1
    assert counts.counts["received_bytes", "upload"] == len(DATA)
    assert counts.levels["requests_under_way",] == counts.levels["uploads_under_way",] == 0


LARGE = os.urandom(5 << 20) + b"its end"
LARGE_DIGEST = Digest.of(LARGE)
CHUNKED = (b"transfer-encoding", b"chunked")


def parts(data: bytes, size: int = 700_000) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_a_large_blob_is_taken_batch_by_batch(instance: Instance, tmp_path: Path) -> None:
    length = (b"content-length", str(len(LARGE)).encode())
    answer = said(instance, Told("PUT", f"{begun(instance)}?digest={LARGE_DIGEST}", length), parts(LARGE))
    assert (answer.status, answer.headers["location"]) == (201, f"/v2/{NAME}/blobs/{LARGE_DIGEST}")
    assert call(instance.app, "GET", answer.headers["location"]).body == LARGE
    assert not list((tmp_path / "registry" / "uploads").iterdir())


@pytest.mark.parametrize("data", [LARGE, DATA])
def test_a_stream_of_unknown_length_is_ended_by_a_request_without_a_body(instance: Instance, data: bytes) -> None:
    where, digest = begun(instance), Digest.of(data)
    usual = call(instance.app, "PATCH", call(instance.app, "POST", UPLOADS).headers["location"], data)
    first = said(instance, Told("PATCH", where, CHUNKED), parts(data[:100_000]))
    assert first.headers["range"] == "0-99999"
    answer = said(instance, Told("PATCH", where, CHUNKED), parts(data[100_000:]))
    assert (answer.status, names(answer)) == (usual.status, names(usual))
    assert (answer.headers["range"], answer.headers["location"]) == (f"0-{len(data) - 1}", where)
    ended = said(instance, Told("PUT", f"{where}?digest={digest}", (b"content-length", b"0")))
    assert ended.status == 201
    assert call(instance.app, "GET", f"/v2/{NAME}/blobs/{digest}").body == data


@pytest.mark.parametrize("data", [LARGE, DATA])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_upload_that_is_not_known_is_refused(instance: Instance, method: str, data: bytes) -> None:
    target = f"{UPLOADS}{'0' * 32}" + ("" if method == "PATCH" else f"?digest={Digest.of(data)}")
    answer = said(instance, Told(method, target, CHUNKED), parts(data))
    assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_UNKNOWN"])


def test_a_large_blob_of_another_digest_is_refused_and_leaves_nothing(instance: Instance, tmp_path: Path) -> None:
    where = begun(instance)
    answer = said(instance, Told("PUT", f"{where}?digest={DIGEST}", CHUNKED), parts(LARGE))
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert not list((tmp_path / "registry" / "uploads").iterdir())


@pytest.mark.parametrize(("how", "code"), [("slow", 408), ("gone", 400)])
def test_of_a_large_body_that_does_not_end_what_came_counts(instance: Instance, how: Ended, code: int) -> None:
    where = begun(instance)
    assert said(instance, Told("PATCH", where, CHUNKED), parts(LARGE[:3_000_000]), how).status == code
    assert call(instance.app, "GET", where).headers["range"] == "0-2999999"
    ended = said(instance, Told("PUT", f"{where}?digest={LARGE_DIGEST}", CHUNKED), parts(LARGE[3_000_000:]))
    assert ended.status == 201


def test_where_the_disk_is_full_the_upload_gives_its_room_back(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = begun(instance)

    def full(*values: Any) -> None:
        raise DiskFullError("no room")

    assert said(instance, Told("PATCH", where, CHUNKED), parts(LARGE[:2_000_000])).status == 202
    monkeypatch.setattr(instance.registry, "append", full)
    assert said(instance, Told("PATCH", where, CHUNKED), parts(LARGE[2_000_000:])).status == 507
    monkeypatch.undo()
    assert call(instance.app, "GET", where).status == 404


def test_more_than_two_batches_are_never_held(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is taken and the next is there, the client waits."""
    taking, on = threading.Event(), threading.Event()
    append = instance.registry.append

    def slowly(*values: Any) -> None:
        taking.set()
        assert on.wait(20)
        append(*values)

    monkeypatch.setattr(instance.registry, "append", slowly)
    told = Told("PATCH", begun(instance), CHUNKED)
    assert instance.app.prompt(told)
    assert told.came is not None
    assert told.came(LARGE[: 1 << 20], None)
    assert taking.wait(20)
    assert told.came(LARGE[1 << 20 : 2_000_000], None)
    assert not told.came(LARGE[2_000_000:3_000_000], None)
    assert not told.going.is_set()
    on.set()
    assert told.going.wait(20)
    told.came(LARGE[3_000_000:], "whole")
    assert told.ended.wait(20)
    assert told.answer.headers["range"] == f"0-{len(LARGE) - 1}"
