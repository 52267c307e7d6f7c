"""Nodes into typed instructions, and errors that help."""

import pytest

from dockyard.dockerfile.duration import nanoseconds
from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Env,
    From,
    Healthcheck,
    Instruction,
    Onbuild,
    Run,
    interpret,
)
from dockyard.dockerfile.mounts import parse_mount
from dockyard.dockerfile.parser import parse


def one(text: str) -> Instruction:
    return interpret(parse(text).nodes[0])


def test_from_is_read_in_every_form() -> None:
    head = one("FROM --platform=linux/arm64 alpine:3.20 As Build-1")
    assert isinstance(head, From)
    assert (head.image, head.name, head.platform) == ("alpine:3.20", "build-1", "linux/arm64")


def test_copy_takes_all_its_flags() -> None:
    copy = one("COPY --from=b --chown=1:2 --chmod=u+x --link --parents=false --exclude=*.md --exclude=t a b /c/")
    assert isinstance(copy, Copy)
    assert (copy.sources, copy.destination, copy.from_, copy.chown, copy.chmod) == (
        ("a", "b"),
        "/c/",
        "b",
        "1:2",
        "u+x",
    )
    assert (copy.link, copy.parents, copy.exclude) == (True, False, ("*.md", "t"))


def test_add_takes_all_its_flags() -> None:
    add = one('ADD --checksum=sha256:00 --keep-git-dir=true --unpack=false ["https://x/a b", "/c"]')
    assert isinstance(add, Add)
    assert (add.sources, add.checksum, add.keep_git_dir, add.unpack) == (("https://x/a b",), "sha256:00", True, False)


def test_a_heredoc_is_a_source_of_copy() -> None:
    copy = one("COPY <<a.txt b <<c.txt /d/\n1\na.txt\n2\nc.txt\n")
    assert isinstance(copy, Copy)
    assert copy.sources == ("b",)
    assert [each.name for each in copy.heredocs] == ["a.txt", "c.txt"]


def test_run_with_mounts_network_and_security() -> None:
    run = one(
        "RUN --mount=type=cache,target=/c,sharing=locked,mode=0700,uid=1 --mount=type=secret,id=k,env=KEY,required"
        " --mount=from=b,src=/x,dst=/y,rw --mount=type=tmpfs,target=/t,size=64m --network=none --security=insecure make"
    )
    assert isinstance(run, Run)
    cache, secret, bind, tmpfs = run.mounts
    assert (cache.type, cache.sharing, cache.mode, cache.uid, cache.readonly) == ("cache", "locked", 0o700, 1, False)
    assert (secret.id, secret.env, secret.required) == ("k", "KEY", True)
    assert (bind.type, bind.from_, bind.source, bind.target, bind.readonly) == ("bind", "b", "/x", "/y", False)
    assert tmpfs.size == 64 << 20
    assert (run.network, run.security, run.args) == ("none", "insecure", ("make",))


def test_mount_values_expand_but_not_from() -> None:
    text = "type=cache,target=/c/$A,from=a,uid=$A"
    assert parse_mount(text).uid is None
    mount = parse_mount(text, lambda word: word.replace("$A", "7"))
    assert (mount.target, mount.from_, mount.uid) == ("/c/7", "a", 7)
    with pytest.raises(DockerfileInvalidError, match="from takes no variable"):
        parse_mount("type=cache,target=/c,from=$A")


def test_env_and_arg_keep_their_pairs() -> None:
    env, legacy, arg = one('ENV a=b "c d"="e f"'), one("ENV a b c"), one("ARG x y=1 z=")
    assert isinstance(env, Env)
    assert isinstance(legacy, Env)
    assert isinstance(arg, Arg)
    assert (env.pairs, env.legacy) == ((("a", "b"), ('"c d"', '"e f"')), False)
    assert (legacy.pairs, legacy.legacy) == ((("a", "b c"),), True)
    assert arg.pairs == (("x", None), ("y", "1"), ("z", ""))


def test_healthcheck_with_all_options() -> None:
    check = one(
        "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2h --start-interval=1s --retries=5 CMD a b"
    )
    assert isinstance(check, Healthcheck)
    assert check.test == ("CMD-SHELL", "a b")
    assert (check.interval, check.timeout, check.start_period) == (90 * 10**9, 5 * 10**8, 7200 * 10**9)
    assert check.retries == 5
    assert one("HEALTHCHECK NONE").test == ("NONE",)  # type: ignore[attr-defined]
    assert one('HEALTHCHECK CMD ["a"]').test == ("CMD", "a")  # type: ignore[attr-defined]


