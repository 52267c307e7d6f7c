"""Items of a source, and their content."""

import hashlib
import io
from pathlib import Path

import pytest

from dockyard.build.sources.source import WILD, Files, Item, digest, hashed

LARGE = bytes(range(256)) * 9000  # more than one piece, and no whole number of them


@pytest.mark.parametrize("content", [b"", b"hello", LARGE], ids=["empty", "small", "large"])
def test_the_digest_of_a_file_is_the_same_however_its_source_reads_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    for handle in (content, str(path)):
        item = Item("x", "x", "file", 0o644, size=len(content), handle=handle)
        assert digest(item, Files(item)) == expected


def test_a_stream_is_hashed_from_where_it_stands() -> None:
    stream = io.BytesIO(b"passed over" + LARGE)
    stream.seek(11)
    assert hashed(stream) == hashlib.sha256(LARGE).hexdigest()
    assert hashed(stream) == hashlib.sha256().hexdigest()


@pytest.mark.parametrize("text", ["*", "a/*.txt", "a?", "[ab]", "\\*[a]", "a\nb*"])
def test_a_pattern_is_told_from_a_path(text: str) -> None:
    assert WILD.match(text)


@pytest.mark.parametrize("text", ["", "a/b.txt", "\\*", "\\[a]", "a\\?b", "a]", "\\\\"])
def test_what_is_behind_a_backslash_makes_no_pattern(text: str) -> None:
    assert not WILD.match(text)
