"""A real haproxy before one or several registries, with TLS where a certificate is given."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dockyard.server.tls import Certificate
from making.ports import listening

_TEXT = """
global
    maxconn 512
    stats socket {folder}/admin mode 600
defaults
    mode http
    option http-keep-alive
    option forwardfor
    option redispatch
    retries 3
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend all
    bind 127.0.0.1:{port}{tls}
    http-request set-header X-Forwarded-Proto {scheme}
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request deny status 404 unless {{ path_beg {paths} }}
    default_backend registries
backend registries
    balance roundrobin
    option httpchk GET /readyz
    default-server inter 200ms fall 1 rise 1
{servers}
"""


@contextmanager
def haproxy(
    program: str,
    folder: Path,
    port: int,
    behind: Sequence[int],
    *,
    paths: Sequence[str] = ("/",),
    tls: Certificate | None = None,
) -> Iterator[None]:
    """Listen on `port` for the registries on the ports `behind`, as long as the block lasts.

    Args:
        program: haproxy.
        folder: gets a folder for its files.
        port: on 127.0.0.1.
        behind: ports of registries; each is asked for `/readyz` five times a second.
        paths: what is passed on begins with one of them.
        tls: the certificate to show.
    """
    own = folder / "haproxy"
    own.mkdir()
    shown = ""
    if tls is not None:
        (own / "both.pem").write_bytes(tls.certificate.read_bytes() + tls.key.read_bytes())
        shown = f" ssl crt {own / 'both.pem'} alpn h2,http/1.1"
    servers = "\n".join(f"    server r{number} 127.0.0.1:{each} check" for number, each in enumerate(behind))
    scheme = "https" if tls is not None else "http"
    text = _TEXT.format(folder=own, port=port, tls=shown, scheme=scheme, paths=" ".join(paths), servers=servers)
    (own / "haproxy.cfg").write_text(text)
    with open(own / "log", "wb") as log:
        # One process in the foreground, so that ending it ends all.
        child = subprocess.Popen([program, "-db", "-f", str(own / "haproxy.cfg")], stdout=log, stderr=log)
    try:
        listening(port, child, own / "log")
        yield
    finally:
        child.terminate()
        child.wait(10)
