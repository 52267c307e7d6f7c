"""COPY and ADD: where things go, whose they are, what is refused. No root needed."""

import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from dockyard.build.copy.owner import OwnerUnknownError
from dockyard.build.fault import ContextEscapeError, SourceMissingError
from dockyard.layers.fault import ArchiveEscapeError
from dockyard.layers.tar import Entry
from making.builds import Yard, members
from making.images import image, layer


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"app/a.py": "a", "app/sub/b.py": "b", "one.txt": "1", "two.txt": "2"})
    (yard.context / "app" / "a.py").chmod(0o640)
    base = image(
        yard.store,
        layer(
            yard.store,
            {
                "etc/passwd": b"root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n",
                "etc/group": b"root:x:0:\napp:x:1001:\nstaff:x:50:\n",
                "real": Entry("", "dir", 0o755),
                "link": Entry("", "symlink", 0o777, target="/real"),
            },
        ),
    )
    yard.store.tag("docker.io/library/base:1", base.descriptor)
    return yard


def copied(yard: Yard, line: str, base: str = "base:1") -> dict[str, tuple[str, int, int, int]]:
    return members(yard.build(f"FROM {base}\n{line}\n"))


def test_a_folder_gives_its_content(yard: Yard) -> None:
    found = copied(yard, "COPY app /srv/x")
    assert found["srv"] == ("dir", 0o755, 0, 0)
    assert found["srv/x/a.py"] == ("file", 0o640, 0, 0)
    assert found["srv/x/sub/b.py"][0] == "file"


def test_a_slash_makes_the_destination_a_folder(yard: Yard) -> None:
    assert "dst/one.txt" in copied(yard, "COPY one.txt /dst/")
    assert "dst" in copied(yard, "COPY one.txt /dst")
    assert "real/one.txt" in copied(yard, "COPY one.txt /real")


def test_links_in_the_image_are_followed(yard: Yard) -> None:
    assert "real/one.txt" in copied(yard, "COPY one.txt /link/")
    assert "real/deep/one.txt" in copied(yard, "COPY one.txt /link/deep/")


def test_wildcards_and_several_sources(yard: Yard) -> None:
    assert {"d/one.txt", "d/two.txt"} <= set(copied(yard, "COPY *.txt /d/"))
    assert {"d/one.txt", "d/a.py"} <= set(copied(yard, "COPY one.txt app/a.py /d/"))
    assert copied(yard, "COPY nothing* /d/") == {}


def test_an_owner_is_found_by_name_or_number_and_an_unknown_one_refused(yard: Yard) -> None:
    assert copied(yard, "COPY --chown=app one.txt /x/")["x/one.txt"][2:] == (1000, 1001)
    assert copied(yard, "COPY --chown=app:staff one.txt /x/")["x/one.txt"][2:] == (1000, 50)
    assert copied(yard, "COPY --chown=7:8 one.txt /x/")["x/one.txt"][2:] == (7, 8)
    assert copied(yard, "COPY --chown=ghost one.txt /x/")["x/one.txt"][2:] == (0, 0)
    assert copied(yard, "COPY --chown=7:ghost one.txt /x/")["x/one.txt"][2:] == (7, 7)
    with pytest.raises(OwnerUnknownError, match="app"):
        copied(yard, "COPY --link --chown=app one.txt /x/")


def test_mode_by_number_and_symbols(yard: Yard) -> None:
    assert copied(yard, "COPY --chmod=0501 one.txt /x/")["x/one.txt"][1] == 0o501
    assert copied(yard, "COPY --chmod=u=rwX,go=rX app /y")["y/a.py"][1] == 0o644


def test_a_changed_mode_that_chmod_overrides_hits_the_cache(yard: Yard) -> None:
    text = "FROM base:1\nCOPY --chmod=0644 one.txt /x/\n"
    first = yard.build(text)
    (yard.context / "one.txt").chmod(0o600)
    again = yard.build(text)
    assert again.steps[-1].cached
    assert again.image.layers[-1].descriptor == first.image.layers[-1].descriptor


