"""Reading the file that `--ca-bundle` names."""

from pathlib import Path

import pytest

from dockyard.build.run.authorities import BundleInvalidError, read

CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


def test_a_bundle_ends_with_one_line_break(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    for end in (b"", b"\n", b"\n\n"):
        path.write_bytes(CERTIFICATE + end)
        assert read(path) == CERTIFICATE + b"\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "no certificate"),
        (b"\x30\x82\x01\x0a", "no certificate"),
        (CERTIFICATE + b"\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "private key"),
        (CERTIFICATE + bytes(9 << 20), "larger"),
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(BundleInvalidError, match=message):
        read(path)


def test_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleInvalidError, match="No such file"):
        read(tmp_path / "absent")
