"""The settings of metrics, traces and access logs."""

from typing import Annotated

import msgspec


class Metrics(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Who may read `/metrics`: this machine always, others with the token in a file, or everybody."""

    token_file: str = ""
    public: bool = False


class Traces(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Traces for OpenTelemetry; needs the extra `dockyard[otel]`.

    Attributes:
        endpoint: where a collector takes OTLP over HTTP, such as http://127.0.0.1:4318; empty for no traces.
        headers: sent along, such as an Authorization.
        ratio: of the requests that begin a trace here; those that come with one are traced as they say.
        service: the name under which the traces are shown.
    """

    endpoint: str = ""
    headers: dict[str, str] = {}
    ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    service: str = "dockyard-registry"


class AccessLog(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """One JSON object a request.

    Attributes:
        to: a file, or `stderr`; empty for none.
        size: bytes after which a new file begins.
        keep: how many old files stay.
    """

    to: str = ""
    size: Annotated[int, msgspec.Meta(ge=4096)] = 50 << 20
    keep: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 5
