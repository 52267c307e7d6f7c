"""A real server and whatever bytes come to its port: no fault of the server, and no client that waits for ever."""

import hashlib
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockyard.oci.digest import Digest
from making.serving import Server

pytestmark = pytest.mark.slow

PATIENCE_S = 1
DATA = b"content of a blob"
DIGEST = str(Digest.of(DATA))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("wire")
    (folder / "registry.toml").write_text(f"[limits]\npatience = {PATIENCE_S}\n")
    server = Server(folder, "--config", str(folder / "registry.toml"))
    yield server
    server.stop()


def said(server: Server, sent: bytes, *, half: bool = True) -> bytes:
    """What comes back to some bytes until the server closes; the client ends its side where `half`."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        try:
            client.sendall(sent)
            if half:
                client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it had enough before the end
        data = b""
        try:
            while piece := client.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data


def statuses(data: bytes) -> list[int]:
    """The statuses of answers that follow one another."""
    return [int(each.split(b" ", 2)[1]) for each in data.split(b"\r\n") if each.startswith(b"HTTP/1.")]


def ask(server: Server, line: str, *headers: str, body: bytes = b"", version: str = "1.1") -> tuple[int, bytes]:
    """One request by hand, and the last answer's status and all bytes."""
    head = "\r\n".join([f"{line} HTTP/{version}", "Host: x", "Connection: close", *headers, "", ""])
    data = said(server, head.encode("latin-1") + body, half=False)
    found = statuses(data)
    assert found, data[:200]
    return found[-1], data


def begun(server: Server, name: str = "wire/web") -> str:
    _, data = ask(server, f"POST /v2/{name}/blobs/uploads/", "Content-Length: 0")
    return data.lower().partition(b"location: ")[2].partition(b"\r\n")[0].decode()


def test_a_blob_comes_in_pieces_of_unknown_number_and_after_a_question(server: Server) -> None:
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (DATA[:5], DATA[5:])) + b"0\r\n\r\n"
    status, _ = ask(server, f"PATCH {begun(server)}", "Transfer-Encoding: chunked", body=chunked)
    assert status == 202
    target = f"PUT {begun(server)}?digest={DIGEST}"
    assert ask(server, target, "Transfer-Encoding: chunked", body=chunked)[0] == 201
    target = f"POST /v2/wire/web/blobs/uploads/?digest={DIGEST}"
    status, data = ask(server, target, f"Content-Length: {len(DATA)}", "Expect: 100-continue", body=DATA)
    assert (statuses(data)[0], status) == (100, 201)
    assert DATA in ask(server, f"GET /v2/wire/web/blobs/{DIGEST}", version="1.0")[1]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /v2/", 200),
        ("GET /v2", 200),
        ("GET http://elsewhere/v2/", 200),
        ("OPTIONS *", 404),
        ("OPTIONS /v2/", 405),
        ("BREW /v2/", 405),
        ("GET /v2/%77ire/web/manifests/1", 404),
        ("GET /v2/wire%2Fweb/manifests/1", 404),
        ("GET /v2/wire/web/tags/list/", 404),
        ("GET /v2/_catalog/", 404),
        ("GET /v2/wire/web/manifests/1/", 404),
        ("GET /v2/wire/web/blobs/" + "a" * 7000, 400),
        ("GET /v2/wire/web/manifests/%00", 404),
        ("GET /v2/wire/web/manifests/%ff%fe", 404),
        ("GET /v2/../../etc/passwd", 404),
        ("GET /v2/%2e%2e/%2e%2e/manifests/1", 400),
        ("GET /v2/wire/web/tags/list?" + "&".join(f"x{n}=1" for n in range(200)), 414),
        ("GET /v2/wire/web/tags/list?n=%00", 400),
        ("PUT /v2/wire/web/manifests/1", 400),
        ("PATCH /v2/wire/web/blobs/uploads/" + "0" * 32, 404),
        ("PATCH /v2/wire/web/blobs/uploads/" + "0" * 5000, 404),
        ("GET /v2/wire/web/blobs/uploads/" + "%C3%A9" * 200, 404),
        ("GET /v2/wire/web/manifests/1?ns=%00", 400),
        ("GET /v2/wire/web/tags/list?ns=a%0d%0ab:%20c", 400),
    ],
)
def test_odd_paths_and_methods_get_their_status(server: Server, line: str, status: int) -> None:
    assert ask(server, line, "Content-Length: 0")[0] == status


@pytest.mark.parametrize("path", ["/projects", "/nothing", "/api/v1/projects", "/api/v1/health"])
@pytest.mark.parametrize("host", ["[::1", "]", "a:b:c", "\xff", ""])
def test_odd_hosts_and_origins_are_no_fault(server: Server, path: str, host: str) -> None:
    for method in ("GET", "POST"):
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nContent-Length: 0\r\n"
        found = statuses(said(server, f"{head}Connection: close\r\n\r\n".encode("latin-1"), half=False))
        assert found
        assert found[-1] < 500, (method, found)


