"""A build's events, told to whoever has only the progress protocol."""

from dockyard.build.events import Event, Relay
from dockyard.progress import Task


class Told:
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> Task:
        told = self

        class One:
            def advance(self, amount: int) -> None:
                pass

            def done(self, note: str = "") -> None:
                told.lines.append(f"{label}: {note}")

        return One()

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_a_step_ends_with_its_size_for_people_or_with_how_it_ended() -> None:
    told = Told()
    relay = Relay(told)
    for number, (text, result, size) in enumerate(
        [("RUN make", "done", 4_878_372), ("unpack", "done", 0), ("COPY . .", "cached", 7), ("RUN false", "failed", 0)]
    ):
        relay(Event(event="started", time=0.0, step=number, stage="web", text=text))
        relay(Event(event="finished", time=1.0, step=number, result=result, size=size))  # type: ignore[arg-type]
    assert told.lines == ["[web] RUN make: 4.9 MB", "[web] unpack: done", "[web] COPY . .: cached"]


def test_a_long_instruction_is_cut_where_it_can_be_seen() -> None:
    told = Told()
    relay = Relay(told)
    relay(Event(event="started", time=0.0, step=1, stage="web", text="RUN " + "x" * 200))
    relay(Event(event="finished", time=1.0, step=1, result="done"))
    (line,) = told.lines
    assert line.endswith("x…: done")
