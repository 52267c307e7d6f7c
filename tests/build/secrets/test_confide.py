"""Secrets are found where a command wrote them."""

import os
from pathlib import Path

import pytest

from dockyard.build.secrets.confide import leaks
from dockyard.build.secrets.secret import Secret

TOKEN = Secret("token", b"s3cr3t-of-ours\n")


def test_a_file_with_the_whole_value_is_found_however_deep(tmp_path: Path) -> None:
    (tmp_path / "etc" / "app").mkdir(parents=True)
    (tmp_path / "etc" / "app" / "conf").write_bytes(b"x" * 70_000 + b"token=s3cr3t-of-ours;")
    (tmp_path / "etc" / "half").write_bytes(b"s3cr3t-of")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("etc/app/conf")
    os.mkfifo(tmp_path / "pipe")
    assert list(leaks(tmp_path, [TOKEN])) == [("etc/app/conf", "token")]
    assert list(leaks(tmp_path, [Secret("short", b"x" * 7)])) == []


def test_a_file_that_cannot_be_read_is_not_taken_for_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").write_bytes(b"s3cr3t-of-ours")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "conf"))

    monkeypatch.setattr("dockyard.build.secrets.confide.mmap.mmap", refused)
    with pytest.raises(PermissionError):
        list(leaks(tmp_path, [TOKEN]))
