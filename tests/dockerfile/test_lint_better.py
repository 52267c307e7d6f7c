"""The better lines: whoever puts one in has a file that does the same, but for what was wrong."""

import pytest

from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.parser import parse


def better(text: str, rule: str) -> str:
    """The better line of the first finding."""
    return lint(parse(text), only=[rule])[0].better


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("serve --all", '["serve", "--all"]'),
        ("exec serve --all", '["serve", "--all"]'),
        ("exec serve :$PORT", '["/bin/sh", "-c", "exec serve :$PORT"]'),
        ("HOST=0.0.0.0 serve 'a b'", '["env", "HOST=0.0.0.0", "serve", "a b"]'),
        ("HOST=$NAME serve", '["/bin/sh", "-c", "exec env HOST=$NAME serve"]'),
        ("migrate && serve $PORT", '["/bin/sh", "-c", "migrate && exec serve $PORT"]'),
        ("cd /srv; serve 2>&1", '["/bin/sh", "-c", "cd /srv; exec serve 2>&1"]'),
        ("serve 'a; b' $PORT", '["/bin/sh", "-c", "exec serve \'a; b\' $PORT"]'),
        ("serve -n $(nproc)", '["/bin/sh", "-c", "exec serve -n $(nproc)"]'),
        # What these mean no single program can be.
        ("serve | tee /log", ""),
        ("serve $A &", ""),
        ("if test $A; then serve; fi", ""),
        ("cd /srv", ""),
        ("serve # the shop", ""),
    ],
)
def test_a_shell_form_becomes_an_array_that_runs_the_same_program(command: str, expected: str) -> None:
    assert better(f"FROM a\nCMD {command}", "shell-form") == (expected and f"CMD {expected}")


def test_a_shell_form_of_windows_has_another_shell() -> None:
    assert better("FROM windows/nanoserver\nCMD c:\\app.exe", "shell-form") == ""
