"""Builds without RUN: configuration, history, stages, what is refused. No root needed."""

import json
import os
import time
from pathlib import Path

import pytest

from dockyard.build.fault import ContextUnreadableError, PlatformRefusedError, SourceMissingError
from dockyard.build.run.step import DeviceMissingError, InsecureRefusedError, NetworkRefusedError
from dockyard.build.slashes import DriveInvalidError
from dockyard.build.sources.bases import BaseMissingError
from dockyard.build.sources.contexts import read_dockerfile
from dockyard.build.state import PATH
from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.shell import ExpansionError
from dockyard.errors import Error
from dockyard.images.image import open_image
from dockyard.oci.platform import Platform
from making.builds import Yard
from making.images import image, layer

ALL = """\
FROM scratch
ARG VERSION=1
ENV A=1 B=$VERSION
ENV A=2 C=$A
LABEL org.example.version=$VERSION
EXPOSE 9001-9002/udp 80
VOLUME ["/data"]
USER 1000:1000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --retries=2 CMD curl -f http://localhost
ENTRYPOINT ["/app", "serve"]
CMD ["--port", "80"]
ONBUILD LABEL child=yes
"""


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_configuration_comes_out_as_buildkit_writes_it(yard: Yard) -> None:
    built = yard.build(ALL, build_args={"VERSION": "7"}, labels={"more": "1"})
    config = built.image.config.execution
    assert config["Env"] == [f"PATH={PATH}", "A=2", "B=7", "C=1"]
    assert config["Labels"] == {"org.example.version": "7", "more": "1"}
    assert sorted(config["ExposedPorts"]) == ["80/tcp", "9001/udp", "9002/udp"]
    assert config["Volumes"] == {"/data": {}}
    assert config["User"] == "1000:1000"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD-SHELL", "curl -f http://localhost"]
    assert config["Healthcheck"]["Interval"] == 5_000_000_000
    assert config["Entrypoint"] == ["/app", "serve"]
    assert config["Cmd"] == ["--port", "80"]
    assert config["OnBuild"] == ["LABEL child=yes"]
    assert all(
        item["empty_layer"] and item["comment"] == "buildkit.dockerfile.v0" for item in built.image.config.history
    )


def test_what_other_builders_left_in_a_base_is_not_taken_over(yard: Yard) -> None:
    health = {"Test": ["CMD", "x"], "Interval": 0, "Else": 1}
    left = {"Hostname": "a1b2", "Tty": False, "Image": "sha256:x", "User": "", "Volumes": None, "Shell": []}
    base = image(yard.store, layer(yard.store, {"f": b"x"}), config={"Cmd": ["sh"], "Healthcheck": health, **left})
    yard.store.tag("docker.io/library/old:1", base.descriptor)
    config = yard.build("FROM old:1\nLABEL a=b\n").image.config.execution
    assert config == {
        "Cmd": ["sh"],
        "Env": [f"PATH={PATH}"],
        "Healthcheck": {"Test": ["CMD", "x"]},
        "Labels": {"a": "b"},
    }


def test_history_names_steps_and_marks_layers(yard: Yard) -> None:
    yard.write({"f": "x"})
    history = yard.build('FROM scratch\nCOPY f /f\nWORKDIR /w\nCMD ["/f"]\n').image.config.history
    assert [item["created_by"] for item in history] == ["COPY f /f # buildkit", "WORKDIR /w", 'CMD ["/f"]']
    assert [item.get("empty_layer", False) for item in history] == [False, False, True]


def test_triggers_run_in_the_next_image_only(yard: Yard) -> None:
    yard.write({"f": "x"})
    yard.build("FROM scratch\nONBUILD COPY f /g\n", tag="parent:1")
    child = yard.build("FROM parent:1\n", tag="child:1")
    assert child.image.tree().read("g") == b"x"
    assert "OnBuild" not in child.image.config.execution
    assert len(yard.build("FROM child:1\n").image.layers) == 1


