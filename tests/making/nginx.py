"""A real nginx before one or several registries."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dockyard.server.tls import Certificate
from making.ports import listening

_TEXT = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; user {user};
events {{ worker_connections 512; }}
http {{
  access_log off;
  log_format inner '$uri $status';
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0;
  upstream registry {{ {servers} keepalive 16; }}
  server {{
    listen 127.0.0.1:{port}{tls};
    location ~ ^({paths})/ {{
      proxy_pass http://registry;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_next_upstream error timeout;
      proxy_connect_timeout 2s;
    }}
    {inner}
  }}
}}
"""
_INNER = """
    location ^~ /_blobs/ {{
      internal; alias {storage}/; access_log {folder}/access.log inner; etag off;
      # nginx keeps only some headers of an answer that sends it to a file.
      add_header Docker-Content-Digest $upstream_http_docker_content_digest;
      add_header ETag $upstream_http_etag;
    }}
"""


@contextmanager
def nginx(
    program: str,
    folder: Path,
    port: int,
    behind: Sequence[int],
    *,
    prefixes: Sequence[str] = ("",),
    storage: Path | None = None,
    tls: Certificate | None = None,
) -> Iterator[None]:
    """Listen on `port` for the registries on the ports `behind`, as long as the block lasts.

    Args:
        program: nginx.
        folder: gets a folder for its files.
        port: on 127.0.0.1.
        behind: ports of registries.
        prefixes: the paths under which they are shown; what lies outside is not passed on.
        storage: a registry's storage folder, read by nginx itself where an answer says so.
        tls: the certificate to show.
    """
    own = folder / "nginx"
    own.mkdir()
    inner = _INNER.format(storage=storage, folder=own) if storage else ""
    servers = " ".join(f"server 127.0.0.1:{each} max_fails=1 fail_timeout=1s;" for each in behind)
    user = "root" if os.geteuid() == 0 else "nobody"
    shown = f" ssl; ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key}" if tls is not None else ""
    paths = "|".join(prefixes)
    text = _TEXT.format(folder=own, user=user, servers=servers, port=port, paths=paths, inner=inner, tls=shown)
    (own / "nginx.conf").write_text(text)
    child = subprocess.Popen([program, "-p", str(own), "-e", str(own / "error.log"), "-c", str(own / "nginx.conf")])
    try:
        listening(port, child, own / "error.log")
        yield
    finally:
        child.terminate()
        child.wait(10)
