"""`dockyard debug`, --on-error shell, logs and limits of RUN, as whole processes under real runc."""

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from making.images import image

Make = Callable[[Layout, str], Layer]
PROGRAM = str(Path(sys.executable).parent / "dockyard")
SECRET = "hunter2-very-secret-value"
TEXT = """FROM busybox AS early
ENV WHO=me
WORKDIR /w
RUN echo made > file
FROM early
USER 7
RUN --mount=type=tmpfs,target=/t id -u && touch /tmp/left && echo said && false
RUN echo never
"""


@pytest.fixture
def context(root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Make) -> Path:
    program("runc")
    store = Layout(tmp_path / "home" / "store", create=True)
    base = image(store, rootfs_layer(store, "busybox-glibc-amd64.tar.gz"), config={"Env": ["PATH=/bin"]})
    store.tag("docker.io/library/busybox:latest", base.descriptor)
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(TEXT)
    return folder


def environment(context: Path, **more: str) -> dict[str, str]:
    return {"DOCKYARD_HOME": str(context.parent / "home"), "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", **more}


def dockyard(context: Path, *words: str, stdin: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROGRAM, *words],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(context, **more),
        cwd=context,
        timeout=120,
    )


def leftovers(context: Path) -> list[Path]:
    home = context.parent / "home"
    return [path for name in ("run", "work") for path in (home / name).glob("*")]


def test_a_command_runs_at_a_line_with_its_files_variables_and_folder(context: Path) -> None:
    words = ["debug", ".", "--at", "4", "--progress", "quiet", "--", "sh", "-c", "cat file; pwd; echo $WHO; exit 7"]
    done = dockyard(context, *words)
    assert (done.returncode, done.stdout.split()) == (7, ["made", "/w", "me"])
    before = dockyard(context, "debug", ".", "--at", "3", "--progress", "quiet", "--", "ls", "-A", "/w")
    assert (before.returncode, before.stdout) == (0, "")
    assert leftovers(context) == []


def test_without_a_line_it_stops_where_a_run_fails_with_its_mounts_and_user(context: Path) -> None:
    script = "id -u; ls /tmp/left; grep -c ' /t ' /proc/mounts; exit 3\n"
    done = dockyard(context, "debug", ".", "--progress", "plain", stdin=script)
    assert done.returncode == 3
    assert done.stdout.split() == ["7", "/tmp/left", "1"]
    assert "said" in done.stderr
    assert "never" not in done.stderr
    at_target = dockyard(context, "debug", ".", "--target", "early", "--progress", "quiet", "--", "cat", "/w/file")
    assert at_target.stdout == "made\n"
    assert leftovers(context) == []


def test_where_nothing_failed_the_line_is_told_that_is_done(context: Path) -> None:
    for words, line in ((["--at", "3"], 3), (["--at", "4"], 4), (["--target", "early"], 4)):
        done = dockyard(context, "debug", ".", *words, "--progress", "quiet", stdin="exit 5\n")
        assert (done.returncode, f"line {line} is done: /bin/sh there" in done.stderr) == (5, True), done.stderr


def test_lines_that_are_none_are_refused(context: Path) -> None:
    for line in ("99", "-1"):
        done = dockyard(context, "debug", ".", "--at", line, "--", "true")
        assert (done.returncode, "debug-line-unknown" in done.stderr) == (2, True)