def test_commands_in_both_forms() -> None:
    shell, array, empty = one("CMD a b"), one('CMD ["a", "b"]'), one("CMD []")
    assert isinstance(shell, Cmd)
    assert isinstance(array, Cmd)
    assert isinstance(empty, Cmd)
    assert (shell.args, shell.shell) == (("a b",), True)
    assert (array.args, array.shell) == (("a", "b"), False)
    assert (empty.args, empty.shell) == ((), False)


def test_onbuild_keeps_the_text_of_its_instruction() -> None:
    for text in ("COPY --from=x a b", "NONSENSE", "COPY <<E /x\none\nE"):
        trigger = one(f"ONBUILD {text}")
        assert isinstance(trigger, Onbuild)
        assert trigger.text == text


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("FORM alpine", "line 1: there is no instruction 'FORM'", "FROM"),
        ("COPY --chwon=1 a b", "COPY has no flag --chwon", "--chown"),
        ("USER --x=1 a", "USER has no flag --x", "no flags"),
        ("COPY a", "COPY needs at least one source and a destination", "COPY source"),
        ("COPY --link --link a b", "--link is there twice", ""),
        ("COPY --link=maybe a b", "--link is true or false", ""),
        ("COPY --chmod a b", "--chmod needs a value", "--chmod="),
        ("FROM a b", "FROM takes an image", "AS"),
        ("FROM a ZZ b", "stands where AS has to", "FROM a AS b"),
        ("FROM a AS 1b", "cannot be the name of a stage", ""),
        ("COPY --link=1 a b", "--link is true or false", ""),
        ("RUN --network= x", "--network takes", ""),
        ("RUN --mount=type=bind,required x", "takes no required", ""),
        ('RUN ["a", 1]', "something other than strings", "double quotes"),
        ("RUN --network=hots x", "--network takes", "--network=host"),
        ("RUN --device=a,foo=bar x", "a device has no 'foo'", "class=name,required"),
        ("RUN --device=a,required=maybe x", "required is true or false", ""),
        ("RUN --device= x", "a device needs a name", "--device="),
        ("RUN --mount=type=cahce,target=/x y", "no mount type 'cahce'", "type=cache"),
        ("RUN --mount=type=cache,tagret=/x y", "a mount has no 'tagret'", "target"),
        ("RUN --mount=type=bind,mode=0755 y", "takes no mode", ""),
        ("ENV A", "ENV needs a name and a value", "ENV A=value"),
        ("ENV A=1 B", "there is no = in 'B'", ""),
        ("ENV", "ENV needs a name and a value", ""),
        ("SHELL bash", "SHELL needs a JSON array", ""),
        ("ONBUILD FROM a", "ONBUILD cannot hold FROM", ""),
        ("ONBUILD ONBUILD RUN a", "ONBUILD cannot hold ONBUILD", ""),
        ("HEALTHCHECK --interval=5 CMD a", "not a duration", "30s"),
        ("HEALTHCHECK --interval=1us CMD a", "shorter than 1ms", ""),
        ("HEALTHCHECK FOO", "takes NONE or CMD", ""),
        ("HEALTHCHECK CMD", "needs a command", ""),
        ("WORKDIR", "WORKDIR needs a path", "WORKDIR /app"),
    ],
)
def test_errors_carry_line_text_and_a_suggestion(text: str, message: str, hint: str) -> None:
    with pytest.raises(DockerfileInvalidError) as caught:
        _whole(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.context["line"] == "1"
    assert caught.value.context["text"] in (text, *(word for word in text.split(" ") if word.startswith("--")))


def _whole(text: str) -> None:
    found = one(text)
    for each in found.mount_texts if isinstance(found, Run) else ():
        parse_mount(each, str, line=1)  # what is wrong with a mount shows where the stage is built


@pytest.mark.parametrize(
    ("text", "value"), [("1.5h", 5400 * 10**9), ("-1ms", -(10**6)), ("0", 0), ("1h2m3s", 3723 * 10**9)]
)
def test_durations_are_read_as_go_reads_them(text: str, value: int) -> None:
    assert nanoseconds(text) == value


@pytest.mark.parametrize("text", ["", "5", "s", "1d", "1 s", ".s", "-", "9999999h9999999999999h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        nanoseconds(text)
