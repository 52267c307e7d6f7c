"""Credentials as `docker login` keeps them: in `config.json`, or with a helper program."""

import base64
import binascii
import json
from pathlib import Path
from typing import Any

import msgspec

from dockyard._internal import atomic
from dockyard._internal.lock import locked
from dockyard.errors import UsageError

_DOCKER_HUB = "https://index.docker.io/v1/"
_PROXIES = {f"{each}Proxy": f"{each.upper()}_PROXY" for each in ("http", "https", "ftp", "no", "all")}
_TOKEN_USER = "<token>"  # noqa: S105 (what helpers answer in place of a user's name)


class CredentialsInvalidError(UsageError):
    """Docker's `config.json` cannot be read, or a credential helper does not answer as it should."""

    reference = "credentials-invalid"
    hint = "Log in anew: dockyard login REGISTRY"


class Credential(msgspec.Struct, frozen=True):
    """A user and password, or a token to be exchanged where `user` is empty."""

    user: str
    secret: str


class Credentials:
    """The credentials in the file `path`, which need not exist."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, registry: str) -> Credential | None:
        """The credential for `registry`, or None.

        Raises:
            CredentialsInvalidError: the file or a helper's answer is malformed.
        """
        document = self._read()
        key = _key(registry)
        helper = _helper(document, registry)
        if helper:
            return self._ask(str(helper), key)
        auths = document.get("auths") or {}
        entry = next((auths[each] for each in _spellings(registry) if each in auths), None)
        if not isinstance(entry, dict):
            return None
        if entry.get("identitytoken"):
            return Credential("", str(entry["identitytoken"]))
        try:
            user, _, secret = base64.b64decode(str(entry.get("auth", "")), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise CredentialsInvalidError(f"{self.path} has a malformed entry for {registry}") from error
        return Credential(user, secret) if user else None

    def proxies(self) -> dict[str, str]:
        """The proxies that the same file gives builds (`proxies`, `default`), by the variables' names.

        Raises:
            CredentialsInvalidError: the file is malformed.
        """
        found = self._read().get("proxies")
        given = found.get("default") if isinstance(found, dict) else None
        words = given.items() if isinstance(given, dict) else ()
        return {_PROXIES[key]: str(value) for key, value in words if key in _PROXIES and value}

    def put(self, registry: str, credential: Credential) -> None:
        """Keep a credential, with the helper that the file names or in the file itself (mode 0600)."""
        self._change(registry, credential)

    def remove(self, registry: str) -> bool:
        """Forget a credential; False if there was none."""
        return self._change(registry, None)

    def _change(self, registry: str, credential: Credential | None) -> bool:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            document = self._read()
            helper = _helper(document, registry)
            if helper:
                from dockyard._internal import process

                key = _key(registry)
                if credential is None:
                    process.run([f"docker-credential-{helper}", "erase"], input=key.encode())
                else:
                    words = {"ServerURL": key, "Username": credential.user, "Secret": credential.secret}
                    process.run([f"docker-credential-{helper}", "store"], input=json.dumps(words).encode())
                return True
            auths = document.setdefault("auths", {})
            found = [auths.pop(each, None) for each in _spellings(registry)]
            if credential is not None:
                pair = f"{credential.user}:{credential.secret}".encode()
                auths[_key(registry)] = {"auth": base64.b64encode(pair).decode()}
            atomic.write(self.path, json.dumps(document, indent=2).encode(), mode=0o600)
            return any(found)

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CredentialsInvalidError(f"{self.path} cannot be read: {error}") from error
        if not isinstance(document, dict):
            raise CredentialsInvalidError(f"{self.path} is not a JSON object")
        return document

    def _ask(self, helper: str, key: str) -> Credential | None:
        # Loading what runs programs takes longer than reading the file.
        import subprocess

        from dockyard._internal import process

        program = process.find(f"docker-credential-{helper}")
        done = subprocess.run([program, "get"], input=key.encode(), capture_output=True, timeout=60)
        if done.returncode != 0:
            return None  # helpers answer so when they have none
        try:
            document = json.loads(done.stdout)
            user, secret = str(document["Username"]), str(document["Secret"])
        except (ValueError, KeyError, TypeError) as error:
            raise CredentialsInvalidError(f"docker-credential-{helper} gave no valid answer") from error
        return Credential("" if user == _TOKEN_USER else user, secret)


def _helper(document: dict[str, Any], registry: str) -> Any:
    """The helper for one registry, or the one for all."""
    helpers = document.get("credHelpers") or {}
    named = next((helpers[each] for each in _spellings(registry) if each in helpers), None)
    return named or document.get("credsStore")


def _key(registry: str) -> str:
    return _DOCKER_HUB if registry == "docker.io" else registry


def _spellings(registry: str) -> list[str]:
    names = [_key(registry), registry, f"https://{registry}", f"https://{registry}/v2/", f"https://{registry}/v1/"]
    return [*names, "index.docker.io"] if registry == "docker.io" else names
