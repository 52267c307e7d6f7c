"""Certificate authorities that RUN steps trust and the image does not hold: `--ca-bundle`."""

import os
from pathlib import Path

from dockyard.build.run.dress import dress, folders_above
from dockyard.build.state import State
from dockyard.errors import UsageError

# Where distributions keep all authorities in one file: Debian and Alpine, OpenSSL, Fedora, openSUSE.
_BUNDLES = (
    "etc/ssl/certs/ca-certificates.crt",
    "etc/ssl/cert.pem",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/ca-bundle.pem",
)
INSIDE = "/run/dockyard/ca-bundle.pem"
# OpenSSL and Go, curl, Python's requests and pip, git, Node.js, cargo.
_VARIABLES = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HTTP_CAINFO",
)
_MOST_BYTES = 8 << 20


class BundleInvalidError(UsageError):
    """The file given by `--ca-bundle` is not there, too large, holds no certificate, or holds a private key."""

    reference = "ca-bundle-invalid"
    hint = "Give a PEM file with the certificates of the authorities that RUN steps shall trust."


def read(path: Path) -> bytes:
    """The certificates in the PEM file at `path`.

    Raises:
        BundleInvalidError: it is no such file.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BundleInvalidError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise BundleInvalidError(f"{path} is larger than {_MOST_BYTES} bytes")
    if b"-----BEGIN CERTIFICATE-----" not in data or b"-----END CERTIFICATE-----" not in data:
        raise BundleInvalidError(f"{path} has no certificate in PEM form")
    if b"PRIVATE KEY-----" in data:
        raise BundleInvalidError(f"{path} holds a private key")
    return data.rstrip(b"\n") + b"\n"


def environment() -> dict[str, str]:
    """The variables by which programs find the bundle."""
    return dict.fromkeys(_VARIABLES, INSIDE)


def whole(state: State, bundle: bytes) -> bytes:
    """The authorities of the stage's own bundle, if it has one, and those of `bundle`."""
    paths = _held(state)
    return _joined(state.tree.read(paths[0]) if paths else b"", bundle)


def laid_over(state: State, bundle: bytes, folder: Path) -> Path | None:
    """A folder to lay over the stage's layers in which the bundles that it has hold `bundle`, too.

    Laid over rather than mounted, so that a command may replace them, as installing ca-certificates does. None where
    the stage has none.
    """
    paths = _held(state)
    if not paths:
        return None
    folder.mkdir(parents=True)
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        dress(state, path, folder, _joined(state.tree.read(path), bundle))
    # Folders last, as what is put into them moves their time.
    for each in sorted({above for path in paths for above in folders_above(path)}, reverse=True):
        dress(state, each, folder)
    return folder


def taken_out(state: State, bundle: bytes, upper: Path) -> None:
    """Remove `bundle` from what a command copied of the stage's bundles or wrote to them."""
    for path in _held(state):
        here = upper / path
        if here.is_symlink() or not here.is_file():
            continue
        found = here.stat()
        content = here.read_bytes()
        own = state.tree.read(path)
        begun = _joined(own, bundle)
        kept = own + content[len(begun) :] if content.startswith(begun) else content.replace(bundle, b"")
        if kept != content:
            here.write_bytes(kept)
            os.utime(here, ns=(found.st_atime_ns, found.st_mtime_ns))


def _joined(own: bytes, bundle: bytes) -> bytes:
    return own + (b"" if own.endswith(b"\n") or not own else b"\n") + bundle


def _held(state: State) -> list[str]:
    """The bundles of the stage, links followed."""
    found: dict[str, None] = {}
    for path in _BUNDLES:
        node = state.tree.get(path)
        if node is not None and node.entry.kind in ("file", "hardlink") and node.entry.size <= _MOST_BYTES:
            found[node.path] = None
    return list(found)
