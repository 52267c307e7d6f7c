"""What every process does for itself every few seconds."""

import logging
from functools import partial

import pytest

from dockyard.server.jobs.pulse import Pulse


class Work:
    def __init__(self) -> None:
        self.calls = 0

    def look(self, more: int) -> None:
        self.calls += more
        raise OSError("no space left")


def test_what_fails_is_named_in_a_word_and_keeps_nothing_else_from_being_done(caplog: pytest.LogCaptureFixture) -> None:
    work, others = Work(), list[int]()
    pulse = Pulse([partial(work.look, 3), lambda: others.append(1)], 3600)
    with caplog.at_level(logging.WARNING, "dockyard.jobs"):
        pulse.start()
        pulse.stop()
    assert (work.calls, others) == (3, [1])
    assert caplog.messages == ["Work.look failed: no space left"]
