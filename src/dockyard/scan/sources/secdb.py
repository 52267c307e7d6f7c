"""Alpine's security database: which version of a package fixed what, by branch."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.sources.osv import AdvisoryInvalidError, load

_ID = re.compile(r"(?:CVE[-_]\d{4}[-_]\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|XSA-\d+|ALPINE-\d+)", re.IGNORECASE)


def read(path: Path) -> Iterator[Advisory]:
    """The advisories in a file, or in every .json, .yaml and .yml below a folder.

    A fix in version `0` means that Alpine's package was never affected, so it is no advisory.

    Raises:
        AdvisoryInvalidError: a file is not in this form.
    """
    files = [path]
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in (".json", ".yaml", ".yml") and each.is_file())
    for file in files:
        document = load(file)
        if (
            not isinstance(document, dict)
            or "distroversion" not in document
            or not isinstance(document.get("packages") or [], list)
        ):
            raise AdvisoryInvalidError(f"{file} is not a file of Alpine's security database", context={"file": file})
        yield from _advisories(document)


def _advisories(document: dict[str, Any]) -> Iterator[Advisory]:
    branch = str(document.get("distroversion") or "").removeprefix("v")
    for item in document.get("packages") or []:
        package = item.get("pkg") or {}
        for version, texts in sorted((package.get("secfixes") or {}).items(), key=lambda pair: str(pair[0])):
            if str(version) == "0":
                continue
            names = sorted(
                {found.upper().replace("_", "-") for text in texts or [] for found in _ID.findall(str(text))}
            )
            for name in names:
                yield Advisory(
                    f"alpine:{branch}",
                    str(package.get("name", "")),
                    name,
                    "alpine-secdb",
                    ranges=[Range("", str(version))],
                )
