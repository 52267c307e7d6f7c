"""A distribution's package index: the `Packages` files of an archive (deb-control(5))."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dockyard.errors import Error
from dockyard.packages.versions import debian

_RELATION = re.compile(
    r"\s*(?P<name>[a-z0-9][a-z0-9+.-]*)(?::(?P<arch>[a-z0-9-]+))?\s*"
    r"(?:\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[^)\s]+)\s*\))?\s*(?:\[[^]]*\])?\s*(?:<[^>]*>)?\s*"
)
_PRIORITIES = {"required": 0, "important": 1, "standard": 2, "optional": 3}


class IndexInvalidError(Error):
    """A distribution's package index is not in the form that it should be."""

    reference = "index-invalid"
    hint = "The mirror sent something else than a package index; try another one with --mirror."


@dataclass(frozen=True)
class Relation:
    """One package name with a version constraint, or none."""

    name: str
    operator: str = ""
    version: str = ""

    def allows(self, version: str) -> bool:
        """Whether `version` satisfies the constraint."""
        if not self.operator:
            return True
        order = debian.compare(version, self.version)
        return {
            "<<": order < 0,
            "<": order <= 0,
            "<=": order <= 0,
            "=": order == 0,
            ">=": order >= 0,
            ">": order >= 0,
            ">>": order > 0,
        }[self.operator]

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name


def relations(text: str) -> list[list[Relation]]:
    """A dependency field: all of the outer list, any of each inner one.

    Raises:
        IndexInvalidError: the text is malformed.
    """
    found = []
    for group in text.split(","):
        if not group.strip():
            continue
        alternatives = []
        for item in group.split("|"):
            match = _RELATION.fullmatch(item)
            if match is None:
                raise IndexInvalidError(f"not a dependency: {item.strip()!r}")
            alternatives.append(Relation(match["name"], match["operator"] or "", match["version"] or ""))
        found.append(alternatives)
    return found


def fields(stanza: str) -> dict[str, str]:
    """The fields of one stanza; continued lines stay joined by newlines."""
    found: dict[str, str] = {}
    name = ""
    for line in stanza.split("\n"):
        if line[:1] in (" ", "\t") and name:
            found[name] += "\n" + line
        else:
            name, _, value = line.partition(":")
            if name:
                found[name] = value.strip()
    return found


@dataclass(frozen=True)
class Candidate:
    """One version of one binary package in the archive `base` (a URL)."""

    stanza: str
    base: str

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """Its stanza's fields."""
        return fields(self.stanza)

    @property
    def name(self) -> str:
        """The package's name."""
        return self.fields["Package"]

    @property
    def version(self) -> str:
        """Its version."""
        return self.fields["Version"]

    @property
    def url(self) -> str:
        """Where its file is."""
        return f"{self.base.rstrip('/')}/{self.fields['Filename']}"

    def provides(self) -> list[Relation]:
        """The names it provides besides its own, with `=` constraints where it says a version."""
        return [each for group in relations(self.fields.get("Provides", "")) for each in group]


@dataclass
class PackageIndex:
    """All candidates of an archive's suites, by name and by the names they provide."""

    _stanzas: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _providers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, text: str, base: str) -> None:
        """Take in one `Packages` file.

        Raises:
            IndexInvalidError: a stanza describes no package.
        """
        for stanza in text.split("\n\n"):
            if not stanza.startswith("Package: "):
                if stanza.strip():
                    raise IndexInvalidError(f"not a package's stanza: {stanza[:60]!r}")
                continue
            name = stanza[9 : stanza.find("\n")].strip()
            self._stanzas.setdefault(name, []).append((stanza.rstrip("\n"), base))
            at = stanza.find("\nProvides: ")
            if at >= 0:
                for group in relations(stanza[at + 11 : stanza.find("\n", at + 1)]):
                    for each in group:
                        self._providers.setdefault(each.name, []).append((stanza.rstrip("\n"), base))

    def names(self) -> Iterable[str]:
        """Every package's name."""
        return self._stanzas

    def best(self, relation: Relation) -> Candidate | None:
        """The highest version of the package that satisfies `relation`, or None."""
        found = [
            each for each in self._candidates(self._stanzas.get(relation.name, ())) if relation.allows(each.version)
        ]
        return max(found, key=lambda each: debian.key(each.version), default=None)

    def providers(self, relation: Relation) -> list[Candidate]:
        """Packages that provide the name, the most important first; a constraint needs a provided version."""
        found: dict[str, Candidate] = {}
        for candidate in self._candidates(self._providers.get(relation.name, ())):
            for provided in candidate.provides():
                fits = not relation.operator or (provided.version and relation.allows(provided.version))
                if provided.name == relation.name and fits:
                    known = found.get(candidate.name)
                    if known is None or debian.compare(candidate.version, known.version) > 0:
                        found[candidate.name] = candidate
        return sorted(found.values(), key=lambda each: (_PRIORITIES.get(each.fields.get("Priority", ""), 9), each.name))

    def essential(self) -> list[Candidate]:
        """The packages that every full system has."""
        return [
            best
            for name in sorted(self._stanzas)
            if any("\nEssential: yes" in stanza for stanza, _ in self._stanzas[name])
            and (best := self.best(Relation(name))) is not None
        ]

    @staticmethod
    def _candidates(items: Iterable[tuple[str, str]]) -> Iterator[Candidate]:
        return (Candidate(stanza, base) for stanza, base in items)
