"""What the lint rules find beside a real BuildKit's checks: the same rules on the same lines, but for what is meant.

`lint/buildkit.cases` holds the Dockerfiles; what only one of the two says stands with each.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.content.layout import Layout
from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.lint.options import Options
from dockyard.dockerfile.lint.rules import every
from dockyard.dockerfile.parser import parse
from making.buildkit import BuildKit, running
from making.images import image, layer
from making.lint_peers import PeerCase, peer_cases

CASES = peer_cases(Path(__file__).parent / "lint" / "buildkit.cases")
PEERS = ROOT / "bench" / "peers" / "bin"
pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """What BuildKit says about each case."""
    if not (PEERS / "buildkitd").exists():
        pytest.skip("bench/peers/build.sh has built no BuildKit here")
    place = tmp_path_factory.mktemp("buildkit-lint")
    store = Layout(place / "layout", create=True)
    base = image(store, layer(store, {"x": b"y"}), config={"Env": ["PATH=/bin"]})

    def said(peer: BuildKit, case: PeerCase) -> set[str]:
        folder = place / "contexts" / case.name
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text(case.text)
        return peer.lint(folder, bases={"base": str(base.descriptor.digest)})

    with (
        running(str(PEERS / "buildkitd"), str(PEERS / "buildctl"), place / "peer", place / "layout") as peer,
        ThreadPoolExecutor(3) as pool,
    ):
        jobs = {case.name: pool.submit(said, peer, case) for case in CASES}
        yield {name: job.result() for name, job in jobs.items()}


def ours(case: PeerCase) -> set[str]:
    known = Options(variables={"base": ("PATH",)})
    return {
        f"{name}:{each.line}-{each.end_line}"
        for each in lint(parse(case.text), options=known)
        for name in each.aliases
        if re.fullmatch("[A-Za-z]+", name)
    }


def test_buildkit_says_the_same(theirs: dict[str, set[str]]) -> None:
    wrong = []
    for case in CASES:
        mine, other = ours(case), theirs[case.name]
        if mine - other != case.ours or other - mine != case.theirs:
            wrong.append(f"{case.name}: only ours {mine - other}, only theirs {other - mine}\n{case.text}")
    assert not wrong, "\n".join(wrong)


def test_every_check_of_buildkit_has_a_case(theirs: dict[str, set[str]]) -> None:
    known = {place.split(":")[0] for case in CASES for place in theirs[case.name]}
    names = {name for rule in every() for name in rule.aliases if re.fullmatch("[A-Za-z]+", name)}
    # These need an ignore file, and a base for another platform.
    assert known == names - {"CopyIgnoredFile", "InvalidBaseImagePlatform"}
