"""Another system that hangs holds few threads, and is left alone for a while."""

import base64
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dockyard.errors import TransientError
from dockyard.server.access import breaker
from dockyard.server.access.breaker import Breaker
from dockyard.server.access.issuers import Issuers, IssuerUnreachableError
from dockyard.server.access.ldap import DirectoryUnreachableError, LdapDirectory
from dockyard.server.settings import Ldap


class SilentError(TransientError):
    reference = "silent"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_WAIT_S", 0.1), ("_SLOW_S", 0.05), ("_PAUSE_S", 0.4)):
        monkeypatch.setattr(breaker, name, value)


def ask(door: Breaker, seconds: float = 0, *, fails: bool = False) -> str:
    try:
        with door.asking():
            time.sleep(seconds)
            if fails:
                raise SilentError("no answer")
    except SilentError as error:
        return error.message
    return "answered"


def test_a_failure_that_took_long_keeps_others_from_asking_for_a_while(quick: None) -> None:
    door = Breaker(SilentError, "it", threading.Semaphore(2))
    assert ask(door, 0.1, fails=True) == "no answer"
    assert ask(door) == "it did not answer a moment ago"
    time.sleep(0.45)
    assert ask(door) == "answered"


def test_a_failure_at_once_stops_nobody(quick: None) -> None:
    door = Breaker(SilentError, "it", threading.Semaphore(2))
    assert ask(door, fails=True) == "no answer"
    assert ask(door) == "answered"


def test_few_ask_at_once_and_those_who_waited_for_one_that_fails_do_not_ask_again(quick: None) -> None:
    door = Breaker(SilentError, "it", threading.Semaphore(3), together=1)
    begun = time.monotonic()
    with ThreadPoolExecutor(6) as threads:
        said = sorted(threads.map(lambda _: ask(door, 0.3, fails=True), range(6)))
    assert said == ["it did not answer a moment ago"] * 2 + ["no answer"] + ["too many wait for it"] * 3
    assert time.monotonic() - begun < 0.6


@pytest.fixture
def silent() -> socket.socket:
    """Takes connections and says nothing."""
    return socket.create_server(("127.0.0.1", 0), backlog=100)


def b64(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


@pytest.mark.slow
def test_an_issuer_that_hangs_holds_few_threads_and_not_for_long(silent: socket.socket) -> None:
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    token = f"{b64({'alg': 'ES256'})}.{b64({'iss': url})}.AAAA"
    issuers, took = Issuers(), []

    def exchange(_: int) -> None:
        begun = time.monotonic()
        with pytest.raises(IssuerUnreachableError):
            issuers.claims(url, token)
        took.append(time.monotonic() - begun)

    with silent, ThreadPoolExecutor(40) as threads:
        list(threads.map(exchange, range(80)))
    assert sum(each > 4 for each in took) <= breaker.PLACES, took
    assert max(took) < 9, "one after another found out for itself"


@pytest.mark.slow
def test_a_directory_that_hangs_holds_few_threads(silent: socket.socket) -> None:
    pytest.importorskip("ldap3")
    port = silent.getsockname()[1]
    directory = LdapDirectory(Ldap(url=f"ldap://127.0.0.1:{port}", base="dc=x", timeout=2))
    took = []

    def login(_: int) -> None:
        begun = time.monotonic()
        with pytest.raises(DirectoryUnreachableError):
            directory.check("ada", "password")
        took.append(time.monotonic() - begun)

    with silent, ThreadPoolExecutor(40) as threads:
        list(threads.map(login, range(80)))
    assert sum(each > 1.5 for each in took) <= breaker.PLACES, took