def test_from_a_stage_keeps_owners(yard: Yard) -> None:
    text = "FROM base:1 AS b\nCOPY --chown=5:6 app /made/\nFROM base:1\nCOPY --from=b /made /got\n"
    assert members(yard.build(text))["got/a.py"] == ("file", 0o640, 5, 6)
    with pytest.raises(SourceMissingError, match="nothere"):
        yard.build("FROM base:1 AS b\nFROM base:1\nCOPY --from=b /nothere /x\n")


def test_a_missing_source_gets_the_nearest_name(yard: Yard) -> None:
    with pytest.raises(SourceMissingError) as refused:
        copied(yard, "COPY oen.txt /x")
    assert "one.txt" in refused.value.hint
    assert refused.value.context["line"] == "2"


@pytest.mark.parametrize("source", ["../secret", "../../secret", "app/../../secret"])
def test_dots_do_not_lead_out_of_the_context(yard: Yard, source: str) -> None:
    (yard.path / "secret").write_text("secret")
    with pytest.raises((ContextEscapeError, SourceMissingError)):
        copied(yard, f"COPY {source} /x")


@pytest.mark.parametrize("target", ["../secret", "/etc/hostname", "app/../../secret"])
def test_a_link_does_not_lead_out_of_the_context(yard: Yard, target: str) -> None:
    (yard.path / "secret").write_text("secret")
    os.symlink(target, yard.context / "out")
    with pytest.raises(ContextEscapeError, match="link"):
        copied(yard, "COPY out /x")


def test_links_inside_a_copied_folder_stay_links(yard: Yard) -> None:
    os.symlink("/etc/hostname", yard.context / "app" / "l")
    assert copied(yard, "COPY app /y")["y/l"][0] == "symlink"


def test_ignored_files_stay_out_and_are_explained(yard: Yard) -> None:
    yard.write({".dockerignore": "app/*\n!app/sub\n*.txt\n"})
    found = copied(yard, "COPY app /y")
    assert "y/sub/b.py" in found
    assert "y/a.py" not in found
    with pytest.raises(SourceMissingError, match="left out"):
        copied(yard, "COPY one.txt /y")
    yard.write({"Dockerfile.dockerignore": "# nothing\n"})
    assert "y" in copied(yard, "COPY one.txt /y")


def test_add_unpacks_an_archive_and_copy_does_not(yard: Yard) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        member = tarfile.TarInfo("in/side")
        member.size, member.uid, member.mode = 2, 42, 0o600
        archive.addfile(member, io.BytesIO(b"ok"))
    yard.write({"a.tgz": raw.getvalue()})
    assert copied(yard, "ADD a.tgz /d/")["d/in/side"] == ("file", 0o600, 42, 0)
    assert "d/a.tgz" in copied(yard, "COPY a.tgz /d/")
    assert copied(yard, "ADD one.txt /d/")["d/one.txt"][2:] == (0, 0)


def test_an_archive_that_climbs_out_is_refused(yard: Yard) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../evil"))
    yard.write({"evil.tar": raw.getvalue()})
    with pytest.raises(ArchiveEscapeError):
        copied(yard, "ADD evil.tar /d/")


def test_a_heredoc_becomes_a_file(yard: Yard) -> None:
    built = yard.build("FROM base:1\nENV A=1\nCOPY <<x <<'y' /d/\nv $A\nx\nv $A\ny\n")
    assert built.image.tree().read("d/x") == b"v 1\n"
    assert built.image.tree().read("d/y") == b"v $A\n"


def test_a_pipe_in_the_context_is_not_waited_for(yard: Yard) -> None:
    os.mkfifo(yard.context / "pipe")
    assert copied(yard, "ADD pipe /d/")["d/pipe"][0] == "fifo"


