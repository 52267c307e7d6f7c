"""Which connections are ended for their silence, and which never."""

import socket
import time
from collections.abc import Iterator

import pytest

from dockyard.server.silent import Moved, end_silent

LONG_S, SHORT_S = 30.0, 0.05


class Pair:
    """A server's listening socket and one connection to it, both ends in this process."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.client = socket.create_connection(self.listener.getsockname())
        self.server, self.peer = self.listener.accept()

    def open(self) -> bool:
        self.client.settimeout(0.01)
        try:
            return self.client.recv(1, socket.MSG_PEEK) != b""
        except TimeoutError:
            return True


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    for each in (pair.listener, pair.client, pair.server):
        each.close()


def test_a_connection_without_a_word_is_ended_in_its_time(pair: Pair) -> None:
    time.sleep(2 * SHORT_S)
    assert end_silent(pair.port, (), LONG_S) == 0
    assert pair.open()
    assert end_silent(pair.port + 1, (), SHORT_S) == 0
    assert end_silent(pair.port, (), SHORT_S) == 1
    assert not pair.open()


def test_one_that_has_just_spoken_or_been_spoken_to_is_not(pair: Pair) -> None:
    for each in (pair.client, pair.server):
        time.sleep(2 * SHORT_S)
        each.sendall(b"x")
        assert end_silent(pair.port, (), SHORT_S) == 0


def test_one_whose_request_is_being_answered_is_not_however_long_that_takes(pair: Pair) -> None:
    time.sleep(2 * SHORT_S)
    assert end_silent(pair.port, {pair.peer[1]}, SHORT_S) == 0
    assert pair.open()


def test_one_that_reads_nothing_of_its_answer_is_ended_all_the_same(pair: Pair) -> None:
    pair.server.setblocking(False)
    try:
        while True:
            pair.server.send(bytes(1 << 20))
    except BlockingIOError:
        pass
    time.sleep(0.5)
    assert end_silent(pair.port, {pair.peer[1]}, LONG_S) == 0
    assert end_silent(pair.port, {pair.peer[1]}, 0.2) == 1


def test_one_that_only_keeps_itself_alive_is_ended_and_one_that_asks_is_not(pair: Pair) -> None:
    moved: Moved = {}
    assert end_silent(pair.port, (), LONG_S, moved) == 0
    for _ in range(3):
        time.sleep(SHORT_S)
        begun = time.monotonic()
        for each in (pair.client, pair.server):
            each.sendall(bytes(150))  # together more than counts as nothing
        assert end_silent(pair.port, (), LONG_S, moved) == 0
        assert moved[pair.client.getsockname()][1] >= begun
    deadline = time.monotonic() + 20
    while not end_silent(pair.port, (), 4 * SHORT_S, moved):
        assert time.monotonic() < deadline
        time.sleep(SHORT_S / 5)
        pair.server.sendall(b"\0")  # the kernel sees bytes come and go all the time
    pair.client.settimeout(5)
    while pair.client.recv(65536):
        pass  # and now the end
    assert end_silent(pair.port + 1, (), 0, moved) == 0
    assert moved == {}, "what is gone is forgotten"


def test_one_whose_request_is_being_answered_may_wait_though_hardly_a_byte_moves(pair: Pair) -> None:
    moved: Moved = {}
    for _ in range(4):
        assert end_silent(pair.port, {str(pair.peer[1])}, SHORT_S, moved) == 0
        time.sleep(SHORT_S)
    assert pair.open()
    assert end_silent(pair.port, (), LONG_S, moved) == 0
