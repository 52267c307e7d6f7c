"""Answers given on granian's thread: which requests get one, and that no other is lost."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import granian
import pytest
from granian.server import embed, mp

from dockyard.oci.digest import Digest
from dockyard.registry.caller import CALLER, SYSTEM
from dockyard.server.instance import Instance, open_instance
from dockyard.server.prompt import Exchange, Gathering, asking, install
from dockyard.server.settings import Settings
from making.asgi import call
from making.pushed import image
from making.serving import Server

NAME = "shop/web"
MANIFEST = f"/v2/{NAME}/manifests/1"


class Future:
    """A piece that was asked for, as granian gives it; `message` once it is there."""

    def __init__(self, message: Any = None) -> None:
        self.message = message

    def add_done_callback(self, callback: Callable[[Any], None], context: Context) -> None:
        self.callback = callback  # granian calls none that comes after the piece

    def __next__(self) -> None:
        if self.message is not None:
            raise StopIteration(self.message)


def collected(watcher: "Watcher", gathering: Gathering | None = None) -> tuple[Exchange, list[tuple[bytes, Any]]]:
    """An exchange that receives, and what came."""
    found: list[tuple[bytes, Any]] = []

    def came(data: bytes, ended: Any) -> bool:
        found.append((data, ended))
        return True

    exchange = Exchange(watcher, gathering or Gathering())
    exchange.receive(came)
    return exchange, found


class Watcher:
    """A request as granian hands it over."""

    def __init__(self, method: str = "GET", path: str = MANIFEST, kind: str = "http") -> None:
        self.scope = {"type": kind, "method": method, "path": path, "query_string": b"", "headers": []}
        self.sent: list[Any] = []
        self.asked: list[Future] = []
        self.early: list[Any] = []
        self.proto = SimpleNamespace(send=self.sent.append, receive=self.receive)
        self.ended = 0

    def receive(self) -> Any:
        assert not self.asked, "one piece at a time"
        self.asked.append(Future(self.early.pop(0) if self.early else None))
        return self.asked[0]

    def say(self, body: bytes, *, more: bool = True, kind: str = "http.request") -> None:
        """Give the next piece to whoever asked for it, as granian does: on a thread of its own."""
        future = self.asked.pop()
        future.message = {"type": kind, "body": body, "more_body": more}
        with ThreadPoolExecutor(1) as granians:
            granians.submit(future.callback, future).result()

    def done(self) -> None:
        self.ended += 1


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = open_instance(Settings(storage=str(tmp_path / "registry")))
    image(instance.registry, NAME, "1", [b"layer"])
    assert call(instance.app, "GET", MANIFEST).status == 200
    yield instance
    CALLER.set(SYSTEM)  # the short way leaves its caller to its thread, which is this one here
    instance.close()


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what is installed."""
    for module in (mp, embed):
        monkeypatch.setattr(module, "_new_cbscheduler", vars(module)["_new_cbscheduler"])


def test_what_is_known_is_answered_at_once_as_the_application_answers_it(instance: Instance) -> None:
    watcher = Watcher()
    left: list[Any] = []
    asking(instance.app.prompt, left.append, Gathering())(watcher)
    assert (watcher.ended, left) == (1, [])
    start, body = watcher.sent
    usual = call(instance.app, "GET", MANIFEST)
    assert start["status"] == usual.status
    assert body["body"] == usual.body
    assert {name.decode() for name, _ in start["headers"]} == set(usual.headers)


@pytest.mark.parametrize(
    "watcher",
    [
        Watcher("PUT"),
        Watcher(path="/v2/"),
        Watcher(path=f"/v2/{NAME}/manifests/2"),
        Watcher(kind="websocket"),
    ],
)
def test_whatever_else_is_left_to_the_event_loop_and_nothing_was_sent(instance: Instance, watcher: Watcher) -> None:
    left: list[Any] = []
    asking(instance.app.prompt, left.append, Gathering())(watcher)
    assert (watcher.ended, watcher.sent, left) == (0, [], [watcher])


def test_a_fault_leaves_the_request_to_the_event_loop() -> None:
    def prompt(exchange: Any) -> bool:
        raise RuntimeError("a fault")

    watcher = Watcher()
    left: list[Any] = []
    asking(prompt, left.append, Gathering())(watcher)
    assert left == [watcher]


def test_a_request_is_looked_at_by_one_thread_only(instance: Instance) -> None:
    """A second look would count a caller's request twice."""
    watcher = Watcher(path=f"/v2/{NAME}/manifests/2")
    assert not instance.app.prompt(Exchange(watcher, Gathering()))
    assert watcher.scope["dockyard.asked"]


def test_both_ways_are_counted(instance: Instance) -> None:
    key = ("requests", "manifest", "GET", "200")
    before = instance.measuring.counts.counts[key]
    watcher = Watcher()
    assert instance.app.prompt(Exchange(watcher, Gathering()))
    call(instance.app, "GET", MANIFEST)
    assert instance.measuring.counts.counts[key] == before + 2


