"""The forms in which an event goes out: CloudEvents 1.0, whole or in headers, and Docker's notifications."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from urllib.parse import quote

Format = Literal["cloudevents", "cloudevents-binary", "docker"]
FORMATS: tuple[str, ...] = get_args(Format)

TYPE_PREFIX = "dev.dockyard.registry."
DOCKER_TYPE = "application/vnd.docker.distribution.events.v1+json"
_ACTIONS = {"tag.delete": "delete", "blob.delete": "delete"}


@dataclass(frozen=True)
class Happening:
    """An event with what receivers want to know of it.

    Attributes:
        number: of the event, unique in its registry.
        at: milliseconds since 1970.
        kind: such as `push`.
        base: the URL of the registry as clients see it.
        media_type, size: of the manifest, where the event is about one that is still there.
        repositories: those that have the image, where the event is about an image in all of them.
    """

    number: int
    at: int
    kind: str
    base: str
    project: str = ""
    repository: str = ""
    reference: str = ""
    digest: str = ""
    actor: str = ""
    address: str = ""
    media_type: str = ""
    size: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)
    repositories: tuple[str, ...] = ()


def encode(what: Happening, form: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of the request that tells of an event."""
    if form == "docker":
        return {"Content-Type": DOCKER_TYPE}, _json({"events": [_docker(what)]})
    attributes = _attributes(what)
    data = _data(what)
    if form == "cloudevents-binary":
        headers = {f"ce-{name}": _header(value) for name, value in attributes.items()}
        return {"Content-Type": "application/json", **headers}, _json(data)
    document = {**attributes, "datacontenttype": "application/json", "data": data}
    return {"Content-Type": "application/cloudevents+json; charset=utf-8"}, _json(document)


def _attributes(what: Happening) -> dict[str, str]:
    """The context attributes (CloudEvents 1.0.2, §3)."""
    found = {
        "specversion": "1.0",
        "id": str(what.number),
        "source": what.base,
        "type": TYPE_PREFIX + what.kind,
        "time": _time(what.at),
    }
    subject = what.repository or what.project
    if what.repository and what.reference:
        subject += f"@{what.reference}" if ":" in what.reference else f":{what.reference}"
    elif what.digest:
        subject += f"@{what.digest}"
    return {**found, "subject": subject} if subject else found


def _data(what: Happening) -> dict[str, Any]:
    data: dict[str, Any] = {
        "kind": what.kind,
        "project": what.project,
        "repository": what.repository,
        "reference": what.reference,
        "digest": what.digest,
        "actor": what.actor,
        "address": what.address,
        "detail": dict(what.detail),
    }
    if what.media_type:
        data |= {"mediaType": what.media_type, "size": what.size, "url": _url(what)}
    if what.repositories:
        data["repositories"] = list(what.repositories)
    return data


def _docker(what: Happening) -> dict[str, Any]:
    """One event of distribution's notifications (its docs/about/notifications.md)."""
    target: dict[str, Any] = {"repository": what.repository}
    if what.digest:
        target |= {"digest": what.digest, "url": _url(what)}
    if what.media_type:
        target |= {"mediaType": what.media_type, "size": what.size, "length": what.size}
    if what.repository and what.reference and ":" not in what.reference:
        target["tag"] = what.reference
    host = what.base.partition("://")[2]
    return {
        "id": str(what.number),
        "timestamp": _time(what.at),
        "action": _ACTIONS.get(what.kind, what.kind),
        "target": target,
        "request": {"id": str(what.number), "addr": what.address, "host": host.partition("/")[0]},
        "actor": {"name": what.actor},
        "source": {"addr": host.partition("/")[0], "instanceID": what.base},
    }


def _url(what: Happening) -> str:
    kind = "blobs" if what.kind == "blob.delete" else "manifests"
    return f"{what.base}/v2/{what.repository}/{kind}/{what.digest}" if what.repository and what.digest else ""


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _header(value: str) -> str:
    """A value as HTTP headers take it: all but printable ASCII percent-encoded (CloudEvents HTTP binding, §3.1.3.2)."""
    return quote(value, safe="".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%'))


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
