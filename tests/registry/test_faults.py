"""Pulling from a registry that fails, lies or cuts the line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard._internal import retry
from dockyard._internal.together import together
from dockyard.content.layout import Layout
from dockyard.content.memory import Memory
from dockyard.content.store import ContentNotFoundError, DigestMismatchError
from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import Reference
from dockyard.registry.client import Client
from dockyard.registry.credentials import Credential
from dockyard.registry.pull import pull
from dockyard.registry.settings import RegistrySettings, Settings, parse
from dockyard.registry.transport import (
    RegistryDeniedError,
    RegistryFaultError,
    RegistryRefusedError,
    RegistryUnreachableError,
)
from making.images import synthesize
from making.registries import FaultyRegistry


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 99))


@pytest.fixture
def faulty() -> Iterator[FaultyRegistry]:
    store = Memory()
    registry = FaultyRegistry(store, synthesize(store, 1, layers=2, files=4, size=40_000))
    yield registry
    registry.close()


def fetched(
    faulty: FaultyRegistry, tmp_path: Path, credential: Credential | None = None, settings: Settings | None = None
) -> tuple[Descriptor, Layout]:
    store = Layout(tmp_path / "store", create=True)
    client = Client(settings or Settings(), lambda _: credential)
    return pull(Reference.parse(f"{faulty.address}/a/b:1"), store, client=client), store


def test_faults_that_pass_are_tried_again(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.fail_first = 2
    found, store = fetched(faulty, tmp_path)
    assert found.digest == faulty.image.descriptor.digest
    assert list(store.tags()) == [f"{faulty.address}/a/b:1"]


def test_an_image_s_manifest_is_asked_for_once(faulty: FaultyRegistry, tmp_path: Path) -> None:
    found, store = fetched(faulty, tmp_path)
    assert faulty.seen["1"] == 1
    assert faulty.seen[str(found.digest)] == 0
    assert store.blob_path(found.digest).read_bytes() == faulty.image.manifest.raw


def test_faults_that_stay_are_transient_and_told_in_the_registry_s_words(
    faulty: FaultyRegistry, tmp_path: Path
) -> None:
    faulty.fail_first = 1000
    with pytest.raises(RegistryFaultError, match="oh no") as caught:
        fetched(faulty, tmp_path)
    assert caught.value.exit_code == 3


def test_a_cut_line_is_resumed_where_it_broke(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.cut_first = 2
    found, store = fetched(faulty, tmp_path)
    assert faulty.ranges
    assert all(not each.startswith("bytes=0-") for each in faulty.ranges)
    assert store.exists(faulty.image.layers[0].descriptor)
    assert found.digest == faulty.image.descriptor.digest


def test_a_later_run_goes_on_where_an_earlier_one_was_given_up(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.cut_first = 1000
    with pytest.raises(RegistryUnreachableError):
        fetched(faulty, tmp_path)
    assert Layout(tmp_path / "store").tags() == {}
    faulty.cut_first = 0
    faulty.ranges.clear()
    fetched(faulty, tmp_path)
    assert faulty.ranges


def test_two_at_once_fetch_each_blob_once_and_leave_nothing_behind(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.slow = 0.05
    Layout(tmp_path / "store", create=True)
    together([lambda: fetched(faulty, tmp_path), lambda: fetched(faulty, tmp_path)], 2)
    blobs = [faulty.image.manifest.config, *(layer.descriptor for layer in faulty.image.layers)]
    assert [faulty.seen[str(each.digest)] for each in blobs] == [1] * len(blobs)
    store = Layout(tmp_path / "store")
    assert all(store.exists(each) for each in blobs)
    assert list((store.path / "ingest").iterdir()) == []


def test_a_registry_that_ignores_ranges_still_gives_the_right_bytes(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.cut_first, faulty.ignore_ranges = 1, True
    _, store = fetched(faulty, tmp_path)
    assert all(store.exists(layer.descriptor) for layer in faulty.image.layers)


def test_other_bytes_than_those_named_are_refused_and_not_kept(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.wrong_bytes = True
    with pytest.raises(DigestMismatchError):
        fetched(faulty, tmp_path)
    store = Layout(tmp_path / "store")
    assert store.tags() == {}
    assert not list((store.path / "ingest").glob("*.partial"))


def test_a_token_is_fetched_with_the_credential_and_used(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.token = "secret-token"
    fetched(faulty, tmp_path, Credential("me", "pw"))
    assert "Basic bWU6cHc=" in faulty.authorizations
    assert faulty.authorizations[-1] == "Bearer secret-token"
    assert faulty.seen["token"] == 1, "one token serves all requests"


def test_a_token_that_is_never_enough_is_no_endless_loop(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.token = "x"
    original = faulty.respond

    def answer(request: object) -> None:
        faulty.token = f"{faulty.token}x"
        original(request)  # type: ignore[arg-type]

    faulty.respond = answer  # type: ignore[method-assign]
    with pytest.raises(RegistryDeniedError):
        fetched(faulty, tmp_path)


def test_a_redirect_to_another_host_gets_no_authorization(faulty: FaultyRegistry, tmp_path: Path) -> None:
    other = FaultyRegistry(faulty.store, faulty.image)
    try:
        faulty.token, faulty.redirect_to = "t", other.address
        fetched(faulty, tmp_path)
        assert set(other.authorizations) == {""}
    finally:
        other.close()


@pytest.mark.parametrize("address", ["https://[bad", "https://[::1", "http://" + "ü" * 70, "ftp://x/"])
def test_an_address_that_is_none_is_the_registry_s_fault(faulty: FaultyRegistry, tmp_path: Path, address: str) -> None:
    faulty.token, faulty.realm = "t", address
    for _ in range(2):
        with pytest.raises((RegistryDeniedError, RegistryRefusedError, RegistryUnreachableError)):
            fetched(faulty, tmp_path)
        faulty.token, faulty.location = "", address


def test_mirrors_are_asked_in_order_and_faulty_ones_passed_over(faulty: FaultyRegistry, tmp_path: Path) -> None:
    broken = FaultyRegistry(faulty.store, faulty.image)
    broken.fail_first = 1000
    try:
        mirrors = [f"http://{broken.address}", f"http://{faulty.address}"]
        settings = Settings({"docker.io": RegistrySettings(mirrors=mirrors)})
        store = Layout(tmp_path / "store", create=True)
        pull(Reference.parse("a/b:1"), store, client=Client(settings, lambda _: None))
        assert list(store.tags()) == ["docker.io/a/b:1"]
        assert broken.seen["1"] > 0
    finally:
        broken.close()


def test_a_host_that_is_not_there_is_transient_and_points_to_mirrors(tmp_path: Path) -> None:
    store = Layout(tmp_path, create=True)
    with pytest.raises(RegistryUnreachableError) as caught:
        pull(Reference.parse("no-such-host.invalid/a:1"), store, client=Client(Settings(), lambda _: None))
    assert "irrors" in caught.value.hint


def test_an_unknown_key_in_the_configuration_is_refused_with_the_nearest() -> None:
    with pytest.raises(Error) as caught:
        parse(b'[registries."docker.io"]\nmirors = []')
    assert "`mirrors`" in caught.value.hint


def test_an_image_that_is_not_there_says_so(faulty: FaultyRegistry, tmp_path: Path) -> None:
    faulty.respond = lambda request: request.answer(404, b"{}")  # type: ignore[method-assign]
    with pytest.raises(ContentNotFoundError):
        fetched(faulty, tmp_path)


def test_why_a_registry_says_no_is_passed_on(faulty: FaultyRegistry, tmp_path: Path) -> None:
    reason = "the project's policy denies this image: signed: nobody has signed it"
    error = {"code": "DENIED", "message": "requested access to the resource is denied", "detail": reason}
    body = json.dumps({"errors": [error, {"code": "X", "message": "same", "detail": "same"}]}).encode()
    faulty.respond = lambda request: request.answer(403, body)  # type: ignore[method-assign]
    with pytest.raises(RegistryDeniedError) as caught:
        fetched(faulty, tmp_path)
    assert caught.value.message.endswith(f"is denied: {reason}; X: same")
    assert "for the reason above" in caught.value.hint
