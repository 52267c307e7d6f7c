"""Lists that come page by page, from registries that mean well and from others."""

import itertools
from collections.abc import Iterator

import pytest

from dockyard.oci.digest import Digest
from dockyard.oci.reference import Reference
from dockyard.registry import pages as subject
from dockyard.registry.client import Client
from dockyard.registry.pages import names
from dockyard.registry.repository import Repository
from dockyard.registry.settings import Settings
from dockyard.registry.transport import RegistryRefusedError
from making.answering import Answering, Handler


class Paging:
    """A registry whose lists are `answers`, each the body and the Link header, or None for 404."""

    def __init__(self) -> None:
        self.answers: Iterator[tuple[bytes, str] | None] = iter(())
        self.asked: list[str] = []
        paging = self

        class Handling(Handler):
            def respond(self, body: bytes) -> None:
                paging.asked.append(self.path)
                found = next(paging.answers)
                if found is None:
                    self.answer(404)
                else:
                    self.answer(200, found[0], {"Link": found[1]} if found[1] else {})

        self.server = Answering(Handling)

    @property
    def repository(self) -> Repository:
        """Its repository."""
        reference = Reference.parse(f"{self.server.address}/shop/web")
        return Client(Settings(), lambda _: None).repository(reference)


@pytest.fixture
def paging() -> Iterator[Paging]:
    registry = Paging()
    yield registry
    registry.server.close()


def test_the_next_page_is_where_the_link_says(paging: Paging) -> None:
    paging.answers = iter(
        [
            (b'{"tags": ["1", "2"]}', '</v2/shop/web/tags/list?last=2&n=2>; rel="next"'),
            (b'{"tags": ["3"]}', "<http://elsewhere.example/v2/shop/web/tags/list?last=3>; rel=next"),
            (b'{"tags": null}', '</v2/>; rel="first"'),
        ]
    )
    assert paging.repository.tags() == ["1", "2", "3"]
    assert [each.partition("?")[2] for each in paging.asked[1:]] == ["last=2&n=2", "last=3"]


def test_a_list_without_an_end_is_given_up(paging: Paging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_MOST_PAGES", 5)
    paging.answers = itertools.repeat((b'{"tags": ["1"]}', "</v2/shop/web/tags/list>; rel=next"))
    with pytest.raises(RegistryRefusedError, match="has no end"):
        paging.repository.tags()
    assert len(paging.asked) == 5


def test_a_list_that_would_fill_the_memory_is_given_up(paging: Paging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_MOST_BYTES", 100)
    page = b'{"schemaVersion": 2, "manifests": []}'
    paging.answers = itertools.repeat((page, "</v2/x>; rel=next"))
    with pytest.raises(RegistryRefusedError, match=r"the list of referrers of .* has no end"):
        paging.repository.referrers(Digest.of(b""))
    assert len(paging.asked) == 3


def test_a_link_to_no_address_is_the_registry_s_fault(paging: Paging) -> None:
    paging.answers = iter([(b'{"tags": []}', "<https://[bad>; rel=next")])
    with pytest.raises(RegistryRefusedError, match="no address"):
        paging.repository.tags()


@pytest.mark.parametrize("page", [b"", b"{", b"[]", b'"tags"', b'{"tags": 5}', b"[" * 100_000, b"\xff"])
def test_a_page_that_is_none_is_the_registry_s_fault(page: bytes) -> None:
    with pytest.raises(RegistryRefusedError, match="the registry's list of tags is malformed"):
        names(page, "tags")
