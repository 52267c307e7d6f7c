"""Severities: from CVSS vectors (CVSS 3.1 specification, section 7.1) and from the words that databases use."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

_WORDS = {
    "critical": "CRITICAL",
    "high": "HIGH",
    "important": "HIGH",
    "moderate": "MEDIUM",
    "medium": "MEDIUM",
    "low": "LOW",
    "negligible": "NEGLIGIBLE",
    "unimportant": "NEGLIGIBLE",
}
_WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def named(word: str) -> str:
    """The severity that a database's word means, or UNKNOWN."""
    return _WORDS.get(word.strip().lower(), "UNKNOWN")


def scored(score: float) -> str:
    """The severity of a CVSS base score."""
    if score >= 9.0:
        return "CRITICAL"
    return "HIGH" if score >= 7.0 else "MEDIUM" if score >= 4.0 else "LOW" if score > 0 else "NEGLIGIBLE"


def base_score(vector: str) -> float | None:
    """The base score of a CVSS 3.0 or 3.1 vector, or None if it is none."""
    if not vector.startswith(("CVSS:3.0/", "CVSS:3.1/")):
        return None
    parts = dict(part.split(":", 1) for part in vector.split("/")[1:] if ":" in part)
    try:
        weights = {key: table[parts[key]] for key, table in _WEIGHTS.items()}
        scope = parts["S"]
        privileges = _PRIVILEGES[scope][parts["PR"]]
    except KeyError:
        return None
    lost = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 6.42 * lost if scope == "U" else 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15
    if impact <= 0:
        return 0.0
    ease = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    return _up(min((impact + ease) * (1.0 if scope == "U" else 1.08), 10.0))


def _up(value: float) -> float:
    """The smallest number with one decimal that is not below `value`, without floating point's small errors."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10


def of_osv(scores: Iterable[Mapping[str, Any]], words: Iterable[object]) -> str:
    """The severity of an OSV record: by CVSS 3 where there is a vector, else by the database's own word."""
    for item in scores:
        score = base_score(str(item.get("score", "")))
        if score is not None:
            return scored(score)
    return next((found for word in words if isinstance(word, str) and (found := named(word)) != "UNKNOWN"), "UNKNOWN")
