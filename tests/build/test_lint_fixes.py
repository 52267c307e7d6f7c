"""What `lint --fix` changes, the builder does not notice: the image is the same."""

import io
import tarfile
from pathlib import Path

import pytest

from dockyard.build.build import BuildResult
from dockyard.dockerfile.lint.fix import fix
from dockyard.dockerfile.lint.lint import lint
from making.builds import Yard

LAYERS = """\
from scratch As Base
ADD a.py sub/ /srv/
ENV PLACE  /opt/here
env WORD two words
LABEL about  a thing
WORKDIR $PLACE
COPY \\

  a.py \\
  # why

  b.txt ./both/
EXPOSE 80/TCP 90/Udp
"""
FINAL = """\
FROM --platform=$TARGETPLATFORM base AS Final
COPY --from=Base /srv/a.py /srv/deep.txt /again/
ADD <<EOF /written
$PLACE
EOF
User 1000
Cmd ["a"]
"""


def built(yard: Yard, text: str) -> BuildResult:
    return yard.build(text, build_args={"SOURCE_DATE_EPOCH": "1700000000"})


@pytest.mark.parametrize("text", [LAYERS, LAYERS + FINAL, "FROM scratch\nADD data.json a.sh /x/\n"])
def test_a_fixed_file_builds_the_same_image(tmp_path: Path, text: str) -> None:
    yard = Yard(tmp_path)
    yard.write({"a.py": "a", "b.txt": "b", "sub/deep.txt": "c", "data.json": "{}", "a.sh": "#!/bin/sh\n"})
    found = fix(text.encode(), lint)
    assert len({each.rule for each in found.changes}) >= (4 if text.startswith("from") else 1)
    before, after = built(yard, text).image, built(yard, found.raw.decode()).image
    assert before.config.execution == after.config.execution
    assert before.config.diff_ids == after.config.diff_ids


def test_what_add_may_unpack_stays_an_add(tmp_path: Path) -> None:
    """A gem is an archive, whatever its name says."""
    yard = Yard(tmp_path)
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("inside"))
    yard.write({"tool.gem": held.getvalue()})
    text = "FROM scratch\nADD tool.gem /x/\n"
    assert fix(text.encode(), lint).raw.decode() == text
    assert built(yard, text).image.config.diff_ids != built(yard, text.replace("ADD", "COPY")).image.config.diff_ids