def test_an_entrypoint_drops_the_inherited_command(yard: Yard) -> None:
    yard.build('FROM scratch\nCMD ["old"]\n', tag="parent:1")
    assert "Cmd" not in yard.build('FROM parent:1\nENTRYPOINT ["/x"]\n').image.config.execution
    kept = yard.build('FROM parent:1\nCMD ["new"]\nENTRYPOINT ["/x"]\n').image.config.execution
    assert kept["Cmd"] == ["new"]


def test_building_again_writes_no_blob(yard: Yard) -> None:
    yard.write({"tree/a": "1", "tree/b/c": "2"})
    text = "FROM scratch\nCOPY tree /t\nWORKDIR /w\nENV A=1\n"
    first = yard.build(text)
    blobs = yard.blobs()
    second = yard.build(text)
    assert not any(step.cached for step in first.steps)
    assert all(step.cached for step in second.steps)
    assert second.image.descriptor == first.image.descriptor
    assert yard.blobs() == blobs


def test_files_that_were_only_touched_write_no_blob(yard: Yard) -> None:
    yard.write({"tree/a": "1"})
    text = "FROM scratch\nCOPY tree /t\nWORKDIR /w\n"
    first = yard.build(text)
    blobs = yard.blobs()
    os.utime(yard.context / "tree" / "a", (1, 1))
    second = yard.build(text)
    assert all(step.cached for step in second.steps)
    assert second.image.descriptor == first.image.descriptor
    assert yard.blobs() == blobs
    assert list((yard.store.path / "ingest").iterdir()) == []


def test_no_cache_carries_every_step_out(yard: Yard) -> None:
    yard.write({"a": "1"})
    yard.build("FROM scratch\nCOPY a /a\n")
    assert not any(step.cached for step in yard.build("FROM scratch\nCOPY a /a\n", uncached=frozenset("*")).steps)


def test_a_layer_gone_from_the_store_is_made_again(yard: Yard) -> None:
    yard.write({"a": "1"})
    first = yard.build("FROM scratch\nCOPY a /a\n")
    yard.store.blob_path(first.image.layers[0].descriptor.digest).unlink()
    assert yard.build("FROM scratch\nCOPY a /a\n").image.tree().read("a") == b"1"


def test_the_base_comes_from_the_store_and_is_reported(yard: Yard) -> None:
    base = image(yard.store, layer(yard.store, {"etc/x": b"1"}))
    yard.store.tag("docker.io/library/base:1", base.descriptor)
    built = yard.build("ARG TAG=1\nFROM base:$TAG\nLABEL a=b\n")
    assert [(each.reference, each.digest, each.pinned) for each in built.bases] == [
        ("docker.io/library/base:1", base.descriptor.digest, False)
    ]
    assert built.image.layers[0].descriptor == base.layers[0].descriptor


def test_a_base_that_is_absent_is_named_with_the_line_of_its_stage(yard: Yard) -> None:
    for text in ("FROM absent:1\n", "FROM absent:1 AS a\nFROM scratch\nCOPY --from=a /x /\n"):
        with pytest.raises(BaseMissingError) as refused:
            yard.build(text)
        assert refused.value.context["line"] == "1"


def test_a_device_that_is_required_is_named_with_its_line(yard: Yard) -> None:
    with pytest.raises(DeviceMissingError, match=r"vendor\.com/gpu=all") as refused:
        yard.build("FROM scratch\nRUN --device=vendor.com/gpu=all,required true\n")
    assert refused.value.context["line"] == "2"


def test_every_power_over_the_machine_has_to_be_allowed(yard: Yard) -> None:
    with pytest.raises(InsecureRefusedError) as refused:
        yard.build("FROM scratch\nRUN --security=insecure true\n")
    assert refused.value.context["line"] == "2"


