"""What a system has besides its packages: users, merged folders, certificates, the package database."""

from collections.abc import Iterator, Mapping, Sequence

from dockyard.layers.tar import Entry

USERS = (
    "root:x:0:0:root:/root:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
    "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
)
GROUPS = "root:x:0:\ntty:x:5:\nstaff:x:50:\nnobody:x:65534:\nnonroot:x:65532:\n"
MERGED = {
    "bin": "usr/bin",
    "sbin": "usr/sbin",
    "lib": "usr/lib",
    "lib32": "usr/lib32",
    "lib64": "usr/lib64",
    "libx32": "usr/libx32",
}
_CERTIFICATES = "usr/share/ca-certificates/"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
DEFAULT_BUNDLE = "usr/lib/ssl/cert.pem"
"""Where OpenSSL looks for one file of authorities; its folder of single ones needs names made by a script."""


def merged(path: str) -> str:
    """`path` with `bin`, `sbin` and `lib…` at the top moved below `usr`, where the links of a merged system lead."""
    first, slash, rest = path.partition("/")
    return f"{MERGED[first]}{slash}{rest}" if first in MERGED else path


def skeleton(mtime: int, *, full: bool) -> Iterator[tuple[Entry, bytes]]:
    """The folders, links and files that exist before any package, in a fixed order."""
    folders = {
        "usr": 0o755,
        "etc": 0o755,
        "proc": 0o555,
        "sys": 0o555,
        "dev": 0o755,
        "run": 0o755,
        "tmp": 0o1777,
        "var": 0o755,
    }
    for folder, mode in folders.items():
        yield Entry(folder, "dir", mode, mtime=mtime), b""
    for name, target in MERGED.items():
        yield Entry(target, "dir", 0o755, mtime=mtime), b""
        yield Entry(name, "symlink", 0o777, mtime=mtime, target=target), b""
    yield Entry("var/tmp", "dir", 0o1777, mtime=mtime), b""
    if full:
        return
    yield Entry("root", "dir", 0o700, mtime=mtime), b""
    yield Entry("home", "dir", 0o755, mtime=mtime), b""
    yield Entry("home/nonroot", "dir", 0o700, 65532, 65532, mtime=mtime), b""
    for path, text in (("etc/passwd", USERS), ("etc/group", GROUPS)):
        yield Entry(path, size=len(text), mtime=mtime), text.encode()


def certificate_bundle(certificates: Mapping[str, bytes]) -> bytes:
    """All certificates in one file, as ca-certificates' own script would join them, without running it."""
    return b"".join(certificates[path].rstrip(b"\n") + b"\n" for path in sorted(certificates))


def is_certificate(path: str) -> bool:
    """Whether `path` is one of ca-certificates' certificates."""
    return path.startswith(_CERTIFICATES) and path.endswith(".crt")


def status(control: Mapping[str, bytes], state: str, paths: Sequence[str]) -> str:
    """The package's stanza for dpkg's database, with its configuration files where dpkg has to know them."""
    dropped = ("Filename:", "Size:", "MD5sum:", "SHA256:", "SHA1:", "Description-md5:", "Tag:")
    lines = control["control"].decode("utf-8", "replace").rstrip("\n").split("\n")
    kept = [line for line in lines if not line.startswith(dropped)]
    kept.insert(1, f"Status: install ok {state}")
    conffiles = control.get("conffiles", b"").decode().split("\n") if state != "installed" else []
    held = [line for line in conffiles if line[1:] in paths]
    if held:
        at = next((n for n, line in enumerate(kept) if line.startswith("Description:")), len(kept))
        kept[at:at] = ["Conffiles:", *(f" {line} newconffile" for line in held)]
    return "\n".join(kept) + "\n"
