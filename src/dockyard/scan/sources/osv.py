"""OSV records (ossf.github.io/osv-schema): files and folders of JSON or YAML."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from dockyard.errors import UsageError
from dockyard.scan import severity
from dockyard.scan.advisory import Advisory, Range

_FILE_BYTES = 64 << 20
_SCOPES = {"PyPI": "pypi", "npm": "npm", "Debian": "debian", "Alpine": "alpine"}


class AdvisoryInvalidError(UsageError):
    """A file that should hold advisories does not."""

    reference = "advisory-invalid"
    hint = "Give files or folders in the database's own format; see `dockyard feed --help`."


def read(path: Path) -> Iterator[Advisory]:
    """The advisories in a file, or in every .json, .yaml and .yml below a folder, in the order of their paths.

    Raises:
        AdvisoryInvalidError: a file is not JSON or YAML, or too large, or there is none.
    """
    files = [path]
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in (".json", ".yaml", ".yml") and each.is_file())
    if not files or not files[0].exists():
        raise AdvisoryInvalidError(f"no advisories in {path}", context={"path": path})
    for file in files:
        document = load(file)
        for record in document if isinstance(document, list) else [document]:
            if isinstance(record, Mapping):
                yield from advisories(record)


def load(file: Path) -> Any:
    """A JSON or YAML file.

    Raises:
        AdvisoryInvalidError: it is neither, or too large.
    """
    if file.stat().st_size > _FILE_BYTES:
        raise AdvisoryInvalidError(f"{file} is larger than {_FILE_BYTES} bytes", context={"file": file})
    raw = file.read_bytes()
    try:
        if file.suffix in (".yaml", ".yml"):
            import yaml

            return yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
        return msgspec.json.decode(raw)
    except Exception as error:
        raise AdvisoryInvalidError(
            f"{file} is not {file.suffix[1:] or 'JSON'}: {error}", context={"file": file}
        ) from error


def advisories(record: Mapping[str, Any]) -> Iterator[Advisory]:
    """One record's advisories, one a package and scope that we know; withdrawn records have none."""
    if record.get("withdrawn") or not record.get("id"):
        return
    aliases = [str(each) for each in record.get("aliases") or []] + [str(each) for each in record.get("upstream") or []]
    own = record.get("database_specific") or {}
    title = str(record.get("summary") or str(record.get("details") or "").strip().split("\n")[0])[:200]
    for affected in record.get("affected") or []:
        package = affected.get("package") or {}
        ecosystem, _, release = str(package.get("ecosystem", "")).partition(":")
        scope = _SCOPES.get(ecosystem)
        if scope is None:
            continue
        if scope in ("debian", "alpine"):
            scope = f"{scope}:{release.removeprefix('v')}"
        specific = affected.get("ecosystem_specific") or {}
        words = (
            own.get("severity"),
            (affected.get("database_specific") or {}).get("severity"),
            specific.get("urgency"),
        )
        yield Advisory(
            scope,
            str(package.get("name", "")),
            str(record["id"]),
            "osv",
            sorted(set(aliases)),
            severity.of_osv([*(affected.get("severity") or []), *(record.get("severity") or [])], words),
            title,
            [each for found in affected.get("ranges") or [] for each in _ranges(found)],
            [str(each) for each in affected.get("versions") or []],
        )


def _ranges(found: Mapping[str, Any]) -> Iterator[Range]:
    """Events in pairs; ranges over Git commits say nothing about versions."""
    if found.get("type") not in ("ECOSYSTEM", "SEMVER"):
        return
    introduced: str | None = None
    for event in found.get("events") or []:
        if "introduced" in event:
            if introduced is not None:
                yield Range(introduced)
            introduced = "" if str(event["introduced"]) == "0" else str(event["introduced"])
        elif "fixed" in event and introduced is not None:
            yield Range(introduced, fixed=str(event["fixed"]))
            introduced = None
        elif "last_affected" in event and introduced is not None:
            yield Range(introduced, last=str(event["last_affected"]))
            introduced = None
    if introduced is not None:
        yield Range(introduced)
