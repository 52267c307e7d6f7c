"""What `--help` shows: the overview, the commands below a word, and each command's page."""

import shlex

import cyclopts
import pytest

from dockyard.cli.call import parser
from dockyard.cli.examples import EXAMPLES, GROUPS
from dockyard.cli.help import overview, page, within
from dockyard.cli.main import run
from dockyard.cli.table import COMMANDS, Command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_every_example_fits_its_command(command: Command) -> None:
    app, _ = parser(command)
    assert EXAMPLES[command.word]
    for example in EXAMPLES[command.word]:
        words = shlex.split(example)
        assert words[: 1 + len(command.word.split())] == ["dockyard", *command.word.split()]
        given = words[1 + len(command.word.split()) :]
        if "--" in given:
            given = given[: given.index("--")]
        if "<" in example:
            given = [word for word in given if not word.startswith("<")]
        app.parse_args(given, exit_on_error=False, print_error=False)


def test_there_are_examples_and_groups_of_no_other_commands() -> None:
    known = {command.word for command in COMMANDS}
    assert set(EXAMPLES) == known
    assert set(GROUPS) <= known


@pytest.mark.parametrize("word", sorted(GROUPS))
def test_every_option_of_a_long_page_stands_in_one_group(word: str) -> None:
    command = next(each for each in COMMANDS if each.word == word)
    app, _ = parser(command)
    names = [each.names[0] for each in app.assemble_argument_collection() if each.index is None and each.show]
    grouped = [name for members in GROUPS[word].values() for name in members.split()]
    assert sorted(grouped) == sorted(names)
    assert "Other options" not in page(command)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_every_argument_and_option_is_explained(command: Command) -> None:
    app, function = parser(command)
    for argument in app.assemble_argument_collection(parse_docstring=True):
        assert not argument.show or argument.parameter.help, argument.names
    assert (function.__doc__ or "").strip()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.word)
def test_what_commands_share_is_spelt_alike(command: Command) -> None:
    app, _ = parser(command)
    names = [set(each.names) for each in app.assemble_argument_collection()]
    for long, short in (
        ("--output", "-o"),
        ("--tag", "-t"),
        ("--quiet", "-q"),
        ("--input", "-i"),
        ("--username", "-u"),
    ):
        several = [each for each in names if long in each]
        exempt = (command.word, long) in {
            ("ship", "--tag"),
            ("registry replication", "--username"),
            ("registry endpoint", "--username"),
        }
        assert exempt or all(short in each for each in several), f"{long} has no {short}"


def test_a_page_is_plain_text_without_what_nobody_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["save", "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Usage: dockyard save [OPTIONS] NAME [NAMES...]\n")
    assert "  -o, --output PATH       the file; standard output by default\n" in text
    assert "  dockyard save shop/web:1.0 -o web.tar\n" in text
    for noise in ("--no-json", '[default: ""]', "--empty", "\x1b", "╭"):
        assert noise not in text


def test_a_switch_that_is_on_shows_how_to_put_it_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "-h"]) == 0
    assert "--no-shellcheck" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["registry"], ["registry", "--help"], ["help", "registry"]])
def test_a_word_with_commands_below_it_lists_them(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    unfinished = words == ["registry"]
    assert run(words) == (2 if unfinished else 0)
    said = capsys.readouterr()
    text = said.err if unfinished else said.out
    assert all(f"  {command.word} " in text for command in COMMANDS if command.word.startswith("registry "))


def test_help_before_the_command_is_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "images"]) == 0
    before = capsys.readouterr().out
    assert run(["images", "--help"]) == 0
    assert capsys.readouterr().out == before


def test_help_among_words_for_another_program_is_left_to_it() -> None:
    command = next(each for each in COMMANDS if each.word == "debug")
    app, function = parser(command)
    assert "rest" in function.__annotations__
    with pytest.raises(cyclopts.CycloptsError):
        app.parse_args(["--help"], exit_on_error=False, print_error=False)


def test_nothing_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for command in COMMANDS:
        shown = page(command)
        told, _, examples = shown.partition("\nExamples:\n")
        assert max(map(len, told.splitlines())) <= 80, command.word
        assert examples
    assert max(map(len, overview().splitlines())) <= 80
    assert max(map(len, within("registry").splitlines())) <= 80
