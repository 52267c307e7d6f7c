"""`dockyard build`: as a whole process, and in this one where it is only asked what it makes of its words."""

import contextlib
import functools
import http.server
import io
import json
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.cli.build.flags import Flags, options
from dockyard.cli.build.refused import reduced

from .conftest import Build


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "f").write_text("x")
    (folder / "Dockerfile").write_text("FROM scratch\nARG V=1\nCOPY f /f\nLABEL v=$V\n")
    return folder


def dockyard(context: Path, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).parent / "dockyard"
    env = {"DOCKYARD_HOME": str(context.parent / "home"), "PATH": "/usr/bin:/bin", "SOURCE_DATE_EPOCH": "1700000000"}
    command = [str(program), "build", *words]
    done = subprocess.run(command, capture_output=True, input=stdin, env=env, cwd=context, timeout=60)
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(command, done.returncode, out, err)


def test_json_names_digest_tags_and_steps(context: Path) -> None:
    words = [".", "-t", "a:1", "-t", "b:2", "--build-arg", "V=7", "--iidfile", "id", "--json"]
    first = json.loads(dockyard(context, *words).stdout)
    assert first["tags"] == ["docker.io/library/a:1", "docker.io/library/b:2"]
    assert (context / "id").read_text() == first["image_id"]
    again = json.loads(dockyard(context, *words).stdout)
    assert again["digest"] == first["digest"]
    assert all(step["cached"] for step in again["steps"])


