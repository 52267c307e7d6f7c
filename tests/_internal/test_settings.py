"""Configuration files are read strictly, and a mistake is answered with what was probably meant."""

import msgspec
import pytest

from dockyard._internal.settings import SettingsInvalidError, decode


class _Item(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    password_file: str = ""


class _File(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    mirrors: list[_Item] = []
    named: dict[str, _Item] = {}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("mirors = []", "Did you mean `mirrors`?"),
        ("[[mirrors]]\n[[mirrors]]\npassword = 'x'", "Did you mean `password-file`?"),
        ("[named.a]\npassword = 'x'", "Did you mean `password-file`?"),
        ("[[mirrors]]\nzzz = 1", SettingsInvalidError.hint),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one_wherever_it_is(text: str, hint: str) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        decode(text.encode(), _File, what="x.toml")
    assert caught.value.hint == hint
