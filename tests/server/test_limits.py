"""Slow, silent and vanishing clients of a real server hold nothing for ever, and what they send is bounded."""

import contextlib
import hashlib
import http.client
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.content.memory import Memory
from making.images import image, layer
from making.registries import FaultyRegistry
from making.serving import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "registry.toml").write_text("[limits]\npatience = 1\nheaders = 8192\n")
    server = Server(tmp_path, "--config", str(tmp_path / "registry.toml"))
    yield server
    server.stop()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def begin(server: Server) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("POST", "/v2/a/b/blobs/uploads/", b"")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers["Location"]


def received(server: Server, place: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", place)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 204
    return answer.headers["Range"]


def closed_within(client: socket.socket, seconds: float) -> bytes:
    client.settimeout(seconds)
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


@pytest.mark.parametrize("sent", [b"", b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow"])
def test_a_client_that_never_ends_its_headers_is_let_go(server: Server, sent: bytes) -> None:
    with connect(server) as client:
        client.sendall(sent)
        closed_within(client, 8)


def test_a_connection_that_is_kept_for_nothing_is_closed(server: Server) -> None:
    with connect(server) as client:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert closed_within(client, 8).startswith(b"HTTP/1.1 200")


def test_a_body_that_stops_is_answered_with_408_and_what_had_come_counts(server: Server) -> None:
    place = begin(server)
    with connect(server) as client:
        client.sendall(f"PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + b"x" * 10)
        assert closed_within(client, 8).startswith(b"HTTP/1.1 408")
    assert received(server, place) == "0-9"


def test_a_body_that_trickles_for_ever_is_cut_off(server: Server) -> None:
    place = begin(server)
    began = time.monotonic()
    with connect(server) as client:
        client.sendall(f"PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode())
        client.settimeout(0.2)
        while time.monotonic() < began + 8:
            try:
                client.sendall(b"x")
                if client.recv(100).startswith(b"HTTP/1.1 408"):
                    break
            except TimeoutError:
                continue
        else:
            raise AssertionError("it was never cut off")


def test_a_client_that_vanishes_within_a_body_leaves_what_had_come(server: Server) -> None:
    place = begin(server)
    with connect(server) as client:
        client.sendall(f"PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode() + b"x" * 25)
        time.sleep(0.2)
    deadline = time.monotonic() + 5
    while received(server, place) != "0-24":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_silence_after_the_tls_handshake_is_no_way_to_stay(tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[limits]\npatience = 1\n")
    words = ("--config", str(tmp_path / "registry.toml"), "--tls-self-made", "--workers", "2")
    server = Server(tmp_path, *words)
    context = ssl.create_default_context(cafile=str(tmp_path / "registry" / "tls" / "ca.pem"))
    newer = ssl.create_default_context(cafile=str(tmp_path / "registry" / "tls" / "ca.pem"))
    newer.set_alpn_protocols(["h2"])
    begun = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    clients = [connect(server)]
    try:
        for kind, sent in (
            (context, b""),
            (context, b"PRI * HT"),
            (context, b"GET /v2/ HT"),
            (newer, b""),
            (newer, begun),
        ):
            clients.append(kind.wrap_socket(connect(server), server_hostname="localhost"))
            clients[-1].sendall(sent)
        for client in clients:
            with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):  # let go of all the same
                closed_within(client, 8)
    finally:
        for client in clients:
            client.close()
        server.stop()


def test_a_client_that_does_not_read_its_answer_is_let_go(server: Server) -> None:
    data = os.urandom(1 << 20) * 64
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", f"/v2/a/b/blobs/uploads/?digest={digest}", data)
    assert connection.getresponse().status == 201
    connection.close()
    with connect(server) as part, connect(server) as whole:
        # A range is sent by the application, piece by piece; a whole file by the server below it.
        for client, line in ((part, "Range: bytes=1-"), (whole, "X-Whole: yes")):
            client.sendall(f"GET /v2/a/b/blobs/{digest} HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode())
        time.sleep(4)
        for client in (part, whole):
            begun = closed_within(client, 10)
            assert begun.startswith(b"HTTP/1.1 20")
            assert len(begun) < len(data)


def resident(server: Server) -> int:
    status = Path(f"/proc/{server.child.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def sockets(server: Server) -> int:
    count = 0
    for each in Path(f"/proc/{server.child.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            count += os.readlink(each).startswith("socket:")
    return count


@pytest.mark.parametrize("asked", ["Range: bytes=1-", "Range: bytes=0-20000000,30000000-50000000", "X-Whole: yes"])
def test_many_clients_that_read_nothing_cost_little_hold_nobody_up_and_are_let_go(tmp_path: Path, asked: str) -> None:
    (tmp_path / "registry.toml").write_text("[limits]\npatience = 4\n")
    server = Server(tmp_path, "--config", str(tmp_path / "registry.toml"))
    try:
        data = os.urandom(1 << 20) * 64
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", f"/v2/a/b/blobs/uploads/?digest={digest}", data)
        assert connection.getresponse().read() == b""
        before = resident(server)
        with contextlib.ExitStack() as held:
            held.callback(connection.close)
            for _ in range(100):
                client = socket.socket()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(("127.0.0.1", server.port))
                held.enter_context(client)
                client.sendall(f"GET /v2/a/b/blobs/{digest} HTTP/1.1\r\nHost: x\r\n{asked}\r\n\r\n".encode())
            most, until = 0, time.monotonic() + 3
            while time.monotonic() < until:
                begun = time.monotonic()
                connection.request("GET", "/v2/")
                assert connection.getresponse().read() == b"{}"
                assert time.monotonic() - begun < 2
                most = max(most, resident(server) - before)
                time.sleep(0.2)
            # What the server has of each, with what is lost between the pieces; a whole piece of 1 MiB took 9 MB.
            assert most < 100 * (4 << 20), f"{most >> 20} MiB for 100 clients"
            deadline = time.monotonic() + 20
            while (left := sockets(server)) > 20:
                assert time.monotonic() < deadline, f"{left} connections are still open"
                time.sleep(0.2)
    finally:
        server.stop()


@pytest.mark.parametrize("path", ["/token", "/api/v1/projects", "/login"])
def test_a_short_body_that_does_not_come_is_not_waited_for(server: Server, path: str) -> None:
    with connect(server) as client:
        kind = "application/x-www-form-urlencoded"
        head = f"POST {path} HTTP/1.1\r\nHost: {server.address}\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n\r\n"
        client.sendall(head.encode() + b"a=")
        assert closed_within(client, 8).startswith(b"HTTP/1.1 40")


def test_a_client_that_waits_for_what_takes_long_is_not_let_go(tmp_path: Path) -> None:
    """The upstream of a mirror takes far longer than any client may be silent."""
    store = Memory()
    upstream = FaultyRegistry(store, image(store, layer(store, {"x": b"y"})))
    upstream.slow = 4.0
    mirror = f'[[mirrors]]\nupstream = "{upstream.address}"\nprefix = "there"\n'
    (tmp_path / "registry.toml").write_text(f"[limits]\npatience = 1\n{mirror}")
    server = Server(tmp_path, "--config", str(tmp_path / "registry.toml"))
    try:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        client.request("GET", "/v2/there/a/b/manifests/1")
        assert client.getresponse().status == 200
        client.close()
    finally:
        server.stop()
        upstream.close()


def test_headers_and_manifests_beyond_all_measure_are_refused(server: Server) -> None:
    with connect(server) as client:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 100_000 + b"\r\n\r\n")
        try:
            answer = closed_within(client, 8)
        except ConnectionResetError:
            answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("PUT", "/v2/a/b/manifests/latest")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    ("workers", "number"),
    [
        ("1", signal.SIGTERM),
        ("2", signal.SIGTERM),
        ("1", signal.SIGINT),
        ("2", signal.SIGINT),
        ("1", signal.SIGHUP),  # several workers are replaced
    ],
)
def test_what_is_under_way_is_finished_when_the_server_is_told_to_stop(
    tmp_path: Path, workers: str, number: signal.Signals
) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup it is ignored
    try:
        server = Server(tmp_path, "--workers", workers)
    finally:
        signal.signal(signal.SIGHUP, before)
    place, data = begin(server), os.urandom(300_000)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.putrequest("PUT", f"{place}?digest={digest}")
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders()
        connection.send(data[:100_000])
        time.sleep(0.3)
        # A terminal tells every process of it, and the lead process its workers once more.
        told = _workers(server, int(workers)) if number == signal.SIGINT and workers != "1" else []
        for each in (*told, *told, server.child.pid):
            os.kill(each, number)
        time.sleep(0.5)
        connection.send(data[100_000:])
        assert connection.getresponse().status == 201
        connection.close()
        assert server.child.wait(20) == 0
    finally:
        server.kill()


def _runs(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()  # one that nobody has waited for yet
    except FileNotFoundError:
        return False


def _workers(server: Server, number: int) -> list[int]:
    children = Path(f"/proc/{server.child.pid}/task/{server.child.pid}/children")
    deadline = time.monotonic() + 20
    while len(found := [int(each) for each in children.read_text().split()]) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_takes_too_long_is_cut_off_when_the_server_is_told_to_stop(tmp_path: Path, workers: str) -> None:
    (tmp_path / "registry.toml").write_text("[limits]\nstop = 1\n")
    server = Server(tmp_path, "--workers", workers, "--config", str(tmp_path / "registry.toml"))
    try:
        place = begin(server)
        with connect(server) as client:
            client.sendall(f"PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx".encode())
            time.sleep(0.3)
            server.child.send_signal(signal.SIGTERM)
            began = time.monotonic()
            server.child.wait(20)
            assert time.monotonic() - began < 8
    finally:
        server.kill()


def test_workers_end_with_a_lead_process_that_was_killed_and_finish_what_is_under_way(tmp_path: Path) -> None:
    server = Server(tmp_path, "--workers", "2")
    data = os.urandom(300_000)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    try:
        place = begin(server)
        workers = _workers(server, 2)
        deadline = time.monotonic() + 20
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.putrequest("PUT", f"{place}?digest={digest}")
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders()
        connection.send(data[:100_000])
        while not any(Path(server.storage, "uploads").iterdir()):  # until a worker has it
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        connection.send(data[100_000:])
        assert connection.getresponse().status == 201
        connection.close()
        deadline = time.monotonic() + 20
        while left := [each for each in workers if _runs(each)]:
            assert time.monotonic() < deadline, left
            time.sleep(0.05)
    finally:
        server.kill()


# Python 3.11 does not close a connection that is reset just before its handshake.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_a_new_certificate_is_taken_up_by_many_workers_one_after_another(tmp_path: Path) -> None:
    from dockyard.server.tls import self_made

    old, new = self_made(tmp_path / "old", ["localhost"]), self_made(tmp_path / "new", ["localhost"])
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(old.certificate.read_bytes())
    key.write_bytes(old.key.read_bytes())
    server = Server(tmp_path, "--workers", "2", "--tls-cert", str(cert), "--tls-key", str(key))
    any_certificate = ssl.create_default_context()
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE

    def shown() -> bytes:
        # A connection that is being opened while its worker is replaced is closed; every client tries again.
        for left in range(3, 0, -1):
            try:
                return tried()
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
                assert left > 1
                time.sleep(0.05)
        raise AssertionError

    def tried() -> bytes:
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=10, context=any_certificate)
        with contextlib.closing(connection):
            connection.request("GET", "/v2/")
            assert connection.getresponse().status == 200
            assert isinstance(connection.sock, ssl.SSLSocket)
            return connection.sock.getpeercert(binary_form=True) or b""

    try:
        before = shown()
        cert.write_bytes(new.certificate.read_bytes())
        key.write_bytes(new.key.read_bytes())
        server.child.send_signal(signal.SIGHUP)
        deadline, run = time.monotonic() + 30, 0
        while run < 20:  # both workers show the new one
            run = run + 1 if shown() != before else 0
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        server.stop()
