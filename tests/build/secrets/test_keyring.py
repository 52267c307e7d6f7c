"""Private keys that the build answers for as an SSH agent does: real `ssh-add` and `ssh-keygen` ask for them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dockyard.build.fault import SecretInvalidError
from dockyard.build.secrets.agent import forwarded
from dockyard.build.secrets.keyring import Keyring, KeyUnfitError, load
from dockyard.build.secrets.secret import agents

KINDS = [["ed25519"], ["rsa"], ["rsa", "-m", "PEM"], ["ecdsa"], ["ecdsa", "-b", "521"]]


def made(path: Path, kind: list[str], passphrase: str = "") -> Path:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    subprocess.run(["ssh-keygen", "-q", "-t", *kind, "-N", passphrase, "-f", str(path)], check=True)
    return path


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_a_key_is_named_and_signs(tmp_path: Path, kind: list[str]) -> None:
    key = made(tmp_path / "key", kind)
    (agent,) = agents([f"mine={key}"], {}).values()
    environment = {**os.environ, "SSH_AUTH_SOCK": str(tmp_path / "sock")}
    public = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    with forwarded(agent, tmp_path / "sock"):
        listed = subprocess.run(["ssh-add", "-L"], env=environment, capture_output=True, text=True, check=True)
        assert listed.stdout.strip() == public
        (tmp_path / "text").write_text("signed")
        key.unlink()  # only the agent can sign now
        words = ["ssh-keygen", "-Y", "sign", "-n", "test", "-f", str(tmp_path / "key.pub"), str(tmp_path / "text")]
        subprocess.run(words, env=environment, capture_output=True, check=True)
        refused = subprocess.run(["ssh-add", "-D"], env=environment, capture_output=True)
        assert refused.returncode != 0
    (tmp_path / "allowed").write_text(f"me {public}\n")
    words = ["ssh-keygen", "-Y", "verify", "-n", "test", "-f", str(tmp_path / "allowed"), "-I", "me"]
    words += ["-s", str(tmp_path / "text.sig")]
    with open(tmp_path / "text", "rb") as text:
        subprocess.run(words, stdin=text, check=True, capture_output=True)


def test_several_keys_are_one_agent_and_ids_are_apart(tmp_path: Path) -> None:
    one, two = made(tmp_path / "one", ["ed25519"]), made(tmp_path / "two", ["ecdsa"])
    found = agents([f"a={one},{two}", f"b={two}"], {})
    listed = {name: agent.keys.answer(bytes([11])) for name, agent in found.items() if agent.keys}
    assert [listed[name][:5] for name in "ab"] == [b"\x0c\0\0\0\x02", b"\x0c\0\0\0\x01"]
    assert "one" not in repr(found)


def test_what_is_no_key_is_refused_and_why(tmp_path: Path) -> None:
    locked = made(tmp_path / "locked", ["ed25519"], "secret")
    for path, why in ((locked, "passphrase"), (tmp_path / "locked.pub", "no private"), (tmp_path / "gone", "read")):
        with pytest.raises(KeyUnfitError, match=why):
            agents([f"a={path}"], {})
    with pytest.raises(KeyUnfitError, match="read"):
        agents([f"a={tmp_path}"], {})
    with pytest.raises(SecretInvalidError, match="SSH_AUTH_SOCK"):
        agents(["default"], {})


@pytest.mark.parametrize("request_", [b"", b"\x0d", b"\x0d\0\0\0\xff", b"\x0d\0\0\0\0\0\0\0\0", b"\xff" * 99, b"\x11"])
def test_a_message_that_is_not_understood_fails_and_harms_nothing(tmp_path: Path, request_: bytes) -> None:
    keyring = Keyring([load(made(tmp_path / "key", ["ed25519"]))])
    assert keyring.answer(request_) == b"\x05"
    assert keyring.answer(bytes([11]))[0] == 12
