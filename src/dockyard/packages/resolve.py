"""Which packages are needed: names and their dependencies, deterministically, first alternative first."""

import difflib
from collections import deque
from collections.abc import Collection, Iterable

from dockyard.errors import UsageError
from dockyard.packages.debian_index import Candidate, PackageIndex, Relation, relations


class PackageUnknownError(UsageError):
    """The distribution has no package of the name that was asked for."""

    reference = "package-unknown"


class UnsatisfiableError(UsageError):
    """A package's dependencies cannot be met by the distribution's packages, or two of those needed conflict."""

    reference = "unsatisfiable"
    hint = "Leave one of the packages out, or use a mirror whose suites belong together."


def resolve(
    index: PackageIndex, wanted: Iterable[str], *, start: Iterable[Candidate] = (), unfollowed: Collection[str] = ()
) -> list[Candidate]:
    """The candidates for `wanted` and all they depend on, sorted by name.

    Args:
        index: the archive.
        wanted: names of packages.
        start: candidates that are in by themselves.
        unfollowed: dependencies on these names are taken as met and not followed, unless they are wanted.

    Raises:
        PackageUnknownError: with the nearest name.
        UnsatisfiableError: naming the package and what it lacks or conflicts with.
    """
    chosen: dict[str, Candidate] = {}
    pending: deque[Candidate] = deque()

    def choose(candidate: Candidate) -> None:
        if candidate.name not in chosen:
            chosen[candidate.name] = candidate
            pending.append(candidate)

    asked = list(wanted)
    for candidate in start:
        choose(candidate)
    for name in asked:
        choose(_named(index, name))
    skipped = set(unfollowed) - set(asked)
    while pending:
        candidate = pending.popleft()
        for field in ("Pre-Depends", "Depends"):
            for group in relations(candidate.fields.get(field, "")):
                if not any(each.name in skipped or _met(chosen, each) for each in group):
                    choose(_dependency(index, candidate, group))
    _check_conflicts(chosen)
    return [chosen[name] for name in sorted(chosen)]


def _named(index: PackageIndex, name: str) -> Candidate:
    found = index.best(Relation(name))
    if found is not None:
        return found
    providers = index.providers(Relation(name))
    if len(providers) == 1:
        return providers[0]
    if providers:
        names = ", ".join(each.name for each in providers[:8])
        raise PackageUnknownError(f"{name} is provided by several packages", hint=f"Choose one: {names}")
    near = difflib.get_close_matches(name, list(index.names()), 1)
    raise PackageUnknownError(
        f"the distribution has no package {name!r}", hint=f"Did you mean {near[0]}?" if near else "Check the name."
    )


def _met(chosen: dict[str, Candidate], relation: Relation) -> bool:
    direct = chosen.get(relation.name)
    if direct is not None and relation.allows(direct.version):
        return True
    for candidate in chosen.values():
        if "Provides" in candidate.fields:
            for provided in candidate.provides():
                if provided.name == relation.name and (
                    not relation.operator or (provided.version and relation.allows(provided.version))
                ):
                    return True
    return False


def _dependency(index: PackageIndex, candidate: Candidate, group: list[Relation]) -> Candidate:
    for relation in group:
        found = index.best(relation)
        if found is not None:
            return found
        providers = index.providers(relation)
        if providers:
            return providers[0]
    needs = " or ".join(map(str, group))
    raise UnsatisfiableError(
        f"{candidate.name} {candidate.version} needs {needs}, which the distribution does not have",
        context={"package": candidate.name, "needs": needs},
    )


def _check_conflicts(chosen: dict[str, Candidate]) -> None:
    for candidate in chosen.values():
        for field in ("Conflicts", "Breaks"):
            for group in relations(candidate.fields.get(field, "")):
                for relation in group:
                    other = chosen.get(relation.name)
                    if other is not None and other is not candidate and relation.allows(other.version):
                        raise UnsatisfiableError(
                            f"{candidate.name} conflicts with {other.name} {other.version}",
                            context={"package": candidate.name, field: relation},
                        )
