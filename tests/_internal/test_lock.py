"""A file that one has for oneself, whatever those do who had it before."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard._internal.lock import locked_file


def waiting(path: Path, got: list[bytes]) -> threading.Thread:
    def take() -> None:
        with locked_file(path) as file:
            file.write(b"second ")
            file.seek(0)
            got.append(file.read())

    thread = threading.Thread(target=take)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (lambda path: None, b"first second "),
        (lambda path: path.unlink(), b"second "),
        (lambda path: path.replace(path.with_name("named")), b"second "),
        (lambda path: (path.replace(path.with_name("named")), path.write_bytes(b"other ")), b"other second "),
    ],
    ids=["left", "removed", "renamed", "replaced"],
)
def test_who_waits_for_a_file_gets_the_one_of_that_name(
    tmp_path: Path, last: Callable[[Path], object], expected: bytes
) -> None:
    path, got = tmp_path / "folder" / "file", list[bytes]()
    with locked_file(path) as file:
        file.write(b"first ")
        thread = waiting(path, got)
        thread.join(0.2)
        assert got == []
        last(path)
    thread.join(10)
    assert got == [expected]
    named = path.with_name("named")
    assert not named.exists() or named.read_bytes() == b"first "
