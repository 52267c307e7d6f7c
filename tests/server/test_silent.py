"""Which connections are ended for their silence, and which never."""

import socket
import time
from collections.abc import Iterator

import pytest

from dockyard.server.silent import end_silent

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
