"""Words for true and false."""

import pytest

from dockyard.cli.switch import meant


@pytest.mark.parametrize(
    ("text", "said"),
    [("true", True), ("T", True), ("1", True), ("", True), ("False", False), ("0", False), ("yes", None), ("2", None)],
)
def test_a_word_is_true_or_false_or_neither(text: str, said: bool | None) -> None:
    assert meant(text) is said
