"""Advisories in one form, whatever database they come from."""

import msgspec

ORDER = ("UNKNOWN", "NEGLIGIBLE", "LOW", "MEDIUM", "HIGH", "CRITICAL")


class Range(msgspec.Struct, frozen=True, omit_defaults=True):
    """Versions from `introduced` (empty: from the beginning) up to before `fixed`, or up to `last` and with it."""

    introduced: str = ""
    fixed: str = ""
    last: str = ""

    def __str__(self) -> str:
        parts = [f">= {self.introduced}"] if self.introduced else []
        parts += [f"< {self.fixed}"] if self.fixed else [f"<= {self.last}"] if self.last else []
        return ", ".join(parts) or "all versions"


class Advisory(msgspec.Struct, frozen=True, omit_defaults=True):
    """One flaw in one package.

    `scope` says whose package: `pypi`, `npm`, `debian:12`, `alpine:3.16`. Affected are the versions in `ranges` and
    those listed. `severity` is one of `ORDER`; `status` says why there is no fix where there is none.
    """

    scope: str
    package: str
    id: str
    source: str
    aliases: list[str] = []
    severity: str = "UNKNOWN"
    title: str = ""
    ranges: list[Range] = []
    versions: list[str] = []
    status: str = ""
