"""Traces, sent to a small collector over real HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockyard.server.audit import chain
from dockyard.server.instance import open_instance
from dockyard.server.jobs.interface import Task
from dockyard.server.measuring.settings import Traces
from dockyard.server.settings import Settings
from making.answering import Answering, Handler
from making.asgi import call
from making.pushed import image

pytest.importorskip("opentelemetry.sdk")


class Collector:
    """Keeps the spans that it gets (OTLP over HTTP, protocol buffers)."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.headers: dict[str, str] = {}
        collector = self

        class Handling(Handler):
            def respond(self, body: bytes) -> None:
                collector.headers = {name.lower(): value for name, value in self.headers.items()}
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                found = ExportTraceServiceRequest.FromString(body)
                for resource in found.resource_spans:
                    names = {each.key: each.value.string_value for each in resource.resource.attributes}
                    collector.services.add(names["service.name"])
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.answer(200)

        self._server = Answering(Handling)
        self.url = self._server.url

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def test_a_request_its_database_work_and_jobs_are_traced(tmp_path: Path, collector: Collector) -> None:
    traces = Traces(endpoint=collector.url, headers={"x-key": "k"}, service="test")
    instance = open_instance(Settings(storage=str(tmp_path), traces=traces))
    try:
        image(instance.registry, "shop/web", "1")
        parent = (b"traceparent", b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
        assert call(instance.app, "GET", "/v2/shop/web/manifests/1", headers=[parent]).status == 200

        class Work:
            @property
            def arguments(self) -> dict[str, Any]:
                return {}

            def progress(self, text: str) -> None:
                pass

        task = Task(lambda work: chain.extend(instance.database))
        assert (
            instance.measuring.around_tasks({"audit": task})["audit"].run(Work()) == 2
        )  # a push, and the project that it made
    finally:
        instance.close()
    by_name = {each.name: each for each in collector.spans}
    request = by_name["GET manifest"]
    assert request.trace_id.hex() == "0123456789abcdef0123456789abcdef"
    assert request.parent_span_id.hex() == "0123456789abcdef"
    values = {each.key: each.value for each in request.attributes}
    assert values["http.response.status_code"].int_value == 200
    assert values["repository"].string_value == "shop/web"
    below = [each for each in collector.spans if each.trace_id == request.trace_id and each.name == "SELECT"]
    assert below, "what the request asks of the database is part of its trace"
    job = by_name["job audit"]
    assert any(each.parent_span_id == job.span_id for each in collector.spans)
    assert collector.services == {"test"}
    assert collector.headers["x-key"] == "k"


def test_nothing_of_the_library_is_loaded_where_no_collector_is_named() -> None:
    import subprocess
    import sys

    program = (
        "import sys, tempfile; from dockyard.server.instance import open_instance;"
        "from dockyard.server.settings import Settings;"
        "open_instance(Settings(storage=tempfile.mkdtemp())).close();"
        "assert not [each for each in sys.modules if each.startswith(('opentelemetry', 'prometheus_client'))]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_collector_that_is_not_there_holds_nothing_up(tmp_path: Path) -> None:
    instance = open_instance(Settings(storage=str(tmp_path), traces=Traces(endpoint="http://127.0.0.1:9", ratio=0.0)))
    try:
        assert call(instance.app, "GET", "/v2/").status == 200
    finally:
        instance.close()
