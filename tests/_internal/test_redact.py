"""Logins and secrets do not show in addresses."""

import pytest

from dockyard._internal import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/p?n=1#part", "https://host/p?n=1#part"),
        ("https://me:secret@host/p?token=abc&n=1", "https://***@host/p?token=***&n=1"),
        ("https://ghp_token@host/p", "https://***@host/p"),
        ("HTTPS://token:x-oauth-basic@host:5000", "HTTPS://***@host:5000"),
        ("https://me:pass@word@host/p@q", "https://***@host/p@q"),
        ("ssh://git@host/shop/web.git", "ssh://git@host/shop/web.git"),
        ("ssh://me:secret@host/shop", "ssh://***@host/shop"),
        ("git@host:shop/web.git", "git@host:shop/web.git"),
        ("https://host/p?X-Amz-Signature=abc&list=1", "https://host/p?X-Amz-Signature=***&list=1"),
        ("cannot reach http://me:secret@[::1]/?sig=x: refused", "cannot reach http://***@[::1]/?sig=*** refused"),
        ("https://me:secret@[no address", "https://***@[no address"),
        ("/home/me/a@b", "/home/me/a@b"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_secrets(text: str, shown: str) -> None:
    assert redact.url(text) == shown
