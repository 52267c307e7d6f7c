"""What is given as an archive of images and is none."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.images.archive import ArchiveKindError, load
from dockyard.layers.fault import ArchiveInvalidError


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as writer:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            writer.addfile(member, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"import this\n", b"x" * 2000, gzip.compress(b"text"), archive(), archive(f=b"x")],
    ids=["nothing", "a short text", "a long text", "a packed text", "an empty archive", "another archive"],
)
def test_what_is_no_archive_of_images_is_told_as_that(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArchiveKindError):
        load(io.BytesIO(data), Layout(tmp_path, create=True))


def test_an_archive_that_is_cut_off_is_told_as_that(tmp_path: Path) -> None:
    whole = archive(f=b"x", g=b"y" * 2000)
    with pytest.raises(ArchiveInvalidError, match="ends inside"):
        load(io.BytesIO(whole[:2000]), Layout(tmp_path, create=True))