def test_a_socket_becomes_an_empty_file(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(yard.context / "app")  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("ear")
        listener.listen()
        os.chmod("ear", 0o640)
        for line, at in (
            ("COPY app /d", "d/ear"),
            ("COPY app/ear /", "ear"),
            ("ADD app/*ar /d/", "d/ear"),
            ("COPY --exclude=x app /d", "d/ear"),
        ):
            built = yard.build(f"FROM scratch\n{line}\n")
            assert members(built)[at] == ("file", 0o640, 0, 0), line
            assert built.image.tree().read(at) == b""


def test_folders_made_below_a_shared_one_are_shared_as_the_kernel_makes_them(yard: Yard) -> None:
    entries: dict[str, bytes | Entry] = {"s": Entry("", "dir", 0o2775, 50, 60)}
    yard.store.tag("docker.io/library/shared:1", image(yard.store, layer(yard.store, entries)).descriptor)
    assert copied(yard, "COPY one.txt /s/new/deep/", "shared:1") == {
        "s": ("dir", 0o2775, 50, 60),
        "s/new": ("dir", 0o2755, 0, 60),
        "s/new/deep": ("dir", 0o2755, 0, 60),
        "s/new/deep/one.txt": ("file", 0o644, 0, 0),
    }
    assert copied(yard, "COPY --chown=5:6 app /s/own", "shared:1")["s/own"] == ("dir", 0o2755, 5, 6)
    assert copied(yard, "COPY --chmod=711 one.txt /s/mode/", "shared:1")["s/mode"] == ("dir", 0o2711, 0, 60)
    assert copied(yard, "COPY app /s/copied", "shared:1")["s/copied/sub"] == ("dir", 0o755, 0, 0)
    assert copied(yard, "WORKDIR /s/work", "shared:1")["s/work"] == ("dir", 0o2755, 0, 60)


def test_links_after_the_first_wildcard_are_not_followed(yard: Yard) -> None:
    text = "FROM base:1 AS a\nCOPY one.txt /real/\nFROM scratch\nCOPY --from=a {} /d/\n"
    assert "d/one.txt" in members(yard.build(text.format("/link/*")))
    assert members(yard.build(text.format("/l*/*"))) == {}


def test_a_file_that_is_there_already_is_not_told_of_again_but_everything_that_differs_is(yard: Yard) -> None:
    again = "FROM scratch\nCOPY one.txt two.txt app /d/\n"
    assert members(yard.build(again + "COPY one.txt two.txt app /d/\n")) == {}
    assert set(members(yard.build(again + "COPY --chmod=600 one.txt two.txt /d/\n"))) == {"d", "d/one.txt", "d/two.txt"}
    yard.write({"other/one.txt": "9"})
    os.utime(yard.context / "other/one.txt", (yard.context / "one.txt").stat()[7:9])
    assert set(members(yard.build(again + "COPY other/one.txt two.txt /d/\n"))) == {"d", "d/one.txt"}
    assert members(yard.build(again + "COPY --link one.txt /d/\n"))["d/one.txt"] == ("file", 0o644, 0, 0)


def test_what_is_overwritten_twice_in_one_copy_is_what_came_last(yard: Yard) -> None:
    yard.write({"other/one.txt": "9"})
    os.utime(yard.context / "other/one.txt", (yard.context / "one.txt").stat()[7:9])
    result = yard.build("FROM scratch\nCOPY one.txt /d/\nCOPY one.txt other/one.txt /d/\n")
    assert result.image.tree().read("d/one.txt") == b"9"


def test_a_stage_copied_over_itself_leaves_nothing_without_reading_a_file(yard: Yard) -> None:
    result = yard.build("FROM scratch AS a\nCOPY app /d/\nFROM a\nCOPY --from=a /d /d\nCOPY --from=a / /\n")
    assert [len(list(layer.entries())) for layer in result.image.layers[1:]] == [0, 0]


def test_the_same_bytes_under_another_name_keep_their_own_time(yard: Yard) -> None:
    """The cache leaves times out, so it must not give a heredoc the time of a file that was copied before."""

    def time_of(line: str) -> int:
        layer = yard.build(f"FROM scratch\n{line}").image.layers[-1]
        return next(entry.mtime for entry, _ in layer.entries() if entry.path == "d")

    os.utime(yard.context / "one.txt", (1_000_000_000, 1_000_000_000))
    (yard.context / "two.txt").write_text("1")
    os.utime(yard.context / "two.txt", (1_100_000_000, 1_100_000_000))
    assert time_of("COPY one.txt /d\n") == 1_000_000_000
    assert time_of("COPY two.txt /d\n") == 1_100_000_000
    os.utime(yard.context / "one.txt", (1_200_000_000, 1_200_000_000))
    assert time_of("COPY one.txt /d\n") == 1_000_000_000, "a new time alone is no change"
