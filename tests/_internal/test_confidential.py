"""Secret values never reach what is shown."""

from hypothesis import given
from hypothesis import strategies as st

from dockyard._internal.confidential import Confidential

KEY = b"-----BEGIN KEY-----\nabcdefghijkl\nxy\n-----END KEY-----\n"


def streamed(hidden: Confidential, data: bytes, size: int) -> bytes:
    stream = hidden.stream()
    parts = [stream.take(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join([*parts, stream.end()])


def test_a_value_is_hidden_wherever_the_pieces_are_cut() -> None:
    hidden = Confidential([b"hunter2\n"])
    for size in range(1, 30):
        assert streamed(hidden, b"the password hunter2 and hunter2hunter", size) == b"the password *** and ***hunter"


def test_the_lines_of_a_key_file_are_hidden_one_by_one() -> None:
    hidden = Confidential([KEY])
    assert hidden.hidden(b"> abcdefghijkl <") == b"> *** <"
    assert hidden.hidden(b"> " + KEY.strip() + b" <") == b"> *** <"
    assert hidden.hidden(KEY.replace(b"\n", b"\r\n")).strip() == b"***"


def test_of_two_values_one_inside_the_other_the_longer_is_hidden_whole() -> None:
    assert Confidential([b"pass", b"password1"]).text("password1 pass") == "*** ***"


def test_without_secrets_nothing_is_held_back_or_changed() -> None:
    for value in ([], [b""], [b"\n"]):
        stream = Confidential(value).stream()
        assert stream.take(b"\xff\x00partial") == b"\xff\x00partial"
        assert stream.end() == b""


@given(st.binary(min_size=1, max_size=6), st.lists(st.binary(max_size=9), max_size=6))
def test_no_cutting_of_a_stream_lets_a_value_through(value: bytes, pieces: list[bytes]) -> None:
    hidden = Confidential([value])
    data = value.join(pieces)
    stream = hidden.stream()
    shown = b"".join([*(stream.take(data[at : at + 2]) for at in range(0, len(data), 2)), stream.end()])
    core = value.strip()
    if core and not set(core) <= {ord("*")} and b"*" not in core:
        assert all(core not in part for part in shown.split(b"***"))


def test_text_with_bytes_that_are_not_utf_8_can_be_shown() -> None:
    assert Confidential().text("caf\udce9 \u00e9") == "caf\ufffd \u00e9"
