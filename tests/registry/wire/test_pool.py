"""HTTP over our own lines: every form of an answer, and what servers say that is none."""

import contextlib
import errno
import io
import os
import socket
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockyard.registry.wire.line import RegistryUnreachableError
from dockyard.registry.wire.pool import Pool
from making.scripted import Scripted

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def answered(raw: bytes, method: str = "GET") -> tuple[int, bytes]:
    """Status and body of `raw`."""
    with Scripted([[raw]]) as server:
        answer = Pool().request(method, f"http://{server.address}/")
        pieces = []
        try:
            while piece := answer.read(3):
                pieces.append(piece)
        finally:
            answer.close()
        return answer.status, b"".join(pieces)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (WHOLE, (200, b"hello")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", (200, b"hello")),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello", (200, b"he")),
        (b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", (200, b"hello")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", (200, b"hello")),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", (200, b"hello")),
        (b"HTTP/1.0 200 OK\n\nhello", (200, b"hello")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + WHOLE, (200, b"hello")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", (304, b"")),
        (b"HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nContent-Length: 5\r\n\r\nhello", (200, b"hello")),
    ],
)
def test_every_form_of_an_answer_is_read(raw: bytes, expected: tuple[int, bytes]) -> None:
    assert answered(raw) == expected


def test_an_answer_to_head_has_no_body() -> None:
    assert answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD") == (200, b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (200 << 10),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (50 << 10),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
)
def test_what_is_no_whole_answer_is_a_cut_line(raw: bytes) -> None:
    with pytest.raises(RegistryUnreachableError):
        answered(raw)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"HTTP/1.1 200 OK\r\n", WHOLE[:-5], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
    ),
)
def test_whatever_a_server_says_ends_well_or_as_a_cut_line(noise: bytes, before: bytes) -> None:
    with contextlib.suppress(RegistryUnreachableError):
        assert answered(before + noise)[0] >= 200


def test_a_connection_is_used_again_once_its_answer_was_read() -> None:
    with Scripted([[WHOLE, WHOLE]]) as server:
        pool = Pool()
        for _ in range(2):
            answer = pool.request("GET", f"http://{server.address}/")
            assert answer.read(99) == b"hello"
        assert server.taken == 1


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_a_connection_that_is_to_end_is_not_used_again(first: bytes) -> None:
    with Scripted([[first], [WHOLE]]) as server:
        pool = Pool()
        for _ in range(2):
            assert pool.request("GET", f"http://{server.address}/").read(99) == b"hello"
        assert server.taken == 2


def test_a_request_is_sent_again_where_the_server_ends_the_connection_just_then() -> None:
    with Scripted([[WHOLE, b""], [WHOLE]]) as server:
        pool = Pool()
        assert pool.request("GET", f"http://{server.address}/").read(99) == b"hello"
        assert pool.request("POST", f"http://{server.address}/", body=b"x").read(99) == b"hello"
        assert [head.partition(b" ")[0] for head in server.heads] == [b"GET", b"POST", b"POST"]


def test_a_file_is_sent_again_from_where_it_began() -> None:
    with Scripted([[WHOLE, b""], [WHOLE]]) as server, _file(b"content") as file:
        pool = Pool()
        assert pool.request("GET", f"http://{server.address}/").read(99) == b"hello"
        answer = pool.request("PUT", f"http://{server.address}/", headers={"Content-Length": "7"}, body=file)
        assert answer.read(99) == b"hello"
        assert server.contents[-1] == b"content"


def test_a_new_connection_that_is_cut_is_not_tried_again() -> None:
    with Scripted([[b""], [WHOLE]]) as server:
        with pytest.raises(RegistryUnreachableError, match=f"cannot reach http://{server.address}/"):
            Pool().request("GET", f"http://{server.address}/")
        assert Pool().request("GET", f"http://{server.address}/").status == 200


