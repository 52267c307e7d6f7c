"""The door: errors, exit codes, interruption."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dockyard.cli import ending, main, report
from dockyard.errors import Error, TransientError


def test_no_words_print_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([]) == 0
    assert "dockyard COMMAND" in capsys.readouterr().out


def test_the_version_speaks_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"]


def test_an_error_is_text_for_people_and_one_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    error = TransientError("the line was cut", context={"url": "http://x"}, hint="again")
    assert report.failure(error, json=False) == 3
    text = capsys.readouterr().err
    assert "error[transient]: the line was cut" in text
    assert "url: http://x" in text
    assert "hint: again" in text
    assert "\x1b" not in text, "colour only on a terminal"
    assert report.failure(error, json=True) == 3
    assert json.loads(capsys.readouterr().out)["error"]["reference"] == "transient"


def test_what_comes_from_elsewhere_moves_no_cursor_and_stands_below_its_key(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "it said\x1b[2J\r\n\nmore\x9b1A\n    indented\n"
    report.failure(Error("no\x07", context={"why": hostile, "reasons": "\n    one"}, hint="\x1b]0;x"), json=False)
    assert capsys.readouterr().err.splitlines() == [
        "error[error]: no\\x07",
        "  why: it said\\x1b[2J",
        "",
        "    more\\x9b1A",
        "    indented",
        "  reasons:",
        "    one",
        "  hint: \\x1b]0;x",
    ]
    report.table(["NAME", "SAID"], [["web", "a\x1b[1m\nb"]])
    assert capsys.readouterr().out == "NAME  SAID\nweb   a\\x1b[1m b\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("variables", "styled"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colours_unless_told_otherwise(
    variables: dict[str, str], styled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    out, err = Terminal(), Terminal()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    report.table(["NAME"], [["web"]])
    report.failure(Error("no", context={"file": "x"}), json=False)
    assert [("\x1b" in each.getvalue()) for each in (out, err)] == [styled, styled]


def test_numbers_of_things_are_written_as_people_write_them() -> None:
    assert [report.counted(number, "layer") for number in (0, 1, 2)] == ["0 layers", "1 layer", "2 layers"]
    assert report.counted(3, "repository") == "3 repositories"


def test_a_fault_of_our_own_shows_where_it_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.failure(ZeroDivisionError("x"), json=False) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(words: object, ahead: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_invoke", interrupted)
    assert main.run(["images"]) == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_unwind_as_ctrl_c_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int
) -> None:
    cleared = []

    def working(words: object, ahead: object) -> int:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # somebody is impatient
            cleared.append(number)
        return 0

    monkeypatch.setattr(main, "_invoke", working)
    plain = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, plain)  # below nohup it is ignored
    try:
        assert main.run(["images"]) == code
        assert signal.getsignal(number) is plain
    finally:
        signal.signal(number, before)
    assert cleared == [number]
    told = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert told in capsys.readouterr().err


IMPATIENT = """
import signal, sys
from dockyard.cli import main
def working(words, ahead):
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        for number in range({more}):
            signal.raise_signal(signal.SIGTERM)
        print("cleared", flush=True)
main._invoke = working
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, signal.SIG_DFL)
print(main.run(["images"], last=True), flush=True)
signal.raise_signal(signal.SIGINT)
print("still here", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("more", "said"), [(1, "cleared\n143\n"), (2, "")])
def test_the_third_signal_ends_what_is_cleared_away_at_once(more: int, said: str) -> None:
    words = [sys.executable, "-c", IMPATIENT.format(more=more)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout, "Traceback" in done.stderr) == (said, False), done.stderr
    assert done.returncode == (130 if said else 143)


def test_a_signal_that_comes_while_something_is_finalised_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Finalised:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    def impatient(self: object, error: KeyboardInterrupt) -> None:
        lost(self, error)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGTERM)

    lost = ending._Handler.lost
    monkeypatch.setattr(ending._Handler, "lost", impatient)

    def working(words: object, ahead: object) -> int:
        Finalised()
        time.sleep(20)
        return 0

    monkeypatch.setattr(main, "_invoke", working)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    hook = sys.unraisablehook
    try:
        assert main.run(["images"]) == 143
    finally:
        signal.signal(signal.SIGTERM, before)
    assert sys.unraisablehook is hook
    assert "Exception ignored" not in capsys.readouterr().err


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under nohup."""

    def working(words: object, ahead: object) -> int:
        signal.raise_signal(signal.SIGHUP)
        return 7

    monkeypatch.setattr(main, "_invoke", working)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main.run(["images"]) == 7
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_build_leaves_at_once_with_everything_said_and_done(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.setattr("atexit._run_exitfuncs", lambda: said.append("callbacks"))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(flush=lambda: said.append("out")))
    monkeypatch.setattr("sys.stderr", SimpleNamespace(flush=lambda: said.append("err")))
    monkeypatch.setattr("os._exit", lambda code: said.append(str(code)))
    main._leave(3)
    assert said == ["callbacks", "out", "err", "3"]


BESIDE = """
import atexit, signal, sys, threading
from dockyard.cli import main
def working(words, ahead):
    threading.Thread(target=lambda: threading.Event().wait(60)).start()
    signal.raise_signal(signal.SIGTERM)
main._invoke = working
atexit.register(lambda: print("cleared"))
signal.signal(signal.SIGTERM, signal.SIG_DFL)
sys.argv[1:] = ["images"]
main.main()
"""


CLOSED = """
import os, sys
from dockyard.cli import main
def working(words, last):
    with open({path!r}, "w") as file:
        os.system("echo child; echo child >&2")
        print(sys.stdin.read(), "said", flush=True)
        print("said", file=sys.stderr, flush=True)
        file.write(str(file.fileno() > 2))
    return 7
main.run = working
main.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_no_file_takes_the_place_of_a_standard_stream_that_is_closed(tmp_path: Path, closed: tuple[int, ...]) -> None:
    path = tmp_path / "file"
    words = [sys.executable, "-c", CLOSED.format(path=str(path))]
    how = " ".join(f"{number}{'<' if number == 0 else '>'}&-" for number in closed)
    done = subprocess.run(["sh", "-c", f'exec "$@" {how}', "sh", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, path.read_text()) == (7, "True")
    assert done.stdout == ("" if 1 in closed else "child\n said\n" if 0 in closed else done.stdout)
    assert done.stderr == ("" if 2 in closed else "child\nsaid\n")


@pytest.mark.slow
def test_nobody_waits_after_a_signal_for_what_goes_on_beside() -> None:
    words = [sys.executable, "-c", BESIDE]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (143, "cleared\n"), done.stderr


@pytest.mark.slow
def test_ctrl_c_says_nothing_before_there_is_anything_to_clear_away() -> None:
    early = """
import signal
from dockyard.cli import main
main.run = lambda words, last: signal.raise_signal(signal.SIGINT)
main.main()
"""
    words = ["env", "--default-signal=INT", sys.executable, "-c", early]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_a_build_with_threads_or_output_that_nobody_reads_leaves_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed() -> None:
        raise BrokenPipeError

    monkeypatch.setattr("atexit._run_exitfuncs", lambda: None)
    monkeypatch.setattr("os._exit", lambda code: pytest.fail("left"))
    monkeypatch.setattr("threading.active_count", lambda: 2)
    main._leave(0)
    monkeypatch.setattr("threading.active_count", lambda: 1)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(flush=closed))
    main._leave(0)


def test_every_error_has_a_default_exit_code() -> None:
    assert Error("x").exit_code == 2
