"""Who signs identity tokens: its address."""

import pytest

from dockyard.server.access.issuers import IssuerInvalidError, issuer_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "issuer.example",
        "ftp://issuer.example",
        "https://",
        "https://[x",
        "https://issuer.example:port",
        "https://issuer.example:99999",
        "https://issuer.example:0",
        "https://user@issuer.example",
        "http://issuer.example",
        f"https://issuer.example/{'x' * 512}",
    ],
)
def test_what_is_no_address_of_an_issuer_is_refused(url: str) -> None:
    with pytest.raises(IssuerInvalidError):
        issuer_url(url)


@pytest.mark.parametrize("url", ["https://issuer.example", "https://issuer.example:8443/a", "http://127.0.0.1:8080"])
def test_an_issuer_speaks_https_or_is_on_this_machine(url: str) -> None:
    assert issuer_url(url) == url
