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
        ("serve -g 'on; off' \"(x)\"", '["serve", "-g", "on; off", "(x)"]'),
        ('serve "a $B"', '["/bin/sh", "-c", "exec serve \\"a $B\\""]'),
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


@pytest.mark.parametrize(
    ("rule", "run", "expected"),
    [
        # The name of a package is no command.
        ("wget-progress", "apt-get install -y wget && wget x", "apt-get install -y wget && wget --progress=dot:giga x"),
        ("wget-progress", "wget -q a && wget b", "wget -q a && wget --progress=dot:giga b"),
        ("no-sudo", "apt-get install -y sudo && sudo -E make", "apt-get install -y sudo && make"),
        ("no-sudo", "sudo usermod -aG sudo b", "usermod -aG sudo b"),
        ("no-sudo", "sudo -u postgres psql", ""),
        ("apt-in-scripts", "apt update && echo 'apt is fine'", "apt-get update && echo 'apt is fine'"),
        ("useradd-lastlog", "echo useradd x; useradd -u 200000 b", "echo useradd x; useradd -l -u 200000 b"),
        ("apk-cache", "apk --no-cache add b && apk add c", "apk --no-cache add b && apk add --no-cache c"),
        (
            "no-install-recommends",
            "apt-get install -y b \\\n  --no-install-recommends && apt-get install -y c",
            "apt-get install -y b \\\n  --no-install-recommends && apt-get install --no-install-recommends -y c",
        ),
        ("apt-lists", "apt-get update # all of them", ""),
        ("apt-lists", "apt-get update;", "apt-get update && \\\n    rm -rf /var/lib/apt/lists/*"),
        ("apt-lists", "apt-get update &", ""),
    ],
)
def test_only_what_is_a_command_is_changed(rule: str, run: str, expected: str) -> None:
    assert better(f"FROM a\nRUN {run}", rule) == (expected and f"RUN {expected}")


def test_what_an_onbuild_holds_is_changed_in_it() -> None:
    assert better("FROM a\nONBUILD RUN apt update", "apt-in-scripts") == "ONBUILD RUN apt-get update"


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("cd /b && make \\\n  # all\n  all", "WORKDIR /b\nRUN make \\\n  # all\n  all"),
        ("--network=none cd /b && \\\n  make", "WORKDIR /b\nRUN --network=none make"),
        ("cd $SOURCE && make", "WORKDIR $SOURCE\nRUN make"),
        # WORKDIR knows neither of these.
        ("cd $HOME && make", ""),
        ("cd ~/b && make", ""),
        ("cd $(mktemp) && make", ""),
        # Nor is there a folder to go back to.
        ("cd /b && make && cd -", ""),
    ],
)
def test_a_cd_becomes_the_workdir_that_it_names(run: str, expected: str) -> None:
    assert better(f"FROM a\nRUN {run}", "change-folder") == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("apk add b", "apk add c \\\n  d", "RUN apk add b && \\\n    apk add c \\\n  d"),
        ("apk add b # why", "apk add c", ""),
        ("apk add b;", "apk add c", ""),
    ],
)
def test_runs_are_merged_as_they_are_written(first: str, second: str, expected: str) -> None:
    assert better(f"FROM a\nRUN {first}\nRUN {second}", "merge-runs") == expected


def test_pipefail_is_for_a_shell_that_is_there() -> None:
    assert better("ARG B=alpine:3\nFROM $B AS c\nFROM c\nRUN a | b", "pipefail").startswith('SHELL ["/bin/ash", "-eo"')
    assert better("FROM a\nRUN a | b", "pipefail").startswith('SHELL ["/bin/bash", "-o"')
    assert better("FROM a\nRUN sh <<E\na | b\nE", "pipefail") == ""


@pytest.mark.parametrize(
    ("line", "rule", "expected"),
    [
        ("ONBUILD ADD https://b/c /c", "add-checksum", "ONBUILD ADD --checksum=sha256:<digest> https://b/c /c"),
        ("ADD https://b/c https://b/d /c/", "add-checksum", ""),
        ("ONBUILD ADD b.py /c", "add-for-copy", "ONBUILD COPY b.py /c"),
        ("EXPOSE 90 1.2.3.4:80:81/tcp 100", "expose-form", "EXPOSE 90 81/tcp 100"),
    ],
)
def test_what_stands_beside_it_stays(line: str, rule: str, expected: str) -> None:
    assert better(f"FROM a\n{line}", rule) == expected


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("FROM a\nEXPOSE 8080", True),
        ("FROM a\nEXPOSE 5432", False),
        ("FROM a\nEXPOSE $PORT", False),
        ("FROM scratch\nEXPOSE 8080", False),
    ],
)
def test_a_healthcheck_asks_with_what_is_there(text: str, asks: bool) -> None:
    assert ("wget" in better(text, "healthcheck")) == asks
