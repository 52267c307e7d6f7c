"""Amounts of bytes and time, written and read."""

import pytest

from dockyard._internal import amounts
from dockyard.errors import UsageError


def test_bytes_are_written_for_people() -> None:
    counts = (0, 999, 1200, 35_000_000, 250_000_000, 999_600, 7_900_000_000_000, 10**19)
    assert [amounts.shown(n) for n in counts] == [
        "0 B",
        "999 B",
        "1.2 kB",
        "35.0 MB",
        "250 MB",
        "1.0 MB",
        "7.9 TB",
        "10000 PB",
    ]


def test_spans_are_written_in_the_largest_unit_of_which_there_are_two() -> None:
    spans = (0, 119, 120, 7199, 7200, 172_799, 172_800, 40 * 86_400)
    assert [amounts.span(n) for n in spans] == ["0 s", "119 s", "2 m", "119 m", "2 h", "47 h", "2 d", "40 d"]


@pytest.mark.parametrize(
    ("text", "decimal", "binary"),
    [("4096", 4096, 4096), ("64m", 64 * 10**6, 64 << 20), ("1.5GB", 1_500_000_000, 3 << 29), (" 2 KiB ", 2000, 2048)],
)
def test_sizes_are_read_as_people_write_them(text: str, decimal: int, binary: int) -> None:
    assert amounts.size(text) == decimal
    assert amounts.size(text, thousand=1024) == binary


@pytest.mark.parametrize("text", ["", "much", "-1", "1e9", "1.2.3", "1 XB", "٣", "9" * 400])
def test_what_is_no_size_is_refused_with_the_flag(text: str) -> None:
    with pytest.raises(UsageError, match=r"--keep .* is not a size"):
        amounts.size(text, "--keep")


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90m", 5400), ("12h", 43_200), ("7d", 604_800), ("2W", 1_209_600)]
)
def test_spans_are_read(text: str, seconds: int) -> None:
    assert amounts.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "1h30m", "-1h", "1.5h"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a time"):
        amounts.seconds(text)
