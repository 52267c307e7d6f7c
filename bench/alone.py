"""Our registry alone with its default settings: how soon it is there, what it holds in memory when it has done things
of all kinds and rests, and how long a page of very many tags takes.
"""

import http.client
import json
import statistics
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert, select

from bench.served import PROGRAM, Served, account, basic
from dockyard.server.database import open_database
from dockyard.server.schema.content import TAG
from dockyard.server.schema.projects import REPOSITORY

_TAGS, _PAGE = 200_000, 1_000
_ROUNDS = 200
_MEDIA = "application/vnd.oci.image.manifest.v1+json"
_REST_S = 3


def alone(place: Path) -> dict[str, float]:
    """Every figure by name."""
    storage, home = place / "alone", place / "alone-home"
    account(storage, home)
    words = [PROGRAM, "serve", "--listen", "127.0.0.1:5954", "--storage", str(storage)]
    server = Served("dockyard", 5954, words, {"DOCKYARD_HOME": str(home)}, account=True)
    try:
        figures = {"alone: ready, s": server.ready, "alone: ready, at most": 1.0}
        _used(server)
        time.sleep(_REST_S)
        figures |= {"alone: idle memory with pages and jobs, MB": server.memory(), "alone: idle memory, at most": 100.0}
        _tagged(server, storage)
        figures |= {"alone: page of 1,000 of 200,000 tags, ms": _paged(server), "alone: page of tags, at most": 5.0}
    finally:
        server.end()
    return figures


def _used(server: Served) -> None:
    """Push an image, look at a page, at the API, and let a job run to its end."""
    config = b"{}"
    digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    _expect(server.ask("POST", f"/v2/bench/tags/blobs/uploads/?digest={digest}", config)[0], 201)
    item = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
    manifest = {"schemaVersion": 2, "mediaType": _MEDIA, "config": item, "layers": []}
    path = "/v2/bench/tags/manifests/first"
    _expect(server.ask("PUT", path, json.dumps(manifest).encode(), {"Content-Type": _MEDIA})[0], 201)
    _expect(server.asked("GET", "/login", b"", {})[0], 200)
    headers = {**basic(), "Content-Type": "application/json"}
    status, _, raw = server.asked("POST", "/api/v1/jobs", b'{"task":"collect"}', headers)
    _expect(status, 202)
    number = json.loads(raw)["job"]
    deadline = time.monotonic() + 30
    while json.loads(server.asked("GET", f"/api/v1/jobs/{number}", b"", headers)[2])["state"] != "done":
        if time.monotonic() > deadline:
            raise RuntimeError("the job does not end")
        time.sleep(0.1)


def _tagged(server: Served, storage: Path) -> None:
    """Let very many tags point to the manifest, past the protocol."""
    with closing(open_database("", storage)) as database:
        with database.read() as connection:
            repository = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == "bench/tags")).scalar()
            digest = connection.execute(select(TAG.c.digest).where(TAG.c.repository_id == repository)).scalar()
        row = {"repository_id": repository, "digest": digest, "updated_at": 0, "updated_by": "bench"}
        rows = [{**row, "name": f"v{number:06}"} for number in range(_TAGS)]
        database.write(lambda connection: connection.execute(insert(TAG), rows).rowcount)


def _paged(server: Served) -> float:
    """Milliseconds from asking for a page in the middle to having it, over a connection that is kept."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    times = []
    for number in range(_ROUNDS):
        last = f"v{number * (_TAGS - 2 * _PAGE) // _ROUNDS:06}"
        began = time.perf_counter()
        connection.request("GET", f"/v2/bench/tags/tags/list?n={_PAGE}&last={last}", headers=server.headers())
        answer = connection.getresponse()
        raw = answer.read()
        times.append(time.perf_counter() - began)
        _expect(answer.status, 200)
        _expect(len(json.loads(raw)["tags"]), _PAGE)
    connection.close()
    return statistics.median(times) * 1000


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} instead of {wanted}")