def test_a_body_is_received_to_its_end() -> None:
    watcher = Watcher("PUT")
    _, found = collected(watcher)
    watcher.say(b"ab")
    watcher.say(b"c", more=False)
    assert found == [(b"ab", None), (b"c", "whole")]
    assert not watcher.asked


def test_pieces_that_are_there_before_granian_knows_whom_to_call_are_not_lost() -> None:
    watcher = Watcher("PUT")
    many = [{"type": "http.request", "body": b"x", "more_body": True}] * 5000  # more than calls within calls may be
    watcher.receive = lambda: Future(many.pop() if many else None)  # type: ignore[method-assign]
    watcher.proto.receive = watcher.receive
    _, found = collected(watcher)
    assert found == [(b"x", None)] * 5000


def test_nothing_is_asked_for_until_the_receiver_goes_on() -> None:
    watcher, gathering, came = Watcher("PUT"), Gathering(), list[Any]()
    exchange = Exchange(watcher, gathering)

    def pausing(data: bytes, ended: Any) -> bool:
        came.append((data, ended))
        return False

    exchange.receive(pausing)
    watcher.say(b"ab")
    assert not watcher.asked
    assert not exchange.late(time.monotonic() + 1000, 1), "a client of whom nothing is asked is not slow"
    exchange.go_on()
    watcher.say(b"c", more=False)
    assert came == [(b"ab", None), (b"c", "whole")]


def test_where_no_more_can_be_asked_for_the_body_has_ended() -> None:
    watcher = Watcher("PUT")
    _, found = collected(watcher)

    def broken() -> Any:
        raise RuntimeError("the connection is gone")

    watcher.proto.receive = broken
    watcher.say(b"ab")
    assert found == [(b"ab", None), (b"", "gone")]


def test_a_client_that_goes_away_ends_its_body() -> None:
    watcher = Watcher("PUT")
    _, found = collected(watcher)
    watcher.say(b"ab")
    watcher.say(b"", kind="http.disconnect")
    assert found == [(b"ab", None), (b"", "gone")]


def test_a_client_that_says_nothing_or_too_little_is_given_up_once() -> None:
    watcher, gathering = Watcher("PUT"), Gathering()
    exchange, found = collected(watcher, gathering)
    watcher.say(b"ab")
    gathering.look(60)
    assert found == [(b"ab", None)]
    time.sleep(0.05)
    assert not exchange.late(time.monotonic(), 60)
    watcher.say(b"c")
    assert exchange.late(time.monotonic() + 59, 0.05), "three bytes in a minute are too few"
    time.sleep(0.05)
    gathering.look(0.01)
    watcher.say(b"d", more=False)
    gathering.look(0)
    assert found == [(b"ab", None), (b"c", None), (b"", "slow")]


def test_at_the_end_of_a_server_every_body_that_still_comes_has_ended() -> None:
    watchers, gathering = [Watcher("PUT"), Watcher("PUT")], Gathering()
    all_found = [collected(watcher, gathering)[1] for watcher in watchers]
    watchers[0].say(b"ab", more=False)
    gathering.cut_off()
    watchers[1].say(b"late", more=False)
    assert all_found == [[(b"ab", "whole")], [(b"", "gone")]]


def test_an_answer_ends_the_receiving() -> None:
    watcher, gathering = Watcher("PUT"), Gathering()
    exchange, found = collected(watcher, gathering)
    exchange.end()
    gathering.look(-1)
    assert (found, watcher.ended) == ([], 1)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("server", [mp.MPServer, embed.Server])
def test_the_granian_that_is_installed_is_known(server: type) -> None:
    assert install(server, lambda exchange: False, Gathering())


@pytest.mark.usefixtures("untouched")
def test_another_granian_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = vars(mp)["_new_cbscheduler"]
    monkeypatch.setattr(granian, "__version__", "9.0.0")
    assert not install(mp.MPServer, lambda exchange: True, Gathering())
    monkeypatch.setattr(granian, "__version__", "2.8.7")
    monkeypatch.delattr("granian._futures._cbsched_aioschedule")
    assert not install(mp.MPServer, lambda exchange: True, Gathering())
    assert vars(mp)["_new_cbscheduler"] is usual


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_real_server_answers_both_ways_over_one_connection(tmp_path: Path, workers: str) -> None:
    server = Server(tmp_path, "--workers", workers)
    try:
        blob = b"{}"
        digest = str(Digest.of(blob))
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(blob)}
        manifest = {"schemaVersion": 2, "config": config, "layers": []}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

        def ask(method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
            headers = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"} if body else {}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

        assert ask("POST", f"/v2/{NAME}/blobs/uploads/?digest={digest}", blob)[0] == 201
        for note in ("one", "two"):
            raw = json.dumps({**manifest, "annotations": {"note": note}}).encode()
            assert ask("PUT", MANIFEST, raw)[0] == 201
            for _ in range(3):
                assert ask("GET", MANIFEST) == (200, raw)
                assert ask("GET", f"{MANIFEST}?n=1") == (200, raw)
                assert ask("HEAD", MANIFEST) == (200, b"")
        connection.close()
    finally:
        server.stop()
