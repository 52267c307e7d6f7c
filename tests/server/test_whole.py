"""The short way of small uploads: what is answered is what the long way answers, and nothing else goes it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from dockyard.oci.digest import Digest
from dockyard.registry.app.call import Message, Scope
from dockyard.server.house import House, open_house
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
    """A request whose body is told piece by piece (`app.whole.Exchange`)."""

    def __init__(self, method: str, target: str, *headers: tuple[bytes, bytes]) -> None:
        path, _, query = target.partition("?")
        self.scope: Scope = {"type": "http", "method": method, "path": path, "scheme": "http"}
        self.scope.update(query_string=query.encode(), headers=list(headers), client=("127.0.0.1", "1"))
        self.sent: list[Any] = []
        self.then: Callable[[list[bytes], Any], None] | None = None
        self.ended = threading.Event()

    def put(self, message: Message) -> None:
        self.sent.append(message)

    def gather(self, then: Callable[[list[bytes], Any], None]) -> None:
        self.then = then

    def end(self) -> None:
        assert not self.ended.is_set()
        self.ended.set()

    @property
    def answer(self) -> Answer:
        start, body = self.sent
        found = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], found, body["body"])


def opened(folder: Path) -> House:
    house = open_house(Settings(storage=str(folder / "registry")))
    house.access.keeper._fresh = 3600.0  # else callers are unknown once a second, and go the long way
    assert call(house.app, "GET", "/v2/").status == 200
    return house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = opened(tmp_path)
    yield house
    house.close()


def said(house: House, told: Told, pieces: Sequence[bytes] = (), how: str = "whole") -> Answer:
    assert house.app.prompt(told)
    if told.then is not None:
        assert not told.sent
        told.then(list(pieces), how)
        assert told.ended.wait(20)
    return told.answer


def begun(house: House) -> str:
    return said(house, Told("POST", UPLOADS, (b"content-length", b"0"))).headers["location"]


def put(house: House, where: str, data: bytes = DATA, digest: Digest = DIGEST, how: str = "whole") -> Answer:
    length = (b"content-length", str(len(DATA)).encode())
    return said(house, Told("PUT", f"{where}?digest={digest}", length), [data[:1000], data[1000:]], how)


def names(answer: Answer) -> set[str]:
    return set(answer.headers)


def test_a_blob_is_pushed_and_every_answer_is_as_on_the_long_way(house: House) -> None:
    usual = call(house.app, "POST", UPLOADS)
    told = Told("POST", UPLOADS, (b"content-length", b"0"))
    answer = said(house, told)
    assert (answer.status, names(answer), answer.body) == (usual.status, names(usual), usual.body)
    assert answer.headers["range"] == usual.headers["range"] == "0-0"
    assert len(answer.headers["location"]) == len(usual.headers["location"])
    made = put(house, answer.headers["location"])
    other = b"another layer"
    long = call(house.app, "PUT", f"{usual.headers['location']}?digest={Digest.of(other)}", other)
    assert (made.status, names(made)) == (long.status, names(long))
    assert made.headers["location"] == f"/v2/{NAME}/blobs/{DIGEST}"
    assert call(house.app, "GET", f"/v2/{NAME}/blobs/{DIGEST}").body == DATA
    assert call(house.app, "GET", answer.headers["location"]).status == 404, "the upload has ended"


def test_one_request_that_has_all_is_enough(house: House) -> None:
    answer = said(house, Told("POST", f"{UPLOADS}?digest=sha256%3A{DIGEST.hex}", LENGTH), [DATA])
    assert answer.status == 201
    assert call(house.app, "GET", f"/v2/{NAME}/blobs/{DIGEST}").body == DATA


def test_what_was_begun_at_once_goes_on_the_long_way_too(house: House) -> None:
    where = begun(house)
    assert call(house.app, "GET", where).status == 204
    assert call(house.app, "PATCH", where, DATA[:5]).status == 202
    assert not house.app.prompt(Told("PUT", f"{where}?digest={DIGEST}", LENGTH)), "it has bytes by now"
    assert call(house.app, "PUT", f"{where}?digest={DIGEST}", DATA[5:]).status == 201
    where = begun(house)
    assert call(house.app, "DELETE", where).status == 204
    assert call(house.app, "GET", where).status == 404
    assert not house.app.prompt(Told("PUT", f"{where}?digest={DIGEST}", LENGTH))


def test_another_process_ends_what_this_one_has_begun(house: House, tmp_path: Path) -> None:
    where = begun(house)
    other = opened(tmp_path)
    try:
        assert put(other, where).status == 201
    finally:
        other.close()
    assert call(house.app, "GET", f"/v2/{NAME}/blobs/{DIGEST}").body == DATA
    assert call(house.app, "GET", where).status == 404


def test_other_bytes_than_the_digest_says_are_refused_and_leave_nothing(house: House, tmp_path: Path) -> None:
    where = begun(house)
    answer = put(house, where, DATA[:-1] + b"x")
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert call(house.app, "GET", where).status == 404
    assert not list((tmp_path / "registry" / "uploads").iterdir())
    assert call(house.app, "HEAD", f"/v2/{NAME}/blobs/{DIGEST}").status == 404


@pytest.mark.parametrize(("how", "code"), [("slow", 408), ("gone", 400)])
def test_of_a_body_that_does_not_end_what_came_counts(house: House, how: str, code: int) -> None:
    where = begun(house)
    assert put(house, where, DATA[:5000], how=how).status == code
    state = call(house.app, "GET", where)
    assert state.headers["range"] == "0-4999"
    assert call(house.app, "PUT", f"{where}?digest={DIGEST}", DATA[5000:]).status == 201


def test_a_quota_holds_and_its_refusal_is_noted_with_its_caller(house: House) -> None:
    assert put(house, begun(house)).status == 201
    house.database.write(lambda connection: connection.execute(update(PROJECT).values(quota=len(DATA) + 5)).rowcount)
    other = b"more than five bytes" * 10
    length = (b"content-length", str(len(other)).encode())
    answer = said(house, Told("PUT", f"{begun(house)}?digest={Digest.of(other)}", length), [other])
    assert (answer.status, answer.codes) == (403, ["DENIED"])
    assert call(house.app, "HEAD", f"/v2/{NAME}/blobs/{Digest.of(other)}").status == 404
    with house.database.read() as connection:
        row = connection.execute(select(EVENT).where(EVENT.c.kind == "push.refused")).mappings().one()
    assert row["actor"] == "anonymous"


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PUT", "{upload}", [LENGTH]),
        ("PUT", "{upload}?digest=sha256:abc", [LENGTH]),
        ("PUT", "{upload}?digest={digest}&x=1", [LENGTH]),
        ("PUT", "{upload}?digest={digest}", []),
        ("PUT", "{upload}?digest={digest}", [(b"content-length", b"0")]),
        ("PUT", "{upload}?digest={digest}", [(b"content-length", b"1048577")]),
        ("PUT", "{upload}?digest={digest}", [(b"content-length", b"1e3")]),
        ("PUT", "{upload}?digest={digest}", [LENGTH, (b"content-range", b"0-139999")]),
        ("PUT", "{upload}?digest={digest}", [LENGTH, (b"expect", b"100-continue")]),
        ("PUT", "{upload}?digest={digest}", [(b"transfer-encoding", b"chunked")]),
        ("PUT", UPLOADS + "0" * 32 + "?digest={digest}", [LENGTH]),
        ("PUT", f"/v2/{NAME}/manifests/1", [LENGTH]),
        ("POST", UPLOADS, [LENGTH]),
        ("POST", UPLOADS + "?mount={digest}&from=shop/other", [(b"content-length", b"0")]),
        ("POST", UPLOADS + "?ns=docker.io", [(b"content-length", b"0")]),
        ("POST", "/v2/Shop/web/blobs/uploads/", [(b"content-length", b"0")]),
        ("PATCH", "{upload}", [LENGTH]),
        ("DELETE", "{upload}", []),
    ],
)
def test_whatever_is_not_plain_goes_the_long_way_untouched(
    house: House, method: str, target: str, headers: list[tuple[bytes, bytes]]
) -> None:
    where = begun(house)
    told = Told(method, target.format(upload=where, digest=DIGEST), *headers)
    assert not house.app.prompt(told)
    assert (told.sent, told.then, told.ended.is_set()) == ([], None, False)
    assert call(house.app, "GET", where).status == 204


def test_requests_are_counted_and_none_stays_under_way(house: House) -> None:
    put(house, begun(house))
    counts = house.measuring.counts
    assert counts.counts["requests", "uploads", "POST", "202"] == 1
    assert counts.counts["requests", "upload", "PUT", "201"] == 1
    assert counts.counts["received_bytes", "upload"] == len(DATA)
    assert counts.levels["requests_under_way",] == counts.levels["uploads_under_way",] == 0
