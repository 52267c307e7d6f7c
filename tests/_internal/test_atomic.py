"""Files that appear whole or not at all; locks; bounds; retries; settings; programs."""

import errno
import io
import threading
import time
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from dockyard._internal import atomic
from dockyard._internal.limits import TooLargeError, read_bounded
from dockyard._internal.lock import locked, try_locked
from dockyard._internal.process import ProgramFailedError, ProgramMissingError, find, run
from dockyard._internal.retry import retry
from dockyard._internal.settings import SettingsInvalidError, decode
from dockyard.errors import DiskFullError, TransientError


def _fail_halfway(stream: BinaryIO) -> None:
    stream.write(b"half of the n")
    raise RuntimeError


def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic.write(path, b"old")
    with pytest.raises(RuntimeError), atomic.replacing(path) as stream:
        _fail_halfway(stream)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError) as caught, atomic.replacing(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    with locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        with try_locked(tmp_path / "lock") as got:
            assert not got
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_more_than_the_bound_is_not_read() -> None:
    assert read_bounded(io.BytesIO(b"x" * 10), 10, "it") == b"x" * 10
    stream = io.BytesIO(b"x" * 5_000_000)
    with pytest.raises(TooLargeError):
        read_bounded(stream, 10, "it")
    assert stream.tell() <= 11


def test_only_what_may_succeed_later_is_tried_again() -> None:
    calls: list[int] = []

    def attempt() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise TransientError("later")
        return "done"

    assert retry(attempt, sleep=lambda _: None) == "done"
    assert len(calls) == 3
    with pytest.raises(TransientError):
        retry(lambda: (_ for _ in ()).throw(TransientError("never")), tries=2, sleep=lambda _: None)


class _Inner(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    only_fixed: bool = False


class _Outer(msgspec.Struct, rename="kebab", forbid_unknown_fields=True):
    fail_on: _Inner | None = None
    require: list[str] = []


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    assert decode(b"[fail-on]\nonly-fixed = true", _Outer, what="f").fail_on == _Inner(True)
    with pytest.raises(SettingsInvalidError, match="unknown key `onlyfixed` in \\[fail-on\\]") as caught:
        decode(b"[fail-on]\nonlyfixed = true", _Outer, what="f")
    assert "`only-fixed`" in caught.value.hint
    with pytest.raises(SettingsInvalidError, match="top level") as caught:
        decode(b"requires = []", _Outer, what="f")
    assert "`require`" in caught.value.hint


@pytest.mark.parametrize("raw", [b"require = 3", b"= 1", b"\xff\xfe"])
def test_what_is_no_settings_file_is_refused(raw: bytes) -> None:
    with pytest.raises(SettingsInvalidError):
        decode(raw, _Outer, what="dockyard.toml")


def test_programs_that_are_missing_or_fail_say_so() -> None:
    with pytest.raises(ProgramMissingError) as missing:
        find("no-such-program-here")
    assert "apt-get install" in missing.value.hint
    with pytest.raises(ProgramFailedError, match="status 3: oh no"):
        run(["sh", "-c", "echo oh no >&2; exit 3"])
    assert run(["cat"], input=b"x") == b"x"
