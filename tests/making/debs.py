"""A tiny Debian-like archive: packages, an index, and a release file signed by a throwaway key."""

import gzip
import hashlib
import io
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

FOLDER = "main/binary-amd64"


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size, info.mtime, info.mode = len(content), 1_700_000_000, 0o755
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def deb(fields: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    """A package file."""
    control = "".join(f"{key}: {value}\n" for key, value in fields.items()).encode()
    parts = {"debian-binary": b"2.0\n", "control.tar.gz": _tar({"control": control}), "data.tar.gz": _tar(files)}
    out = b"!<arch>\n"
    for name, data in parts.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


class TinyArchive:
    """The archive in `root`, to be served by HTTP; `publish` signs what was added so far."""

    def __init__(self, root: Path) -> None:
        gpg = shutil.which("gpg")
        if gpg is None:
            pytest.skip("gpg is not installed (apt-get install gnupg)")
        self.root, self._gpg = root, gpg
        # gpg's agent listens on a socket in its home, whose path must be short.
        self.home = Path(tempfile.mkdtemp(prefix="gpg"))
        self.environment = {**os.environ, "GNUPGHOME": str(self.home)}
        self._run(
            "--quick-gen-key", "--pinentry-mode", "loopback", "--passphrase", "", "test@example.invalid", "ed25519"
        )
        self.keyring = root / "keyring.gpg"
        self.keyring.write_bytes(self._run("--export"))
        self._stanzas: list[str] = []
        self._valid = "Wed, 01 Jan 2070 00:00:00 UTC"

    def close(self) -> None:
        """Stop gpg's agent and forget its keys."""
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def _run(self, *words: str, data: bytes = b"") -> bytes:
        done = subprocess.run(
            [self._gpg, "--batch", "--yes", *words], input=data, env=self.environment, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def add(self, name: str, version: str, files: Mapping[str, bytes], **fields: str) -> Path:
        """Add a package and return its file."""
        given = {key.replace("_", "-"): value for key, value in fields.items()}
        stanza = {"Package": name, "Version": version, "Architecture": "amd64", **given, "Description": name}
        data = deb(stanza, files)
        path = self.root / "pool" / f"{name}_{version}.deb"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        found = {"Filename": f"pool/{path.name}", "Size": str(len(data)), "SHA256": hashlib.sha256(data).hexdigest()}
        self._stanzas.append("".join(f"{key}: {value}\n" for key, value in {**stanza, **found}.items()))
        return path

    def publish(self, *, valid: str = "", signed: bool = True) -> None:
        """Write index and release files for the three suites."""
        packages = lzma.compress("\n".join(self._stanzas).encode())
        for suite, data in (
            ("bookworm", packages),
            ("bookworm-updates", lzma.compress(b"")),
            ("bookworm-security", lzma.compress(b"")),
        ):
            folder = self.root / "dists" / suite
            (folder / FOLDER).mkdir(parents=True, exist_ok=True)
            (folder / FOLDER / "Packages.xz").write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            sums = f"SHA256:\n {digest} {len(data)} {FOLDER}/Packages.xz\n"
            text = f"Suite: {suite}\nValid-Until: {valid or self._valid}\n{sums}"
            inline = self._run("--clearsign", data=text.encode()) if signed else text.encode()
            (folder / "InRelease").write_bytes(inline)
