"""The live tree of a build, drawn on a small terminal."""

import io
import re

import pytest

from dockyard.build.events import Event
from dockyard.cli.build.tree import Tree, clean


class Terminal:
    """A terminal that knows what the tree needs: lines, up, erase."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = 0

    def feed(self, text: str) -> None:
        for part in re.findall(r"\x1b\[\d*[A-Za-z]|\n|\r|[^\x1b\n\r]+", text):
            if part == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif part.endswith("A") and part.startswith("\x1b"):
                self.row -= int(part[2:-1])
            elif part == "\x1b[2K":
                self.lines[self.row] = ""
            elif part == "\x1b[J":
                del self.lines[self.row + 1 :]
                self.lines[self.row] = ""
            elif not part.startswith("\x1b") and part != "\r":
                self.lines[self.row] += part


def drawn(tree: Tree, out: io.StringIO, *, whole: bool = False) -> list[str]:
    tree.draw(1000.0, whole=whole)
    terminal = Terminal()
    terminal.feed(out.getvalue())
    return [line for line in terminal.lines if line]


def started(step: int, stage: str, text: str, position: str = "1/2") -> Event:
    return Event(event="started", step=step, stage=stage, text=text, position=position)


def test_stages_steps_states_and_the_last_lines_are_shown() -> None:
    out = io.StringIO()
    tree = Tree(out, lambda: (60, 30))
    tree(started(1, "one", "COPY . ."))
    tree(Event(event="finished", step=1, result="cached"))
    tree(started(2, "one", "RUN make", "2/2"))
    drawn(tree, out)
    for number in range(9):
        tree(Event(event="output", step=2, text=f"line {number}"))
    tree(Event(event="started", step=3, parent=2, text="unpack abc", total=2000))
    tree(Event(event="progress", step=3, done=1000, total=2000, unit="bytes"))
    lines = drawn(tree, out)
    assert "1 of 2 steps, 1 cached" in lines[0]
    assert lines[1] == "one"
    assert lines[2].rstrip().endswith("cached")
    assert "RUN make" in lines[3]
    assert "1.0 kB of 2.0 kB" in lines[4]
    assert [line.strip() for line in lines[5:]] == [f"│ line {number}" for number in range(3, 9)]
    tree(Event(event="finished", step=2, result="done", seconds=2.0, size=3_000_000))
    lines = drawn(tree, out, whole=True)
    assert len(lines) == 4
    assert lines[3].rstrip().endswith("2.0 s, 3.0 MB")


def test_a_failed_step_keeps_its_lines_and_names_its_log() -> None:
    out = io.StringIO()
    tree = Tree(out, lambda: (80, 30))
    tree(started(1, "one", "RUN false"))
    tree(Event(event="output", step=1, text="the reason"))
    tree(Event(event="finished", step=1, result="failed", log="/logs/1.log"))
    lines = drawn(tree, out, whole=True)
    assert "│ the reason" in lines[3]
    assert "/logs/1.log" in lines[4]


def test_the_picture_never_grows_beyond_the_terminal() -> None:
    out = io.StringIO()
    tree = Tree(out, lambda: (40, 12))
    for number in range(1, 60):
        tree(started(number, "one", f"RUN step {number} " + "x" * 200, f"{number}/60"))
        if number < 59:
            tree(Event(event="finished", step=number, result="done"))
    tree(Event(event="output", step=59, text="測試" * 60))
    lines = drawn(tree, out)
    assert len(lines) <= 11
    assert any("steps above are done" in line for line in lines)
    assert any("RUN step 59" in line for line in lines)
    assert all(len(line) <= 40 for line in lines)
    assert len(drawn(tree, out, whole=True)) == 62


def test_output_cannot_move_the_cursor_or_write_the_title() -> None:
    assert clean("\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2J text\x07") == "red text"
    assert clean("10%\r50%\r100%") == "100%"
    assert clean("a\tb") == "a   b"


def test_somebody_else_gets_the_terminal_while_the_tree_is_paused() -> None:
    out = io.StringIO()
    tree = Tree(out, lambda: (40, 12))
    tree(started(1, "one", "RUN x"))
    with tree.paused():
        length = len(out.getvalue())
        tree.draw(1.0)
        tree(Event(event="output", step=1, text="hidden"))
        tree.draw(2.0)
        assert len(out.getvalue()) == length
    tree.draw(3.0)
    assert "hidden" in out.getvalue()


@pytest.mark.parametrize("columns", [1, 5, 20, 33])
def test_on_a_narrow_terminal_no_line_is_wider_and_what_is_done_stays(columns: int) -> None:
    out = io.StringIO()
    tree = Tree(out, lambda: (columns, 30))
    tree(started(1, "one", "COPY some.file /somewhere/far/away"))
    tree(Event(event="finished", step=1, result="done", seconds=123.4, size=123_456_789))
    tree(started(2, "one", "RUN make all"))
    tree(Event(event="progress", step=2, done=1000, total=2000, unit="bytes"))
    lines = drawn(tree, out, whole=True)
    assert all(len(clean(line)) <= columns for line in lines), lines
    assert columns < 20 or ("COPY" in lines[2] and "RUN" in lines[3])


def test_without_colours_it_has_none() -> None:
    for coloured in (True, False):
        out = io.StringIO()
        tree = Tree(out, lambda: (60, 30), coloured=coloured)
        for step, result in enumerate(("done", "cached", "failed"), 1):
            tree(started(step, "one", "RUN"))
            tree(Event(event="finished", step=step, result=result, log="/log"))  # type: ignore[arg-type]
        tree.draw(1000.0)
        assert bool(re.search(r"\x1b\[[34]\d", out.getvalue())) == coloured
