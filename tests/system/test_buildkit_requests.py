"""What a Dockerfile has to offer, told by us and by a real BuildKit: its targets, and what a target takes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.build.plan import predefined
from dockyard.dockerfile.outline import outline, targets
from dockyard.dockerfile.parser import parse
from dockyard.oci.platform import Platform
from making.buildkit import BuildKit, running

PEERS = ROOT / "bench" / "peers" / "bin"
TEXT = """\
# G the global one
ARG G=1
ARG H=${G}x UNUSED=2
ARG UNTAKEN=$H
# base where it begins
FROM scratch AS base
# B of base
ARG B=b
ENV E=env
# Two is not its name
FROM base AS two
# G again
ARG G
ARG X=${B}y-$E
ARG TARGETARCH
ARG H
RUN --mount=type=secret,id=token,required --mount=type=ssh true
RUN --mount=type=secret,target=/run/other --mount=type=ssh,id=mine,required true
# V what
ARG V W=w
# other beside
FROM --platform=$BUILDPLATFORM scratch AS other
ARG OTHER=1
ARG X=z
FROM two
COPY --from=other / /
ARG LAST=$W-$V
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildKit]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not (PEERS / "buildkitd").exists():
        pytest.skip("buildkitd is not built: make peers")
    path = tmp_path_factory.mktemp("requests")
    with running(str(PEERS / "buildkitd"), str(PEERS / "buildctl"), path / "buildkitd", path) as daemon:
        yield daemon


def rows(text: str, title: str) -> list[list[str]]:
    """The cells of the table whose head begins with `title`, in columns as wide as the head says."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(title)), None)
    if start is None:
        return []
    head = lines[start]
    columns = [at for at in range(len(head)) if head[at] != " " and (at == 0 or head[at - 2 : at].isspace())]
    columns = [0, *(at for at in columns if at)]
    end = next((number for number in range(start, len(lines)) if not lines[number].strip()), len(lines))
    bounds = list(zip(columns, [*columns[1:], None], strict=True))
    return [[line[first:last].strip() for first, last in bounds] for line in lines[start + 1 : end]]


@pytest.mark.parametrize(
    ("target", "given"), [("", {}), ("", {"W": "given", "G": "3"}), ("two", {}), ("base", {"B": "c"}), ("other", {})]
)
def test_the_outline_is_buildkit_s(peer: BuildKit, tmp_path: Path, target: str, given: dict[str, str]) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT)
    theirs = peer.answer(tmp_path, "frontend.outline", given, target)
    ours = outline(parse(TEXT.encode()), target, given, predefined(Platform.host(), target, given))
    found = sorted([each["name"], each["value"], each["description"]] for each in ours["args"])
    assert found == sorted(rows(theirs, "BUILD ARG")), theirs
    for kind, title in (("secrets", "SECRET"), ("ssh", "SSH")):
        told = sorted([each["id"], "true" if each["required"] else ""] for each in ours[kind])
        assert told == sorted(rows(theirs, title)), theirs


def test_the_targets_are_buildkit_s(peer: BuildKit, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT)
    theirs = [each.split() for each in peer.answer(tmp_path, "frontend.targets", {}).splitlines()[1:] if each.strip()]
    ours = [
        [
            *([each["name"]] if each["name"] else []),
            *(["(default)"] if each["default"] else []),
            *each["description"].split(),
        ]
        for each in targets(parse(TEXT.encode()))
    ]
    assert ours == theirs
