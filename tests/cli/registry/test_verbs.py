"""`dockyard registry …`: every verb over a registry in a folder."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from dockyard.cli.main import run
from dockyard.oci.digest import Digest
from making.pushed import image, opened

pytestmark = pytest.mark.slow

Say = Callable[..., Any]


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    with opened(tmp_path / "registry") as instance:
        for tag in ("1.0.0", "1.1.0", "2.0.0"):
            image(instance.registry, "shop/web", tag, [tag.encode() * 1000], note=tag)

    def call(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run(["registry", *words, "--storage", str(tmp_path / "registry"), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return call


def test_rules_are_added_listed_and_removed(say: Say) -> None:
    made = say("rule", "add", "shop", "immutable", "1.*", "--repositories", "we*")
    assert say("rule", "list", "shop") == {"rules": [made]}
    assert made == {"number": 1, "kind": "immutable", "tags": "1.*", "repositories": "we*"}
    assert say("rm", "shop/web", code=2)["error"]["reference"] == "registry-request-refused"
    assert say("rule", "rm", "shop", "1") == {"removed": 1}
    assert say("rule", "rm", "shop", "1", code=2)["error"]["reference"] == "project-rule-unknown"
    assert say("rule", "add", "shop", "never", "x", code=2)["error"]["reference"] == "project-rule-invalid"
    assert say("rule", "add", "nobody", "refused", "x", code=2)["error"]["reference"] == "project-unknown"


def test_retention_is_tried_and_run(say: Say) -> None:
    say("retention", "add", "shop", "latest-pushed", "1")
    assert len(say("retention", "list", "shop")["rules"]) == 1
    tried = say("retention", "dry-run", "shop")
    assert sorted(tag for each in tried["removed"] for tag in each["tags"]) == ["1.0.0", "1.1.0"]
    assert tried["bytes"] == tried["outcome"]["bytes"] == 2 * (5000 + len("{}1.0.0"))
    assert say("retention", "run", "shop")["outcome"]["removed"] == 2
    assert say("retention", "dry-run", "shop")["removed"] == []
    assert say("retention", "schedule", "shop", "24") == {"project": "shop", "hours": 24}
    assert say("retention", "rm", "shop", "1") == {"removed": 1}


def test_quotas_are_set_and_shown(say: Say) -> None:
    used = 3 * (5000 + len("{}1.0.0"))
    assert say("quota") == {"quotas": [{"project": "shop", "used": used, "most": None}]}
    assert say("quota", "set", "shop", "1.5GB")["quotas"][0]["most"] == 1_500_000_000
    assert say("quota", "set", "shop", "none")["quotas"][0]["most"] is None
    assert say("quota", "set", "shop", "much", code=2)["error"]["reference"] == "usage"


def test_verify_ends_with_2_where_something_is_wrong(say: Say, tmp_path: Path) -> None:
    assert say("verify", "--deep")["whole"] is True
    digest = Digest.of(b"1.0.0" * 1000)
    path = tmp_path / "registry" / "blobs" / "sha256" / digest.hex[:2] / digest.hex
    nobody = path.parent / (digest.hex[:2] + "0" * 62)
    nobody.write_bytes(b"nobody's")
    assert say("verify")["whole"] is True  # so far it may belong to an upload
    os.utime(nobody, (0, 0))
    orphan = {"kind": "orphan-file", "what": f"sha256:{nobody.name}", "bytes": 8, "repaired": False}
    found = say("verify")
    assert (found["leftovers"], found["left_bytes"], found["whole"]) == ([orphan], 8, True)
    assert say("verify", "--repair")["leftovers"][0]["repaired"] is True
    path.unlink()
    assert say("verify", "--repair", code=2)["flaws"][0]["kind"] == "blob-missing"


def test_repositories_and_projects_are_removed(say: Say) -> None:
    assert say("rm", "shop", "--project", code=2)["error"]["message"].endswith("has 1 repositories")
    assert say("rm", "shop", "--project", "--force") == {"removed": "shop", "repositories": ["shop/web"]}
    assert say("rm", "shop/web", code=2)["error"]["message"].endswith("not known to registry: shop/web")
    assert say("quota") == {"quotas": []}


def test_an_image_is_copied_within_the_registry(say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = say("copy", "shop/web:1.0.0", "prod/web:blue")
    assert (made["repository"], made["tag"], made["manifests"], made["tags"]) == ("prod/web", "blue", 1, 1)
    assert run(["registry", "copy", "shop/web:1.0.0", "prod/web", "--storage", str(tmp_path / "registry")]) == 0
    assert capsys.readouterr().out == f"prod/web:1.0.0 {made['digest']}\n"
    assert say("copy", f"shop/web@{made['digest']}", "prod/other")["tag"] == ""
    assert say("copy", "shop/web:1.1.0", "prod/web:blue", code=2)["error"]["reference"] == "copy-taken"
    assert say("copy", "shop/web:none", "prod/web", code=2)["error"]["reference"] == "registry-request-refused"
    assert say("copy", "shop/web:1.0.0", "prod/Web", code=2)["error"]["reference"] == "usage"
    assert say("verify")["whole"] is True


def test_everything_is_scanned_when_asked_and_by_schedule(say: Say) -> None:
    assert say("advisory", "scan", "--all")["job"] is not None
    assert say("advisory", "scan", "--all", "--rematch")["job"] is None, "it waits already"
    assert say("advisory", "schedule", "--every", "24h")["scanning"]["schedule"] == "24h"
    for words in (("scan", "--all", "shop/web:1"), ("schedule", "--never", "--every", "24h")):
        assert say("advisory", *words, code=2)["error"]["reference"] == "usage"
    assert say("advisory", "schedule", "--every", "often", code=2)["error"]["reference"] == "schedule-invalid"
    assert say("advisory", "schedule", "--never") == {"scanning": None}


def test_images_are_removed_together_after_a_dry_run(
    say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["shop/web:1.0.0", "shop/web:1.1.0"]
    tried = say("rm", *names, "--dry-run")
    assert tried["tags"] == ["1.0.0", "1.1.0"]
    assert tried["bytes"] > 10_000
    assert say("rm", *names) == tried
    assert [each["reason"] for each in say("rm", *names)["stays"]] == ["it is not there"] * 2
    assert run(["registry", "rm", "shop/web:2.0.0", "--tags-only", "--storage", str(tmp_path / "registry")]) == 0
    assert capsys.readouterr().out == "removed: 1 tag, 0 images\n"
    for words in (("shop/web:1", "shop/api:1"), ("shop/web:1", "--project"), ("shop/web", "--dry-run")):
        assert say("rm", *words, code=2)["error"]["reference"] == "usage"


@pytest.mark.parametrize(
    "words",
    [
        ("rm", "shop/Web"),
        ("rm", "shop//web"),
        ("advisory", "scan", "shop/Web:1.0.0"),
        ("policy", "test", "shop", "shop/Web:1.0.0"),
    ],
)
def test_what_can_be_no_repository_is_said_to_be_none(say: Say, words: tuple[str, ...]) -> None:
    error = say(*words, code=2)["error"]
    assert error["reference"] == "usage"
    assert error["message"].startswith("not a repository's name: 'shop/")
    assert "like shop/web" in error["hint"]


def test_what_is_not_there_is_said_in_words_and_where_to_look(say: Say) -> None:
    for words, message in [
        (("rm", "shop/other"), "repository name not known to registry: shop/other"),
        (("advisory", "scan", "shop/other:1"), "repository name not known to registry: shop/other:1"),
        (("advisory", "scan", "shop/web:9"), "manifest unknown to registry: shop/web:9"),
    ]:
        error = say(*words, code=2)["error"]
        assert error["message"] == message
        assert "dockyard registry search" in error["hint"]
    assert say("advisory", "scan", "shop/web:.", code=2)["error"]["message"] == "not an image: 'shop/web:.'"


def test_jobs_are_asked_for_shown_and_cancelled(say: Say) -> None:
    number = say("jobs", "run", "collect")["job"]
    assert say("jobs", "run", "collect") == {"job": None}
    assert [each["state"] for each in say("jobs")["jobs"]] == ["waiting"]
    assert say("jobs", "cancel", str(number)) == {"cancelled": number}
    assert say("jobs", "cancel", str(number), code=2)["error"]["reference"] == "usage"
    assert say("jobs", "run", "nothing", code=2)["error"]["reference"] == "task-unknown"


def test_a_folder_without_a_registry_is_said_to_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["registry", "verify", "--storage", str(tmp_path / "nothing")]) == 2
    assert "there is no registry" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()
    assert run(["registry", "import", str(tmp_path), "--storage", str(tmp_path / "new")]) == 2
    assert "import-folder" in capsys.readouterr().err


def test_the_commands_of_the_page_run(say: Say, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "registry-care.md").read_text()
    (script,) = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(say("rule", "list", "shop")["rules"]) == 3
    assert "all whole" in done.stdout


def test_the_feed_of_the_page_is_compiled_and_an_image_asked_to_be_scanned(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "registry-care.md").read_text()
    (script,) = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shutil.copytree(ROOT / "examples" / "shop" / "advisories", tmp_path / "advisories" / "pypi")
    (tmp_path / "secdb").mkdir()
    package = {"pkg": {"name": "zlib", "secfixes": {"1.2.12-r2": ["CVE-2022-37434"]}}}
    secdb = {"distroversion": "v3.16", "reponame": "main", "packages": [package]}
    (tmp_path / "secdb" / "main.json").write_text(json.dumps(secdb))
    with opened(tmp_path / "registry") as instance:
        image(instance.registry, "shop/web", "1.0")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", script.replace("$ ", "")],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "registry" / "feed.sqlite").exists()
    assert re.search(r"^job \d+ looks at it$", done.stdout, re.MULTILINE)


def test_a_project_made_here_has_the_quota_of_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "registry.toml"
    settings.write_text(f'storage = "{tmp_path / "bound"}"\nproject-quota = 1000\n')
    assert run(["registry", "project", "add", "team", "--config", str(settings), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["quota"] == 1000
