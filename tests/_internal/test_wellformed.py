"""Text for documents, from bytes that were not all UTF-8."""

from hypothesis import given
from hypothesis import strategies as st

from dockyard._internal.wellformed import wellformed


@given(st.binary(max_size=40))
def test_whatever_bytes_were_read_can_be_written_and_what_was_utf_8_stays(data: bytes) -> None:
    text = wellformed(data.decode("utf-8", "surrogateescape"))
    assert wellformed(text) == text
    assert text.encode().decode() == text
    try:
        assert text == data.decode()
    except UnicodeDecodeError:
        assert "\ufffd" in text


def test_each_byte_has_a_character_of_its_own() -> None:
    assert wellformed(b"caf\xe9 \xff\xfe!".decode("utf-8", "surrogateescape")) == "caf\ufffd \ufffd\ufffd!"
