"""The entry point: finds the command, runs it, turns errors into text or JSON and an exit code.

Only the standard library's quickest parts are imported before the command is known; `dockyard --version` must stay
under 60 ms.
"""

import sys

from dockyard import __version__

TYPE_CHECKING = False  # `typing` is not loaded before a build has begun to list its context
if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockyard.build.sources.ahead import Ahead

UNFINISHED = 2
SIGNALLED = 128  # and the number of the signal, as shells have it
HELP = ("-h", "--help")


def main() -> None:
    """Run the program with the words of the process and exit with its code."""
    import _signal  # type: ignore[import-not-found]  # what `signal` is made of, which takes longer to load

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        # Until there is something to clear away, Ctrl-C ends it without a word, as SIGTERM does.
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _opened()
    words = sys.argv[1:]
    code = run(words, last=True)
    if code > SIGNALLED or words[:1] in (["build"], ["push"], ["pull"]):
        _leave(code)
    import gc

    gc.freeze()  # all of it goes now, so nothing need be looked through for what could go
    sys.exit(code)


def _opened() -> None:
    """Have `/dev/null` where a standard stream is closed: the next file that is opened would get its number, and what
    is meant for the stream, from here or from another program, would be written into that file.
    """
    import os

    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(handle, True)
    os.close(handle)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))


def _leave(code: int) -> None:
    """Exit at once where nothing is left to do: taking every module apart takes longer than a build of known steps
    or fetching a small image. After an interrupt nobody waits for what goes on beside, and no module may be taken apart
    under it.
    """
    import atexit
    import os
    import threading

    if threading.active_count() > 1 and code <= SIGNALLED:
        return
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # the interpreter says what is wrong with it, as ever
    os._exit(code)


def run(words: "Sequence[str]", *, last: bool = False) -> int:
    """Run the command that `words` name and return its exit code (design.md: 0 to 5, and 130 when interrupted; 143 and
    129 where another signal ended it). With `last` the process ends afterwards.
    """
    if words and words[0] == "help":
        words = [*words[1:], "--help"]  # `dockyard help build`
    if not words or words[0] in HELP:
        from dockyard.cli.help import overview

        print(overview(), end="")
        return 0
    if words[0] in ("-V", "--version", "version"):
        print(f'{{"version":"{__version__}"}}' if "--json" in words else f"dockyard {__version__}")
        return 0
    ahead: Ahead | None = None
    try:
        if words[0] == "build":  # before anything else is loaded, and before signals are dealt with
            from dockyard.cli.build.early import listed

            ahead = listed(words[1:])
        import gc

        from dockyard.cli.ending import unwound

        # Imports and listings make many objects that stay: looking through them again and again finds nothing.
        gc.set_threshold(100_000, 20, 100)
        with unwound(last=last):
            return _invoke(words, ahead)
    except KeyboardInterrupt as error:
        return _interrupted(error)
    except BrokenPipeError as error:
        if not _unread():
            from dockyard.cli import report

            return report.failure(error, json="--json" in words)
        # The reader of a pipe has seen enough. Python would complain when it flushes at exit.
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 (the last door: every failure becomes text or JSON and a code)
        from dockyard.cli import report

        return report.failure(error, json="--json" in words)
    finally:
        if ahead is not None:
            ahead.end()


def _interrupted(error: KeyboardInterrupt) -> int:
    import contextlib
    import signal

    number = error.args[0] if error.args else signal.SIGINT
    how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    with contextlib.suppress(OSError):  # where the terminal is gone, nobody reads it
        print(f"{how}; run the same command again to go on", file=sys.stderr)
    return SIGNALLED + int(number)


def _unread() -> bool:
    """Whether nobody reads standard output or error any more."""
    import select

    poll = select.poll()
    for number in (1, 2):
        poll.register(number, 0)
    return bool(poll.poll(0))


def _invoke(words: "Sequence[str]", ahead: "Ahead | None") -> int:
    asked = any(word in HELP for word in _before_dashes(words))
    if words[0] in ("build", "push", "pull") and not asked:
        from dockyard._internal import structs

        structs.loaded()
    if words[0] == "build" and not asked:
        from dockyard.cli.build.build import plainly

        code = plainly(words[1:], ahead)
        if code is not None:
            return code
    if words[0] in ("push", "pull") and not asked:
        from dockyard.cli import pull, push

        if (push if words[0] == "push" else pull).plainly(words[1:]):
            return 0
    from dockyard.cli.table import COMMANDS

    command = next((each for each in COMMANDS if list(words[: len(each.word.split())]) == each.word.split()), None)
    if command is None:
        from dockyard.cli.misfit import unknown

        if not any(each.word.startswith(words[0] + " ") for each in COMMANDS) or len(words) > 1 + asked:
            raise unknown(words)
        from dockyard.cli.help import within

        print(within(words[0]), end="", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else UNFINISHED
    if asked:
        from dockyard.cli.help import page

        print(page(command), end="")
        return 0
    from dockyard.cli.call import call

    return call(command, words[len(command.word.split()) :], {"ahead": ahead} if command.word == "build" else {})


def _before_dashes(words: "Sequence[str]") -> "Sequence[str]":
    return words[: list(words).index("--")] if "--" in words else words


if __name__ == "__main__":
    main()
