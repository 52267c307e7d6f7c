"""What --secret names."""

from pathlib import Path

import pytest

from dockyard.build.fault import SecretInvalidError
from dockyard.build.secrets.secret import secrets


def test_a_secret_comes_from_a_file_or_a_variable_and_quotes_hold_commas(tmp_path: Path) -> None:
    file = tmp_path / "a,b"
    file.write_text("of the file")
    texts = [
        f'id=one,"src={file}"',
        "id=two,env=TWO",
        "type=env,id=three,src=TWO",
        "id=TWO",
        "ID=four,env=TWO,type=env",
    ]
    found = {name: each.value for name, each in secrets(texts, {"TWO": "2"}).items()}
    assert found == {"one": b"of the file", "two": b"2", "three": b"2", "TWO": b"2", "four": b"2"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("src=/etc/hosts", "has no id"),
        ("env=HOME", "has no id"),
        ("id=,src=/etc/hosts", "has no id"),
        ("id=a,size=1", "'size' is not known"),
        ("id=a,type=pipe", "'pipe' is not known"),
        ("id=a,env=UNSET", "UNSET is not set"),
        ("id=a,src=/nowhere/x", "cannot read /nowhere/x"),
        ("a", "not of the form key=value"),
        ('id=a,"src=b', "unexpected end"),
        ('id=a,"src=b"c', "expected after"),
    ],
)
def test_what_is_malformed_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(SecretInvalidError, match=says):
        secrets([text], {"HOME": "/root"})