def test_two_lengths_or_a_length_and_chunks_are_not_two_requests(server: Server) -> None:
    hidden = b"GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n"
    for lines in (
        ["Content-Length: 0", f"Content-Length: {len(hidden)}"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Transfer-Encoding: identity, chunked ", "Content-Length: 5"],
    ):
        head = "\r\n".join(["POST /v2/wire/web/blobs/uploads/ HTTP/1.1", "Host: x", *lines, "", ""]).encode()
        data = said(server, head + b"0\r\n\r\n" + hidden)
        assert b"repositories" not in data or statuses(data)[0] >= 400, (lines, data)


METHODS = st.one_of(
    st.sampled_from([b"GET", b"HEAD", b"PUT", b"POST", b"PATCH", b"DELETE", b"G\x00T"]), st.binary(max_size=6)
)
PATHS = st.one_of(
    st.sampled_from(
        [
            b"/v2/",
            b"/v2/wire/web/manifests/1",
            b"/v2/wire/web/blobs/" + DIGEST.encode(),
            b"/v2/wire/web/blobs/uploads/",
            b"/v2/wire/web/blobs/uploads/" + b"0" * 32 + b"?digest=" + DIGEST.encode(),
            b"/v2/wire/web/tags/list?n=5&last=%zz",
            b"/v2/wire/web/referrers/" + DIGEST.encode() + b"?artifactType=%",
            b"/v2/_catalog?n=",
            b"/token?scope=repository:a:pull&scope=x",
            b"/healthz",
            b"/v2/wire/web/manifests/1?tag=a&tag=&tag=%20",
            b"/v2/wire/web/blobs/uploads/?mount=" + DIGEST.encode() + b"&from=%2F",
            b"/v2/wire/web/manifests/1?ns=%00",
            b"/api/v1/health",
            b"/api/v1/projects",
            b"/projects",
            b"/nothing",
        ]
    ),
    st.binary(max_size=30).map(lambda tail: b"/v2/" + tail),
    st.binary(max_size=20),
)
LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Range: bytes=0-0,2-3,-1",
                b"Range: bytes=-",
                b"Content-Range: 0-99999999999999999999",
                b"Content-Range: bytes 5-1/*",
                b"Content-Type: application/vnd.oci.image.manifest.v1+json",
                b"Content-Length: 5",
                b"Content-Length: -1",
                b"Content-Length: 99999999999999999999",
                b"Transfer-Encoding: chunked",
                b"Transfer-Encoding: gzip",
                b"Expect: 100-continue",
                b"Connection: upgrade\r\nUpgrade: websocket",
                b"Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
                b"If-None-Match: \xff",
                b"If-Match: ,,,",
                b"Authorization: Basic \xff\xfe",
                b"Authorization: Bearer a.b.c",
                b"Accept: */*\r\nAccept: a/b",
                b" folded",
                b"No colon",
                b"Host: a\r\nHost: b",
                b"X-Forwarded-For: , ,",
                b"Host: [::1",
                b"Origin: http://[",
            ]
        ),
        st.binary(max_size=30),
    ),
    max_size=5,
)
BODIES = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffffff\r\n", b"{}", b"5\r\nhel"])
)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(METHODS, PATHS, LINES, BODIES, st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b""]))
def test_whatever_bytes_come_there_is_no_fault_and_nobody_waits(
    server: Server, method: bytes, path: bytes, lines: list[bytes], body: bytes, version: bytes
) -> None:
    head = b" ".join([method, path, version]) + b"\r\n" + b"".join(line + b"\r\n" for line in [b"Host: x", *lines])
    began = time.monotonic()
    found = statuses(said(server, head + b"Connection: close\r\n\r\n" + body))
    # Where a body is promised that never comes, it takes the server's patience to find out.
    assert time.monotonic() - began < 8 * PATIENCE_S
    assert all(status < 500 for status in found), found


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400))
def test_noise_is_let_go(server: Server, noise: bytes) -> None:
    assert all(status < 500 for status in statuses(said(server, noise)))


def test_it_still_serves_after_all_that(server: Server) -> None:
    data = hashlib.sha256(b"more").digest()
    target = f"POST /v2/wire/after/blobs/uploads/?digest={Digest.of(data)}"
    assert ask(server, target, f"Content-Length: {len(data)}", body=data)[0] == 201
    assert ask(server, "GET /healthz")[0] == 200


@pytest.mark.parametrize(
    "line",
    ["GET /v2/", f"GET /v2/a/b/blobs/{DIGEST}", "POST /v2/a/b/blobs/uploads/", "GET /v2/a/b/manifests/1", "GET /"],
)
def test_a_request_has_one_host(server: Server, line: str) -> None:
    for hosts, wanted in (("Host: a\r\nHost: b\r\n", True), ("Host: a\r\n", False)):
        data = said(server, f"{line} HTTP/1.1\r\n{hosts}Content-Length: 0\r\n\r\n".encode(), half=False)
        assert (statuses(data)[0] == 400) == wanted, data[:200]
