"""`dockyard serve`: the registry as a process."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.cli import report, server_settings

if TYPE_CHECKING:
    from dockyard.server.settings import Settings


def serve(
    *,
    listen: str = "",
    storage: str = "",
    config: Path | None = None,
    workers: int = 0,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    tls_self_made: bool = False,
    json: bool = False,
) -> None:
    """Run a registry until it is told to stop (Ctrl-C or SIGTERM).

    Args:
        listen: the address, 127.0.0.1:5000 by default; on loopback only as long as there are no accounts.
        storage: the folder for images, or s3://bucket/prefix (gs://, az://); `registry` in the data folder by default.
        config: a file with settings, as docs/registry-toml.md has them; flags go before it.
        workers: processes; 1 by default.
        tls_cert: serve HTTPS with this certificate, a PEM file with its chain.
        tls_key: the certificate's key, a PEM file.
        tls_self_made: serve HTTPS with a certificate made here, and say how clients come to trust it.
        json: print the address as one JSON document.
    """
    import msgspec

    from dockyard.server.serve import serve as serve_registry
    from dockyard.server.settings import Tls

    settings = server_settings.settings(config, storage)
    tls = settings.tls
    if tls_cert or tls_key or tls_self_made:
        tls = Tls(str(tls_cert or ""), str(tls_key or ""), tls_self_made, tls.names)
    settings = msgspec.structs.replace(
        settings, listen=listen or settings.listen, workers=workers or settings.workers, tls=tls
    )
    serve_registry(settings, lambda: _said(settings, json=json))


def _said(settings: "Settings", *, json: bool) -> None:
    tls = settings.tls
    url = f"{'https' if tls.wanted else 'http'}://{settings.listen}/v2/"
    storage = settings.storage.partition("?")[0]
    if json:
        report.result({"registry": url, "storage": storage})
        return
    print(f"registry at {url}, images in {storage}; Ctrl-C stops it", file=sys.stderr, flush=True)
    if tls.wanted and not tls.certificate:
        authority = settings.home / "tls" / "ca.pem"
        trusted = f"/etc/docker/certs.d/{_reached(settings)}/ca.crt"
        print(
            f"clients trust it with {authority}: copy it to {trusted} for docker, podman and skopeo,"
            " or name it as `ca` in config.toml for dockyard",
            file=sys.stderr,
            flush=True,
        )


def _reached(settings: "Settings") -> str:
    """Host and port as other machines name this one."""
    import socket

    from dockyard.server.tls import unspecified

    host, _, port = settings.listen.rpartition(":")
    if settings.tls.names:
        host = settings.tls.names[0]
    elif unspecified(host.strip("[]")):
        host = socket.getfqdn()
    return f"{host}:{port}"
