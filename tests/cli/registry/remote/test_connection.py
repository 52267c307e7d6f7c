"""Lists of a registry's API, page by page, from servers that say odd things about their next page."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from dockyard.cli.registry.remote.connection import Remote, RemoteUnreachableError
from dockyard.errors import UsageError
from making.answering import Answering, Handler

PAGES = 12_000


class _Api(Handler):
    """`/api/v1/LINK/…` has pages of one item; LINK says how the address of the next one is written."""

    def respond(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        form = parts.path.split("/")[-1]
        at = int(parse_qs(parts.query).get("last", ["0"])[0])
        link = {
            "plain": f"/api/v1/plain?last={at + 1}",
            "longer": f"/hub/api/v1/longer?last={at + 1}",
            "whole": f"https://elsewhere.test/hub/api/v1/whole?last={at + 1}",
            "lost": f"/other/lost?last={at + 1}",
            "circle": "/api/v1/circle?last=1",
        }[form]
        ended = at + 1 == 3 and form != "circle"
        self.answer(200, json.dumps([at]).encode(), {} if ended else {"Link": f'<{link}>; rel="next"'})


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKYARD_CONFIG", str(tmp_path / "none.toml"))
    served = Answering(_Api)
    yield served
    served.close()


@pytest.mark.parametrize("form", ["plain", "longer", "whole"])
def test_every_page_is_read_however_its_address_is_written(served: Answering, form: str) -> None:
    assert Remote(served.address).every(f"/{form}") == [0, 1, 2]
    assert Remote(f"{served.url}/hub/").every(f"/{form}") == [0, 1, 2]


@pytest.mark.parametrize("form", ["lost", "circle"])
def test_pages_that_lead_nowhere_are_an_error_and_not_the_end(served: Answering, form: str) -> None:
    with pytest.raises(RemoteUnreachableError, match="a next page that is none"):
        Remote(served.address).every(f"/{form}")


def test_no_list_is_cut_off(served: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    def page(remote: Remote, method: str, url: str, body: bytes | None, headers: object) -> tuple[int, bytes, str]:
        at = int(parse_qs(urlsplit(url).query).get("last", ["0"])[0])
        return 200, json.dumps([at]).encode(), f"</api/v1/x?last={at + 1}>" if at + 1 < PAGES else ""

    monkeypatch.setattr(Remote, "_send", page)
    assert Remote(served.address).every("/x") == list(range(PAGES))


@pytest.mark.parametrize("server", ["", "https://", "[bad", "https://[bad", "me:secret@host"])
def test_what_names_no_server_is_refused(server: str) -> None:
    with pytest.raises(UsageError, match="not a server"):
        Remote(server)
