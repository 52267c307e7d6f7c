"""`[deploy]` and `[health]` of dockyard.toml."""

import re
from typing import Annotated

import msgspec

from dockyard.errors import UsageError

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h))+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class DurationInvalidError(UsageError):
    """A time span is not written as a number with its unit."""

    reference = "duration-invalid"
    hint = "Write it like 500ms, 5s or 1m30s."


class TargetUnsupportedError(UsageError):
    """A deployment target or strategy that is read but cannot be carried out yet."""

    reference = "target-unsupported"
    hint = 'What works: target = "host" with strategy = "blue-green".'


class DeploySettings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Where and how: `port` is the one that people use, on this machine's loopback."""

    target: str = "host"
    strategy: str = "blue-green"
    name: str = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 8080
    env: dict[str, str] = {}
    drain: str = "10s"
    stop: str = "10s"


class HealthSettings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """When a version counts as healthy; without `http`, `command` or `tcp` the image's HEALTHCHECK is used."""

    http: str = ""
    command: list[str] = []
    tcp: bool = False
    interval: str = "2s"
    timeout: str = "3s"
    successes: Annotated[int, msgspec.Meta(ge=1)] = 1
    deadline: str = "60s"


def seconds(text: str) -> float:
    """The length of a time span in seconds.

    Raises:
        DurationInvalidError: it is not one.
    """
    if not _DURATION.fullmatch(text):
        raise DurationInvalidError(f"not a time span: {text!r}")
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text))


def check(deploy: DeploySettings, health: HealthSettings) -> None:
    """Refuse what cannot be carried out, before anything is.

    Raises:
        TargetUnsupportedError, DurationInvalidError: naming it.
    """
    if deploy.target != "host":
        raise TargetUnsupportedError(f"the target {deploy.target!r} is not supported yet")
    if deploy.strategy != "blue-green":
        raise TargetUnsupportedError(f"the strategy {deploy.strategy!r} is not supported yet")
    spans = {
        "[deploy] drain": deploy.drain,
        "[deploy] stop": deploy.stop,
        "[health] interval": health.interval,
        "[health] timeout": health.timeout,
        "[health] deadline": health.deadline,
    }
    for place, text in spans.items():
        try:
            seconds(text)
        except DurationInvalidError as error:
            raise DurationInvalidError(f"{place} is {text!r}, which is not a time span") from error