def test_this_machine_s_network_has_to_be_allowed(yard: Yard) -> None:
    with pytest.raises(NetworkRefusedError, match="RUN --network=host is not allowed") as failure:
        yard.build("FROM scratch\nRUN --network=host true\n", network="none")
    assert "--allow network.host" in str(failure.value.hint)
    yard.build("FROM scratch AS unused\nRUN --network=host true\nFROM scratch\n")


def test_a_dockerfile_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContextUnreadableError, match="Dockerfile"):
        read_dockerfile(tmp_path / "nowhere", None)


def test_podman_s_name_of_a_dockerfile_and_docker_s_other_one_are_known_too(tmp_path: Path) -> None:
    for name in ("dockerfile", "Containerfile", "Dockerfile"):
        (tmp_path / name).write_text("FROM scratch\n")
        assert read_dockerfile(tmp_path, None)[0] == tmp_path / name


def test_a_dockerfile_of_nearly_that_name_was_likely_meant(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile.prod").write_text("FROM scratch\n")
    for asked in (None, tmp_path / "Dockerfile.prd"):
        with pytest.raises(ContextUnreadableError) as refused:
            read_dockerfile(tmp_path, asked)
        assert str(refused.value.hint).startswith("Did you mean Dockerfile.prod? ")


def test_an_unknown_instruction_gets_a_suggestion(yard: Yard) -> None:
    with pytest.raises(DockerfileInvalidError) as refused:
        yard.build("FROM scratch\nCOYP a /a\n")
    assert "COPY" in f"{refused.value.message} {refused.value.hint}"
    assert refused.value.context["line"] == "2"


@pytest.mark.parametrize("text", ["FROM scratch\nCOPY --from=biuld /a /a\n", "FROM scratch AS build\nFROM build\n"])
def test_an_unknown_stage_is_refused(yard: Yard, text: str) -> None:
    with pytest.raises(Error):
        yard.build(text, target="" if "biuld" in text else "biuld")


def test_what_another_processor_would_have_to_run_is_refused_and_the_rest_is_built(yard: Yard) -> None:
    yard.write({"a": "1"})
    platform = Platform.parse("linux/s390x")
    built = yard.build("FROM scratch\nARG TARGETARCH\nCOPY a /a-$TARGETARCH\n", platforms=[platform])
    assert built.image.config.document["architecture"] == "s390x"
    assert built.image.tree().read("a-s390x") == b"1"
    with pytest.raises(PlatformRefusedError, match="s390x"):
        yard.build("FROM scratch\nRUN true\n", platforms=[platform])


def test_an_image_for_windows_has_that_system_s_shell_paths_and_version(yard: Yard) -> None:
    yard.write({"a": "1"})
    text = "FROM scratch\nARG TARGETOSVERSION\nCOPY a C:/x/\nWORKDIR C:\\\\app\nWORKDIR sub\nCMD go $TARGETOSVERSION\n"
    built = yard.build(text, platforms=[Platform.parse("windows(10.0.1)/amd64")]).image
    assert built.config.execution == {
        "WorkingDir": "\\app\\sub",
        "Cmd": ["cmd", "/S", "/C", "go $TARGETOSVERSION"],
        "ArgsEscaped": True,
    }
    assert (built.config.document["os"], built.config.document["os.version"]) == ("windows", "10.0.1")
    assert built.tree().read("x/a") == b"1"
    assert built.tree().get("app/sub") is not None
    for path in ("D:/x", "C:", "//host/share"):
        with pytest.raises(DriveInvalidError):
            yard.build(f"FROM scratch\nWORKDIR {path}\n", platforms=[Platform.parse("windows/amd64")])


def test_several_platforms_become_an_index(yard: Yard) -> None:
    yard.write({"a": "1"})
    platforms = [Platform.parse("linux/amd64"), Platform.parse("linux/arm64/v8")]
    built = yard.build("FROM scratch\nARG TARGETARCH\nENV A=$TARGETARCH\nCOPY a /a\n", platforms=platforms)
    assert built.descriptor == yard.store.resolve("docker.io/library/test:1")
    for platform in platforms:
        image_ = open_image(yard.store, built.descriptor, platform)
        assert image_.config.environment["A"] == platform.architecture


def test_a_variable_of_the_base_stage_counts_again_before_an_argument(yard: Yard) -> None:
    text = "FROM scratch AS a\nENV A=env\nARG A=arg\nLABEL in=$A\nFROM a\nLABEL below=$A\n"
    assert yard.build(text).image.config.execution["Labels"] == {"in": "arg", "below": "env"}


def test_a_stage_may_be_called_scratch(yard: Yard) -> None:
    yard.write({"a": "a\n"})
    made = yard.build("FROM scratch AS scratch\nCOPY a /\nFROM scratch\nCOPY --from=scratch /a /b\n")
    assert [node.path for node in made.image.tree().walk() if node.path] == ["a", "b"]


def test_a_heredoc_s_name_may_lead_out_of_a_folder_and_lands_beside(yard: Yard) -> None:
    made = yard.build("FROM scratch\nCOPY <<../a <<./b <</c /d/\na\n../a\nb\n./b\nc\n/c\n")
    assert [node.path for node in made.image.tree().walk() if node.path] == ["d", "d/a", "d/b", "d/c"]
    with pytest.raises(SourceMissingError, match="folder that is not there"):
        yard.build("FROM scratch\nCOPY <<x/a /d/\na\nx/a\n")


def test_what_parents_excludes_is_missing_though_something_else_is_let_back_in(yard: Yard) -> None:
    yard.write({"a/one.txt": "1\n", "a/b.py": ""})
    with pytest.raises(SourceMissingError, match="left out by --exclude"):
        yard.build("FROM scratch\nCOPY --parents --exclude=**/*.txt --exclude=!**/*.py a/one.txt /d/\n")
    made = yard.build("FROM scratch\nCOPY --parents --exclude=a --exclude=!**/*.py a /d/\n")
    assert "d/a/b.py" in [node.path for node in made.image.tree().walk()]


def test_one_platform_becomes_an_index_where_the_argument_says_so(yard: Yard) -> None:
    made = yard.build("FROM scratch\nLABEL a=b\n", build_args={"BUILDKIT_MULTI_PLATFORM": "1"})
    (entry,) = json.loads((yard.store.path / "blobs" / "sha256" / made.descriptor.digest.hex).read_bytes())["manifests"]
    assert entry["platform"]["architecture"] == Platform.host().architecture


def test_of_a_folder_the_file_that_changed_is_named_by_its_content(yard: Yard) -> None:
    yard.write({"d/a": "1", "d/b/c": "1", "d/z": "1"})
    text = "FROM scratch\nCOPY d /d\n"
    yard.build(text)
    os.utime(yard.context / "d" / "z")

    def why() -> str:
        time.sleep(0.05)
        return yard.build(text).steps[0].why

    yard.write({"d/b/c": "2"})
    assert why() == "file d/b/c changed"
    (yard.context / "d" / "a").unlink()
    assert why() == "file d/a is gone"
    yard.write({"d/new": "1"})
    assert why() == "file d/new is new"
    (yard.context / "d" / "z").chmod(0o755)
    assert why() == "file d/z changed"
    yard.write({f"d/many/{number}": "1" for number in range(600)})
    why()
    yard.write({"d/many/17": "2"})
    assert why() == "file d/many/17 changed"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM scratch\nENV A=b\nEXPOSE ${X:\n", 3),
        ("# a\nARG A=${\nFROM scratch\n", 2),
        ("FROM scratch AS a\nFROM a${\n", 2),
        ("FROM scratch\nCOPY ${X /\n", 2),
        ("FROM scratch\n\nONBUILD COPY ${X /\nENV A='b\n", 4),
    ],
)
def test_a_word_that_cannot_be_expanded_is_named_with_its_line(yard: Yard, text: str, line: int) -> None:
    with pytest.raises(ExpansionError) as refused:
        yard.build(text)
    assert refused.value.context["line"] == str(line)
