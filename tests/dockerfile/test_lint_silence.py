"""Comments that steer lint, in every dialect."""

import pytest

from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.parser import parse


def codes(text: str, *rules: str) -> list[str]:
    return [each.rule for each in lint(parse(text), only=rules)]


@pytest.mark.parametrize(
    "comment",
    [
        "# hadolint ignore=DL3006",
        "#hadolint ignore=DL3006",
        "# hadolint  ignore = DL3007 , DL3006",
        "# hadolint ignore=DL3006 # the registry is our own",
        "# dockyard: ignore=pin-base # why",
        "# check=skip=all",
        "# some words\n# hadolint ignore=DL3006\n# more words",
    ],
)
def test_a_comment_above_silences_the_instruction(comment: str) -> None:
    assert codes(f"FROM x:1.2.3\n{comment}\nFROM python", "pin-base") == []


@pytest.mark.parametrize(
    "comment", ["# hadolint ignore=DL3008", "# hadolint", "# ignore=DL3006", "# hadolint ignore=DL3006\n#\n# other"]
)
def test_another_comment_silences_nothing(comment: str) -> None:
    assert codes(f"FROM x:1.2.3\n{comment}\nFROM python", "pin-base") == ["pin-base"]


def test_one_package_managers_rule_does_not_silence_anothers() -> None:
    text = "FROM a\n# hadolint ignore=DL3008\nRUN apt-get install -y b && npm i c\n"
    assert codes(text, "pin-packages") == ["pin-npm"]


def test_error_true_makes_errors_of_what_buildkit_has_a_rule_for() -> None:
    text = "# check=skip=StageNameCasing;error=true\nFROM a AS Build\nENTRYPOINT b\nRUN pip install c\n"
    found = {each.rule: each.severity for each in lint(parse(text))}
    assert found["shell-form"] == "error"
    assert found["pin-pip"] == "warning"
    assert "stage-casing" not in found


def test_error_false_changes_nothing() -> None:
    found = lint(parse("# check=error=false\nFROM a\nENTRYPOINT b\n"), only=["shell-form"])
    assert [each.severity for each in found] == ["warning"]


@pytest.mark.parametrize("value", ["all", "InvalidDefinitionDescription", "other,InvalidDefinitionDescription"])
def test_experimental_runs_what_is_off(value: str) -> None:
    text = f"# check=experimental={value}\n\n# words\nFROM a AS b\n"
    assert "describing-comment" in {each.rule for each in lint(parse(text))}
    assert "describing-comment" not in {each.rule for each in lint(parse(text.replace("experimental", "other")))}


def test_a_rule_on_request_runs_when_it_is_asked_for() -> None:
    text = "# hadolint ignore=DL3006\nFROM a\n"
    assert "no-silencing" in {each.rule for each in lint(parse(text), also=["DL1001"])}
    assert "no-silencing" not in {each.rule for each in lint(parse(text))}


PIPE = "RUN a | b"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"FROM a\n{PIPE}\n# hadolint shell=powershell\n{PIPE}", [2]),
        (f"# hadolint shell=powershell\nFROM a\n{PIPE}\nFROM b\n{PIPE}", []),
        (f"# escape=`\n# dockyard shell=pwsh\nFROM a\n{PIPE}", []),
        (f"FROM a\n# hadolint shell=cmd\n{PIPE}\nFROM b\n{PIPE}", [5]),
        (f"FROM x\n{PIPE}\n# hadolint shell=cmd\nFROM b\n{PIPE}", [2]),
        (f'FROM a\n# hadolint shell=cmd\nSHELL ["/bin/bash", "-c"]\n{PIPE}', [4]),
        (f'FROM a\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\n{PIPE}', []),
        (f'FROM a AS b\nSHELL ["bash", "-eo", "pipefail", "-c"]\nFROM b\n{PIPE}', []),
        (f"FROM mcr.microsoft.com/windows/servercore:1\n{PIPE}", []),
    ],
)
def test_the_shell_is_known_from_comments_and_from_shell(text: str, lines: list[int]) -> None:
    assert [each.line for each in lint(parse(text), only=["pipefail"])] == lines
