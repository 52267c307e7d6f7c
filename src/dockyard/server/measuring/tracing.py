"""Traces for OpenTelemetry: requests, what they ask of the database and of upstreams, and jobs.

The library is an extra and is loaded only where the settings name a collector. Spans go out in batches from a thread of
the library's; a collector that does not answer loses spans and delays nothing.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, event

from dockyard import __version__
from dockyard.errors import UsageError
from dockyard.registry.app.call import Scope
from dockyard.server.jobs.interface import Task, Work
from dockyard.server.measuring.settings import Traces
from dockyard.server.measuring.spans import TRACER

_STATEMENT = 2000
_ERROR = 500


class TracesMissingError(UsageError):
    """The settings ask for traces, and OpenTelemetry is not installed."""

    reference = "traces-missing"
    hint = 'Install it: pip install "dockyard[otel]". Or take the section [traces] out of registry.toml.'


class Traced:
    """Begins spans and sends them to the collector that the settings name.

    Raises:
        TracesMissingError: OpenTelemetry is not installed.
    """

    def __init__(self, settings: Traces) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
            from opentelemetry.trace import SpanKind
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise TracesMissingError("OpenTelemetry is not installed") from error
        exporter = OTLPSpanExporter(f"{settings.endpoint.rstrip('/')}/v1/traces", headers=dict(settings.headers))
        resource = Resource({"service.name": settings.service, "service.version": __version__})
        sampler = ParentBased(TraceIdRatioBased(settings.ratio))
        self._provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("dockyard", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._kinds = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "": SpanKind.INTERNAL}

    @contextlib.contextmanager
    def request(self, scope: Scope, number: str) -> Iterator[Any]:
        """The span of a request, which goes on with the trace that the client began, if it did."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        attributes = {"http.request.method": scope["method"], "url.path": scope["path"][:_ERROR], "request.id": number}
        above = self._propagator.extract(carrier) if carrier else None
        token = TRACER.set(self)
        try:
            with self._tracer.start_as_current_span(scope["method"], above, self._kinds["server"], attributes) as span:
                yield span
        finally:
            TRACER.reset(token)

    def answered(self, span: Any, scope: Scope, status: int) -> None:
        """Say in a request's span how it went."""
        target = scope.get("dockyard.target")
        if target is not None:
            span.update_name(f"{scope['method']} {target.kind}")
            span.set_attribute("repository", target.name[:_ERROR])
        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._fail(span, f"HTTP status {status}")

    @contextlib.contextmanager
    def span(self, name: str, attributes: Mapping[str, Any], kind: str = "client") -> Iterator[None]:
        """A span within the one under way (`spans.Tracer`)."""
        with self._tracer.start_as_current_span(name, None, self._kinds[kind], dict(attributes)):
            yield

    def watch(self, engine: Engine) -> None:
        """Make a span of every statement within a trace."""
        from opentelemetry import trace

        system = "postgresql" if engine.dialect.name == "postgresql" else "sqlite"

        def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            if not trace.get_current_span().get_span_context().is_valid:
                return
            word = statement.split(None, 1)[0].upper()[:20] if statement else "SQL"
            attributes = {"db.system.name": system, "db.query.text": statement[:_STATEMENT]}
            span = self._tracer.start_span(word, None, self._kinds["client"], attributes)
            connection.info.setdefault("dockyard.spans", []).append(span)

        def after(connection: Any, *rest: Any) -> None:
            spans = connection.info.get("dockyard.spans")
            if spans:
                spans.pop().end()

        def failed(context: Any) -> None:
            spans = context.connection.info.get("dockyard.spans") if context.connection is not None else None
            if spans:
                span = spans.pop()
                self._fail(span, type(context.original_exception).__name__)
                span.end()

        event.listen(engine, "before_cursor_execute", before)
        event.listen(engine, "after_cursor_execute", after)
        event.listen(engine, "handle_error", failed)

    def tasks(self, tasks: Mapping[str, Task]) -> dict[str, Task]:
        """The tasks, each with a span around every job."""
        return {name: replace(task, run=self._around(name, task.run)) for name, task in tasks.items()}

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _around(self, name: str, run: Callable[[Work], Any]) -> Callable[[Work], Any]:
        def traced(work: Work) -> Any:
            token = TRACER.set(self)
            try:
                with self.span(f"job {name}", {}, ""):
                    return run(work)
            finally:
                TRACER.reset(token)

        return traced

    @staticmethod
    def _fail(span: Any, text: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        span.set_status(Status(StatusCode.ERROR, text[:_ERROR]))