def _file(data: bytes) -> io.FileIO:
    """A file with these bytes after others that were read already, and no name."""
    with tempfile.TemporaryFile(buffering=0) as file:
        os.write(file.fileno(), b"before" + data)
        stream = io.FileIO(os.dup(file.fileno()), "rb")
    stream.seek(len(b"before"))
    return stream


@contextlib.contextmanager
def _made(kind: Callable[[bytes], Any], data: bytes) -> Iterator[Any]:
    body = kind(data)
    yield body
    if isinstance(body, io.IOBase):
        body.close()


@pytest.mark.parametrize("kind", [io.BytesIO, _file])
def test_a_server_that_answers_within_a_body_is_heard(kind: Callable[[bytes], Any]) -> None:
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    with Scripted([[refusal]], bodies=False) as server, _made(kind, bytes(64 << 20)) as body:
        answer = Pool().request("PUT", f"http://{server.address}/", headers={"Content-Length": "67108864"}, body=body)
        assert (answer.status, answer.read(99)) == (413, b"no")


class _Reading:
    """A stream that can only be read from."""

    def __init__(self, data: bytes) -> None:
        self._stream = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(size)


def _refused(*_: object) -> int:
    raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize("kind", [io.BytesIO, _Reading, bytes, _file])
def test_a_body_arrives_as_it_is(kind: Callable[[bytes], Any]) -> None:
    data = zlib.compress(bytes(range(256)) * 8192, 0)
    with Scripted([[WHOLE, WHOLE]]) as server, _made(kind, data) as body:
        length = {"Content-Length": str(len(data))}
        pool = Pool()
        answer = pool.request("PUT", f"http://{server.address}/a?b=c d", headers=length, body=body)
        assert (answer.status, answer.read(99)) == (200, b"hello")
        assert server.heads[0].startswith(b"PUT /a?b=c%20d HTTP/1.1\r\nHost: " + server.address.encode())
        assert server.contents == [data]
        assert pool.request("GET", f"http://{server.address}/").status == 200, "over the same connection"


def test_a_file_arrives_where_the_kernel_cannot_hand_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sendfile", _refused)
    data = zlib.compress(bytes(range(256)) * 8192, 0)
    with Scripted([[WHOLE]]) as server, _made(_file, data) as body:
        length = {"Content-Length": str(len(data))}
        assert Pool().request("PUT", f"http://{server.address}/", headers=length, body=body).status == 200
        assert server.contents == [data]


def test_a_file_on_its_way_to_a_server_that_ends_the_connection_is_a_cut_line() -> None:
    length = {"Content-Length": str(64 << 20)}
    with (
        Scripted([[b""]], bodies=False) as server,
        _made(_file, bytes(64 << 20)) as body,
        pytest.raises(RegistryUnreachableError),
    ):
        Pool().request("PUT", f"http://{server.address}/", headers=length, body=body)


def test_a_server_that_reads_no_more_of_a_file_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dockyard.registry.wire.line._SILENCE_S", 0.2)
    length = {"Content-Length": str(64 << 20)}
    with socket.create_server(("127.0.0.1", 0)) as deaf, _made(_file, bytes(64 << 20)) as body:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(RegistryUnreachableError, match="in time"):
            Pool().request("PUT", url, headers=length, body=body)


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://a..b/", "//x/y"]
)
def test_what_is_no_address_of_http_cannot_be_reached(url: str) -> None:
    with pytest.raises(RegistryUnreachableError):
        Pool().request("GET", url)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "\x00", "\N{SNOWMAN}"])
def test_a_header_cannot_bring_another(value: str) -> None:
    with Scripted([]) as server, pytest.raises(RegistryUnreachableError):
        Pool().request("GET", f"http://{server.address}/", headers={"Authorization": value})


def test_a_request_s_first_line_cannot_bring_a_header() -> None:
    with Scripted([[WHOLE]]) as server:
        assert Pool().request("GET", f"http://{server.address}/a b\x0bX: y").status == 200
        assert server.heads[0].startswith(b"GET /a%20b%0BX:%20y HTTP/1.1\r\n")
