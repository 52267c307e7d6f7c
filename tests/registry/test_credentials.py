"""Credentials where `docker login` and its helpers keep them."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest

from dockyard._internal.process import ProgramMissingError
from dockyard.registry.credentials import Credential, Credentials, CredentialsInvalidError

HUB = "https://index.docker.io/v1/"
# Speaks the protocol of docker-credential-helpers: get, store, erase; keeps a file a server beside itself.
HELPER = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "$1" >> calls
case $1 in
    get) read -r server; f=$(echo "$server" | tr -c 'a-z0-9.\\n' _); [ -e "kept.$f" ] && exec cat "kept.$f"
         echo 'credentials not found in native keychain'; exit 1 ;;
    store) cat > stored; f=$(sed 's/.*"ServerURL": *"\\([^"]*\\)".*/\\1/' stored | tr -c 'a-z0-9.\\n' _)
           mv stored "kept.$f" ;;
    erase) read -r server; f=$(echo "$server" | tr -c 'a-z0-9.\\n' _); rm "kept.$f" ;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a helper named `keys` on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker-credential-keys").write_text(HELPER)
    (folder / "docker-credential-keys").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def known(tmp_path: Path, document: object) -> Credentials:
    (tmp_path / "config.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return Credentials(tmp_path / "config.json")


def pair(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize("key", [HUB, "docker.io", "https://docker.io", "index.docker.io"])
def test_docker_hub_is_found_under_every_name_that_tools_give_it(tmp_path: Path, key: str) -> None:
    found = known(tmp_path, {"auths": {key: pair("ann:pass:word")}}).get("docker.io")
    assert found == Credential("ann", "pass:word")


@pytest.mark.parametrize("key", ["r.example:5000", "https://r.example:5000", "https://r.example:5000/v2/"])
def test_what_docker_login_wrote_is_found(tmp_path: Path, key: str) -> None:
    credentials = known(tmp_path, {"auths": {key: pair("ann:secret"), "other": {}}, "HttpHeaders": {"X": "y"}})
    assert credentials.get("r.example:5000") == Credential("ann", "secret")
    assert credentials.get("r.example") is None


def test_an_identity_token_is_one_to_be_exchanged(tmp_path: Path) -> None:
    credentials = known(tmp_path, {"auths": {"r.example": {**pair("x:y"), "identitytoken": "long"}}})
    assert credentials.get("r.example") == Credential("", "long")


def test_a_login_is_kept_for_the_owner_only_and_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    credentials = known(tmp_path, {"auths": {"a": pair("b:c")}, "credHelpers": {"z": "keys"}, "detachKeys": "q"})
    credentials.put("r.example", Credential("ann", "geheim"))
    credentials.put("docker.io", Credential("hub", "h"))
    document = json.loads((tmp_path / "config.json").read_text())
    assert document["detachKeys"] == "q"
    assert set(document["auths"]) == {"a", "r.example", HUB}
    assert stat.S_IMODE((tmp_path / "config.json").stat().st_mode) == 0o600
    assert credentials.remove("r.example")
    assert not credentials.remove("r.example")
    assert credentials.get("r.example") is None
    assert credentials.get("docker.io") == Credential("hub", "h")


@pytest.mark.parametrize(
    "document", [{"credsStore": "keys"}, {"credHelpers": {"docker.io": "keys"}}, {"credHelpers": {HUB: "keys"}}]
)
def test_a_helper_gets_keeps_and_forgets(tmp_path: Path, helper: Path, document: dict[str, object]) -> None:
    credentials = known(tmp_path, {**document, "auths": {HUB: {}}})
    assert credentials.get("docker.io") is None
    credentials.put("docker.io", Credential("ann", "kept elsewhere"))
    assert credentials.get("docker.io") == Credential("ann", "kept elsewhere")
    assert "kept elsewhere" not in (tmp_path / "config.json").read_text()
    assert credentials.remove("docker.io")
    assert credentials.get("docker.io") is None
    assert (helper / "calls").read_text().split() == ["get", "store", "get", "erase", "get"]


def test_a_helper_for_one_registry_goes_before_the_one_for_all(tmp_path: Path, helper: Path) -> None:
    (helper / "kept.r.example").write_text('{"ServerURL":"r.example","Username":"<token>","Secret":"refresh"}')
    credentials = known(tmp_path, {"credHelpers": {"r.example": "keys"}, "credsStore": "absent"})
    assert credentials.get("r.example") == Credential("", "refresh")
    with pytest.raises(ProgramMissingError, match="docker-credential-absent"):
        credentials.get("other.example")


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"r.example": {"auth": "not base64!"}}}'])
def test_what_is_malformed_says_so_without_telling_secrets(tmp_path: Path, text: str) -> None:
    with pytest.raises(CredentialsInvalidError, match=r"config\.json") as refused:
        known(tmp_path, text).get("r.example")
    assert "not base64!" not in str(refused.value)


def test_a_helper_that_babbles_is_refused(tmp_path: Path, helper: Path) -> None:
    (helper / "kept.r.example").write_text("no JSON, but the secret hunter2")
    with pytest.raises(CredentialsInvalidError, match="docker-credential-keys") as refused:
        known(tmp_path, {"credsStore": "keys"}).get("r.example")
    assert "hunter2" not in str(refused.value)


def test_there_is_none_without_a_file(tmp_path: Path) -> None:
    assert Credentials(tmp_path / "absent" / "config.json").get("r.example") is None


def test_the_proxies_of_builds_are_told(tmp_path: Path) -> None:
    given = {"httpProxy": "http://p:1", "noProxy": "a,b", "ftpProxy": "", "other": "x"}
    found = known(tmp_path, {"proxies": {"default": given, "tcp://far:2375": {"httpProxy": "http://q"}}})
    assert found.proxies() == {"HTTP_PROXY": "http://p:1", "NO_PROXY": "a,b"}
    nothing: list[object] = [{}, {"proxies": None}, {"proxies": {"default": []}}, {"proxies": []}]
    assert [known(tmp_path, document).proxies() for document in nothing] == [{}] * 4
