"""`--output FILE`: a file whole or not at all, a link followed, a pipe written to; and no export that is half JSON."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.cli import output_file
from dockyard.cli.main import run
from dockyard.errors import UsageError


def test_a_file_appears_when_all_is_written(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_text("before")

    def lines() -> Iterator[str]:
        yield "one\n"
        raise ValueError("cut off")

    with pytest.raises(ValueError, match="cut off"):
        output_file.export(lines(), place, json=False)
    assert place.read_text() == "before"
    assert os.listdir(tmp_path) == ["out"]


def test_an_export_says_how_many_lines_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output_file.export(["a\r\n"], tmp_path / "out", json=False)
    assert (tmp_path / "out").read_bytes() == b"a\r\n"
    assert capsys.readouterr().out == "wrote 1 line\n"
    output_file.export(["a\n", "b\n"], None, json=False)
    assert capsys.readouterr().out == "a\nb\n"
    with pytest.raises(UsageError, match="--output"):
        output_file.export(["a\n"], None, json=True)


@pytest.mark.parametrize("words", [["lint", ".", "--output"], ["lint", ".", "--json", "--output"]])
def test_lint_follows_a_link_and_writes_to_a_pipe(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to("behind")
    run([*words, str(link)])
    assert link.is_symlink()
    assert "no-user" in (tmp_path / "behind").read_text()
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    run([*words, str(pipe)])
    reader.join(10)
    assert pipe.is_fifo()
    assert "no-user" in heard[0]
