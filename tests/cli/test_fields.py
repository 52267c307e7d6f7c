"""Flags whose value is a list of fields, read as Docker's tools read them: as one line of CSV."""

import pytest

from dockyard.cli.fields import pairs
from dockyard.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type=oci,dest=image.tar", {"type": "oci", "dest": "image.tar"}),
        ("dest=a=b", {"dest": "a=b"}),
        ("push,type=registry", {"push": "", "type": "registry"}),
        ('type=oci,"annotation=a,b"', {"type": "oci", "annotation": "a,b"}),
        ('"annotation=say ""no"""', {"annotation": 'say "no"'}),
        ("type=oci,type=docker", {"type": "docker"}),
        ("", {}),
    ],
)
def test_fields_are_read_in_their_order(text: str, expected: dict[str, str]) -> None:
    assert list(pairs(text).items()) == list(expected.items())


@pytest.mark.parametrize("text", ["type=oci\n,dest=x", "type=oci\rdest=x", "a=" + "x" * 200_000])
def test_what_is_no_line_of_csv_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a list of fields") as caught:
        pairs(text)
    assert len(caught.value.message) < 200
