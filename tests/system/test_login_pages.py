"""People log in to the pages in Chromium through a real OpenID Connect provider, and are told when that fails."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.server.access import users
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.database import open_database
from making.provider import Provider
from making.serving import Server
from making.webdriver import WebDriver

Find = Callable[[str], str]


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path, provider: Provider) -> Iterator[Server]:
    storage = tmp_path / "registry"
    storage.mkdir()
    database = open_database("", storage)
    users.add(database, SYSTEM, "root", password="correct horse", admin=True)
    database.close()
    settings = tmp_path / "registry.toml"
    settings.write_text(
        f'[oidc]\nissuer = "{provider.issuer}"\nclient-id = "{provider.client}"\nclient-secret = "{provider.secret}"\n'
    )
    made = Server(tmp_path, f"--config={settings}")
    yield made
    made.stop()


@pytest.fixture
def browser(program_of: Find) -> Iterator[WebDriver]:
    with WebDriver(program_of("chromedriver"), program_of("chromium")) as made:
        yield made


def test_a_person_comes_in_by_single_sign_on_to_where_they_were_going(
    browser: WebDriver, server: Server, provider: Provider
) -> None:
    url = f"http://{server.address}"
    browser.open(f"{url}/me")
    assert "/login" in browser.url
    browser.follow(browser.link("Log in with single sign-on"))
    assert browser.url == f"{url}/me"
    assert "ada-lovelace" in browser.text.lower() or "ada" in browser.text.lower()
    assert "/token" in provider.seen
    browser.follow(browser.find("button[value=logout]"))
    assert "You are logged out" in browser.text
    browser.open(f"{url}/me")
    assert "/login" in browser.url


def test_a_login_that_fails_elsewhere_is_told_on_the_page(
    browser: WebDriver, server: Server, provider: Provider, tmp_path: Path
) -> None:
    url = f"http://{server.address}"
    provider.denies = "access_denied"
    browser.open(f"{url}/login")
    browser.follow(browser.link("Log in with single sign-on"))
    assert browser.url == f"{url}/login"
    assert "Single sign-on did not work." in browser.text
    assert "the provider says: access_denied" in browser.text
    provider.denies = "<b>bold</b>"
    browser.follow(browser.link("Log in with single sign-on"))
    assert "the provider says: <b>bold</b>" in browser.text
    browser.screenshot(tmp_path / "login.png")
    browser.type("[name=name]", "root")
    browser.type("[name=password]", "correct horse")
    browser.follow(browser.find("button[value=login]"))
    browser.find("button[value=logout]")
