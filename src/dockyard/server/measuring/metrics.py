"""`/metrics` in the format of Prometheus."""

import asyncio
import hmac
import ipaddress
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from dockyard import __version__
from dockyard.errors import Error
from dockyard.registry.app.call import Application, Receive, Scope, Send
from dockyard.server.database import Database
from dockyard.server.measuring.counts import BUCKETS, Counts, State
from dockyard.server.measuring.settings import Metrics
from dockyard.server.schema.content import BLOB, MANIFEST, TAG
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.jobs import JOB
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.schema.replication import REPLICATION_ITEM
from dockyard.server.schema.webhooks import DELIVERY

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_FRESH_S = 30.0
# Where there is much to count, counting takes this part of the time at most.
_SHARE = 0.01

# By name: the help text and the labels.
_COUNTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "requests": ("Requests answered.", ("kind", "method", "status")),
    "received_bytes": ("Bytes of request bodies.", ("kind",)),
    "sent_bytes": ("Bytes of answers' bodies.", ("kind",)),
    "denied_pulls": ("Manifests and blobs that were asked for and refused (401, 403).", ("kind",)),
    "cache_lookups": ("Manifests and places of blobs looked for in memory.", ("cache", "result")),
    "mirror_fetches": ("Blobs and manifests fetched from upstreams.", ("upstream", "result")),
    "mirror_fetched_bytes": ("Bytes fetched from upstreams.", ("upstream",)),
}
_LEVELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "requests_under_way": ("Requests that are being answered.", ()),
    "uploads_under_way": ("Requests that send content: uploads and manifests.", ()),
    "database_connections": ("Connections of the database pools.", ("state",)),
}


def exposition(
    state: State, gauges: Iterable[tuple[str, str, tuple[str, ...], Mapping[tuple[str, ...], float]]]
) -> bytes:
    """The text that Prometheus reads.

    Args:
        state: what all processes have counted.
        gauges: further numbers: name, help, labels, and the values by label values.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(state, list(gauges)))
    return generate_latest(registry)


class _Collector:
    def __init__(self, state: State, gauges: list[Any]) -> None:
        self._state, self._gauges = state, gauges

    def describe(self) -> "list[Metric]":
        return []

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        about = GaugeMetricFamily("dockyard_build", "The version that runs.", labels=["version"])
        about.add_metric([__version__], 1)
        yield about
        for name, (text, labels) in _COUNTS.items():
            counter = CounterMetricFamily(f"dockyard_{name}", text, labels=labels)
            for key, value in sorted(self._state.counts.items()):
                if key[0] == name:
                    counter.add_metric(key[1:], value)
            yield counter
        for name, (text, labels) in _LEVELS.items():
            gauge = GaugeMetricFamily(f"dockyard_{name}", text, labels=labels)
            for key, value in sorted(self._state.levels.items()):
                if key[0] == name:
                    gauge.add_metric(key[1:], value)
            yield gauge
        seconds = HistogramMetricFamily(
            "dockyard_request_seconds", "Seconds from a request to the end of its answer.", labels=["kind", "method"]
        )
        for key, (counts, total) in sorted(self._state.spreads.items()):
            so_far, buckets = 0, []
            for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
                so_far += count
                buckets.append((bound, so_far))
            seconds.add_metric(key[1:], buckets, total)
        yield seconds
        for name, text, labels, values in self._gauges:
            gauge = GaugeMetricFamily(f"dockyard_{name}", text, labels=labels)
            for label_values, value in sorted(values.items()):
                gauge.add_metric(label_values, value)
            yield gauge


class Stock:
    """What the database says there is; asked again after half a minute at the earliest, and after a hundred times as
    long as the last asking took: ten million rows are not counted for every look.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: list[tuple[str, str, tuple[str, ...], Mapping[tuple[str, ...], float]]] = []
        self._due = float("-inf")

    def gauges(self) -> list[tuple[str, str, tuple[str, ...], Mapping[tuple[str, ...], float]]]:
        """Gauges for `exposition`; none where the database cannot be reached."""
        begun = time.monotonic()
        if begun >= self._due:
            try:
                self._kept = self._ask()
            except Error:  # /readyz tells of it
                return []
            ended = time.monotonic()
            self._due = ended + max(_FRESH_S, (ended - begun) / _SHARE)
        return self._kept

    def _ask(self) -> list[tuple[str, str, tuple[str, ...], Mapping[tuple[str, ...], float]]]:
        with self._database.read() as connection:

            def one(query: Any) -> dict[tuple[str, ...], float]:
                return {(): float(connection.execute(query).scalar() or 0)}

            def by(table: Any) -> dict[tuple[str, ...], float]:
                rows = connection.execute(select(table.c.state, func.count()).group_by(table.c.state)).all()
                return {(str(state),): float(count) for state, count in rows}

            def number(table: Any) -> dict[tuple[str, ...], float]:
                return one(select(func.count()).select_from(table))

            return [
                ("storage_bytes", "Bytes of all blobs, each counted once.", (), one(select(func.sum(BLOB.c.size)))),
                ("blobs", "Blobs.", (), number(BLOB)),
                ("manifests", "Manifests.", (), number(MANIFEST)),
                ("tags", "Tags.", (), number(TAG)),
                ("repositories", "Repositories.", (), number(REPOSITORY)),
                ("jobs", "Jobs that are kept.", ("state",), by(JOB)),
                ("webhook_deliveries", "Webhook deliveries that are kept.", ("state",), by(DELIVERY)),
                ("replication_items", "What replication still has to do.", ("state",), by(REPLICATION_ITEM)),
                ("last_event", "The number of the newest event.", (), one(select(func.max(EVENT.c.id)))),
            ]


def endpoint(counts: Counts, stock: Stock, settings: Metrics, refresh: Callable[[], None]) -> Application:
    """The application behind `/metrics`. `refresh` brings this process's levels up to date."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not allowed(scope, settings):
            await _answer(send, 403, b"only this machine may read the metrics, or who has the token\n", "text/plain")
            return
        body = await asyncio.to_thread(_text, counts, stock, refresh)
        await _answer(send, 200, body, "text/plain; version=1.0.0; charset=utf-8")

    return app


def allowed(scope: Scope, settings: Metrics) -> bool:
    """Whether the caller may read the metrics. What a proxy on this machine passes on does not come from here."""
    if settings.public:
        return True
    headers = {name.lower(): value for name, value in scope["headers"]}
    if settings.token_file:
        token = Path(settings.token_file).read_bytes().strip()
        if token and hmac.compare_digest(headers.get(b"authorization", b""), b"Bearer " + token):
            return True
    if any(name in headers for name in (b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"forwarded", b"via")):
        return False
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(str(client[0])).is_loopback
    except ValueError:
        return False


def _text(counts: Counts, stock: Stock, refresh: Callable[[], None]) -> bytes:
    refresh()
    return exposition(counts.together(), stock.gauges())


async def _answer(send: Send, status: int, body: bytes, media_type: str) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