def test_quiet_prints_the_image_id_alone(context: Path) -> None:
    done = dockyard(context, "-q")
    assert done.stdout.startswith("sha256:")
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_an_error_is_one_json_document_with_its_line(context: Path) -> None:
    (context / "Other").write_text("FROM scratch\nCOPY g /g\n")
    done = dockyard(context, "-f", "Other", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert (error["reference"], error["context"]["line"]) == ("source-missing", "2")


def test_what_cannot_be_done_is_named(context: Path, build: Build) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nRUN true\n")
    assert "s390x" in build(context, "--platform", "linux/s390x").stderr
    for words in (
        ("ftp://example.com/x",),
        ("--network", "bridge"),
        ("--allow", "everything"),
        ("--output", "type=floppy"),
        ("--output", "type=local"),
        ("--build-context", "name"),
        ("--add-host", "name"),
        ("--secret", "id=x,src=/nowhere"),
        ("--ssh", "x=/nowhere"),
        ("--print", "everything"),
    ):
        done = build(context, *words)
        assert done.returncode == 2, words
        assert "hint" in done.stderr, words


def test_every_form_of_output_has_the_files(context: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    words = ["-t", "x:1"]
    for kind in ("oci", "docker", "tar", "local"):
        words += ["--output", f"type={kind},dest={out / kind}"]
    done = dockyard(context, *words, "--iidfile", str(out / "id"), "--metadata-file", str(out / "meta"), "--json")
    document = json.loads(done.stdout)
    assert (out / "local" / "f").is_file()
    with tarfile.open(out / "tar") as archive:
        assert archive.getnames() == ["f"]
    with tarfile.open(out / "oci") as archive:
        assert "index.json" in archive.getnames()
    with tarfile.open(out / "docker") as archive:
        assert "manifest.json" in archive.getnames()
    assert (out / "id").read_text() == document["image_id"]
    assert json.loads((out / "meta").read_text())["containerimage.digest"] == document["digest"]


def test_of_several_platforms_archives_have_the_index_and_folders_one_each(context: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["--platform", "linux/amd64,linux/arm64", "-t", "example.org/x:1", "--provenance", "max"]
    for kind in ("oci", "tar", "local"):
        words += ["--output", f"type={kind},dest={out / kind}"]
    out.mkdir()
    document = json.loads(dockyard(context, *words, "--metadata-file", str(out / "meta"), "--json").stdout)
    with tarfile.open(out / "tar") as archive:
        names = (each for a in ("amd64", "arm64") for each in (a, f"{a}/f", f"{a}/provenance.json"))
        assert archive.getnames() == [f"linux_{each}" for each in names]
    assert sorted(str(each.relative_to(out / "local")) for each in (out / "local").rglob("f")) == [
        "linux_amd64/f",
        "linux_arm64/f",
    ]
    with tarfile.open(out / "oci") as archive:
        (root,) = json.loads(read(archive, "index.json"))["manifests"]
        assert root["digest"] == document["digest"]
        assert root["annotations"]["io.containerd.image.name"] == "example.org/x:1"
        index = json.loads(read(archive, f"blobs/sha256/{root['digest'][7:]}"))
        *_, last = index["manifests"]
        attestation = json.loads(read(archive, f"blobs/sha256/{last['digest'][7:]}"))
        assert {f"blobs/{each['digest'].replace(':', '/')}" for each in index["manifests"]} < set(archive.getnames())
    assert attestation["artifactType"] == "application/vnd.docker.attestation.manifest.v1+json"
    assert attestation["config"]["data"] == "e30="
    assert attestation["subject"]["digest"] == index["manifests"][1]["digest"]
    refused = dockyard(context, *words[:2], "--output", f"type=docker,dest={out / 'docker'}")
    assert (refused.returncode, "one platform" in refused.stderr) == (2, True)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of the files in a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def read(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    assert found is not None
    return found.read()


def test_a_dockerfile_and_a_context_come_from_standard_input(context: Path) -> None:
    alone = dockyard(context, "-", "-q", stdin=b"FROM scratch\nLABEL a=b\n")
    assert alone.stdout.startswith("sha256:")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as writer:
        writer.add(context, ".")
    packed = dockyard(context, "-", "--json", stdin=archive.getvalue())
    assert json.loads(packed.stdout).get("steps", packed.stdout)[1]["step"] == "COPY f /f"
    file = dockyard(context, "-f", "-", "-q", stdin=b"FROM scratch\nCOPY f /other\n")
    assert file.stdout.startswith("sha256:")
    both = dockyard(context, "-", "-f", "-", stdin=b"")
    assert (both.returncode, "cannot both" in both.stderr) == (2, True)


def test_a_dockerfile_at_a_url_is_taken_whatever_name_is_given_for_it(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nLABEL of=url\n")
    with served(context) as address:
        for name in ((), ("-f", "any")):
            done = dockyard(context, f"{address}/Dockerfile", *name, "-q")
            assert done.stdout.startswith("sha256:"), done.stderr


def test_the_newest_file_of_an_archive_at_a_url_tells_its_time_where_the_server_does_not(context: Path) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data, mtime in (("Dockerfile", b"FROM scratch\nCOPY f /\n", 5), ("f", b"1", 7)):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), mtime
            archive.addfile(member, io.BytesIO(data))
    words = ["-", "--build-arg", "SOURCE_DATE_EPOCH=context", "-q", "-o", "type=oci,source-date-epoch=,dest=out.tar"]
    done = dockyard(context, *words, stdin=made.getvalue())
    assert done.returncode == 0, done.stderr
    with tarfile.open(context / "out.tar") as opened:
        assert b'"created":"1970-01-01T00:00:07Z"' in b"".join(
            file.read() for each in opened if each.isfile() and (file := opened.extractfile(each)) is not None
        )


def test_targets_and_outline_are_told_without_building(context: Path) -> None:
    text = "# the first\nFROM scratch AS one\nFROM scratch AS two\n# V what to ship\nARG V=1\n"
    text += "RUN --mount=type=secret,id=token,required --mount=type=ssh true\n"
    (context / "Dockerfile").write_text(text)
    targets = json.loads(dockyard(context, "--print", "targets", "--json").stdout)["targets"]
    assert [(each["name"], each["default"]) for each in targets] == [("one", False), ("two", True)]
    outline = json.loads(dockyard(context, "--print", "outline", "--json").stdout)
    assert outline["args"] == [{"name": "V", "default": "1", "value": "1", "description": "what to ship"}]
    assert outline["secrets"] == [{"id": "token", "required": True}]
    assert outline["ssh"] == [{"id": "default", "required": False}]


def test_explain_names_the_file_that_changed(context: Path) -> None:
    dockyard(context, "-q")
    (context / "f").write_text("other")
    assert "ran because file f changed" in dockyard(context, "--explain").stdout


@pytest.mark.slow
def test_a_cache_goes_through_s3(context: Path, tmp_path: Path) -> None:
    from making.buckets import served

    with served("cache") as bucket:
        facts = f"type=s3,bucket=cache,region=us-east-1,prefix=p/,name=a;b,endpoint_url={bucket.endpoint}"
        keys = "access_key_id=key,secret_access_key=secret"
        sent = json.loads(dockyard(context, "--cache-to", f"{facts},{keys},mode=max", "--json").stdout)
        assert sent["outputs"] == ["s3://cache/p/"]
        other = tmp_path / "other" / "context"
        shutil.copytree(context, other)
        taken = dockyard(other, "--cache-from", f"{facts},{keys}", "--json", "--progress", "plain")
        assert all(step["cached"] for step in json.loads(taken.stdout)["steps"]), taken.stderr
        assert json.loads(taken.stdout)["digest"] == sent["digest"]
        third = tmp_path / "third" / "context"
        shutil.copytree(context, third)
        nothing = dockyard(third, "--cache-from", f"{facts.replace('a;b', 'c')},{keys}", "--progress", "plain")
        assert (nothing.returncode, "warning: no cache from s3://cache/p/" in nothing.stderr) == (0, True)
        assert "secret" not in nothing.stderr


@pytest.mark.slow
def test_a_cache_goes_through_a_registry_alone_and_inside_an_image(context: Path, tmp_path: Path) -> None:
    from making.serving import Server

    server = Server(tmp_path)
    try:
        name = f"{server.address}/shop/web"
        both = ["--cache-to", "type=inline", "--cache-to", f"type=registry,ref={name}:cache"]
        sent = dockyard(context, "-t", f"{name}:1", "--push", *both, "--attest", "type=provenance,mode=max", "--json")
        assert sent.returncode == 0, sent.stdout + sent.stderr
        for number, tag in enumerate(("1", "cache")):
            other = tmp_path / f"other{number}" / "context"
            shutil.copytree(context, other)
            taken = dockyard(other, "--cache-from", f"{name}:{tag}", "--json", "--progress", "plain")
            assert all(step["cached"] for step in json.loads(taken.stdout)["steps"]), taken.stderr
        plain = dockyard(context, "-t", f"{name}:2", "--push", "--cache-from", f"{name}:nothing", "--progress", "plain")
        assert (plain.returncode, f"warning: no cache from {name}:nothing" in plain.stderr) == (0, True)
        nothing = dockyard(context, "--cache-from", f"{name}:2", "--progress", "plain")
        assert (nothing.returncode, "is not a build cache" in nothing.stderr) == (0, True)
    finally:
        server.stop()


def test_words_for_caches_are_checked(context: Path, build: Build) -> None:
    for words in (
        ("--cache-to", "type=s3,region=x"),
        ("--cache-to", "type=gha"),
        ("--cache-from", "type=inline"),
        ("--cache-to", "type=s3,bucket=b,acces_key_id=x"),
        ("--cache-to", "type=local,dest=x,mode=most"),
        ("--cache-to", "type=local,dest=x,image-manifest=false"),
        ("--cache-to", "type=local,dest=x,force-compression=true"),
        ("--cache-to", "type=local,dest=x,compression=zstd", "--compression", "gzip"),
        ("--cache-to", "type=s3,bucket=b,touch_refresh=soon"),
    ):
        done = build(context, *words)
        assert (done.returncode, "hint" in done.stderr) == (2, True), words
    kept = f"type=local,dest={context.parent / 'kept'},tag=v1"
    more = "mode=MAX,image-manifest=true,oci-mediatypes=true,compression=zstd,ignore-error"
    assert build(context, "--cache-to", f"{kept},{more}").returncode == 0
    (named,) = json.loads((context.parent / "kept" / "index.json").read_text())["manifests"]
    shutil.rmtree(context.parent / "home")
    for which in ("tag=v1", f"digest={named['digest']}"):
        source = f"type=local,src={context.parent / 'kept'},{which}"
        taken = build(context, "--cache-from", source, "--compression", "zstd", "--json")
        assert all(step["cached"] for step in json.loads(taken.stdout)["steps"])


def test_events_come_as_json_lines_and_the_log_is_told(context: Path) -> None:
    done = dockyard(context, "--progress", "rawjson", "--json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["begun", "ended"]
    assert (events[-1]["steps"], events[-1]["cached"]) == (3, 0)
    started = [each for each in events if each["event"] == "started"]
    assert [(each["line"], each["position"]) for each in started] == [(2, "1/3"), (3, "2/3"), (4, "3/3")]
    assert json.loads(done.stdout)["logs"] == events[0]["log"]
    again = dockyard(context, "--progress", "plain").stderr
    assert "#2 [0 2/3] COPY f /f\n#2 CACHED\n" in again


def test_bytes_that_are_not_utf_8_stand_in_no_document(context: Path) -> None:
    (context / "Dockerfile").write_bytes(b'FROM scratch\nLABEL by="Ren\xe9"\nCOPY f /\xe9\n')
    words = ["--progress", "rawjson", "--json", "--output", "type=oci,dest=image.tar", "--provenance", "mode=max"]
    done = dockyard(context, *words)
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [each["text"] for each in events if each["event"] == "started"] == ['LABEL by="Ren\ufffd"', "COPY f /\ufffd"]
    assert [each["step"] for each in json.loads(done.stdout)["steps"]] == ['LABEL by="Ren\ufffd"', "COPY f /\ufffd"]


def test_words_that_ask_for_what_is_done_anyway_change_nothing() -> None:
    words = ["--rm", "--force-rm=false", "--compress", "--isolation", "default", "--disable-content-trust", "-t", "x"]
    assert reduced([*words, "--isolation=default", "."]) == ["-t", "x", "."]
    asked = ["--rm=false", "--isolation", "process", "--disable-content-trust=false", "--", "--rm"]
    assert reduced(asked) == asked


def test_docker_s_words_for_this_machine_and_for_no_progress(context: Path) -> None:
    done = dockyard(context, "--rm", "--platform", "local", "--progress", "none", "--call=build", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    judged = dockyard(context, "--call", "check,format=json")
    assert json.loads(judged.stdout)
    assert dockyard(context, "--call", "check,format=xml").returncode == 2


@pytest.mark.slow
def test_words_of_docker_build_are_taken_or_refused_by_name(context: Path, build: Build) -> None:
    for words in (
        ("--builder", "x"),
        ("--memory=1g",),
        ("--rm=false",),
        ("--cpu-shares", "2"),
        ("--isolation=process",),
    ):
        done = build(context, *words)
        assert (done.returncode, "hint" in done.stderr) == (2, True), words
        assert f"does not take {words[0].partition('=')[0]}" in done.stderr
    for words in (
        ("--ulimit", "nofiles=1"),
        ("--ulimit", "nofile=9:1"),
        ("--shm-size", "much"),
        ("--cgroup-parent", "../x"),
        ("--attest", "type=other"),
        ("--progress", "fancy"),
        ("--progress", "tty"),
        ("--processors", "-1"),
        ("--memory-budget", "0"),
    ):
        done = build(context, *words)
        assert (done.returncode, "hint" in done.stderr) == (2, True), words
    more = ["--load", "--ulimit", "nofile=10:20", "--shm-size", "1m", "--attest", "type=provenance,mode=max"]
    assert build(context, *more, "--no-cache-filter", "a,b", "--processors", "1").returncode == 0
    checked = build(context, "--check", "--json")
    assert "findings" in json.loads(checked.stdout)


def test_builds_are_listed_and_only_the_last_are_kept(context: Path) -> None:
    from dockyard.build.cache import builds

    dockyard(context, "-q")
    data = context.parent / "home"
    assert [each["result"] for each in builds.kept(data)] == ["done"]
    for number in range(builds.KEPT + 5):
        folder = data / "builds" / f"old-{number}"
        folder.mkdir()
        (folder / "build.json").write_text("{}")
    dockyard(context, "-q")
    assert len(list((data / "builds").iterdir())) == builds.KEPT


def test_docker_s_settings_give_builds_their_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert options(Flags()).build_args == {}
    config = tmp_path / "config.json"
    config.write_text('{"proxies": {"default": {"httpProxy": "http://p:1", "httpsProxy": "http://p:2"}}}')
    assert options(Flags()).build_args == {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:2"}
    given = options(Flags(build_arg=["https_proxy=http://mine", "V=1"])).build_args
    assert given == {"HTTP_PROXY": "http://p:1", "https_proxy": "http://mine", "V": "1"}
    config.write_text("{")
    assert options(Flags()).build_args == {}