def test_where_there_is_no_shell_that_is_said_with_what_to_do(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\nRUN true\n")
    for words in (("--at", "2"), ("--at", "2", "--", "ls"), ()):
        done = dockyard(context, "debug", ".", "--progress", "quiet", *words)
        assert (done.returncode, "no-program-there" in done.stderr, "hint: Name a program" in done.stderr) == (
            2,
            True,
            True,
        )
    failed = dockyard(context, "build", ".", "--progress", "quiet", "--on-error", "shell")
    assert "no shell opens" in failed.stderr
    assert "hint: The image has no /bin/sh" in failed.stderr
    assert leftovers(context) == []


def test_what_is_changed_inside_goes_nowhere(context: Path) -> None:
    dockyard(context, "debug", ".", "--at", "4", "--progress", "quiet", "--", "sh", "-c", "echo other > file")
    done = dockyard(context, "debug", ".", "--at", "4", "--progress", "quiet", "--", "cat", "file")
    assert done.stdout == "made\n"


def test_on_error_opens_a_shell_on_the_terminal_and_the_build_still_fails(context: Path) -> None:
    child, handle = pty.fork()
    if child == 0:
        os.chdir(context)
        os.execve(PROGRAM, [PROGRAM, "build", ".", "--on-error", "shell"], environment(context, TERM="xterm"))
    shown = until(handle, b"leave with exit")
    os.write(handle, b"tty; echo who=$WHO left=$(ls /tmp)\n")
    shown += until(handle, b"left=left")
    os.write(handle, b"exit 0\n")
    shown += until(handle, b"run-failed")
    _, status = os.waitpid(child, 0)
    os.close(handle)
    assert os.waitstatus_to_exitcode(status) == 2
    assert b"/dev/pts/0" in shown
    assert b"who=me left=left" in shown
    assert b"whole log: " in shown
    assert leftovers(context) == []


def until(handle: int, wanted: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + 60
    while wanted not in seen and time.monotonic() < deadline:
        ready, _, _ = select.select([handle], [], [], 0.2)
        if ready:
            try:
                seen += os.read(handle, 1 << 16)
            except OSError:
                break
    assert wanted in seen, seen.decode(errors="replace")
    return seen


def test_the_whole_log_of_a_failed_step_is_named_and_shown(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nRUN seq 1 3000; echo the end; false\n")
    failed = dockyard(context, "build", ".", "--json")
    error = json.loads(failed.stdout)["error"]
    lines = Path(error["context"]["log"]).read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (3001, "1", "the end")
    shown = dockyard(context, "builds", "last", "--failed").stdout
    assert "RUN seq 1 3000" in shown
    assert "\n2999\n" in shown
    told = json.loads(dockyard(context, "builds", "last", "--line", "2", "--json").stdout)
    assert told["steps"][0]["log"] == error["context"]["log"]


def test_secrets_that_a_command_prints_are_hidden_everywhere(context: Path) -> None:
    text = "FROM busybox\nRUN --mount=type=secret,id=t,env=T echo it is $T; echo $T >&2; false\n"
    (context / "Dockerfile").write_text(text)
    for form in ("plain", "rawjson"):
        words = ["build", ".", "--secret", "id=t,env=TOKEN", "--progress", form]
        done = dockyard(context, *words, TOKEN=SECRET)
        assert done.returncode == 2
        assert SECRET not in done.stderr + done.stdout
        assert "it is ***" in done.stderr
    for path in (context.parent / "home").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert SECRET.encode() not in path.read_bytes(), path


def test_limits_reach_the_commands(context: Path) -> None:
    text = "FROM busybox\nRUN ulimit -Sn; ulimit -Hn; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2\n"
    (context / "Dockerfile").write_text(text)
    words = ["build", ".", "--ulimit", "nofile=123:456", "--shm-size", "8m", "--progress", "plain"]
    shown = [line.split()[-1] for line in dockyard(context, *words).stderr.splitlines() if line.count(" ") == 2]
    assert shown[:3] == ["123", "456", "8192"]
    other = dockyard(context, "build", ".", "--ulimit", "nofile=124:456", "--progress", "plain").stderr
    assert "CACHED" not in other


def test_one_processor_runs_one_command_at_a_time(context: Path) -> None:
    body = "RUN --mount=type=cache,target=/c test ! -e /c/here && touch /c/here && sleep 0.5 && rm /c/here && echo {}\n"
    stages = "".join(f"FROM busybox AS s{n}\n{body.format(n)}" for n in range(3))
    copies = "".join(f"COPY --from=s{n} /etc /x{n}\n" for n in range(3))
    (context / "Dockerfile").write_text(f"{stages}FROM busybox\n{copies}")
    done = dockyard(context, "build", ".", "--processors", "1", "--progress", "plain")
    assert done.returncode == 0, done.stderr


def test_cache_mounts_travel_through_s3(context: Path, tmp_path: Path) -> None:
    from making.buckets import served

    text = "FROM busybox\nRUN --mount=type=cache,id=kept,target=/c ls /c; echo once > /c/file\n"
    (context / "Dockerfile").write_text(text)
    with served("mounts") as bucket:
        keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
        place = f"type=s3,bucket=mounts,endpoint_url={bucket.endpoint}"
        sent = dockyard(context, "build", ".", "--cache-to", f"{place},mode=max,mounts=true", **keys)
        assert sent.returncode == 0, sent.stderr
        # Sent once more by a build that runs nothing, they are still there.
        again = dockyard(context, "build", ".", "--cache-to", f"{place},mode=max,mounts=true", **keys)
        assert (again.returncode, "1 of them cached" in again.stdout) == (0, True), again.stdout + again.stderr
        other = tmp_path / "other" / "context"
        shutil.copytree(context, other)
        shutil.copytree(context.parent / "home" / "store", other.parent / "home" / "store")
        (other / "Dockerfile").write_text(text.replace("ls /c", "cat /c/file"))
        taken = dockyard(other, "build", ".", "--cache-from", place, "--progress", "plain", **keys)
        assert taken.returncode == 0, taken.stderr
        assert any(line.endswith(" once") for line in taken.stderr.splitlines()), taken.stderr


def test_a_network_of_its_own_is_there_at_a_line_too(context: Path, program: Callable[[str], str]) -> None:
    program("slirp4netns")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun cannot be opened")
    words = ["debug", ".", "--at", "4", "--network", "slirp4netns", "--progress", "quiet"]
    done = dockyard(context, *words, stdin="cat; ip addr show; exit 4\n")
    assert done.returncode in (0, 4)  # cat takes the rest of standard input
    done = dockyard(context, *words, "--", "ip", "addr")
    assert (done.returncode, "10.0.2.100" in done.stdout) == (0, True), done.stderr
    assert leftovers(context) == []
