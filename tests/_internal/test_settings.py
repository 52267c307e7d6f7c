"""Configuration files are read strictly, and a mistake is answered with what was probably meant."""

from typing import Annotated, Literal

import msgspec
import pytest

from dockyard._internal.settings import SettingsInvalidError, decode


class _Item(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    password_file: str = ""


class _Rule(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    name: str
    severity: Literal["low", "high"] = "low"
    also: list[Literal["signed", "sbom"]] = []


class _File(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    mirrors: list[_Item] = []
    named: dict[str, _Item] = {}
    port: Annotated[int, msgspec.Meta(ge=1)] = 1
    strict: bool | None = None
    rule: _Rule | None = None


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


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (b"port = '80'", "`port` must be a whole number, not a text in quotes", None),
        (b"port = 0", "`port` must be at least 1", None),
        (b"strict = 1", "`strict` must be true or false, not a whole number", None),
        (b"mirrors = 'x'", "`mirrors` must be a list, not a text in quotes", None),
        (b"rule = []", "`rule` must be a table, not a list", None),
        (b"[rule]", "[rule] lacks `name`", None),
        (
            b"rule = {name = 'x', severity = 'hgih'}",
            "`rule.severity` cannot be 'hgih'; it may be low, high",
            "Did you mean `high`?",
        ),
        (
            b"rule = {name = 'x', also = ['sbmo']}",
            "`rule.also[0]` cannot be 'sbmo'; it may be signed, sbom",
            "Did you mean `sbom`?",
        ),
        (b"rule = {name = 'x', severity = 'q'}", "`rule.severity` cannot be 'q'; it may be low, high", None),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_words_of_the_file(text: bytes, said: str, hint: str | None) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        decode(text, _File, what="x.toml")
    assert caught.value.message == f"x.toml: {said}"
    assert caught.value.hint == (hint or SettingsInvalidError.hint)


@pytest.mark.parametrize(
    ("text", "said"),
    [(b"\xff\xfe", "x.toml is not UTF-8: byte 0 is 0xff"), (b"[a\n", "x.toml is not TOML: Expected ']'")],
)
def test_a_file_that_cannot_be_read_at_all_is_told_why(text: bytes, said: str) -> None:
    with pytest.raises(SettingsInvalidError) as caught:
        decode(text, _File, what="x.toml")
    assert caught.value.message.startswith(said)
