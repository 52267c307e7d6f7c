"""RUN --mount, --network, --security, --add-host and --ssh, under real runc."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dockyard.build.fault import RunFailedError, SourceMissingError
from dockyard.build.run.mounting import SecretMissingError
from dockyard.build.secrets.secret import Agent, Secret
from dockyard.content.layout import Layout
from dockyard.images.image import open_image
from dockyard.layers.layer import Layer
from making.builds import Yard
from making.images import image, layer

Make = Callable[[Layout, str], Layer]
SECRET = b"hunter2-very-secret-value"


@pytest.fixture
def yard(root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Make) -> Yard:
    program("runc")
    yard = Yard(tmp_path)
    base = image(yard.store, rootfs_layer(yard.store, "busybox-glibc-amd64.tar.gz"), config={"Env": ["PATH=/bin"]})
    yard.store.tag("docker.io/library/busybox:latest", base.descriptor)
    yard.write({"one.txt": "1", "app/a": "a", "ignored": "i", ".dockerignore": "ignored\n"})
    return yard


def read(yard: Yard, text: str, path: str, **options: Any) -> str:
    return yard.build(text, **options).image.tree().read(path).decode()


def test_a_secret_reaches_the_command_and_nothing_else(yard: Yard) -> None:
    text = (
        "FROM busybox\n"
        "RUN --mount=type=secret,id=token,required=true stat -c '%a %u' /run/secrets/token > /mode\n"
        "RUN --mount=type=secret,id=token,env=TOKEN echo -n $TOKEN | wc -c > /b\n"
        "RUN --mount=type=secret,id=token,target=/deep/er/file,mode=0444,uid=5 stat -c '%a %u' /deep/er/file > /c\n"
        "RUN ls /run /deep > /gone 2>&1 || true\n"
    )
    built = yard.build(text, secrets={"token": Secret("token", SECRET)})
    tree = built.image.tree()
    assert tree.read("mode") == b"400 0\n"
    assert tree.read("b").strip() == str(len(SECRET)).encode()
    assert tree.read("c") == b"444 5\n"
    assert tree.get("run/secrets") is None
    assert tree.get("deep") is None
    for path in [*yard.data.rglob("*"), *Path("/dev/shm").rglob("*")]:
        if path.is_file() and not path.is_symlink():
            assert SECRET not in path.read_bytes(), path
    for each in built.image.layers:
        with each.open_uncompressed() as stream:
            assert SECRET not in stream.read()
    assert not any(SECRET.decode() in line for line in yard.progress.lines)
    assert SECRET.decode() not in repr(built) + str(built.to_json())


def test_a_required_secret_that_was_not_given_stops_the_build(yard: Yard) -> None:
    with pytest.raises(SecretMissingError, match="token") as refused:
        yard.build("FROM busybox\nRUN --mount=type=secret,id=token,required true\n")
    assert refused.value.context["line"] == "2"


def test_binds_show_the_context_without_what_is_ignored_and_writes_are_dropped(yard: Yard) -> None:
    text = "FROM busybox\nRUN --mount=target=/c,rw ls /c > /a && touch /c/new && echo changed > /c/one.txt\n"
    assert read(yard, text, "a").split() == ["Dockerfile", "app", "one.txt"]
    assert (yard.context / "one.txt").read_text() == "1"
    assert not (yard.context / "new").exists()
    with pytest.raises(RunFailedError):
        yard.build("FROM busybox\nRUN --mount=target=/c touch /c/new\n")
    with pytest.raises(SourceMissingError):
        yard.build("FROM busybox\nRUN --mount=source=nothing,target=/c true\n")


def test_a_changed_file_in_a_bind_runs_the_step_again_and_another_one_does_not(yard: Yard) -> None:
    text = "FROM busybox\nRUN --mount=source=app,target=/c cat /c/a > /a\n"
    assert read(yard, text, "a") == "a"
    yard.write({"one.txt": "2"})
    assert all(step.cached for step in yard.build(text).steps)
    yard.write({"app/a": "b"})
    assert read(yard, text, "a") == "b"


def test_a_cache_is_kept_between_builds_and_its_sharing_is_kept_to(yard: Yard) -> None:
    line = "RUN --mount=type=cache,target=/cache,id=counter echo x >> /cache/n; wc -l < /cache/n > /count; echo {}\n"
    assert read(yard, "FROM busybox\n" + line.format(1), "count").strip() == "1"
    assert read(yard, "FROM busybox\n" + line.format(2), "count").strip() == "2"
    locked = (
        "FROM busybox\nRUN --mount=type=cache,target=/c,sharing=locked "
        "test ! -e /c/busy && touch /c/busy && sleep 0.7 && rm /c/busy; echo {}\n"
    )
    failures: list[BaseException] = []

    def build(number: int) -> None:
        other = Yard.__new__(Yard)
        other.__dict__.update(yard.__dict__)
        other.context = yard.path / f"context{number}"
        other.context.mkdir()
        try:
            other.build(locked.format(number), tag=f"test:{number + 10}")
        except BaseException as error:  # noqa: BLE001 (told by the assertion)
            failures.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    private = "FROM busybox\nRUN --mount=type=cache,target=/p,sharing=private echo 1 > /p/x; ls /p > /a\n"
    assert read(yard, private, "a") == "x\n"


def test_a_build_without_the_cache_begins_cache_mounts_anew_once(yard: Yard) -> None:
    mount = "--mount=type=cache,target=/c,id=several"
    text = (
        f"FROM busybox AS s\nARG N\nRUN {mount} touch /c/s$N; ls /c > /one\nRUN {mount} touch /c/t$N; ls /c > /two\n"
        f"FROM busybox\nARG N\nCOPY --from=s /one /two /\nRUN {mount} touch /c/u$N; ls /c > /three\n"
    )
    for number, uncached, one, three in (
        (1, (), "s1", "s1 t1 u1"),
        (2, (), "s1 s2 t1 u1", "s1 s2 t1 t2 u1 u2"),
        (3, ("*",), "s3", "s3 t3 u3"),
        (4, (), "s3 s4 t3 u3", "s3 s4 t3 t4 u3 u4"),
        (5, ("s",), "s5", "s5 t5 u5"),
    ):
        built = yard.build(text, build_args={"N": str(number)}, uncached=frozenset(uncached)).image.tree()
        assert built.read("one").decode().split() == one.split()
        assert built.read("two").decode().split() == sorted([*one.split(), f"t{number}"])
        assert built.read("three").decode().split() == three.split()


def test_a_cache_begins_with_what_from_names(yard: Yard) -> None:
    text = (
        "FROM busybox AS s\nRUN mkdir /seed && echo 1 > /seed/f\nFROM busybox\n"
        "RUN --mount=type=cache,target=/c,from=s,source=/seed cat /c/f > /a\n"
    )
    assert read(yard, text, "a") == "1\n"


def test_memory_is_bounded_and_gone_afterwards(yard: Yard) -> None:
    text = "FROM busybox\nRUN --mount=type=tmpfs,target=/t,size=1m dd if=/dev/zero of=/t/x bs=1M count=3\n"
    with pytest.raises(RunFailedError, match="status"):
        yard.build(text)
    assert read(yard, "FROM busybox\nRUN --mount=type=tmpfs,target=/t touch /t/x && ls /t > /a\n", "a") == "x\n"


def test_an_agent_is_reached_by_another_user(yard: Yard, tmp_path: Path, program: Callable[[str], str]) -> None:
    agent = shutil.which("ssh-agent")
    if agent is None:
        pytest.skip("ssh-agent is not installed")
    socket = tmp_path / "agent.sock"
    child = subprocess.Popen([agent, "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    for _ in range(100):
        if socket.exists():
            break
        time.sleep(0.02)
    try:
        line = "RUN --mount=type=ssh,uid=1000 test -S $SSH_AUTH_SOCK && echo $SSH_AUTH_SOCK > /tmp/a\n"
        text = f"FROM busybox\nUSER 1000\n{line}"
        agents = {"default": Agent("default", socket)}
        assert read(yard, text, "tmp/a", agents=agents) == "/run/buildkit/ssh_agent.0\n"
    finally:
        child.terminate()
        child.wait()
    with pytest.raises(SecretMissingError, match="default"):
        yard.build("FROM busybox\nRUN --mount=type=ssh,required true\n")


def test_network_hosts_and_power(yard: Yard) -> None:
    text = "FROM busybox\nRUN {} readlink /proc/self/ns/net > /a\n"
    host = os.readlink("/proc/self/ns/net")
    assert read(yard, text.format(""), "a").strip() == host
    assert read(yard, text.format("--network=none"), "a").strip() != host
    assert read(yard, text.format(""), "a", network="none").strip() != host
    assert read(yard, text.format("--network=host"), "a", network="none", host_network=True).strip() == host
    hosts = read(yard, "FROM busybox\nRUN cat /etc/hosts > /h\n", "h", hosts={"db": "192.0.2.7"})
    assert "192.0.2.7\tdb" in hosts
    text = "FROM busybox\nRUN --security=insecure grep CapEff /proc/self/status > /c\n"
    powers = int(read(yard, text, "c", insecure=True).split()[1], 16)
    assert powers & 1 << 21  # CAP_SYS_ADMIN


def test_stages_that_do_not_need_each_other_run_side_by_side(yard: Yard) -> None:
    clock = "cut -d' ' -f1 /proc/uptime"
    text = (
        f"FROM busybox AS a\nRUN mkdir /x && ({clock}; sleep 1.5; {clock}) > /x/a\n"
        f"FROM busybox AS b\nRUN mkdir /x && ({clock}; sleep 1.5; {clock}) > /x/b\n"
        "FROM busybox AS unused\nRUN false\n"
        "FROM busybox\nCOPY --from=a /x /x\nCOPY --from=b /x /x\n"
    )
    built = yard.build(text)
    tree = built.image.tree()
    (a, a_end), (b, b_end) = (map(float, tree.read(f"x/{name}").split()) for name in "ab")
    assert a < b_end
    assert b < a_end
    assert [step.line for step in built.steps] == sorted(step.line for step in built.steps)


def test_a_failing_stage_ends_the_one_beside_it(yard: Yard) -> None:
    text = (
        "FROM busybox AS a\nRUN sleep 30\nFROM busybox AS b\nRUN sleep 0.5; exit 7\n"
        "FROM busybox\nCOPY --from=b /etc /x\nCOPY --from=a /etc /x\n"
    )
    began = time.monotonic()
    with pytest.raises(RunFailedError, match="7"):
        yard.build(text)
    assert time.monotonic() - began < 15
    assert list((yard.data / "run").iterdir()) == []


def test_what_ran_says_which_input_differed(yard: Yard) -> None:
    text = "FROM busybox\nARG V=1\nRUN echo $V > /v\nCOPY app /app\nRUN true\n"
    assert {step.why for step in yard.build(text).steps if step.why} == {"it has not run here before"}
    time.sleep(0.1)
    yard.write({"app/a": "new"})
    why = {step.line: step.why for step in yard.build(text).steps}
    assert "a changed" in why[4]
    assert "app/a" in why[4]
    assert why[5] == "a step before it, or the base, changed"
    why = {step.line: step.why for step in yard.build(text, build_args={"V": "2"}).steps}
    assert why[3] == "argument V changed: '1' became '2'"
    assert os.path.exists(yard.data / "cache" / "inputs")


def test_what_ran_names_a_base_a_secret_and_a_bind_that_differ(yard: Yard) -> None:
    text = (
        "FROM busybox\nRUN --mount=type=secret,id=one,env=S true\n"
        "RUN --mount=type=bind,source=app,target=/s cat /s/a > /m\n"
    )
    value = Secret("x", b"hunter2-hunter2")
    secrets = {"one": value, "two": value}

    def why(text: str) -> dict[int, str]:
        return {step.line: step.why for step in yard.build(text, secrets=secrets).steps}

    why(text)
    yard.write({"app/a": "changed"})
    assert why(text) == {2: "", 3: "file app changed"}
    text = text.replace("id=one", "id=two")
    assert why(text)[2] == "secret one is gone"
    before = open_image(yard.store, yard.store.resolve("docker.io/library/busybox:latest"))
    base = image(yard.store, *before.layers, layer(yard.store, {"new": b"1"}), config={"Env": ["PATH=/bin"]})
    yard.store.tag("docker.io/library/busybox:latest", base.descriptor)
    told = [str(each.manifest.config.digest)[:19] for each in (before, base)]
    assert why(text)[2] == f"the base busybox changed: {told[0]} became {told[1]}"


def test_a_command_depends_on_what_it_sees_and_not_on_what_the_image_only_says(yard: Yard) -> None:
    """As with BuildKit: labels, ports and commands change no file, an ARG no copy."""
    text = "FROM busybox\nARG V=1\nLABEL a=1\nEXPOSE 1\nCOPY app /app\nRUN echo $V > /v\n"
    text += 'CMD ["x"]\nRUN id -u > /tmp/u; pwd > /tmp/w\n'

    def ran(text: str, **args: str) -> list[int]:
        built = yard.build(text, build_args=args)
        assert built.image.tree().read("v").decode() == f"{args.get('V', '1')}\n"
        return [step.line for step in built.steps if not step.cached and step.text.startswith(("COPY", "RUN"))]

    assert ran(text) == [5, 6, 8]
    assert ran(text.replace("a=1", "a=2").replace("EXPOSE 1", "EXPOSE 2").replace('"x"', '"y"')) == []
    assert ran(text, V="2") == [6, 8]
    assert ran(text.replace('CMD ["x"]', "USER 7")) == [8]
    assert yard.build(text.replace('CMD ["x"]', "USER 7")).image.tree().read("tmp/u") == b"7\n"
    assert ran(text.replace('CMD ["x"]', "WORKDIR /app")) == [8]
    assert ran(text.replace('CMD ["x"]', "ENV E=1")) == [8]
    assert ran(text.replace('CMD ["x"]', 'SHELL ["/bin/sh", "-ec"]')) == [8]
